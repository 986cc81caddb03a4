"""The owners of the bytes that are held for a client: its address and its user.

An address that may be a proxy's owns nothing: it has many clients. The names that the application
gives are used as they are.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from engineio_min.limits.account import Owner
from engineio_min.limits.quotas import peer_address
from engineio_min.request import Request

logger = logging.getLogger("engineio_min")

Name = Callable[[Request], str | None]


class Owners:
    """The owners of what is held for the clients of a server.

    `address` and `user` are the application's names of those, None for the peer's address and for
    no user. `may_be_proxy(client)` tells whether an address may have many clients.
    """

    __slots__ = ("_address", "_may_be_proxy", "_user")

    def __init__(
        self, address: Name | None, user: Name | None, may_be_proxy: Callable[[str], bool]
    ) -> None:
        self._address = address
        self._user = user
        self._may_be_proxy = may_be_proxy

    def of(self, request: Request, user: str | None) -> Sequence[Owner]:
        """Return the owners of what is held for the client of `request`.

        `user` is what the application has said since the handshake, None for nothing. There are no
        owners if a function of the application fails.
        """
        try:
            if self._address is not None:
                address = self._address(request)
            else:
                address = None if self._may_be_proxy(request.client) else peer_address(request)
            if user is None and self._user is not None:
                user = self._user(request)
        except Exception:
            logger.exception(
                "address or user failed; what a client makes the server hold is its own"
            )
            return ()
        owners = (("address", address), ("user", user))
        return [(kind, name) for kind, name in owners if name is not None]
