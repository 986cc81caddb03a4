"""The settings: one table of environment variables and command-line flags.

A flag wins over its variable, and an empty variable counts as not set. Whatever cannot be used
stops the start with one line that says what was got, what is expected and where to correct it: a
setting that is silently ignored is found out in production.

Times are milliseconds outside, as in the official server, and seconds inside.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from server.hosts import is_loopback
from server.setting_table import TABLE, Setting


class SettingsError(Exception):
    """A setting cannot be used. The message is one line for the person who starts the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a server is started with. Times in seconds, sizes in bytes.

    max_connections_per_address, event_rate, address_event_rate, byte_rate: 0 is no limit.
    auth_mode: "open": a client without a session acts as the user that it names; "required":
    it may do little more than log in.
    auth_timeout: until a client that is nobody must have logged in.
    data_dir: where everything is kept that outlives the process.
    database_url: of the PostgreSQL that has the data instead; it may have a password.
    redis_url: of the Redis by which several servers are one; it may have a password.
    node_name: two characters with which the session ids of this server begin.
    workers: how many processes serve together.
    workspace: a directory that is mirrored as a project.
    ai_base_url, ai_model, ai_api_key: the model that answers; the built-in provider without them.
    ai_local: "on" for the small model in this process.
    ai_timeout: until an answer must be complete.
    outdated: a line for each setting that was given by its former name.
    """

    cors_origins: tuple[str, ...] = ("http://localhost:3000",)
    max_connections: int = 1_000
    max_connections_per_user: int = 20
    max_connections_per_address: int = 100
    event_rate: int = 100
    event_burst: int = 200
    address_event_rate: int = 500
    byte_rate: int = 4_000_000
    ping_timeout: float = 60.0
    ping_interval: float = 25.0
    upgrade_timeout: float = 10.0
    max_http_buffer_size: int = 100_000_000
    max_text_size: int = 32_000_000
    max_held: int = 256_000_000
    host: str = "localhost"
    port: int = 3001
    log_format: str = "text"
    log_level: str = "warning"
    auth_mode: str = "open"
    auth_timeout: float = 30.0
    data_dir: Path = Path("data")
    database_url: str | None = field(default=None, repr=False)
    redis_url: str | None = field(default=None, repr=False)
    node_name: str = ""
    workers: int = 1
    workspace: Path | None = None
    ai_base_url: str | None = None
    ai_model: str | None = None
    ai_api_key: str | None = field(default=None, repr=False)
    ai_local: str = "off"
    ai_timeout: float = 120.0
    outdated: tuple[str, ...] = ()

    @property
    def shares_database(self) -> bool:
        """Return whether other servers use the PostgreSQL as well, and this one hears of them."""
        return self.redis_url is not None or self.workers > 1


def load(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: a setting has a value that it cannot have, or a flag does not exist.
    """
    flags = vars(_parser().parse_args(arguments))
    values: dict[str, Any] = {}
    outdated: list[str] = []
    for setting in TABLE:
        sources = [
            (setting.flag, setting.flag, flags[setting.field]),
            (setting.variable, setting.variable, environment.get(setting.variable)),
        ]
        if setting.former is not None:
            variable, flag = setting.former
            sources.insert(1, (flag, setting.flag, flags[_former(setting)]))
            sources.append((variable, setting.variable, environment.get(variable)))
        for source, name, text in sources:
            # An empty flag is refused; an empty variable counts as not set.
            if text or (text is not None and source.startswith("-")):
                values[setting.field] = _read(setting, source, text)
                if source != name:
                    outdated.append(f"{source} is called {name} now: it still works")
                break
    if "auth_mode" not in values and not is_loopback(values.get("host", "localhost")):
        values["auth_mode"] = "required"
    if ("ai_base_url" in values) != ("ai_model" in values) or (
        "ai_api_key" in values and "ai_base_url" not in values
    ):
        raise SettingsError("AI_BASE_URL and AI_MODEL: set both for a model, or neither")
    if "ai_base_url" in values and values.get("ai_local") == "on":
        raise SettingsError("AI_LOCAL: set it or AI_BASE_URL, not both")
    settings = Settings(**values, outdated=tuple(outdated))
    _check_cluster(settings)
    if settings.max_held < settings.max_http_buffer_size:
        raise SettingsError(
            f"SOCKET_MAX_HELD: got {settings.max_held}, expected at least "
            f"SOCKET_MAX_HTTP_BUFFER_SIZE, which is {settings.max_http_buffer_size}"
        )
    return settings


def _check_cluster(settings: Settings) -> None:
    """Refuse several processes that would not share the data and the rooms."""
    if settings.database_url is None and settings.workers > 1:
        raise SettingsError(
            f"WORKERS: got {settings.workers}, but SQLite has one writer: "
            "set DATABASE_URL to a PostgreSQL that all share, or choose 1"
        )
    if settings.database_url is None and settings.redis_url is not None:
        raise SettingsError(
            "REDIS_URL: servers that are one share a PostgreSQL as well: set DATABASE_URL too"
        )
    if settings.redis_url is None and settings.node_name:
        raise SettingsError(
            f"NODE_NAME: got {settings.node_name!r}, but nodes reach each other by Redis: "
            "set REDIS_URL too"
        )


def _former(setting: Setting) -> str:
    """Return what the parser calls the former flag."""
    return f"former_{setting.field}"


def _read(setting: Setting, source: str, text: str) -> Any:
    try:
        return setting.read(text.strip())
    except ValueError:
        expected = setting.read.expected
        got = "a value that is not shown" if setting.is_secret else repr(text)
        raise SettingsError(f"{source}: got {got}, expected {expected}") from None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingsError(f"{message}; --help lists the flags")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m server",
        description="The AI coding assistant's real-time server.",
        epilog="Each flag has an environment variable, and wins over it.",
        allow_abbrev=False,
    )
    for setting in TABLE:
        parser.add_argument(
            setting.flag,
            dest=setting.field,
            metavar="VALUE",
            # The parser would take a percent sign for the beginning of a placeholder.
            help=f"{setting.read.expected}: {setting.about} "
            f"(default {setting.default}; {setting.variable})".replace("%", "%%"),
        )
        if setting.former is not None:
            parser.add_argument(setting.former[1], dest=_former(setting), help=argparse.SUPPRESS)
    return parser
