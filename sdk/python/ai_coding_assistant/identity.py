"""Who the user of a client is, which the server is told on every connection."""

from __future__ import annotations

import logging
from typing import Any

from ai_coding_assistant.calling import Caller
from ai_coding_assistant.errors import Refused
from ai_coding_assistant.events import AuthResult, User

logger = logging.getLogger("ai_coding_assistant")


class Identity:
    """The session of a client, or the user's id in open mode.

    `user` is who the server says that one is; None before, and for a guest in no project.
    """

    def __init__(self, socket: Caller, session_id: str | None, user_id: str | None) -> None:
        self.session_id = session_id
        self.user: User | None = None
        self._socket = socket
        self._user_id = user_id

    def credentials(self) -> dict[str, Any] | None:
        """Return what a connection is opened with."""
        return None if self.session_id is None else {"sessionId": self.session_id}

    def hear(self, event: str, data: dict[str, Any]) -> None:
        """Take an event, which may tell another id of the session."""
        if event == "auth:session" and "id" in data["session"]:
            self.session_id = data["session"]["id"]

    async def present(self) -> None:
        """Tell the server who the user is. A client whose session is over is a guest where the
        server runs in open mode.

        Raises:
            Refused: the session is over (`UNAUTHORIZED`), or the server cannot tell now.
            Unreachable: there is no answer.
        """
        if self.session_id is not None:
            await self._present_session(self.session_id)
        elif self._user_id is not None:
            answer = await self._socket.insist("user:join", {"userId": self._user_id})
            self.user = answer["user"]

    async def _present_session(self, session_id: str) -> None:
        try:
            answer = await self._socket.insist("auth:session", {"sessionId": session_id})
            self.user = answer["user"]
        except Refused as error:
            if error.code != "UNAUTHORIZED":
                raise
            self.user = None
            try:
                # Only a server in open mode lets somebody without a session see projects.
                await self._socket.insist("project:list")
            except Refused as refused:
                # Whatever else it is, it does not say which server this is.
                raise (error if refused.code == "UNAUTHORIZED" else refused) from None
            logger.warning("%s; going on as a guest, because the server is in open mode", error)

    async def login(self, username: str, password: str) -> AuthResult:
        """Open a session. Return the acknowledgement.

        Raises:
            Refused: the name or the password is wrong (`UNAUTHORIZED`).
            Unreachable: there is no answer.
        """
        payload = {"username": username, "password": password}
        answer = await self._socket.call("auth:login", payload)
        self.user, self.session_id = answer["user"], answer["session"]["id"]
        return answer

    async def logout(self) -> None:
        """End the session.

        Raises:
            Refused, Unreachable: as `Caller.call`.
        """
        await self._socket.call("auth:logout")
        self.user = self.session_id = None
