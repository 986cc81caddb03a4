"""A head that is known again means what parsing it would have said."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engineio_min.errors import RequestRefused
from engineio_min.http.connection import HttpConnection
from engineio_min.http.exchange import HttpExchange
from engineio_min.http.known_heads import KnownHead, request_end
from engineio_min.http.reader import RequestReader
from engineio_min.request import Request
from tests.effort import examples
from tests.hostile.http_recorder import RecordingServer, Turns
from tests.hostile.memory import MemoryTransport

MAX_BODY = 64
HOST = {"host": "a"}
GET = b"GET /e/?EIO=4&t=1x8bcdefg&sid=S HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /e/?t=ab&sid=S HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nOrigin: b\r\n\r\n"
POST_HEADERS = {"host": "a", "content-length": "4", "origin": "b"}


def known(head: bytes, headers: dict[str, str]) -> KnownHead:
    method, target, _ = head.decode().split(" ", 2)
    return KnownHead(head, Request(method, target, headers, "127.0.0.1", secure=True))


FOLLOWED = b"GET / HTTP/1.1\r\n\r\n"


@pytest.mark.parametrize(
    ("first", "known"),
    [
        (GET, True),
        (POST + b"body", True),
        (b"POST / HTTP/1.1\r\nCONTENT-LENGTH: 4\r\n\r\nbody", True),
        # What only the parser knows the end of.
        (b"POST / HTTP/1.1\r\nContent-Length:4\r\n\r\nbody", False),
        (b"POST / HTTP/1.1\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nbody", False),
        (b"POST / HTTP/1.1\r\nContent-Length: 00000000000000004\r\n\r\nbody", False),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nupgrade : websocket\r\n\r\n", False),
    ],
)
def test_where_a_request_ends(first: bytes, known: bool) -> None:
    assert request_end(first) == len(first)
    assert request_end(first + FOLLOWED) == len(first) + (0 if known else len(FOLLOWED))
    # Half a head, and half a body.
    for size in (0, 1, len(first) // 2, len(first) - 1):
        assert request_end(first[:size]) == size


def test_another_timestamp_makes_no_other_head() -> None:
    data = GET.replace(b"1x8bcdefg", b"-_Z000000")
    again = known(GET, HOST).again(data)
    assert again is not None
    request, size = again
    assert size == len(data)
    assert (request.method, request.path, request.client) == ("GET", "/e/", "127.0.0.1")
    assert request.query_string == "EIO=4&t=-_Z000000&sid=S"
    assert request.query == {"EIO": "4", "t": "-_Z000000", "sid": "S"}
    assert (request.headers, request.secure, request.websocket) == (HOST, True, False)


def test_another_length_makes_no_other_head() -> None:
    data = POST.replace(b"t=ab", b"t=cd").replace(b": 4", b": 12") + b"4twelve byte"
    again = known(POST, POST_HEADERS).again(data)
    assert again is not None
    request, size = again
    assert data[size:] == b"4twelve byte"
    assert request.headers == {"host": "a", "content-length": "12", "origin": "b"}
    assert request.query == {"t": "cd", "sid": "S"}


@pytest.mark.parametrize(
    ("head", "headers", "data"),
    [
        # The same head, more or less than its body.
        (GET, HOST, GET + b"G"),
        (GET, HOST, GET[:-1]),
        (POST, POST_HEADERS, POST + b"4ab"),
        (POST, POST_HEADERS, POST + b"4abcd"),
        (POST, POST_HEADERS, POST[:-1]),
        # Another head.
        (GET, HOST, GET.replace(b"GET", b"GOT")),
        (GET, HOST, GET.replace(b"sid=S", b"sid=T")),
        (GET, HOST, GET.replace(b"Host: a", b"Host: b")),
        (POST, POST_HEADERS, POST.replace(b"Origin: b", b"Origin: c") + b"4abc"),
        # What a timestamp cannot have, or another length of it.
        (GET, HOST, GET.replace(b"1x8bcdefg", b"1x8b%20fg")),
        (GET, HOST, GET.replace(b"1x8bcdefg", b"1x8b&sidg")),
        (GET, HOST, GET.replace(b"1x8bcdefg", b"1x8b efgh")),
        (GET, HOST, GET.replace(b"1x8bcdefg", b"1x8bcdef")),
        (GET, HOST, GET.replace(b"1x8bcdefg", b"1x8b\r\nfgh")),
        # What a length cannot have.
        (POST, POST_HEADERS, POST.replace(b": 4", b": +4") + b"4abc"),
        (POST, POST_HEADERS, POST.replace(b": 4", b": ") + b"4abc"),
        (POST, POST_HEADERS, POST.replace(b": 4", b": 4 ") + b"4abc"),
        (POST, POST_HEADERS, POST.replace(b": 4", b": 4_0") + b"4abc" * 10),
        (POST, POST_HEADERS, POST.replace(b": 4", b": " + b"0" * 16 + b"4") + b"4abc"),
        (POST, POST_HEADERS, POST.replace(b": 4\r\n", b": 4")),
    ],
)
def test_what_differs_is_left_to_the_parser(
    head: bytes, headers: dict[str, str], data: bytes
) -> None:
    assert known(head, headers).again(data) is None


@pytest.mark.parametrize(
    ("target", "other"),
    [
        (b"/e/", b"/f/"),
        (b"/e/?", b"/f/?"),
        (b"/e/?EIO=4", b"/e/?EIO=3"),
        (b"/e/?EIO=4&t=a%20b", b"/e/?EIO=4&t=c%20b"),
    ],
)
def test_without_a_timestamp_only_the_same_head_is_known(target: bytes, other: bytes) -> None:
    head = b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n"
    entry = known(head, HOST)
    again = entry.again(head)
    assert again is not None
    assert again[0].target == target.decode().removesuffix("?")
    assert entry.again(head.replace(target, other)) is None


def test_a_query_that_is_refused_is_refused_again() -> None:
    head = GET.replace(b"sid=S", b"sid=S&sid=T")
    again = known(head, HOST).again(head)
    assert again is not None
    with pytest.raises(RequestRefused, match="sid is repeated"):
        _ = again[0].query


# -- the same as parsing, whatever comes


class Recorder(RecordingServer):
    """Keeps everything that it is told of a request."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop, MAX_BODY)
        self.heads: list[tuple[object, ...]] = []
        self.targets: list[str] = []
        self.later: list[HttpExchange] = []

    def handle(self, exchange: HttpExchange) -> None:
        request = exchange.request
        try:
            query: object = dict(request.query)
        except RequestRefused as error:
            query = str(error)
        self.targets.append(request.target)
        path = request.path.encode()
        self.heads.append((path, dict(request.headers), query, exchange.keep_alive))
        if "later" in request.query_string:
            # Like a poll that waits: what comes meanwhile is queued.
            self.later.append(exchange)
            exchange.on_abort = lambda: self.later.remove(exchange)
        elif "refuse" in request.query_string:
            exchange.respond(400, (), b"refused")
        else:
            super().handle(exchange)


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[RequestReader]:
    """The reader of each request that is parsed."""
    readers: list[RequestReader] = []
    begin = RequestReader.on_message_begin

    def on_message_begin(reader: RequestReader) -> None:
        begin(reader)
        readers.append(reader)

    monkeypatch.setattr(RequestReader, "on_message_begin", on_message_begin)
    return readers


