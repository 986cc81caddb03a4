"""The parts of the application that the settings choose: assistant, adapter, limits and CORS."""

from __future__ import annotations

from collections.abc import Callable

from engineio_min import CorsOptions
from server.ai.builtin.provider import BuiltinProvider
from server.ai.local import LocalProvider
from server.ai.provider import Provider
from server.background import Background
from server.hosts import ORIGINS
from server.settings import Settings, SettingsError
from socketio_min import Limits, RateLimit, UsageError
from socketio_min.cluster.adapter import Adapter, LocalNamespace


def provider_of(settings: Settings, background: Background) -> Provider:
    """Return the provider that writes the assistant's answers.

    Raises:
        LocalModelError: a local model is set, and its packages are not installed.
    """
    if settings.ai_local == "on":
        return LocalProvider(settings.ai_timeout)
    if settings.ai_base_url is None or settings.ai_model is None:
        return BuiltinProvider(background)
    # Its HTTP client is a tenth of what a start imports.
    from server.ai.openai import OpenAIProvider

    return OpenAIProvider(
        settings.ai_base_url, settings.ai_model, settings.ai_api_key, settings.ai_timeout
    )


def adapter_of(settings: Settings) -> Callable[[LocalNamespace], Adapter] | None:
    """Return what makes the adapters by which this server is one of several. Return None for a
    server that is alone, and for workers, which share their rooms by themselves.

    Raises:
        SettingsError: the URL is none of Redis, or the packages for it are not installed.
    """
    if settings.redis_url is None:
        return None
    try:
        from socketio_min.cluster.redis import RedisAdapter
    except ImportError as error:
        raise SettingsError(
            "REDIS_URL: its packages are not installed: pip install 'hiredis>=3.2,<4'"
        ) from error
    try:
        return RedisAdapter.from_url(settings.redis_url)
    except UsageError as error:
        raise SettingsError(f"REDIS_URL: {error}") from error


def limits_of(settings: Settings) -> Limits:
    """Return the limits against floods of a connection and of an address. The events inside a
    `batch:update` are one event for them; the rates of a user (`api.rate_limit`) count each.
    """
    rate = address_rate = byte_rate = None
    if settings.byte_rate:
        byte_rate = RateLimit(settings.byte_rate, 4 * settings.byte_rate)
    if settings.event_rate:
        rate = RateLimit(settings.event_rate, settings.event_burst)
    if settings.address_event_rate:
        # The burst is to the rate as in the default limit of a connection.
        address_rate = RateLimit(settings.address_event_rate, 2 * settings.address_event_rate)
    return Limits(rate=rate, address_rate=address_rate, byte_rate=byte_rate)


def cors_of(origins: tuple[str, ...]) -> CorsOptions:
    """Return which sites may use the server, given the allowed origins."""
    # With credentials for every site in the world, any site would get a user's cookies.
    if "*" in origins:
        return CorsOptions("*")
    return CorsOptions(origin=origins, credentials=True, setting=ORIGINS)
