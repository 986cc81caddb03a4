"""What the provider is asked for an answer: the message, the chat before it and the project."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from server.ai.answer_request import AnswerRequest
from server.ai.context import gather
from server.ai.conversation import ChatContext
from server.ai.provider import Material, Question, Sources
from server.api.records import AiContext, ChatMessage, ContextFile, File
from server.api.services import Services

_FILES_AT_ONCE: Final = 500
"""Files of a project that are listed by one piece of the database's work."""


async def question_of(
    services: Services, request: AnswerRequest, history: Sequence[ChatMessage], budget: int
) -> Question:
    """Return what the provider is asked: the message, and as much of the project as `budget` bytes
    hold.

    Raises:
        EventError: too much work waits.
    """
    payload = request.call.payload
    context = payload.context or ChatContext()
    sources = await _sources(services, request)
    material = Material(budget=budget)
    if sources is not None and budget:
        material = await gather(
            services.background,
            request.call.user.id,
            sources,
            request.asked,
            budget,
        )
    return Question(
        message=payload.message,
        user_id=request.call.user.id,
        sources=sources,
        history=history,
        material=material,
        current_file=request.asked.current_file,
        language=context.language,
        framework=context.framework,
    )


async def _sources(services: Services, request: AnswerRequest) -> Sources | None:
    project_id, store = request.project_id, request.call.store
    if project_id is None:
        return None
    # The question is about what was typed, though it is not saved yet.
    await services.saver.save_project(project_id, request.call.user.id)
    project, versions = await store.versions.with_project(project_id)
    if project is None:
        return None
    files: list[File] = []
    after: str | None = ""
    while after is not None:
        page = await store.files.page(project_id, after, _FILES_AT_ONCE)
        files += page.items
        after = page.next
    return Sources(
        project.name,
        files,
        versions,
        store.contents.texts,
        lambda version_id: store.versions.differing(project_id, version_id),
    )


def told_context(material: Material) -> AiContext:
    """Return what the clients learn of what a model is shown."""
    files = [
        ContextFile(one.file.path, len(one.text.encode()), one.file.size, one.reason)
        for one in material.excerpts
    ]
    return AiContext(files, material.used, material.budget, material.left_out or None)
