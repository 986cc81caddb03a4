"""Settings from variables and flags.

Invariants:
- What is read is what was written, in seconds; a flag wins over its variable.
- Every value is either read or refused with one line that names where it came from: nothing is
  ignored, and nothing else is raised.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import settings as settings_module
from server.setting_table import TABLE, Setting
from server.settings import Settings, SettingsError, load

INCOMPLETE_AI = "AI_BASE_URL and AI_MODEL: set both for a model, or neither"
VARIABLES = [setting.variable for setting in TABLE]


@pytest.fixture(autouse=True, scope="module")
def one_parser() -> Iterator[None]:
    """Make the parser of the flags once: a server reads its flags once, and this file a thousand
    times.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings_module, "_parser", cache(settings_module._parser))
        yield


def refusal(arguments: list[str], environment: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        load(arguments, environment)
    return str(caught.value)


def test_without_anything_the_documented_values_are_used() -> None:
    assert load([], {}) == Settings(
        cors_origins=("http://localhost:3000",),
        max_connections=1000,
        ping_timeout=60.0,
        ping_interval=25.0,
        upgrade_timeout=10.0,
        max_http_buffer_size=100_000_000,
        max_text_size=32_000_000,
        host="localhost",
        port=3001,
        log_format="text",
        auth_mode="open",
        data_dir=Path("data"),
    )


def test_the_documents_environment_is_read() -> None:
    environment = {
        "SOCKET_CORS_ORIGIN": "http://localhost:3000",
        "SOCKET_MAX_CONNECTIONS": "1000",
        "SOCKET_PING_TIMEOUT": "60000",
        "SOCKET_PING_INTERVAL": "25000",
        "SOCKET_UPGRADE_TIMEOUT": "10000",
    }
    assert load([], environment) == load([], {})


@pytest.mark.parametrize(
    ("variable", "flag", "text", "field", "value"),
    [
        ("SOCKET_CORS_ORIGIN", "--cors-origin", "*", "cors_origins", ("*",)),
        (
            "SOCKET_CORS_ORIGIN",
            "--cors-origin",
            "https://a.example, HTTP://B.example:8080,https://c.example:443,capacitor://localhost",
            "cors_origins",
            (
                "https://a.example",
                "http://b.example:8080",
                "https://c.example",
                "capacitor://localhost",
            ),
        ),
        (
            "SOCKET_CORS_ORIGIN",
            "--cors-origin",
            "http://[::1]:3000",
            "cors_origins",
            ("http://[::1]:3000",),
        ),
        ("SOCKET_MAX_CONNECTIONS", "--max-connections", "7", "max_connections", 7),
        ("SOCKET_PING_TIMEOUT", "--ping-timeout", "20000", "ping_timeout", 20.0),
        ("SOCKET_PING_INTERVAL", "--ping-interval", "1", "ping_interval", 0.001),
        ("SOCKET_UPGRADE_TIMEOUT", "--upgrade-timeout", "86400000", "upgrade_timeout", 86_400.0),
        (
            "SOCKET_MAX_HTTP_BUFFER_SIZE",
            "--max-http-buffer-size",
            "1e6",
            "max_http_buffer_size",
            1_000_000,
        ),
        ("HOST", "--host", "127.0.0.1", "host", "127.0.0.1"),
        ("HOST", "--host", "[::1]", "host", "::1"),
        ("PORT", "--port", " 0 ", "port", 0),
        ("LOG_FORMAT", "--log-format", "json", "log_format", "json"),
        (
            "SOCKET_MAX_CONNECTIONS_PER_USER",
            "--max-connections-per-user",
            "1",
            "max_connections_per_user",
            1,
        ),
        (
            "SOCKET_MAX_CONNECTIONS_PER_ADDRESS",
            "--max-connections-per-address",
            "50",
            "max_connections_per_address",
            50,
        ),
        ("SOCKET_EVENT_RATE", "--event-rate", "0", "event_rate", 0),
        ("SOCKET_EVENT_BURST", "--event-burst", "1e3", "event_burst", 1_000),
        ("SOCKET_ADDRESS_EVENT_RATE", "--address-event-rate", "500", "address_event_rate", 500),
        ("SOCKET_BYTE_RATE", "--byte-rate", "0", "byte_rate", 0),
        (
            "SOCKET_MAX_HELD",
            "--max-held",
            "1e9",
            "max_held",
            1_000_000_000,
        ),
        ("AUTH_TIMEOUT", "--auth-timeout", "60000", "auth_timeout", 60.0),
        ("AUTH_MODE", "--auth-mode", "open", "auth_mode", "open"),
        ("AUTH_MODE", "--auth-mode", "required", "auth_mode", "required"),
        ("DATA_DIR", "--data-dir", "a b/data", "data_dir", Path("a b/data")),
        *(
            ("DATABASE_URL", "--database-url", url, "database_url", url)
            for url in (
                "postgresql://localhost/shop",
                "postgres://ada:p%40ss%2Fword@db.example:5433/shop?sslmode=require",
                "postgresql://[::1]:5432/shop",
                "postgresql://ada@[::1]/shop",
                "postgresql:///shop?host=/run/postgresql&user=ada",
                "postgresql://ada:secret@a.example:1,b.example:2/shop?target_session_attrs=primary",
            )
        ),
    ],
)
def test_a_value_is_read_from_its_variable_and_its_flag(
    variable: str, flag: str, text: str, field: str, value: object
) -> None:
    assert getattr(load([], {variable: text}), field) == value
    assert getattr(load([flag, text], {}), field) == value


WITH_DEFAULTS = [setting for setting in TABLE if setting.default != "none"]


@pytest.mark.parametrize("setting", WITH_DEFAULTS, ids=lambda setting: setting.variable)
def test_a_flag_wins_over_its_variable(setting: Setting) -> None:
    default = "open" if setting.field == "auth_mode" else setting.default
    unusable = {setting.variable: "?"}
    assert load([setting.flag, default], unusable) == load([], {})


@pytest.mark.parametrize("variable", VARIABLES)
def test_an_empty_variable_is_not_set(variable: str) -> None:
    assert load([], {variable: ""}) == load([], {})


@pytest.mark.parametrize("setting", TABLE, ids=VARIABLES)
@pytest.mark.parametrize("text", ["?", "-1", "1.5", "0x10", "٣", "99999999999999", "a b", "://"])
def test_a_bad_value_is_refused_and_its_source_named(setting: Setting, text: str) -> None:
    shown = "a value that is not shown" if setting.is_secret else repr(text)
    got = f"got {shown}, expected {setting.read.expected}"
    for arguments, environment, source in (
        ([], {setting.variable: text}, setting.variable),
        ([f"{setting.flag}={text}"], {}, setting.flag),
    ):
        if setting.variable == "HOST" and text in ("-1", "1.5", "0x10", "99999999999999"):
            # A name like any other, which may not exist; but surely not of this machine only.
            assert load(arguments, environment).auth_mode == "required"
        elif setting.variable in ("DATA_DIR", "WORKSPACE"):
            assert getattr(load(arguments, environment), setting.field) == Path(text)
        elif setting.variable in ("AI_MODEL", "AI_API_KEY") and text not in ("٣", "a b"):
            assert refusal(arguments, environment) == INCOMPLETE_AI
        else:
            assert refusal(arguments, environment) == f"{source}: {got}"


@pytest.mark.parametrize(
    "text",
    [
        "sqlite:///secret.db",
        "mysql://secret@localhost/shop",
        "host=localhost password=secret",
        "postgresql://ada:secret@more@localhost/shop",
        "postgresql://ada:secret/more@localhost/shop",
        "postgresql://ada:secret#more@localhost/shop",
        "postgresql://ada:secret @localhost/shop",
        "postgresql://[secret/shop",
    ],
)
def test_a_secret_that_cannot_be_used_is_not_shown(text: str) -> None:
    assert refusal([], {"DATABASE_URL": text}) == (
        "DATABASE_URL: got a value that is not shown, expected "
        "postgresql://user:password@localhost:5432/name, with %40 for an @ and so on"
    )


def test_settings_are_shown_without_secrets() -> None:
    url = "postgresql://ada:secret@localhost/shop"
    settings = load(["--database-url", url], {})
    assert settings.database_url == url
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("SOCKET_CORS_ORIGIN", "localhost:3000"),
        ("SOCKET_CORS_ORIGIN", "http://localhost:3000/"),
        ("SOCKET_CORS_ORIGIN", "http://localhost:3000/app"),
        ("SOCKET_CORS_ORIGIN", "http://localhost:65536"),
        ("SOCKET_CORS_ORIGIN", "http://a.example,*"),
        ("SOCKET_CORS_ORIGIN", "http://a.example,"),
        ("SOCKET_CORS_ORIGIN", "http://user@a.example"),
        ("SOCKET_CORS_ORIGIN", "null"),
        ("SOCKET_MAX_CONNECTIONS", "0"),
        ("SOCKET_MAX_CONNECTIONS_PER_USER", "0"),
        ("SOCKET_EVENT_RATE", "1000001"),
        ("SOCKET_EVENT_BURST", "0"),
        ("SOCKET_PING_TIMEOUT", "0"),
        ("SOCKET_PING_TIMEOUT", "86400001"),
        ("SOCKET_MAX_HTTP_BUFFER_SIZE", "999"),
        ("SOCKET_MAX_HTTP_BUFFER_SIZE", "1e10"),
        ("PORT", "65536"),
        ("LOG_FORMAT", "JSON"),
        ("AUTH_MODE", "Open"),
        ("HOST", "http://localhost"),
        ("DATA_DIR", "a\nb"),
        ("AI_BASE_URL", "localhost:11434/v1"),
        ("AI_BASE_URL", "http://user:secret@a.example"),
        ("AI_BASE_URL", "http://a.example/v1?key=1"),
    ],
)
def test_values_next_to_the_good_ones_are_refused(variable: str, text: str) -> None:
    assert refusal([], {variable: text}).startswith(f"{variable}: got {text!r}, expected ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--ping-time", "1"], "unrecognized arguments: --ping-time 1; --help lists the flags"),
        (["--port"], "argument --port: expected one argument; --help lists the flags"),
        (["serve"], "unrecognized arguments: serve; --help lists the flags"),
    ],
)
def test_a_wrong_flag_is_refused(arguments: list[str], message: str) -> None:
    assert refusal(arguments, {}) == message


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com", "localhost.example"])
def test_another_address_needs_accounts_unless_told_otherwise(host: str) -> None:
    assert load([], {"HOST": host}).auth_mode == "required"
    assert load([], {"HOST": host, "AUTH_MODE": "open"}).auth_mode == "open"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1", "app.localhost"])
