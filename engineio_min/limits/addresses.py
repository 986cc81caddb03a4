"""Addresses of peers: which address a text means, and which addresses count as one peer."""

from __future__ import annotations

import ipaddress
import socket

from engineio_min.errors import UsageError

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# A connection of an IPv4 client on a socket for both versions.
_MAPPED = b"\0" * 10 + b"\xff\xff"


def parse_ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return the address that a text means, as IPv4 if it is one in IPv6 notation.

    Raises:
        ValueError: the text is no address.
    """
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def parse_network(option: str, text: str, besides: str = "") -> IPNetwork:
    """Return the network that a text in an option means; an address is a network of its own.

    `besides` says what else the option may name.

    Raises:
        UsageError: the text is neither.
    """
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise UsageError(
            f"{option}: got {text!r}, expected an address or a network such as 10.0.0.0/8"
            f"{besides}: {error}"
        ) from None


def network_of(client: str) -> str:
    """Return an IPv4 address as it is usually written; of an IPv6 address its /64 network, since
    one host may use any address of it.

    A text that is no address is returned as it is: an ASGI host may call its clients otherwise.
    """
    if ":" not in client:
        return client
    try:
        packed = socket.inet_pton(socket.AF_INET6, client.partition("%")[0])
    except OSError:
        return client
    if packed.startswith(_MAPPED):
        return socket.inet_ntop(socket.AF_INET, packed[12:])
    return socket.inet_ntop(socket.AF_INET6, packed[:8] + bytes(8)) + "/64"
