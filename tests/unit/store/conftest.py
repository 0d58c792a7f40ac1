"""The stores in which violations are kept and deleted, empty before each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from retained import House

from flows.store.redis_server import EmbeddedRedis


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis(tmp_path_factory.mktemp("store") / "redis") as server:
        yield server


@pytest.fixture
def house(server: EmbeddedRedis, tmp_path: Path) -> Iterator[House]:
    house = House(server.url, tmp_path / "evidence")
    yield house
    house.close()
