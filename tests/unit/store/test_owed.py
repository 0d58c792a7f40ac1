"""What must go of a disk that is away is remembered until it has gone."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
import redis
from citizens import AT, photo
from evidencestore import kept_in, store_in

from flows.domain.errors import StoreError
from flows.domain.reports import folder_of, tracking_id
from flows.reports.reception import Claim, Reception
from flows.store import keys
from flows.store.evidence import MARK
from flows.store.owed import AGAIN_S, BUSY_S, Owed
from flows.store.redis_server import EmbeddedRedis
from flows.store.reports import ReportsStore
from flows.store.uploads import UploadShelf


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


def test_what_went_meanwhile_is_not_removed_again(redis_server: EmbeddedRedis) -> None:
    redis.Redis.from_url(redis_server.url).flushall()
    shelf = Shelf()
    shelf.away = False
    owed, other = shelf.owed(redis_server), shelf.owed(redis_server)
    owed.owe(["reports/1"])
    listed = owed._waiting

    def overtaken() -> list[str]:
        found = listed()
        other.settle("reports/1")  # whoever writes there next has had it removed
        return found

    owed._waiting = overtaken  # type: ignore[method-assign]
    assert owed.pay() == 0
    assert shelf.removed == ["reports/1"]
    other.settle("reports/1")
    assert shelf.removed == ["reports/1"], "and is no debt any more"


def claim(reference: str) -> Claim:
    return Claim("egov", reference, "speeding", 43.24, 76.91, "words", happened_at=AT)


def test_a_report_sent_again_after_it_was_erased_keeps_its_files_and_none_of_those_that_were_to_go(
    redis_server: EmbeddedRedis, tmp_path: Path
) -> None:
    redis.Redis.from_url(redis_server.url).flushall()
    reports, evidence = ReportsStore(redis_server.url), store_in(tmp_path)
    desk, mark, folder = Reception(reports, evidence, now=lambda: AT), tmp_path / MARK, tmp_path / "reports"
    told = desk.accept(claim("1"), [photo(1)])
    mark.rename(tmp_path / "away")
    assert desk.erase("egov", told.id)
    assert kept_in(folder)
    with pytest.raises(StoreError):
        desk.accept(claim("1"), [photo(2)])
    (tmp_path / "away").rename(mark)
    again = desk.accept(claim("1"), [photo(2)])
    later = Reception(reports, evidence, now=lambda: AT)
    assert later.forget() == 0
    assert [path.name for path in kept_in(folder)] == [again.files[0].name]
    reports.close()


def test_a_report_that_is_sent_again_while_what_came_of_it_is_forgotten_stays(
    redis_server: EmbeddedRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis.Redis.from_url(redis_server.url).flushall()
    reports, evidence = ReportsStore(redis_server.url), store_in(tmp_path)
    reports.begin(tracking_id("egov", "1"), AT - timedelta(days=2))
    desk, due, told = Reception(reports, evidence, now=lambda: AT), reports.due, []

    def sent_meanwhile(at: datetime) -> list[str]:
        found = due(at)
        told.append(desk.accept(claim("1"), [photo()]))
        return found

    monkeypatch.setattr(reports, "due", sent_meanwhile)
    assert desk.forget() == 0
    assert reports.get(told[0].id) == told[0]
    assert len(kept_in(tmp_path / "reports")) == 1
    reports.close()


def test_an_upload_begun_again_loses_no_piece_to_what_an_earlier_one_left(
    redis_server: EmbeddedRedis, tmp_path: Path
) -> None:
    redis.Redis.from_url(redis_server.url).flushall()
    reports, evidence, data = ReportsStore(redis_server.url), store_in(tmp_path), photo()
    shelf = UploadShelf(redis_server.url, evidence)
    begun = shelf.begin("egov", len(data), sha256(data).hexdigest())
    owed = reports.owed(evidence.remove)
    owed.owe([folder_of(begun.id)])  # it was forgotten while the store was away
    shelf.append("egov", begun.id, 0, data)
    assert owed.pay() == 0
    with shelf.file("egov", begun.id) as path:
        assert path.read_bytes() == data
    shelf.close()
    reports.close()
