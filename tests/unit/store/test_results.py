"""Addresses of Redis are checked at the door, and its errors say what to do; no password is ever shown."""

from __future__ import annotations

import pytest
import redis

from flows.domain.errors import FieldError, StoreError
from flows.store.results import ResultsStore


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:6379",
        "http://localhost:6379",
        "redis://",
        "unix://dome.sock",
        "redis://localhost:port",
        "redis://localhost?no_such_option=1",
        "redis://localhost?socket_timeout=soon",
    ],
)
def test_a_malformed_address_is_refused_by_name(url: str) -> None:
    with pytest.raises(FieldError, match=r"DOME_REDIS_URL: expected redis://HOST:PORT/DB"):
        ResultsStore(url)


def test_no_password_is_shown() -> None:
    with pytest.raises(FieldError) as caught:
        ResultsStore("rediss://dome:s3cret@host:port")
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in ResultsStore("redis://dome:s3cret@host:1/0").address


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (redis.AuthenticationError("WRONGPASS"), "user and password"),
        (redis.exceptions.NoPermissionError("NOPERM"), "user and password"),
        (redis.TimeoutError("Timeout reading from socket"), "did not answer in time"),
        (redis.exceptions.OutOfMemoryError("command not allowed"), "maxmemory"),
        (redis.ReadOnlyError("READONLY"), "primary"),
        (redis.ConnectionError("Connection refused"), "start it, or correct DOME_REDIS_URL"),
        (redis.BusyLoadingError("LOADING"), "start it, or correct DOME_REDIS_URL"),
        (redis.ResponseError("MISCONF"), "log"),
    ],
)
def test_an_error_of_redis_says_what_to_do(error: redis.RedisError, advice: str) -> None:
    store = ResultsStore("redis://dome:s3cret@10.0.0.1:6379/0")
    with pytest.raises(StoreError, match=advice) as caught, store._told("write events"):
        raise error
    assert "10.0.0.1" in str(caught.value)
    assert "s3cret" not in str(caught.value)
