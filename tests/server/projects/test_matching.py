"""What the worker finds: positions, globs, replacements.

Invariants:
- A position is the one that a document has there, in UTF-16 units, whatever the line ends are.
- However a search is cut into pages, the pages together are the whole.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.documents.line_ends import document_text
from server.projects import matching


def wanted(query: str, **more: Any) -> dict[str, Any]:
    return {
        "query": query, "isRegex": False, "isCaseSensitive": False, "isWholeWord": False,
        "replacement": None, **more,
    }  # fmt: skip


def hits(text: str, query: str, **more: Any) -> list[dict[str, Any]]:
    answer = matching.find([("a", text)], wanted(query, **more), 0, 1_000, 1_000_000)
    return [hit for _, found in answer["files"] for hit in found]


def matches(text: str, query: str, **more: Any) -> list[str]:
    return [hit["match"] for hit in hits(text, query, **more)]


def test_a_hit_has_its_place_and_its_line() -> None:
    text = "one\r\n😀 Two\rthree two"
    first, second = hits(text, "two")
    assert first == {
        "start": {"line": 1, "column": 3}, "end": {"line": 1, "column": 6}, "match": "Two",
        "excerpt": "😀 Two", "excerptColumn": 0, "replacement": None,
    }  # fmt: skip
    assert second["start"] == {"line": 2, "column": 6}
    [long] = hits("😀" * 300 + "two" + "x" * 300, "two")
    assert long["excerpt"] == "😀" * 60 + "two" + "x" * 177
    assert long["excerptColumn"] == 480
    [lines] = hits("a\nb1\n2c", r"1\n2", isRegex=True)
    assert (lines["start"], lines["end"]) == ({"line": 1, "column": 1}, {"line": 2, "column": 1})
    assert lines["excerpt"] == "b1"
    [second] = hits("\ntwo", "two")
    assert second["start"] == {"line": 1, "column": 0}


def test_how_a_query_is_meant() -> None:
    text = "Cat cat concat c.t [x] (\n^cat"
    assert matches(text, "cat") == ["Cat", "cat", "cat", "cat"]
    assert matches(text, "cat", isCaseSensitive=True) == ["cat", "cat", "cat"]
    assert matches(text, "cat", isWholeWord=True) == ["Cat", "cat", "cat"]
    assert matches(text, "c.t") == ["c.t"]
    assert matches(text, "c.t", isRegex=True, isCaseSensitive=True) == ["cat", "cat", "c.t", "cat"]
    assert matches(text, "[x] (") == ["[x] ("]
    assert matches(text, "a|b", isRegex=True, isWholeWord=True) == []
    assert matches("a\nab\nb", "^.$", isRegex=True) == ["a", "b"]
    assert matches("abc", "x*", isRegex=True) == []
    for fault in ("(", "a{99999999999}", "(?P<a>x)(?P<a>y)", "(?<=a*)b"):
        assert "fault" in matching.find([("a", "b")], wanted(fault, isRegex=True), 0, 9, 9)


@pytest.mark.parametrize(
    ("query", "template", "is_regex", "made"),
    [
        ("b", "$1\\n", False, "$1\\n"),
        ("(b)(x)?", "[$1|$2|$3|$&|$$|\\t\\n\\\\]", True, "[b||$3|b|$|\t\n\\]"),
        ("b", "$&" * 2_001, True, None),
    ],
)
def test_what_replaces_a_hit(query: str, template: str, is_regex: bool, made: str | None) -> None:
    [hit] = hits("abc", query, isRegex=is_regex, replacement=template)
    assert hit["replacement"] == made


def test_what_is_too_long_is_not_replaced() -> None:
    [hit] = hits("x" * 3_000, "x+", isRegex=True, replacement="")
    assert (len(hit["match"]), hit["replacement"]) == (2_000, None)
    assert hit["end"] == {"line": 0, "column": 3_000}


PATHS = ["a.js", "src/a.js", "src/b/c.js", "src/b/c.py", "lib/src.js", "x[1].js", "src/ä b.js"]


@pytest.mark.parametrize(
    ("include", "exclude", "chosen"),
    [
        ([], [], PATHS),
        (["*.js"], ["src"], ["a.js", "lib/src.js", "x[1].js"]),
        (["src/*.js"], [], ["src/a.js", "src/ä b.js"]),
        (["src/**/*.js"], [], ["src/a.js", "src/b/c.js", "src/ä b.js"]),
        (["**/b/**"], [], ["src/b/c.js", "src/b/c.py"]),
        (["/src/b/"], ["*.py"], ["src/b/c.js"]),
        (["?.js", "x[1]*"], [], ["a.js", "src/a.js", "src/b/c.js", "x[1].js"]),
        (["**"], ["**.js"], ["src/b/c.py"]),
    ],
)
def test_globs(include: list[str], exclude: list[str], chosen: list[str]) -> None:
    assert [PATHS[index] for index in matching.chosen(PATHS, include, exclude)] == chosen


TEXTS = st.lists(st.text("ab\r\n😀", max_size=30), min_size=1, max_size=4)


def test_a_page_ends_when_its_room_is_taken() -> None:
    """The hit that takes the last of it is there, and the next one is not."""
    # With its line a hit of the first text has 6 characters, one of the second 4.
    texts = [("a", "b b b"), ("c", "b b")]
    for room, seen in ((6, (0, 1)), (7, (0, 2)), (18, (1, 0)), (19, (1, 1)), (100, (2, 0))):
        page = matching.find(texts, wanted("b"), 0, 1_000, room)
        assert (page["done"], page["seen"]) == seen, room


@given(TEXTS, st.sampled_from(["a", "ab", "a\nb", "[ab]", "b.*"]), st.integers(1, 5))
def test_pages_are_the_whole(texts: list[str], query: str, limit: int) -> None:
    files = [(str(number), text) for number, text in enumerate(texts)]
    how = wanted(query, isRegex=True)
    whole = matching.find(files, how, 0, 1_000, 1_000_000)
    assert (whole["done"], whole["seen"]) == (len(files), 0)
    alone = [(path, hits(text, query, isRegex=True)) for path, text in files]
    assert whole["files"] == [(path, own) for path, own in alone if own]
    found: list[tuple[str, Any]] = []
    start = skip = 0
    while start < len(files):
        page = matching.find(files[start:], how, skip, limit, 1_000_000)
        found += [(path, hit) for path, hits in page["files"] for hit in hits]
        start, skip = start + page["done"], page["seen"]
    assert found == [(path, hit) for path, hits in whole["files"] for hit in hits]
    for path, hit in found:
        lines = document_text(texts[int(path)]).split("\n")
        at = sum(len(line) + 1 for line in lines[: hit["start"]["line"]]) + hit["start"]["column"]
        assert "\n".join(lines)[at:].startswith(document_text(hit["match"]))
