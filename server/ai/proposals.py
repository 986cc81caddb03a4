"""What an answer proposes to do with files: its blocks, made into actions of the project.

An action has the whole content that the file gets, made from the file as it is at that moment, so
that a client needs to know nothing of how models write. An answer has one action for each file. A
later block or edit of the file goes on from there, unless somebody has decided on the action
meanwhile.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from server.ai import edits as resolving
from server.ai.blocks import Block
from server.ai.edit_reader import Edit
from server.api.decisions import is_news
from server.api.errors import Code, EventError
from server.api.records import Action, Decision, File, Unfit
from server.api.services import Call
from server.background import WorkFailed
from server.store.files import Moment

MAX_PROPOSED: Final = 262_144
"""Characters of all that an answer proposes, and of all that it takes away."""
MAX_STREAMED: Final = 262_144
"""Characters that single edits of an answer may make. Above that, edits wait for the end of their
block: each edit costs as much as its file is long.
"""
_ENOUGH: Final = 4
"""Bytes of a file's content that are read: what is wanted is its record."""
_TOO_LONG: Final = (
    f"the file, or all that the answer changes, is longer than {MAX_PROPOSED} characters: "
    "put it in by hand"
)


class Proposals:
    """The actions of one answer, for a project. `call` is what asked for the answer."""

    def __init__(self, call: Call[Any], project_id: str) -> None:
        self._call = call
        self._project_id = project_id
        self._actions: dict[str, Action] = {}
        self._sizes: dict[str, int] = {}
        self._streamed = 0
        # Edits that wait for the end of their block.
        self._waiting: list[Edit] = []
        self.unfit: list[Unfit] = []
        # The files that the model was shown as a whole. What it writes anew is made from these.
        self.shown: Mapping[str, tuple[File, str]] = {}

    @property
    def actions(self) -> list[Action]:
        """Return what is proposed until now."""
        return list(self._actions.values())

    async def take(self, block: Block) -> Action | None:
        """Take a block, or an edit of one. Return the action that was made or changed by it."""
        edits = self._waiting if block.edit is None else [*self._waiting, block.edit]
        self._waiting = []
        if block.goes_on and self._streamed > MAX_STREAMED:
            self._waiting = edits
            return None
        action: Action | None = None
        try:
            if block.content is not None or edits:
                action = await self._resolved(block, edits)
        except (EventError, WorkFailed) as error:
            message = error.message if isinstance(error, EventError) else str(error)
            self.unfit.append(Unfit(block.path, message))
        if block.fault is not None:
            self.unfit.append(Unfit(block.path, block.fault))
        if action is not None and block.goes_on:
            self._streamed += len(action.content)
        return action

    def decide(self, action_id: str, decision: Decision) -> bool:
        """Note what became of an action; see `is_news`."""
        action = self._actions.get(action_id)
        if not is_news(action, decision) or action is None:
            return False
        self._actions[action_id] = replace(action, decision=decision)
        return True

    async def _resolved(self, block: Block, edits: list[Edit]) -> Action | None:
        path, services = block.path, self._call.services
        services.workspace.check(self._project_id, path)
        file, text = await self._present(path)
        if block.content is not None and file is not None and path in self.shown:
            file, text = self.shown[path]
        going_on = next(
            (one for one in self.actions if one.path == path and one.decision is None), None
        )
        base, inverse, revision = text, None, None if file is None else file.revision
        if going_on is not None and block.content is None:
            base = going_on.content
            if text is not None and going_on.inverse is not None:
                # The proposal stays made from the text that it was made from.
                inverse, revision = going_on.inverse, going_on.base_revision
        # The texts may be the same one.
        held = {id(one): sys.getsizeof(one) for one in (text, base, block.content)}
        first = block.number - len(edits) + 1
        result = await services.background.run(
            self._call.user.id,
            lambda worker: worker.call(
                resolving.resolve, text, base, block.content, edits, inverse, first
            ),
            sum(held.values()),
        )
        self.unfit += [Unfit(path, fault) for fault in result["faults"]]
        content = result["content"]
        if content is None:
            raise EventError(Code.VALIDATION_ERROR, _TOO_LONG)
        if len(result["faults"]) == len(edits) > 0:
            return None
        if content == text and going_on is None:
            which = f"edit {first}: " if len(edits) == 1 else ""
            self.unfit.append(Unfit(path, f"{which}the file is like that already"))
            return None
        number = len(self._actions) + 1
        action = Action(
            id=f"action-{number}" if going_on is None else going_on.id,
            type="create-file" if file is None else "update-file",
            path=path,
            content=content,
            base_revision=revision,
            inverse=result["inverse"],
        )
        size = len(content) + result["removed"]
        if size + sum(self._sizes.values()) - self._sizes.get(action.id, 0) > MAX_PROPOSED:
            raise EventError(Code.VALIDATION_ERROR, _TOO_LONG)
        self._sizes[action.id] = size
        self._actions[action.id] = action
        return action

    async def _present(self, path: str) -> tuple[File | None, str | None]:
        """Return a file with its text, as it is by now for those who edit it."""
        call = self._call
        await call.services.saver.save_unsaved((self._project_id, path), call.user.id)
        try:
            part = await call.store.files.read(self._project_id, path, Moment(), 0, _ENOUGH)
        except EventError as error:
            if error.code is Code.NOT_FOUND:
                return None, None
            raise
        if part.size > resolving.MAX_LENGTH:
            raise EventError(Code.VALIDATION_ERROR, _TOO_LONG)
        texts = await call.store.contents.texts([part.hash])
        if part.hash not in texts:
            raise EventError(Code.VERSION_CONFLICT, "the file was changed meanwhile: ask again")
        return part.file, texts[part.hash]
