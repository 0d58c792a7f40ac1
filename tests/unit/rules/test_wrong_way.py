from __future__ import annotations

from typing import Any

import driving
import pytest
from pydantic import ValidationError
from quick import first
from roads import Drive, arc, over, parked, rect, road, straight, swapped, tell, violation

from flows.domain.events import Event
from flows.domain.ruleset import WrongWayRule
from flows.jurisdiction import load_profile
from flows.rules.wrong_way import WrongWay, describe

LANE = WrongWayRule(lane="west", overtaking=False)
"""The west lane comes towards the camera (x from -3.5 to 0); the east lane goes away from it."""


def rule(config: WrongWayRule = LANE, **how: Any) -> WrongWay:
    zones = {"west": rect(-3.5, 10, 0, 60)}
    return WrongWay(config, road(config, zones=zones, headings={"west": 180.0}, **how))


def judged(*drives: Drive, seed: int = 0, **how: Any) -> list[Event]:
    return tell(rule(), drives, seed=seed, **how)


WRONG = straight(1, x=-1.75, y=(0, 70), kmh=40)
RIGHT = straight(2, x=-1.75, y=(70, 0), kmh=40)
AFTERWARDS = straight(2, x=-1.75, y=(70, 0), kmh=40, start_s=7)
BESIDE = straight(3, x=1.2, y=(0, 70), kmh=40)


@pytest.mark.slow
def test_who_drives_against_the_lane_is_one_event_with_what_was_measured() -> None:
    (event,) = judged(WRONG, AFTERWARDS, BESIDE)
    facts = violation(event)
    assert (facts.track, facts.cls, facts.article) == (1, "car", "KoAP RK 596(3)")
    against, lasted = facts.measured["against"], facts.measured["duration"]
    assert against.low >= 8.0
    assert against.low < against.value < against.high
    assert lasted.value >= 1.5
    assert against.value / lasted.value * 3.6 == pytest.approx(40, abs=5)
    assert [m.name for m in facts.moments] == ["first", "last"]
    assert facts.position_m is not None
    assert -3.5 < facts.position_m[0] < 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(*range(3)))
@pytest.mark.parametrize("pose", first("roadside", "gantry", "high"))
def test_a_camera_sees_it_too(pose: str, seed: int) -> None:
    eye = driving.camera(pose)
    events = tell(rule(eye=eye), [WRONG, AFTERWARDS, BESIDE], eye=eye, seed=seed)
    assert [violation(e).track for e in events] == [1]
    assert violation(events[0]).moments[0].xyxy is not None


@pytest.mark.parametrize(
    "story",
    [
        pytest.param((RIGHT,), id="with the lane"),
        pytest.param((BESIDE,), id="in the other lane, near the middle"),
        pytest.param(
            (over(1, (1.75, 0), (1.75, 20), *arc((-1.75, 20), 3.5, 0, 180), (-5.25, 0), kmh=18),),
            id="turns round across the lane",
        ),
        pytest.param(
            (over(1, (-1.75, 60), (-1.75, 38), *arc((1.75, 38), 3.5, 180, 360), (5.25, 60), kmh=18),),
            id="turns round out of the lane",
        ),
        pytest.param(
            (
                Drive(
                    1,
                    ((0, -1.75, 60), (4, -1.75, 30), (6, -1.75, 24), (8, -1.75, 24), (13, -1.75, 34)),
                    backwards=((8.0, 13.0),),
                ),
            ),
            id="backs to a parking place it has passed",
        ),
        pytest.param(
            (Drive(1, ((0, -1.75, 20), (4, -1.75, 20), (10, -1.75, 40)), backwards=((4, 10),)),),
            id="stood there and backs fast",
        ),
        pytest.param(
            (parked(1, x=-1.75, y=55, s=(0, 60)),), id="stands far away and trembles", marks=pytest.mark.slow
        ),
        pytest.param((over(1, (-15, 30), (15, 30), kmh=30),), id="crosses the lane"),
        pytest.param(
            (over(1, (1.75, 0), (1.75, 20), (-0.6, 28), (-0.6, 32), (1.75, 40), (1.75, 60), kmh=40),),
            id="swerves into it for a moment",
        ),
        pytest.param(swapped(RIGHT, BESIDE, 3.0), id="the tracker mixes up two vehicles"),
        pytest.param(
            (straight(1, x=-1.75, y=(0, 70), kmh=4, cls="person"),),
            id="somebody walks",
            marks=pytest.mark.slow,
        ),
    ],
)
@pytest.mark.parametrize("seed", first(*range(3)))
def test_what_only_looks_like_it(story: tuple[Drive, ...], seed: int) -> None:
    assert judged(*story, seed=seed) == []
    if seed == 0:
        eye = driving.camera("gantry")
        assert tell(rule(eye=eye), story, eye=eye) == []


def test_backing_is_refused_and_counted() -> None:
    back = Drive(1, ((0, -1.75, 20), (4, -1.75, 20), (9, -1.75, 40)), backwards=((4, 9),))
    backing = rule()
    assert tell(backing, [back]) == []
    assert backing.refusals() == {"backing": 1}


@pytest.mark.parametrize("kmh", [40.0, 50.0])
def test_who_passes_a_parked_lorry_over_a_broken_line_is_let_off(kmh: float) -> None:
    broken = rule(LANE.model_copy(update={"overtaking": True}))
    by = ((1.75, 0), (1.75, 14), (-1.75, 26), (-1.75, 46), (1.75, 58), (1.75, 75))
    assert tell(broken, [over(1, *by, kmh=kmh)]) == []
    assert broken.refusals() == {"overtaking": 1}


def test_nobody_overtakes_for_a_quarter_of_a_minute() -> None:
    broken = rule(LANE.model_copy(update={"overtaking": True}))
    (event,) = tell(broken, [straight(1, x=-1.75, y=(0, 70), kmh=11)])
    assert violation(event).measured["duration"].value >= 15.0


def test_a_track_that_breaks_is_one_event() -> None:
    broken = Drive(1, WRONG.way, unseen=((3.5, 4.0),), numbers=((3.5, 9),))
    assert len(judged(broken)) == 1


def test_two_who_do_it_are_two_events() -> None:
    assert len(judged(WRONG, straight(5, x=-1.75, y=(0, 70), kmh=40, start_s=1.5))) == 2


@pytest.mark.parametrize(
    ("how", "reason"),
    [({"platform": "drone", "surveyed": False}, "platform"), ({"surveyed": False}, "no_calibration")],
)
def test_an_unfit_camera_refuses(how: dict[str, Any], reason: str) -> None:
    wrong_way = rule(**how)
    assert tell(wrong_way, [WRONG, AFTERWARDS]) == []
    assert wrong_way.refusals() == {reason: 2}


def test_the_same_story_gives_the_same_ids() -> None:
    assert [e.id for e in judged(WRONG)] == [e.id for e in judged(WRONG)]


def test_rule_says_what_it_does() -> None:
    text = describe(LANE, load_profile("kz"))
    assert "zone west" in text
    assert "8 m and 1.5 s" in text
    assert "overtaking" not in text
    assert "overtaking is allowed" in describe(WrongWayRule(lane="west"), load_profile("kz"))
    assert "KoAP RK 596(3)" in text


def test_a_lane_without_a_direction_is_named_in_the_site_file() -> None:
    with pytest.raises(ValidationError, match=r"rules.0.lane: expected a zone with heading_deg, got 'west'"):
        road(LANE, zones={"west": rect(-3.5, 10, 0, 60)})
