"""Who the user of a client is, which the server is told on every connection."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from ai_coding_assistant.chains import Chains
from ai_coding_assistant.documents import Editor
from ai_coding_assistant.errors import Refused, SessionEnded
from ai_coding_assistant.events import AuthResult, User

logger = logging.getLogger("ai_coding_assistant")


class Identity:
    """The session of a client, or the user's id in open mode.

    `user` is who the server says that one is; None before, and for a guest in no project. `end`
    hears when the client is not that user's any more.
    """

    def __init__(
        self,
        socket: Editor,
        chains: Chains,
        end: Callable[[SessionEnded], object],
        session_id: str | None,
        user_id: str | None,
    ) -> None:
        self.session_id = session_id
        self.user: User | None = None
        # Whether `user` is no guest: what is a guest's becomes the next user's.
        self._is_named = False
        self._socket = socket
        self._chains = chains
        self._end = end
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
            self._become(answer["user"])

    async def _present_session(self, session_id: str) -> None:
        try:
            answer = await self._socket.insist("auth:session", {"sessionId": session_id})
            self._become(answer["user"])
        except Refused as error:
            if error.code != "UNAUTHORIZED":
                raise
            self.user, self._is_named = None, False
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
        await self._socket.until_in("auth:login")
        with self._chains.paused():
            answer = await self._socket.ask("auth:login", payload)
            self._become(answer["user"])
            self.session_id = answer["session"]["id"]
        return answer

    def _become(self, user: User) -> None:
        if self.user is not None and self.user["id"] != user["id"]:
            if self._is_named:
                self._end(SessionEnded("another user has logged in"))
            for document in self._socket.documents:
                document.become(user["id"])
        self.user, self._is_named = user, True

    async def logout(self) -> None:
        """End the session.

        Raises:
            Refused, Unreachable: as `Editor.call`.
        """
        await self._socket.until_in("auth:logout")
        with self._chains.paused():
            await self._socket.ask("auth:logout")
            self.user = self.session_id = None
            self._is_named = False
            self._end(SessionEnded("the session was ended"))