def test_a_loopback_address_is_open_by_default(host: str) -> None:
    assert load(["--host", host], {}).auth_mode == "open"


def test_a_model_is_asked_where_it_is() -> None:
    url, model = "http://localhost:11434/v1", "qwen2.5-coder:7b"
    environment = {"AI_BASE_URL": url, "AI_MODEL": model, "AI_API_KEY": "sk-1", "AI_TIMEOUT": "5"}
    settings = load([], environment)
    assert (settings.ai_base_url, settings.ai_model) == (url, model)
    assert (settings.ai_api_key, settings.ai_timeout) == ("sk-1", 0.005)
    assert "sk-1" not in repr(settings)
    for variable in ("AI_BASE_URL", "AI_MODEL", "AI_API_KEY"):
        assert refusal([], {variable: environment[variable]}) == INCOMPLETE_AI


SHARED = {"DATABASE_URL": "postgresql://localhost/shop"}
REDIS = {"REDIS_URL": "redis://localhost"}


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "rediss://ada:p%40ss%2Fword@redis.example:6380/1",
        "redis://:secret@[::1]:6379",
        "unix:///run/redis.sock?db=0",
        "redis+sentinel://a.example,b.example:26380/main/0",
        "rediss+cluster://a.example:1,b.example:2",
    ],
)
def test_a_cluster_is_read(url: str) -> None:
    settings = load(["--redis-url", url], {**SHARED, "WORKERS": "4", "NODE_NAME": "A1"})
    assert (settings.redis_url, settings.workers, settings.node_name) == (url, 4, "A1")
    assert url not in repr(settings)
    assert load([], {**SHARED, "REDIS_URL": url}).redis_url == url


