"""The provider that is always there: real work on the project's files, and no model.

It knows a few things to do, recognises a request for one of them by its words, and says plainly
what it is when it is asked for anything else. It never pretends to understand.

A worker reads the message and the files. This module decides what the worker is asked for, and what
it is given.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

from server.ai.builtin import requests, scaffolds, searches, tracebacks
from server.ai.builtin.searches import MAX_LISTED, listed
from server.ai.file_texts import MAX_BYTES, texts_of
from server.ai.provider import ProviderError, Question, Sources
from server.api.records import File, Usage
from server.background import Background, Worker, WorkFailed
from server.projects.comparing import compare

MAX_DIFFS: Final = 500
"""Files whose differences one answer shows."""
_PIECE: Final = 1_000
"""Characters of an answer that are given at once, besides the rest of the last line."""

HELP: Final = """\
No language model is configured on this server, so I cannot discuss this. To set one, start the \
server with AI_BASE_URL and AI_MODEL (and AI_API_KEY where it is needed); any endpoint that speaks \
OpenAI's chat completions will do, such as OpenAI, Ollama, vLLM, llama.cpp or LM Studio.

Without a model I can work on the files of the project:

- `outline src/app.py`: what a file defines
- `find App`: where a symbol is defined and used
- a pasted traceback: which lines of the project it went through, and what the error means
- `check src/app.py`, or `check` for all: the syntax of Python, JSON and TOML files
- `todos`: the TODO and FIXME comments
- `diff`, or `diff First`: what has changed since the newest version, or since the one of that name
- `create a React component for a todo list`, or another component, a Python program, a JavaScript
  module, an HTML page or a style sheet, as a new file to begin with
"""
NO_CHANGE: Final = """\
I cannot write or change code: that takes a language model. Nothing is proposed.

"""


class BuiltinProvider:
    """Answers from the project's files."""

    name = "builtin"
    model = "none"
    budget = 0

    def __init__(self, background: Background) -> None:
        self._background = background

    async def stream(self, question: Question) -> AsyncGenerator[str | Usage, None]:
        """Yield the answer, some lines at a time.

        Raises:
            EventError: too much work waits.
            ProviderError: the request needs a project, and there is none; or it takes too long.
        """
        try:
            answer = await self._background.run(
                question.user_id, lambda worker: answer_to(question, worker)
            )
        except WorkFailed as failure:
            raise ProviderError(f"this cannot be answered: {failure}") from failure
        for piece in _pieces(answer):
            yield piece
            # Other tasks have their turn, and a cancellation its chance.
            await asyncio.sleep(0)

    async def close(self) -> None:
        """Do nothing: this provider holds nothing."""


def _pieces(text: str) -> Iterator[str]:
    """Cut a text into pieces that end with a line. A piece for each line took 15 ms for a million
    empty lines.
    """
    at = 0
    while at < len(text):
        end = text.find("\n", at + _PIECE) + 1 or len(text)
        yield text[at:end]
        at = end


async def answer_to(question: Question, worker: Worker) -> str:
    """Return the answer to a question.

    Raises:
        ProviderError: the request needs a project, and there is none.
        WorkFailed: it takes too much time or memory.
    """
    request = await worker.call(
        requests.understand,
        question.message,
        question.language,
    )
    sources = question.sources
    match request["kind"]:
        case "traceback":
            return await _traceback(request, sources, worker)
        case "scaffold":
            return _scaffold(request, question)
        case "change":
            return f"{NO_CHANGE}{HELP}"
        case "help":
            return HELP
    if sources is None:
        raise ProviderError("this is about a project's files: send it with a projectId")
    skill = _SKILLS[request["kind"]]
    return await skill(_Work(question, sources, worker, request))


def _scaffold(request: dict[str, Any], question: Question) -> str:
    files = [] if question.sources is None else question.sources.files
    made = scaffolds.made(
        request,
        paths=[file.path for file in files],
        empty={file.path for file in files if file.size == 0},
        current_file=question.current_file,
        language=question.language,
    )
    if made is None:
        return (
            f"`{request['path']}` is there already, and I cannot change it: that takes a model. "
            "Name a file that is not there, and I make it.\n"
        )
    return (
        f"Here is {made.about}. It goes into `{made.path}`:\n\n```{made.path}\n{made.content}```\n"
    )


async def _traceback(request: dict[str, Any], sources: Sources | None, worker: Worker) -> str:
    known = {} if sources is None else {file.path: file for file in sources.files}
    located = [(frame, tracebacks.project_path(frame[0], known)) for frame in request["frames"]]
    own = [path for _, path in located if path is not None]
    source = None
    if sources is not None and own and known[own[-1]].size <= MAX_BYTES:
        content_hash = known[own[-1]].hash
        source = (await sources.read([content_hash])).get(content_hash)
    return await worker.call(tracebacks.explain, request["error"], located, source)


