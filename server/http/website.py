"""The page for people at `/`, and the files that it is made of.

It has no build step. What it needs is one fixed table: its own files in `web/` and those of the npm
packages in `web/node_modules`; the import map in the page leads the browser from a package's name
to its file. No path of a request is ever looked up on the disk.

The page names each file with its version, `/web/main.js?v=…`: a browser keeps it for good, and asks
for none of the hundred files again until one is another. Whoever asks without the present version
gets the present file, and asks again the next time: so a page of one node works with another node
that is older or newer.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from functools import cache, cached_property
from pathlib import Path
from string import Template
from typing import Final

from engineio_min import Request, Response

FOLDER: Final = Path(__file__).resolve().parents[1] / "web"

OWN: Final = (
    "address.js",
    "asking.js",
    "assistant.js",
    "bin.js",
    "binary_file.js",
    "caret.js",
    "chat.js",
    "clipboard.js",
    "code_block.js",
    "completions.js",
    "composer.js",
    "cursors.js",
    "document.js",
    "drafts.js",
    "dropped.js",
    "editor.js",
    "editor_look.js",
    "file.js",
    "file_actions.js",
    "file_drag.js",
    "file_fields.js",
    "file_keys.js",
    "file_lines.js",
    "file_list.js",
    "file_locks.js",
    "file_menu.js",
    "file_news.js",
    "file_tree.js",
    "folders.js",
    "following.js",
    "fuzzy.js",
    "history.js",
    "html.js",
    "icon.svg",
    "inviting.js",
    "live_editor.js",
    "main.js",
    "making.js",
    "markdown.js",
    "menu.js",
    "merging.js",
    "missing_file.js",
    "notices.js",
    "notifications.js",
    "own_place.js",
    "packets.js",
    "paths.js",
    "patient_parser.js",
    "people.js",
    "people_chat.js",
    "project.js",
    "project_list.js",
    "proposal_list.js",
    "proposals.js",
    "quick_open.js",
    "read_file.js",
    "review.js",
    "route.js",
    "search.js",
    "search_view.js",
    "sentence.js",
    "session.js",
    "shared_files.js",
    "sharing.js",
    "sign_in.js",
    "state.js",
    "tab_bar.js",
    "tabs.js",
    "talk.js",
    "transfer.js",
    "upload_panel.js",
    "uploads.js",
    "versions.js",
    "wire.js",
    "wire_drawer.js",
    "words.js",
)
STYLES: Final = (
    *("base", "sign_in", "frame", "project", "search", "tabs", "file", "review", "text", "talk"),
    *("windows", "wire", "phone"),
)
"""The parts of the page's style sheet, in their order: of rules that weigh as much the last one
counts."""
FILES: Final[Mapping[str, Path]] = {
    **{name: FOLDER / name for name in OWN},
    # Of the SDK: programs and people edit together by the same code, and wait by the same rule.
    **{
        name: FOLDER.parents[1] / "sdk" / "javascript" / name
        for name in ("due.js", "patience.js", "random_name.js", "replica.js", "synchronizer.js")
    },
}
"""The page's own files, and where they are."""

PACKAGES: Final = {
    "crelt": "index.js",
    "htm": "dist/htm.module.js",
    "htm/preact": "index.module.js",
    "preact": "dist/preact.mjs",
    "preact/hooks": "dist/hooks.mjs",
    "socket.io-client": "dist/socket.io.esm.min.js",
    "style-mod": "src/style-mod.js",
    "w3c-keyname": "index.js",
    "@marijn/find-cluster-break": "src/index.js",
    **{
        f"@codemirror/{name}": "dist/index.js"
        for name in (
            *("autocomplete", "commands", "lang-css", "lang-html", "lang-javascript", "lang-json"),
            *("lang-markdown", "lang-python", "language", "merge", "search", "state"),
            *("streamparser", "view"),
        )
    },
    **{
        f"@lezer/{name}": "dist/index.js"
        for name in (
            *("common", "css", "highlight", "html", "javascript", "json", "lr", "markdown"),
            "python",
        )
    },
}
"""What the page's modules import, and where it is in `node_modules`."""

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_MISSING: Final = (
    "The page's packages are not installed. `make serve` installs them; "
    "the server itself works: connect to it with a Socket.IO client.\n"
)
_NO_SNIFFING: Final = ("X-Content-Type-Options", "nosniff")
_NO_STORE: Final = ("Cache-Control", "no-store")
_YEAR: Final = 31_536_000
_KEPT: Final = ("Cache-Control", f"public, max-age={_YEAR}, immutable")
_ASKED_AGAIN: Final = ("Cache-Control", "no-cache")


