"""Each event reaches Redis once, whatever happens to Redis, the process and the disk meanwhile."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.domain.errors import StoreError
from flows.domain.events import SPEEDING, Event
from flows.store.delivery import Ack, Policy, Results
from flows.store.lines import Line
from flows.store.present import ClockDoubted
from flows.store.results import WriteReport
from flows.store.spool import Spool


def make_events(count: int, first: int = 0) -> list[Event]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        Event.of(SPEEDING, camera_id="c", district="esil", at=start + timedelta(seconds=i), data={}, key=(i,))
        for i in range(first, first + count)
    ]


class FakeRedis:
    """A store in memory that can be away, stall after writing, and come back without its newest writes."""

    def __init__(self) -> None:
        self.held: dict[str, Line] = {}
        self.writes: Counter[str] = Counter()
        self.connections, self.asked, self.pruned = 1, 0, 0
        self.down, self.stalls = False, False
        self.deleted: Counter[str] = Counter()
        self.old: list[int] = []  # what goes at each step of pruning
        self.full, self.pruned_at_s = False, -1.0

    def write(self, lines: Sequence[Line]) -> WriteReport:
        self._answer()
        if self.full:
            raise StoreError("it is full")
        fresh = []
        for line in lines:
            fresh.append(line.id not in self.held)
            self.held[line.id] = line
            self.writes[line.id] += fresh[-1]
        if self.stalls:
            raise StoreError("it did not answer in time")
        return WriteReport(tuple(fresh))

    def ping(self) -> None:
        self._answer()

    def probe(self) -> None:
        self.asked += 1
        self._answer()

    def pruning(self, now_s: float) -> Iterator[int]:
        self.pruned_at_s = now_s
        for removed in self.old:
            self._answer()
            self.full = False
            yield removed
        self._answer()
        self.pruned += 1

    def close(self) -> None:
        pass

    def crash(self, losing: Sequence[Event] = ()) -> None:
        self.down = True
        for event in losing:
            del self.held[event.id]

    def come_back(self) -> None:
        self.down, self.stalls = False, False
        self.connections += 1

    def _answer(self) -> None:
        if self.down:
            raise StoreError("Redis is away")


class Bench:
    """Results over a fake Redis and a real spool, with a clock to set."""

    def __init__(self, folder: Path, max_events: int = 1000) -> None:
        self.redis, self.now_s = FakeRedis(), 0.0
        self.folder, self.max_events = folder, max_events
        self.start()

    def start(self) -> None:
        spool = Spool(self.folder, "results", self.max_events)
        self.results = Results(self.redis, spool, clock=lambda: self.now_s)  # type: ignore[arg-type]

    def kill(self) -> None:
        self.results._spool._lock.close()  # all that the system does for a killed process

    def run(self, seconds: float) -> None:
        """Does what the writer's thread does in this time."""
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.results.drain()
            self.now_s += max(self.results.wait_s(), 0.01)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_events_are_written_once_however_often_they_are_sent(bench: Bench) -> None:
    events = make_events(3)
    assert bench.results.submit(events) == Ack(written=3)
    assert bench.results.submit([*events, *make_events(1, first=3)]) == Ack(written=1, duplicates=3)
    assert bench.results.submit([]) == Ack()


def test_while_redis_is_away_events_are_safe_on_disk_and_follow_later(bench: Bench) -> None:
    before, during = make_events(2), make_events(600, first=2)
    bench.results.submit(before)
    bench.redis.crash()
    assert bench.results.submit(during) == Ack(spooled=600)
    status = bench.results.status()
    assert status.spooled == 600
    assert "away" in status.redis
    bench.run(20)
    bench.redis.come_back()
    bench.run(20)
    assert bench.results.status().redis == "up"
    assert bench.results.status().spooled == 0
    assert list(bench.redis.held) == [e.id for e in before + during]


def test_how_often_and_how_long_redis_was_away_is_told_afterwards(bench: Bench) -> None:
    assert (bench.results.status().outages, bench.results.status().away_s) == (0, 0.0)
    for first in (0, 1):
        bench.redis.crash()
        bench.results.submit(make_events(1, first))
        bench.run(20)
        assert bench.results.status().away_s == pytest.approx(20 + 20 * first, abs=6)
        bench.redis.come_back()
        bench.run(20)
    status = bench.results.status()
    assert (status.redis, status.spooled, status.outages) == ("up", 0, 2)
    assert status.away_s == pytest.approx(40, abs=11), "and up to 5 s each until somebody asks again"


def test_a_write_with_no_answer_is_not_doubled(bench: Bench) -> None:
    events = make_events(5)
    bench.redis.stalls = True
    assert bench.results.submit(events) == Ack(spooled=5)
    bench.redis.come_back()
    bench.run(5)
    assert bench.results.status().duplicates == 5
    assert set(bench.redis.writes.values()) == {1}


