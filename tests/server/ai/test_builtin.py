"""What the built-in provider can do, and what asking it costs the others."""

from __future__ import annotations

import contextlib
import resource
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.ai.builtin import provider
from server.ai.builtin.provider import answer_to
from server.ai.provider import Question, Sources
from server.api.records import File, Version
from server.background import Background, Worker, WorkFailed
from server.store.contents import Stored
from server.store.snapshots import Differing
from tests.server.ai.chatting import PROJECT, ask
from tests.server.conftest import Connect

PYTHON = """\
import json


class Shop:
    def price(self, name):
        def inner():
            pass
        return PRICES[name]  # TODO: discounts


async def main():
    Shop().price("tea")
"""

BROKEN = "def broken(:\n"

TRACEBACK = """\
Why does this happen?
Traceback (most recent call last):
  File "/srv/app/shop/main.py", line 12, in <module>
    asyncio.run(main())
  File "/usr/lib/python3.11/asyncio/runners.py", line 190, in run
  File "/srv/app/shop/main.py", line 8, in price
    return PRICES[name]
KeyError: 'tea'
"""

STACK = """\
TypeError: Cannot read properties of undefined (reading 'map')
    at TodoList (http://localhost:3000/src/components/TodoList.jsx:6:14)
    at renderWithHooks (react-dom.js:1:2)
"""


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        (
            "outline shop/main.py, please",
            [
                "`shop/main.py` defines:\n\n- class `Shop`, line 4\n"
                "-   method `price`, line 5\n-     function `inner`, line 6\n"
                "- function `main`, line 11\n"
            ],
        ),
        (
            "What is in App.jsx?",
            ["`src/components/App.jsx` defines:\n\n- function `App`, line 3\n"],
        ),
        ("outline @README.md", ["- heading `Shop`, line 1\n"]),
        ("outline README.md", ["- heading `Shop`, line 1\n"]),
        ("outline broken.py", ["`broken.py` cannot be parsed: invalid syntax, line 1"]),
        ("outline data.bin", ["I know no language that `data.bin` could be written in."]),
        ("outline nothing.py", ["Name a file of the project"]),
        (
            "where is TodoList?",
            [
                "`TodoList` is defined here:\n\n"
                "- function in `src/components/TodoList.jsx`, line 1\n",
                "It is used here:\n\n- `src/components/App.jsx`, line 1:",
            ],
        ),
        ("find PRICES", ["I see no definition of `PRICES`.", "`shop/main.py`, line 8:"]),
        ("find frobnicate", ["`frobnicate` is nowhere in the 7 files"]),
        ("find inner", ["- function in `shop/main.py`, line 6\n\nNothing uses it.\n"]),
        ("check", ["Syntax errors in 2 of 4 files:", "`bad.json`: Expecting", "`broken.py`: inv"]),
        ("check shop/main.py", ["No syntax errors in 1 file.\n"]),
        ("check README.md", ["`README.md` is no file that I can check"]),
        (
            "list all todos",
            [
                "2 to do:\n\n- `shop/main.py`, line 8: return PRICES[name]  # TODO: discounts\n",
                "`src/components/TodoList.jsx`, line 2: // TODO: keep the items",
            ],
        ),
        (
            TRACEBACK,
            [
                "**KeyError**: 'tea'\n\nThis means: a dictionary has no such key",
                "The innermost line of this project is `shop/main.py` line 8 in `price`:",
                ">    8         return PRICES[name]  # TODO: discounts\n",
                "It came there through:\n\n- `shop/main.py` line 12 in `<module>`\n",
            ],
        ),
        (
            STACK,
            [
                "**TypeError**: Cannot read properties of undefined (reading 'map')",
                "`src/components/TodoList.jsx` line 6 in `TodoList`:",
            ],
        ),
        (
            'File "/elsewhere/x.py", line 1\nexceptions.OddError: what',
            ["**exceptions.OddError**: what", "No line of it is in a file of this project."],
        ),
        (
            'File "shop/main.py", line 999\nKeyboardInterrupt',
            ["**KeyboardInterrupt**", "(the file has 13 lines now; it has changed since)"],
        ),
        ("diff", ["The project has no version yet to compare with."]),
        ("Who are you?", ["No language model is configured"]),
        # It says so instead of putting something else there.
        ("Add a docstring to this python function", ["Nothing is proposed."]),
        ("please fix the bug in shop/main.py", ["Nothing is proposed."]),
        ("create a python program in shop/main.py", ["`shop/main.py` is there already"]),
    ],
)
async def test_what_the_built_in_provider_can_do(
    connect: Connect, message: str, parts: list[str]
) -> None:
    client = await connect()
    for path, content in {
        "shop/main.py": PYTHON,
        "broken.py": BROKEN,
        "good.toml": "a = 1\n",
        "bad.json": "{",
        "README.md": "# Shop\n",
        "data.bin": "",
        "large.py": "x = 1\n" * 100_000,
    }.items():
        file = {"path": path, "action": "created", "content": content}
        await client.ask("file:change", {**PROJECT, "file": file})
    if message == "find frobnicate":
        await client.ask(
            "file:change", {**PROJECT, "file": {"path": "bad.json", "action": "deleted"}}
        )
    response = await ask(client, message)
    for part in parts:
        assert part in response["content"]
    assert "actions" not in response


