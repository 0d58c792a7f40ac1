from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import driving
import numpy as np
import pytest
import roads
from quick import first
from roads import Drive, Lights, Story, parked, rect, road, straight, tell, violation

from flows.domain.events import Event
from flows.domain.ruleset import ProhibitedStoppingRule
from flows.domain.signals import Phase, SignalState
from flows.domain.tracks import Track
from flows.jurisdiction import load_profile
from flows.objects.company import covered
from flows.pictures.cropping import shown
from flows.rules.base import Moment, Site
from flows.rules.prohibited_stopping import STANDING_ENDED, ProhibitedStopping, describe
from flows.tracking.boxes import iou

STOP = ProhibitedStoppingRule(zone="kerb", max_s=20.0)
EYES = ("gantry", "roadside", "high")


def rule(config: ProhibitedStoppingRule = STOP, **how: Any) -> ProhibitedStopping:
    return ProhibitedStopping(config, road(config, zones={"kerb": rect(2.4, 15, 5.4, 40)}, **how))


def judged(*drives: Drive, config: ProhibitedStoppingRule = STOP, **how: Any) -> list[Event]:
    eye = how.get("eye")
    signals = tuple(how.get("lights", {}))
    return tell(rule(config, eye=eye, signals=signals), drives, **{"hz": 5.0} | how)


def violations(events: list[Event]) -> list[Event]:
    return [e for e in events if e.type == "dome.violation.prohibited_stopping.v1"]


def stops(id: int, y: float, stands_s: float, arrives_s: float = 5.0, x: float = 3.9, **how: Any) -> Drive:
    """Comes, stands for so long, and drives on."""
    a, b = arrives_s, arrives_s + stands_s
    return Drive(id, ((a - 5, 1.0, y - 30), (a, x, y), (b, x, y), (b + 6, 1.0, y + 40)), **how)


def goes_by(id: int, at_s: float) -> Drive:
    """Drives past the kerb in the lane beside it: who stands there is in no queue."""
    return straight(id, x=1.0, y=(-20, 70), kmh=50, start_s=at_s)


def flowing(until_s: float) -> list[Drive]:
    """Somebody drives past the kerb every eight seconds."""
    return [goes_by(50 + n, 6.0 + 8 * n) for n in range(int((until_s - 6.0) / 8) + 1)]


def bus(id: int, at_s: float) -> Drive:
    """Passes on the near side, so that it hides the kerb from the roadside."""
    return straight(id, x=-1.0, y=(5, 60), kmh=35, start_s=at_s, cls="bus")


@pytest.mark.slow
def test_a_car_that_stands_too_long_is_one_event_with_what_was_measured() -> None:
    events = judged(stops(1, 28, 40), straight(2, x=0, y=(0, 60), kmh=40), until_s=120.0)
    (event,) = violations(events)
    facts = violation(event)
    assert (facts.track, facts.article) == (1, "KoAP RK 597")
    stood = facts.measured["stood"]
    assert stood.low > 20.0
    assert stood.low < stood.value <= stood.high < 25
    assert event.data["seen_to_stop"] is True
    (ended,) = [e for e in events if e.type == STANDING_ENDED]
    total = ended.data["stood"]
    assert isinstance(total, dict)
    assert total["low"] <= 40.0 <= total["high"]
    assert total["value"] == pytest.approx(40, abs=1.5)
    assert ended.data["violation"] == event.id


@pytest.mark.slow
@pytest.mark.parametrize("pose", EYES)
@pytest.mark.parametrize("cls", ["car", "truck", "motorcycle"])
def test_a_camera_sees_it_too(pose: str, cls: str) -> None:
    eye = driving.camera(pose)
    events = judged(stops(1, 27, 32, cls=cls), stops(2, 27, 12, arrives_s=52), eye=eye)
    assert [violation(e).track for e in violations(events)] == [1]


@pytest.mark.slow
@pytest.mark.parametrize("pose", EYES)
def test_it_may_have_stood_there_always(pose: str) -> None:
    events = judged(parked(1, x=3.9, y=26, s=(0, 40)), eye=driving.camera(pose))
    (event,) = violations(events)
    assert event.data["seen_to_stop"] is False


