from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import driving
import numpy as np
import pytest
from quick import first
from roads import Drive, arc, over, road, straight, swapped, tell, violation

from flows.domain.events import Event
from flows.domain.paths import Waypoint
from flows.domain.ruleset import SolidLineRule
from flows.jurisdiction import load_profile
from flows.rules.following import Finding
from flows.rules.shape import Shapes
from flows.rules.solid_line import SolidLine, _Beside, describe
from flows.rules.trail import Look

LINE = SolidLineRule(line="divide")
"""Along x = 0 from y = 12 to 60; lanes of 3.5 m on both sides of it."""


def rule(config: SolidLineRule = LINE, **how: Any) -> SolidLine:
    return SolidLine(config, road(config, lines={"divide": [(0, 12), (0, 36), (0, 60)]}, **how))


def judged(*drives: Drive, seed: int = 0, **how: Any) -> list[Event]:
    return tell(rule(), drives, seed=seed, **how)


def beside(id: int, x: float, **how: Any) -> Drive:
    return straight(id, x=x, y=(0, 70), kmh=40, **how)


OVER = over(1, (1.75, 0), (1.75, 22), (-1.75, 42), (-1.75, 70), kmh=45)
OVERTAKES = over(1, (1.75, 0), (1.75, 6), (-1.75, 28), (-1.75, 32), (1.75, 54), (1.75, 75), kmh=40)
TURNS = over(1, (1.75, 0), (1.75, 30), *arc((-3.5, 30), 5.25, 0, 180), (-8.75, 0), kmh=18)


@pytest.mark.slow
@pytest.mark.parametrize("story", [OVER, OVERTAKES, TURNS, replace(OVER, cls="truck")])
def test_a_crossing_is_one_event_with_what_was_measured(story: Drive) -> None:
    (event,) = judged(story, beside(2, -1.75), beside(3, 5.25))
    facts = violation(event)
    assert (facts.track, facts.article) == (1, "KoAP RK 601")
    past = facts.measured["past"]
    assert past.low > 0.4
    assert past.low < past.value < past.high
    assert [m.name for m in facts.moments] == ["before", "on_line", "past"]
    assert 15 < event.data["crossed_at_m"] < 45 or story is not OVER


@pytest.mark.parametrize("seed", first(*range(3)))
@pytest.mark.parametrize("pose", first("roadside", "gantry", "high"))
@pytest.mark.parametrize("away", [True, False])
def test_a_camera_sees_it_too(pose: str, seed: int, away: bool) -> None:
    eye = driving.camera(pose)
    towards = over(1, (-1.75, 70), (-1.75, 42), (1.75, 22), (1.75, 0), kmh=45)
    events = tell(rule(eye=eye), [OVER if away else towards], eye=eye, seed=seed)
    assert [violation(e).track for e in events] == [1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "story",
    [
        pytest.param((beside(1, 1.0),), id="keeps to the line"),
        pytest.param((beside(1, 1.3, cls="truck"),), id="a wide truck whose load hangs over the line"),
        pytest.param((replace(beside(1, 1.5), bias_m=(-1.2, 0.0)),), id="a box that is always off"),
        pytest.param((beside(1, 1.5), beside(2, -1.5)), id="two side by side"),
        pytest.param(
            swapped(beside(1, 1.75), beside(2, -1.75), 3.0), id="the tracker swaps two side by side"
        ),
        pytest.param((replace(beside(1, 1.5), shifts=((2.5, 3.2, -2.2, 0.0),)),), id="a box jumps aside"),
        pytest.param(
            (over(1, (3.5, 0), (3.5, 14), (1.2, 26), (1.2, 36), (3.5, 50), (3.5, 70), kmh=50),),
            id="overtakes inside its lane",
        ),
        pytest.param(
            (over(1, (1.75, 0), (1.75, 16), (0.3, 28), (0.3, 34), (1.75, 46), (1.75, 70), kmh=40),),
            id="swerves onto the line",
        ),
        pytest.param(
            (over(1, (1.75, -20), (1.75, -12), (-1.75, 2), (-1.75, 70), kmh=45),), id="before the line begins"
        ),
        pytest.param((over(1, (-20, 66), (20, 66), kmh=25),), id="crosses behind its end"),
    ],
)
@pytest.mark.parametrize("seed", first(*range(3)))
def test_what_only_looks_like_it(story: tuple[Drive, ...], seed: int) -> None:
    assert judged(*story, seed=seed) == []
    for pose in ("gantry", "roadside") if seed == 0 else ():
        eye = driving.camera(pose)
        assert tell(rule(eye=eye), story, eye=eye) == []


