"""How much a value is, in a packet, at a bounded cost: clients choose what is weighed."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any, Final, NamedTuple

import msgspec

_PLAIN: Final = (str, bytes)


class Weight(NamedTuple):
    """About how many bytes a value takes in a packet; not `whole` if only a part was looked at."""

    size: int
    whole: bool


def weight(value: Any, most: int) -> Weight:
    """Weigh a value by its first `most` values. A string counts by its characters, at no cost."""
    size = 0
    ahead = [value]
    while ahead:
        if most == 0:
            return Weight(size, False)
        most -= 1
        item = ahead.pop()
        # A separator or a pair of brackets for each value, so that empty ones count as well.
        size += 2
        if isinstance(item, _PLAIN):
            size += len(item)
        elif isinstance(item, list):
            ahead.extend(item[: _room(most, ahead)])
        elif isinstance(item, dict):
            for name, inner in islice(item.items(), _room(most, ahead)):
                size += 2 + len(name)
                ahead.append(inner)
        elif isinstance(item, int):
            # More than 64 bits are possible, and writing many digits takes its time.
            size += 1 + item.bit_length() // 3
        else:
            size += 8
    return Weight(size, True)


def _room(most: int, ahead: list[Any]) -> int:
    """Return how many more values are looked at; more need not be remembered."""
    return max(0, most + 1 - len(ahead))


def encoded_size(value: Any) -> int:
    """Return how many bytes a value takes as JSON. Costs about a millisecond a megabyte."""
    try:
        return len(msgspec.json.encode(value))
    except UnicodeEncodeError:
        # Half of a surrogate pair, which UTF-8 cannot hold.
        return len(json.dumps(value, default=lambda data: "=" * len(data)))
