"""Files as bytes, whatever they are, in the parts that an event takes."""

from __future__ import annotations

from typing import Final

from ai_coding_assistant.errors import Refused
from ai_coding_assistant.events import File, FileDownloadPayload, FileDownloadResult
from ai_coding_assistant.reading import READINGS, changing
from ai_coding_assistant.signatures import AsyncCall, Payload

PART: Final = 262_144
"""Bytes of a file in one event."""
BEGINNINGS: Final = 5
"""How often a file is sent from its beginning."""


async def upload(call: AsyncCall, payload: Payload, data: bytes) -> File:
    """Send a file, from its beginning again if the server does not know what has come: it was
    started anew, or is another one. Return its record.
    """
    sent: dict[str, object] = {**payload, "size": len(data)}
    offset, beginnings = 0, 1
    while True:
        part = data[offset : offset + PART]
        try:
            answer = await call("file:upload", {**sent, "offset": offset, "data": part})
        except Refused as error:
            is_unknown = error.code == "NOT_FOUND" and "uploadId" in sent
            if not is_unknown or beginnings == BEGINNINGS:
                raise
            offset, beginnings = 0, beginnings + 1
            del sent["uploadId"]
            continue
        if "next" not in answer:
            return answer["file"]
        offset, sent["uploadId"] = answer["next"], answer["uploadId"]


async def download(call: AsyncCall, payload: FileDownloadPayload) -> FileDownloadResult:
    """Read a file, again from its beginning if it changes meanwhile.

    Raises:
        Refused: it changes faster than it can be read (`VERSION_CONFLICT`).
    """
    for _ in range(READINGS):
        found: list[bytes] = []
        first: str | None = None
        offset: int | None = 0
        while offset is not None:
            part = await call("file:download", {**payload, "offset": offset})
            first = first or part["hash"]
            if part["hash"] != first:
                break
            found.append(part["data"])
            offset = part.get("next")
        else:
            return {**part, "data": b"".join(found)}
    raise changing(payload["filePath"])
