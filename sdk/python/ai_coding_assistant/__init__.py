"""A client of the AI coding assistant's real-time API, on `socketio_min.Client`.

`AICodingAssistantSocket` is for scripts, threads and the interactive interpreter;
`AsyncAICodingAssistantSocket` is the same for asyncio, and does the work for both. Payloads and
results are dictionaries with the names of the API; `events` has their types.
"""

from ai_coding_assistant.async_socket import AsyncAICodingAssistantSocket
from ai_coding_assistant.blocking_document import BlockingDocument
from ai_coding_assistant.blocking_lock import BlockingFileLock
from ai_coding_assistant.blocking_socket import AICodingAssistantSocket
from ai_coding_assistant.documents import Document
from ai_coding_assistant.errors import Refused, SDKError, SessionEnded, Unreachable
from ai_coding_assistant.locks import FileLock

__all__ = [
    "AICodingAssistantSocket",
    "AsyncAICodingAssistantSocket",
    "BlockingDocument",
    "BlockingFileLock",
    "Document",
    "FileLock",
    "Refused",
    "SDKError",
    "SessionEnded",
    "Unreachable",
]
