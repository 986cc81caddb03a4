"""How long random tests search: `EFFORT=50` is 50 times as long as in `make test`.

`make proof` runs them with 10.
"""

from __future__ import annotations

import os
from typing import Final

EFFORT: Final = int(os.environ.get("EFFORT", "1"))
