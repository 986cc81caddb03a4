"""The figures in README.md, which are those of the last whole measurement."""

from __future__ import annotations

import math
import re

from benchmarks.figures import Results
from benchmarks.generator import ROOT
from benchmarks.peers import THIS

README = ROOT / "README.md"
_SENTENCE = re.compile(
    r"echoes \d+ times the messages,(\s+)delivers \d+ times as many of a burst to a room, "
    r"and \d+ times as many in a busy chat"
)


def with_figures(text: str, results: Results) -> str:
    """Return the text of README.md with the present ratios to Node, rounded down; as it was if one
    of them was not measured.

    Raises:
        ValueError: the text does not have the sentence that they are in.
    """
    if _SENTENCE.search(text) is None:
        raise ValueError("README.md does not have the sentence with the figures of benchmarks")
    ratios = [results.cheaper(load, THIS) for load in ("echo", "fan-1000-burst", "chat")]
    known = [math.floor(ratio) for ratio in ratios if ratio is not None]
    if len(known) < len(ratios):
        return text
    echo, burst, chat = known
    return _SENTENCE.sub(
        rf"echoes {echo} times the messages,\1delivers {burst} times as many of a burst to a room, "
        rf"and {chat} times as many in a busy chat",
        text,
    )
