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
from typing import Any, Final, NoReturn

from server.hosts import is_loopback
from server.setting_readers import (
    Address,
    Choice,
    DatabaseUrl,
    Directory,
    Host,
    Milliseconds,
    Origins,
    Reader,
    Whole,
    Word,
)


class SettingsError(Exception):
    """A setting cannot be used; the message is one line for the person who starts the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a server is started with. Times in seconds, sizes in bytes.

    max_connections_per_address, event_rate, address_event_rate, byte_rate: 0 is no limit.
    auth_mode: "open": a client without a session acts as the user that it names; "required":
    it may do little more than log in.
    auth_timeout: until a client that is nobody must have logged in.
    data_dir: where everything is kept that outlives the process.
    database_url: of the PostgreSQL that has the data instead; it may have a password.
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
    workspace: Path | None = None
    ai_base_url: str | None = None
    ai_model: str | None = None
    ai_api_key: str | None = field(default=None, repr=False)
    ai_local: str = "off"
    ai_timeout: float = 120.0
    outdated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """A row: the field of `Settings`, its variable and flag, how to read it, what it is; and the
    variable and flag that it had before. What is secret is not shown in a message.
    """

    field: str
    variable: str
    flag: str
    read: Reader
    default: str
    about: str
    former: tuple[str, str] | None = None
    is_secret: bool = False


TABLE: Final = (
    Setting(
        "cors_origins",
        "SOCKET_CORS_ORIGIN",
        "--cors-origin",
        Origins(),
        "http://localhost:3000",
        "sites whose pages may connect",
    ),
    Setting(
        "max_connections",
        "SOCKET_MAX_CONNECTIONS",
        "--max-connections",
        Whole("connections", 1, 1_000_000),
        "1000",
        "connections at once; more get HTTP 503",
    ),
    Setting(
        "max_connections_per_user",
        "SOCKET_MAX_CONNECTIONS_PER_USER",
        "--max-connections-per-user",
        Whole("connections", 1, 1_000_000),
        "20",
        "that act as one user; more are refused as that user",
    ),
    Setting(
        "max_connections_per_address",
        "SOCKET_MAX_CONNECTIONS_PER_ADDRESS",
        "--max-connections-per-address",
        Whole("connections", 0, 1_000_000),
        "100",
        "of one address of the internet; more get HTTP 429; 0: no limit",
    ),
    Setting(
        "event_rate",
        "SOCKET_EVENT_RATE",
        "--event-rate",
        Whole("events a second", 0, 1_000_000),
        "100",
        "of one connection in the long run; 0: no limit",
    ),
    Setting(
        "event_burst",
        "SOCKET_EVENT_BURST",
        "--event-burst",
        Whole("events", 1, 1_000_000),
        "200",
        "of one connection at once",
    ),
    Setting(
        "address_event_rate",
        "SOCKET_ADDRESS_EVENT_RATE",
        "--address-event-rate",
        Whole("events a second", 0, 1_000_000),
        "500",
        "of one address of the internet, and twice as many at once; 0: no limit",
    ),
    Setting(
        "byte_rate",
        "SOCKET_BYTE_RATE",
        "--byte-rate",
        Whole("bytes a second", 0, 1_000_000_000),
        "4e6",
        "of messages of one connection, and four times as many at once; 0: no limit",
    ),
    Setting(
        "ping_timeout",
        "SOCKET_PING_TIMEOUT",
        "--ping-timeout",
        Milliseconds(),
        "60000",
        "after a ping without an answer the connection is closed",
    ),
    Setting(
        "ping_interval",
        "SOCKET_PING_INTERVAL",
        "--ping-interval",
        Milliseconds(),
        "25000",
        "between two pings",
    ),
    Setting(
        "upgrade_timeout",
        "SOCKET_UPGRADE_TIMEOUT",
        "--upgrade-timeout",
        Milliseconds(),
        "10000",
        "for the change from long-polling to WebSocket",
    ),
    Setting(
        "max_http_buffer_size",
        "SOCKET_MAX_HTTP_BUFFER_SIZE",
        "--max-http-buffer-size",
        Whole("bytes", 1_000, 1_000_000_000),
        "1e8",
        "of one message",
    ),
    Setting(
        "max_text_size",
        "SOCKET_MAX_TEXT_SIZE",
        "--max-text-size",
        Whole("bytes", 1_000, 1_000_000_000),
        "32e6",
        "of one text message, which is an event without its attachments, and of one POST",
    ),
    Setting(
        "max_held",
        "SOCKET_MAX_HELD",
        "--max-held",
        Whole("bytes", 1_000, 1_000_000_000_000),
        "256e6",
        "of all that is kept for clients together; at least one message must have room",
        ("SOCKET_MAX_HALF_RECEIVED", "--max-half-received"),
    ),
    Setting("host", "HOST", "--host", Host(), "localhost", "where to listen"),
    Setting("port", "PORT", "--port", Whole("a port", 0, 65_535), "3001", "0 picks a free one"),
    Setting(
        "log_format", "LOG_FORMAT", "--log-format", Choice(("text", "json")), "text", "of stderr"
    ),
    Setting(
        "log_level",
        "LOG_LEVEL",
        "--log-level",
        Choice(("warning", "info")),
        "warning",
        "info: a line for each event as well",
    ),
    Setting(
        "auth_mode",
        "AUTH_MODE",
        "--auth-mode",
        Choice(("open", "required")),
        "open on a loopback address, else required",
        "open: a client without a session acts as the user that it names",
    ),
    Setting(
        "auth_timeout",
        "AUTH_TIMEOUT",
        "--auth-timeout",
        Milliseconds(),
        "30000",
        "until a client that needs a session must have one",
    ),
    Setting(
        "data_dir",
        "DATA_DIR",
        "--data-dir",
        Directory(),
        "data",
        "for everything that outlives the server",
    ),
    Setting(
        "database_url",
        "DATABASE_URL",
        "--database-url",
        DatabaseUrl(),
        "none",
        "a PostgreSQL that has the data instead; others on this machine can see a flag",
        is_secret=True,
    ),
    Setting(
        "workspace",
        "WORKSPACE",
        "--workspace",
        Directory(),
        "none",
        "mirrored as the project workspace; it must exist",
    ),
    Setting(
        "ai_base_url",
        "AI_BASE_URL",
        "--ai-base-url",
        Address(),
        "none",
        "where a model answers OpenAI's chat completions",
    ),
    Setting("ai_model", "AI_MODEL", "--ai-model", Word(), "none", "which model to ask"),
    Setting(
        "ai_api_key",
        "AI_API_KEY",
        "--ai-api-key",
        Word(),
        "none",
        "what the endpoint asks for; others on this machine can see a flag",
        is_secret=True,
    ),
    Setting(
        "ai_local",
        "AI_LOCAL",
        "--ai-local",
        Choice(("on", "off")),
        "off",
        "on: a very small model in this process; its packages must be installed",
    ),
    Setting(
        "ai_timeout",
        "AI_TIMEOUT",
        "--ai-timeout",
        Milliseconds(),
        "120000",
        "until an answer must be complete",
    ),
)


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
            # An empty flag is refused, an empty variable is none.
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
    if settings.max_held < settings.max_http_buffer_size:
        raise SettingsError(
            f"SOCKET_MAX_HELD: got {settings.max_held}, expected at least "
            f"SOCKET_MAX_HTTP_BUFFER_SIZE, which is {settings.max_http_buffer_size}"
        )
    return settings


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
            # The parser would take a percent sign for a place of its own.
            help=f"{setting.read.expected}: {setting.about} "
            f"(default {setting.default}; {setting.variable})".replace("%", "%%"),
        )
        if setting.former is not None:
            parser.add_argument(setting.former[1], dest=_former(setting), help=argparse.SUPPRESS)
    return parser