# -- what it can do with a project


class _Work(NamedTuple):
    """A request about a project; `request` is what the words of the message say."""

    question: Question
    sources: Sources
    worker: Worker
    request: dict[str, Any]


async def _outline(work: _Work) -> str:
    file = _named_file(work)
    if file is None:
        return "Name a file of the project, for example `outline src/app.py`.\n"
    async for texts in texts_of(work.sources, [file]):
        [(path, text)] = texts
        return await work.worker.call(searches.outline, path, text)
    if file.media_type is not None:
        return f"`{file.path}` is no text, but {file.media_type}: I cannot look into it.\n"
    return f"`{file.path}` has {file.size} bytes; I look at files of at most {MAX_BYTES}.\n"


async def _find(work: _Work) -> str:
    name = work.request["subject"]
    count = 0
    definitions, uses = _Listing(), _Listing()
    async for texts in texts_of(work.sources):
        count += len(texts)
        defined, used = await work.worker.call(searches.find, texts, name)
        definitions.add(*defined)
        uses.add(*used)
    if not definitions.count and not uses.count:
        return f"`{name}` is nowhere in the {count} files that I have looked through.\n"
    text = (
        f"`{name}` is defined here:\n\n{definitions.text}"
        if definitions.count
        else f"I see no definition of `{name}`.\n"
    )
    return text + (f"\nIt is used here:\n\n{uses.text}" if uses.count else "\nNothing uses it.\n")


async def _check(work: _Work) -> str:
    file = _named_file(work, or_current=False)
    count = 0
    faults = _Listing()
    async for texts in texts_of(work.sources, None if file is None else [file]):
        checked, found = await work.worker.call(searches.check, texts)
        count += checked
        faults.add(*found)
    if not count:
        what = "There is no file" if file is None else f"`{file.path}` is no file"
        return f"{what} that I can check: I know Python, JSON and TOML.\n"
    if not faults.count:
        return f"No syntax errors in {_files(count)}.\n"
    return f"Syntax errors in {faults.count} of {_files(count)}:\n\n{faults.text}"


async def _todos(work: _Work) -> str:
    count = 0
    found = _Listing()
    async for texts in texts_of(work.sources):
        count += len(texts)
        found.add(*await work.worker.call(searches.todos, texts))
    if not found.count:
        return f"No TODO or FIXME in {_files(count)}.\n"
    return f"{found.count} to do:\n\n{found.text}"


async def _diff(work: _Work) -> str:
    sources = work.sources
    wanted = work.request["subject"].strip(" .?!`'\"").lower()
    if not sources.versions:
        return "The project has no version yet to compare with.\n"
    version = next(
        (one for one in sources.versions if wanted and wanted in (one.name.lower(), one.id)),
        None if wanted else sources.versions[0],
    )
    if version is None:
        names = ", ".join(f"`{one.name}`" for one in sources.versions[:20])
        return f"There is no version of that name. There are: {names}.\n"
    changed = sources.changed_since(version.id)
    differences, _ = await compare(work.worker, sources.read, changed)
    if not differences:
        return f"Nothing has changed since `{version.name}`.\n"
    shown = "".join(
        one.diff if one.diff.startswith("---") else f"{one.path}: {one.diff}"
        for one in differences[:MAX_DIFFS]
    )
    return f"Changes since `{version.name}`:\n\n```diff\n{shown}```\n"


_SKILLS: Final[dict[str, Callable[[_Work], Awaitable[str]]]] = {
    "outline": _outline,
    "find": _find,
    "check": _check,
    "todos": _todos,
    "diff": _diff,
}


class _Listing:
    """The beginning of a list that is found part by part."""

    def __init__(self) -> None:
        self.count = 0
        self._lines: list[str] = []

    def add(self, lines: Iterable[str], count: int) -> None:
        """Append lines, which stand for `count`."""
        self._lines = [*self._lines, *lines][:MAX_LISTED]
        self.count += count

    @property
    def text(self) -> str:
        """Return the list as text."""
        return listed(self._lines, self.count)


# -- the files


def _named_file(work: _Work, *, or_current: bool = True) -> File | None:
    """Return the file that the message names by its path or its name, or else the current one."""
    words = set(work.request["words"])
    files = work.sources.files
    current = work.question.current_file if or_current else None
    return (
        next((file for file in files if file.path in words), None)
        or next((file for file in files if file.name in words), None)
        or next((file for file in files if file.path == current), None)
    )


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"