@pytest.mark.slow
@pytest.mark.parametrize("pose", first("roadside", "gantry", "high"))
@pytest.mark.parametrize("seed", first(*range(3)))
def test_a_car_that_a_truck_hides_in_part_has_crossed_nothing(pose: str, seed: int) -> None:
    eye = driving.camera(pose)
    truck = straight(2, x=-1.75, y=(62, 2), kmh=38, cls="truck")
    car = straight(1, x=1.75, y=(70, 10), kmh=38)
    assert tell(rule(eye=eye), [car, truck], eye=eye, seed=seed) == []


@pytest.mark.slow
def test_a_long_truck_that_pulls_out_sharply_has_lost_no_side_of_its_box() -> None:
    """Its path's heading is behind for as long as it steers: its box seemed to grow by more than a metre."""
    eye = driving.camera("roadside")
    pulls_out = over(1, (1.75, 11), (1.75, 17), (-1.75, 26), (-1.75, 42), kmh=45, cls="truck")
    for seed in range(2):
        judging = rule(eye=eye)
        assert len(tell(judging, [replace(pulls_out, size_m=(9.5, 2.5))], eye=eye, seed=seed)) == 1
        assert judging.refusals() == {}


@pytest.mark.slow
def test_a_line_that_is_broken_on_one_side_may_be_crossed_from_there() -> None:
    from_right = rule(LINE.model_copy(update={"allowed_from": "right"}))
    assert tell(from_right, [OVER]) == []
    from_left = rule(LINE.model_copy(update={"allowed_from": "left"}))
    assert len(tell(from_left, [OVER])) == 1


def test_who_was_not_seen_before_the_line_is_refused() -> None:
    late = over(1, (0.9, 24), (-1.75, 40), (-1.75, 70), kmh=45)
    refusing = rule()
    assert tell(refusing, [late]) == []


def test_a_crossing_at_the_very_end_is_refused() -> None:
    refusing = rule()
    assert tell(refusing, [over(1, (1.75, -15), (1.75, 3), (-1.75, 22), (-1.75, 70), kmh=45)]) == []
    assert refusing.refusals() == {"line_end": 1}


ROUND_THE_END = over(1, (1.75, 0), (1.75, 62), *arc((-3.5, 62), 5.25, 0, 90), (-30, 67.25), kmh=24)


def looked_at(drive: Drive, covered_s: tuple[float, float]) -> list[Finding | str | None]:
    """What the rule says of a drive of which a nearer vehicle covers a part for a while."""
    judging, state = rule(), _Beside()
    tell(judging, [beside(9, 5.25)])  # so that it knows the clock
    said: list[Finding | str | None] = []
    for at_s in np.arange(0.0, drive.until_s, 0.1):
        middle, ahead = drive.place(float(at_s))
        at = driving.START + timedelta(seconds=float(at_s))
        velocity_mps = (drive.place(float(at_s) + 0.05)[0] - drive.place(float(at_s) - 0.05)[0]) / 0.1
        point = Waypoint(at, middle, 0.15, velocity_mps, ahead)
        clear = not covered_s[0] <= at_s <= covered_s[1]
        said.append(judging._see(state, Look(point, "car", clear)))
    said.append(judging._leave(state))
    return [word for word in said if word is not None]


@pytest.mark.slow
def test_who_turned_off_behind_the_line_while_a_truck_hid_it_did_not_cross_it() -> None:
    assert looked_at(ROUND_THE_END, (7.0, 10.4)) == ["line_end"]
    assert looked_at(ROUND_THE_END, (0.0, 0.0)) == []


