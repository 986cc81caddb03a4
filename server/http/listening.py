"""The addresses that a host name stands for, bound before anything is served.

"localhost" is two addresses, 127.0.0.1 and ::1, and each client decides which one it tries first.
asyncio would give each address a free port of its own. So the sockets are made here, all on one
port. Where there is no IPv6, 127.0.0.1 is enough.
"""

from __future__ import annotations

import errno
import socket
from typing import Final

_FREE_PORT_ATTEMPTS: Final = 20
_NO_IPV6: Final = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT)


class ListenError(Exception):
    """An address cannot be listened on. The message says which, and what to do."""


def bind(host: str, port: int) -> list[socket.socket]:
    """Return listening sockets for `host`, all on one port; 0 picks a free one.

    Raises:
        ListenError: the host is unknown, or an address cannot be bound.
    """
    for _ in range(_FREE_PORT_ATTEMPTS if port == 0 else 1):
        try:
            return _bind_all(host, port)
        except OSError as error:
            reason = error
            if error.errno != errno.EADDRINUSE:
                break
    raise refusal(host, port, reason) from reason


def refusal(host: str, port: int, error: OSError) -> ListenError:
    """Return the error for an address that cannot be listened on, with what to do."""
    return ListenError(f"cannot listen on {url(host, port)}: {_advice(error)}")


def url(host: str, port: int) -> str:
    """Return the URL at which clients reach the server."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _bind_all(host: str, port: int) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    try:
        for family, address in _addresses(host):
            try:
                sockets.append(_listener(family, address, port))
            except OSError as error:
                if sockets and family == socket.AF_INET6 and error.errno in _NO_IPV6:
                    continue
                raise
            port = sockets[0].getsockname()[1]
    except OSError:
        for listener in sockets:
            listener.close()
        raise
    return sockets


def _addresses(host: str) -> list[tuple[socket.AddressFamily, str]]:
    if host.lower() == "localhost":
        return [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))


def _listener(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    # "::" alone serves IPv4 as well, as in most programs. Beside an IPv4 address it must not.
    both = address == "::" and socket.has_dualstack_ipv6()
    return socket.create_server((address, port), family=family, backlog=4096, dualstack_ipv6=both)


def _advice(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "the host is unknown; correct HOST or --host"
    if error.errno == errno.EADDRINUSE:
        return "the port is in use; stop the other program, or choose another with PORT or --port"
    if error.errno == errno.EACCES:
        return "not permitted; choose a port from 1024 on with PORT or --port"
    if error.errno == errno.EADDRNOTAVAIL:
        return "the address is none of this machine's; correct HOST or --host"
    return error.strerror or str(error)
