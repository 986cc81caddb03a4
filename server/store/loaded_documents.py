"""The documents in memory, as many as there is room for: those that were used last."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from server.api.paths import is_within
from server.documents.authority import Authority
from server.store.document_records import Key

MAX_LOADED: Final = 64_000_000
"""UTF-16 units of all documents in memory, besides the last one that was used."""


@dataclass(slots=True)
class Document:
    """A document in memory.

    chain: of the updates that have led to it, see `journals`. hash: of the content that the file
    had when it was saved. file_hash: of the content that the file has now, None if it is gone.
    size: the size that was counted for it.
    """

    id: int
    chain: str
    authority: Authority
    hash: str
    line_end: str
    file_hash: str | None
    size: int = 0


class LoadedDocuments:
    """Documents by their keys. All but the last one together have at most `most` units."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._documents: dict[Key, Document] = {}
        self._size = 0

    def get(self, key: Key) -> Document | None:
        """Return a document; None if it is not in memory."""
        return self._documents.get(key)

    def keep(self, key: Key, document: Document) -> None:
        """Keep a document. Those that were not used for longest make room."""
        self.unload(key)
        self._documents[key] = document
        # A document with unsaved edits has two texts.
        document.size = len(document.authority.text) + len(document.authority.saved)
        self._size += document.size
        while self._size > self._most and len(self._documents) > 1:
            self.unload(next(iter(self._documents)))

    def unload(self, key: Key) -> None:
        """Drop a document, if it is there."""
        document = self._documents.pop(key, None)
        if document is not None:
            self._size -= document.size

    def unload_within(self, project_id: str, paths: Collection[str]) -> None:
        """Drop the documents of a project that are at these paths, or in folders at them."""
        for key in list(self._documents):
            if key[0] == project_id and is_within(key[1], paths):
                self.unload(key)
