"""What the types of the Python SDK allow and refuse: read by `mypy --strict` in `make check`, and
never run. An error that is expected and does not come is an error, too.
"""

from __future__ import annotations

from typing import Any, assert_type

from ai_coding_assistant import AICodingAssistantSocket, AsyncAICodingAssistantSocket, events
from ai_coding_assistant.signatures import AnyEvent


async def results(socket: AsyncAICodingAssistantSocket) -> None:
    project = {"projectId": "p"}
    read = await socket.call("file:read", {**project, "filePath": "a.txt"})
    assert_type(read, events.FileReadResult)
    assert_type(read["content"], str)
    read["contents"]  # type: ignore[typeddict-item]
    assert_type(read.get("file"), events.File | None)
    listed = await socket.call("project:list")
    assert_type(listed["projects"][0]["members"][0]["role"], events.Role)
    await socket.call("file:read")  # type: ignore[call-overload]
    await socket.call("file:raed", project)  # type: ignore[call-overload]
    assert_type(await socket.call(AnyEvent("file:" + "read"), project), Any)
    payload: events.ProjectPagePayload = {"projectId": "p", "limt": 1}  # type: ignore[typeddict-unknown-key]
    await socket.call("file:list", payload)


async def methods(socket: AsyncAICodingAssistantSocket) -> None:
    joined = await socket.join_project("p")
    assert_type(joined["presence"], list[events.Presence])
    assert_type(await socket.list_all("file:list", {"projectId": "p"}), list[events.File])
    await socket.list_all("file:read", {"projectId": "p"})  # type: ignore[call-overload]
    [file] = await socket.search("p", "a|b", isRegex=True)
    assert_type(file["hits"][0]["start"]["line"], int)
    await socket.search("p", "a", isRegexp=True)  # type: ignore[call-arg]
    response = await socket.send_ai_message("todos", "p")
    for action in response.get("actions", []):
        assert_type(await socket.accept_action("p", response, action), events.FileChangeResult)


async def handlers(socket: AsyncAICodingAssistantSocket) -> None:
    @socket.on("user:joined")
    async def greet(data: events.UserJoined, event: events.Envelope) -> None:
        print(data["user"]["name"], event["timestamp"])
        data["name"]  # type: ignore[typeddict-item]

    @socket.on("user:left")  # type: ignore[arg-type]
    def wrong(data: events.UserTyping) -> None:
        print(data)

    @socket.on("project:deleted")
    @socket.on("disconnect")
    def gone() -> None:
        print("gone")

    socket.on("file:edited", lambda data: print(data["version"], data["user"]["name"]))
    socket.on("reconnect", lambda attempt: print(attempt + 1))
    socket.on("user:jioned", print)  # type: ignore[call-overload]
    print(greet, wrong, gone)


def waiting(socket: AICodingAssistantSocket) -> None:
    assert_type(socket.call("file:read", {"projectId": "p"}), events.FileReadResult)
    assert_type(socket.list_all("bin:list", {"projectId": "p"}), list[events.Deletion])
    assert_type(socket.login("ada", "secret")["user"], events.User)
    assert_type(socket.read_file("p", "a.txt")["content"], str)
    made = socket.upload_file("p", "a.txt", "text")
    made["path_"]  # type: ignore[typeddict-item]
