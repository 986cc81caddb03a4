"""Plots as SVG, written by hand: bars and lines, for light and dark pages."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH = 760
LABELS = 210
ROW = 16
GAP = 12
TOP = 56

# Told apart in grey, too; the second of each pair is for dark pages.
COLOURS = (
    ("#1f5fbf", "#7fb2ff"),
    ("#d9822b", "#ffb66b"),
    ("#7a7f87", "#a9afb8"),
    ("#8c4fb5", "#d0a2f2"),
    ("#2f8f5b", "#74d3a0"),
)


@dataclass(frozen=True, slots=True)
class Series:
    """One server's values, by the name of the row or by the place on the x axis."""

    title: str
    values: Mapping[str, float]
    # The index of its colour, the same in every plot.
    colour: int


def _style() -> str:
    light = "".join(f".c{i}{{fill:{c[0]};stroke:{c[0]}}}" for i, c in enumerate(COLOURS))
    dark = "".join(f".c{i}{{fill:{c[1]};stroke:{c[1]}}}" for i, c in enumerate(COLOURS))
    return (
        "<style>text{font:12px system-ui,sans-serif;fill:#24292f}.h{font-weight:600;font-size:14px}"
        ".s{font-size:11px;fill:#57606a}.g{stroke:#d0d7de}.z{stroke:#57606a}.l{fill:none;"
        f"stroke-width:2}}{light}@media(prefers-color-scheme:dark){{text{{fill:#e6edf3}}"
        f".s{{fill:#9da7b3}}.g{{stroke:#3d444d}}.z{{stroke:#9da7b3}}{dark}}}.l{{fill:none}}</style>"
    )


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    name = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{name}>{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def _document(title: str, note: str, height: float, parts: Sequence[str]) -> str:
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" '
            f'width="{WIDTH}" height="{height:.0f}" role="img">',
            f"<title>{escape(title)}</title>",
            _style(),
            _text(8, 20, title, "h"),
            _text(8, 36, note, "s"),
            *parts,
            "</svg>\n",
        ]
    )


def _legend(series: Sequence[Series], y: float) -> list[str]:
    parts = []
    x = 8.0
    for one in series:
        square = f'<rect x="{x:.0f}" y="{y - 9:.0f}" width="10" height="10" '
        parts.append(square + f'class="c{one.colour}"/>')
        parts.append(_text(x + 15, y, one.title))
        x += 30 + 6.8 * len(one.title)
    return parts


def _ticks(lowest: float, highest: float) -> list[float]:
    """Return 1, 2 and 5 times the powers of ten between the two."""
    found = []
    for power in range(math.floor(math.log10(lowest)), math.ceil(math.log10(highest)) + 1):
        found += [step * 10.0**power for step in (1, 2, 5)]
    return [tick for tick in found if lowest <= tick <= highest]


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _apart(heights: Sequence[float], least: float = 13.0) -> list[float]:
    """Return where to write labels so that none covers another, each near its height."""
    order = sorted(range(len(heights)), key=heights.__getitem__)
    found = list(heights)
    for above, below in itertools.pairwise(order):
        found[below] = max(found[below], found[above] + least)
    return found


def bars(title: str, note: str, rows: Sequence[str], series: Sequence[Series]) -> str:
    """Draw a group of bars for each row, from zero."""
    highest = 1.15 * max(one.values[row] for one in series for row in rows if row in one.values)
    step = next(tick for tick in _ticks(highest / 8, highest) if highest / tick <= 8)
    ticks = [step * number for number in range(int(highest / step) + 1)]

    def x(value: float) -> float:
        return LABELS + (WIDTH - LABELS - 30) * value / highest

    return _rows(title, note, rows, series, x, ticks, 0.0)


def ratio_bars(title: str, note: str, rows: Sequence[str], series: Sequence[Series]) -> str:
    """Draw a group of bars for each row, from 1 to either side of a logarithmic axis."""
    values = [1.0, *(one.values[row] for one in series for row in rows if row in one.values)]
    lowest, highest = min(values) / 1.8, max(values) * 1.8
    scale = (WIDTH - LABELS - 30) / math.log(highest / lowest)

    def x(value: float) -> float:
        return LABELS + scale * math.log(value / lowest)

    return _rows(title, note, rows, series, x, _ticks(lowest, highest), 1.0)


def _rows(
    title: str,
    note: str,
    rows: Sequence[str],
    series: Sequence[Series],
    x: Callable[[float], float],
    ticks: Sequence[float],
    origin: float,
) -> str:
    heights = [ROW * sum(row in one.values for one in series) + GAP for row in rows]
    bottom = TOP + 12 + sum(heights)
    parts = _legend(series, TOP)
    for tick in ticks:
        parts.append(_line(x(tick), TOP + 10, x(tick), bottom, "z" if tick == origin else "g"))
        parts.append(_text(x(tick), bottom + 14, _number(tick), "s", "middle"))
    y = float(TOP + 14)
    for row, height in zip(rows, heights, strict=True):
        parts.append(_text(LABELS - 8, y + (height - GAP) / 2 + 4, row, anchor="end"))
        for one in series:
            value = one.values.get(row)
            if value is None:
                continue
            left, right = sorted((x(origin), x(value)))
            parts.append(
                f'<rect x="{left:.1f}" y="{y:.1f}" width="{right - left:.1f}" '
                f'height="{ROW - 3}" class="c{one.colour}"/>'
            )
            if value < origin:
                parts.append(_text(left - 4, y + ROW - 5, _number(value), "s", "end"))
            else:
                parts.append(_text(right + 4, y + ROW - 5, _number(value), "s"))
            y += ROW
        y += GAP
    return _document(title, note, bottom + 24, parts)


def lines(title: str, note: str, places: Sequence[str], series: Sequence[Series]) -> str:
    """Draw a line for each series over equally spaced places; the y axis is logarithmic."""
    values = [value for one in series for value in one.values.values()]
    lowest, highest = min(values) / 1.6, max(values) * 1.6
    top, bottom, left, right = TOP + 16, TOP + 260, 60, WIDTH - 180
    scale = (bottom - top) / math.log(highest / lowest)

    def y(value: float) -> float:
        return bottom - scale * math.log(value / lowest)

    def x(place: int) -> float:
        return left + (right - left) * (place + 0.25) / (len(places) - 0.5)

    parts = []
    for tick in _ticks(lowest, highest):
        parts.append(_line(left, y(tick), right, y(tick), "g"))
        parts.append(_text(left - 6, y(tick) + 4, _number(tick), "s", "end"))
    for index, place in enumerate(places):
        parts.append(_text(x(index), bottom + 16, place, "s", "middle"))
    for one in series:
        points = [
            f"{x(number):.1f},{y(one.values[place]):.1f}"
            for number, place in enumerate(places)
            if place in one.values
        ]
        parts.append(f'<polyline points="{" ".join(points)}" class="c{one.colour} l"/>')
    for number, place in enumerate(places):
        here = [one for one in series if place in one.values]
        heights = [y(one.values[place]) for one in here]
        for one, height, apart in zip(here, heights, _apart(heights), strict=True):
            circle = f'<circle cx="{x(number):.1f}" cy="{height:.1f}" r="3" '
            parts.append(circle + f'class="c{one.colour}"/>')
            label = _number(one.values[place])
            if number < len(places) - 1:
                parts.append(_text(x(number), apart - 7, label, "s", "middle"))
            else:
                parts.append(_text(x(number) + 8, apart + 4, f"{label}  {one.title}", "s"))
    return _document(title, note, bottom + 30, parts)
