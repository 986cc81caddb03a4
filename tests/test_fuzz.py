"""The fuzz targets over their seeds, and that each of them sees a fault.

`make fuzz` looks for further inputs; here the targets are kept from rotting, without atheris.
"""

from __future__ import annotations

import base64
import importlib
import pkgutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import fuzz
from fuzz import __main__ as command


def target(name: str) -> ModuleType:
    return importlib.import_module(f"fuzz.{name}")


def seeds() -> list[Any]:
    return [
        pytest.param(name, seed, id=f"{name}-{number}")
        for name in fuzz.TARGETS
        for number, seed in enumerate(target(name).SEEDS)
    ]


@pytest.mark.parametrize(("name", "seed"), seeds())
def test_a_seed_keeps_the_invariants(name: str, seed: bytes) -> None:
    target(name).check(seed)


def test_every_target_is_listed_and_needs_no_atheris() -> None:
    names = {module.name for module in pkgutil.iter_modules(fuzz.__path__)}
    programs = {"__main__", "child"}
    modules = {name: target(name) for name in names - programs}
    assert {name for name, module in modules.items() if hasattr(module, "SEEDS")} == set(
        fuzz.TARGETS
    )
    assert "atheris" not in sys.modules


def overwrite_data(self: Any, data: bytes) -> None:
    self._data = bytearray(data)


def overwrite_body(self: Any, data: bytes) -> None:
    self._body = bytearray(data)


def lax_packet(encoded: str) -> str | bytes:
    return base64.b64decode(encoded[1:]) if encoded[:1] == "b" else encoded


def forget_mask(data: bytes, _mask: bytes) -> bytes:
    return data


# What is put in the place of a name of the packages.
FAULTS: list[tuple[str, str, Callable[..., Any] | Any]] = [
    ("http_requests", "engineio_min.http.reader.Body.receive", overwrite_data),
    ("http_responses", "engineio_min.client.http.HttpClientConnection.on_body", overwrite_body),
    ("payloads", "engineio_min.protocol.packets.decode_packet", lax_packet),
    ("sessions", "engineio_min.protocol.session.NEVER", 5.0),
    ("sessions", "engineio_min.protocol.client_session.NEVER", 5.0),
    ("sessions", "engineio_min.protocol.open_packet._milliseconds", lambda *_: -1.0),
    ("socketio_packets", "socketio_min.protocol.packets.MAX_EVENT_NAME", 0),
    ("socketio_packets", "socketio_min.protocol.decoding._parse_integer", len),
    ("server_frames", "engineio_min.protocol.server_frames.apply_mask", forget_mask),
    ("client_frames", "engineio_min.protocol.client_frames._LENGTH_SIZES", {126: 2, 127: 4}),
]


@pytest.mark.parametrize(
    ("name", "place", "fault"), FAULTS, ids=[f"{name}-{place}" for name, place, _ in FAULTS]
)
def test_a_fault_is_seen(
    name: str, place: str, fault: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, fault)
    failed = 0
    for seed in target(name).SEEDS:
        try:
            target(name).check(seed)
        except Exception:
            failed += 1
    assert failed > 0


def test_the_seeds_are_planted_beside_what_was_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "CORPUS", tmp_path)
    folder = tmp_path / "payloads"
    folder.mkdir()
    (folder / "found").write_bytes(b"4found")
    assert command.plant_seeds("payloads") == folder
    planted = sorted(path.read_bytes() for path in folder.iterdir())
    assert planted == sorted([b"4found", *target("payloads").SEEDS])


def test_the_last_progress_of_libfuzzer_is_read() -> None:
    log = (
        "#17\tINITED cov: 113 ft: 244 corp: 15/988b exec/s: 0 rss: 55Mb\n"
        "#3865\tREDUCE cov: 114 ft: 371 corp: 48/3697b lim: 132 exec/s: 184 rss: 54Mb L: 21/132\n"
        "Done 3865 runs in 21 second(s)\n"
    )
    assert command.PROGRESS.findall(log)[-1] == ("3865", "114", "371", "48")
