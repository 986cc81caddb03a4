"""The requests that carry a client's session on long-polling (Engine.IO v4, "HTTP long-polling").

One GET always waits for what the server sends, and one POST at a time brings what the client sends;
when either may begin is the session's rule.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from engineio_min.client.http import HttpClient
from engineio_min.errors import ConnectionFailed
from engineio_min.protocol.client_session import ClientSession
from engineio_min.protocol.packets import Packet, decode_payload, encode_payload


class ClientPolling:
    """The polls and posts of one session.

    `target` gives the target of the next request. `receive(packets)` takes what a poll brings,
    `flush()` follows each answer, `failed(error)` is called once a request has failed. No poll
    begins while `running` is not set.
    """

    def __init__(
        self,
        session: ClientSession,
        http: HttpClient,
        target: Callable[[], str],
        running: asyncio.Event,
        *,
        max_packets: int,
        receive: Callable[[Iterable[Packet]], None],
        flush: Callable[[], None],
        failed: Callable[[ConnectionFailed], None],
    ) -> None:
        self._session = session
        self._http = http
        self._target = target
        self._running = running
        self._max_packets = max_packets
        self._receive = receive
        self._flush = flush
        self._failed = failed

    async def poll(self) -> None:
        """Poll until the session leaves polling or is over."""
        session = self._session
        while session.begin_poll():
            body = await self._request("GET")
            if body is None:
                return
            self._receive(decode_payload(body, self._max_packets))
            session.polled()
            self._flush()
            await self._running.wait()

    async def post(self, packets: list[Packet]) -> None:
        """Send one payload."""
        if await self._request("POST", encode_payload(packets)) is not None:
            self._session.posted()
            self._flush()

    async def _request(self, method: str, body: bytes | None = None) -> bytes | None:
        """Send a request and return the body of its answer. Return None if it failed; the session
        has then failed, too.
        """
        try:
            response = await self._http.request(method, self._target(), body)
            if response.status != 200:
                raise response.refusal()
        except ConnectionFailed as error:
            self._failed(error)
            return None
        return response.body
