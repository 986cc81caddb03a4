"""The event reference as a page (`/docs`): the Markdown of `handbook`, which uses little of it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from server.reference import handbook

_HEAD = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Events: AI Coding Assistant</title>
<style>
:root { color-scheme: light dark }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem }
code { background: #8882; padding: 0 .2em; border-radius: .2em; overflow-wrap: anywhere }
table { border-collapse: collapse; margin: 1rem 0 }
td, th { border: 1px solid #8886; padding: .25rem .5rem; text-align: left; vertical-align: top }
h3 { margin-top: 2.5rem }
</style>
"""


def render() -> str:
    """Return the page."""
    blocks = re.split(r"\n{2,}", handbook.render().strip())
    body = "\n".join(part for block in blocks for part in _block(block))
    return f"{_HEAD}<main>\n{body}\n</main>\n</html>\n"


def _block(block: str) -> Iterator[str]:
    heading = re.fullmatch(r"(#{1,3}) (.+)", block)
    if heading is not None:
        level, text = len(heading[1]), heading[2]
        anchor = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
        yield f'<h{level} id="{anchor}">{_inline(text)}</h{level}>'
    elif block.startswith("- "):
        items = re.split(r"\n(?=- )", block)
        listed = "".join(f"<li>{_inline(item.removeprefix('- '))}</li>" for item in items)
        yield f"<ul>{listed}</ul>"
    elif block.startswith("| "):
        head, _, *rows = block.split("\n")
        yield f"<table>{_row(head, 'th')}{''.join(_row(row, 'td') for row in rows)}</table>"
    else:
        yield f"<p>{_inline(block)}</p>"


def _row(line: str, cell: str) -> str:
    cells = re.split(r"(?<!\\)\|", line)[1:-1]
    return f"<tr>{''.join(f'<{cell}>{_inline(text.strip())}</{cell}>' for text in cells)}</tr>"


def _inline(text: str) -> str:
    shown = html.escape(text.replace("\\|", "|"))
    shown = re.sub(r"`([^`]+)`", r"<code>\1</code>", shown)
    # Links to other documents lead nowhere from here.
    return re.sub(
        r"\[([^\]]+)\]\(([^)]+)\)",
        lambda link: f'<a href="{link[2]}">{link[1]}</a>' if link[2][0] == "#" else link[1],
        shown,
    )
