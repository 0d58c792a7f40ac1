"""Packages of deleted violations go a second at a time, whatever becomes of some."""

from __future__ import annotations

import json

import pytest
import redis

from flows.domain.errors import StoreError
from flows.store import keys
from flows.store.owed import AGAIN_S
from flows.store.redis_server import EmbeddedRedis
from flows.store.removals import Removals


class Shelf:
    """Of which some packages cannot be removed, and each takes its time."""

    def __init__(self, url: str, count: int, takes_s: float, stuck: int = 0) -> None:
        self.redis, self.takes_s, self.steady_s = redis.Redis.from_url(url), takes_s, 0.0
        self.redis.flushall()
        self.tried: list[str] = []
        self.stuck = {f"lane-1/{n}" for n in range(stuck)}
        waiting = [json.dumps({"folder": f"lane-1/{n}", "violation": "v"}) for n in range(count)]
        self.redis.sadd(keys.VIOLATIONS_UNREMOVED, *waiting)
        self.removals = Removals(url, self, lambda: self.steady_s)

    def discard(self, folder: str, violation: str) -> bool:
        self.tried.append(folder)
        self.steady_s += self.takes_s
        if folder in self.stuck:
            raise StoreError("the store is away")
        return True

    @property
    def waiting(self) -> int:
        return int(self.redis.scard(keys.VIOLATIONS_UNREMOVED))  # type: ignore[arg-type]


def test_a_store_that_is_away_keeps_no_event_waiting(redis_server: EmbeddedRedis) -> None:
    """Whoever removes is whoever writes, and each of thousands would wait for its answer."""
    shelf = Shelf(redis_server.url, 50, takes_s=3.0, stuck=50)
    assert shelf.removals.sweep() == 0
    assert len(shelf.tried) == 1
    shelf.removals.sweep()
    assert len(shelf.tried) == 1, "not before it may be back"
    shelf.steady_s += AGAIN_S
    shelf.removals.sweep()
    assert len(shelf.tried) == 2


def test_what_is_too_much_for_once_goes_bit_by_bit_and_what_is_stuck_holds_up_nothing(
    redis_server: EmbeddedRedis,
) -> None:
    shelf = Shelf(redis_server.url, 40, takes_s=0.5, stuck=10)
    for _ in range(200):
        shelf.removals.sweep()
        shelf.steady_s += AGAIN_S
    assert shelf.waiting == 10


def test_one_that_can_never_be_removed_holds_up_nothing(redis_server: EmbeddedRedis) -> None:
    shelf = Shelf(redis_server.url, 20, takes_s=0.5, stuck=1)
    for _ in range(20):
        shelf.removals.sweep()
    assert shelf.waiting == 1


def test_of_very_many_some_are_looked_at(
    redis_server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.store.owed.MOST", 7)
    shelf = Shelf(redis_server.url, 20, takes_s=0.0)
    assert [shelf.removals.sweep() for _ in range(4)] == [7, 7, 6, 0]