@pytest.mark.slow
def test_what_is_hardly_a_vehicle_in_every_frame_is_none() -> None:
    """A shadow on the zigzag is taken for a car as surely at the hundredth look as at the first."""
    kerb = rule(eye=driving.camera("gantry"))
    shadow = replace(parked(1, x=3.9, y=26, s=(0, 40)), score=0.78)
    assert violations(tell(kerb, [shadow], eye=driving.camera("gantry"), hz=5.0)) == []
    assert kerb.refusals() == {"hardly_a_vehicle": 1}


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(*range(2)))
@pytest.mark.parametrize("eye", first(None, "gantry"))
def test_a_parked_car_is_one_event_not_a_hundred(seed: int, eye: str | None) -> None:
    """Ten minutes; the tracker loses it and finds it under other numbers all the time."""
    numbers = tuple((float(s), 100 + s) for s in range(20, 600, 17))
    unseen = tuple((float(s), s + 1.0 + s % 25) for s in range(30, 600, 47))
    car = replace(parked(1, x=3.9, y=26, s=(0, 600)), numbers=numbers, unseen=unseen)
    events = judged(car, eye=driving.camera(eye) if eye else None, seed=seed, hz=2.0)
    assert len(violations(events)) == 1


@pytest.mark.slow
def test_it_survives_a_bus_that_hides_it_and_takes_its_number() -> None:
    car = replace(parked(1, x=3.9, y=24, s=(0, 60)), unseen=((8.0, 10.0),), numbers=((10.0, 7),))
    passing = replace(bus(2, 6.0), numbers=((8.0, 1),))
    (event,) = violations(judged(car, passing))
    assert violation(event).track == 7


@pytest.mark.slow
@pytest.mark.parametrize("pose", first("gantry", "roadside", "high"))
@pytest.mark.parametrize(("leaves_s", "reported"), [(40.0, [1, 2]), (17.0, [2])])
def test_who_stands_in_part_behind_another_stands(pose: str, leaves_s: float, reported: list[int]) -> None:
    """From the ninth second on a car that draws in behind it covers its lower part, until it leaves and after."""
    car, nearer = (
        stops(1, 30, leaves_s - 3.0, arrives_s=3.0),
        ((5.0, 3.9, -10.0), (9.0, 3.9, 25.0), (60.0, 3.9, 25.0)),
    )
    past = flowing(30.0)
    events = judged(car, Drive(2, nearer), *past, eye=driving.camera(pose))
    assert [violation(e).track for e in violations(events)] == reported


class Watching(ProhibitedStopping):
    """Notes everybody's boxes."""

    def __init__(self, config: ProhibitedStoppingRule, site: Site) -> None:
        super().__init__(config, site)
        self.boxes: dict[tuple[int, datetime], np.ndarray] = {}

    def observe(self, tracks: Sequence[Track], moment: Moment) -> list[Event]:
        self.boxes |= {(t.id, t.last_at): t.sightings[-1].xyxy for t in tracks}
        return super().observe(tracks, moment)


@pytest.mark.slow
def test_pictures_of_who_stands_behind_another_do_not_show_that_ones_plate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(roads, "visible", lambda box, nearer: box.copy())
    eye = driving.camera("gantry")
    site = road(STOP, zones={"kerb": rect(2.4, 15, 5.4, 40)}, eye=eye)
    nearer = Drive(2, ((5.0, 3.9, -10.0), (9.0, 3.9, 23.5), (26.0, 3.9, 23.5)))
    judging = Watching(STOP, site)
    past = flowing(30.0)
    events = tell(judging, [stops(1, 30, 37.0, arrives_s=3.0), nearer, *past], eye=eye, hz=5.0)
    (event,) = violations(events)
    last = violation(event).moments[-1]
    assert last.name == "still_stands"
    assert last.shown is not None
    assert covered(judging.boxes[2, last.at], by=np.array(last.shown)) < 0.01
    assert covered(judging.boxes[2, last.at], by=judging.boxes[1, last.at]) > 0.05


