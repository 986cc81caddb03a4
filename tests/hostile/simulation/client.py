"""A client at the wire, in memory: it polls, upgrades, answers, and remembers what it was told.

It reacts to bytes as they arrive and shares no code with the server's protocol core, so that what
it has received can be held against what the server says it has sent.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any, Protocol

from tests.engineio_min.wire import HANDSHAKE, encode_request
from tests.frames import packet_frame as frame
from tests.hostile.simulation.network import Link
from tests.hostile.stage import POLLING, WEBSOCKET

SEPARATOR = "\x1e"
PACKET = re.compile(r"(\d)(?:(\d+)-)?(?:(/[^,]*),)?(\d+)?(.*)", re.DOTALL)


class Network(Protocol):
    """Whoever makes connections to the server."""

    def connect(self, arrived: Callable[[Link], object]) -> Link: ...


def encode_event(
    namespace: str, event: str, args: list[Any], ack_id: int | None
) -> list[str | bytes]:
    """An event as its packets; `bytes` among the arguments become attachments."""
    attachments = [value for value in args if isinstance(value, bytes)]
    numbers = iter(range(len(attachments)))
    data = [
        {"_placeholder": True, "num": next(numbers)} if isinstance(value, bytes) else value
        for value in args
    ]
    kind = f"45{len(attachments)}-" if attachments else "42"
    where = "" if namespace == "/" else f"{namespace},"
    number = "" if ack_id is None else str(ack_id)
    return [f"{kind}{where}{number}{json.dumps([event, *data])}", *attachments]


def read_response(data: bytearray) -> tuple[int, bytes] | None:
    """Take a response off the front: its status and body; None if it is not complete."""
    head, found, _ = bytes(data).partition(b"\r\n\r\n")
    if not found:
        return None
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    size = int(length[1]) if length else 0
    end = len(head) + 4 + size
    if len(data) < end:
        return None
    body = bytes(data[len(head) + 4 : end])
    del data[:end]
    return int(head.split(b" ", 2)[1]), body


def read_frame(data: bytearray) -> tuple[int, bytes] | None:
    """Take a server's frame off the front: its opcode and payload; None if it is not complete."""
    if len(data) < 2:
        return None
    assert data[0] & 0xF0 == 0x80, "the server sends whole messages"
    size, start = data[1], 2
    if size >= 126:
        start = 4 if size == 126 else 10
        if len(data) < start:
            return None
        size = int.from_bytes(data[2:start], "big")
    if len(data) < start + size:
        return None
    opcode, payload = data[0] & 0x0F, bytes(data[start : start + size])
    del data[: start + size]
    return opcode, payload