def project(files: dict[str, str]) -> Sources:
    """A project of these files, with one version that has none of them."""

    async def read(hashes: Sequence[str]) -> dict[str, str]:
        return {path: files[path] for path in hashes}

    async def changed_since(_version: str) -> AsyncIterator[Differing]:
        for path, text in files.items():
            yield Differing(path, None, Stored(path, len(text)))

    # The hash of a content is the path of its file.
    listed = [File(path, path, len(text), path, 1, "", "") for path, text in files.items()]
    version = Version("version-1", "project-1", "First", "", "", "", 0)
    return Sources("Shop", listed, [version], read, changed_since)


@pytest.fixture
async def background() -> AsyncIterator[Background]:
    background = Background()
    yield background
    await background.close()


@given(st.text("a\n", max_size=40))
def test_an_answer_is_cut_after_lines(text: str) -> None:
    with patch.object(provider, "_PIECE", 3):
        pieces = list(provider._pieces(text))
    assert "".join(pieces) == text
    assert all(piece.endswith("\n") and len(piece) > 3 for piece in pieces[:-1])


async def test_the_loop_does_not_look_through_texts_itself(background: Background) -> None:
    """Others would wait for it; steps of its thread are counted, not time."""
    sources = project({"many lines.py": "x = 1\n" * 20_000, "one.py": "# TODO: this\n"})
    trace = TRACEBACK + 'File "/a/b/c/one.py", line 1\n' * 500 + "KeyError: 1\n"
    for message in ("todos", "find x", "outline many lines.py", "check", "diff", trace):
        steps = 0

        def step(_frame: object, event: str, _argument: object) -> None:
            nonlocal steps
            steps += event in ("call", "c_call")

        def job(worker: Worker, message: str = message) -> Awaitable[str]:
            return answer_to(Question(message, sources), worker)

        sys.setprofile(step)
        try:
            answer = await background.run("ada", job)
        finally:
            sys.setprofile(None)
        assert answer
        assert steps < 2_000, message


async def test_a_traceback_in_a_large_project_is_looked_up_and_not_searched(
    background: Background,
) -> None:
    """50 frames against 10,000 paths, part by part, were 150 ms of everybody's time."""
    sources = project({f"src/folder/{number}.py": "x" for number in range(10_000)})
    frames = "".join(f'File "/srv/app/src/folder/{n}.py", line 1, in f\n' for n in range(50))
    steps = 0

    def step(_frame: object, event: str, _argument: object) -> None:
        nonlocal steps
        steps += event in ("call", "c_call")

    def job(worker: Worker) -> Awaitable[str]:
        return answer_to(Question(frames + "KeyError: 1\n", sources), worker)

    sys.setprofile(step)
    try:
        answer = await background.run("ada", job)
    finally:
        sys.setprofile(None)
    assert "`src/folder/49.py` line 1 in `f`" in answer
    assert steps < 2_000


async def test_a_key_of_thousands_of_parts_is_not_parsed(background: Background) -> None:
    """tomllib takes half a minute for 100 KB of it."""
    sources = project({"a.toml": ".".join(["a"] * 50_000) + " = 1\n"})
    answer = await background.run("ada", lambda w: answer_to(Question("check", sources), w))
    assert "`a.toml`: not checked, a line has more than 200 dots" in answer


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        # 1.7 GB of the interpreter's memory.
        ("import a" + ".a" * 40_000, 10.0),
        ("x = " + "1 + " * 49_000 + "1", 10.0),
        ("x = " + "(" * 90_000, 10.0),
        # Would take any time that it is given.
        ("e" + "\u0301\u0327" * 20_000, 1.0),
    ],
)
async def test_what_cannot_be_parsed_in_time_or_memory_harms_nobody(
    background: Background, monkeypatch: pytest.MonkeyPatch, text: str, seconds: float
) -> None:
    sources = project({"a.py": text})

    def asking(message: str) -> Callable[[Worker], Awaitable[str]]:
        return lambda worker: answer_to(Question(message, sources), worker)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with contextlib.suppress(WorkFailed), monkeypatch.context() as hurried:
        hurried.setattr(background, "_seconds", seconds)
        await background.run("ada", asking("outline a.py"))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000
    answer = await background.run("ada", asking("todos"))
    assert answer == "No TODO or FIXME in 1 file.\n"


async def test_what_is_looked_through_has_a_limit(background: Background) -> None:
    files = {f"{number:02}.md": "# TODO\n" + "x" * 150_000 for number in range(40)}
    sources = project({**files, "large.md": "# TODO\n" + "x" * 200_001})
    answer = await background.run("ada", lambda w: answer_to(Question("todos", sources), w))
    assert "33 to do" in answer


async def test_diffs(connect: Connect) -> None:
    client = await connect()
    for name in ("First", "Second"):
        await client.ask("version:create", {**PROJECT, "name": name})
        change = {"path": f"{name}.txt", "action": "created", "content": f"{name}\n"}
        await client.ask("file:change", {**PROJECT, "file": change})
    assert (await ask(client, "diff"))["content"] == (
        "Changes since `Second`:\n\n```diff\n"
        "--- /dev/null\n+++ b/Second.txt\n@@ -0,0 +1 @@\n+Second\n```\n"
    )
    since_first = await ask(client, "What has changed since version first?")
    assert "+++ b/First.txt" in since_first["content"]
    third = await ask(client, "diff against Third")
    assert third["content"] == ("There is no version of that name. There are: `Second`, `First`.\n")
    await client.ask("version:create", {**PROJECT, "name": "Now"})
    assert (await ask(client, "diff"))["content"] == "Nothing has changed since `Now`.\n"
