"""What may happen next in the simulated world: one function a kind of step.

The state machine chooses among them by hypothesis, the walks by a seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tests.hostile.simulation.application import METHODS, NAMESPACES, ROOMS, Failure
from tests.hostile.simulation.client import Client
from tests.hostile.simulation.world import World
from tests.hostile.stage import POLLING

MOST_CLIENTS = 6
EVENTS = (
    "put",
    "work",
    "blob",
    "join",
    "leave",
    "shout",
    "ask",
    "ask all",
    "drain",
    "fail",
)
PAUSES = (0.001, 0.02, 0.3, 1.0, 6.0, 11.0, 26.0, 50.0)
NONSENSE = (
    b"\0",
    b"\xff" * 20,
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\x81\x80\0\0\0\0",
    b"\x81",
    b"\x01\x84\0\0\0\x004abc",
)
PACKETS = ("0", "2", "5", "6", "9", "40", "41", "42", "43[]", "451-[]", "44", "2probe", b"\xff")


def arrive(world: World, transport: str, namespace: str) -> Client:
    """A client comes and asks to join a namespace."""
    client = world.client(transport)
    client.connect(namespace)
    return client


def join_namespace(client: Client, namespace: str) -> None:
    """It asks to join another."""
    if client.sid and not client.over and namespace not in (*client.joined, *client.asked):
        client.connect(namespace)


def emit(world: World, client: Client, namespace: str, event: str, detail: int, ack: bool) -> None:
    """It sends an event that it may send."""
    if namespace not in client.joined or client.over:
        return
    number = next(world.numbers)
    room = ROOMS[detail % len(ROOMS)]
    args: dict[str, tuple[Any, ...]] = {
        "work": ((0, 0.01, 2, 70)[detail % 4],),
        "blob": (bytes(detail % 200),),
        "join": (room,),
        "leave": (room,),
        "shout": (room,),
        "ask all": (room,),
    }
    client.sent[client.joined[namespace]].append(number)
    client.emit(namespace, event, number, *args.get(event, ()), ack=ack)


def say_goodbye(world: World, client: Client, namespace: str, close: bool) -> None:
    """It asks the server to disconnect it."""
    if namespace not in client.joined or client.over:
        return
    client.faulty = True
    number = next(world.numbers)
    client.sent[client.joined[namespace]].append(number)
    client.emit(namespace, "bye", number, close)


def leave(client: Client, namespace: str, how: str) -> None:
    """It goes, in one of all the ways there are."""
    client.faulty = True
    if how == "namespace":
        if namespace in client.joined and not client.over:
            client.leave(namespace)
    elif how == "packet":
        client.close()
    elif how == "end":
        client.end()
    else:
        for link in client.links:
            getattr(link, how)()


def disturb(client: Client, how: str) -> None:
    """Something goes wrong with its connection, or with itself."""
    if how == "bytes":
        # No fault of anybody: a slow network cuts as it likes.
        for link in client.links:
            link.slice = 7
        return
    client.faulty = True
    if how == "stall":
        client.main_link.stall()
    elif how == "unstall":
        for link in client.links:
            link.unstall()
    elif how == "silent":
        client.answers_pings = False
    else:
        client.acknowledges = False


def misbehave(client: Client, number: int) -> None:
    """It sends what nobody should."""
    client.faulty = True
    if number < len(NONSENSE):
        client.links[number % len(client.links)].send(NONSENSE[number])
    elif client.sid and not client.over:
        packet = PACKETS[number % len(PACKETS)]
        if number % 3:
            client.send(packet)
        else:
            request = f"GET {POLLING}&sid={client.sid} HTTP/1.1\r\nHost: a\r\n\r\n"
            client.links[-1].send(request.encode())


def speak(world: World, namespace: str, kind: str, first: int, second: int) -> None:
    """The server's application sends, to one, to some, or to all."""
    number = next(world.numbers)
    space = world.namespace(namespace)
    if space is None:
        return
    sockets = list(space.sockets.values())
    room, other = ROOMS[first % len(ROOMS)], ROOMS[second % len(ROOMS)]
    try:
        if kind == "all":
            space.emit("news", number)
        elif kind == "room":
            space.to(room).emit("news", number, b"attached")
        elif kind == "except":
            space.to([room, other]).except_(ROOMS[(first + 1) % len(ROOMS)]).emit("news", number)
        elif kind == "volatile":
            space.volatile.emit("news", number)
        elif not sockets:
            return
        elif kind == "one":
            sockets[first % len(sockets)].emit("news", number)
        elif kind == "join":
            space.to(sockets[first % len(sockets)].id).sockets_join(room)
            world.ledger.rooms[sockets[first % len(sockets)].id].add(room)
        elif kind == "leave":
            sockets[first % len(sockets)].leave(room)
            world.ledger.rooms[sockets[first % len(sockets)].id].discard(room)
    except Failure:
        # The adapter's, and no surprise to the application.
        return


