"""How stores reach Redis: clients that never wait for ever, scripts beside this file, errors that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.retry import Retry

from flows.domain.errors import FieldError, StoreError
from flows.domain.masking import masked


def client(url: str, timeout_s: float, **options: Any) -> redis.Redis:
    """A client that never waits for ever and never repeats a command by itself.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``; options in its query win.
        timeout_s: Longest wait for a connection or an answer.
        **options: More of redis-py's own.

    Raises:
        FieldError: If the address is malformed.
    """
    scheme, _, rest = url.partition("://")
    form = "redis://HOST:PORT/DB, rediss://HOST:PORT/DB or unix:///PATH"
    hint = "correct DOME_REDIS_URL, or unset it to use the embedded Redis"
    if scheme not in ("redis", "rediss", "unix") or not rest or (scheme == "unix" and rest[0] != "/"):
        raise FieldError("DOME_REDIS_URL", form, repr(masked(url)), hint)
    options |= {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "driver_info": driver(),
    }
    try:
        made = redis.Redis.from_url(url, **options)
        made.connection_pool.make_connection()  # opens nothing, but refuses unknown options
    except (ValueError, TypeError) as error:
        raise FieldError("DOME_REDIS_URL", form, repr(masked(url)), f"{error}; {hint}") from None
    return made


@cache
def driver() -> DriverInfo:
    """Who we say we are to Redis: found out once, not for every connection (3 ms each, a replica opens twenty)."""
    return DriverInfo()


def script(*names: str) -> str:
    """The text of scripts, one after another: later ones use what earlier ones define."""
    return "\n".join(
        files("flows.store").joinpath(f"{name}.lua").read_text(encoding="utf-8") for name in names
    )


@contextmanager
def told(what: str, address: str) -> Iterator[None]:
    """Turns Redis's errors into ours, with what to do.

    Args:
        what: What cannot be done then.
        address: Of Redis, without its password.

    Raises:
        StoreError: Instead of any error of Redis.
    """
    try:
        yield
    except redis.RedisError as error:
        raise StoreError(f"cannot {what} at {address}: {masked(str(error))}; {_advice(error)}") from error


def _advice(error: redis.RedisError) -> str:
    if isinstance(error, redis.AuthenticationError | redis.exceptions.NoPermissionError):
        return "check the user and password in DOME_REDIS_URL"
    if isinstance(error, redis.TimeoutError):
        return "it did not answer in time: see whether it is overloaded, stopped or its disk is slow"
    if isinstance(error, redis.exceptions.OutOfMemoryError):
        return "it is full: raise its maxmemory (with policy noeviction) or keep events for less time"
    if isinstance(error, redis.ReadOnlyError):
        return "it is a replica: point DOME_REDIS_URL at the primary"
    if isinstance(error, redis.ConnectionError):
        return "start it, or correct DOME_REDIS_URL; producers keep their events on disk until then"
    return "see the Redis log; producers keep their events on disk until then"