def run(loop: asyncio.AbstractEventLoop, reads: Sequence[bytes]) -> object:
    server = Recorder(loop)
    transport = MemoryTransport(HttpConnection(server))
    for read in reads:
        transport.receive(read)
        if read == READ_ON:
            while server.later:
                server.later.pop(0).respond(200, (), b"at last")
    ended = transport.ended
    transport.lose()
    server.timer.cancel()
    return server.requests, server.heads, bytes(transport.sent), ended


# A read without meaning of its own, at which what waits is answered.
READ_ON = b"\r\n"
HEADS = st.builds(
    "{} /e/?EIO=4{}{}{} HTTP/1.{}\r\nHost: a\r\n{}{}\r\n".format,
    st.sampled_from(("GET", "POST", "PUT")),
    st.sampled_from(("", "&later", "&refuse", "&sid=S&sid=T")),
    st.sampled_from(("", "&t=abcd", "&t=efgh", "&t=a-_Z", "&t=ab%20", "&t=abcd&t=ab", "&t=")),
    st.sampled_from(("", "&sid=S", "&sid=T")),
    st.sampled_from("1110"),
    st.sampled_from(("", "", "", "X: y\r\n", "Connection: close\r\n", "Expect: 100-continue\r\n")),
    st.sampled_from(
        (
            "",
            "Content-Length: 4\r\n",
            "content-length: 0004\r\n",
            "Content-Length: 11\r\nX-Last: z\r\n",
            "Content-Length: 0\r\n",
            "Content-Length: 65\r\n",
            "Content-Length:4\r\n",
            "Content-Length: 4\r\nContent-Length: 4\r\n",
            "Transfer-Encoding: chunked\r\n",
        )
    ),
)
BODIES = st.sampled_from(
    (b"", b"4abc", b"4twelve byt", b"a" * 65, b"4\r\nabcd\r\n0\r\n\r\n", b"4ab")
)
READS = st.builds(lambda head, body: head.encode() + body, HEADS, BODIES)


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that never runs: time stands still."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@settings(max_examples=examples(75))
@given(
    kinds=st.lists(READS, min_size=1, max_size=3),
    order=st.lists(st.integers(0, 5), min_size=2, max_size=8),
    edit=st.none() | st.tuples(st.integers(0, 7), st.integers(0, 200), st.binary(max_size=2)),
    glued=st.booleans(),
)
def test_nothing_shows_whether_a_head_was_parsed(
    loop: asyncio.AbstractEventLoop,
    kinds: list[bytes],
    order: list[int],
    edit: tuple[int, int, bytes] | None,
    glued: bool,
) -> None:
    choices = [*kinds, READ_ON]
    reads = [choices[index % len(choices)] for index in order]
    if edit is not None:
        which, place, change = edit
        read = reads[which % len(reads)]
        place %= len(read)
        reads[which % len(reads)] = read[:place] + change + read[place + len(change) :]
    if glued:
        reads[:2] = [reads[0] + reads[1]]
    with pytest.MonkeyPatch.context() as parsing:
        parsing.setattr(KnownHead, "again", lambda _self, _data: None)
        expected = run(loop, reads)
    assert run(loop, reads) == expected


