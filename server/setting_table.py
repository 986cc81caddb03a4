"""The settings one by one: each has a variable, a flag, and what reads its value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from server.setting_readers import (
    Address,
    Choice,
    DatabaseUrl,
    Directory,
    Host,
    Milliseconds,
    NodeName,
    Origins,
    Reader,
    RedisUrl,
    Whole,
    Word,
)


@dataclass(frozen=True, slots=True)
class Setting:
    """A row: the field of `Settings`, its variable and flag, its reader, and what the setting is;
    and the variable and flag that it had in an earlier release. A secret value is not shown in
    messages.
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
        "redis_url",
        "REDIS_URL",
        "--redis-url",
        RedisUrl(),
        "none",
        "a Redis by which several servers are one; others on this machine can see a flag",
        is_secret=True,
    ),
    Setting(
        "node_name",
        "NODE_NAME",
        "--node-name",
        NodeName(),
        "none",
        "with which the session ids of this server begin; a proxy in front tells nodes by it",
    ),
    Setting(
        "workers",
        "WORKERS",
        "--workers",
        Whole("processes", 1, 100),
        "1",
        "that serve together on this machine; more than one need DATABASE_URL",
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
