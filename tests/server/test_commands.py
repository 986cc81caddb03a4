"""The commands that manage the data, as a person runs them; also while a server is running."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from server.application import Application
from server.commands import carry_out
from server.settings import Settings, SettingsError
from server.store.sqlite import Sqlite
from tests.forked_servers import Forked
from tests.server.wire import connected
from tests.waiting import PATIENCE

USAGE = (
    "usage: python -m server backup FILE | user add NAME | session new NAME | "
    "migrate-data --from sqlite --to URL [--data-dir VALUE]"
)


def command(directory: Path, *arguments: str, typed: str = "") -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `python -m server`."""
    done = Forked("server", *arguments, "--data-dir", str(directory))
    out, error = done.communicate(typed, PATIENCE)
    assert done.returncode is not None
    return done.returncode, out, error


async def test_a_user_is_added_and_given_a_session(tmp_path: Path) -> None:
    # The passwords are hashed as in production.
    application = Application(Settings(port=0, data_dir=tmp_path, auth_mode="required"))
    await application.start()
    try:
        added = command(tmp_path, "user", "add", "ada", typed="correct horse\n")
        assert added == (0, "user 'ada' can log in now\n", "")
        again = command(tmp_path, "user", "add", "ada", typed="correct horse\n")
        assert again == (2, "", "server: user 'ada' exists already\n")
        async with connected(application.port) as client:
            login = {"username": "ada", "password": "correct horse"}
            assert (await client.ask("auth:login", login))["ok"]
        code, session_id, _ = command(tmp_path, "session", "new", "user-456")
        assert code == 0
        async with connected(application.port, {"sessionId": session_id.strip()}) as client:
            user = (await client.hear("auth:success"))[0]["user"]
            assert user == {"id": "user-456", "name": "user-456"}
        target = tmp_path / "backup.db"
        assert command(tmp_path, "backup", str(target))[0] == 0
        assert target.stat().st_size > 0
    finally:
        await application.stop()


def test_what_cannot_be_used_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    assert command(tmp_path, "session", "new", "eve") == (
        2,
        "",
        "server: user 'eve' does not exist: add it with user add eve\n",
    )


def test_a_backup_overwrites_nothing(tmp_path: Path) -> None:
    Sqlite(tmp_path).connect().close()
    there = tmp_path / "server.db"
    assert command(tmp_path, "backup", str(there)) == (
        1,
        "",
        f"server: {str(there)!r} exists; choose another name, or remove it first\n",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["user", "add", "ada"], "the password has 5 characters, expected at least 8"),
        (
            ["user", "add", "a\nb"],
            "the name 'a\\nb': $ is a string of 3 characters, "
            "expected a string of 1 to 128 printable characters",
        ),
        (["backup"], USAGE),
        (["backup", "--data-dir"], USAGE),
        (["session", "list"], USAGE),
        (["user"], USAGE),
    ],
)
def test_other_commands_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    with pytest.raises(SettingsError) as caught:
        carry_out(arguments, {"DATA_DIR": str(tmp_path)})
    assert str(caught.value) == message
