"""number.py: how many workers there may be."""

from __future__ import annotations

import socket

import pytest

from engineio_min import UsageError
from engineio_min.options import ServerOptions
from engineio_min.workers.number import check_workers


@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "2", None])
def test_the_number_of_workers(workers: object) -> None:
    with pytest.raises(UsageError, match="expected a number of at least 1"):
        check_workers(workers)


def test_a_system_that_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "send_fds")
    check_workers(1)
    with pytest.raises(UsageError, match="workers: got 2, but this system cannot pass connections"):
        check_workers(2)


def test_ids_that_name_no_worker() -> None:
    options = ServerOptions(generate_id=lambda _: "id")
    check_workers(1, options)
    with pytest.raises(UsageError, match="workers: got 2 and generate_id"):
        check_workers(2, options)
