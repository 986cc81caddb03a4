"""The presence of people on all nodes of a cluster: who is there, who types, where cursors are.

A node tells the others each change at the end of the turn of the event loop, and every few seconds
all that there is: a round. The others keep what a node tells for as long as it is alive, and tell
their own clients what has changed. So a user who is in a project on two nodes has joined it once,
and when a node dies its people have left.

A node that is alone, or that cannot reach the others, sends nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from server.api.announcements import Announcement
from server.api.identity import identity_of
from server.api.people_announcements import CursorUpdated, UserJoined, UserLeft, UserTyping
from server.api.records import User
from server.api.socket_announcements import ServerResync
from server.live.node_messages import (
    LIVE,
    MOST,
    CursorNow,
    LiveMessage,
    Person,
    Round,
    TypingNow,
    Whereabouts,
    position_of,
    read,
    selection_of,
)
from server.live.other_nodes import OtherNodes
from server.live.presence_table import Presence
from server.live.typing_indicators import TypingIndicators
from server.people.room_access import project_room, projects_of
from server.people.sockets import Sockets
from socketio_min import AcknowledgementTimeout, Server
from socketio_min.cluster.cluster_adapter import ClusterAdapter

logger = logging.getLogger("server.cluster")

ROUND_SECONDS: Final = 5.0
"""Seconds from one round to the next."""
SILENT_SECONDS: Final = 15.0
"""Seconds for which a node may tell nothing before it is taken for dead."""
_SUSPECT_SECONDS: Final = 6.0
"""Seconds for which a node may tell nothing before the adapter is asked whether it is there."""
_RETURN_SECONDS: Final = 3.0
"""Seconds that the people of a node that ends have to come back to another one."""
_ASK_SECONDS: Final = 1.0
_ASK: Final = "live:ask"
_ENDING: Final = "live:ending"
_CAUGHT_UP: Final = "live:caught-up"
_ARRIVAL_SECONDS: Final = 30.0
"""Seconds after a node began to end in which its clients may come here."""


class ClusterPresence:
    """Tells the other nodes of the people here, and keeps what they tell of theirs, in `others`.

    answers: returns the project of each answer that this node makes, by user and request.
    """

    def __init__(
        self,
        io: Server,
        sockets: Sockets,
        presence: Presence,
        typing: TypingIndicators,
        answers: Callable[[], Mapping[User, Mapping[str, str]]],
    ) -> None:
        self.others = OtherNodes(self._update)
        self._io = io
        self._sockets = sockets
        self._presence = presence
        self._typing = typing
        self._answers = answers
        # None for a server without other nodes, before `start` and after `stop`.
        self._adapter: ClusterAdapter | None = None
        self._task: asyncio.Task[None] | None = None
        self._round = 0
        # What is to be told at the end of the turn. Only the newest of each user's is kept.
        self._people: dict[str, Person] = {}
        self._typists: dict[tuple[str, str], TypingNow] = {}
        self._cursors: dict[tuple[str, str], CursorNow] = {}
        self._is_due = False
        self._resyncing: asyncio.Task[None] | None = None
        # How often clients were told to look again.
        self.resyncs = 0
        self._is_ending = False
        # Until when clients of a node that ends may come, by the loop's clock.
        self._arrivals_until = 0.0
        io.on_server(LIVE, self._take)
        io.on_server(_ASK, self._tell_all)
        io.on_server(_ENDING, self._expect_arrivals)
        # The answer comes behind all that was told before.
        io.on_server(_CAUGHT_UP, lambda: None)

    # -- its life

    async def start(self) -> None:
        """Learn who is on the other nodes, as far as they can be reached at once."""
        adapter = self._io.adapter
        if isinstance(adapter, ClusterAdapter):
            self._adapter = adapter
            self._io.cluster.on_change(self._reached)
            self._task = asyncio.create_task(self._run())
            await self.ask()

    async def announce_end(self) -> None:
        """Tell the other nodes that this one ends, and that its users come to them. From now on
        tell nobody that users leave here.
        """
        self._is_ending = True
        await self._call(_ENDING)

    async def caught_up(self) -> None:
        """While clients come from a node that ends, wait until this node has heard all that the
        clients were told there. Without this wait a client may hear of a change twice.
        """
        if asyncio.get_running_loop().time() < self._arrivals_until:
            await self._call(_CAUGHT_UP)

    def _expect_arrivals(self) -> None:
        self._arrivals_until = asyncio.get_running_loop().time() + _ARRIVAL_SECONDS

    async def stop(self) -> None:
        """Tell the other nodes that this one ends."""
        if self._adapter is not None and self._task is not None:
            tasks = [task for task in (self._task, self._resyncing) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._send(LiveMessage(self._adapter.uid, is_leaving=True))
            self._adapter = None

    async def ask(self) -> None:
        """Ask all nodes for a round. Return when they have answered."""
        # A node that did not answer tells all with its next round.
        await self._call(_ASK)

    async def _call(self, event: str) -> None:
        """Send an event to the other nodes. Wait for their answers, `_ASK_SECONDS` at most."""
        if self._adapter is not None:
            with contextlib.suppress(AcknowledgementTimeout):
                await self._io.server_side_call(event, timeout=_ASK_SECONDS)

    def _reached(self, connected: bool) -> None:
        """Let the clients here join again when the others can be reached again: nobody knows what
        the clients have missed.
        """
        if connected and self._adapter is not None:
            self._resyncing = asyncio.get_running_loop().create_task(self._resync())

    async def _resync(self) -> None:
        await self.ask()
        self.resyncs += 1
        self._io.local.emit(*ServerResync().arguments())
        logger.warning("the other servers can be reached again: the clients here look again")

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        next_round = loop.time()
        while True:
            if self._io.cluster.connected and loop.time() >= next_round:
                next_round = loop.time() + ROUND_SECONDS
                await self._tell_all()
            await self.sweep(loop.time())
            await asyncio.sleep(ROUND_SECONDS / 5)

    async def sweep(self, now: float) -> None:
        """Forget the nodes that are dead at the time `now`, in seconds of the loop's clock."""
        for node in self.others.silent(now - SILENT_SECONDS):
            self.others.drop(node)
        missed = self.others.silent(now - _SUSPECT_SECONDS)
        if missed and self._adapter is not None and self._io.cluster.connected:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ASK_SECONDS):
                    names = await self._adapter.server_names()
                    for node in missed:
                        if node not in names:
                            self.others.drop(node)

    # -- what is told

    def changed(self, user: User) -> None:
        """Tell the other nodes at the end of the turn where a user is here by then."""
        if self._adapter is not None:
            self._people[user.id] = Person(user.id, user.name)
            self._flush_soon()

    def tell(self, user: User) -> None:
        """Tell the other nodes at once where a user is here, and what the user says: their clients
        are about to hear of it, and may ask their own node.
        """
        person = Person(user.id, user.name)
        if self._adapter is not None and self._io.cluster.connected and self._is_told(person):
            self._send(LiveMessage(self._adapter.uid, users=[self._whereabouts(person)]))

    def typing(self, user: User, project_id: str, *, is_typing: bool) -> None:
        """Tell the others that a user is typing, or has stopped."""
        if self._adapter is not None:
            told = TypingNow(Person(user.id, user.name), project_id, is_typing)
            self._typists[user.id, project_id] = told
            self._flush_soon()

    def cursor(self, moved: CursorNow) -> None:
        """Tell the others where a user is in a file, unless something newer comes in the same
        turn.
        """
        if self._adapter is not None:
            self._cursors[moved.person.id, moved.file_path] = moved
            self._flush_soon()

    def _flush_soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._is_due = False
        if self._adapter is None or not self._io.cluster.connected:
            # The others are told all that there is when they can be reached again.
            for waiting in (self._people, self._typists, self._cursors):
                waiting.clear()
            return
        message = LiveMessage(
            self._adapter.uid,
            users=[self._whereabouts(one) for one in _taken(self._people) if self._is_told(one)],
            typing=_taken(self._typists),
            cursors=_taken(self._cursors),
        )
        if self._people or self._typists or self._cursors:
            self._flush_soon()
        self._send(message)

    def _is_told(self, person: Person) -> bool:
        """Return whether the other nodes are told of a user. A node that ends tells only of users
        who still have a socket here.
        """
        return not self._is_ending or bool(self._sockets.of_user(person.id))

    async def _tell_all(self, *_: object) -> None:
        """Tell the other nodes all that there is, in pieces: a round."""
        if self._adapter is None or self._is_ending:
            # A round would say that those who have left are gone.
            return
        self._round += 1
        users = {*self._here(), *self._answers()}
        people = [Person(user.id, user.name) for user in users]
        pieces = [people[at : at + MOST] for at in range(0, len(people), MOST)] or [[]]
        piece_of = Round(self._round, len(pieces))
        node = self._adapter.uid
        for piece in pieces:
            told = [self._whereabouts(one) for one in piece]
            self._send(LiveMessage(node, users=told, round=piece_of))
            await asyncio.sleep(0)

    def _here(self) -> list[User]:
        users = (identity_of(self._sockets.of_user(one)[0]).user for one in self._sockets.users())
        return [user for user in users if user is not None]

    def _whereabouts(self, person: Person) -> Whereabouts:
        sockets = self._sockets.of_user(person.id)
        said = self._presence.said(person.user)
        return Whereabouts(
            person,
            is_here=bool(sockets),
            projects=sorted({one for socket in sockets for one in projects_of(socket.rooms)}),
            status=None if said is None else said.status,
            activity=None if said is None else said.activity,
            answers=dict(self._answers().get(person.user, {})),
        )

    def _send(self, message: LiveMessage) -> None:
        if self._adapter is not None:
            self._io.server_side_emit(LIVE, msgspec.to_builtins(message))

    # -- what is heard

    def _take(self, *args: Any) -> None:
        """Take what another node tells. Whatever it is, nothing is raised."""
        if self._adapter is None:
            return
        try:
            message = read(args[0] if len(args) == 1 else args)
        except msgspec.ValidationError as error:
            self._adapter.reject(error)
            return
        loop = asyncio.get_running_loop()
        if message.node == self._adapter.uid:
            return
        if message.is_leaving:
            loop.call_later(_RETURN_SECONDS, self.others.drop, message.node)
        elif self.others.take(message, loop.time()):
            for typist in message.typing:
                self._take_typing(message.node, typist)
            for cursor in message.cursors:
                self._take_cursor(cursor)

    def _update(self, node: str, before: Whereabouts | None, after: Whereabouts | None) -> None:
        """Tell the clients here where a user of another node is by now."""
        for user, project_id in _places(before) - _places(after):
            if self._presence.leave(project_id, user, _holder(node)):
                self._tell(UserLeft(user=user), user, project_id)
        for user, project_id in _places(after) - _places(before):
            if self._presence.enter(project_id, user, _holder(node)):
                self._tell(UserJoined(user=user), user, project_id)
        if after is not None:
            said = (after.status, after.activity)
            if after.status is not None and (
                before is None or said != (before.status, before.activity)
            ):
                self._presence.say(after.person.user, after.status, after.activity)
        elif before is not None and not self.is_connected(before.person.id):
            self._presence.forget(before.person.id)

    def _take_typing(self, node: str, told: TypingNow) -> None:
        user, holder = told.person.user, f"{_holder(node)} {told.person.id}"
        if told.is_typing:
            self._typing.start(holder, user, told.project_id)
        elif self._typing.stop(holder, told.project_id) is None:
            return
        typing = UserTyping(user=user, project_id=told.project_id, is_typing=told.is_typing)
        self._tell(typing, user, told.project_id)

    def _take_cursor(self, moved: CursorNow) -> None:
        if moved.socket_id in self._io.sockets:
            # Another node speaks for its own sockets only.
            return
        chosen = moved.selection
        announcement = CursorUpdated(
            user=moved.person.user,
            socket_id=moved.socket_id,
            project_id=moved.project_id,
            file_path=moved.file_path,
            position=position_of(moved.place),
            selection=None if chosen is None else selection_of(chosen),
            version=moved.version,
        )
        self._tell(announcement, moved.person.user, moved.project_id, volatile=True)

    def _tell(
        self, announcement: Announcement, user: User, project_id: str, *, volatile: bool = False
    ) -> None:
        """Tell the clients of this node that are in a project."""
        here = self._io.local.to(project_room(project_id))
        told = announcement.arguments(user_id=user.id, project_id=project_id, source="client")
        (here.volatile if volatile else here).emit(*told)

    # -- what is known

    def is_connected(self, user_id: str) -> bool:
        """Return whether a user is connected, to whatever node."""
        return bool(self._sockets.of_user(user_id)) or self.others.has(user_id)


def _taken(waiting: dict[Any, Any]) -> list[Any]:
    """Take out the oldest entries, as many as fit into one message, and return their values."""
    return [waiting.pop(key) for key in [*waiting][:MOST]]


def _places(one: Whereabouts | None) -> set[tuple[User, str]]:
    return set() if one is None else {(one.person.user, project) for project in one.projects}


def _holder(node: str) -> str:
    """Return the name of the holder that keeps a user in a project because the user is there on a
    node.
    """
    return f"node {node}"
