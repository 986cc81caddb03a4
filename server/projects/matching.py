"""Find texts in files. Done by a worker: see `background`.

Positions count lines from 0 and UTF-16 units in them, as documents do, whose lines end with "\\n".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from server.documents.line_ends import plain_ends

MAX_EXCERPT: Final = 240
"""Characters of a line that are shown with a hit."""
MAX_REPLACED: Final = 2_000
"""Characters of a hit, and of its replacement; a longer one cannot be replaced."""
_BEFORE: Final = 60
"""Characters of the line before a hit that are shown."""
_WHOLE_WORD: Final = r"(?<!\w)(?:{})(?!\w)"
_TEMPLATE: Final = re.compile(r"\$(?:\$|&|([1-9]\d?))|\\([nt\\])")
_ESCAPES: Final = {"n": "\n", "t": "\t", "\\": "\\"}

Wanted = dict[str, Any]
"""What is searched for: `query`, `isRegex`, `isCaseSensitive`, `isWholeWord`, `replacement`."""


def chosen(paths: list[str], include: list[str], exclude: list[str]) -> list[int]:
    """Return the indices of the paths that an `include` pattern fits, or of all if there are no
    such patterns. Paths that an `exclude` pattern fits are left out.
    """
    wanted, unwanted = _globs(include), _globs(exclude)
    return [
        index
        for index, path in enumerate(paths)
        if (not wanted or any(one.fullmatch(path) for one in wanted))
        and not any(one.fullmatch(path) for one in unwanted)
    ]


def find(
    texts: list[tuple[str, str]], wanted: Wanted, skip: int, limit: int, room: int
) -> dict[str, Any]:
    """Find what is wanted in texts: at most `limit` hits, and about `room` characters of them.

    The first `skip` hits of the first text are left out. The result has the `files` with their
    hits, how many texts were `done`, and how many hits of the next text were `seen`. If something
    is wrong with the regular expression, it has only the `fault`.
    """
    try:
        pattern = _pattern(wanted)
    except (re.error, OverflowError) as error:
        return {"fault": str(error)[:200]}
    files: list[tuple[str, list[dict[str, Any]]]] = []
    for done, (path, content) in enumerate(texts):
        text = plain_ends(content)
        hits: list[dict[str, Any]] = []
        for number, hit in enumerate(_hits(pattern, text, wanted)):
            if number < skip:
                continue
            if limit <= 0 or room <= 0:
                files.append((path, hits))
                return {"files": files, "done": done, "seen": number}
            hits.append(hit)
            limit -= 1
            room -= len(hit["excerpt"]) + len(hit["match"]) + len(hit.get("replacement") or "")
        skip = 0
        if hits:
            files.append((path, hits))
    return {"files": files, "done": len(texts), "seen": 0}


def _pattern(wanted: Wanted) -> re.Pattern[str]:
    query = wanted["query"]
    source = query if wanted["isRegex"] else re.escape(query)
    if wanted["isRegex"]:
        # Faults of the regular expression are told in the words of `re`.
        re.compile(query)
    if wanted["isWholeWord"]:
        source = _WHOLE_WORD.format(source)
    flags = re.MULTILINE if wanted["isCaseSensitive"] else re.MULTILINE | re.IGNORECASE
    return re.compile(source, flags)


def _hits(pattern: re.Pattern[str], text: str, wanted: Wanted) -> Iterator[dict[str, Any]]:
    line, line_start = 0, 0
    for match in pattern.finditer(text):
        start, end = match.span()
        if start == end:
            continue
        line += text.count("\n", line_start, start)
        line_start = text.rfind("\n", 0, start) + 1
        last = line + text.count("\n", start, end)
        last_start = text.rfind("\n", 0, end) + 1 if last > line else line_start
        line_end = text.find("\n", start)
        shown_from = max(line_start, start - _BEFORE)
        shown_to = min(len(text) if line_end < 0 else line_end, shown_from + MAX_EXCERPT)
        yield {
            "start": {"line": line, "column": _units(text[line_start:start])},
            "end": {"line": last, "column": _units(text[last_start:end])},
            "match": text[start : min(end, start + MAX_REPLACED)],
            "excerpt": text[shown_from:shown_to],
            "excerptColumn": _units(text[line_start:shown_from]),
            "replacement": _replacement(match, wanted),
        }


def _replacement(match: re.Match[str], wanted: Wanted) -> str | None:
    """Return what replaces a hit. Return None if nothing is to replace it, or if that is too
    long.
    """
    template = wanted["replacement"]
    if template is None or match.end() - match.start() > MAX_REPLACED:
        return None
    if not wanted["isRegex"]:
        return str(template)

    def part(token: re.Match[str]) -> str:
        group, escape = token.groups()
        if escape is not None:
            return _ESCAPES[escape]
        if group is not None:
            number = int(group)
            return match[number] or "" if number <= match.re.groups else token[0]
        return "$" if token[0] == "$$" else match[0]

    made = _TEMPLATE.sub(part, template)
    return made if len(made) <= MAX_REPLACED else None


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _globs(patterns: list[str]) -> list[re.Pattern[str]]:
    return [re.compile(_glob(one)) for one in patterns]


def _glob(pattern: str) -> str:
    """Return a glob as a regular expression: `*` and `?` do not match a slash, `**` does. A glob
    without a slash is for names in any folder. A glob that fits a folder fits all that is in it.
    """
    source = pattern.strip().strip("/")
    parts = []
    for token in re.findall(r"/?\*\*/|/\*\*|\*+|\?|[^*?/]+|/", source):
        if token.endswith("**/"):
            parts.append(f"{token.removesuffix('**/')}(?:.*/)?")
        elif token == "/**":
            parts.append("/.*")
        elif token == "*":
            parts.append("[^/]*")
        elif token.startswith("**"):
            parts.append(".*")
        elif token == "?":
            parts.append("[^/]")
        else:
            parts.append(re.escape(token))
    anywhere = "" if "/" in source else "(?:.*/)?"
    return f"(?s:{anywhere}{''.join(parts)}(?:/.*)?)"
