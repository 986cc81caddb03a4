"""What the server counts, as Prometheus reads it: that of one process, or of all on a machine.

The names, misspelling included, and the label are those of npm's socket.io-prometheus, so that
dashboards made for a Node server show this one. Bytes are roughly those of an event's first
argument: a string counts by its characters, and neither the frame around it nor anything after the
first thousand values counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Annotated, Any, Final, Literal, NamedTuple

from msgspec import Meta

from server.api.weights import weight
from socketio_min import Server, Socket

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_UNKNOWN: Final = "unknown"
# A packet may have many values, and each takes a moment. A string is one value, however long.
_MOST_WEIGHED: Final = 1_000


Kind = Literal["counter", "gauge"]


_Line = Annotated[str, Meta(pattern=r"^[^\n]*\Z")]


class Family(NamedTuple):
    """A metric; each of its samples is labels and a value, as its line has them after the name."""

    name: _Line
    about: _Line
    kind: Kind
    samples: list[_Line]


class Metrics:
    """Counts what goes through a server.

    `known` are the events that have a label of their own: clients can make up any number of names.
    `labels`, which each metric has, say which process it is.
    """

    def __init__(
        self,
        known: Container[str],
        gauges: dict[str, tuple[str, Callable[[], float]]],
        labels: Mapping[str, str],
    ) -> None:
        self._known = known
        self._labels = [f'{name}="{value}"' for name, value in labels.items() if value]
        self._gauges = gauges
        self._connects = 0
        self._disconnects = 0
        self._received: Counter[str] = Counter()
        self._received_bytes: Counter[str] = Counter()
        self._sent: Counter[str] = Counter()
        self._sent_bytes: Counter[str] = Counter()
        # A broadcast is counted once for each socket, always with the same object.
        self._weighed: tuple[Any, int] = (None, 0)

    def observe(self, io: Server) -> None:
        """Count what clients send to this server, and what it sends to them."""
        io.on_any(self._incoming)
        io.on_any_outgoing(self._outgoing)

    def connected(self) -> None:
        """Count a socket that has connected."""
        self._connects += 1

    def disconnected(self) -> None:
        """Count a socket that has disconnected."""
        self._disconnects += 1

    def _incoming(self, _socket: Socket, event: str, *args: Any) -> None:
        label = event if event in self._known else _UNKNOWN
        self._received[label] += 1
        if args:
            self._received_bytes[label] += weight(args[0], _MOST_WEIGHED).size

    def _outgoing(self, _socket: Socket, event: str, *args: Any) -> None:
        self._sent[event] += 1
        if args:
            if self._weighed[0] is not args[0]:
                self._weighed = (args[0], weight(args[0], _MOST_WEIGHED).size)
            self._sent_bytes[event] += self._weighed[1]

    def families(self) -> Iterator[Family]:
        """Return all metrics, each with its samples."""
        counts = {
            "socket_io_connect_total": ("Sockets that have connected", self._connects),
            "socket_io_disconnect_total": ("Sockets that have disconnected", self._disconnects),
        }
        tables = {
            "socket_io_events_received_total": ("Events received", self._received),
            "socket_io_events_sent_total": ("Events sent", self._sent),
            "socket_io_recieve_bytes": ("Bytes of the events received", self._received_bytes),
            "socket_io_transmit_bytes": ("Bytes of the events sent", self._sent_bytes),
        }
        connected = self._connects - self._disconnects
        about = "Sockets that are connected"
        yield Family("socket_io_connected", about, "gauge", [self._sample(connected)])
        for name, (about, count) in counts.items():
            yield Family(name, about, "counter", [self._sample(count)])
        for name, (about, table) in tables.items():
            samples = [self._sample(table[one], f'event="{one}"') for one in sorted(table)]
            yield Family(name, about, "counter", samples)
        for name, (about, value) in self._gauges.items():
            kind: Kind = "counter" if name.endswith("_total") else "gauge"
            yield Family(name, about, kind, [self._sample(f"{value():g}")])

    def _sample(self, value: int | str, *labels: str) -> str:
        both = [*labels, *self._labels]
        return f"{{{','.join(both)}}} {value}" if both else f" {value}"


def render(processes: Iterable[Iterable[Family]]) -> str:
    """Return the metrics of processes in Prometheus' text format. The samples of a metric stand
    together, from whichever process they are.
    """
    merged: dict[str, Family] = {}
    for families in processes:
        for one in families:
            before = merged.get(one.name)
            samples = one.samples if before is None else [*before.samples, *one.samples]
            merged[one.name] = Family(one.name, one.about, one.kind, samples)
    lines = []
    for name, about, kind, samples in merged.values():
        lines += [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
        lines += [f"{name}{sample}" for sample in samples]
    return "\n".join(lines) + "\n"
