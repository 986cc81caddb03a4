"""Makes one answer: tells what the model says as it comes, and in one event how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Sequence
from typing import Final

from server.ai.answer_request import AnswerRequest
from server.ai.blocks import Block
from server.ai.proposals import MAX_PROPOSED
from server.ai.provider import Provider, ProviderError
from server.ai.questions import question_of, told_context
from server.api.ai_announcements import (
    AiProcessing,
    AiProposed,
    AiResponded,
    CodeCompleted,
    CodeFailed,
    CodeStarted,
)
from server.api.envelope import timestamp
from server.api.errors import Code, EventError
from server.api.records import AiResponse, ChatMessage, Unfit, Usage, User
from server.api.services import Services

logger = logging.getLogger("server.ai")

_HISTORY: Final = 10
"""Messages before the question that the model is shown."""
_ASSISTANT: Final = User("assistant", "Assistant")


class AnswerMaker:
    """Makes answers with a model. `timeout` is how many seconds one answer may take."""

    def __init__(self, services: Services, provider: Provider, timeout: float) -> None:
        self._services = services
        self.provider = provider
        self._timeout = timeout

    async def make(self, request: AnswerRequest, history: Sequence[ChatMessage]) -> None:
        """Ask the model, tell what it answers as it comes, and keep it."""
        usage: Usage | None = None
        error: EventError | None = None
        request.begun = True
        try:
            request.tell(AiProcessing(status="started", request_id=request.id))
            if request.ending is None:
                async with asyncio.timeout(self._timeout):
                    usage = await self._stream(request, history)
        except asyncio.CancelledError:
            # Only `end` cancels this task, and `ending` says why.
            pass
        except TimeoutError:
            error = _failure(f"the assistant took longer than {self._timeout:g} seconds")
        except ProviderError as failure:
            error = _failure(str(failure))
        except Exception as failure:
            error = _told(failure)
        await self._conclude(request, usage, error)

    async def keep(
        self, request: AnswerRequest, message: ChatMessage, key: str | None = None
    ) -> list[ChatMessage] | tuple[str, str]:
        """Store a message. Return those before it; or the ids of the request and the message that
        were sent with this key before.
        """
        project_id = request.project_id
        if project_id is None:
            return []
        return await request.call.store.conversations.add(project_id, message, _HISTORY, key)

    async def _stream(self, request: AnswerRequest, history: Sequence[ChatMessage]) -> Usage | None:
        question = await question_of(self._services, request, history, self.provider.budget)
        if question.material.budget and question.sources is not None:
            request.context = told_context(question.material)
        if request.proposals is not None:
            request.proposals.shown = question.material.texts
        asking = AiProcessing(
            status="progress", request_id=request.id, progress=25, context=request.context
        )
        request.tell(asking)
        usage: Usage | None = None
        # Closed when the block is left, and not some time later by the garbage collector.
        async with contextlib.aclosing(self.provider.stream(question)) as stream:
            async for piece in stream:
                if isinstance(piece, Usage):
                    usage = piece
                    continue
                if not piece:
                    continue
                if not request.text:
                    request.tell(CodeStarted(request_id=request.id))
                    writing = AiProcessing(status="progress", request_id=request.id, progress=50)
                    request.tell(writing)
                for block in request.text.add(piece):
                    await self._propose(request, block)
                if request.text.is_full:
                    break
        for block in request.text.end(is_whole=not request.text.is_full):
            await self._propose(request, block)
        return usage

    async def _propose(self, request: AnswerRequest, block: Block) -> None:
        """Make an action of a block, or of an edit of one, and tell of it after the text of the
        block.
        """
        action = None if request.proposals is None else await request.proposals.take(block)
        if action is None:
            return
        if not block.goes_on:
            request.proposed += len(action.content)
        # A file may be in many blocks, and each would tell the whole file again. The response has
        # all proposals, also those that are not told here.
        if block.goes_on or request.proposed <= MAX_PROPOSED:
            request.text.tell_now()
            request.tell(AiProposed(request_id=request.id, action=action))

    async def _conclude(
        self, request: AnswerRequest, usage: Usage | None, error: EventError | None
    ) -> None:
        """Say in one event how the answer ended, whatever happens. From here on nothing stops the
        answer.
        """
        if request.ending == "dropped":
            return
        unfit = [
            Unfit(block.path, block.fault)
            for block in request.text.end(is_whole=False)
            if block.fault is not None
        ]
        content = str(request.text)
        cancelled = request.ending == "cancelled"
        # So that `end` does nothing any more.
        request.ending = "dropped"
        request.is_over = True
        if request.proposals is not None:
            unfit = [*request.proposals.unfit, *unfit]
        actions = [] if request.proposals is None else request.proposals.actions
        response = AiResponse(
            id=f"message-{secrets.token_hex(8)}",
            request_id=request.id,
            content=content,
            provider=self.provider.name,
            model=self.provider.model,
            cancelled=cancelled,
            actions=actions or None,
            unfit=unfit or None,
            context=request.context,
            usage=usage,
        )
        if error is None:
            message = ChatMessage(
                id=response.id,
                request_id=request.id,
                role="assistant",
                user=_ASSISTANT,
                content=response.content,
                created_at=timestamp(),
                response=response,
            )
            try:
                await self.keep(request, message)
            except Exception as failure:
                error = _told(failure)
        # Decisions that came while the answer was being stored go on now.
        request.kept.set()
        if error is not None:
            if content:
                request.tell(CodeFailed(request_id=request.id, error=error.data))
            failed = AiProcessing(status="error", request_id=request.id, error=error.data)
            request.tell(failed)
            return
        if content:
            request.tell(
                CodeCompleted(request_id=request.id, content=response.content, cancelled=cancelled),
            )
        request.tell(AiProcessing(status="completed", request_id=request.id, progress=100))
        request.tell(AiResponded(response=response, request_id=request.id))


def _told(failure: Exception) -> EventError:
    """Return what the client learns of a failure: the message if it was written for clients."""
    if isinstance(failure, EventError):
        return failure
    logger.error("the assistant failed", exc_info=failure)
    return _failure("the assistant failed; the server's log says why")


def _failure(message: str) -> EventError:
    return EventError(Code.AI_SERVICE_ERROR, message)