class Client:
    """One client and its session, on either transport."""

    def __init__(self, network: Network, transport: str) -> None:
        self.transport = transport
        self.sid = ""
        self.over = False
        # Something was done to it, or by it, so that it may lose its session or packets.
        self.faulty = False
        self.answers_pings = True
        self.acknowledges = True
        # Namespaces joined, with the socket's id; and what came and went for each socket.
        self.joined: dict[str, str] = {}
        self.asked: set[str] = set()
        self.refusals = 0
        self.received: dict[str, list[list[Any]]] = {}
        self.sent: dict[str, list[int]] = {}
        self.questions: set[int] = set()
        # Acknowledgements that came: the id and what was in it.
        self.answers: dict[int, list[Any]] = {}
        self.links: list[Link] = []
        self._network = network
        self._last_id = -1
        self._outbox: list[str | bytes] = []
        self._header: tuple[str, str, int | None, str, int] | None = None
        self._attachments: list[bytes] = []
        self._polling: Link | None = None
        self._posting: Link | None = None
        self._polls = self._posts = False
        self._candidate: Link | None = None
        self._probed = False
        self._websocket: Link | None = None
        self._open = False
        if transport == "websocket":
            link = self._websocket = self._connect(self._frames_arrived)
            link.send(encode_request("GET", WEBSOCKET, HANDSHAKE))
        else:
            self._polling = self._connect(self._poll_arrived)
            self._polls = True
            self._polling.send(encode_request("GET", POLLING))

    def _connect(self, arrived: Callable[[Link], object]) -> Link:
        link = self._network.connect(arrived)
        self.links.append(link)
        return link

    # -- what it does

    @property
    def healthy(self) -> bool:
        """Whether it has a session that it must not lose."""
        # Who joins no namespace in time is sent away.
        return bool(self.received) and not self.over and not self.faulty

    @property
    def main_link(self) -> Link:
        """The connection that carries what the server sends."""
        link = self._websocket or self._polling
        assert link is not None
        return link

    @property
    def transport_at_rest(self) -> bool:
        """Whether all that the server has sent must have come."""
        return self._websocket is not None or self._polls

    @property
    def can_upgrade(self) -> bool:
        return bool(self.sid) and self.transport == "polling" and self._candidate is None

    def send(self, *packets: str | bytes) -> None:
        """Send packets in order, when the transport can."""
        self._outbox += packets
        self.flush()

    def flush(self) -> None:
        if self.over or not self.sid or not self._outbox:
            return
        if self._websocket is not None:
            data = b"".join(map(frame, self._outbox))
            self._outbox.clear()
            self._websocket.send(data)
        elif not self._posts and not self._probed:
            body = SEPARATOR.join(
                packet if isinstance(packet, str) else "b" + base64.b64encode(packet).decode()
                for packet in self._outbox
            )
            self._outbox.clear()
            self._posts = True
            if self._posting is None:
                self._posting = self._connect(self._post_arrived)
            self._posting.send(encode_request("POST", self._target, None, body.encode()))

    def connect(self, namespace: str) -> None:
        """Ask to join a namespace."""
        self.asked.add(namespace)
        self.send("40" if namespace == "/" else f"40{namespace},")

    def emit(self, namespace: str, event: str, *args: Any, ack: bool = False) -> int | None:
        """Send an event to a joined namespace; returns its acknowledgement's id."""
        ack_id = None
        if ack:
            ack_id = self._last_id = self._last_id + 1
        self.send(*encode_event(namespace, event, list(args), ack_id))
        return ack_id

    def leave(self, namespace: str) -> None:
        """Leave a namespace; leaving the last one, a client has nothing more to send."""
        self.joined.pop(namespace, None)
        self.send("41" if namespace == "/" else f"41{namespace},")

    def upgrade(self) -> None:
        """Begin to change to a WebSocket."""
        self._candidate = self._connect(self._candidate_arrived)
        self._open = False
        target = f"{WEBSOCKET}&sid={self.sid}"
        self._candidate.send(encode_request("GET", target, HANDSHAKE))

    def close(self) -> None:
        """End the session politely: an Engine.IO close packet."""
        self.faulty = True
        self.send("1")

    def end(self) -> None:
        """The session is over, as this client sees it: it drops all connections."""
        if not self.over:
            self.over = True
            for link in self.links:
                link.half_close()

    # -- what comes

    @property
    def _target(self) -> str:
        return f"{POLLING}&sid={self.sid}"

    def _poll_arrived(self, link: Link) -> None:
        if link is not self._polling or not self._polls:
            return
        response = read_response(link.inbox)
        if response is not None:
            self._polls = False
            status, body = response
            if status != 200:
                self._lost("a poll was refused")
            else:
                for packet in body.decode().split(SEPARATOR):
                    text = not packet.startswith("b")
                    self._handle(packet if text else base64.b64decode(packet[1:]))
                self._poll()
        elif link.ended:
            self._lost("a poll was not answered")

    def _poll(self) -> None:
        """Poll again, unless the transport changes: then when nothing is on its way, say so."""
        if self.over or self._polls or self.transport != "polling":
            return
        if not self._probed:
            assert self._polling is not None
            if self._polling.ended:
                self._polling = self._connect(self._poll_arrived)
            self._polls = True
            self._polling.send(encode_request("GET", self._target))
        elif not self._posts:
            assert self._candidate is not None
            self._websocket, self._candidate = self._candidate, None
            self.transport = "websocket"
            self._websocket.send(frame("5"))
            self.flush()

    def _post_arrived(self, link: Link) -> None:
        if link is not self._posting:
            return
        response = read_response(link.inbox)
        if response is not None:
            self._posts = False
            if response != (200, b"ok"):
                self._lost("a POST was refused")
        elif link.ended and self._posts:
            self._lost("a POST was not answered")
        if link.ended:
            self._posting = None
        self._poll()
        self.flush()

    def _candidate_arrived(self, link: Link) -> None:
        if link is not self._candidate:
            self._frames_arrived(link)
            return
        if not self._opened(link):
            return
        if not self._open:
            self._open = True
            link.send(frame("2probe"))
        received = read_frame(link.inbox)
        if received == (1, b"3probe"):
            self._probed = True
            self._poll()
        elif received is not None or link.ended:
            # The upgrade has failed; polling goes on.
            self._candidate = None
            self._probed = False
            link.half_close()
            self._poll()
            self.flush()

    def _opened(self, link: Link) -> bool:
        """Whether the 101 is there, and taken off."""
        if self._open or not link.inbox.startswith(b"HTTP/1.1"):
            return bool(self._open or link.ended)
        response = read_response(link.inbox)
        return response is not None and response[0] == 101

    def _frames_arrived(self, link: Link) -> None:
        if link is not self._websocket or self.over:
            return
        if not self._open:
            if not self._opened(link):
                return
            self._open = True
        while (received := read_frame(link.inbox)) is not None:
            opcode, payload = received
            if opcode == 8:
                link.send(b"\x88\x80\0\0\0\0")
                self._lost("the server closed")
                return
            if opcode in (1, 2):
                self._handle(payload.decode() if opcode == 1 else payload)
        if link.ended:
            self._lost("the connection was lost")

    def _lost(self, why: str) -> None:
        assert self.over or not self.healthy, f"a healthy client lost its session: {why}"
        self.end()

    # -- packets

    def _handle(self, packet: str | bytes) -> None:
        if isinstance(packet, bytes):
            self._attach(packet)
        elif packet.startswith("0"):
            self.sid = json.loads(packet[1:])["sid"]
            self.flush()
        elif packet == "2":
            if self.answers_pings:
                self.send("3")
        elif packet == "1":
            self._lost("got a close packet")
        elif packet.startswith("4"):
            found = PACKET.fullmatch(packet, 1)
            assert found is not None, packet
            kind, count, namespace, ack_id, data = found.groups()
            number = None if ack_id is None else int(ack_id)
            self._header = (kind, namespace or "/", number, data, int(count or 0))
            self._complete()
        else:
            # Who asks for a page gets a page.
            assert packet == "6" or self.faulty, packet

    def _attach(self, attachment: bytes) -> None:
        assert self._header is not None, "got an attachment that no packet announced"
        self._attachments.append(attachment)
        self._complete()

    def _complete(self) -> None:
        assert self._header is not None
        kind, namespace, ack_id, text, count = self._header
        if len(self._attachments) < count:
            return
        self._header = None
        attachments, self._attachments = self._attachments, []
        data = json.loads(text) if text else None
        if isinstance(data, list):
            data = [
                attachments[value["num"]] if isinstance(value, dict) and count else value
                for value in data
            ]
        self._receive(kind, namespace, ack_id, data)

    def _receive(self, kind: str, namespace: str, ack_id: int | None, data: Any) -> None:
        if kind == "0":
            self.asked.discard(namespace)
            self.joined[namespace] = data["sid"]
            self.received[data["sid"]] = []
            self.sent[data["sid"]] = []
        elif kind == "4":
            self.asked.remove(namespace)
            self.refusals += 1
        elif kind == "1":
            # It may have left by itself meanwhile.
            self.joined.pop(namespace, None)
        elif kind in "25":
            if namespace not in self.joined:
                # It has left while this was on its way.
                return
            self.received[self.joined[namespace]].append(data)
            if ack_id is not None and self.acknowledges:
                self.questions.add(data[1])
                where = "" if namespace == "/" else f"{namespace},"
                self.send(f"43{where}{ack_id}[{data[1]}]")
        else:
            assert ack_id is not None
            assert ack_id not in self.answers, "an acknowledgement came twice"
            self.answers[ack_id] = data