class Asset:
    """A file of the page, or several in one. It is read and compressed when it is first asked for,
    in a thread: those of the editor take 20 ms each.
    """

    def __init__(self, *paths: Path) -> None:
        self.paths = paths
        self._is_read = False

    @cached_property
    def content(self) -> bytes:
        """Return what is in the files."""
        return b"".join(path.read_bytes() for path in self.paths)

    @cached_property
    def compressed(self) -> bytes:
        """Return the content with gzip."""
        return gzip.compress(self.content, mtime=0)

    @cached_property
    def version(self) -> str:
        """Return a name for the content, which is another one for any other content."""
        return hashlib.sha256(self.content).hexdigest()[:24]

    def _read(self) -> None:
        _ = self.compressed, self.version
        self._is_read = True

    async def answer(self, request: Request) -> Response:
        """Answer with the file, or with 304 if the browser has it."""
        if not self._is_read:
            await asyncio.to_thread(self._read)
        # It is weak, because it is the same for both encodings.
        tag = f'W/"{self.version}"'
        headers = [
            ("Content-Type", _TYPES[self.paths[0].suffix]),
            _KEPT if request.query_string == f"v={self.version}" else _ASKED_AGAIN,
            ("ETag", tag),
            ("Vary", "Accept-Encoding"),
            _NO_SNIFFING,
        ]
        if request.headers.get("if-none-match") == tag:
            return Response(304, headers=headers)
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(200, self.content, headers)
        return Response(200, self.compressed, [*headers, ("Content-Encoding", "gzip")])


def assets() -> Mapping[str, Asset]:
    """Return each file of the page by its address."""
    return _assets(FOLDER)


@cache
def _assets(folder: Path) -> Mapping[str, Asset]:
    """Return the files for all servers of this process."""
    packages = folder / "node_modules"
    places = {
        **{f"/web/{name}": (path,) for name, path in FILES.items()},
        "/web/style.css": tuple(folder / "styles" / f"{name}.css" for name in STYLES),
        **{_address(name): (packages / name / place,) for name, place in PACKAGES.items()},
    }
    return {address: Asset(*paths) for address, paths in places.items()}


@cache
def _links(folder: Path) -> Mapping[str, str]:
    """Return what the page's template asks for: addresses of files, each with its version."""
    versioned = {
        address: f"{address}?v={asset.version}" for address, asset in _assets(folder).items()
    }
    modules = {
        address: at for address, at in versioned.items() if address.endswith((".js", ".mjs"))
    }
    packages = {name: versioned[_address(name)] for name in PACKAGES}
    # Without these links a module is fetched only when the module that imports it has come.
    preloads = [f'<link rel="modulepreload" href="{at}" />' for at in modules.values()]
    own = {address: at for address, at in modules.items() if address.startswith("/web/")}
    return {
        "icon": versioned["/web/icon.svg"],
        "style": versioned["/web/style.css"],
        "main": versioned["/web/main.js"],
        "import_map": json.dumps({"imports": own | packages}),
        "preloads": "\n  ".join(preloads),
    }


def page(auth_mode: str) -> Callable[[Request], Awaitable[Response]]:
    """Return the handler of `/`, whose page has more ways to sign in if `auth_mode` is "open"."""
    template = Template((FOLDER / "index.html").read_text(encoding="utf-8"))

    async def answer(_request: Request) -> Response:
        try:
            # All files are read for the first page.
            links = await asyncio.to_thread(_links, FOLDER)
        except FileNotFoundError:
            headers = [("Content-Type", "text/plain; charset=utf-8"), _NO_STORE, _NO_SNIFFING]
            return Response(503, _MISSING.encode(), headers)
        nonce = secrets.token_urlsafe(16)
        body = template.substitute(links, auth_mode=auth_mode, nonce=nonce)
        headers = [
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Security-Policy", _policy(nonce)),
            ("Referrer-Policy", "no-referrer"),
            _NO_STORE,
            _NO_SNIFFING,
        ]
        return Response(200, body.encode(), headers)

    return answer


def _address(package: str) -> str:
    return f"/packages/{package}/{PACKAGES[package]}"


def _policy(nonce: str) -> str:
    # The nonce is for the import map, and for the styles that the editor makes.
    rules = {
        "default-src": "'none'",
        "script-src": f"'self' 'nonce-{nonce}'",
        "style-src": f"'self' 'nonce-{nonce}'",
        # Images of a project are shown from memory; an image runs nothing.
        "img-src": "'self' blob:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())
