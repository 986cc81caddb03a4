"""Who to send to, step by step: `io.to("a").except_("b").volatile.emit("event")`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from socketio_min.cluster.adapter import BroadcastOptions, check_event_name
from socketio_min.errors import AcknowledgementTimeout, UsageError

if TYPE_CHECKING:
    from socketio_min.server.namespace import Namespace
    from socketio_min.server.socket import Socket

RoomNames = str | Iterable[str]


def room_names(rooms: RoomNames) -> tuple[str, ...]:
    """One room's name, or several, as a tuple.

    Raises:
        UsageError: a name is no `str`.
    """
    try:
        names = (rooms,) if isinstance(rooms, str) else tuple(rooms)
    except TypeError:
        raise UsageError(f"got {rooms!r} as the name of a room, expected a str") from None
    for name in names:
        if not isinstance(name, str):
            raise UsageError(f"got {name!r} as the name of a room, expected a str")
    return names


class BroadcastOperator:
    """A selection of a namespace's sockets. Immutable: each step returns a new one.

    With no `to` it is everybody. An empty collection of rooms is nobody: who computes the rooms
    must not reach everybody when there are none. No adapter is asked then, for which no rooms are
    everybody.
    """

    __slots__ = ("_namespace", "_nobody", "_options")

    def __init__(
        self, namespace: Namespace, options: BroadcastOptions, *, nobody: bool = False
    ) -> None:
        self._namespace = namespace
        self._options = options
        self._nobody = nobody

    def _with(self, options: BroadcastOptions) -> BroadcastOperator:
        return BroadcastOperator(self._namespace, options, nobody=self._nobody)

    # -- the selection

    def to(self, rooms: RoomNames) -> BroadcastOperator:
        """Also the sockets in `rooms`; each socket is reached once."""
        options = self._options.to(room_names(rooms))
        return BroadcastOperator(self._namespace, options, nobody=not options.rooms)

    in_ = to

    def except_(self, rooms: RoomNames) -> BroadcastOperator:
        """Not the sockets in `rooms`."""
        return self._with(self._options.without(room_names(rooms)))

    @property
    def volatile(self) -> BroadcastOperator:
        """Dropped for a socket that cannot take it at once."""
        return self._with(replace(self._options, volatile=True))

    @property
    def local(self) -> BroadcastOperator:
        """Only on this server of a cluster."""
        return self._with(replace(self._options, local=True))

    def compress(self, compress: bool) -> BroadcastOperator:
        """Whether the transport may compress it (it may, unless told otherwise)."""
        return self._with(replace(self._options, compress=compress))

    def timeout(self, seconds: float) -> BroadcastOperator:
        """How long `call` waits, in seconds."""
        return self._with(replace(self._options, timeout=seconds))

    # -- what to do

    def emit(self, event: str, *args: Any) -> None:
        """Send an event. Never blocks.

        Raises:
            UsageError: the event's name is reserved, or a value cannot be encoded.
        """
        if self._nobody:
            check_event_name(event)
        else:
            self._namespace.adapter.broadcast((event, *args), self._options)

    async def call(self, event: str, *args: Any) -> list[Any]:
        """Send an event and gather the first argument of every socket's acknowledgement.

        Raises:
            AcknowledgementTimeout: not all answered within `timeout`; `responses` has those that
            did.
            UsageError: no `timeout` was given, or as `emit`.
        """
        timeout = self._options.timeout
        if timeout is None:
            raise UsageError(
                "a broadcast with acknowledgements needs .timeout(seconds) before .call"
            )
        if self._nobody:
            check_event_name(event)
            return []
        responses: list[Any] = []
        expected = -1
        finished = asyncio.get_running_loop().create_future()

        def check() -> None:
            if len(responses) == expected and not finished.done():
                finished.set_result(None)

        def count(clients: int) -> None:
            nonlocal expected
            expected = clients
            check()

        def acknowledged(values: list[Any] | None) -> None:
            if values is not None:
                responses.append(values[0] if values else None)
                check()

        cancel = self._namespace.adapter.broadcast_with_ack(
            (event, *args), self._options, count, acknowledged
        )
        try:
            async with asyncio.timeout(timeout):
                await finished
        except TimeoutError:
            raise AcknowledgementTimeout(
                f"got {len(responses)} of {expected} acknowledgements of {event!r} "
                f"within {timeout:g} seconds",
                responses,
            ) from None
        finally:
            cancel()
        return responses

    async def fetch_sockets(self) -> list[Socket]:
        """The matching sockets."""
        if self._nobody:
            return []
        return await self._namespace.adapter.fetch_sockets(self._options)

    def sockets_join(self, rooms: RoomNames) -> None:
        """Make the matching sockets join `rooms`.

        Raises:
            UsageError: as `Socket.join`; the sockets before the one that cannot have joined.
        """
        names = room_names(rooms)
        if not self._nobody:
            self._namespace.adapter.add_sockets(self._options, names)

    def sockets_leave(self, rooms: RoomNames) -> None:
        """Make the matching sockets leave `rooms`."""
        names = room_names(rooms)
        if not self._nobody:
            self._namespace.adapter.delete_sockets(self._options, names)

    def disconnect_sockets(self, *, close: bool = False) -> None:
        """Disconnect the matching sockets; with `close` their whole connections."""
        if not self._nobody:
            self._namespace.adapter.disconnect_sockets(self._options, close=close)
