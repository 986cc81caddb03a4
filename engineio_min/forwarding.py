"""Which client a request comes from when proxies stand between: what they say, and when to trust
it.

Anybody can write these headers. So they count only from peers that the application has named, and
only as far as such peers have written them: each proxy adds to the right, so the addresses are read
from the right up to the first that is no trusted proxy, which is the client. X-Forwarded-For, -Host
and -Proto are the usual headers, Forwarded (RFC 7239) is the standard. A proxy sets one kind and
passes on the other as the client wrote it; which one it sets cannot be told. So where the two name
different clients, neither is believed.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from engineio_min.errors import UsageError
from engineio_min.limits.addresses import parse_ip, parse_network
from engineio_min.request import Request

# What stands for the peers on a Unix socket, which have no address.
UNIX = "unix:"

_HEADERS = frozenset(("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"))
_SECURE = {"https": True, "wss": True, "http": False, "ws": False}
_HOST = re.compile(r"(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.ASCII | re.IGNORECASE)
# An address with or without a port; of IPv6 in brackets.
_NODE = re.compile(r"(?:\[(?P<v6>[^\]]+)\]|(?P<v4>[0-9.]+))(?::\w+)?", re.ASCII)
_ELEMENTS = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+')
_PARAMETERS = re.compile(r'(?:[^;"]|"(?:[^"\\]|\\.)*")+')


class Hop(NamedTuple):
    """What a proxy says of the request that it got: from whom, for which host, by which scheme."""

    client: str
    host: str
    scheme: str


class TrustedProxies:
    """The proxies whose headers are believed.

    networks: addresses and networks, such as "10.0.0.0/8"; "unix:" for whoever connects over a Unix
    socket.

    Raises:
        UsageError: one of them is no address and no network.
    """

    def __init__(self, networks: Sequence[str]) -> None:
        if isinstance(networks, str):
            raise UsageError(
                f"trusted_proxies: got {networks!r}, expected several in a list: [{networks!r}]"
            )
        self._unix = UNIX in networks
        self._networks = [
            parse_network("trusted_proxies", text, f", or {UNIX!r}")
            for text in networks
            if text != UNIX
        ]
        # The same few peers send every request.
        self.trusts = functools.lru_cache(maxsize=256)(self._trusts)

    def _trusts(self, client: str) -> bool:
        if not client:
            return self._unix
        try:
            address = parse_ip(client)
        except ValueError:
            # An ASGI host may call its clients what it likes.
            return False
        return any(address in network for network in self._networks)

    def apply(self, request: Request) -> bool:
        """Set the request's client, host and scheme to what trusted proxies say of them.

        Return False if two headers name different clients, so that none was believed.
        """
        if not self.trusts(request.peer) or _HEADERS.isdisjoint(request.headers):
            return True
        told = self._outermost(_usual_hops(request.headers))
        if "forwarded" in request.headers:
            standard = self._outermost(_standard_hops(request.headers["forwarded"]))
            if not standard.client or not told.client:
                told = standard if standard.client else told
            elif standard.client != told.client:
                return False
        request.client = told.client or request.peer
        request.secure = _SECURE.get(told.scheme, request.secure)
        if _HOST.fullmatch(told.host):
            request.host = told.host
        return True

    def _outermost(self, hops: list[Hop]) -> Hop:
        """Return what the trusted proxy that is nearest to the client says."""
        told = Hop("", "", "")
        for hop in reversed(hops):
            client = _read_node(hop.client)
            told = Hop(client, hop.host, hop.scheme)
            if not client or not self.trusts(client):
                break
        return told


def _usual_hops(headers: Mapping[str, str]) -> list[Hop]:
    """Return the hops of the X-Forwarded headers, the outermost first.

    A list that is shorter than the longest lacks its outer entries: its first one counts for them.
    """
    lists = [
        [item.strip() for item in headers[name].split(",")] if name in headers else [""]
        for name in ("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto")
    ]
    length = max(map(len, lists))
    filled = [[items[0]] * (length - len(items)) + items for items in lists]
    if len(lists[0]) < length:
        # More hosts or schemes than addresses: those that no trusted proxy stands for are not read.
        filled[0] = [""] * (length - len(lists[0])) + lists[0]
    return [Hop(client, host, scheme.lower()) for client, host, scheme in zip(*filled, strict=True)]


def _standard_hops(header: str) -> list[Hop]:
    """Return the hops of a Forwarded header (RFC 7239, section 4), the outermost first."""
    hops = []
    for element in _ELEMENTS.findall(header):
        fields: dict[str, str] = {}
        for parameter in _PARAMETERS.findall(element):
            name, _, value = parameter.partition("=")
            value = value.strip()
            if value[:1] == '"':
                value = re.sub(r"\\(.)", r"\1", value[1:-1])
            fields[name.strip().lower()] = value
        hops.append(
            Hop(fields.get("for", ""), fields.get("host", ""), fields.get("proto", "").lower())
        )
    return hops


def _read_node(text: str) -> str:
    """Return the address in a node's name, without its port; "" if there is none."""
    match = _NODE.fullmatch(text)
    if match is not None:
        text = match["v6"] or match["v4"]
    try:
        return str(parse_ip(text))
    except ValueError:
        return ""
