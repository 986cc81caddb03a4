"""The prompt of a model: instructions, what it is shown of the project, the chat so far, and the
question.
"""

from __future__ import annotations

import re
from typing import Final

from server.ai.provider import Excerpt, Question
from server.api.records import File

MAX_FILES_NAMED: Final = 200
_HISTORY_SHARE: Final = 2
"""The chat so far gets at most this part of the budget for the project: one half."""
LEAST_HISTORY: Final = 4_000
"""Bytes of the chat so far, where the budget is small."""

INSTRUCTIONS: Final = """\
You are the coding assistant of a shared project. Answer briefly and concretely.

Whatever belongs into a file goes into a fenced block whose info string is the path of the file. \
To make a file, or to write all of it anew, the block has the whole file. To change a file, the \
block has one or more edits, each with whole lines that are in the file exactly once:

```src/example.py
<<<<<<< SEARCH
the lines as they are now
=======
the lines as they are to be
>>>>>>> REPLACE
```

Change nothing that was not asked for. Use a longer fence where a file has fences itself. Code \
that is only an example has a language as its info string."""

_FENCES: Final = re.compile("`{3,}")


def messages(question: Question) -> list[dict[str, str]]:
    """Return the messages of a request for a chat completion."""
    context = [INSTRUCTIONS]
    sources, material = question.sources, question.material
    if sources is not None:
        names = [_named(file) for file in sources.files[:MAX_FILES_NAMED]]
        more = len(sources.files) - len(names)
        listed = "\n".join(names) + (f"\n… and {more} more" if more > 0 else "")
        context.append(f"The project is called {sources.name}. Its files:\n{listed}")
    if question.language:
        context.append(f"Language: {question.language}")
    if question.framework:
        context.append(f"Framework: {question.framework}")
    if question.current_file:
        context.append(f"The user is looking at {question.current_file}.")
    context += [_shown(one) for one in material.excerpts]
    if material.selection:
        context.append(f"The user has selected this:\n{_fenced('', material.selection)}")
    return [
        {"role": "system", "content": "\n\n".join(context)},
        *_history(question),
        {"role": "user", "content": question.message},
    ]


def _named(file: File) -> str:
    if file.media_type is None:
        return file.path
    return f"{file.path} ({file.media_type}, {file.size} bytes, which you cannot see or change)"


def _shown(excerpt: Excerpt) -> str:
    part = "" if excerpt.is_whole else f" (the first lines of {excerpt.file.size} bytes)"
    return f"{excerpt.file.path}{part}:\n{_fenced(excerpt.file.path, excerpt.text)}"


def _fenced(info: str, text: str) -> str:
    longest = max((len(one) for one in _FENCES.findall(text)), default=2)
    fence = "`" * (longest + 1)
    end = "" if text.endswith("\n") or not text else "\n"
    return f"{fence}{info}\n{text}{end}{fence}"


def _history(question: Question) -> list[dict[str, str]]:
    """Return the last messages before the question, as many as fit."""
    left = max(LEAST_HISTORY, question.material.budget // _HISTORY_SHARE)
    kept: list[dict[str, str]] = []
    for one in reversed(question.history):
        left -= len(one.content.encode())
        if left < 0:
            break
        kept.append({"role": one.role, "content": one.content})
    return kept[::-1]
