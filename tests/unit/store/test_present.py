"""A clock that is ahead deletes nothing: it is held against that of Redis and against one that nobody sets."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis
from people import Clock
from retained import House

from flows.store.present import APART, AWAY, LASTING, ClockDoubted, Present
from flows.store.redis_server import EmbeddedRedis
from flows.store.unconfirmed import UnconfirmedSweep

AT = datetime(2026, 9, 1, 7, 0, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


class Machine:
    """A machine with Redis on it: a clock that somebody sets, and one that nobody does."""

    def __init__(self, url: str) -> None:
        self.url, self.wall, self.steady_s, self.redis_behind = url, Clock(), 1000.0, timedelta()
        self.redis = redis.Redis.from_url(url)
        self.wall.at = AT
        self.start()

    def start(self) -> None:
        """A process begins."""
        self.present = Present(self.url, self.wall, lambda: self.steady_s)
        self.present._redis.time = self._time  # type: ignore[method-assign]

    def passes(self, time: timedelta) -> None:
        self.wall.at += time
        self.steady_s += time.total_seconds()

    def knows(self) -> bool:
        try:
            return self.present.now() == self.wall.at
        except ClockDoubted:
            return False

    def _time(self) -> tuple[int, int]:
        return int((self.wall.at - self.redis_behind).timestamp()), 0


@pytest.fixture
def machine(redis_url: str) -> Machine:
    return Machine(redis_url)


def test_clocks_that_agree_are_believed_however_slowly_they_drift(machine: Machine) -> None:
    assert machine.knows()
    for _ in range(10):
        machine.passes(DAY / 24)
        machine.wall.at += MINUTE
        assert machine.knows()
    assert machine.present.doubted == 0


@pytest.mark.parametrize("sign", [1, -1])
def test_a_clock_that_is_not_that_of_redis_is_told_with_both_times(machine: Machine, sign: int) -> None:
    machine.redis_behind = sign * (APART - MINUTE)
    assert machine.knows()
    machine.redis_behind = sign * 30 * DAY
    with pytest.raises(
        ClockDoubted, match=r"it is 2026-09-01 07:00 here and 2026-(08-02|10-01) 07:00 for Redis"
    ):
        machine.present.now()
    assert machine.present.doubted == 1


def test_a_leap_ahead_is_believed_only_when_it_has_lasted_for_a_day(machine: Machine) -> None:
    assert machine.knows()
    machine.wall.at += 400 * DAY
    with pytest.raises(ClockDoubted, match="it has leapt ahead by 400 days"):
        machine.present.now()
    machine.passes(LASTING - MINUTE)
    assert not machine.knows()
    machine.passes(2 * MINUTE)
    assert machine.knows()
    assert machine.present.doubted == 2


def test_of_several_processes_that_doubt_each_believes_after_a_day(machine: Machine) -> None:
    several = [Present(machine.url, machine.wall, lambda: machine.steady_s) for _ in range(2)]
    for each in several:
        each._redis.time = machine._time  # type: ignore[method-assign]
    ever: list[Present] = [machine.present, *several]

    def believers() -> list[bool]:
        known = []
        for each in ever:
            machine.passes(MINUTE)
            machine.present = each
            known.append(machine.knows())
        return known

    assert believers() == [True, True, True]
    machine.wall.at += 400 * DAY
    assert believers() == [False, False, False]
    machine.passes(LASTING - 10 * MINUTE)
    assert believers() == [False, False, False]
    machine.passes(10 * MINUTE)
    assert believers() == [True, True, True]


def test_a_clock_that_is_set_right_again_is_believed_at_once(machine: Machine) -> None:
    assert machine.knows()
    machine.wall.at += 400 * DAY
    assert not machine.knows()
    machine.passes(MINUTE)
    machine.wall.at -= 400 * DAY
    assert machine.knows()
    machine.wall.at += 400 * DAY
    assert not machine.knows(), "another leap waits for a day of its own"
    machine.passes(DAY - MINUTE)
    assert not machine.knows()


def test_a_second_leap_waits_for_a_day_of_its_own(machine: Machine) -> None:
    assert machine.knows()
    machine.wall.at += DAY
    assert not machine.knows()
    machine.passes(LASTING - MINUTE)
    machine.wall.at += 400 * DAY
    assert not machine.knows()
    machine.passes(2 * MINUTE)
    assert not machine.knows()


@pytest.mark.parametrize(("away", "believed"), [(AWAY, True), (400 * DAY, False)])
def test_a_process_that_starts_with_a_clock_far_ahead_waits(
    machine: Machine, away: timedelta, believed: bool
) -> None:
    """A machine whose battery is empty may start in any year."""
    assert machine.knows()
    machine.wall.at += away
    machine.steady_s = 10.0
    machine.start()
    assert machine.knows() is believed
    machine.passes(LASTING)
    assert machine.knows()


def test_whichever_of_several_processes_starts_with_a_clock_far_ahead_waits(machine: Machine) -> None:
    """The API deletes by it as the results actor does: one that believed at once would undo the other's doubt."""
    assert machine.knows()
    machine.wall.at += 400 * DAY
    machine.steady_s = 10.0
    for _ in range(3):
        machine.start()
        assert not machine.knows()


