"""Which paths the mirror leaves out.

Invariants: however a name is disguised that one file system or another reads as a refused one, it
is refused; a path with a refused part is refused; a folder that is not looked into has no file that
is let through.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.workspace.mirror_rules import careless, is_mirrored_folder, refusal

RUN = (
    *(".git", ".vscode", ".envrc", ".husky", ".devcontainer", ".claude", ".cursor", ".idea"),
    *(".zed", ".fleet", ".vs", ".helix", ".nvim.lua", ".exrc", ".vimrc", ".dir-locals.el"),
    *(".mcp.json", ".gemini", ".codex", ".windsurf", ".githooks", ".pre-commit-config.yaml"),
    *(".yarnrc.yml", ".pnp.cjs", ".pnpmfile.cjs", ".npmrc", ".cargo", ".gdbinit", ".pylintrc"),
    *(".eslintrc.json", ".prettierrc", ".mise.toml", ".gitmodules", ".hg", ".svn"),
    *("HEAD", "_vimrc", "lefthook.yml", "shop.code-workspace", "bare.git", "mise.toml"),
    *("mise.ci.toml", "opencode.json", "desktop.ini"),
)
SECRET = (
    *(
        ".env",
        ".env.local",
        ".env.production.local",
        "prod.env",
        "id_rsa",
        "id_ed25519",
        "id_rsa.bak",
    ),
    *("server.pem", "tls.key", "x.p12", "store.jks", "credentials", "credentials.json", "_netrc"),
    *("client_secret_1.json", "service-account-x.json", "secrets.yml", "secret.json", ".pgpass"),
)
LET_THROUGH = (
    *(
        "id_rsa.pub",
        "example.env",
        "sample.env",
        "keys.py",
        "secrets.py",
        "environment",
        "a.env.txt",
    ),
    *("credential.py", "monkey", "pem.txt", "the_credentials.py"),
    *("README.md", "src/main.py", "Makefile", "package.json", "a b/c.txt", "header", "headers/x.h"),
    *("config", "objects/x", "refs/x", "git/config", "vscode/tasks.json", "a.git.txt", "x~y"),
    *(".gitignore", "a/.gitattributes", ".editorconfig", ".env.example", ".nvmrc", "b.pyx"),
    *(
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645.txt",
        "caf\xe9",
        "\U0001f468\u200d\U0001f469.md",
    ),
)
INVISIBLE = (
    *("\u200c", "\u200d", "\u200e", "\u200f", "\u202a", "\u202e", "\u206a", "\u206f", "\ufeff"),
    *("\u00ad", "\u034f", "\u115f", "\u180e", "\u2060", "\u3164", "\ufe0f", "\uffa0", "\U000e0041"),
)


@pytest.mark.parametrize("name", RUN)
def test_what_a_program_would_run_is_refused(name: str) -> None:
    for path in (name, f"{name}/tasks.json", f"a/b/{name}", f"a/{name}/b/c"):
        assert refusal(path), path
    assert not is_mirrored_folder(name)


@pytest.mark.parametrize("name", SECRET)
def test_what_is_named_like_a_secret_is_refused(name: str) -> None:
    for path in (name, f"a/{name.upper()}", f"{name}/b"):
        assert refusal(path).endswith(" is named like a secret"), path


@pytest.mark.parametrize("path", LET_THROUGH)
def test_what_no_program_runs_is_let_through(path: str) -> None:
    assert refusal(path) == ""


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (".git/config", "programs run what a name such as '.git' has, without being told to"),
        (
            "docs/sub/HEAD",
            "'HEAD' makes its folder a git repository, whose settings may name programs",
        ),
        (
            "a/.git::$INDEX_ALLOCATION/config",
            "'.git::$INDEX_ALLOCATION' has a colon, which names "
            "a part of another file on some systems",
        ),
        ("GIT~1/config", "'GIT~1' is another file's short name on some systems"),
        ("gi7eba~1", "'gi7eba~1' is another file's short name on some systems"),
        ("VSCODE~1/tasks.json", "'VSCODE~1' is another file's short name on some systems"),
        ("a/node_modules/b/c.js", "'node_modules' is what a program keeps for itself"),
        ("b.txt~", "'b.txt~' is a passing file of an editor or of the mirror"),
        ("b.swp", "'b.swp' is a passing file of an editor or of the mirror"),
        ("lefthook.yml", "programs run what 'lefthook.yml' has, without being told to"),
    ],
)
def test_the_reason_is_said(path: str, reason: str) -> None:
    assert refusal(path) == reason


@st.composite
def disguised(draw: st.DrawFn, name: str) -> str:
    """A name as some file system reads it for `name`."""
    characters = []
    for character in name:
        characters.append(draw(st.sampled_from((character.lower(), character.upper()))))
        characters.append(draw(st.text(st.sampled_from(INVISIBLE), max_size=2)))
    begin = draw(st.text(st.sampled_from(INVISIBLE), max_size=2))
    end = draw(st.text(st.sampled_from(". "), max_size=3))
    return begin + "".join(characters) + end


@given(st.data())
def test_no_disguise_helps(data: st.DataObject) -> None:
    name = data.draw(disguised(data.draw(st.sampled_from((*RUN, *SECRET)))))
    assert refusal(name)
    assert refusal(f"a/{name}/b")
    assert not is_mirrored_folder(name)


@given(st.text(max_size=20).filter(lambda name: "/" not in name), st.sampled_from(LET_THROUGH))
def test_a_folder_that_is_not_looked_into_lets_nothing_through(name: str, path: str) -> None:
    if not is_mirrored_folder(name):
        assert refusal(f"{name}/{path}")
        assert refusal(f"a/{name}/{path}")


@given(st.text(max_size=40))
def test_the_careless_reading_is_stable(name: str) -> None:
    assert careless(careless(name)) == careless(name)


def test_no_accepted_files_make_a_repository_that_git_obeys(tmp_path: Path) -> None:
    """What `git status` runs in a folder, once a client has put there all that it may."""
    settings = "[core]\n\trepositoryformatversion = 0\n\tfsmonitor = touch proof\n"
    files = {"HEAD": "ref: refs/heads/main\n", "config": settings, "objects/x": "", "refs/x": ""}
    for name, content in files.items():
        if not refusal(f"docs/sub/{name}"):
            path = tmp_path / "docs" / "sub" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
    folder = tmp_path / "docs" / "sub"
    assert sorted(one.name for one in folder.iterdir()) == ["config", "objects", "refs"]
    environment = {"PATH": os.environ["PATH"], "GIT_CEILING_DIRECTORIES": str(tmp_path)}
    found = subprocess.run(
        ["git", "rev-parse", "--git-dir"],
        cwd=folder,
        env=environment,
        capture_output=True,
        check=False,
    )
    assert found.returncode == 128
