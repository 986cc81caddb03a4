"""What a model is shown of a project.

Invariants:
- It is within the budget, whatever the project and the message are.
- The selection and the current file come first, then what the message names, what is open, and what
  a search finds.
- A client is told what was shown.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.ai import context
from server.ai.context import Asked, beginning, gather, selected
from server.ai.prompt import LEAST_HISTORY, messages
from server.ai.provider import Excerpt, Material, Question, Sources
from server.ai.relevance import MAX_TERMS, MAX_WORDS, scores, words_of
from server.api.records import ChatMessage, File, Position, Selection, User
from server.background import Background
from server.store.snapshots import Differing
from tests.server.ai.chatting import PROJECT, Held, answer_of
from tests.server.running import running
from tests.server.wire import connected


async def nothing(_version_id: str) -> AsyncIterator[Differing]:
    """No files."""
    for one in list[Differing]():
        yield one


def project(files: Mapping[str, str]) -> Sources:
    """A project of these files. The hash of a content is the path of its file."""

    async def read(hashes: Sequence[str]) -> dict[str, str]:
        return {path: files[path] for path in hashes}

    listed = [
        File(path, path.rpartition("/")[2], len(text.encode()), path, 7, "", "")
        for path, text in files.items()
    ]
    return Sources("Shop", listed, [], read, nothing)


def selection(*numbers: int) -> Selection:
    first, column, last, end = numbers
    return Selection(start=Position(first, column), end=Position(last, end))


@pytest.fixture
async def background() -> AsyncIterator[Background]:
    background = Background()
    yield background
    await background.close()


FILES = {
    "src/app.py": "def app():\n    return cart()\n",
    "src/cart.py": "class ShoppingCart:\n    pass\n",
    "src/prices.py": "def price(cart):\n    return 1\n",
    "README.md": "# Shop\n",
    "docs/a.md": "ShoppingCart is explained here\n",
    "large.bin": "x" * 200_001,
}


async def test_what_is_shown_and_in_which_order(background: Background) -> None:
    asked = Asked(
        "Why does @prices.py fail? See `README.md`, and the ShoppingCart.",
        current_file="src/app.py",
        selection=selection(1, 4, 1, 10),
        open_files=["src/cart.py", "gone.py", "src/app.py"],
    )
    material = await gather(background, "ada", project(FILES), asked, 10_000)
    assert [(one.file.path, one.reason) for one in material.excerpts] == [
        ("src/app.py", "current"),
        ("src/prices.py", "named"),
        ("README.md", "named"),
        ("src/cart.py", "open"),
        ("docs/a.md", "found"),
    ]
    assert material.selection == "return"
    assert material.texts["src/cart.py"] == (
        project(FILES).files[1],
        "class ShoppingCart:\n    pass\n",
    )
    shown = sum(len(one.text) for one in material.excerpts)
    assert material.used == shown + len("return")


async def test_the_search_adds_no_more_files_than_it_may(
    background: Background, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context, "MAX_FOUND", 1)
    files = {f"{number}.py": "needle\n" for number in range(4)}
    asked = Asked("Where is the needle? See README.md.", current_file="3.py")
    material = await gather(background, "ada", project({**files, "README.md": "a"}), asked, 9_000)
    assert [(one.file.path, one.reason) for one in material.excerpts] == [
        ("3.py", "current"),
        ("README.md", "named"),
        ("0.py", "found"),
    ]


async def test_no_more_is_shown_than_there_is_room_for(background: Background) -> None:
    files = {f"{number}.py": f"needle {number}\n" * 200 for number in range(9)}
    asked = Asked("Where is the needle?", current_file="0.py", selection=selection(0, 0, 99, 0))
    material = await gather(background, "ada", project(files), asked, 2_000)
    assert material.used <= 2_000
    first, *others = material.excerpts
    assert (first.file.path, first.is_whole) == ("0.py", False)
    assert first.text == "needle 0\n" * (1_000 // 9)
    assert "0.py" not in material.texts
    assert all(len(one.text) <= 500 for one in others)
    assert len(material.selection) <= 500


async def test_a_search_that_takes_too_long_leaves_what_there_is() -> None:
    background = Background(seconds=0.0)
    try:
        asked = Asked("Where is the needle?")
        material = await gather(background, "ada", project(FILES), asked, 2_000)
    finally:
        await background.close()
    assert material.excerpts == []


def test_the_words_of_a_message() -> None:
    words = words_of('Why is "a.py" (see b/c.py:) like @d.py? Use the ShoppingCart, not cart_2!')
    assert words["named"][:2] == ["d.py?", "d.py"]
    assert {"a.py", "b/c.py"} <= set(words["named"])
    assert words["terms"] == ["ShoppingCart", "cart_2"]
    many = words_of(" ".join(f"word{number}" for number in range(2_000)))
    assert len(many["named"]) <= 2 * MAX_WORDS
    assert len(many["terms"]) == MAX_TERMS


def test_how_well_a_file_fits() -> None:
    texts = [
        ("cart.py", "nothing"),
        ("a.py", "ShoppingCart"),
        ("b.py", "shoppingcart"),
        ("c.py", "total"),
        ("d.py", "nothing"),
    ]
    assert scores(texts, ["cart", "ShoppingCart", "total"]) == [
        ("cart.py", 3),
        ("a.py", 3),
        ("b.py", 2),
        ("c.py", 1),
    ]


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((0, 0, 0, 3), "one"),
        ((0, 1, 1, 1), "ne\nt"),
        # Columns count UTF-16 units.
        ((2, 2, 2, 4), "x\U0001f600"[:1] + "\ufffd"),
        ((2, 0, 2, 3), "\U0001f600x"),
        ((1, 1, 9, 9), "wo\n\U0001f600x\U0001f600"),
        ((7, 0, 9, 0), ""),
        ((1, 2, 0, 0), ""),
    ],
)
def test_what_is_selected(numbers: tuple[int, ...], expected: str) -> None:
    text = "one\r\ntwo\n\U0001f600x\U0001f600"
    assert selected(text, selection(*numbers), 100) == expected


@given(st.text(max_size=900), st.integers(0, 2_000))
def test_the_beginning_of_a_text_has_whole_lines(text: str, most: int) -> None:
    shown = beginning(text, most)
    assert text.startswith(shown)
    assert len(shown.encode()) <= most
    assert shown in ("", text) or shown.endswith("\n")


@given(st.lists(st.integers(0, 50), min_size=4, max_size=4), st.text("ab\n\U0001f600"))
def test_any_selection_is_bounded(numbers: list[int], text: str) -> None:
    assert len(selected(text, selection(*numbers), 7).encode()) <= 7


def test_the_prompt() -> None:
    names = [f"src/{number}.py" for number in range(204)] + ["src/app.py"]
    sources = project(dict.fromkeys(names, "x"))
    material = Material(
        budget=10_000,
        excerpts=[
            Excerpt(sources.files[-1], "a = '```'\n", True, "current"),
            Excerpt(sources.files[0], "first\n", False, "found"),
        ],
        selection="a =",
    )
    history = [
        ChatMessage("0", "1", "user", User("a", "a"), "x" * LEAST_HISTORY, "now"),
        ChatMessage("1", "1", "user", User("a", "a"), "Before " + "y" * 1_100, "now"),
        ChatMessage("2", "1", "assistant", User("assistant", "Assistant"), "Answer", "now"),
    ]
    question = Question("Now", sources, history, "src/app.py", "python", "flask", material=material)
    system, *rest = messages(question)
    assert [one["content"][:6] for one in rest] == ["Before", "Answer", "Now"]
    text = system["content"]
    assert "The project is called Shop. Its files:\nsrc/0.py\n" in text
    assert "src/199.py\n… and 5 more" in text
    assert "Language: python\n\nFramework: flask\n\nThe user is looking at src/app.py." in text
    assert "src/app.py:\n````src/app.py\na = '```'\n````" in text
    assert "src/0.py (the first lines of 1 bytes):\n```src/0.py\nfirst\n```" in text
    assert text.endswith("The user has selected this:\n```\na =\n```")
    bare = messages(Question("Now"))
    assert bare[0]["content"].endswith("info string.")
    assert len(bare) == 2


async def test_it_is_told_and_kept_and_what_is_written_anew_was_made_from_it(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as application:
        held = Held()
        held.budget = 1_000
        application.answers.maker.provider = held
        async with connected(application.port) as client:
            joined = await client.ask("project:join", {**PROJECT, "userId": "user-456"})
            assert joined["assistant"] == {"provider": "held", "model": "by hand", "budget": 1_000}

            async def write(content: str, action: str = "updated") -> Any:
                file = {"path": "a.txt", "action": action, "content": content}
                return (await client.ask("file:change", {**PROJECT, "file": file}))["file"]

            before = await write("one\ntwo\n", "created")
            asked = {
                "currentFile": "a.txt",
                "selection": {
                    "start": {"line": 0, "column": 0},
                    "end": {"line": 0, "column": 3},
                },
                "openFiles": ["a.txt"],
            }
            message = {**PROJECT, "message": "Say it louder", "context": asked}
            request_id = (await client.ask("ai:message", message))["requestId"]
            shown = {
                "files": [{"path": "a.txt", "bytes": 8, "size": 8, "reason": "current"}],
                "bytes": 11,
                "budget": 1_000,
            }
            while "context" not in (told := (await client.hear("ai:processing"))[0]):
                pass
            assert told["context"] == shown
            # Somebody goes on meanwhile: the assistant has not seen it.
            await write("one\ntwo\nthree\n")
            await held.queue.put("```a.txt\nONE\ntwo\n```\n")
            await held.queue.put(None)
            _, response = await answer_of(client, request_id)
            assert response["context"] == shown
            [action] = response["actions"]
            assert action["baseRevision"] == before["revision"]
            assert action["inverse"] == [[4, "one", ""], 4]
            bad = {**message, "context": {"selection": {"start": {"line": -1, "column": 0}}}}
            error = (await client.ask("ai:message", bad))["error"]
            assert error["details"] == {"path": "$.context.selection.start.line"}
            many = {**message, "context": {"openFiles": ["a"] * 21}}
            assert (await client.ask("ai:message", many))["error"]["code"] == "VALIDATION_ERROR"
            up = {**message, "context": {"openFiles": ["../a"]}}
            assert (await client.ask("ai:message", up))["error"]["code"] == "INVALID_FILE_PATH"


async def test_of_a_large_project_the_loop_reads_and_a_worker_searches(
    background: Background, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"src/{number}.py": "x = 1\n" * 20 for number in range(2_000)}
    files["src/1234.py"] += "needle\n"
    asked = Asked("Where is the needle?")
    material = await gather(background, "ada", project(files), asked, 2_000)
    assert [one.file.path for one in material.excerpts] == ["src/1234.py"]
    monkeypatch.setattr(context, "MAX_FOUND", 0)
    material = await gather(background, "ada", project(files), asked, 2_000)
    assert material.excerpts == []
