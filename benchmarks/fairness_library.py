"""What a client can do to the library alone, without a login: frames, packets, JSON, reading."""

from __future__ import annotations

import json
import select
import socket
import threading
import time
from collections.abc import Callable

from benchmarks.fairness_wire import HEAD, PATH, PROJECT, Client, again, at_once
from benchmarks.frames import frame

MEGABYTE = 1_000_000
# All but a few bytes of what may be half-received, unless the server has a better rule.
HOLDERS, HELD = 5, 51_199_980


def flood(data: bytes, *, join: bool = True) -> Callable[[int], None]:
    """Send the same frames as fast as they are taken."""
    megabyte = data * (MEGABYTE // len(data) + 1)
    return again(lambda port: Client(port, join=join).flood(megabyte))


def repeat(make: Callable[[], bytes]) -> Callable[[int], None]:
    """Send the same bytes, too many to keep as a constant, as fast as they are taken."""
    return again(lambda port: Client(port).flood(make()))


def half_received(port: int) -> None:
    """Hold 255 MB of messages that never end."""
    clients = [Client(port) for _ in range(HOLDERS)]
    head = b"\x81\xff" + (100 * MEGABYTE).to_bytes(8, "big") + bytes(4)
    for client in clients:
        client.sock.sendall(head + b"4" * HELD)
    for client in clients:
        while client.sock.recv(65_536):
            pass


def half_posted(port: int) -> None:
    """Hold 255 MB of POST bodies that never end."""
    opened = []
    for _ in range(HOLDERS):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.sendall(f"GET {PATH}polling{HEAD}\r\n".encode())
        answer = b""
        while b"maxPayload" not in answer:
            answer += sock.recv(65_536)
        sid = answer.partition(b'"sid":"')[2].partition(b'"')[0].decode()
        head = f"POST {PATH}polling&sid={sid}{HEAD}Content-Length: 100000000\r\n\r\n"
        sock.sendall(head.encode() + b"4" * HELD)
        opened.append(sock)
    for sock in opened:
        while sock.recv(65_536):
            pass


def waiting_arrays(port: int) -> None:
    """Let events of a megabyte of `[]` wait for a slow one of the same socket."""
    client = Client(port)
    slow = frame("42" + json.dumps(["project:join", {"projectId": PROJECT}])) * 200
    bomb = frame('42["test:event",[' + "[]," * (MEGABYTE // 3) + "[]]]")
    client.flood(slow + bomb)


def connect_payloads(port: int) -> None:
    """Send CONNECT with 60 KB of auth, connection after connection, and keep all of them."""
    auth = '40{"auth":[' + "[]," * 20_000 + "[]]}"
    clients = []
    while True:
        client = Client(port, join=False)
        client.send(auth)
        client.read()
        clients.append(client)


def pipelined(port: int) -> None:
    """Send sixteen requests at a time on one connection, and read their answers."""
    sock = socket.create_connection(("127.0.0.1", port))
    request = f"GET /healthz{HEAD}\r\n".encode() * 16

    def read() -> None:
        while sock.recv(1 << 20):
            pass

    threading.Thread(target=read, daemon=True).start()
    while True:
        sock.sendall(request)


def reconnecting(port: int) -> None:
    """Open a WebSocket, join, leave, again and again."""
    while True:
        Client(port).sock.close()


def slow_readers(port: int) -> None:
    """Ask for echoes of 60 KB: twenty clients read nothing, five a little."""
    question = frame("42" + json.dumps(["test:event", {"text": "x" * 60_000}]))
    clients = [Client(port, receive_buffer=4_096) for _ in range(25)]
    for client in clients:
        client.sock.setblocking(False)
    while True:
        for number, client in enumerate(clients):
            readable, writable, _ = select.select([client.sock], [client.sock], [], 0)
            try:
                if writable:
                    client.sock.send(question)
                if readable and number < 5:
                    client.sock.recv(100)
            except OSError:
                client.sock.close()
                clients[number] = Client(port, receive_buffer=4_096)
                clients[number].sock.setblocking(False)
        time.sleep(0.005)


class Poller:
    """A session over long-polling, on one connection, which is in the main namespace."""

    def __init__(self, port: int) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port))
        self._data = b""
        opened = self._exchange(f"GET {PATH}polling{HEAD}\r\n".encode())
        self._sid = opened.partition(b'"sid":"')[2].partition(b'"')[0].decode()
        self.post(b"40")

    def post(self, body: bytes) -> None:
        """Send packets."""
        head = f"POST {PATH}polling&sid={self._sid}{HEAD}Content-Length: {len(body)}\r\n\r\n"
        self._exchange(head.encode() + body)

    def poll(self) -> None:
        """Fetch what is there, compressed."""
        head = f"GET {PATH}polling&sid={self._sid}{HEAD}Accept-Encoding: gzip\r\n\r\n"
        self._exchange(head.encode())

    def _exchange(self, request: bytes) -> bytes:
        self._sock.sendall(request)
        while b"\r\n\r\n" not in self._data:
            self._data += _some(self._sock)
        head, _, self._data = self._data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        while len(self._data) < length:
            self._data += _some(self._sock)
        answer, self._data = self._data[:length], self._data[length:]
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise ConnectionError(head.decode("latin-1"))
        return answer


def compressed_polls(port: int) -> None:
    """Ask by long-polling for echoes of 64 KB, many at a time, with gzip."""
    text = "".join(chr(33 + number * number % 90) for number in range(60_000)).replace('"', "'")
    event = "42" + json.dumps(["test:event", {"text": text}])
    body = "\x1e".join([event] * 60).encode()
    poller = Poller(port)
    while True:
        poller.post(body)
        poller.poll()


def posted_values(port: int) -> None:
    """Post sixty events at a time with nearly 10,000 values each, over four connections."""
    body = "\x1e".join(["42" + json.dumps(["test:event", [[]] * 4_900])] * 60).encode()
    pollers = [Poller(port) for _ in range(4)]
    while True:
        for poller in pollers:
            poller.post(body)


def _some(sock: socket.socket) -> bytes:
    data = sock.recv(1 << 18)
    if not data:
        raise ConnectionError("the server has ended the connection")
    return data


def _deep() -> bytes:
    return frame('42["test:event",' + "[" * (90 * MEGABYTE) + "]")


def _infinite() -> bytes:
    return frame('42["test:event",[' + "0," * (10 * MEGABYTE) + "1e999]]")


def _many_values() -> bytes:
    return frame('42["test:event",[' + "0," * (2 * MEGABYTE) + "0]]")


def _many_objects() -> bytes:
    return frame('42["test:event",[' + '{"a":0},' * 900_000 + "0]]")


def _foreign() -> bytes:
    # Left a moment ago, so the connection lives on and every packet is dropped after all.
    return frame("40/nowhere,") + frame(
        '42/nowhere,["test:event",[' + "[]," * (2 * MEGABYTE // 3) + "[]]]"
    )


DEEDS = (
    at_once("half-received messages, 5 of 51 MB", again(half_received)),
    at_once("half-posted bodies, 5 of 51 MB", again(half_posted)),
    at_once("arrays that wait for a slow event", again(waiting_arrays)),
    at_once("CONNECT payloads of 60 KB", again(connect_payloads)),
    at_once("ACK flood", flood(frame("430[]"))),
    at_once("pong flood", flood(frame("3"))),
    at_once("noop flood", flood(frame("6"))),
    at_once("WebSocket ping flood", flood(frame(b"", 0x89))),
    at_once("WebSocket pong flood", flood(frame(b"", 0x8A))),
    at_once(
        "empty fragments", flood(frame(b"", 0x01) + frame(b"", 0x00) * 1_000 + frame(b"", 0x80))
    ),
    at_once("CONNECT and DISCONNECT", flood(frame("40/x,") + frame("41/x,"))),
    at_once("events of nothing", flood(frame('42["x"]'))),
    at_once("pipelined requests", again(pipelined)),
    at_once("WebSockets that come and go", again(reconnecting)),
    at_once("JSON of 10 million zeros and 1e999", repeat(_infinite)),
    at_once("JSON of 2 million zeros", repeat(_many_values)),
    at_once("JSON of 900,000 objects", repeat(_many_objects)),
    at_once("JSON of 90 million brackets", repeat(_deep)),
    at_once("JSON for a namespace that is not joined", repeat(_foreign)),
    at_once("echoes that nobody reads", again(slow_readers)),
    at_once("gzip of polls of 3.6 MB", again(compressed_polls)),
    at_once("posts of events with many values", again(posted_values)),
)
"""The table; each row is one client at its worst."""
