"""Unit tests run in seconds without Ray: starting it here is an error, and what other tests started is not seen."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from flows.store.redis_server import EmbeddedRedis


def _refuse(*_: object, **__: object) -> NoReturn:
    raise RuntimeError("a unit test tried to start Ray; move it to tests/integration")


@pytest.fixture(autouse=True)
def _no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ENABLE_AUTO_CONNECT", "0")
    ray = sys.modules.get("ray")
    if ray is not None:
        monkeypatch.setattr(ray, "init", _refuse)
        monkeypatch.setattr(ray, "is_initialized", lambda: False)
        monkeypatch.setattr(sys.modules["ray._private.worker"], "init", _refuse)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    """One for all tests of a process. What they write need outlive no power cut: to wait for a disk takes longer."""
    import redis

    from flows.store.redis_server import EmbeddedRedis

    with EmbeddedRedis(tmp_path_factory.mktemp("redis") / "redis") as server:
        redis.Redis.from_url(server.url).config_set("appendfsync", "no")
        yield server


@pytest.fixture
def redis_url(redis_server: EmbeddedRedis) -> str:
    """Its address; it is empty."""
    import redis

    redis.Redis.from_url(redis_server.url).flushall()
    return redis_server.url
