"""The provider that is always there: real work on the project's files, and no model.

It knows a few things to do, recognises a request for one of them by its words, and says plainly
what it is when it is asked for anything else. It never pretends to understand.
"""

from __future__ import annotations

import asyncio
import json
import re
import tomllib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Final, NamedTuple

from server.ai import outlines, tracebacks
from server.ai.provider import Outcome, ProviderError, Question, Sources
from server.ai.scaffolds import scaffold
from server.api.records import Action, File
from server.background import in_background
from server.projects.differences import Comparison

MAX_FILES: Final = 500
"""Files that are looked through for one answer."""
MAX_BYTES: Final = 200_000
"""Size of a file up to which it is looked at."""
MAX_TOTAL: Final = 5_000_000
"""Size of all files that are looked through for one answer."""
MAX_DOTS: Final = 200
"""Dots in a line of TOML: the parser's time grows with the square of those in a key."""
_MAX_LISTED: Final = 100

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
- `create a React component for a todo list`, a component, a Python program or an HTML page
"""


class Answer(NamedTuple):
    """A whole answer."""

    text: str
    actions: tuple[Action, ...] = ()


class BuiltinProvider:
    """Answers from the project's files."""

    name = "builtin"
    model = "none"

    async def stream(self, question: Question) -> AsyncGenerator[str | Outcome, None]:
        """The answer, line by line.

        Raises:
            ProviderError: the request needs a project, and there is none.
        """
        answer = await answer_to(question)
        for line in answer.text.splitlines(keepends=True):
            yield line
            # Others have their turn, and a cancellation its chance.
            await asyncio.sleep(0)
        if answer.actions:
            yield Outcome(actions=answer.actions)

    async def close(self) -> None:
        """Nothing to let go of."""


async def answer_to(question: Question) -> Answer:
    """The answer to a question.

    Raises:
        ProviderError: the request needs a project, and there is none.
    """
    message = question.message
    if tracebacks.is_traceback(message):
        return await _traceback(question)
    made = scaffold(
        message,
        current_file=question.current_file,
        language=question.language,
        framework=question.framework,
    )
    if made is not None:
        known = question.sources is not None and any(
            file.path == made.path for file in question.sources.files
        )
        action = Action("update-file" if known else "create-file", made.path, made.content)
        fence = outlines.suffix_of(made.path)
        text = f"Here is {made.about}, for `{made.path}`:\n\n```{fence}\n{made.content}```\n"
        return Answer(text, (action,))
    for pattern, skill in _SKILLS:
        found = pattern.search(message)
        if found is not None:
            if question.sources is None:
                raise ProviderError("this is about a project's files: send it with a projectId")
            return Answer(await skill(question, question.sources, found))
    return Answer(HELP)


# -- what it can do


async def _outline(question: Question, sources: Sources, _found: re.Match[str]) -> str:
    file = _named_file(question, sources)
    if file is None:
        return "Name a file of the project, for example `outline src/app.py`.\n"
    text = await _text(sources, file)
    if text is None:
        return _too_large(file)
    try:
        symbols = await in_background(outlines.outline, file.path, text)
    except SyntaxError as error:
        return f"`{file.path}` cannot be parsed: {_syntax_error(error)}\n"
    if symbols is None:
        return f"I know no language that `{file.path}` could be written in.\n"
    if not symbols:
        return f"`{file.path}` defines nothing that I recognise.\n"
    lines = [f"- {'  ' * one.depth}{one.kind} `{one.name}`, line {one.line}" for one in symbols]
    return f"`{file.path}` defines:\n\n" + _listed(lines)


async def _find(_question: Question, sources: Sources, found: re.Match[str]) -> str:
    name = found["name"]
    texts = await _texts(sources)
    word = re.compile(rf"(?<![\w$]){re.escape(name)}(?![\w$])")

    def search() -> tuple[list[str], list[str]]:
        definitions, uses = [], []
        for path, text in texts.items():
            if name not in text:
                continue
            defined = {one.line: one.kind for one in _symbols(path, text) if one.name == name}
            for number, line in enumerate(text.split("\n"), start=1):
                if number in defined:
                    definitions.append(f"- {defined[number]} in `{path}`, line {number}")
                elif word.search(line):
                    uses.append(f"- `{path}`, line {number}: `{line.strip()[:120]}`")
        return definitions, uses

    definitions, uses = await in_background(search)
    if not definitions and not uses:
        return f"`{name}` is nowhere in the {len(texts)} files that I have looked through.\n"
    text = (
        f"`{name}` is defined here:\n\n" + _listed(definitions)
        if definitions
        else (f"I see no definition of `{name}`.\n")
    )
    return text + ("\nIt is used here:\n\n" + _listed(uses) if uses else "\nNothing uses it.\n")


async def _check(question: Question, sources: Sources, _found: re.Match[str]) -> str:
    file = _named_file(question, sources, or_current=False)
    texts = await _texts(sources, None if file is None else [file])

    def check() -> tuple[int, list[str]]:
        results = [(path, _fault(path, text)) for path, text in texts.items()]
        checked = [(path, fault) for path, fault in results if fault is not None]
        return len(checked), [f"- `{path}`: {fault}" for path, fault in checked if fault]

    count, faults = await in_background(check)
    if not count:
        what = "There is no file" if file is None else f"`{file.path}` is no file"
        return f"{what} that I can check: I know Python, JSON and TOML.\n"
    if not faults:
        return f"No syntax errors in {_files(count)}.\n"
    return f"Syntax errors in {len(faults)} of {_files(count)}:\n\n" + _listed(faults)


