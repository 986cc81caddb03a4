"""The page's files: what is served, and that it is all that the page needs.

Invariants:
- Every module that the page's files import is in the table, and nothing else is.
- Nothing but the table is served, and the page's policy lets nothing else run.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import re
from collections.abc import AsyncIterator, Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from server.application import Application
from server.http import website
from tests.server.running import running
from tests.waiting import PATIENCE

# Minifiers leave out the spaces. A comment has one without the end of a statement.
IMPORT = re.compile(r"""(?:^import|\bfrom)\s*["']([\w@./-]+)["'](?:;|$)""", re.MULTILINE)


# What the page links to beside the modules that are imported.
LINKED = ("icon.svg", "style.css", "main.js")


@pytest.fixture
async def application(tmp_path: Path) -> AsyncIterator[Application]:
    async with running(tmp_path) as application:
        yield application


async def get(
    application: Application, target: str, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers (lower-case names) and body of a GET request."""

    def request() -> tuple[int, dict[str, str], bytes]:
        connection = HTTPConnection("127.0.0.1", application.port, timeout=PATIENCE)
        connection.request("GET", target, headers=headers)
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        body = response.read()
        connection.close()
        return response.status, found, body

    return await asyncio.to_thread(request)


def style_sheet() -> bytes:
    parts = [website.FOLDER / "styles" / f"{name}.css" for name in website.STYLES]
    return b"".join(part.read_bytes() for part in parts)


def imports(path: Path) -> Iterator[str]:
    """What a module imports, by name."""
    yield from IMPORT.findall(path.read_text(encoding="utf-8"))


def test_the_table_has_all_modules_that_are_imported_and_no_others() -> None:
    needed: set[str] = set()
    ahead = {"./main.js"}
    while ahead:
        name = ahead.pop()
        needed.add(name)
        if name.startswith("./"):
            place = website.FILES[name.removeprefix("./")]
        else:
            place = website.FOLDER / "node_modules" / name / website.PACKAGES[name]
        ahead |= set(imports(place)) - needed
    modules = {f"./{name}" for name in website.FILES if name.endswith(".js")}
    assert needed == modules | website.PACKAGES.keys()


def test_the_table_has_all_files_of_the_page() -> None:
    shown = {path.name for path in website.FOLDER.iterdir() if path.is_file()}
    others = {"index.html", "package.json", "package-lock.json", ".npmrc"}
    assert shown == others | set(website.OWN)
    styles = {path.stem for path in (website.FOLDER / "styles").iterdir()}
    assert styles == set(website.STYLES)


async def test_the_page_lets_nothing_run_but_its_own(application: Application) -> None:
    status, headers, body = await get(application, "/")
    page = body.decode()
    assert status == 200
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["cache-control"] == "no-store"
    [nonce] = set(re.findall(r'nonce="([^"]+)"', page))
    assert headers["content-security-policy"] == (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; "
        "img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    assert nonce not in (await get(application, "/"))[2].decode()
    assert 'data-auth-mode="open"' in page
    assert "$" not in page


async def test_the_import_map_leads_to_files(application: Application) -> None:
    page = (await get(application, "/"))[2].decode()
    found = re.search(r'<script type="importmap"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert found is not None
    imported = json.loads(found[1])["imports"]
    assert (
        imported.keys()
        == {name for name in website.assets() if "/web/" in name}
        - {*("/web/icon.svg", "/web/style.css")}
        | website.PACKAGES.keys()
    )
    for address in imported.values():
        status, headers, _ = await get(application, address)
        assert (status, headers["content-type"]) == (200, "text/javascript; charset=utf-8")
        assert headers["cache-control"] == "public, max-age=31536000, immutable"
    preloads = re.findall(r'<link rel="modulepreload" href="([^"]+)" />', page)
    assert sorted(preloads) == sorted(imported.values())


async def test_a_file_is_kept_for_good_under_the_version_that_the_page_names(
    application: Application,
) -> None:
    page = (await get(application, "/"))[2].decode()
    named = [re.findall(rf'(?:href|src)="(/web/{name}[^"]*)"', page) for name in LINKED]
    for name, addresses in zip(LINKED, named, strict=True):
        for address in addresses:
            content = style_sheet() if name == "style.css" else (website.FOLDER / name).read_bytes()
            assert address == f"/web/{name}?v={hashlib.sha256(content).hexdigest()[:24]}"
            status, headers, body = await get(application, address)
            assert (status, body) == (200, content)
            assert headers["cache-control"] == "public, max-age=31536000, immutable"
        # Another node may have another version.
        for other in ("", "?v=", "?v=0", f"?{addresses[0].partition('?')[2]}&x"):
            status, headers, body = await get(application, f"/web/{name}{other}")
            assert (status, body, headers["cache-control"]) == (200, content, "no-cache")


async def test_a_file_is_compressed_and_sent_once(application: Application) -> None:
    plain = style_sheet()
    status, headers, body = await get(application, "/web/style.css")
    assert (status, body) == (200, plain)
    assert headers["content-type"] == "text/css; charset=utf-8"
    assert headers["x-content-type-options"] == "nosniff"
    accepting = {"Accept-Encoding": "gzip, br"}
    status, headers, body = await get(application, "/web/style.css", **accepting)
    assert (status, headers["content-encoding"], gzip.decompress(body)) == (200, "gzip", plain)
    known = {"If-None-Match": headers["etag"]}
    status, headers, body = await get(application, "/web/style.css", **known)
    assert (status, body) == (304, b"")


@pytest.mark.parametrize(
    "target",
    [
        "/web/package.json",
        "/web/../settings.py",
        "/web/%2e%2e/settings.py",
        "/web/index.html",
        "/web/",
        "/packages/preact/package.json",
        "/packages/../main.js",
    ],
)
async def test_nothing_else_is_served(application: Application, target: str) -> None:
    assert (await get(application, target))[0] == 404


async def test_without_its_packages_the_page_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = tmp_path / "web"
    bare.mkdir()
    (bare / "index.html").write_bytes((website.FOLDER / "index.html").read_bytes())
    monkeypatch.setattr(website, "FOLDER", bare)
    async with running(tmp_path / "data") as application:
        status, headers, body = await get(application, "/")
    assert (status, headers["content-type"]) == (503, "text/plain; charset=utf-8")
    assert b"`make serve` installs them" in body


async def test_the_page_knows_that_a_session_is_required(tmp_path: Path) -> None:
    async with running(tmp_path, auth_mode="required") as application:
        assert b'data-auth-mode="required"' in (await get(application, "/"))[2]


async def test_nothing_is_answered_to_another_host(application: Application) -> None:
    """A page of any site can let its own name point to this machine, and then read what it gets."""
    for target in ("/", "/docs", "/healthz", "/readyz", "/metrics", "/web/main.js"):
        status, headers, body = await get(application, target, Host="rebound.example.net:3001")
        assert status == 403, target
        assert headers["content-type"] == "text/plain; charset=utf-8"
        assert body == (
            b"this server does not answer to the host 'rebound.example.net': use localhost, "
            b"or add its origin to SOCKET_CORS_ORIGIN\n"
        )
        assert (await get(application, target, Host="localhost"))[0] == 200, target
