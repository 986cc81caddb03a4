"""An archive that is made as it is sent, read by other people's code."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from server.projects.zipping import Archive

WHEN = datetime(2026, 11, 28, 18, 30, 22, tzinfo=UTC)
NAMES = st.lists(st.text("aé€ .-/", min_size=1, max_size=8), unique=True, max_size=4)


def made(files: dict[str, list[bytes]], *, compress: bool) -> bytes:
    archive = Archive()
    sent = b""
    for name, parts in files.items():
        sent += archive.begin(name, WHEN, compress=compress)
        for part in parts:
            sent += archive.add(part)
        sent += archive.end()
    return sent + archive.close()


@settings(max_examples=60, deadline=None)
@given(NAMES, st.lists(st.binary(max_size=60), max_size=3), st.booleans())
def test_an_archive_has_what_was_put_in(
    names: list[str], parts: list[bytes], compress: bool
) -> None:
    sent = made(dict.fromkeys(names, parts), compress=compress)
    with zipfile.ZipFile(io.BytesIO(sent)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == names
        for one in archive.infolist():
            assert archive.read(one) == b"".join(parts)
            assert one.date_time == (2026, 11, 28, 18, 30, 22)
            assert one.external_attr >> 16 == 0o100644


def test_texts_get_shorter_and_it_is_the_same_each_time() -> None:
    files = {"a.txt": [b"text " * 10_000]}
    sent = made(files, compress=True)
    assert len(sent) < 2_000
    assert made(files, compress=True) == sent
    assert 50_000 < len(made(files, compress=False)) < 50_300


def test_it_is_unpacked(tmp_path: Path) -> None:
    sent = made({"top/ä/a.txt": [b"one ", b"two"], "top/empty": []}, compress=True)
    (tmp_path / "a.zip").write_bytes(sent)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        archive.extractall(tmp_path)
    assert (tmp_path / "top" / "ä" / "a.txt").read_text() == "one two"
    assert (tmp_path / "top" / "empty").read_bytes() == b""
