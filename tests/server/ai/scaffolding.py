"""Ask the built-in provider for a file, without a server."""

from __future__ import annotations

from collections.abc import Sequence

from server.ai.builtin import scaffolds
from server.ai.builtin.scaffolds import Scaffold


def scaffold(
    message: str,
    language: str = "",
    paths: Sequence[str] = (),
    *,
    empty: Sequence[str] = (),
    current_file: str | None = None,
) -> Scaffold:
    """The file that a message gets in a project of these files."""
    request = scaffolds.understood(message, language)
    assert request is not None, message
    made = scaffolds.made(
        request, paths=paths, empty=empty, current_file=current_file, language=language
    )
    assert made is not None, message
    return made
