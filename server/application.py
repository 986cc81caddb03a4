"""The application: what its parts share, and its life from `start` to `stop`."""

from __future__ import annotations

import time
from typing import Final

from engineio_min import CorsOptions, HttpServer
from server import identity, listening, pages
from server.access import project_room, projects_of
from server.dispatch import Dispatcher
from server.envelope import envelope
from server.hosts import host_check
from server.identity import User
from server.presence import Presence
from server.settings import Settings
from server.typing_indicator import TypingIndicators, typing_data
from socketio_min import Server, Socket

TYPING_SECONDS: Final = 4.0


class Application:
    """A server with these settings; nothing is shared with another one.

    `typing_seconds` is how long a user who says nothing more is shown as typing.
    """

    def __init__(self, settings: Settings, *, typing_seconds: float = TYPING_SECONDS) -> None:
        self.settings = settings
        self.presence = Presence()
        self.typing = TypingIndicators(typing_seconds, self._typing_ended)
        dispatcher = Dispatcher(self)
        self.io = Server(
            cors=_cors(settings.cors_origins),
            allow_request=host_check(settings.host, settings.cors_origins),
            max_connections=settings.max_connections,
            ping_timeout=settings.ping_timeout,
            ping_interval=settings.ping_interval,
            upgrade_timeout=settings.upgrade_timeout,
            max_http_buffer_size=settings.max_http_buffer_size,
        )
        self.io.on("connect", identity.begin_as_guest)
        self.io.on("disconnecting", self._disconnecting)
        # All events, so that an unknown one is answered like any other mistake.
        self.io.on_other(dispatcher.receive)
        self._started = 0.0

    async def start(self) -> None:
        """Listen.

        Raises:
            ListenError: an address of the settings cannot be listened on.
        """
        first, *others = listening.bind(self.settings.host, self.settings.port)
        self._started = time.monotonic()
        http = HttpServer()
        http.route("/", pages.page)
        http.route("/healthz", pages.health(lambda: self.connections, lambda: self.uptime))
        await self.io.listen(sock=first, http=http)
        for listener in others:
            await http.listen(sock=listener)

    async def stop(self) -> None:
        """Disconnect everybody and stop listening."""
        await self.io.close()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self.io.port

    @property
    def url(self) -> str:
        """Where clients reach it."""
        return listening.url(self.settings.host, self.port)

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self.io.engine.sessions)

    @property
    def uptime(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def _disconnecting(self, socket: Socket, _reason: str) -> None:
        # At the end of the server everybody leaves: telling each about all others helps nobody.
        tell = self.io.shutdown_reason is None
        user = identity.acting_user(socket)
        for project_id in self.typing.projects(socket):
            typing_user = self.typing.stop(socket, project_id)
            if typing_user is not None and tell:
                self._typing_ended(socket, typing_user, project_id)
        for project_id in projects_of(socket.rooms):
            if self.presence.leave(project_id, user, socket.id) and tell:
                wrapped = envelope("user:left", user_id=user.id, project_id=project_id)
                data = {"user": user.data}
                socket.to(project_room(project_id)).emit("user:left", data, wrapped)

    def _typing_ended(self, socket: Socket, user: User, project_id: str) -> None:
        wrapped = envelope("user:typing", user_id=user.id, project_id=project_id, priority="low")
        data = typing_data(user, project_id, is_typing=False)
        socket.to(project_room(project_id)).emit("user:typing", data, wrapped)


def _cors(origins: tuple[str, ...]) -> CorsOptions:
    # Credentials for every site in the world would hand a user's cookies to any of them.
    return CorsOptions(origin=origins, credentials=True) if "*" not in origins else CorsOptions("*")