async def _todos(_question: Question, sources: Sources, _found: re.Match[str]) -> str:
    texts = await _texts(sources)

    def search() -> list[str]:
        return [
            f"- `{path}`, line {number}: {line.strip()[:200]}"
            for path, text in texts.items()
            for number, line in enumerate(text.split("\n"), start=1)
            if re.search(r"\b(?:TODO|FIXME|XXX)\b", line)
        ]

    found = await in_background(search)
    if not found:
        return f"No TODO or FIXME in {_files(len(texts))}.\n"
    return f"{len(found)} to do:\n\n" + _listed(found)


async def _diff(_question: Question, sources: Sources, found: re.Match[str]) -> str:
    wanted = (found["version"] or "").strip(" .?!`'\"").lower()
    if not sources.versions:
        return "The project has no version yet to compare with.\n"
    version = next(
        (one for one in sources.versions if wanted and wanted in (one.name.lower(), one.id)),
        None if wanted else sources.versions[0],
    )
    if version is None:
        names = ", ".join(f"`{one.name}`" for one in sources.versions[:20])
        return f"There is no version of that name. There are: {names}.\n"
    before = await sources.read_version(version.id, MAX_BYTES, MAX_TOTAL)
    after = await _texts(sources)
    unread = {path for path, text in before.items() if text is None}
    unread |= {file.path for file in sources.files} - after.keys()

    def compare() -> str:
        comparison = Comparison()
        paths = sorted((before.keys() | after.keys()) - unread)
        return "".join(
            comparison.unified_diff(path, before.get(path), after.get(path))
            for path in paths
            if before.get(path) != after.get(path)
        )

    diff = await in_background(compare)
    if not diff:
        return f"Nothing has changed since `{version.name}`.\n"
    return f"Changes since `{version.name}`:\n\n```diff\n{diff}```\n"


async def _traceback(question: Question) -> Answer:
    sources = question.sources
    known = [] if sources is None else [file.path for file in sources.files]
    located = []
    for frame in tracebacks.frames(question.message)[-50:]:
        path = tracebacks.project_path(frame.path, known)
        text = None if path is None or sources is None else await sources.read(path)
        located.append((frame, path, text))
    return Answer(tracebacks.explain(question.message, located))


_Skill = Callable[[Question, Sources, "re.Match[str]"], Awaitable[str]]
_SKILLS: Final[tuple[tuple[re.Pattern[str], _Skill], ...]] = (
    (re.compile(r"\boutline\b|\bwhat(?:'s| is) in\b|\bstructure of\b", re.IGNORECASE), _outline),
    (
        re.compile(
            r"\b(?:find|locate|where is|where's|who uses)\s+(?:the\s+)?"
            r"(?:(?:symbol|function|class|component|method)\s+)?[`'\"]?(?P<name>[A-Za-z_$][\w$]*)",
            re.IGNORECASE,
        ),
        _find,
    ),
    (re.compile(r"\bsyntax\b|^\s*check\b", re.IGNORECASE), _check),
    (re.compile(r"\bto-?dos?\b|\bfixmes?\b", re.IGNORECASE), _todos),
    (
        re.compile(
            r"\b(?:diff|what (?:has )?changed)\b"
            r"(?:\s+(?:since|against|to|with))?(?:\s+(?:the\s+)?(?:version\s+)?(?P<version>.+))?",
            re.IGNORECASE,
        ),
        _diff,
    ),
)


# -- the files


def _named_file(question: Question, sources: Sources, *, or_current: bool = True) -> File | None:
    """The file that the message names by its path or its name, or else the current one."""
    words = set(re.findall(r"[^\s`'\"(),;]+", question.message))
    words |= {word.rstrip(".?!:") for word in words}
    for matches in (
        [file for file in sources.files if file.path in words],
        [file for file in sources.files if file.name in words],
        [file for file in sources.files if or_current and file.path == question.current_file],
    ):
        if matches:
            return matches[0]
    return None


async def _text(sources: Sources, file: File) -> str | None:
    return await sources.read(file.path) if file.size <= MAX_BYTES else None


async def _texts(sources: Sources, files: list[File] | None = None) -> Mapping[str, str]:
    """The contents of the files that are not too large, of the first ones at most."""
    texts = {}
    total = 0
    for file in (sources.files if files is None else files)[:MAX_FILES]:
        if total + file.size > MAX_TOTAL:
            break
        text = await _text(sources, file)
        if text is not None:
            texts[file.path] = text
            total += file.size
    return texts


def _symbols(path: str, text: str) -> list[outlines.Symbol]:
    try:
        return outlines.outline(path, text) or []
    except SyntaxError:
        return []


def _fault(path: str, text: str) -> str | None:
    """What is wrong with a file, "" for nothing; None where there is no way to know."""
    try:
        match outlines.suffix_of(path):
            case "py":
                outlines.parse_python(text)
            case "json":
                json.loads(text)
            case "toml":
                if any(line.count(".") > MAX_DOTS for line in text.split("\n")):
                    return f"not checked, a line has more than {MAX_DOTS} dots"
                tomllib.loads(text)
            case _:
                return None
    except SyntaxError as error:
        return _syntax_error(error)
    except (ValueError, RecursionError) as error:
        return str(error)
    return ""


def _syntax_error(error: SyntaxError) -> str:
    return error.msg if error.lineno is None else f"{error.msg}, line {error.lineno}"


def _too_large(file: File) -> str:
    return f"`{file.path}` has {file.size} bytes; I look at files of at most {MAX_BYTES}.\n"


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _listed(lines: list[str]) -> str:
    more = len(lines) - _MAX_LISTED
    rest = [f"- … and {more} more"] if more > 0 else []
    return "\n".join([*lines[:_MAX_LISTED], *rest]) + "\n"