def test_several_servers_may_mirror_a_directory(tmp_path: Path) -> None:
    settings = load(["--workers", "4"], {**SHARED, "WORKSPACE": str(tmp_path)})
    assert (settings.shares_database, settings.workspace) == (True, tmp_path)


def test_several_processes_share_what_they_must() -> None:
    assert refusal(["--workers", "4"], REDIS) == (
        "WORKERS: got 4, but SQLite has one writer: set DATABASE_URL to a PostgreSQL that all "
        "share, or choose 1"
    )
    assert refusal([], REDIS) == (
        "REDIS_URL: servers that are one share a PostgreSQL as well: set DATABASE_URL too"
    )
    assert refusal(["--node-name", "AA"], SHARED) == (
        "NODE_NAME: got 'AA', but nodes reach each other by Redis: set REDIS_URL too"
    )
    # Workers of one machine need no Redis.
    assert load(["--workers", "4"], SHARED).workers == 4


@pytest.mark.parametrize(
    "text",
    ["localhost:6379", "http://secret@localhost", "redis://ada:secret@", "redis://a/secret key"],
)
def test_a_redis_that_cannot_be_used_is_not_shown(text: str) -> None:
    assert refusal([], {**SHARED, "REDIS_URL": text}) == (
        "REDIS_URL: got a value that is not shown, expected "
        "redis://user:password@localhost:6379/0, rediss:// for TLS, or unix:///path"
    )


