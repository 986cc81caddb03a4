"""Adds what was done to many files at once to their histories, piece by piece."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial

from server.api.errors import EventError
from server.store import saves
from server.store.contents import Change
from server.store.database import Desk


async def add_to_histories(desk: Desk, project_id: str, changes: Iterable[Change]) -> None:
    """Add to histories what files have become by work in steps that is at its end; see
    `saves.keep_many`.

    To be called in the block of `Desk.in_steps`, so that no other work for the project comes in
    between.
    """
    # The project's other work waits after the last step. This work goes on.
    beside = replace(desk, project_id=None)
    paths = [change.path for change in changes if change.file is not None]
    # The change itself is done. What is missing in a history is added with the next save of its
    # file.
    with suppress(EventError):
        for start in range(0, len(paths), saves.KEPT_AT_ONCE):
            part = paths[start : start + saves.KEPT_AT_ONCE]
            await beside.run(partial(saves.keep_many, project_id=project_id, paths=part))
        while await beside.run(partial(saves.drop_some, project_id=project_id)):
            pass
