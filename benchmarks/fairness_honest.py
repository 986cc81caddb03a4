"""The honest client of `benchmarks.fairness`: what it sends at its times, and how long it waits."""

from __future__ import annotations

import time

from benchmarks.fairness_wire import Client
from benchmarks.frames import frame


class Stream:
    """One kind of event of the honest client, sent at its times whatever comes back."""

    def __init__(self, port: int, project: str, text: str, rate: int) -> None:
        client = Client(port)
        client.ask("project:join", {"projectId": project, "userId": "honest"})
        self._text = text
        self._rate = rate
        self._due: dict[int, float] = {}
        self._next = 0
        self.sock = client.sock
        self._waits: list[float] = []
        self.over = False
        self.sock.setblocking(False)
        self._data = client.rest
        self._begun = time.perf_counter()

    @property
    def due(self) -> float:
        """Return when the next event is to be sent."""
        return self._begun + self._next / self._rate

    def send(self) -> None:
        """Send an event, if its time has come."""
        if time.perf_counter() < self.due or self.over:
            return
        self._due[self._next] = self.due
        # The numbers before are those of `Client`.
        data = frame(f"42{1_000 + self._next}{self._text}")
        self._next += 1
        self._write(data)

    def _write(self, data: bytes) -> None:
        try:
            # Whoever has a slow network is read in pieces.
            self.sock.sendall(data[:-8])
            time.sleep(0.0005)
            self.sock.sendall(data[-8:])
        except OSError:
            self.over = True

    def read(self) -> None:
        """Take the answers that have come, and leave what else is heard in the project."""
        try:
            received = self.sock.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        self.over = not received
        now = time.perf_counter()
        data, at = self._data + received, 0
        while len(data) >= at + 10 or (len(data) > at + 1 and data[at + 1] < 126):
            size, start = data[at + 1], at + 2
            if size == 126:
                size, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            elif size == 127:
                size, start = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
            if len(data) < start + size:
                break
            at = start + size
            if data.startswith(b"43", start):
                number = int(data[start + 2 : data.index(b"[", start)])
                self._waits.append(now - self._due.pop(number - 1_000))
            elif data[start:at] == b"2":
                self._write(frame("3"))
        self._data = data[at:]

    def waits(self) -> list[float]:
        """Return every wait since this was asked before. One without an answer lasts until now."""
        now = time.perf_counter()
        waits = self._waits + [now - due for due in self._due.values()]
        self._waits.clear()
        return waits

    @property
    def answered(self) -> bool:
        """Return whether nothing is waited for."""
        return self.over or not self._due
