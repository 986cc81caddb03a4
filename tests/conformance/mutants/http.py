"""Mutants that read HTTP loosely: each guesses what a request that breaks the rules may mean, and
serves it.
"""

from __future__ import annotations

import re

from conformance.profiles import ids
from tests.conformance.messages import LONGEST_HEAD, Incoming, Message, answer
from tests.conformance.mutant import Mutant
from tests.conformance.mutants.register import ACCEPTED, AWAITED, caught_by


@caught_by(
    "EIO-POLL-024", seen="got the end of the connection…, expected the connection to stay open"
)
@caught_by("EIO-HTTP-034", seen="got the end of the connection…, expected an answer")
class ReadsOnce(Mutant):
    """A request must arrive in one piece."""

    def raw(self, data: bytes) -> bytes | None:
        head, end, body = data.partition(b"\r\n\r\n")
        return data if end and (body or b"Content-Length" not in head) else None


class LooseMutant(Mutant):
    """Mends the first request of a connection before it is read."""

    async def opened(self, client: Incoming) -> None:
        while (end := client.buffer.find(b"\r\n\r\n")) < 0:
            await client.fill()
        head = client.buffer[:end].decode("latin-1")
        head, body = self.mend(head, bytes(client.buffer[end + 4 :]))
        client.buffer[:] = head.encode("latin-1") + b"\r\n\r\n" + body

    def mend(self, head: str, body: bytes) -> tuple[str, bytes]:
        raise NotImplementedError


@caught_by(*ids("EIO-HTTP", range(2, 11)), seen=ACCEPTED)
class GuessesLengths(LooseMutant):
    """A Content-Length that is not plain digits, or is not alone, means what has arrived."""

    def mend(self, head: str, body: bytes) -> tuple[str, bytes]:
        lengths = re.findall(r"\r\nContent-Length: ([^\r]*)", head)
        if len(lengths) > 1 or any(not re.fullmatch("[0-9]{1,18}", value) for value in lengths):
            head = re.sub(r"\r\nContent-Length: [^\r]*", "", head)
            head += f"\r\nContent-Length: {len(body)}"
        return head, body


@caught_by("EIO-HTTP-001", "EIO-HTTP-011", "EIO-HTTP-012", "EIO-HTTP-013", seen=ACCEPTED)
class GuessesCodings(LooseMutant):
    """A Transfer-Encoding that has `chunked` anywhere in it is that, whatever stands beside it."""

    def mend(self, head: str, body: bytes) -> tuple[str, bytes]:
        coding = r"\r\nTransfer-Encoding ?: [^\r]*chunked[^\r]*"
        if re.search(coding, head):
            head = re.sub(r"\r\nContent-Length: [^\r]*", "", head)
            head = re.sub(coding, "\r\nTransfer-Encoding: chunked", head)
        return head, body


@caught_by(*ids("EIO-HTTP", range(14, 18)), seen=ACCEPTED)
class GuessesChunks(LooseMutant):
    """What stands around the data of a chunk is not looked at."""

    def mend(self, head: str, body: bytes) -> tuple[str, bytes]:
        if "\r\nTransfer-Encoding: chunked" in head:
            body = b"6\r\n" + body.split(b"\r\n")[1][:6] + b"\r\n0\r\n\r\n"
        return head, body


@caught_by(*ids("EIO-HTTP", range(18, 23)), "EIO-HTTP-024", seen=AWAITED)
class DropsBadLines(LooseMutant):
    """Header lines that are none are passed over, and a second Host is."""

    def mend(self, head: str, body: bytes) -> tuple[str, bytes]:
        start, *lines = head.split("\r\n")
        kept = [line for line in lines if re.fullmatch(r"[!-9;-~]+:[^\0\r]*", line)]
        hosts = [line for line in kept if line.startswith("Host:")]
        return "\r\n".join([start, *(line for line in kept if line not in hosts[1:])]), body


@caught_by("EIO-HTTP-023", seen=AWAITED)
class NeedsNoHost(LooseMutant):
    """A request without Host is as good as one with it."""

    def mend(self, head: str, body: bytes) -> tuple[str, bytes]:
        return (head if "\r\nHost:" in head else f"{head}\r\nHost: x"), body


@caught_by("EIO-HTTP-025", "EIO-HTTP-026", seen=AWAITED)
class SpeaksEveryVersion(LooseMutant):
    """The version is not looked at."""

    def mend(self, head: str, body: bytes) -> tuple[str, bytes]:
        return re.sub(r" [A-Z]+/[0-9.]+(?=\r\n|$)", " HTTP/1.1", head, count=1), body


@caught_by("EIO-HTTP-027", seen=AWAITED)
class ReadsMethodsInEveryCase(LooseMutant):
    """`get` is GET."""

    def mend(self, head: str, body: bytes) -> tuple[str, bytes]:
        method, space, rest = head.partition(" ")
        return method.upper() + space + rest, body


@caught_by("EIO-HTTP-028", seen=AWAITED)
class ReadsEndlessHeaders(LooseMutant):
    """A header has no limit."""

    def mend(self, head: str, body: bytes) -> tuple[str, bytes]:
        if len(head) > LONGEST_HEAD:
            head = re.sub(r"\r\nX-Padding: x*", "", head)
        return head, body


@caught_by(*ids("EIO-FRAME", range(22, 27)), *ids("EIO-HTTP", range(29, 33)), seen=ACCEPTED)
class Agrees(Mutant):
    """What is no request, and no request for a WebSocket that it looks like, is answered 200."""

    def raw(self, data: bytes) -> bytes | None:
        head = data.split(b"\r\n\r\n")[0]
        plain = len(data) < LONGEST_HEAD and re.match(rb"(?:GET|POST) /[^ ]* HTTP/1.1\r\n", head)
        if b"Sec-WebSocket" in head:
            key = re.search(rb"\r\nSec-WebSocket-Key: [^\r]{22}==", head)
            version = b"\r\nSec-WebSocket-Version: 13" in head
            plain = plain if key and version and b"\r\nUpgrade: websocket" in head else None
        return data if plain else b"GET /agreed HTTP/1.1\r\nHost: x\r\n\r\n"

    def request(self, request: Message) -> Message | None:
        return answer(200, b"ok") if request.path == "/agreed" else None


@caught_by(
    "EIO-HTTP-033", seen="got nothing within … s, expected the next of three answers, or the end"
)
class AnswersOneOfMany(Mutant):
    """Of several requests at once only the first is answered."""

    def raw(self, data: bytes) -> bytes | None:
        head, end, rest = data.partition(b"\r\n\r\n")
        return head + end if rest.startswith(b"GET ") else data
