"""A raw client that edits one file together with others, literally as the protocol says."""

from __future__ import annotations

from typing import Any

from tests.server.wire import Client

PROJECT = {"projectId": "project-123"}
APP = "src/components/App.jsx"


class Editor:
    """One open file of a client; `number` counts its changes."""

    def __init__(self, client: Client, path: str = APP, project_id: str = "project-123") -> None:
        self.client = client
        self.path = path
        self.project_id = project_id
        self.author = f"editor-{client.id}"
        self.number = 0
        self.epoch = ""
        self.version = 0

    @property
    def file(self) -> dict[str, str]:
        return {"projectId": self.project_id, "filePath": self.path}

    async def open(self, **more: Any) -> dict[str, Any]:
        """Open the file; the answer."""
        answer: dict[str, Any] = await self.client.ask("file:open", {**self.file, **more})
        if answer["ok"]:
            self.epoch, self.version = answer["epoch"], answer["version"]
        return answer

    async def edit(self, change: list[Any], **other: Any) -> Any:
        """Send a change; the answer."""
        self.number += 1
        return await self.again(change, **other)

    async def again(self, change: list[Any], **other: Any) -> Any:
        """Send a change with the number of the last one."""
        payload = {
            **self.file,
            "epoch": self.epoch,
            "version": self.version,
            "author": self.author,
            "number": self.number,
            "change": change,
            **other,
        }
        return await self.client.ask("file:edit", payload)

    async def heard(self) -> Any:
        """The next `file:edited`, which brings one to the next version."""
        data, _ = await self.client.hear("file:edited")
        assert (data["filePath"], data["epoch"]) == (self.path, self.epoch)
        self.version = data["version"] + 1
        return data


async def joined(client: Client, user_id: str, path: str = APP) -> Editor:
    """An editor of a user who has joined the project."""
    answer = await client.ask("project:join", {**PROJECT, "userId": user_id})
    assert answer["ok"], answer
    return Editor(client, path)


async def written(client: Client, path: str, content: str) -> dict[str, Any]:
    """A file with this content, new or not."""
    file = {"path": path, "action": "created", "content": content}
    answer = await client.ask("file:change", {**PROJECT, "file": file})
    if not answer["ok"]:
        answer = await client.ask("file:change", {**PROJECT, "file": {**file, "action": "updated"}})
    result: dict[str, Any] = answer["file"]
    return result


async def content(client: Client, path: str) -> str:
    """What a file has now."""
    answer = await client.ask("file:read", {**PROJECT, "filePath": path})
    text: str = answer["content"]
    return text
