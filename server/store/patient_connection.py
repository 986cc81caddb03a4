"""A connection to PostgreSQL that does not wait for ever, and says while it waits."""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

from server.store.giving_way import AtRest

PATIENCE: Final = 15.0
"""Seconds after which a connection without an answer is given up."""


class Unreachable(psycopg.OperationalError):
    """There is no connection."""

    sqlstate = "08006"


class PatientConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that waits for an answer for only so many seconds: `patience`, or `PATIENCE`.
    `at_rest` is set meanwhile.
    """

    at_rest: AtRest
    patience: float | None = None

    def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for an answer; see psycopg's.

        Raises:
            Unreachable: there was none in time. The connection is closed.
        """
        patience = PATIENCE if self.patience is None else self.patience
        at_rest = self.at_rest
        try:
            at_rest.answers_at = self.pgconn.socket
            at_rest.set()
            return super().wait(gen, interval, patience if timeout is None else timeout)
        except psycopg.OperationalError as error:
            if self.pgconn.transaction_status != TransactionStatus.ACTIVE:
                raise
            self.close()
            raise Unreachable(f"no answer within {patience:.0f} seconds") from error
        finally:
            at_rest.answers_at = None
            at_rest.clear()
