"""What a message to the built-in provider asks for, by its words.

Done by a worker: a message is 32 KB of whatever a client likes, and patterns are searched in it.
"""

from __future__ import annotations

import re
from typing import Any, Final

from server.ai import relevance
from server.ai.builtin import scaffolds, tracebacks

MAX_FRAMES: Final = 50
"""Frames of a traceback that are looked at, the innermost ones."""

_CHANGE: Final = re.compile(
    r"\s*(?:please\s+|(?:can|could|would) you\s+(?:please\s+)?)?(?:update|change|fix|refactor|"
    r"rename|improve|edit|rewrite|replace|remove|delete|convert|optimi[sz]e|add|implement|make|"
    r"write|create|generate|build)\b",
    re.IGNORECASE,
)
_SKILLS: Final = (
    (
        "outline",
        re.compile(r"\boutline\b|\bwhat(?:'s| is) in\b|\bstructure of\b", re.IGNORECASE),
    ),
    (
        "find",
        re.compile(
            r"\b(?:find|locate|where is|where's|who uses)\s+(?:the\s+)?"
            r"(?:(?:symbol|function|class|component|method)\s+)?[`'\"]?(?P<subject>[A-Za-z_$][\w$]*)",
            re.IGNORECASE,
        ),
    ),
    ("check", re.compile(r"\bsyntax\b|^\s*check\b", re.IGNORECASE)),
    ("todos", re.compile(r"\bto-?dos?\b|\bfixmes?\b", re.IGNORECASE)),
    (
        "diff",
        re.compile(
            r"\b(?:diff|what (?:has )?changed)\b"
            r"(?:\s+(?:since|against|to|with))?(?:\s+(?:the\s+)?(?:version\s+)?(?P<subject>.+))?",
            re.IGNORECASE,
        ),
    ),
)


def understand(message: str, language: str | None) -> dict[str, Any]:
    """Return the `kind` of request that a message is, and what belongs to that kind.

    traceback: `frames` and `error`, see `tracebacks`. scaffold: see `scaffolds.understood`.
    outline, find, check, todos, diff: `subject`, and the `words` that may name files. change, which
    asks for code that only a model can write, and help: nothing.
    """
    frames, error = tracebacks.frames(message), tracebacks.error(message)
    if frames and error is not None:
        return {"kind": "traceback", "frames": frames[-MAX_FRAMES:], "error": error}
    made = scaffolds.understood(message, language)
    if made is not None:
        return {"kind": "scaffold", **made}
    if _CHANGE.match(message):
        return {"kind": "change"}
    for kind, pattern in _SKILLS:
        found = pattern.search(message)
        if found is not None:
            subject = found.groupdict().get("subject") or ""
            words = relevance.words_of(message)["named"]
            return {"kind": kind, "subject": subject, "words": words}
    return {"kind": "help"}
