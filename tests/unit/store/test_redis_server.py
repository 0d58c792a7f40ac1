"""The embedded Redis comes back by itself."""

from __future__ import annotations

import errno
import os
import signal
import threading
from pathlib import Path

import pytest
import redis

from flows.store import redis_server
from flows.store.redis_server import EmbeddedRedis


def test_a_server_that_dies_while_the_disk_is_full_is_back_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, tried, back = EmbeddedRedis._config, [0], threading.Event()

    def full(server: EmbeddedRedis) -> Path:
        tried[0] += 1
        if tried[0] < 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        back.set()
        return config(server)

    monkeypatch.setattr(redis_server, "REVIVE_S", 0.01)
    with EmbeddedRedis(tmp_path / "redis") as server:
        monkeypatch.setattr(EmbeddedRedis, "_config", full)
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        assert back.wait(20), "nobody tried any more"
        with server._guard:  # until it answers
            assert redis.Redis.from_url(server.url).ping()
