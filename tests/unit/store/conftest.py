"""The stores in which violations are kept and deleted, empty before each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from retained import House

from flows.store.redis_server import EmbeddedRedis


@pytest.fixture
def house(redis_server: EmbeddedRedis, tmp_path: Path) -> Iterator[House]:
    house = House(redis_server.url, tmp_path / "evidence")
    yield house
    house.close()
