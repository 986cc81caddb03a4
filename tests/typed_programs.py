"""What users of the three packages write, read by `mypy --strict` in `make check` and never run.

Nothing here needs a cast, an ignore, or a name that the package does not export.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Any, Unpack

import engineio_min
from ai_coding_assistant import (
    AICodingAssistantSocket,
    AsyncAICodingAssistantSocket,
    Refused,
    events,
)
from engineio_min import Connection, HttpLimits, HttpServer, Request, Response
from socketio_min import (
    Adapter,
    BlockingClient,
    BroadcastOperator,
    Client,
    ConnectionRefused,
    CookieOptions,
    CorsOptions,
    Forbidden,
    Handshake,
    Limits,
    MemoryAdapter,
    Namespace,
    RateLimit,
    Server,
    Socket,
    SocketIOClientOptionValues,
    SocketIOOptionValues,
)


@dataclass
class User:
    name: str


async def allow(request: Request) -> None:
    if request.query.get("key") != "value":
        raise Forbidden("no")


def make_adapter(namespace: Namespace) -> Adapter:
    return MemoryAdapter(namespace)


def server_of_ours(**options: Unpack[SocketIOOptionValues]) -> Server:
    options.setdefault("ping_interval", 10.0)
    return Server(**options)


def client_of_ours(url: str, **options: Unpack[SocketIOClientOptionValues]) -> Client:
    return Client(url, **options)


io = Server(
    adapter=make_adapter,
    address=lambda request: request.headers.get("x-real-ip"),
    allow_request=allow,
    cookie=CookieOptions(name="io", same_site="strict"),
    cors=CorsOptions(origin=["https://a.example", re.compile(r"https://.*")], credentials=True),
    initial_headers=lambda headers, request: headers.append(("X-Path", request.path)),
    limits=Limits(rate=RateLimit(100, 200)),
    transports=["websocket"],
)


@io.use
async def authenticate(socket: Socket) -> None:
    handshake: Handshake = socket.handshake
    if "token" not in handshake.auth:
        raise ConnectionRefused("not authorized", {"code": 1})
    socket.data["user"] = User(handshake.headers.get("user-agent", ""))


@io.on("connect")
def connect(socket: Socket) -> None:
    user: User = socket.data["user"]
    socket.join([user.name, "all"])


@io.on("message")
async def message(socket: Socket, text: str) -> tuple[str, int]:
    socket.to("all").except_("muted").volatile.emit("message", text)
    answers: list[Any] = await io.to("all").timeout(1.0).call("ask")
    for other in await io.fetch_sockets():
        other.disconnect(close=True)
    select(io.local)
    return text, len(answers)


@io.on_any
def listen(socket: Socket, event: str, *args: Any) -> None:
    print(socket.id, event, args)


@io.on_error
def failed(_socket: Socket, _event: str, _args: list[Any], error: Exception) -> dict[str, str]:
    return {"error": str(error)}


@io.of("/admin").use_event
async def check(_socket: Socket, _event: str, _args: list[Any]) -> None: ...


def select(sockets: BroadcastOperator) -> None:
    sockets.emit("selected")


async def health(_request: Request) -> Response:
    return Response(200, b"ok", [("Content-Type", "text/plain")])


async def serve() -> None:
    http = HttpServer(HttpLimits(connections_per_address=3))
    http.route("/healthz", health)
    await io.listen("0.0.0.0", 0, http=http)
    await asyncio.Event().wait()


async def use_client() -> Any:
    async with Client("http://localhost", auth=lambda: {"token": "secret"}) as client:

        @client.on("message")
        async def heard(text: str) -> str:
            return text

        @client.on_connection("reconnect")
        def back(attempt: int) -> None:
            print(heard, attempt)

        await client.of("/admin", auth={"password": "secret"}).connect()
        back(await client.emit_with_ack("count"))
        return await client.call("add", 1, 2, timeout=5.0)


def use_blocking_client() -> None:
    with BlockingClient("http://localhost") as client:

        @client.on("message")
        @client.on_connection("close")
        def heard(*args: str) -> None:
            print(args)

        heard(client.call("name"))


def use_engine() -> None:
    engine = engineio_min.Server(ping_interval=10)

    @engine.on_connection
    def connected(connection: Connection) -> None:
        connection.on_message = connection.send
        connection.on_close = print

    print(connected)


async def use_sdk() -> None:
    async with AsyncAICodingAssistantSocket(user_id="user-456") as socket:

        @socket.on("user:joined")
        async def joined(data: events.UserJoined) -> None:
            print(joined, data)

        try:
            async with socket.lock_file("project-123", "notes.txt") as lock:
                await lock.write("text", action="created")
        except Refused as error:
            print(error.code.lower())


def use_blocking_sdk() -> None:
    with AICodingAssistantSocket(user_id="user-456") as socket:
        state = socket.join_project("project-123")
        with socket.lock_file("project-123", "notes.txt") as lock:
            lock.write(state["files"][0]["path"])
