"""The application: the objects that its parts share, and its life from `start` to `stop`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final

from engineio_min import Request
from engineio_min.errors import Code, RequestRefused
from server.accounts.auth import Auth
from server.accounts.failed_logins import FailedLogins
from server.ai.answers import Answers
from server.api.announcements import Announcement
from server.api.envelope import timestamp
from server.api.errors import EventError
from server.api.identity import identity_of
from server.api.people_announcements import UserTyping
from server.api.rate_limit import RateLimiter
from server.api.records import User
from server.api.services import Call
from server.background import Background
from server.cluster.node import Node
from server.cluster.node_event_handlers import NodeEventHandlers
from server.configured import adapter_of, cors_of, limits_of, provider_of
from server.departures import Departures
from server.dispatch import Dispatcher
from server.documents.open_documents import OpenDocuments
from server.documents.saving import Saver
from server.draining import Drain
from server.events import EVENTS
from server.hosts import Route, guarded, host_check
from server.housekeeping import Housekeeping
from server.http import listening, pages, website
from server.http.clients import client_of
from server.http.downloads import Downloads
from server.http.metrics import Metrics
from server.http.workers_metrics import WorkersMetrics
from server.live.cluster_presence import ClusterPresence
from server.live.presence_table import Presence
from server.live.typing_indicators import TypingIndicators
from server.locks import asking
from server.locks.lock_keeper import LockKeeper
from server.locks.lock_requests import LockRequests
from server.locks.lock_table import Locks
from server.locks.shared_locks import SharedLocks
from server.people import notifications
from server.people.directory import Directory
from server.people.room_access import project_room
from server.people.sockets import Sockets
from server.projects.download_links import ADDRESS
from server.projects.download_tickets import Tickets
from server.projects.untold import Untold
from server.projects.upload_table import Uploads
from server.settings import Settings
from server.store.database import Database
from server.store.engine import StoreError
from server.store.engines import engine_for
from server.store.link import HOUSEKEEPING, WORKSPACE, Lease
from server.store.start_retry import AWAY, reach
from server.store.store import Store
from server.tuning import Tuning
from server.workspace.shared_workspace import SharedWorkspace
from server.workspace.workspace import Workspace
from socketio_min import Server, Socket

logger = logging.getLogger("server")


STOPPING: Final = "The server is stopping"


class Application:
    """A server with these settings; `worker` is this process's name among several processes.

    Raises:
        LocalModelError: a local model is set, and its packages are not installed.
        StoreError: PostgreSQL is set, and its driver is not installed.
        SettingsError: Redis is set, and cannot be used.
    """

    def __init__(
        self, settings: Settings, tuning: Tuning | None = None, *, worker: str = ""
    ) -> None:
        self.settings = settings
        self.tuning = Tuning() if tuning is None else tuning
        self.database = Database(
            engine_for(settings.data_dir, settings.database_url, shares=settings.shares_database)
        )
        self.store = Store(self.database)
        tasks = (HOUSEKEEPING,) if settings.workspace is None else (HOUSEKEEPING, WORKSPACE)
        lease = Lease(self.tuning.lease, self.tuning.renewal, self.tuning.lock_grace, tasks)
        self.node = Node(self, self.database.engine, lease)
        self.directory = Directory()
        self.sockets = Sockets(settings.max_connections_per_user, self._user_changed)
        self.presence = Presence()
        self.lock_requests = LockRequests(
            self.tuning.asked, lambda asked, outcome: asking.tell_ended(self, asked, outcome)
        )
        ended = self.lock_requests.lock_ended
        self.locks: LockKeeper = (
            SharedLocks(self.store, self.database.engine.node, lease.grace, ended)
            if settings.shares_database
            else Locks(ended)
        )
        self.documents = OpenDocuments()
        self.typing = TypingIndicators(self.tuning.typing, self._typing_ended)
        self.uploads = Uploads(self.tuning.monotonic)
        self.tickets = Tickets(self.tuning.monotonic)
        self.untold = Untold()
        self.failed_logins = FailedLogins(self.tuning.monotonic)
        self.auth = Auth(self, self.tuning.hasher, self.tuning.clock)
        self.workspace = self._workspace()
        self.saver = Saver(self, self.tuning.still, self.tuning.latest)
        self.background = Background()
        self.housekeeping = Housekeeping(self, lambda: self.node.membership.does(HOUSEKEEPING))
        self.answers = Answers(self, provider_of(settings, self.background), settings.ai_timeout)
        self.dispatcher = Dispatcher(self)
        self._host_check = host_check(settings.host, settings.cors_origins)
        self.io = Server(
            cors=cors_of(settings.cors_origins),
            allow_request=self._allow,
            max_connections=settings.max_connections,
            ping_timeout=settings.ping_timeout,
            ping_interval=settings.ping_interval,
            upgrade_timeout=settings.upgrade_timeout,
            max_http_buffer_size=settings.max_http_buffer_size,
            max_text_size=settings.max_text_size,
            max_held=settings.max_held,
            max_connections_per_address=settings.max_connections_per_address or None,
            address=client_of,
            limits=limits_of(settings),
            adapter=adapter_of(settings),
            node=settings.node_name,
        )
        self.cluster_presence = ClusterPresence(
            self.io, self.sockets, self.presence, self.typing, self.answers.being_made
        )
        self.departures = Departures(self, self.tuning.lock_grace)
        self.rates = RateLimiter(self.tuning.monotonic, lambda: self.io.stood_still)
        labels = {"node": settings.node_name, "worker": worker}
        self.metrics = Metrics({*EVENTS}, self._gauges(), labels)
        self.metrics.observe(self.io)
        self._node_event_handlers = NodeEventHandlers(self)
        self._all_metrics = WorkersMetrics(
            self.io, self.metrics, settings.node_name, settings.workers
        )
        self.io.use(self.auth.admit)
        self.io.on("connect", self._connected)
        self.io.on("disconnecting", self._disconnecting)
        # All events, so that an unknown event is answered like any other mistake.
        self.io.on_other(self.dispatcher.receive)
        self.draining = self.stopping = False
        # Whether `open` has ended: clients may come.
        self._is_open = False
        self._started = time.monotonic()

    def _workspace(self) -> Workspace | SharedWorkspace:
        directory = self.settings.workspace
        if not self.settings.shares_database:
            return Workspace(self, directory)
        workspace = SharedWorkspace(self, directory, lambda: self.node.membership.does(WORKSPACE))
        self.node.on_workspace = workspace.look
        return workspace

    # -- its life

    async def start(self) -> None:
        """Open the database and listen.

        Raises:
            ListenError: an address of the settings cannot be listened on.
            StoreError: the data directory cannot be used.
        """
        listeners = listening.bind(self.settings.host, self.settings.port)
        try:
            await self.open()
        except BaseException:
            for listener in listeners:
                listener.close()
            raise
        for listener in listeners:
            await self.listen(sock=listener)
        logger.info("started", extra={"fields": {"url": self.url}})

    async def open(self, away: Callable[[], Awaitable[None]] | None = None) -> None:
        """Open the database, and do all that is to be done before the first client comes.

        If the database cannot be reached, `away` is called, and may listen: probes are answered,
        clients are refused. Then it is tried again until it succeeds.

        Raises:
            StoreError: the database cannot be used, or not be reached and there is no `away`.
        """
        self._route(self._probes())
        try:
            await reach(self.database, away)
            await self.node.start()
            await self._load()
            await self.workspace.start()
            await self.saver.start()
            self.housekeeping.start()
            await self.io.membership.join()
            await self.cluster_presence.start()
        except BaseException as error:
            await self.workspace.stop()
            await self.node.stop()
            await self.database.close()
            if isinstance(error, EventError):
                raise StoreError(self.database.engine.unusable(error.message)) from error
            raise
        self._route(self._pages())
        self._is_open = True

    async def listen(self, *, sock: socket.socket) -> None:
        """Take the clients that come to a listening socket."""
        await self.io.listen(sock=sock)

    def _route(self, answers: Iterator[tuple[str, Route]]) -> None:
        for address, answer in answers:
            self.io.engine.http.route(address, guarded(self._host_check, answer))

    def _pages(self) -> Iterator[tuple[str, Route]]:
        yield "/", website.page(self.settings.auth_mode)
        for address, asset in website.assets().items():
            yield address, asset.answer
        yield ADDRESS, Downloads(self).answer
        yield "/docs", pages.docs()

    def _probes(self) -> Iterator[tuple[str, Route]]:
        yield "/healthz", pages.health(lambda: self.connections, lambda: self.uptime)
        yield "/readyz", pages.readiness(self.obstacle, self._missing)
        yield "/metrics", pages.metrics(self._all_metrics.families)

    async def _load(self) -> None:
        await self.store.seed(timestamp())
        await self.locks.start(self.store)
        self.directory.load(*await self.store.directory())

    async def stop(self, *, replaced: bool = False) -> None:
        """Take no new clients, send those that are there to the other servers if there are any,
        finish what is begun, and disconnect everybody.

        replaced: another process takes the clients that come to this one's address.
        """
        self.draining = True
        if not replaced:
            self.io.refuse_newcomers()
        if self.settings.shares_database:
            await self.cluster_presence.announce_end()
            await Drain(self.io).run(self.tuning.move)
            await self.answers.finish(self.tuning.finish)
        self.stopping = True
        self.io.stop_accepting()
        notifications.deliver(
            self, notifications.personal(None, "server:stopping", STOPPING, "It will be back soon")
        )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.tuning.drain):
                await self.dispatcher.drained()
                await self.answers.close()
        await self.cluster_presence.stop()
        await self.housekeeping.stop()
        await self.background.close()
        self.auth.passwords.close()
        await self.saver.close()
        await self.workspace.stop()
        await self.io.close()
        self.departures.close()
        await self.locks.close()
        await self.node.stop()
        await self.database.close()
        logger.info("stopped", extra={"fields": {"uptime": round(self.uptime, 3)}})

    async def obstacle(self) -> str:
        """Return why the server takes no clients at the moment, "" if it does."""
        if self.draining:
            return "stopping"
        if not self._is_open:
            return AWAY
        try:
            async with asyncio.timeout(self.tuning.patience):
                await self.store.check()
        except (EventError, TimeoutError):
            return AWAY
        if self.database.is_damaged:
            return "the database is damaged"
        return ""

    def _allow(self, request: Request) -> None:
        """Let a client connect.

        Raises:
            RequestRefused: it calls the server by a name that is not its own, or the database was
                not there yet (503).
        """
        if self._host_check is not None:
            self._host_check(request)
        if not self._is_open:
            raise RequestRefused(Code.FORBIDDEN, AWAY, status=503, message="Not ready yet")

    def _missing(self) -> str:
        return "" if self.io.cluster.connected else "Redis: this server goes on without the others"

    @property
    def port(self) -> int:
        """Return the port that the server listens on."""
        return self.io.port

    @property
    def url(self) -> str:
        """Return the URL at which clients reach the server."""
        return listening.url(self.settings.host, self.port)

    @property
    def connections(self) -> int:
        """Return how many clients are connected."""
        return len(self.io.engine.sessions)

    @property
    def uptime(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self._started

    # -- what the server does by itself

    def tell(
        self,
        rooms: str | Sequence[str],
        announcement: Announcement,
        *,
        user_id: str | None = None,
        project_id: str | None = None,
        local: bool = False,
    ) -> None:
        """Send an event that no client has caused to everybody in `rooms`, or to the clients of
        this server in them if `local`.
        """
        if rooms:
            self.untold.tell_before(project_id, announcement)
            hearing = self.io.to(rooms)
            told = announcement.arguments(user_id=user_id, project_id=project_id)
            (hearing.local if local else hearing).emit(*told)

    def _user_changed(self, user: User) -> None:
        self.cluster_presence.changed(user)

    def _connected(self, socket: Socket) -> None:
        self.metrics.connected()
        self.auth.welcome(socket)

    def _disconnecting(self, socket: Socket, _reason: str) -> None:
        self.metrics.disconnected()
        self.departures.disconnected(socket)

    def _typing_ended(self, socket_id: str, user: User, project_id: str) -> None:
        ended = UserTyping(user=user, project_id=project_id, is_typing=False)
        # Each node of a cluster has its own timer.
        others = self.io.local.to(project_room(project_id)).except_(socket_id)
        others.emit(*ended.arguments(user_id=user.id, project_id=project_id))

    def own_call(self, socket: Socket, *, silent: bool = False) -> Call[None]:
        """Return a call for what the server does to a socket by itself. Nobody is told of what a
        `silent` call does.
        """
        return Call(self, socket, identity_of(socket), None, source="server", silent=silent)

    def _gauges(self) -> dict[str, tuple[str, Callable[[], float]]]:
        return {
            "assistant_requests": ("Answers that are being made", lambda: len(self.answers)),
            "database_commits_total": (
                "Transactions that have changed something",
                lambda: self.database.commits,
            ),
            "cluster_resyncs_total": (
                "Times that clients were told to look again",
                lambda: self.cluster_presence.resyncs,
            ),
            "process_uptime_seconds": ("Seconds since the start", lambda: self.uptime),
            **self.io.cluster.metrics(),
        }