@pytest.mark.slow
def test_pictures_of_how_it_came_do_not_show_who_stands_close_behind_it_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Their box hardly meets its own; the picture shows more than that, and reads the plate that is nearer."""
    monkeypatch.setattr(roads, "visible", lambda box, nearer: box.copy())
    eye = driving.camera("gantry")
    site = road(STOP, zones={"kerb": rect(2.4, 15, 5.4, 40)}, eye=eye)
    nearer = parked(2, x=3.9, y=22.5, s=(0.0, 45.0))
    config = STOP.model_copy(update={"max_s": 30.0})
    judging = Watching(config, site)
    events = tell(judging, [stops(1, 30, 40.0, arrives_s=3.0), nearer, *flowing(40.0)], eye=eye, hz=5.0)
    (event,) = [e for e in violations(events) if violation(e).track == 1]
    came = violation(event).moments[0]
    assert came.name == "stands"
    picture = shown(np.array([came.shown or came.xyxy]))[0]
    assert covered(picture, by=judging.boxes[2, came.at]) < 0.001
    assert (
        covered(shown(judging.boxes[1, came.at][None].astype(float))[0], by=judging.boxes[2, came.at]) > 0.005
    )


@pytest.mark.slow
def test_a_reported_car_that_was_hidden_for_minutes_is_not_reported_again() -> None:
    hidden = replace(parked(1, x=3.9, y=24, s=(0, 400)), unseen=((40.0, 240.0),), numbers=((240.0, 5),))
    passing = [straight(10 + k, x=0, y=(0, 60), kmh=40, start_s=45.0 + 10 * k) for k in range(15)]
    assert len(violations(judged(hidden, *passing, hz=2.0))) == 1


@pytest.mark.slow
def test_time_comes_from_the_clock_not_from_frames() -> None:
    """While nothing moves, the gate passes one frame in two seconds."""
    for seconds, count in ((45, 1), (18, 0)):
        events = judged(stops(1, 28, seconds), gate_s=2.0, hz=12.5)
        assert len(violations(events)) == count


def test_out_of_sight_for_too_long_proves_nothing() -> None:
    twice = replace(parked(1, x=3.9, y=24, s=(0, 60)), unseen=((14.0, 50.0),), numbers=((50.0, 5),))
    assert violations(judged(twice)) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "story",
    [
        pytest.param((stops(1, 28, 15),), id="stops shortly"),
        pytest.param((stops(1, 50, 60),), id="stands beyond the zone"),
        pytest.param((stops(1, 28, 60, x=1.0),), id="stands in the lane beside it"),
        pytest.param((stops(1, 28, 14), stops(2, 28, 14, arrives_s=30)), id="one after the other"),
        pytest.param(
            (stops(1, 28, 14), replace(stops(2, 28, 14, arrives_s=22), cls="truck")), id="a taxi rank"
        ),
        pytest.param(
            tuple(straight(k, x=3.9, y=(0, 60), kmh=40, start_s=3.0 * k) for k in range(1, 15)), id="traffic"
        ),
        pytest.param((Drive(1, ((0, 3.9, 10), (60, 3.9, 45))),), id="crawls through it"),
        pytest.param((replace(stops(1, 28, 60), cls="person"),), id="somebody waits"),
    ],
)
@pytest.mark.parametrize("seed", first(*range(2)))
def test_what_only_looks_like_it(story: tuple[Drive, ...], seed: int) -> None:
    assert judged(*story, seed=seed) == []
    if seed == 0:
        assert judged(*story, eye=driving.camera("gantry")) == []


@pytest.mark.slow
def test_two_beside_one_another_are_two_events() -> None:
    there = (parked(1, x=3.9, y=22, s=(0, 50)), parked(2, x=3.9, y=28.5, s=(0, 50)))
    events = judged(*there, stops(3, 35, 40), *flowing(40.0))
    assert sorted(violation(e).track for e in violations(events)) == [1, 2, 3]


@pytest.mark.slow
def test_who_comes_after_a_reported_car_has_left_is_judged_too() -> None:
    events = judged(stops(1, 28, 35), stops(2, 28, 35, arrives_s=55))
    assert [violation(e).track for e in violations(events)] == [1, 2]


@pytest.mark.slow
def test_who_moves_on_a_little_is_not_reported_again() -> None:
    creeps = Drive(1, ((0, 3.9, 10), (4, 3.9, 20), (34, 3.9, 20), (38, 3.9, 28), (80, 3.9, 28)))
    assert len(violations(judged(creeps))) == 1


RED_LONG: Lights = {"main": ((0.0, "red"), (45.0, "green"), (90.0, "red"))}


@pytest.mark.slow
def test_a_queue_at_a_light_may_be_let_off() -> None:
    waits = stops(1, 28, 48)
    config = STOP.model_copy(update={"signal": "main"})
    assert judged(waits, config=config, lights=RED_LONG) == []
    assert len(violations(judged(waits, lights=RED_LONG))) == 1  # not so configured: standing is standing
    stays = stops(1, 28, 80)
    (event,) = violations(judged(stays, config=config, lights=RED_LONG))
    assert 20 < event.data["counted_s"] < 24  # type: ignore[operator]
    assert violation(event).measured["stood"].value > 70  # 40 s of red, 15 s to set off, and 21 of its own
    dark: Lights = {"main": ((0.0, "unknown"),)}
    assert judged(stays, config=config, lights=dark) == []


class Hushed(Story):
    """A controller that has said nothing since 50 s."""

    def _state(self, phases: Sequence[tuple[float, Phase]], at_s: float) -> SignalState:
        state = super()._state(phases, at_s)
        return replace(state, at=min(state.at, self.start + timedelta(seconds=50)))


def test_a_green_that_was_not_said_again_counts_no_standing() -> None:
    """Whoever waits may be waiting for the next one."""
    made = rule(STOP.model_copy(update={"signal": "main"}), signals=("main",))
    assert Hushed((stops(1, 28, 100),), hz=5.0, lights={"main": RED_LONG["main"][:2]}).tell(made) == []
    assert made.refusals() == {"signal_unclear": 1}, "somebody is told that the light is not heard of"


class Behind(Story):
    """A controller whose words come 5 s late."""

    def _state(self, phases: Sequence[tuple[float, Phase]], at_s: float) -> SignalState:
        state = super()._state(phases, at_s)
        return replace(state, at=state.at - timedelta(seconds=5))


@pytest.mark.parametrize(("stands_s", "told"), [(100, {"signal_unclear": 1}), (15, {})])
def test_a_controller_that_is_too_far_behind_is_told_of_where_it_lets_somebody_off(
    stands_s: float, told: dict[str, int]
) -> None:
    made = rule(STOP.model_copy(update={"signal": "main"}), signals=("main",))
    assert Behind((stops(1, 28, stands_s),), hz=5.0, lights={"main": RED_LONG["main"][:2]}).tell(made) == []
    assert made.refusals() == told


@pytest.mark.slow
def test_a_place_that_is_not_sure_is_refused_and_counted() -> None:
    refusing = rule()
    assert tell(refusing, [stops(1, 28, 60, x=2.5)], hz=5.0) == []
    assert refusing.refusals() == {"uncertain": 1}


@pytest.mark.parametrize(
    ("how", "reason"),
    [({"platform": "drone", "surveyed": False}, "platform"), ({"surveyed": False}, "no_calibration")],
)
def test_an_unfit_camera_refuses(how: dict[str, Any], reason: str) -> None:
    refusing = rule(**how)
    assert tell(refusing, [stops(1, 28, 60)], hz=5.0) == []
    assert refusing.refusals() == {reason: 1}


def test_overlap_of_boxes() -> None:
    assert iou((0, 0, 2, 2), (0, 0, 2, 2)) == 1.0
    assert iou((0, 0, 1, 1), (2, 2, 3, 3)) == iou(None, (0, 0, 1, 1)) == 0.0


def test_rule_says_what_it_does() -> None:
    text = describe(STOP.model_copy(update={"signal": "main"}), load_profile("kz"))
    assert "more than 20 s" in text
    assert "light main is green" in text
    assert "KoAP RK 597" in text


JAM = (stops(1, 36, 70), stops(2, 29, 70, arrives_s=7), stops(3, 22, 70, arrives_s=9))
"""Nose to tail, each stopped by the one ahead, the first by something out of sight."""
JAMMED = ProhibitedStoppingRule(zone="kerb", max_s=45.0)


@pytest.mark.parametrize("seed", first(*range(2)))
def test_nobody_is_accused_of_standing_in_a_jam(seed: int) -> None:
    kerb = rule(JAMMED)
    oncoming = [straight(10 + n, x=0.6, y=(70, -20), kmh=50, start_s=8.0 + 9 * n) for n in range(6)]
    filters = replace(goes_by(20, 30.0), cls="motorcycle")
    assert violations(tell(kerb, [*JAM, *oncoming, filters], hz=5.0, seed=seed, until_s=110.0)) == []
    assert kerb.refusals() == {"queue": 3}


def test_those_who_park_behind_one_another_are_no_queue_while_others_drive_past() -> None:
    events = judged(*JAM, *flowing(70.0), config=JAMMED, until_s=110.0)
    assert sorted(violation(e).track for e in violations(events)) == [1, 2, 3]
    for event in violations(events):
        assert violation(event).measured["stood"].value > 45.0
        assert 45.0 < event.data["counted_s"] < 58.0  # type: ignore[operator]


@pytest.mark.parametrize("starts_s", [70.0, 85.0])
@pytest.mark.parametrize("later_s", [8.0, 12.0])
def test_nobody_is_accused_of_standing_in_a_jam_of_two_lanes(later_s: float, starts_s: float) -> None:
    """Who comes to a stand in the next lane drives past those at the kerb, and so does who starts there first."""
    beside = [
        Drive(id, ((a - 5, 1.0, y - 45), (a, 1.0, y), (starts_s, 1.0, y), (starts_s + 6, 1.0, y + 45)))
        for id, y, a in ((11, 36, 5 + later_s), (12, 29, 7 + later_s), (13, 22, 9 + later_s))
    ]
    kerb = rule(JAMMED)
    assert violations(tell(kerb, [*JAM, *beside], hz=5.0, seed=0, until_s=100.0)) == []
    assert kerb.refusals() == {"queue": 3}


def test_who_stays_when_the_queue_has_gone_is_told() -> None:
    """The time in the queue does not count, what comes after does."""
    ahead, stays = stops(1, 36, 60), stops(2, 29, 115, arrives_s=7)
    (event,) = violations(judged(ahead, stays, config=JAMMED, until_s=140.0))
    assert violation(event).track == 2
    assert violation(event).measured["stood"].value > 100