class NobodyElse:
    """The only one of its kind: it gives nothing away."""

    def give(self, _transport: asyncio.Transport, data: bytes) -> bool:
        assert re.match(rb"[A-Z]+ /", data), "it looks at the beginning of requests alone"
        return False

    def give_idle(self, _transport: asyncio.Transport) -> bool:
        return False


class TurnedTransport(MemoryTransport):
    """Brings what has come while nothing was read in a turn of its own, as a real one."""

    def __init__(self, protocol: HttpConnection, turns: Turns) -> None:
        self._turns = turns
        super().__init__(protocol)

    def resume_reading(self) -> None:
        self.reading = True
        self._turns.call_soon(self._deliver)


def serve(
    loop: asyncio.AbstractEventLoop, pieces: Sequence[bytes], *, among_others: bool
) -> object:
    """Return what becomes of a connection whose waiting requests are answered in the end."""
    server = Recorder(loop)
    if among_others:
        server.handover = NobodyElse()
    transport = TurnedTransport(HttpConnection(server), server.turns)
    for piece in pieces:
        transport.receive(piece)
        server.turns.take()
    while server.later:
        server.later.pop(0).respond(200, (), b"at last")
        server.turns.take()
    ended = transport.ended
    transport.lose()
    server.turns.take()
    server.timer.cancel()
    return server.requests, server.heads, bytes(transport.sent), ended


WHOLE = (
    GET,
    GET.replace(b"EIO=4", b"later"),
    GET.replace(b"EIO=4", b"refuse"),
    b"\r\n\r\n" + GET,
    POST + b"4abc",
    POST.replace(b": 4", b":4") + b"4abc",
    b"POST /e/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
)


@settings(max_examples=examples(75), deadline=None)
@given(
    requests=st.lists(st.sampled_from(WHOLE), min_size=1, max_size=8),
    cuts=st.lists(st.integers(0, 1000), max_size=6),
)
@example(requests=[WHOLE[0]] * 3 + [WHOLE[1], WHOLE[5], WHOLE[0], WHOLE[1]], cuts=[339])
@example(requests=[WHOLE[0], WHOLE[1], WHOLE[4], WHOLE[6]], cuts=[])
@example(requests=[WHOLE[3]], cuts=[4])
def test_nothing_shows_whether_there_are_others(
    loop: asyncio.AbstractEventLoop, requests: list[bytes], cuts: list[int]
) -> None:
    stream = b"".join(requests)
    places = sorted({0, len(stream), *(cut % len(stream) for cut in cuts)})
    pieces = [stream[start:end] for start, end in pairwise(places)]
    expected = serve(loop, pieces, among_others=False)
    assert serve(loop, pieces, among_others=True) == expected


