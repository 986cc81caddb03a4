"""The chat with the assistant, answered by the built-in provider.

Invariants:
- Each accepted message ends in exactly one `ai:response`, or one `ai:processing` with "error".
- What was streamed is what the response says, and what joining brings back.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from server.ai import builtin
from server.ai.answer_text import MAX_ANSWER
from server.ai.builtin import Answer, answer_to
from server.ai.chat import MAX_MESSAGE, AiMessagePayload
from server.ai.provider import Outcome, ProviderError, Question, Sources
from server.api.identity import identity_of
from server.api.records import File, Version
from server.api.registry import Call
from server.application import Application
from server.background import Background, Worker, WorkFailed
from server.store import contents, messages, snapshots
from server.store.snapshots import Stored
from tests.server.conftest import Connect
from tests.server.gate import closed_gate
from tests.server.running import running
from tests.server.wire import PATIENCE, Client, connected

PROJECT = {"projectId": "project-123"}
ADA = {"id": "user-456", "name": "user-456"}
APP = "src/components/App.jsx"
TODO = "src/components/TodoList.jsx"
DOCUMENTED = {
    "message": "Create a React component for a todo list",
    "projectId": "project-123",
    "userId": "user-456",
    "context": {
        "currentFile": "src/components/TodoList.jsx",
        "language": "javascript",
        "framework": "react",
    },
}


async def answer_of(client: Client, request_id: str) -> tuple[list[str], Any]:
    """The events of an answer, and its response or its error."""
    events = []
    while True:
        for index, (event, data, _) in enumerate(client.heard):
            if data.get("requestId") == request_id:
                del client.heard[index]
                events.append(event)
                if event == "ai:response":
                    return events, data["response"]
                if event == "ai:processing" and data["status"] == "error":
                    return events, data["error"]
                break
        else:
            await client.more()


async def ask(client: Client, message: str, **payload: Any) -> Any:
    payload = {"message": message, **PROJECT, **payload}
    request = await client.ask("ai:message", payload)
    assert request["ok"], request
    return (await answer_of(client, request["requestId"]))[1]


async def test_the_documents_message(connect: Connect) -> None:
    client, other = await connect(), await connect()
    await other.ask("project:join", {**PROJECT, "userId": "user-789"})
    request = await client.ask("ai:message", DOCUMENTED)
    assert request.keys() == {"ok", "requestId", "messageId"}
    data, envelope = await other.hear("ai:message")
    assert data == {
        "message": DOCUMENTED["message"],
        "user": ADA,
        "requestId": request["requestId"],
        "messageId": request["messageId"],
    }
    assert envelope["metadata"]["source"] == "client"
    for one in (client, other):
        chunks = []
        statuses = []
        async with asyncio.timeout(20):
            while "ai:response" not in [event for event, _, _ in one.heard]:
                await one.more()
        for event, data, _ in one.heard:
            if event == "code:chunk":
                chunks.append(data["content"])
            elif event == "ai:processing":
                statuses.append((data["status"], data.get("progress")))
        names = [event for event, _, _ in one.heard if event.startswith(("code:", "ai:r"))]
        assert names[0] == "code:started"
        assert names[-2:] == ["code:completed", "ai:response"]
        assert statuses == [
            ("started", None),
            ("progress", 25),
            ("progress", 50),
            ("completed", 100),
        ]
        response = one.heard[-1][1]["response"]
        assert "".join(chunks) == response["content"]
        assert (response["provider"], response["model"]) == ("builtin", "none")
        assert response["cancelled"] is False
        [action] = response["actions"]
        assert (action["type"], action["path"]) == ("update-file", TODO)
        assert action["content"] in response["content"]
        assert "export default function TodoList()" in action["content"]
    history = (await client.ask("project:join", PROJECT))["messages"]
    assert [(one["role"], one["user"]["id"], one["content"]) for one in history] == [
        ("user", "user-456", DOCUMENTED["message"]),
        ("assistant", "assistant", response["content"]),
    ]
    assert history[1]["response"] == response


async def test_without_a_project_only_the_sender_hears(connect: Connect) -> None:
    client, other = await connect(), await connect()
    await other.ask("project:join", PROJECT)
    await client.ask("project:join", PROJECT)
    await other.news()
    request = await client.ask(
        "ai:message", {"message": "hello", "metadata": {"correlationId": "c-1"}}
    )
    events, response = await answer_of(client, request["requestId"])
    assert events[0] == "ai:message"
    assert response["content"] == builtin.HELP
    assert "No language model is configured" in response["content"]
    assert await other.news() == []
    assert (await client.ask("project:join", PROJECT))["messages"] == []


async def test_the_correlation_id_comes_back_in_all_of_it(connect: Connect) -> None:
    client = await connect()
    await client.ask("ai:message", {"message": "x", "metadata": {"correlationId": "c-1"}})
    while "ai:response" not in [event for event, _, _ in client.heard]:
        await client.more()
    assert {envelope["metadata"]["correlationId"] for _, _, envelope in client.heard} == {"c-1"}


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

    async def version_files(_version: str) -> dict[str, Stored]:
        return {}

    # The hash of a content is the path of its file.
    listed = [File(path, path, len(text), path, 1, "", "") for path, text in files.items()]
    version = Version("version-1", "project-1", "First", "", "", "", 0)
    return Sources("Shop", listed, [version], read, version_files)


@pytest.fixture
async def background() -> AsyncIterator[Background]:
    background = Background()
    yield background
    await background.close()


async def test_the_loop_does_not_look_through_texts_itself(background: Background) -> None:
    """Others would wait for it; steps of its thread are counted, not time."""
    sources = project({"many lines.py": "x = 1\n" * 20_000, "one.py": "# TODO: this\n"})
    trace = TRACEBACK + 'File "/a/b/c/one.py", line 1\n' * 500 + "KeyError: 1\n"
    for message in ("todos", "find x", "outline many lines.py", "check", "diff", trace):
        steps = 0

        def step(_frame: object, event: str, _argument: object) -> None:
            nonlocal steps
            steps += event in ("call", "c_call")

        def job(worker: Worker, message: str = message) -> Awaitable[Answer]:
            return answer_to(Question(message, sources), worker)

        sys.setprofile(step)
        try:
            answer = await background.run("ada", job)
        finally:
            sys.setprofile(None)
        assert answer.text
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

    def job(worker: Worker) -> Awaitable[Answer]:
        return answer_to(Question(frames + "KeyError: 1\n", sources), worker)

    sys.setprofile(step)
    try:
        answer = await background.run("ada", job)
    finally:
        sys.setprofile(None)
    assert "`src/folder/49.py` line 1 in `f`" in answer.text
    assert steps < 2_000


async def test_a_key_of_thousands_of_parts_is_not_parsed(background: Background) -> None:
    """tomllib takes half a minute for 100 KB of it."""
    sources = project({"a.toml": ".".join(["a"] * 50_000) + " = 1\n"})
    answer = await background.run("ada", lambda w: answer_to(Question("check", sources), w))
    assert "`a.toml`: not checked, a line has more than 200 dots" in answer.text


@pytest.mark.parametrize(
    "text",
    [
        # 1.7 GB of the interpreter's memory.
        "import a" + ".a" * 40_000,
        "x = " + "1 + " * 49_000 + "1",
        "x = " + "(" * 90_000,
        "e" + "\u0301\u0327" * 20_000,
    ],
)
async def test_what_cannot_be_parsed_in_time_or_memory_harms_nobody(
    background: Background, text: str
) -> None:
    sources = project({"a.py": text})

    def asking(message: str) -> Callable[[Worker], Awaitable[Answer]]:
        return lambda worker: answer_to(Question(message, sources), worker)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with contextlib.suppress(WorkFailed):
        await background.run("ada", asking("outline a.py"))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000
    answer = await background.run("ada", asking("todos"))
    assert answer.text == "No TODO or FIXME in 1 file.\n"


async def test_what_is_looked_through_has_a_limit(background: Background) -> None:
    files = {f"{number:02}.md": "# TODO\n" + "x" * 150_000 for number in range(40)}
    sources = project({**files, "large.md": "# TODO\n" + "x" * 200_001})
    answer = await background.run("ada", lambda w: answer_to(Question("todos", sources), w))
    assert "33 to do" in answer.text


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


@pytest.mark.parametrize(
    ("message", "context", "path", "part"),
    [
        ("make a component called UserCard", {}, "src/components/UserCard.jsx", "UserCard({"),
        (
            "write a component for the login form",
            {"language": "typescript"},
            "src/components/LoginForm.tsx",
            "function LoginForm(",
        ),
        ("create a python script named sort_lines", {}, "sort_lines.py", "def sort_lines("),
        ("generate a module", {"language": "python"}, "main.py", "def main("),
        (
            "build a web page for the tea shop",
            {"currentFile": "site/shop.html"},
            "site/shop.html",
            "<title>Tea shop</title>",
        ),
    ],
)
async def test_scaffolds(
    connect: Connect, message: str, context: dict[str, str], path: str, part: str
) -> None:
    client = await connect()
    [action] = (await ask(client, message, context=context))["actions"]
    assert (action["type"], action["path"]) == ("create-file", path)
    assert part in action["content"]
    # What is proposed can be done as it is.
    file = {"path": path, "action": "created", "content": action["content"]}
    assert (await client.ask("file:change", {**PROJECT, "file": file}))["ok"]
    if path.endswith(".py"):
        compile(action["content"], path, "exec")


async def test_a_message_has_a_limit(connect: Connect) -> None:
    client = await connect()
    for message in ("", "x" * (MAX_MESSAGE + 1), "ü" * (MAX_MESSAGE // 2 + 1)):
        error = (await client.ask("ai:message", {"message": message}))["error"]
        assert error["details"] == {"path": "$.message"}
    assert (await client.ask("ai:message", {"message": "ü" * (MAX_MESSAGE // 2)}))["ok"]


async def test_work_on_files_needs_a_project(connect: Connect) -> None:
    client = await connect()
    request = await client.ask("ai:message", {"message": "outline main.py"})
    _, error = await answer_of(client, request["requestId"])
    assert error == {
        "code": "AI_SERVICE_ERROR",
        "message": "this is about a project's files: send it with a projectId",
    }


# -- with a provider that the test holds


class Held:
    """A provider that says what the test puts into its queue: text, an outcome, or an error."""

    name = "held"
    model = "by hand"

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Any] = asyncio.Queue()
        self.left = 0

    async def stream(self, question: Question) -> AsyncGenerator[str | Outcome, None]:
        try:
            while (piece := await self.queue.get()) is not None:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.left += 1

    async def close(self) -> None:
        """Nothing to let go of."""


@pytest.fixture
def held(application: Application, monkeypatch: pytest.MonkeyPatch) -> Held:
    provider = Held()
    monkeypatch.setattr(application.chat, "_provider", provider)
    return provider


async def begin(client: Client, **payload: Any) -> str:
    request = await client.ask("ai:message", {"message": "go on", **PROJECT, **payload})
    assert request["ok"], request
    request_id: str = request["requestId"]
    return request_id


async def test_cancelling_keeps_what_there_was(connect: Connect, held: Held) -> None:
    client, other = await connect(), await connect()
    await other.ask("project:join", PROJECT)
    request_id = await begin(client, userId="user-456")
    await held.queue.put("half an ")
    await client.hear("code:chunk")
    unknown = {
        "code": "NOT_FOUND",
        "message": f"request {request_id!r}: no answer of yours is being made",
    }
    # Nobody stops somebody else's.
    assert (await other.ask("ai:cancel", {"requestId": request_id}))["error"] == unknown
    assert await client.ask("ai:cancel", {"requestId": request_id}) == {
        "ok": True,
        "requestId": request_id,
    }
    for one in (client, other):
        events, response = await answer_of(one, request_id)
        assert events[-3:] == ["code:completed", "ai:processing", "ai:response"]
        assert (response["content"], response["cancelled"]) == ("half an ", True)
    assert held.left == 1
    assert (await client.ask("ai:cancel", {"requestId": request_id}))["error"] == unknown
    history = (await client.ask("project:join", PROJECT))["messages"]
    assert history[-1]["response"]["cancelled"] is True


async def test_an_answer_outlives_the_connection_of_who_asked(connect: Connect, held: Held) -> None:
    """It belongs to the project: the others hear it, and so does who asked, when they are back."""
    client, other = await connect(), await connect()
    await other.ask("project:join", PROJECT)
    request_id = await begin(client, userId="user-456")
    await held.queue.put("said before, ")
    await other.hear("code:chunk")
    await client.close()
    again = await connect()
    await again.ask("project:join", {**PROJECT, "userId": "user-456"})
    await held.queue.put("said after")
    await held.queue.put(None)
    for one in (other, again):
        _, response = await answer_of(one, request_id)
        assert response["content"] == "said before, said after"
        assert response["cancelled"] is False


async def test_an_answer_ends_with_the_grace(tmp_path: Path) -> None:
    async with running(tmp_path, tuning={"lock_grace": 0.01}) as application:
        held = Held()
        application.chat._provider = held
        async with connected(application.port) as other:
            await other.ask("project:join", PROJECT)
            async with connected(application.port) as client:
                request_id = await begin(client)
                await held.queue.put("said before")
                await other.hear("code:chunk")
            _, response = await answer_of(other, request_id)
            assert (response["content"], response["cancelled"]) == ("said before", True)


async def lose(application: Application, client: Client, other: Client) -> None:
    """The client goes, and its grace passes."""
    await client.close()
    async with asyncio.timeout(PATIENCE):
        while client.id not in application._grace:
            await other.ask("test:ping")
    application._grace[client.id].cancel()
    application._grace_over(client.id)


async def test_an_answer_belongs_to_the_connection_that_came_back(
    application: Application, connect: Connect, held: Held
) -> None:
    client, other = await connect(), await connect()
    await other.ask("project:join", PROJECT)
    request_id = await begin(client, userId="user-456")
    await held.queue.put("one ")
    await other.hear("code:chunk")
    for _ in range(2):
        again = await connect()
        await again.ask("project:join", {**PROJECT, "userId": "user-456"})
        await lose(application, client, other)
        client = again
    assert len(application.chat) == 1
    # This time nobody is back.
    await lose(application, client, other)
    _, response = await answer_of(other, request_id)
    assert (response["content"], response["cancelled"]) == ("one ", True)


async def test_an_answer_of_no_project_ends_with_its_connection(
    application: Application, connect: Connect, held: Held
) -> None:
    client, other = await connect(), await connect()
    await begin(client, projectId=None)
    await held.queue.put("heard by nobody else")
    await client.hear("code:chunk")
    await client.close()
    async with asyncio.timeout(PATIENCE):
        while len(application.chat):
            await other.ask("test:ping")
    assert held.left == 1


async def test_who_may_not_hear_an_answer_any_more_does_not(connect: Connect, held: Held) -> None:
    owner, member = await connect(), await connect()
    await owner.ask("user:join", {"userId": "user-456"})
    project = (await owner.ask("project:create", {"name": "Mine"}))["project"]["id"]
    share = {"projectId": project, "userId": "user-789"}
    await owner.ask("project:share", {**share, "role": "editor"})
    await member.ask("user:join", {"userId": "user-789"})
    for _ in range(2):
        await begin(member, projectId=project)
        await held.queue.put("text")
        await member.hear("code:chunk")
        if not held.left:
            await owner.ask("project:unshare", share)
            await member.hear("ai:response")
            await owner.ask("project:share", {**share, "role": "editor"})
    await member.ask("auth:logout")
    await member.hear("ai:response")
    assert held.left == 2


async def test_the_chat_keeps_the_latest_messages(
    application: Application, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "MAX_MESSAGES", 4)
    client = await connect()
    for number in range(4):
        await ask(client, f"message {number}")
    history = (await client.ask("project:join", PROJECT))["messages"]
    assert [one["content"] for one in history[::2]] == ["message 2", "message 3"]
    assert len(history) == 4


async def test_an_answer_that_is_cancelled_before_it_begins_ends_as_well(
    application: Application, connect: Connect, held: Held
) -> None:
    client = await connect()
    [socket] = application.io.sockets.values()
    call = Call(application, socket, identity_of(socket), AiMessagePayload(message="never mind"))
    request_id = (await application.chat.ask(call)).request_id
    # In the same turn of the loop: the answer's task has not taken a step.
    application.chat.abandon(client.id)
    _, response = await answer_of(client, request_id)
    assert (response["content"], response["cancelled"]) == ("", True)
    assert len(application.chat) == 0
    assert held.left == 0


async def test_two_answers_at_once(connect: Connect, held: Held) -> None:
    first, second, other = await connect(), await connect(), await connect()
    requests = [await begin(one, userId="user-456") for one in (first, second)]
    error = (await first.ask("ai:message", {"message": "third"}))["error"]
    assert error["code"] == "RATE_LIMIT_EXCEEDED"
    third = await begin(other, userId="user-789")
    await held.queue.put(None)
    await answer_of(first, requests[0])
    await begin(first)
    for _ in range(3):
        await held.queue.put(None)
    await answer_of(other, third)


@pytest.mark.parametrize("text_first", [False, True])
@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (ProviderError("out of order"), "out of order"),
        (RuntimeError("a secret"), "the assistant failed; the server's log says why"),
    ],
)
async def test_a_failing_provider(
    connect: Connect, held: Held, failure: Exception, message: str, text_first: bool
) -> None:
    client = await connect()
    await client.ask("project:join", PROJECT)
    request_id = await begin(client)
    if text_first:
        await held.queue.put("some text")
    await held.queue.put(failure)
    events, error = await answer_of(client, request_id)
    assert error == {"code": "AI_SERVICE_ERROR", "message": message}
    assert ("code:error" in events) == text_first
    assert "ai:response" not in [event for event, _ in await client.news()]
    history = (await client.ask("project:join", PROJECT))["messages"]
    assert [one["role"] for one in history] == ["user"]


async def test_an_answer_takes_only_so_long(tmp_path: Path) -> None:
    async with running(tmp_path, ai_timeout=0.01) as application:
        application.chat._provider = Held()
        async with connected(application.port) as client:
            request_id = await begin(client)
            _, error = await answer_of(client, request_id)
            assert error["message"] == "the assistant took longer than 0.01 seconds"


async def test_an_answer_has_a_limit(connect: Connect, held: Held) -> None:
    client = await connect()
    request_id = await begin(client)
    await held.queue.put("x" * (MAX_ANSWER - 1))
    await held.queue.put("")
    await held.queue.put("yz")
    _, response = await answer_of(client, request_id)
    assert len(response["content"]) == MAX_ANSWER
    assert response["content"].endswith("xy")
    assert held.left == 1


async def test_half_a_character_ends_no_answer(connect: Connect, held: Held) -> None:
    """It can be sent in JSON and not be stored: there was no end of any kind."""
    client = await connect()
    request_id = await begin(client)
    await held.queue.put("half \ud83d")
    await held.queue.put("not the other \ude00")
    await held.queue.put(None)
    events, response = await answer_of(client, request_id)
    assert response["content"] == "half \ufffdnot the other \ufffd"
    assert events[-3:] == ["code:completed", "ai:processing", "ai:response"]


@pytest.mark.parametrize("name", ["contents", "files", "versions"])
async def test_every_failure_on_the_way_ends_in_an_error(
    connect: Connect, held: Held, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def fails(*_arguments: object) -> None:
        raise RuntimeError("a secret")

    place = {
        "contents": (messages, "add"),
        "files": (contents, "files"),
        "versions": (snapshots, "versions"),
    }[name]
    client = await connect()
    if name == "contents":
        # The message is stored, the answer is not.
        request_id = await begin(client)
        await held.queue.put("text")
        await client.hear("code:chunk")
        monkeypatch.setattr(*place, fails)
        await held.queue.put(None)
    else:
        monkeypatch.setattr(*place, fails)
        request_id = await begin(client)
    events, error = await answer_of(client, request_id)
    message = "the assistant failed; the server's log says why"
    assert error == {"code": "AI_SERVICE_ERROR", "message": message}
    assert events[-1] == "ai:processing"
    assert ("code:error" in events) == (name == "contents")


async def test_many_pieces_are_few_events(connect: Connect, held: Held) -> None:
    client = await connect()
    request_id = await begin(client)
    for number in range(1_000):
        held.queue.put_nowait(f"{number} ")
    held.queue.put_nowait(None)
    events, response = await answer_of(client, request_id)
    assert response["content"] == "".join(f"{number} " for number in range(1_000))
    # All that came at once is the first piece and the rest, unless it took a second to send.
    assert 2 <= events.count("code:chunk") <= 20


@pytest.mark.parametrize("path", ["../x.jsx", "/etc/passwd.jsx", "a\\b.jsx", "a\u202eb.jsx", "x/"])
async def test_the_current_file_is_a_path_of_the_project(connect: Connect, path: str) -> None:
    """What is proposed for it is written there."""
    client = await connect()
    message = {"message": "make a component", "context": {"currentFile": path}}
    error = (await client.ask("ai:message", message))["error"]
    assert error["code"] == "INVALID_FILE_PATH"
    [action] = (await ask(client, "make a component", context={"currentFile": "./a//e\u0301.jsx"}))[
        "actions"
    ]
    assert action["path"] == "a/\u00e9.jsx"


async def test_deleting_the_project_drops_its_answers(connect: Connect, held: Held) -> None:
    client = await connect()
    await client.ask("project:join", {**PROJECT, "userId": "user-456"})
    await begin(client)
    await held.queue.put("text")
    await client.hear("code:chunk")
    await client.ask("project:delete", PROJECT)
    assert (await client.news())[-1] == ("project:deleted", PROJECT)
    assert held.left == 1


async def test_an_answer_that_cannot_be_stored_is_an_error(
    application: Application, connect: Connect, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await connect()
    request_id = await begin(client)
    await held.queue.put("text")
    await client.hear("code:chunk")
    await application.database.run(lambda c: c.execute("DROP TABLE messages").fetchall())
    await held.queue.put(None)
    events, error = await answer_of(client, request_id)
    assert error["code"] == "STORAGE_ERROR"
    assert "code:error" in events


async def test_a_client_that_goes_before_its_message_is_stored_gets_no_answer(
    application: Application, connect: Connect, held: Held
) -> None:
    client, other = await connect(), await connect()
    await other.ask("project:join", PROJECT)
    gate, passed = await closed_gate(application.database)
    await client.emit("ai:message", {"message": "anybody?", **PROJECT})
    await client.close()
    gate.opened.set()
    await passed
    assert await other.news() == []
    assert held.left == 0
    assert (await other.ask("project:join", PROJECT))["messages"][0]["content"] == "anybody?"


async def test_stopping_the_server_keeps_what_there_is(tmp_path: Path) -> None:
    async with AsyncExitStack() as clients, running(tmp_path) as application:
        provider = Held()
        application.chat._provider = provider
        client = await clients.enter_async_context(connected(application.port))
        await begin(client)
        await provider.queue.put("text so far")
        await client.hear("code:chunk")
    async with running(tmp_path) as application:
        stored = await application.database.run(lambda c: messages.latest(c, "project-123", 10))
    assert [one.content for one in stored] == ["go on", "text so far"]


async def test_another_program_reports_its_progress(connect: Connect) -> None:
    client, other = await connect(), await connect()
    for one in (client, other):
        await one.ask("project:join", PROJECT)
    await client.news()
    status = {
        "status": "processing",
        "progress": 50,
        "message": "Generating component structure...",
    }
    assert await client.ask("ai:status", status) == {"ok": True}
    [(event, data)] = await other.news()
    assert event == "ai:processing"
    assert data.pop("user")["id"].startswith("guest-")
    assert data == {**status, "status": "progress"}
    done = {"status": "completed", "requestId": "mine", **PROJECT}
    await client.ask("ai:status", done)
    assert (await other.hear("ai:processing"))[0]["requestId"] == "mine"
    assert await client.news() == []
    for progress in (-1, 101, "50"):
        error = (await client.ask("ai:status", {**status, "progress": progress}))["error"]
        assert error["details"] == {"path": "$.progress"}
