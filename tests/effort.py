"""How long random tests search: a share of it in `make test`, all and more in `make proof`.

Each such test names as many examples as make a search thorough. `make test` looks at half of them:
whoever changes what they are about runs `make proof`, which looks at ten times as many, and
`EFFORT=50` at 50 times as many. Tests of faults that are planted count for themselves.
"""

from __future__ import annotations

import os
from typing import Final

EFFORT: Final = int(os.environ.get("EFFORT", "1"))
_SHARE: Final = 0.5


def examples(thorough: int) -> int:
    """Return how many examples to look at, for a search that is thorough with so many."""
    return thorough * EFFORT if EFFORT > 1 else round(thorough * _SHARE)
