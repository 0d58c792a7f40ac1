"""The API on Ray Serve, for tests that need its proxy."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from apiclient import config_for
from evidencestore import store_in
from ray import serve

from flows.store.redis_server import EmbeddedRedis
from serve.api.config import ApiConfig
from serve.app import ApiArgs, ensure_api, start_serve


@contextmanager
def served(home: Path) -> Iterator[tuple[ApiConfig, str]]:
    """The API with a Redis of its own on the Ray that runs: its configuration, and the address of ``/api/v1``."""
    with EmbeddedRedis(home / "redis") as server:
        config, port = config_for(server.url, home), free_port()
        store_in(config.settings.evidence)
        serve.shutdown()  # another module's may run without a proxy
        start_serve(("127.0.0.1", port))
        ensure_api(ApiArgs(config=config))
        yield config, f"http://127.0.0.1:{port}/api/v1"
        serve.shutdown()


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
