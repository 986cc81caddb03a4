"""Uploads that are not at their end: few of each user, and given up when nobody goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.api.errors import EventError
from server.projects.upload_table import IDLE_SECONDS, MOST, MOST_OF_ONE, Upload, Uploads
from server.store.database import Database
from server.store.repositories.contents import Incoming
from server.store.sqlite import Sqlite


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def upload(user_id: str = "ada", path: str = "a") -> Upload:
    # Nothing comes, so the database is not asked.
    return Upload(user_id, "p", path, 9, Incoming(Database(Sqlite(Path("unused"))).of(user_id)))


def test_an_upload_is_its_users_for_its_file() -> None:
    uploads = Uploads(Clock())
    one = upload()
    uploads.add(one)
    assert uploads.find(one.id, "ada", "p", "a") is one
    for key in (("eve", "p", "a"), ("ada", "q", "a"), ("ada", "p", "b")):
        with pytest.raises(EventError, match="or is of another file"):
            uploads.find(one.id, *key)
    uploads.end(one)
    with pytest.raises(EventError, match="send the file from its beginning"):
        uploads.find(one.id, "ada", "p", "a")


def test_the_oldest_of_a_user_gives_way() -> None:
    uploads = Uploads(Clock())
    own = [upload(path=f"{number}") for number in range(MOST_OF_ONE)]
    for one in own:
        uploads.add(one)
    uploads.find(own[0].id, "ada", "p", "0")
    uploads.add(upload(path="new"))
    assert len(uploads) == MOST_OF_ONE
    assert uploads.find(own[0].id, "ada", "p", "0") is own[0]
    with pytest.raises(EventError):
        uploads.find(own[1].id, "ada", "p", "1")


def test_all_together_have_a_limit_until_some_are_idle() -> None:
    clock = Clock()
    uploads = Uploads(clock)
    for number in range(MOST):
        uploads.add(upload(f"user-{number}"))
    with pytest.raises(EventError) as refused:
        uploads.add(upload())
    assert refused.value.data["details"] == {"retryAfter": 60.0}
    clock.now = IDLE_SECONDS
    uploads.add(upload())
    assert len(uploads) == 1