def test_a_connection_that_is_lost_before_what_follows_has_its_turn(
    loop: asyncio.AbstractEventLoop,
) -> None:
    server = Recorder(loop)
    server.handover = NobodyElse()
    transport = MemoryTransport(HttpConnection(server))
    transport.receive(GET + GET)
    transport.lose()
    server.turns.take()
    assert len(server.heads) == 1
    server.timer.cancel()


@pytest.mark.parametrize(
    "head",
    [
        GET.replace(b"GET /", b"GET   /"),
        GET.replace(b" HTTP", b"  HTTP"),
        GET.replace(b"GET /e/?EIO=4&t=1x8bcdefg&sid=S", b"GET    /e/?sid=S&sid=T"),
        GET.replace(b"Host: a", b"Host: a\r\nReferer: http://a/?b"),
        GET.replace(b"?EIO=4&t=1x8bcdefg&sid=S", b"").replace(b"Host: a", b"X: ?\r\nHost: a"),
    ],
)
def test_the_query_is_where_the_parser_finds_it(
    loop: asyncio.AbstractEventLoop, head: bytes, parsed: list[RequestReader]
) -> None:
    server = Recorder(loop)
    transport = MemoryTransport(HttpConnection(server))
    for _ in range(3):
        transport.receive(head)
    assert len(parsed) == 1
    assert server.targets[0] == server.targets[1] == server.targets[2]
    assert server.heads[0] == server.heads[1] == server.heads[2]
    transport.lose()
    server.timer.cancel()


def test_a_connection_keeps_two_heads(loop: asyncio.AbstractEventLoop) -> None:
    """One of each method that HTTP has, and a blank line before, would be 400 KB."""
    connection = HttpConnection(Recorder(loop))
    transport = MemoryTransport(connection)
    for method in (b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"COPY", b"LOCK", b"\r\nGET"):
        transport.receive(GET.replace(b"GET", method))
        transport.receive(GET.replace(b"GET", method))
    assert connection._reader is not None
    assert [*connection._reader.known] == [b"G", b"P"]
    transport.lose()
    connection.server.timer.cancel()


BEGUN = b"GET /x HTTP/1.1\r\nX: "
LAST = GET.replace(b"EIO=4", b"later").replace(b"Host", b"Connection: close\r\nHost")


@pytest.mark.parametrize(
    ("reads", "targets", "ended"),
    [
        # What comes in the middle of a head is no head, known or not.
        ([GET, GET, BEGUN, GET], [b"/e/", b"/e/", b"/x"], False),
        ([BEGUN, GET, GET, GET], [b"/x", b"/e/", b"/e/"], False),
        # Nothing follows a request that asks to close.
        ([GET, GET, LAST, GET], [b"/e/", b"/e/", b"/e/"], True),
        ([LAST, LAST, GET], [b"/e/"], True),
    ],
)
def test_what_comes_at_the_wrong_moment_is_not_known(
    loop: asyncio.AbstractEventLoop, reads: list[bytes], targets: list[bytes], ended: bool
) -> None:
    server = Recorder(loop)
    transport = MemoryTransport(HttpConnection(server))
    for read in reads:
        transport.receive(read)
    assert [path for path, *_ in server.heads] == targets
    assert transport.ended == ended
    transport.lose()
    server.timer.cancel()


def test_a_client_that_polls_is_parsed_once_for_each_kind_of_request(
    loop: asyncio.AbstractEventLoop, parsed: list[RequestReader]
) -> None:
    server = Recorder(loop)
    transport = MemoryTransport(HttpConnection(server))
    for stamp in (b"1x8bcdefg", b"000000000", b"1x8bcdefh"):
        transport.receive(GET.replace(b"1x8bcdefg", stamp))
        transport.receive(POST.replace(b"t=ab", b"t=" + stamp[:2]) + b"4abc")
    assert len(server.requests) == 6
    assert len(parsed) == 2
    # In two reads, or with the next behind it, it is parsed; and is known as before afterwards.
    transport.receive(GET[:10])
    transport.receive(GET[10:])
    transport.receive(GET + GET)
    # The second of a read is for the next turn of the loop.
    assert len(server.requests) == 8
    server.turns.take()
    transport.receive(GET)
    assert len(server.requests) == 10
    assert len(parsed) == 5
    transport.lose()
    server.timer.cancel()
