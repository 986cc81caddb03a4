"""A Socket.IO client.

`Client` is itself the namespace of its URL, as `Server` is itself the main namespace; `of` makes
other namespaces on the same connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Self, TypeVar, Unpack, cast, overload
from urllib.parse import unquote

from engineio_min.client.address import parse_url
from engineio_min.client.client import Tap
from engineio_min.client.options import ClientOptions, ClientOptionValues
from engineio_min.option_checks import check_names, take_options
from socketio_min.client.connection import CONNECTION_EVENTS, ClientConnection
from socketio_min.client.namespace import ClientNamespace
from socketio_min.client.options import (
    Auth,
    ReconnectionOptions,
    SocketIOClientOptions,
    SocketIOClientOptionValues,
    check_auth,
)
from socketio_min.errors import UsageError

Function = TypeVar("Function", bound=Callable[..., object])


class Client(ClientNamespace):
    """A Socket.IO v5 client; the object itself is the namespace of the URL's path.

    Takes the options of `engineio_min.ClientOptions` (with the path "/socket.io/"), of
    `ReconnectionOptions` and of `SocketIOClientOptions` as keyword arguments.
    `async with Client(url) as client:` connects and closes. A client belongs to one event loop.

    Raises:
        UsageError: there is no such option, or it or the URL cannot have this value.
    """

    def __init__(self, url: str, **options: Unpack[SocketIOClientOptionValues]) -> None:
        check_names(options, SocketIOClientOptionValues.__optional_keys__)
        own = take_options(SocketIOClientOptions, options)
        self._retries = own.retries
        self._ack_timeout = own.ack_timeout
        reconnection = take_options(ReconnectionOptions, options)
        options.setdefault("path", "/socket.io/")
        engine_options = cast(ClientOptionValues, options)
        max_message = ClientOptions(**engine_options).max_receive_size
        name = unquote(parse_url(url).path).rstrip("/") or "/"
        connection = ClientConnection(
            url, engine_options, reconnection, own.limits, max_message, own.parser
        )
        # The official client calls this its manager.
        self._manager = connection
        # All namespaces that were made on this connection, by name.
        self.namespaces: dict[str, ClientNamespace] = {}
        super().__init__(connection, name, own.auth, self._retries, self._ack_timeout)
        self.namespaces[name] = self

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    def of(self, name: str, *, auth: Auth = None) -> ClientNamespace:
        """Return the namespace of that name on this connection, made if need be.

        The namespace has to be connected by a call of its own. A missing leading "/" is added;
        `auth` counts when the namespace is made.

        Raises:
            UsageError: `auth` is neither a dict nor a function.
        """
        check_auth(auth)
        if not name.startswith("/"):
            name = "/" + name
        if name not in self.namespaces:
            self.namespaces[name] = ClientNamespace(
                self._manager, name, auth, self._retries, self._ack_timeout
            )
        return self.namespaces[name]

    @overload
    def on_connection(self, event: str) -> Callable[[Function], Function]: ...
    @overload
    def on_connection(self, event: str, listener: Function) -> Function: ...
    def on_connection(
        self, event: str, listener: Function | None = None
    ) -> Function | Callable[[Function], Function]:
        """Call `listener`, a `def`, for an event of the connection; also a decorator.

        The events, with their arguments, are "open"(), "close"(reason, description), "upgrade"(),
        "reconnect_attempt"(number), "reconnect"(number), "reconnect_error"(error) and
        "reconnect_failed"().

        Raises:
            UsageError: there is no such event.
        """
        if event not in CONNECTION_EVENTS:
            raise UsageError(f"got {event!r}, expected one of {', '.join(CONNECTION_EVENTS)}")

        def register(function: Function) -> Function:
            self._manager.listeners.setdefault(event, []).append(function)
            return function

        return register if listener is None else register(listener)

    def tap(self, tap: Tap | None) -> None:
        """Call `tap(direction, packet)` for every Engine.IO packet of later connections;
        `direction` is "in" or "out".
        """
        self._manager.tap = tap

    def reconnect(self) -> None:
        """Give up the connection, and make another one at once: for example because the server says
        that it is about to end. Events that were sent leave before; events emitted meanwhile wait.

        If the connection is lost already, the next attempt is made at once. A client that is not
        connecting does nothing. With `reconnection=False` the connection is lost for good.
        """
        self._manager.reconnect()

    @property
    def transport(self) -> str | None:
        """Return the transport, "polling" or "websocket"; None without a connection."""
        engine = self._manager.engine
        return None if engine is None else engine.transport

    async def close(self) -> None:
        """Leave every namespace, and stop the asynchronous handlers in flight."""
        for namespace in tuple(self.namespaces.values()):
            namespace.disconnect()
        # Handlers of a connection that is asked for while this one ends go on.
        handlers = self._manager.in_flight()
        await self._manager.ended()
        for handler in handlers:
            handler.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)
