"""The nodes, which are the servers that share the database, as methods to await."""

from __future__ import annotations

from server.store import nodes
from server.store.database import Desk


class Nodes:
    """Ends nodes that are gone, and tells the others. Only PostgreSQL has nodes."""

    __slots__ = ("_desk",)

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def tell_failed_login(self, subject: str) -> None:
        """Let the other nodes hear of a failed login."""
        await self._desk.run(lambda c: nodes.tell_failed_login(c, subject))

    async def bury(self, grace: float) -> nodes.Buried:
        """End the nodes whose leases are over for more than `grace` seconds; see `nodes.bury`."""
        return await self._desk.run(lambda c: nodes.bury(c, grace))
