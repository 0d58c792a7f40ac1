from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import driving
import pytest
from quick import first
from roads import Drive, arc, over, parked, rect, road, straight, swapped, tell, violation

from flows.domain.events import Event
from flows.domain.ruleset import BusLaneRule, WrongWayRule
from flows.domain.tracks import Track
from flows.jurisdiction import load_profile
from flows.rules import rule_of
from flows.rules.base import Moment, Rule
from flows.rules.bus_lane import BusLane, describe

LANE = BusLaneRule(lane="bus")
"""From x = 1.75 to 5.25; the lane beside it is 3.5 m to the left."""


def rule(config: BusLaneRule = LANE, **how: Any) -> BusLane:
    return BusLane(config, road(config, zones={"bus": rect(1.75, 12, 5.25, 60)}, **how))


def judged(*drives: Drive, seed: int = 0, **how: Any) -> list[Event]:
    return tell(rule(), drives, seed=seed, **how)


IN_LANE = straight(1, x=3.5, y=(0, 70), kmh=40)
BUS = straight(2, x=3.5, y=(0, 70), kmh=40, cls="bus", start_s=3.0)
BESIDE = straight(3, x=0.2, y=(0, 70), kmh=40)


@pytest.mark.slow
def test_who_drives_in_it_is_one_event_with_what_was_measured() -> None:
    (event,) = judged(IN_LANE, BUS, BESIDE)
    facts = violation(event)
    assert (facts.track, facts.article) == (1, "KoAP RK 596")
    way = facts.measured["way_in_lane"]
    assert 20 < way.low < way.value < way.high
    assert way.value == pytest.approx(46, abs=3)  # 48 m of lane, less what is not sure at its ends
    assert facts.measured["duration"].value == pytest.approx(46 / 40 * 3.6, abs=0.4)
    assert [m.name for m in facts.moments] == ["first", "in_lane", "last"]
    assert event.data["local_time"] == "2026-06-01T11:00:05.360000+05:00"


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(*range(3)))
@pytest.mark.parametrize("pose", first("roadside", "gantry", "high"))
@pytest.mark.parametrize("cls", ["car", "truck", "motorcycle"])
def test_a_camera_sees_it_too(pose: str, cls: str, seed: int) -> None:
    eye = driving.camera(pose)
    events = tell(rule(eye=eye), [replace(IN_LANE, cls=cls), BUS, BESIDE], eye=eye, seed=seed)
    assert [violation(e).track for e in events] == [1]


TURNS = over(1, (0, 0), (0, 25), (3.5, 38), (3.5, 42), *arc((13.5, 42), 10, 180, 90), (30, 52), kmh=25)


@pytest.mark.parametrize(
    "story",
    [
        pytest.param((BUS,), id="a bus"),
        pytest.param((BESIDE,), id="in the lane beside it"),
        pytest.param((replace(BESIDE, bias_m=(1.3, 0.0)),), id="beside it, with a shadow over the lane"),
        pytest.param((straight(1, x=0.9, y=(0, 70), kmh=40, cls="truck"),), id="a wide truck beside it"),
        pytest.param((straight(1, x=1.75, y=(0, 70), kmh=40),), id="on the line"),
        pytest.param((TURNS,), id="crosses it to turn"),
        pytest.param(
            (replace(BUS, called=((0, "truck"), (4.2, "bus"))),), id="a bus that is a truck at first"
        ),
        pytest.param((replace(BUS, called=((6.0, "truck"),)),), id="a bus that is a truck in the end"),
        pytest.param((parked(1, x=3.5, y=30, s=(0, 60)),), id="stands in it", marks=pytest.mark.slow),
        pytest.param(swapped(BESIDE, replace(IN_LANE, cls="bus"), 3.0), id="the tracker swaps it and a bus"),
    ],
)
@pytest.mark.parametrize("seed", first(*range(3)))
def test_what_only_looks_like_it(story: tuple[Drive, ...], seed: int) -> None:
    assert judged(*story, seed=seed) == []
    if seed == 0:
        eye = driving.camera("gantry")
        assert tell(rule(eye=eye), story, eye=eye) == []


@pytest.mark.parametrize(
    ("local", "count"),
    [("08:00:00", 1), ("06:59:57", 1), ("06:59:56", 0), ("06:59:30", 0), ("09:59:59", 0), ("12:00:00", 0)],
)
def test_only_its_hours_count(local: str, count: int) -> None:
    start = datetime.fromisoformat(f"2026-06-01T{local}").replace(tzinfo=ZoneInfo("Asia/Almaty"))
    rush = rule(LANE.model_copy(update={"hours": (("07:00", "10:00"),), "days": (1, 2, 3, 4, 5)}))
    assert len(tell(rush, [IN_LANE], start=start)) == count
    assert tell(rush, [IN_LANE], start=start + timedelta(days=5)) == []


