"""What a client may send about who it is."""

from __future__ import annotations

from typing import Final

from server.accounts import auth
from server.api.rate_limit import Rate
from server.api.registry import Access, EventSpec
from server.api.types import Payload

# The wait after failed logins is something else, in `attempts`.
_LOGIN: Final = Rate("login", burst=20, per_second=1, of_connection=True)
_SESSION: Final = Rate("session", burst=20, per_second=1, of_connection=True)

ACCOUNTS: Final = (
    EventSpec(
        name="auth:session",
        payload=auth.SessionPayload,
        handler=auth.session,
        result=auth.AuthResult,
        access=Access.ANYBODY,
        rate=_SESSION,
        failure="auth:error",
    ),
    EventSpec(
        name="auth:login",
        payload=auth.LoginPayload,
        handler=auth.login,
        result=auth.AuthResult,
        access=Access.ANYBODY,
        rate=_LOGIN,
        failure="auth:error",
    ),
    EventSpec(
        name="auth:check",
        payload=Payload,
        handler=auth.check,
        result=auth.SessionResult,
        access=Access.ANYBODY,
        failure="auth:error",
    ),
    EventSpec(
        name="auth:refresh",
        payload=Payload,
        handler=auth.refresh,
        result=auth.SessionResult,
        access=Access.ANYBODY,
        rate=_SESSION,
        failure="auth:error",
    ),
    EventSpec(
        name="auth:logout",
        payload=Payload,
        handler=auth.logout,
        result=auth.LogoutResult,
        failure="auth:error",
    ),
)
