"""What of a directory is not mirrored, in neither direction, and that it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.workspace.directory_tree import Tree
from tests.server.running import running
from tests.server.wire import Client, connected
from tests.server.workspace.asking import PROJECT, change, files, heard, mirror_of


@pytest.mark.parametrize(
    "path",
    [
        *(".git/hooks/pre-commit", "a/.git", "a/node_modules/b.js", "x~", ".vscode/tasks.json"),
        *(".envrc", "docs/sub/HEAD", ".g\u200cit/config", "GIT~1/config", ".git./config"),
    ],
)
async def test_what_is_not_mirrored_stays_as_it_is(
    client: Client, directory: Path, path: str
) -> None:
    error = (await client.ask("file:change", change(path, "created", content="x")))["error"]
    assert error["code"] == "INVALID_FILE_PATH"
    assert not (directory / path).exists()


async def test_one_line_says_what_is_left_out_and_why(
    tmp_path: Path, directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def lines() -> list[str]:
        texts = [one.getMessage() for one in caplog.records]
        return [one for one in texts if one.startswith("the workspace leaves out")]

    caplog.set_level("INFO", "server.workspace")
    (directory / ".env").write_text("KEY=1")
    (directory / "node_modules" / "a").mkdir(parents=True)
    for number in range(7):
        (directory / f"{number}.pem").write_text("")
    (directory / "cafe\u0301.txt").write_text("1")
    (directory / "long.csv").write_bytes(b"x" * 5_000_001)
    async with running(tmp_path / "data", workspace=directory) as application:
        assert lines() == [
            "the workspace leaves out: link (a link, or no regular file); "
            "long.csv (longer than 5 MB); "
            ".git (programs run what a name such as this has, without being told to); "
            ".env, 0.pem, 1.pem, 2.pem, 3.pem and 3 more (this is named like a secret); "
            "node_modules (this is what a program keeps for itself)"
        ]
        async with connected(application.port) as client:
            await client.ask("project:join", PROJECT)
            assert "caf\xe9.txt" in await files(client)
            saved = change("caf\xe9.txt", "updated", content="2")
            assert (await client.ask("file:change", saved))["ok"]
            assert (directory / "cafe\u0301.txt").read_text() == "2"
            caplog.clear()
            (directory / "src" / "new.py").write_text("")
            await heard(client, ("file:created", "src/new.py"))
            assert lines() == []
            (directory / "logo.png").unlink()
            (directory / "src" / ".env").write_text("")
            (directory / "src" / "new.py").unlink()
            await heard(client, ("file:deleted", "logo.png"), ("file:deleted", "src/new.py"))
            await mirror_of(application)._take_over(Tree(directory), [""])
            # The watcher may have seen a part of it before.
            line = lines()[-1]
            assert "3.pem and 4 more (this is named like a secret)" in line
            assert "logo.png" not in line


async def test_a_refusal_says_why(client: Client) -> None:
    error = (await client.ask("file:change", change(".envrc", "created", content="x")))["error"]
    assert error["message"] == (
        "path '.envrc': this is not mirrored, because programs run what a name such as '.envrc' "
        "has, without being told to"
    )
