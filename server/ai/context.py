"""What a model is shown of a project, within a budget of bytes: the selection, the current file,
those that the message names or adds with @, those that are open, and what a search finds.

A worker reads the message and searches. If that takes too long, the model is shown what there is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from server.ai import file_texts, relevance
from server.ai.provider import Excerpt, Material, Sources
from server.api.records import ContextReason, File, Selection
from server.background import Background, Worker, WorkFailed
from server.documents.line_ends import plain_ends

MAX_NAMED: Final = 20
"""Files that the message names."""
MAX_FOUND: Final = 10
"""Files that the search finds."""
_CURRENT_SHARE: Final = 2
"""The current file gets at most this part of the budget: one half."""
_SHARE: Final = 4
"""Each file but the current one gets at most this part of the budget: one quarter."""
_LEAST: Final = 200
"""Bytes of a file below which its beginning tells a model nothing."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the question is about, as its sender has it."""

    message: str
    current_file: str | None = None
    selection: Selection | None = None
    open_files: Sequence[str] = ()


@dataclass(slots=True)
class _Gathering:
    sources: Sources
    asked: Asked
    material: Material
    seen: set[str] = field(default_factory=set)


async def gather(
    background: Background, user_id: str, sources: Sources, asked: Asked, budget: int
) -> Material:
    """Return what a model is shown.

    Raises:
        EventError: too much work waits.
    """
    gathering = _Gathering(sources, asked, Material(budget=budget))
    with contextlib.suppress(WorkFailed):
        await background.run(user_id, lambda worker: _gather(gathering, worker))
    return gathering.material


async def _gather(gathering: _Gathering, worker: Worker) -> None:
    asked, files = gathering.asked, gathering.sources.files
    by_path = {file.path: file for file in files}
    current = by_path.get(asked.current_file or "")
    if current is not None:
        await _add(gathering, "current", [current])
    words = await worker.call(relevance.words_of, asked.message)
    by_name: dict[str, File] = {}
    for file in files:
        by_name.setdefault(file.name, file)
    named = [by_path.get(word) or by_name.get(word) for word in words["named"]]
    await _add(gathering, "named", [file for file in named if file is not None][:MAX_NAMED])
    opened = [by_path[path] for path in asked.open_files if path in by_path]
    await _add(gathering, "open", opened)
    if not words["terms"] or gathering.material.left < _LEAST:
        return
    found: list[tuple[str, int]] = []
    async for texts in file_texts.texts_of(gathering.sources):
        found += await worker.call(relevance.scores, texts, words["terms"])
    found.sort(key=lambda one: (-one[1], one[0]))
    new = [by_path[path] for path, _ in found if path not in gathering.seen]
    await _add(gathering, "found", new[:MAX_FOUND])


async def _add(gathering: _Gathering, reason: ContextReason, files: Iterable[File]) -> None:
    """Show as much of these files as there is room for, in their order."""
    material = gathering.material
    new = [one for one in dict.fromkeys(files) if one.path not in gathering.seen]
    for one in new:
        if one.media_type is not None:
            gathering.seen.add(one.path)
            material.left_out.append(one.path)
    async for texts in file_texts.texts_of(gathering.sources, new):
        by_path = {file.path: file for file in new}
        for path, text in texts:
            gathering.seen.add(path)
            if reason == "current" and gathering.asked.selection is not None:
                material.selection = selected(
                    text, gathering.asked.selection, material.budget // _SHARE
                )
                material.used += len(material.selection.encode())
            share = material.budget // (_CURRENT_SHARE if reason == "current" else _SHARE)
            shown = beginning(text, min(share, material.left))
            if shown or not text:
                excerpt = Excerpt(by_path[path], shown, shown == text, reason)
                material.excerpts.append(excerpt)
                material.used += len(shown.encode())
                if excerpt.is_whole:
                    material.texts[path] = (by_path[path], text)


def beginning(text: str, most: int) -> str:
    """Return the first lines of a text, `most` bytes at the most; "" if that is too little to tell
    anything.
    """
    encoded = text.encode()
    if len(encoded) <= most:
        return text
    cut = encoded[:most].decode(errors="ignore")
    return cut[: cut.rfind("\n") + 1] if most >= _LEAST else ""


def selected(text: str, selection: Selection, most: int) -> str:
    """Return what is selected in a text, `most` bytes at the most. Columns count UTF-16 units."""
    lines = plain_ends(text).split("\n")
    start, end = selection.start, selection.end
    chosen = lines[start.line : end.line + 1]
    if not chosen:
        return ""
    if end.line < len(lines):
        chosen[-1] = _units(chosen[-1], 0, end.column)
    chosen[0] = _units(chosen[0], start.column, None)
    return "\n".join(chosen).encode()[:most].decode(errors="ignore")


def _units(line: str, first: int, last: int | None) -> str:
    units = line.encode("utf-16-le")
    return units[2 * first : None if last is None else 2 * last].decode("utf-16-le", "replace")