def test_who_turned_round_at_the_end_of_the_line_while_a_truck_hid_it_did_not_cross_it() -> None:
    """Before and after it is 5 m inside the line, going one way and the other."""
    turns = over(1, (3.5, 0), (3.5, 61), *arc((0, 61), 3.5, 0, 180), (-3.5, 61), (-3.5, 20), kmh=24)
    assert looked_at(turns, (8.25, 11.65)) == ["line_end"]


def test_who_came_over_before_the_line_began_and_trembles_on_it_has_not_surely_crossed_it() -> None:
    trembles = over(1, (1.75, -2), (-0.2, 8), (0.1, 17), (-1.75, 27), (-1.75, 70), kmh=24)
    assert looked_at(trembles, (0.0, 0.0)) == []


def test_who_crossed_amid_the_line_while_a_truck_hid_it_has_crossed_it() -> None:
    (found,) = looked_at(OVER, (2.0, 3.2))
    assert isinstance(found, Finding)
    assert found.measured["past"].low > 0.4


def test_who_is_gone_as_soon_as_it_has_crossed_is_counted() -> None:
    gone = over(1, (1.75, 0), (1.75, 22), (-1.75, 38), kmh=45)
    refusing = rule()
    assert tell(refusing, [gone]) == []
    assert refusing.refusals() == {"not_seen_beyond": 1}
    from_right = rule(LINE.model_copy(update={"allowed_from": "right"}))
    assert tell(from_right, [gone]) == []
    assert from_right.refusals() == {}


@pytest.mark.parametrize("covered_s", [(2.4, 9.0), (3.05, 9.0)])
def test_who_is_hidden_from_when_it_crosses_is_counted(covered_s: tuple[float, float]) -> None:
    """Hidden before it is surely beyond the line, or after a moment in plain sight there."""
    assert looked_at(OVER, covered_s) == ["not_seen_beyond"]


def test_who_overtakes_a_bus_stays_beyond_the_line_within_its_box() -> None:
    """In plain sight there for 0.2 s, then a nearer box lies over its own, as a bus's does beside which it drives."""
    (found,) = looked_at(OVER, (3.15, 9.0))
    assert isinstance(found, Finding)
    assert found.at.at == driving.START + timedelta(seconds=3.1), "what is shown is in plain sight"
    assert found.measured["beyond"].value == pytest.approx(0.6)


def test_by_its_shape_beyond_the_line_is_judged_what_was_in_plain_sight(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its box took in a neighbour and lay beyond the line for that; cut by a nearer one it has a car's width again."""
    wide_from, wide_until = (driving.START + timedelta(seconds=s) for s in (2.75, 3.15))
    monkeypatch.setattr(
        Shapes,
        "excess_m",
        lambda self, point, cls, ahead: 3.0 if wide_from <= point.at <= wide_until else 0.0,
    )
    said = looked_at(OVER, (3.15, 9.0))
    assert said
    assert all(word == "shape" for word in said)


def test_who_is_in_plain_sight_beyond_the_line_only_after_it_was_hidden_has_to_stay_there() -> None:
    gone = over(1, (1.75, 0), (1.75, 22), (-1.75, 42), (-1.75, 50), kmh=45)
    assert looked_at(gone, (2.0, 3.75)) == ["not_seen_beyond"]


def test_who_comes_back_before_it_is_seen_in_plain_sight_again_is_counted() -> None:
    assert looked_at(OVERTAKES, (1.5, 4.3)) == ["not_seen_beyond"]


def test_who_swerves_onto_the_line_behind_a_truck_is_not_counted() -> None:
    swerves = over(1, (1.75, 0), (1.75, 16), (0.3, 28), (0.3, 34), (1.75, 46), (1.75, 70), kmh=40)
    assert looked_at(swerves, (1.5, 4.3)) == []


def test_a_track_that_breaks_after_it_is_one_event() -> None:
    assert len(judged(replace(OVERTAKES, unseen=((4.0, 4.4),), numbers=((4.0, 9),)))) == 1


def test_rule_says_what_it_does() -> None:
    text = describe(LINE.model_copy(update={"allowed_from": "left"}), load_profile("kz"))
    assert "0.4 m" in text
    assert "allowed from the left" in text
    assert "KoAP RK 601" in text
