"""Which paths of a mirrored directory clients may see and change.

Four kinds of names are out of reach:

- what a program runs by itself, without being told to, as soon as somebody opens, enters or asks
  about the folder: an editor's tasks, a shell's hooks, git's. By rule: a name that begins with a
  dot is a program's own unless it is on the list of those that hold data only; so is what belongs
  to a git repository without a work tree. By list: the names without a dot;
- what is named like a secret: keys, passwords, `.env`. Whoever may open a project in a browser need
  not be trusted with those of the machine;
- what a program keeps for itself, such as installed packages and caches;
- passing files of editors, and of the mirror.

A name is judged as the most careless of all file systems reads it. HFS+ leaves out zero-width
characters, Windows leaves out trailing dots and spaces, reads `name:stream` as a part of `name`
and `GIT~1` as `.git`, and most of them do not tell capital letters from small ones.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

TEMPORARY: Final = ".new-"
"""The first characters of the names of files that are being written."""

# Names of data: no program runs what stands in these. `.git` is not among them, and neither are
# settings of linters and formatters, which name modules to load.
_DATA: Final = frozenset(
    {
        *(
            ".gitignore",
            ".gitattributes",
            ".gitkeep",
            ".keep",
            ".mailmap",
            ".git-blame-ignore-revs",
        ),
        *(".dockerignore", ".eslintignore", ".ignore", ".npmignore", ".prettierignore"),
        *(".node-version", ".nvmrc", ".python-version", ".ruby-version", ".java-version"),
        *(".env.example", ".env.sample", ".env.template"),
        *(".browserslistrc", ".clang-format", ".editorconfig", ".nojekyll", ".well-known"),
        *(".rustfmt.toml", ".yamllint", ".yamllint.yml", ".yamllint.yaml"),
    }
)
# Parts of git repositories without a work tree: git reads the settings of such a folder, which may
# name programs. A folder without `HEAD` is no such repository.
_REPOSITORY: Final = "head"
_RUN: Final = frozenset(
    {
        # Editors, without the dot that Windows' file dialogs once refused.
        *("_vimrc", "_gvimrc", "_exrc"),
        # Hooks of git that are installed once and read their commands at each commit.
        *("lefthook.yml", "lefthook.yaml", "lefthook.toml", "lefthook.json"),
        *("lefthook-local.yml", "lefthook-local.yaml", "lefthook-local.toml"),
        *("lefthook-local.json", "lint-staged.config.js", "lint-staged.config.mjs"),
        "lint-staged.config.cjs",
        # What shells and assistants run when the folder is entered.
        *("mise", "opencode.json", "opencode.jsonc"),
        # What Windows' file manager does when it shows the folder or the disk.
        *("autorun.inf", "desktop.ini"),
    }
)
_RUN_ENDINGS: Final = (".code-workspace", ".git", ".lnk", ".scf", ".url", ".library-ms")
# mise has a file for each environment: `mise.toml`, `mise.local.toml`, `mise.ci.toml`.
_RUN_PATTERN: Final = re.compile(r"mise(\.[^.]+)*\.toml")
# Names that programs give to keys and passwords. A public key's name ends with `.pub`.
_SECRET: Final = re.compile(
    r"""
    \.env(\..*)? | (?!(example|sample|template)\.).+\.env
    | id_(rsa|dsa|ecdsa|ed25519)(_sk)?(\.(?!pub$).*)?
    | .+\.(pem|key|ppk|p12|pfx|jks|keystore|kdbx)
    | credentials.* | client_secret.*\.json | service[-_]account.*\.json
    | secrets?(\.(json|ya?ml|toml|ini|txt|properties))?
    | [._](netrc|pgpass|htpasswd|git-credentials|my\.cnf)
    """,
    re.VERBOSE,
)
_KEPT: Final = frozenset({"__pycache__", "node_modules", "site-packages"})
_PASSING_ENDINGS: Final = ("~", ".swp", ".swx", ".pyc")

# Besides all format characters, those that are shown as nothing.
_UNSEEN: Final = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f]")
_SHORT_NAME: Final = re.compile(r"[^.]{1,7}~[0-9]{1,6}(\.[^.]{0,3})?")


def refusal(path: str) -> str:
    """Return why the mirror leaves out a path, "" if it does not. The path is in its normal
    form.
    """
    parts = path.split("/")
    for part in parts:
        reason = _refusal_of_name(part)
        if reason:
            return reason
    name = parts[-1]
    if name.startswith(TEMPORARY) or careless(name).endswith(_PASSING_ENDINGS):
        return f"{name!r} is a passing file of an editor or of the mirror"
    return ""


def is_mirrored_folder(name: str) -> bool:
    """Return whether the mirror looks into folders of that name."""
    return not _refusal_of_name(name)


def careless(name: str) -> str:
    """Return what the most careless of all file systems takes a name for."""
    if name.isascii():
        return name.lower().rstrip(". ")
    seen = "".join(one for one in name if unicodedata.category(one) != "Cf")
    composed = unicodedata.normalize("NFKC", _UNSEEN.sub("", seen))
    # Upper case first: some characters are only the same as others there.
    folded = unicodedata.normalize("NFKC", composed.upper().casefold())
    return _UNSEEN.sub("", folded).rstrip(". ")


@lru_cache(maxsize=16_384)
def _refusal_of_name(name: str) -> str:
    read = careless(name)
    if ":" in read:
        return f"{name!r} has a colon, which names a part of another file on some systems"
    if _SHORT_NAME.fullmatch(read):
        return f"{name!r} is another file's short name on some systems"
    if read in _KEPT:
        return f"{name!r} is what a program keeps for itself"
    if read not in _DATA and _SECRET.fullmatch(read):
        return f"{name!r} is named like a secret"
    hidden = not read or read.startswith(".")
    if hidden and read not in _DATA:
        return f"programs run what a name such as {name!r} has, without being told to"
    if read == _REPOSITORY:
        return f"{name!r} makes its folder a git repository, whose settings may name programs"
    if read in _RUN or read.endswith(_RUN_ENDINGS) or _RUN_PATTERN.fullmatch(read):
        return f"programs run what {name!r} has, without being told to"
    return ""