@pytest.mark.slow
def test_who_stays_in_it_is_reported_while_it_is_there() -> None:
    crawls = straight(1, x=3.5, y=(0, 70), kmh=7)
    waits = Drive(1, (*crawls.way[:1], (18.0, 3.5, 45.0), (80.0, 3.5, 45.0)))
    (event,) = judged(waits)
    assert violation(event).measured["duration"].value < 16
    assert len(judged(crawls)) == 1


def test_a_class_that_changes_is_refused_and_counted() -> None:
    changing = rule()
    assert tell(changing, [replace(BUS, called=((5.0, "truck"),))]) == []
    assert changing.refusals() == {"class_unsure": 1}


@pytest.mark.parametrize(("jumps_s", "count"), [(0.9, 1), (4.2, 0)])
def test_after_a_break_the_class_is_known_once_the_vehicle_has_the_votes(jumps_s: float, count: int) -> None:
    """A box that jumped far away, long before the lane, says nothing of who drives in it; a late one does."""
    jumps = replace(straight(1, x=3.5, y=(-40, 70), kmh=50), shifts=((jumps_s, jumps_s + 0.3, 0.0, 9.0),))
    lane = rule()
    assert len(tell(lane, [jumps])) == count
    assert lane.refusals() == ({} if count else {"class_unsure": 1})


def test_a_track_that_breaks_is_one_event() -> None:
    broken = replace(straight(1, x=3.5, y=(0, 70), kmh=40), numbers=((3.6, 9),))
    assert len(judged(broken)) <= 1


def test_rule_says_what_it_does() -> None:
    config = LANE.model_copy(update={"hours": (("07:00", "10:00"),), "days": (1, 2, 3, 4, 5)})
    text = describe(config, load_profile("kz"))
    assert "07:00-10:00 on days 1, 2, 3, 4, 5 (Asia/Almaty)" in text
    assert "20 m" in text


@pytest.mark.parametrize(("named", "asked"), [((), ("*",)), (("permits", "city"), ("city", "permits"))])
def test_a_rule_asks_its_own_lists_whatever_a_second_lane_of_the_camera_names(
    named: tuple[str, ...], asked: tuple[str, ...]
) -> None:
    """Else an ambulance is fined that the other rule's list does not have, or a taxi is spared where it may not go."""
    own, second = (
        LANE.model_copy(update={"exemptions": named}),
        BusLaneRule(lane="far", exemptions=("taxis",)),
    )
    site = road(own, zones={"bus": rect(1.75, 12, 5.25, 60), "far": rect(1.75, 60, 5.25, 80)})
    camera = site.camera.model_copy(update={"rules": (own, second)})
    (event,) = tell(rule_of(own, replace(site, camera=camera)), [IN_LANE])
    assert violation(event).exemptions == asked


class Rules:
    """Several rules of one camera, as the pipeline asks them."""

    kind = "several"

    def __init__(self, *rules: Rule) -> None:
        self._rules = rules

    def refusals(self) -> dict[str, int]:
        return {}

    def observe(self, tracks: Sequence[Track], moment: Moment) -> list[Event]:
        return [event for each in self._rules for event in each.observe(tracks, moment)]

    def forget(self, track: Track, moment: Moment) -> list[Event]:
        return [event for each in self._rules for event in each.forget(track, moment)]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bus_lane", "wrong_way"])
def test_who_goes_on_into_the_next_zone_is_reported_once(kind: str) -> None:
    zones = {"near": rect(1.75, 2, 5.25, 60), "far": rect(1.75, 60, 5.25, 118)}
    configs = {"bus_lane": BusLaneRule, "wrong_way": partial(WrongWayRule, overtaking=False)}
    first_one, next_one = (configs[kind](lane=name) for name in zones)
    site = road(first_one, zones=zones, headings=dict.fromkeys(zones, 180.0))
    drive = straight(1, x=3.5, y=(-10, 130), kmh=40)
    alone = [tell(rule_of(each, replace(site, culprits={})), [drive]) for each in (first_one, next_one)]
    assert [len(events) for events in alone] == [1, 1]
    both = Rules(*(rule_of(each, site) for each in (first_one, next_one)))
    assert [violation(e).track for e in tell(both, [drive])] == [1]