def test_a_process_that_starts_beside_one_that_doubts_does_not_undo_its_day(machine: Machine) -> None:
    """Away for two days, a machine that starts is believed at once; not while another knows better."""
    assert machine.knows()
    first = machine.present
    machine.wall.at += 2 * DAY
    assert not machine.knows()
    machine.start()
    assert not machine.knows()
    second, machine.present = machine.present, first
    assert not machine.knows()
    machine.passes(LASTING)
    assert machine.knows()
    machine.present = second
    assert machine.knows()


def test_that_another_believes_a_leap_says_nothing_of_the_next(machine: Machine) -> None:
    assert machine.knows()
    first = machine.present
    machine.start()
    assert machine.knows()
    machine.wall.at += 400 * DAY
    assert not machine.knows()
    machine.passes(LASTING)
    assert machine.knows()
    machine.wall.at += 400 * DAY
    machine.present = first
    assert not machine.knows()


def test_a_job_that_runs_in_office_hours_is_believed_after_a_long_week_end(machine: Machine) -> None:
    """None of its processes lasts for a day."""
    assert machine.knows()
    machine.passes(AWAY + DAY)
    for day in range(2):
        machine.start()
        assert machine.knows() is (day == 1)
        machine.passes(DAY / 3)
        assert machine.knows() is (day == 1)
        machine.passes(2 * DAY / 3)
    machine.wall.at += 400 * DAY
    assert not machine.knows(), "what was doubted before does not count"
    machine.start()
    machine.passes(LASTING - MINUTE)
    assert not machine.knows()


def test_a_clock_that_was_doubted_and_set_right_is_doubted_anew(machine: Machine) -> None:
    assert machine.knows()
    machine.wall.at += 400 * DAY
    machine.start()
    assert not machine.knows()
    machine.wall.at -= 400 * DAY
    machine.start()
    assert machine.knows()
    machine.wall.at += 800 * DAY
    assert not machine.knows()
    machine.wall.at -= 400 * DAY
    machine.start()
    assert not machine.knows(), "still ahead, by less"
    machine.passes(LASTING)
    assert machine.knows()


def test_a_machine_that_wakes_up_has_not_leapt(
    redis_server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is suspended every night would never have a day without a leap."""
    machine = Machine(redis_server.url)
    machine.redis.flushall()
    machine.present = Present(redis_server.url, machine.wall)
    machine.present._redis.time = machine._time  # type: ignore[method-assign]
    assert machine.knows()
    real = time.clock_gettime
    monkeypatch.setattr(time, "clock_gettime", lambda which: real(which) + 8 * 3600)
    machine.wall.at += timedelta(hours=8)
    assert machine.knows()


def test_a_redis_that_is_full_is_let_go_of_things(machine: Machine) -> None:
    machine.redis.config_set("maxmemory", 1)
    try:
        assert machine.knows()
    finally:
        machine.redis.config_set("maxmemory", 0)


def test_nothing_is_deleted_by_a_clock_that_has_leapt(
    machine: Machine, redis_server: EmbeddedRedis, tmp_path: Path
) -> None:
    house = House(redis_server.url, tmp_path / "evidence")
    machine.wall.at = house.now
    sweep = UnconfirmedSweep(
        redis_server.url, house.results, 30.0, machine.present.now, lambda: machine.steady_s
    )
    made = house.writes()
    assert sweep.sweep() == 0
    machine.passes(11 * MINUTE)
    machine.wall.at += 400 * DAY
    with pytest.raises(ClockDoubted):
        sweep.sweep()
    assert house.results.event(made.id) is not None
    machine.wall.at -= 400 * DAY
    machine.passes(31 * DAY)
    assert sweep.sweep() == 1
    house.close()