def test_a_redis_that_lost_answered_writes_gets_them_again(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    old, young = make_events(2), make_events(3, first=2)
    bench.results.submit(old)
    bench.run(60)
    bench.results.submit(young)
    bench.redis.crash(losing=young)
    bench.now_s += 100  # however long it is away
    bench.redis.come_back()
    with caplog.at_level(logging.WARNING):
        bench.run(5)
    assert set(bench.redis.held) == {e.id for e in old + young}
    assert "lost 3 answered events" in caplog.text


def test_what_was_answered_long_ago_is_not_written_again(bench: Bench) -> None:
    events = make_events(3)
    bench.results.submit(events)
    bench.run(10)
    bench.redis.held.clear()  # as retention does, much later
    bench.redis.come_back()
    bench.run(10)
    assert bench.redis.held == {}


def test_redis_is_asked_less_and_less_often(bench: Bench) -> None:
    bench.redis.crash()
    bench.results.submit(make_events(1))
    bench.run(3)
    assert 3 <= bench.redis.asked <= 5
    asked = bench.redis.asked
    bench.run(100)
    longest_s = Policy().retry_s[1]
    assert bench.redis.asked - asked == pytest.approx(100 / longest_s, abs=2)


def test_submits_do_not_wait_for_a_redis_known_to_be_away(bench: Bench) -> None:
    bench.redis.crash()
    bench.results.submit(make_events(1))
    bench.redis.write = None  # type: ignore[assignment, method-assign]
    assert bench.results.submit(make_events(1, first=1)) == Ack(spooled=1)


@pytest.mark.slow
def test_a_killed_process_leaves_its_backlog_to_the_next(bench: Bench) -> None:
    events = make_events(300)
    bench.redis.crash()
    bench.results.submit(events)
    bench.kill()
    bench.start()
    assert bench.results.status().spooled == 300
    bench.results.submit(events[:10])  # producers that had no answer send again
    bench.redis.come_back()
    bench.run(10)
    assert set(bench.redis.held) == {e.id for e in events}
    assert set(bench.redis.writes.values()) == {1}


def test_a_full_disk_spool_is_counted_and_reported(tmp_path: Path) -> None:
    bench = Bench(tmp_path, max_events=4)
    bench.redis.crash()
    ack = bench.results.submit(make_events(10))
    assert ack == Ack(spooled=4, lost=6)
    assert not ack.safe
    assert bench.results.status().lost == 6


def test_what_was_refused_and_brought_again_is_not_lost(tmp_path: Path) -> None:
    bench = Bench(tmp_path, max_events=4)
    events = make_events(10)
    bench.redis.crash()
    for _ in range(3):
        bench.results.submit(events[-6:])  # four are kept the first time, their copies refused afterwards
    assert bench.results.submit(events[:1]) == Ack(lost=1)
    bench.redis.come_back()
    bench.run(10)
    assert bench.results.submit(events[-6:]).lost == 0
    assert bench.results.status().lost == 1, "only what nobody brought again"


def test_one_bad_event_does_not_stop_the_others(bench: Bench) -> None:
    good = make_events(2)
    verdicts = bench.results.take([good[0], b'{"id": 7}', good[1]])
    assert verdicts == ["written", "rejected", "written"]
    assert bench.results.status().lost == 1


def test_what_is_no_event_on_disk_is_counted_and_passed_over(bench: Bench) -> None:
    bench.results._spool.append([b'{"not":"an event"}'])
    bench.redis.crash()
    good = make_events(1)
    bench.results.submit(good)
    bench.redis.come_back()
    bench.run(5)
    assert bench.results.status().spooled == 0
    assert bench.results.status().lost == 1
    assert list(bench.redis.held) == [good[0].id]


def test_it_starts_while_redis_is_away(bench: Bench) -> None:
    bench.kill()
    bench.redis.crash()
    bench.start()
    assert bench.results.submit(make_events(1)) == Ack(spooled=1)


def test_old_events_are_removed_now_and_then(bench: Bench) -> None:
    bench.run(3 * Policy().prune_s)
    assert bench.redis.pruned in (2, 3)


def test_events_are_written_while_very_many_are_removed(bench: Bench) -> None:
    bench.redis.old = [32] * 1000
    bench.run(Policy().prune_s + 0.1)
    assert bench.redis.pruned == 0
    events = make_events(3)
    assert bench.results.submit(events).written == 3
    assert bench.redis.pruned == 0
    bench.run(20)
    assert bench.redis.pruned == 1


def test_a_redis_that_goes_away_meanwhile_loses_a_round_of_removing_and_no_more(bench: Bench) -> None:
    bench.redis.old = [32] * 1000
    bench.run(Policy().prune_s + 0.1)
    bench.redis.down = True
    bench.run(10)
    bench.redis.come_back()
    bench.run(2 * Policy().prune_s)
    assert bench.redis.pruned in (1, 2)


@pytest.mark.slow
def test_a_redis_that_is_full_has_room_again_when_something_old_goes(bench: Bench) -> None:
    bench.redis.old = [32]
    bench.redis.full = True
    events = make_events(3)
    assert bench.results.submit(events).spooled == 3
    bench.run(Policy().prune_s + 10)
    assert bench.results.waiting == 0
    assert set(bench.redis.held) == {event.id for event in events}


def test_a_clock_that_may_be_ahead_removes_nothing_by_its_age_and_keeps_nobody_up(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    def doubted() -> datetime:
        raise ClockDoubted("it is 2036 here")

    bench.results._present = doubted
    bench.run(3 * Policy().prune_s)
    assert bench.redis.pruned_at_s == 0, "but what is too much goes"
    assert "it is 2036 here" in caplog.text
    assert bench.results.status().redis == "up"


def test_closing_writes_the_backlog_when_redis_is_there(bench: Bench) -> None:
    events = make_events(600)
    bench.redis.crash()
    bench.results.submit(events)
    bench.redis.come_back()
    bench.now_s += 10
    bench.results.drain()
    bench.results.close()
    assert len(bench.redis.held) == 600
