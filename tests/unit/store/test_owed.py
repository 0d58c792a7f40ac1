"""What must go of a disk that is away is remembered until it has gone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import redis
from citizens import AT, photo
from evidencestore import kept_in, store_in

from flows.domain.errors import StoreError
from flows.reports.reception import Claim, Reception
from flows.store import keys
from flows.store.evidence import MARK
from flows.store.owed import AGAIN_S, BUSY_S, Owed
from flows.store.redis_server import EmbeddedRedis
from flows.store.reports import ReportsStore


class Shelf:
    """That may be away."""

    def __init__(self) -> None:
        self.away, self.tried, self.steady_s, self.takes_s = True, 0, 0.0, 0.0
        self.removed: list[str] = []

    def remove(self, folder: str) -> bool:
        self.tried += 1
        self.steady_s += self.takes_s
        if self.away:
            raise StoreError("the store is away")
        self.removed.append(folder)
        return True

    def owed(self, server: EmbeddedRedis, busy_s: float = BUSY_S) -> Owed:
        asked = redis.Redis.from_url(server.url)
        return Owed(asked, "redis", keys.PASSAGES_UNREMOVED, self.remove, lambda: self.steady_s, busy_s)


def test_what_cannot_be_removed_is_tried_again_after_a_while_and_by_whoever_comes_later(
    redis_server: EmbeddedRedis,
) -> None:
    redis.Redis.from_url(redis_server.url).flushall()
    shelf = Shelf()
    owed = shelf.owed(redis_server)
    owed.owe(["passages/1", "passages/2", "passages/3"])
    owed.owe([])
    assert [owed.pay(), owed.pay()] == [0, 0]
    assert shelf.tried == 3, "not before it may be back"
    shelf.steady_s += AGAIN_S
    assert (owed.pay(), shelf.tried) == (0, 6)
    shelf.away = False
    assert shelf.owed(redis_server).pay() == 3, "after a restart"
    assert owed.pay() == 0


def test_what_must_go_at_once_waits_neither_for_the_rest_nor_for_a_store_that_was_away(
    redis_server: EmbeddedRedis,
) -> None:
    redis.Redis.from_url(redis_server.url).flushall()
    shelf = Shelf()
    shelf.takes_s = 0.5
    owed = shelf.owed(redis_server, busy_s=2.0)
    owed.owe([f"passages/{n}" for n in range(50)])
    assert owed.pay() == 0
    assert shelf.tried == 2, "no event is written meanwhile: a second for a store that is away"
    shelf.away = False
    assert owed.pay(["passages/7"]) == 1
    assert shelf.removed == ["passages/7"]
    shelf.steady_s += AGAIN_S
    assert owed.pay(["passages/9"]) == 1, "whoever asks for it waits for nothing else"
    assert owed.pay() == 4


@pytest.mark.slow
@pytest.mark.parametrize("how", ["erased on their word", "forgotten by their age"])
def test_a_report_goes_though_the_disk_of_its_files_is_away_and_they_go_when_it_is_back(
    redis_server: EmbeddedRedis, tmp_path: Path, how: str
) -> None:
    redis.Redis.from_url(redis_server.url).flushall()
    reports, evidence = ReportsStore(redis_server.url), store_in(tmp_path)
    desk = Reception(reports, evidence, now=lambda: AT)
    told = [
        desk.accept(Claim("egov", f"{n}", "speeding", 43.24, 76.91, "words", happened_at=AT), files)
        for n, files in enumerate(([photo()], []))
    ]
    mark = tmp_path / MARK
    mark.rename(tmp_path / "away")
    if how.startswith("erased"):
        assert [desk.erase("egov", one.id) for one in told] == [True, True]
    else:
        assert Reception(reports, evidence, now=lambda: AT + timedelta(days=400)).forget() == 2
    assert reports.several([one.id for one in told]) == []
    assert kept_in(tmp_path / "reports")
    (tmp_path / "away").rename(mark)
    Reception(reports, evidence, now=lambda: AT).forget()
    assert not kept_in(tmp_path / "reports")
    reports.close()