def test_one_message_has_room() -> None:
    environment = {"SOCKET_MAX_HELD": "99999999"}
    assert refusal([], environment) == (
        "SOCKET_MAX_HELD: got 99999999, expected at least SOCKET_MAX_HTTP_BUFFER_SIZE, "
        "which is 100000000"
    )
    load(["--max-http-buffer-size", "99999999"], environment)


def test_a_former_name_works_and_is_told() -> None:
    old, new = {"SOCKET_MAX_HALF_RECEIVED": "3e8"}, {"SOCKET_MAX_HELD": "2e8"}
    settings = load([], old)
    assert settings.max_held == 300_000_000
    assert settings.outdated == (
        "SOCKET_MAX_HALF_RECEIVED is called SOCKET_MAX_HELD now: it still works",
    )
    settings = load(["--max-half-received", "4e8"], new)
    assert settings.max_held == 400_000_000
    assert settings.outdated == ("--max-half-received is called --max-held now: it still works",)
    # The present name is the one that counts.
    for settings in (load([], {**old, **new}), load(["--max-held", "2e8"], old)):
        assert (settings.max_held, settings.outdated) == (200_000_000, ())
    assert load([], {"SOCKET_MAX_HALF_RECEIVED": ""}).outdated == ()
    assert refusal([], {"SOCKET_MAX_HALF_RECEIVED": "all"}).startswith(
        "SOCKET_MAX_HALF_RECEIVED: got 'all', expected "
    )


def test_one_model_is_enough() -> None:
    environment = {"AI_BASE_URL": "http://a.example", "AI_MODEL": "m", "AI_LOCAL": "on"}
    assert refusal([], environment) == "AI_LOCAL: set it or AI_BASE_URL, not both"
    assert load([], {"AI_LOCAL": "on"}).ai_local == "on"


@given(st.sampled_from(VARIABLES), st.text())
def test_any_text_is_read_or_refused_in_one_line(variable: str, text: str) -> None:
    refused = ""
    try:
        load([], {variable: text})
    except SettingsError as error:
        refused = str(error)
    assert len(refused.splitlines()) <= 1


@given(st.integers(min_value=1, max_value=86_400_000))
def test_milliseconds_become_seconds(milliseconds: int) -> None:
    settings = load([], {"SOCKET_PING_TIMEOUT": str(milliseconds)})
    assert round(settings.ping_timeout * 1000) == milliseconds
