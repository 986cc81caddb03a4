"""Commands in the notation that Redis reads, RESP."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import hiredis

Part = str | bytes | int | float

# The annotations of hiredis allow one part only.
_pack = cast("Callable[[tuple[Part, ...]], bytes]", hiredis.pack_command)


def encode_command(*parts: Part) -> bytes:
    """Encode a command as an array of bulk strings (RESP specification, "Sending commands")."""
    return _pack(parts)
