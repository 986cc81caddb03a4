"""The beginning of a message as plain text, for its notification: without the signs of Markdown.

The signs are those that the page draws as something else; see `markdown.js`.
"""

from __future__ import annotations

import re
from typing import Final

LENGTH: Final = 200
"""Characters of an excerpt at most."""
_LOOKED_AT: Final = 3 * LENGTH
"""Characters of a message that are looked at."""

_FENCE: Final = re.compile(r"^ {0,3}(?:`{3,}[^`\n]*|~{3,}[^\n]*)$", re.MULTILINE)
_LINE_START: Final = re.compile(r"^[ \t]*(?:[-*+]|#{1,6})[ \t]+", re.MULTILINE)
_SIGNS: Final = re.compile(
    r"`([^`\n]+)`"
    r"|\*\*([^*\n]+)\*\*"
    r"|(?<![\w*])\*([^*\s][^*\n]*)\*(?![\w*])"
    r"|\[([^\]\n]{1,200})\]\([^()\s]{1,200}\)"
)


def excerpt(text: str) -> str:
    """Return the beginning of a text in Markdown as one line of plain text."""
    text = _LINE_START.sub("", _FENCE.sub("", text[:_LOOKED_AT]))
    plain = _SIGNS.sub(lambda found: found[found.lastindex or 0], text)
    return " ".join(plain.split())[:LENGTH]
