"""The answers that the assistant is making, each from its message to its end.

    ai:message ─► stored, told to the room as ai:message, acknowledged with its requestId
      └► ai:processing started ─► code:started, code:chunk …, ai:proposed … ─► code:completed
           └► stored ─► ai:processing completed, ai:response

Each accepted message ends in exactly one `ai:response` or one `ai:processing` with "error". A
cancelled one ends in a response with what there was until then. The answer is made beside the
events of its socket, which does not wait for it. It belongs to the project, and goes on for a while
when the connection that has asked is lost, as a lock does.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec

from server.ai.answer_making import AnswerMaker
from server.ai.answer_request import AnswerRequest
from server.ai.answer_text import MAX_ANSWER, AnswerText
from server.ai.context import Asked
from server.ai.conversation import MAX_MESSAGE, AiMessagePayload, AiMessageResult, ChatContext
from server.ai.proposals import Proposals
from server.ai.provider import Provider
from server.api import node_events
from server.api.ai_announcements import AiMessage
from server.api.envelope import timestamp
from server.api.errors import Code, EventError
from server.api.paths import normal
from server.api.records import Answer, Assistant, ChatMessage, Decision, User
from server.api.services import Call, Services
from server.api.validation import invalid
from server.live.node_messages import selection_of
from server.people.room_access import project_room
from socketio_min import AcknowledgementTimeout

MAX_AT_ONCE: Final = 2
"""Answers that may be made for one user at the same time."""
_ASK_SECONDS: Final = 1.0
"""Seconds for which other nodes are waited for."""


class Answers:
    """The answers that are being made. `timeout` is how many seconds one answer may take."""

    def __init__(self, services: Services, provider: Provider, timeout: float) -> None:
        self._services = services
        self.maker = AnswerMaker(services, provider, timeout)
        self._requests: dict[str, AnswerRequest] = {}

    def __len__(self) -> int:
        return len(self._requests)

    @property
    def assistant(self) -> Assistant:
        """Return what writes the answers."""
        provider = self.maker.provider
        return Assistant(provider.name, provider.model, provider.budget)

    # -- from a message to its answer

    async def ask(self, call: Call[AiMessagePayload]) -> AiMessageResult:
        """Store a message and begin with its answer."""
        payload = call.payload
        if len(payload.message.encode()) > MAX_MESSAGE:
            raise invalid("$.message", f"is too long, expected at most {MAX_MESSAGE} bytes")
        named = None if payload.context is None else payload.context.current_file
        context = payload.context or ChatContext()
        asked = Asked(
            message=payload.message,
            current_file=None if named is None else normal(named),
            selection=None if context.selection is None else selection_of(context.selection),
            open_files=[normal(path) for path in context.open_files or ()],
        )
        waiting = [one for one in self._requests.values() if one.call.user == call.user]
        for one in waiting:
            # Looked for before the limit, which would refuse a message that is only sent again.
            if _is_resent(payload, one) and one.message_id is not None:
                return AiMessageResult(one.id, one.message_id)
        elsewhere = self._services.cluster_presence.others.answers_of(call.user.id)
        if len(waiting) + elsewhere >= MAX_AT_ONCE:
            raise EventError(
                Code.RATE_LIMIT_EXCEEDED,
                f"{MAX_AT_ONCE} answers are being made for you, the most at once: "
                "wait for one, or cancel it",
            )
        request_id = f"request-{secrets.token_hex(8)}"
        text = AnswerText(
            lambda piece: request.tell_text(piece),
            asyncio.get_running_loop().call_later,
            of_project=payload.project_id is not None,
        )
        project_id = payload.project_id
        proposals = None if project_id is None else Proposals(call, project_id)
        request = AnswerRequest(request_id, call, text, proposals, asked)
        # The place is taken before anything is waited for.
        self._begin(request)
        try:
            message = ChatMessage(
                id=f"message-{secrets.token_hex(8)}",
                request_id=request.id,
                role="user",
                user=call.user,
                content=payload.message,
                created_at=timestamp(),
            )
            history = await self.maker.keep(request, message, payload.key)
            if isinstance(history, tuple):
                self._end(request)
                return AiMessageResult(*history)
            call.check_connected()
            request.message_id = message.id
        except BaseException:
            self._end(request)
            raise
        request.tell(
            AiMessage(
                message=payload.message,
                user=call.user,
                request_id=request.id,
                message_id=message.id,
            ),
        )
        request.task = asyncio.create_task(self._answer(request, history))
        return AiMessageResult(request.id, message.id)

    def _begin(self, request: AnswerRequest) -> None:
        self._requests[request.id] = request
        self._services.cluster_presence.changed(request.call.user)

    async def _answer(self, request: AnswerRequest, history: Sequence[ChatMessage]) -> None:
        try:
            await self.maker.make(request, history)
        finally:
            request.kept.set()
            self._end(request)

    def _end(self, request: AnswerRequest) -> None:
        del self._requests[request.id]
        self._services.cluster_presence.changed(request.call.user)

    # -- those that are being made

    def being_made(self) -> dict[User, dict[str, str]]:
        """Return the project of each answer, by user and request; those of no project are left out,
        because nobody but their users sees them.
        """
        found: dict[User, dict[str, str]] = {}
        for request in self._requests.values():
            if request.project_id is not None:
                found.setdefault(request.call.user, {})[request.id] = request.project_id
        return found

    def answering(self, project_id: str) -> list[Answer]:
        """Return the answers of a project that are being made."""
        left = MAX_ANSWER
        answers = []
        for request in self._requests.values():
            if request.project_id != project_id:
                continue
            content = request.text.told
            actions = [] if request.proposals is None else request.proposals.actions
            left -= len(content) + sum(len(action.content) for action in actions)
            answers.append(
                Answer(
                    request_id=request.id,
                    user=request.call.user,
                    chunks=request.chunks,
                    content=content if left >= 0 else None,
                    actions=actions if left >= 0 and actions else None,
                )
            )
        return answers

    async def all_answering(self, project_id: str) -> list[Answer]:
        """Return the answers of a project that are being made on all nodes."""
        answers: list[Answer] = []
        if self._services.cluster_presence.others.is_answering(project_id):
            try:
                told = await self._services.io.server_side_call(
                    node_events.ANSWERS, project_id, timeout=_ASK_SECONDS
                )
            except AcknowledgementTimeout as error:
                told = list(error.responses)
            for one in told:
                # A node of another version may answer something else: then it has none.
                with contextlib.suppress(msgspec.ValidationError):
                    answers += msgspec.convert(one, list[Answer])
        return [*self.answering(project_id), *answers]

    async def decide(
        self, call: Call[Any], request_id: str, action_id: str, decision: Decision
    ) -> bool:
        """Keep what became of an action of an answer. Return whether that is new.

        Raises:
            EventError: there is no such action (`NOT_FOUND`), or it was decided otherwise
            (`VERSION_CONFLICT`).
        """
        project_id: str = call.payload.project_id
        request = self._requests.get(request_id)
        if request is not None and request.project_id == project_id and request.proposals:
            if not request.is_over:
                return request.proposals.decide(action_id, decision)
            await request.kept.wait()
        return await call.store.conversations.decide(project_id, request_id, action_id, decision)

    # -- ended early

    def cancel(self, request_id: str, user: User) -> bool:
        """Stop an answer. Return whether the user has an answer of that id."""
        request = self._requests.get(request_id)
        if request is None:
            services = self._services
            made = services.cluster_presence.others.answer(request_id)
            if made is None or made[0] != user.id:
                return False
            services.io.server_side_emit(node_events.ANSWER_CANCELLED, request_id, user.id)
            return True
        if request.call.user.id != user.id:
            return False
        request.end("cancelled")
        return True

    def abandon(self, socket_id: str) -> None:
        """Stop the answers that a socket waits for."""
        for request in self._of_socket(socket_id):
            request.end("cancelled")

    def orphan(self, socket_id: str) -> bool:
        """Stop the answers of a lost connection that nobody else hears. Return whether some go on.

        An answer for a project goes on, because others in the project hear it.
        """
        requests = self._of_socket(socket_id)
        for request in requests:
            if request.project_id is None:
                request.end("cancelled")
        return any(request.project_id is not None for request in requests)

    def grace_over(self, socket_id: str) -> None:
        """Stop the answers of a lost connection. Those whose user is in the project again on
        another connection belong to that one now.
        """
        services = self._services
        for request in self._of_socket(socket_id):
            user, project_id = request.call.user, request.project_id or ""
            own = services.sockets.of_user(user.id)
            room = project_room(project_id)
            back = next((socket for socket in own if room in socket.rooms), None)
            if back is not None:
                request.call = replace(request.call, socket=back)
            elif not services.presence.has(project_id, user):
                request.end("cancelled")

    def withdraw(self, project_id: str, user_id: str) -> None:
        """Stop the answers of a user who may not see the project any more."""
        for request in list(self._requests.values()):
            if request.call.user.id == user_id and request.project_id == project_id:
                request.end("cancelled")

    def _of_socket(self, socket_id: str) -> list[AnswerRequest]:
        return [one for one in self._requests.values() if one.call.socket.id == socket_id]

    def project_deleted(self, project_id: str) -> None:
        """Drop the answers of a deleted project: there is nowhere to keep them."""
        for request in list(self._requests.values()):
            if request.project_id == project_id:
                request.end("dropped")

    async def finish(self, seconds: float) -> None:
        """Wait until all answers that are being made have ended, at most so many seconds."""
        if tasks := [one.task for one in self._requests.values() if one.task is not None]:
            await asyncio.wait(tasks, timeout=seconds)

    async def close(self) -> None:
        """Stop all answers, and keep what there is of them."""
        for request in self._requests.values():
            request.end("cancelled")
        tasks = [one.task for one in self._requests.values() if one.task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.maker.provider.close()


def _is_resent(payload: AiMessagePayload, request: AnswerRequest) -> bool:
    """Return whether a message is the question of an answer, sent again with the same key."""
    before = request.call.payload
    return payload.key is not None and (payload.key, payload.project_id) == (
        before.key,
        before.project_id,
    )
