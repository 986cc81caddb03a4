"""Paths of files.

Invariants: a normal path is its own normal form, stays inside the folder that it is joined to, and
has one spelling; everything else is refused with `INVALID_FILE_PATH`.
"""

from __future__ import annotations

import posixpath
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.api.errors import Code, EventError
from server.api.paths import MAX_BYTES, bounds, folders, is_within, normal


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("src/components/App.jsx", "src/components/App.jsx"),
        ("./a", "a"),
        ("a//b/./c", "a/b/c"),
        (".env", ".env"),
        ("...", "..."),
        ("a/..b/c..", "a/..b/c.."),
        ("cafe\u0301.txt", "caf\u00e9.txt"),
        ("a b/ü/日本.md", "a b/ü/日本.md"),
        ("x" * 255 + "/" + "y" * 255, "x" * 255 + "/" + "y" * 255),
    ],
)
def test_a_path_has_one_spelling(path: str, expected: str) -> None:
    assert normal(path) == expected


@pytest.mark.parametrize(
    ("path", "expectation"),
    [
        ("", "expected the path of a file"),
        (".", "expected the path of a file"),
        ("a/", "expected the path of a file"),
        ("a/.", "expected the path of a file"),
        ("/etc/passwd", "expected a path relative to the project"),
        ("//a", "expected a path relative to the project"),
        ("C:\\a", "expected a path relative to the project"),
        ("c:a", "expected a path relative to the project"),
        ("a\\..\\b", "expected slashes between the parts"),
        ("..", "a path does not lead upwards"),
        ("../a", "a path does not lead upwards"),
        ("a/../b", "a path does not lead upwards"),
        ("a\0b", "a path has no control characters"),
        ("a\nb", "a path has no control characters"),
        ("a\x85b", "a path has no control characters"),
        ("a\u2028b", "a path has no control characters"),
        ("a\ud800", "a path has no control characters"),
        ("a\u202egpj.exe", "a path has no control characters"),
        ("\u2066a", "a path has no control characters"),
        ("é" * 128, "expected at most 255 bytes between two slashes"),
        ("a/" * 513 + "b", "expected at most 1024 bytes"),
    ],
)
def test_other_paths_are_refused(path: str, expectation: str) -> None:
    with pytest.raises(EventError) as caught:
        normal(path)
    assert caught.value.code == Code.INVALID_FILE_PATH
    assert caught.value.message.endswith(f": {expectation}")


PARTS = st.sampled_from(["a", "..", ".", "", "b.c", "e\u0301", "\\", "C:", "\n", "~"]) | st.text()

PATHS = st.lists(st.sampled_from(["a", "b", "a0", "a.", "a~"]), min_size=1).map("/".join)


@given(st.lists(PARTS).map("/".join))
def test_a_normal_path_stays_inside(path: str) -> None:
    try:
        found = normal(path)
    except EventError:
        return
    assert normal(found) == found == unicodedata.normalize("NFC", found)
    assert posixpath.normpath(posixpath.join("/project", found)) == f"/project/{found}"


def test_folders_on_the_way() -> None:
    assert folders("a/b/c") == ["a", "a/b"]
    assert folders("a") == []


@given(PATHS, PATHS)
def test_the_files_of_a_folder_are_between_its_bounds(folder: str, path: str) -> None:
    first, end = bounds(folder)
    assert (first <= path < end) == (path != folder and is_within(path, [folder]))


def test_a_long_path_is_refused_before_it_is_composed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Composing takes the square of the marks on a letter: 100,000 of them stood the server."""
    looked_at: list[int] = []
    original = unicodedata.normalize

    def normalize(form: str, text: str) -> str:
        looked_at.append(len(text))
        return original("NFC", text)

    monkeypatch.setattr(unicodedata, "normalize", normalize)
    with pytest.raises(EventError, match="expected at most 1024 bytes"):
        normal("a" + "\u0301" * MAX_BYTES)
    assert looked_at == []
