"""Which files a message is about, by its words. Done by a worker: see `background`."""

from __future__ import annotations

import re
from typing import Final

MAX_WORDS: Final = 500
"""Words of a message that may name files."""
MAX_TERMS: Final = 20
"""Words of a message that are searched for."""

Texts = list[tuple[str, str]]
"""Paths and the texts of their files."""

_WORD: Final = re.compile(r"[^\s`'\"(),;<>]{1,1024}")
_TERM: Final = re.compile(r"[A-Za-z_$][\w$]{3,63}")
_COMMON: Final = frozenset(
    re.findall(
        r"\w+",
        """
        about add after again all also and any are because been before but can change code could
        create does file files find fix for from function have help how into like line make more
        not only please project should show some than that the them then there these they this use
        used using want what when where which while why will with without work would write you your
        """,
    )
)


def words_of(message: str) -> dict[str, list[str]]:
    """Return what a message may mean. `named` are the words that may be files, those after an @
    first. `terms` are words to search for in files.
    """
    added: dict[str, None] = {}
    others: dict[str, None] = {}
    for word in _WORD.findall(message)[:MAX_WORDS]:
        bare = word.rstrip(".?!:")
        (added if word.startswith("@") else others).update(
            dict.fromkeys((word.removeprefix("@"), bare.removeprefix("@")))
        )
    terms = dict.fromkeys(one for one in _TERM.findall(message) if one.lower() not in _COMMON)
    return {"named": [*added, *others], "terms": list(terms)[:MAX_TERMS]}


def scores(texts: Texts, terms: list[str]) -> list[tuple[str, int]]:
    """Return the paths of the texts that have some of these terms, each with a score.

    A term in a path counts three times. A term that looks like a name of code counts twice.
    """
    found = []
    for path, text in texts:
        score = 0
        lower_path, lower_text = path.lower(), text.lower()
        for term in terms:
            lower = term.lower()
            if lower in lower_path:
                score += 3
            if term in text:
                score += 2 if term != lower else 1
            elif lower in lower_text:
                score += 1
        if score:
            found.append((path, score))
    return found
