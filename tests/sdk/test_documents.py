"""The examples of docs/sdk.md and docs/people.md, as they are but for the port."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from tests.sdk.test_javascript import SDK, run
from tests.server.running import running

DOCUMENTS = Path(__file__).parent.parent.parent / "docs"
PRINTED: dict[tuple[str, str], tuple[str, ...]] = {
    ("sdk.md", "python"): (
        "['src/components/App.jsx', 'src/components/TodoList.jsx']",
        "builtin none",
        "NOT_FOUND",
        "['notes.txt']",
        "written by a program",
        "typed beside everybody else",
    ),
    ("sdk.md", "javascript"): ("builtin", "true NOT_FOUND", "// typed beside everybody else"),
    ("people.md", "python"): (
        "[{'id': 'user-789', 'name': 'user-789'}]",
        "@user-789 is **this** right?",
        "NOT_FOUND",
        "viewer",
    ),
    ("people.md", "javascript"): ("It is.",),
}
# Each as a program of its own, in one process: half of what they take is to import the SDK.
EACH = """import json, sys
for code in json.loads(sys.argv[1]):
    exec(compile(code, "example", "exec"), {"__name__": "__main__"})
"""


async def run_each(language: str, examples: list[str]) -> str:
    """Run examples one after the other and return what they print."""
    if language == "python":
        return await run(sys.executable, "-X", "dev", "-c", EACH, json.dumps(examples))
    return "".join([await run("node", "--input-type=module", "--eval", code) for code in examples])


@pytest.mark.parametrize(("page", "language"), PRINTED)
async def test_the_examples_run(page: str, language: str, tmp_path: Path) -> None:
    document = (DOCUMENTS / page).read_text(encoding="utf-8")
    async with running(tmp_path) as application:
        document = document.replace("http://localhost:3001", application.url)
        examples = re.findall(rf"^```{language}\n(.*?)^```$", document, re.M | re.S)
        # Nobody starts with a fresh server the second time.
        printed = await run_each(language, [code for code in examples for _ in range(2)])
    lines = printed.splitlines()
    for line in PRINTED[page, language]:
        assert line in lines, printed


async def test_a_project_that_links_the_package_finds_it(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    code = "import { Refused } from '@ai-coding-assistant/sdk'; console.log(Refused.name);"
    (tmp_path / "program.js").write_text(code, encoding="utf-8")
    options = ("--offline", "--no-audit", "--no-fund", "--prefix", str(tmp_path))
    for _ in range(2):
        await run("npm", "install", *options, str(SDK))
        assert await run("node", str(tmp_path / "program.js")) == "Refused\n"
    assert (tmp_path / "node_modules" / "@ai-coding-assistant" / "sdk").is_symlink()
