from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from roads import Drive, rect, road, straight, tell, violation

from flows.domain.paths import Waypoint
from flows.domain.ruleset import WrongWayRule
from flows.rules.culprits import KEPT, Culprits
from flows.rules.wrong_way import WrongWay

START = datetime(2026, 5, 1, tzinfo=UTC)
CROWD = 80


def place(at_s: float, x_m: float = 0.0) -> Waypoint:
    """Where a vehicle is that drives along +y at 10 m/s."""
    at, ahead = START + timedelta(seconds=at_s), np.array((0.0, 1.0))
    return Waypoint(at, np.array((x_m, 10 * at_s)), 0.3, 10 * ahead, ahead)


def crowd(culprits: Culprits, at_s: float, step_s: float = 0.1) -> None:
    """Others that were reported, and left."""
    for n in range(100, 100 + CROWD):
        culprits.add(n, place(at_s + step_s * n, x_m=50.0 + 5 * n))
        culprits.end(n)


def test_who_stays_in_sight_is_known_behind_many_others_however_long() -> None:
    culprits = Culprits()
    culprits.add(1, place(0.0))
    for hour in range(3):
        crowd(culprits, 3600.0 * hour)
    assert culprits.has(1), "nobody looks at a street where nothing moves: it was last seen hours ago"
    culprits.follow(1, place(20_000.0))
    culprits.end(1)
    assert culprits.knows(2, place(20_001.0), place(20_030.0)), "its track broke"


def test_who_is_gone_is_forgotten_in_time() -> None:
    culprits = Culprits()
    crowd(culprits, 0.0)
    assert culprits.has(100)
    culprits.add(1, place(20.0 + KEPT.total_seconds()))
    assert [sorted(c.numbers) for c in culprits] == [[1]]


@pytest.mark.parametrize("tells", ["end", "lose"])
def test_who_was_lost_may_come_back_for_minutes(tells: str) -> None:
    culprits = Culprits()
    culprits.add(1, place(0.0))
    getattr(culprits, tells)(1)
    assert culprits.has(1) == (tells == "end")
    crowd(culprits, 0.0)
    assert culprits.knows(2, place(1.0), place(60.0))
    assert not culprits.knows(3, place(5.0), place(60.0)), "it began too late"


@pytest.mark.slow
def test_a_slow_one_is_reported_once_though_many_overtake_it() -> None:
    rule = WrongWayRule(lane="west", overtaking=False)
    site = road(rule, zones={"west": rect(-7, 5, 0, 175)}, headings={"west": 180.0})
    slow = straight(1, x=-1.2, y=(0, 170), kmh=12)
    slow = Drive(1, slow.way, unseen=((42.0, 42.5),), numbers=((42.5, 999),))
    others = [straight(10 + n, x=-5.2, y=(0, 60), kmh=70, start_s=3 + 0.5 * n) for n in range(70)]
    told = [violation(event).track for event in tell(WrongWay(rule, site), [slow, *others])]
    assert sorted(told) == [1, *(10 + n for n in range(70))]
