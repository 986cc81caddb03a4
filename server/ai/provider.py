"""What writes the assistant's answers: a provider streams text for a question."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from server.api.records import ChatMessage, ContextReason, File, Usage, Version
from server.projects.comparing import Read
from server.store.snapshots import Differing


class ProviderError(Exception):
    """No answer can be had; the message is for the user who asked."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The project that a question is about. Its texts are read when they are needed.

    read: contents by their hashes; those that are gone are left out. changed_since: the files that
    differ from those of a version.
    """

    name: str
    files: Sequence[File]
    versions: Sequence[Version]
    read: Read
    changed_since: Callable[[str], AsyncIterator[Differing]]


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The part of a file that is shown, and why the file is."""

    file: File
    text: str
    is_whole: bool
    reason: ContextReason


@dataclass(slots=True)
class Material:
    """What a model is shown of a project. `budget` and `used` are in bytes.

    texts: the files that are shown as a whole. left_out: files that the question is about and that
    are no texts.
    """

    budget: int = 0
    used: int = 0
    excerpts: list[Excerpt] = field(default_factory=list)
    selection: str = ""
    texts: dict[str, tuple[File, str]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    @property
    def left(self) -> int:
        """Return how many bytes there is room for."""
        return max(0, self.budget - self.used)


@dataclass(frozen=True, slots=True)
class Question:
    """A message, and what it is about. `history` are the messages before it, the oldest first."""

    message: str
    sources: Sources | None = None
    history: Sequence[ChatMessage] = ()
    current_file: str | None = None
    language: str | None = None
    framework: str | None = None
    user_id: str = ""
    material: Material = field(default_factory=Material)


class Provider(Protocol):
    """Writes answers. Each answer has the `name` and `model`, so that nobody mistakes who wrote
    it.
    """

    @property
    def name(self) -> str: ...

    @property
    def model(self) -> str: ...

    @property
    def budget(self) -> int:
        """Return how many bytes of a project the provider is shown with a question; 0 if it looks
        for itself.
        """

    def stream(self, question: Question) -> AsyncGenerator[str | Usage, None]:
        """Yield pieces of the answer's text, and then the tokens that it took, if they are known.

        What is meant for a file is in the text: see `blocks`.

        Raises:
            ProviderError: no answer can be had, or no more of it.
        """

    async def close(self) -> None:
        """Free what the provider holds."""
