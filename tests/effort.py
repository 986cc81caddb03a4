"""How long random tests search.

Each such test names as many examples as make a search thorough. `make test` looks at half of them,
`make quick` at a fifth. Whoever changes what they are about runs `make proof`, which looks at ten
times as many, and with `EFFORT=50` at 50 times as many. Tests of faults that are planted count for
themselves.
"""

from __future__ import annotations

import os
from typing import Final

EFFORT: Final = int(os.environ.get("EFFORT", "1"))
_share = 0.5


def search_little() -> None:
    """Search as `make quick` does, in all tests that are imported from now on."""
    global _share
    _share = 0.2


def examples(thorough: int) -> int:
    """Return how many examples to look at, for a search that is thorough with so many."""
    return thorough * EFFORT if EFFORT > 1 else max(round(thorough * _share), 1)
