"""Mailboxes: who has one, who is gone, and what comes."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from engineio_min.errors import UsageError
from engineio_min.workers import mailbox
from engineio_min.workers.mailbox import Mailbox
from engineio_min.workers.messages import Message
from tests.waiting import until

Make = Callable[[str], tuple[Mailbox, list[Message]]]


@pytest_asyncio.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    """Makes a mailbox and the list of what comes to it."""
    made: list[Mailbox] = []

    def mailbox_of(name: str) -> tuple[Mailbox, list[Message]]:
        got: list[Message] = []
        made.append(Mailbox(tmp_path, name, got.append))
        return made[-1], got

    yield mailbox_of
    for one in made:
        one.close()
    assert list(tmp_path.iterdir()) == []


async def test_messages_go_to_the_worker_of_that_name(make: Make) -> None:
    one, got_one = make("AA")
    two, got_two = make("AB")
    three, _ = make("AC")
    assert one.send("AB", b"from AA")
    assert three.send("AB", b"from AC")
    assert two.send("AA", b"from AB")
    await until(lambda: len(got_two) == 2 and got_one)
    assert {message.content for message in got_two} == {b"from AA", b"from AC"}
    assert got_one == [Message(b"from AB", None)]


async def test_nobody_of_that_name(make: Make) -> None:
    one, _ = make("AA")
    assert not one.send("AB", b"hello")


async def test_a_worker_that_died_without_a_word(make: Make, tmp_path: Path) -> None:
    one, _ = make("AA")
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / "AB"))
    dead.close()
    assert not one.send("AB", b"hello")
    os.unlink(tmp_path / "AB")


async def test_a_worker_that_goes(make: Make, tmp_path: Path) -> None:
    one, _ = make("AA")
    got: list[Message] = []
    two = Mailbox(tmp_path, "AB", got.append)
    assert one.send("AB", b"hello")
    await until(lambda: got)
    two.close()
    assert not one.send("AB", b"again")
    assert not one.send("AB", b"and again")


async def test_a_worker_that_is_forgotten(make: Make) -> None:
    one, _ = make("AA")
    _, got = make("AB")
    make("AC")
    assert one.send("AB", b"hello")
    assert one.send("AC", b"hello")
    await until(lambda: got)
    one.forget({"AB", "ZZ"})
    assert list(one._outboxes) == ["AC"]
    # It is found again if it was there after all.
    assert one.send("AB", b"again")
    await until(lambda: len(got) == 2)


async def test_a_worker_that_reads_late(make: Make) -> None:
    one, _ = make("AA")
    _, got = make("AB")
    for _ in range(5):
        assert one.send("AB", bytes(1 << 20))
    await until(lambda: len(got) == 5)
    assert one.send("AB", b"small")
    await until(lambda: len(got) == 6)


async def test_a_worker_that_reads_nothing(make: Make, tmp_path: Path) -> None:
    one, _ = make("AA")
    deaf = socket.socket(socket.AF_UNIX)
    deaf.bind(str(tmp_path / "AB"))
    deaf.listen(1)
    large = bytes(mailbox.MAX_WAITING // 4)
    assert [one.send("AB", large) for _ in range(6)] == [True] * 4 + [False] * 2
    deaf.close()
    await until(lambda: not one._outboxes)
    os.unlink(tmp_path / "AB")


async def test_a_message_that_cannot_be_handled(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    got: list[bytes] = []

    def received(message: Message) -> None:
        got.append(message.content)
        raise RuntimeError("no")

    one, two = Mailbox(tmp_path, "AA", received), Mailbox(tmp_path, "AB", received)
    two.send("AA", b"1")
    two.send("AA", b"2")
    await until(lambda: len(got) == 2)
    assert caplog.messages == ["a message of another worker could not be handled"] * 2
    one.close()
    two.close()


async def test_closing_twice_is_closing(tmp_path: Path) -> None:
    one = Mailbox(tmp_path, "AA", print)
    os.unlink(tmp_path / "AA")
    one.close()


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
async def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "mailboxes"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(UsageError, match=f"with the mode {mode:o} for the sockets of workers"):
        Mailbox(folder, "AA", print)
    assert list(folder.iterdir()) == []


async def test_a_link_to_a_folder_is_refused(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    with pytest.raises(UsageError, match="expected a folder of this user alone"):
        Mailbox(link, "AA", print)


async def test_a_folder_of_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(UsageError, match="of the user"):
        Mailbox(tmp_path, "AA", print)


async def test_what_no_worker_writes_costs_its_own_way(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one, _ = make("AA")
    _, got = make("AB")
    with socket.socket(socket.AF_UNIX) as intruder:
        intruder.connect(str(tmp_path / "AB"))
        intruder.sendall(b"\xff\xff\xff\xffb")
        await until(lambda: "a message of 4294967295 bytes" in caplog.text)
    assert one.send("AB", b"hello")
    await until(lambda: got)
    assert [message.content for message in got] == [b"hello"]
