"""A few of the page's stories with their people on two nodes of a cluster; two_nodes.py has all."""

from __future__ import annotations

import pytest

from tests.sdk.serving import Slow
from tests.server.nodes import Nodes
from tests.web.two_nodes import (
    browser,
    page_nodes,
    postgres,
    postgres_database,
    postgres_folder,
    provide,
    tell,
)

__all__ = ["browser", "page_nodes", "postgres", "postgres_database", "postgres_folder"]


@pytest.mark.parametrize(
    ("story", "names"),
    [
        ("editing", "two people type|alone in a file"),
        ("people", "people talk to people|edits alone is asked for"),
    ],
)
async def test_people_on_two_nodes(story: str, names: str, page_nodes: Nodes, browser: str) -> None:
    provide(page_nodes, Slow)
    await tell(f"{story}.test.mjs", page_nodes, browser, f"--test-name-pattern={names}")
