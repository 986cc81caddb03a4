"""Saves have their turns at the database as work of whoever wants them.

As work of nobody they would wait for each other, each for a turn of everybody else: whoever locked
a file waited for seconds while others typed.
"""

from __future__ import annotations

import asyncio

import pytest

from server.api.errors import Code, EventError
from server.application import Application
from server.store.repositories.documents import SharedDocuments
from tests.server.conftest import Connect
from tests.server.documents.editors import PROJECT, joined, written
from tests.server.gate import closed_gate
from tests.waiting import until

FILE = "notes.txt"
KEY = (PROJECT["projectId"], FILE)


async def test_a_save_is_the_work_of_whoever_wants_it(
    connect: Connect, application: Application
) -> None:
    ada = await joined(await connect(), "user-456", FILE)
    bob = await joined(await connect(), "user-789", FILE)
    await written(ada.client, FILE, "one")
    await ada.open()
    assert (await ada.edit([3, [0, " two"]])) == {"ok": True}
    held = application.database.held
    gate, passed = await closed_gate(application.database)
    lock = asyncio.create_task(
        bob.client.ask("file:lock", {**PROJECT, "filePath": FILE, "lockType": "exclusive"})
    )
    await until(lambda: held.of("user-789") > 0)
    assert held.of("user-456") == 0
    application.saver.edited(KEY, "user-456", is_overdue=True)
    await until(lambda: held.of("user-456") > 0)
    gate.opened.set()
    await passed
    assert (await lock)["ok"]


async def test_a_save_that_failed_is_tried_again_as_the_same_work(
    connect: Connect, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await joined(await connect(), "user-456", FILE)
    await written(ada.client, FILE, "one")
    await ada.open()
    assert (await ada.edit([3, [0, " two"]])) == {"ok": True}
    failures = 0

    async def fails(*_: object) -> None:
        nonlocal failures
        failures += 1
        raise EventError(Code.STORAGE_ERROR, "the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(SharedDocuments, "save", fails)
        application.saver.edited(KEY, "user-456", is_overdue=True)
        await until(lambda: failures)
        await until(lambda: KEY in application.saver.unsaved(KEY[0]))
    held = application.database.held
    gate, passed = await closed_gate(application.database)
    application.saver.edited(KEY, is_overdue=True)
    await until(lambda: held.of("user-456") > 0)
    gate.opened.set()
    await passed