def flood(world: World, client: Client) -> None:
    """More for one client than it may leave unread."""
    for namespace, identity in client.joined.items():
        socket = world.socket(namespace, identity)
        if socket is not None:
            client.faulty = True
            for _ in range(20):
                socket.emit("news", next(world.numbers), "x" * 80_000)


def dismiss(world: World, client: Client, close: bool) -> None:
    """The server's application disconnects a client."""
    for namespace, identity in list(client.joined.items()):
        socket = world.socket(namespace, identity)
        if socket is not None:
            client.faulty = True
            try:
                socket.disconnect(close=close)
            except Failure:
                return


async def walk(world: World, seed: int, steps: int) -> None:
    """A random walk; the first client is honest, and nothing is done to it."""
    chance = random.Random(seed)
    honest = arrive(world, chance.choice(["polling", "websocket"]), "/")
    await world.advance(6)
    world.check()
    for _ in range(steps):
        step(world, chance, honest)
        while chance.random() < 0.4:
            # Another one before that has had its effect.
            await world.turns(chance.randrange(5))
            step(world, chance, honest)
        if honest.joined and not honest.over:
            emit(world, honest, "/", "put", 0, ack=True)
        await world.settle()
        if chance.random() < 0.5:
            await world.advance(chance.choice(PAUSES))
        elif chance.random() < 0.03:
            await world.stand_still(chance.choice(PAUSES), chance.randrange(4))
        world.check()


def step(world: World, chance: random.Random, honest: Client) -> None:
    """One step of somebody."""
    others = [client for client in world.clients if not client.over and client is not honest]
    if not others or (len(others) < MOST_CLIENTS and chance.random() < 0.15):
        arrive(world, chance.choice(["polling", "websocket"]), chance.choice(NAMESPACES[:4]))
        return
    client = chance.choice(others)
    namespace = chance.choice(list(client.joined) or ["/"])
    number = chance.randrange(1_000)
    actions: list[tuple[int, Callable[[], object]]] = [
        (
            12,
            lambda: emit(world, client, namespace, chance.choice(EVENTS), number, number % 2 == 0),
        ),
        (3, lambda: join_namespace(client, chance.choice(NAMESPACES))),
        (6, lambda: speak(world, namespace, chance.choice(SPEECHES), number, number // 7)),
        (2, lambda: client.upgrade() if client.can_upgrade and not client.over else None),
        (1, lambda: leave(client, namespace, chance.choice(WAYS))),
        (2, lambda: disturb(client, chance.choice(DISTURBANCES))),
        (1, lambda: misbehave(client, number % 30)),
        (1, lambda: say_goodbye(world, client, namespace, number % 2 == 0)),
        (1, lambda: dismiss(world, client, number % 2 == 0)),
        (1, lambda: flood(world, client)),
        (1, lambda: world.faults.planned.add(chance.choice(METHODS))),
    ]
    weights = [weight for weight, _ in actions]
    ((_, action),) = chance.choices(actions, weights)
    action()


SPEECHES = ("all", "room", "except", "volatile", "one", "join", "leave")
WAYS = ("namespace", "packet", "end", "reset", "half_close", "vanish")
DISTURBANCES = ("bytes", "stall", "unstall", "silent", "mute")
