"""What rules ought to find in scenes, worked out from scripted ways."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from flows import scenes
from flows.domain.ruleset import (
    AbandonedObjectRule,
    BusLaneRule,
    FailureToYieldRule,
    ProhibitedStoppingRule,
    RedLightRule,
    StopLineRule,
)
from flows.scenes import bodies
from flows.scenes.judges.base import Trail
from flows.scenes.judges.crosswalk import YieldJudge
from flows.scenes.judges.lights import RedLightJudge, StopLineJudge
from flows.scenes.judges.objects import ObjectJudge
from flows.scenes.judges.places import BusLaneJudge, StoppingJudge
from flows.scenes.layout import Area, Layout
from flows.scenes.lights import Light, Programme
from flows.scenes.motion import Motion, Straight
from flows.scenes.scripts import Luggage
from flows.scenes.truth import SceneTruth
from flows.scenes.world import Actor

pytestmark = pytest.mark.slow

OFFENCES = {
    "stop_line": {"creeps"},
    "red_light": {"runs_red", "turns_on_red"},
    "failure_to_yield": {"does_not_yield"},
    "wrong_way": {"wrong_way", "overtakes_over_line"},
    "solid_line": {"overtakes_over_line", "u_turn"},
    "prohibited_turn": {"u_turn", "left_turn"},
    "bus_lane": {"in_lane", "joins_lane"},
    "prohibited_stopping": {"stands_long", "was_there"},
}
KINDS = ("junction", "giveway", "lanes", "buslane", "stopping")


@cache
def truth_of(kind: str, seed: int) -> SceneTruth:
    return scenes.build(kind, seed, fps=5.0).truth()


@pytest.mark.parametrize("kind", KINDS)
def test_those_at_fault_were_put_there_to_offend_and_the_innocent_were_not(kind: str) -> None:
    sure, innocent = [], []
    for seed in (601, 602, 603, 604):
        truth = truth_of(kind, seed)
        sure += [(e.type.split(".")[2], e.facts.get("role", "")) for e in truth.events if not e.ignore]
        innocent += [(i.type.split(".")[2], i.role) for i in truth.innocent]
    for rule, role in sure:
        if rule != "speeding":
            assert role in OFFENCES[rule], f"{role} found at fault of {rule}"
    for rule, role in innocent:
        assert role not in OFFENCES[rule] - {"overtakes_over_line", "u_turn", "left_turn", "wrong_way"}
    assert len([rule for rule, _ in sure if rule != "speeding"]) >= 3
    assert len(innocent) >= len([rule for rule, _ in sure if rule != "speeding"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_scene_says_what_a_site_file_needs(kind: str) -> None:
    truth = truth_of(kind, 601)
    zones, lines = {z.name for z in truth.zones}, {line.name for line in truth.lines}
    signals = {s.name for s in truth.signals}
    from flows.domain.ruleset import references

    known = {"zones": zones, "lines": lines, "signals": signals}
    assert truth.rules
    for rule in truth.rules:
        for _, where, name in references(rule):
            assert name in known[where]


def test_lights_are_told_frame_by_frame_and_seen_in_their_regions() -> None:
    scene, truth = scenes.build("junction", 603, fps=5.0), truth_of("junction", 603)
    shown = [frame.signals["main"] for frame in truth.frames]
    assert {"green", "amber", "red"} <= set(shown)
    for signal in truth.signals:
        assert signal.region_px is not None
        u0, v0, u1, v1 = signal.region_px
        assert 0 <= u0 < u1 <= truth.width_px
        assert 0 <= v0 < v1 <= truth.height_px
        assert v1 - v0 > 12
    assert scene.annotation(0).signals == truth.frames[0].signals


def test_a_programme_repeats_and_knows_since_when() -> None:
    programme = Programme((("green", 8.0), ("amber", 3.0), ("red", 9.0)), begins_s=-5.0)
    assert programme.at(0.0) == ("green", -5.0)
    assert programme.at(4.0) == ("amber", 3.0)
    assert programme.at(27.0) == ("red", 26.0)
    assert programme.spells("red", 30.0) == [(6.0, 15.0), (26.0, 35.0)]


def trail(
    v_mps: float, y_at_0: float, *, x_m: float = 0.0, until_s: float = 20.0, stops_at_s: float = 1e9
) -> Trail:
    """A car straight along +y, seen throughout."""
    body = bodies.make("car", np.random.default_rng(3))
    actor = Actor(1, body, Straight(x_m, y_at_0, 0.0), Motion.steady(v_mps))
    t = np.arange(0, until_s, 0.04)
    way = v_mps * np.minimum(t, stops_at_s)
    xy = np.column_stack([np.full(len(t), x_m), y_at_0 + way])
    ahead = np.tile([0.0, 1.0], (len(t), 1))
    speed = np.where(t < stops_at_s, v_mps, 0.0)
    return Trail(actor, t, xy, ahead, speed, np.ones(len(t), bool))


JUNCTION = Layout(
    areas={"junction": Area((-8, 8), (34, 46))},
    lines={"stop": ((-4.0, 30.0), (4.0, 30.0))},
    lights=(Light("main", "vertical", Programme((("red", 100.0),), 0.0), (0.0, 50.0, 5.0)),),
)


@pytest.mark.parametrize(
    ("front_stops_m", "stop_line", "red_light"),
    [
        (60.0, False, True),
        (32.4, True, None),
        (31.2, False, None),
        (30.4, False, None),
        (29.9, False, None),
        (29.5, None, None),
    ],
)
def test_stop_line_and_red_light_by_how_far_the_front_comes(
    front_stops_m: float, stop_line: bool | None, red_light: bool | None
) -> None:
    half = bodies.make("car", np.random.default_rng(3)).length_m / 2
    v = 5.0
    car = trail(v, 10.0, stops_at_s=(front_stops_m - half - 10.0) / v)
    stop = StopLineJudge(StopLineRule(stop_line="stop", signal="main"))
    red = RedLightJudge(RedLightRule(stop_line="stop", junction="junction", signal="main"))
    assert [v.sure for v in stop.verdicts({1: car}, JUNCTION)] == ([] if stop_line is None else [stop_line])
    assert [v.sure for v in red.verdicts({1: car}, JUNCTION)] == ([] if red_light is None else [red_light])


@pytest.mark.parametrize(("lasts_s", "sure"), [(14.0, [True]), (10.5, [False]), (6.0, [])])
def test_standing_is_judged_by_its_time(lasts_s: float, sure: list[bool]) -> None:
    car = trail(5.0, 10.0, stops_at_s=3.0, until_s=3.0 + lasts_s)
    layout = Layout(areas={"kerb": Area((-2, 2), (15, 40))})
    judge = StoppingJudge(ProhibitedStoppingRule(zone="kerb", max_s=10.0))
    assert [v.sure for v in judge.verdicts({1: car}, layout)] == sure


def test_an_exempt_vehicle_in_the_lane_for_buses_is_nobody_s_to_find() -> None:
    layout = Layout(areas={"lane": Area((-2, 2), (10, 60))})
    judge = BusLaneJudge(BusLaneRule(lane="lane"))
    car = trail(10.0, 5.0)
    (verdict,) = judge.verdicts({1: car}, layout)
    assert verdict.sure
    ambulance = replace(car, actor=replace(car.actor, role="ambulance"))
    (verdict,) = judge.verdicts({1: ambulance}, layout)
    assert not verdict.sure
    assert verdict.facts["exempt"]


def person(x_at_0: float, pace_mps: float, until_s: float = 20.0) -> Trail:
    body = bodies.make("person", np.random.default_rng(1))
    actor = Actor(2, body, Straight(x_at_0, 30.0, 90.0), Motion.steady(abs(pace_mps)))
    t = np.arange(0, until_s, 0.04)
    xy = np.column_stack([x_at_0 + pace_mps * t, np.full(len(t), 30.0)])
    ahead = np.tile([1.0, 0.0], (len(t), 1))
    return Trail(actor, t, xy, ahead, np.full(len(t), abs(pace_mps)), np.ones(len(t), bool))


@pytest.mark.parametrize(
    ("x_when_car_enters", "sure"),
    [(-1.0, [True]), (1.5, [True]), (3.5, [False]), (6.6, []), (-6.0, [False]), (-8.2, [])],
)
def test_yielding_by_where_somebody_is_when_the_car_comes(x_when_car_enters: float, sure: list[bool]) -> None:
    """A car in the lane around x = 1.75; somebody walks to the right at 1.4 m/s."""
    layout = Layout(areas={"crosswalk": Area((-7.0, 7.0), (28.0, 32.0))})
    car = trail(8.0, -20.0, x_m=1.75)
    half = car.actor.body.length_m / 2
    enters_s = (28.0 - half + 20.0) / 8.0
    judge = YieldJudge(FailureToYieldRule(crosswalk="crosswalk"))
    pace = 1.4 if x_when_car_enters > -8 else 0.0
    walker = person(x_when_car_enters - pace * enters_s, pace)
    assert [v.sure for v in judge.verdicts({1: car, 2: walker}, layout)] == sure


def test_who_is_beyond_the_island_need_not_be_waited_for() -> None:
    areas = {"crosswalk": Area((-7.0, 7.0), (28.0, 32.0)), "median": Area((-1.2, 1.2), (28.0, 32.0))}
    judge = YieldJudge(FailureToYieldRule(crosswalk="crosswalk", medians=("median",)))
    car = trail(8.0, -20.0, x_m=3.0)
    far_side = person(-4.0, 0.0)
    assert list(judge.verdicts({1: car, 2: far_side}, Layout(areas=areas))) == []


@pytest.mark.parametrize(
    ("owner_x_m", "hidden_s", "sure"),
    [(8.0, 0.0, [True]), (1.0, 0.0, []), (1.0, 4.0, []), (1.0, 8.0, [False])],
)
def test_who_waits_out_of_sight_may_be_taken_to_have_left(
    owner_x_m: float, hidden_s: float, sure: list[bool]
) -> None:
    rule = AbandonedObjectRule(distance_m=3.0, away_s=12.0, gone_s=6.0)
    owner = person(owner_x_m, 0.0, 40.0)
    owner = replace(owner, actor=replace(owner.actor, role="waits"), seen=~(owner.t_s < hidden_s))
    still = person(0.0, 0.0, 40.0)
    bag = Luggage(1, still.actor.body, still.actor.path, still.actor.motion, owner="waits", placed_s=0.0)
    judge = ObjectJudge(rule)
    assert [v.sure for v in judge.verdicts({1: replace(still, actor=bag), 2: owner}, Layout())] == sure


@pytest.mark.parametrize(
    ("hidden_s", "back_s", "windows"),
    [
        ((5.0, 13.0), 20.0, [(5.0, 13.0, False), (20.0, 60.0, True)]),
        ((5.0, 9.0), 20.0, [(20.0, 60.0, True)]),
        ((15.0, 30.0), 24.0, [(15.0, 24.0, False), (24.0, 60.0, True)]),  # out of sight, and then far off
    ],
)
def test_who_was_long_out_of_sight_before_leaving_may_be_taken_to_have_left_then(
    hidden_s: tuple[float, float], back_s: float, windows: list[tuple[float, float, bool]]
) -> None:
    rule = AbandonedObjectRule(distance_m=3.0, away_s=12.0, gone_s=6.0)
    owner, still = person(1.0, 0.0, 60.0), person(0.0, 0.0, 60.0)
    hidden = (owner.t_s >= hidden_s[0]) & (owner.t_s < hidden_s[1])
    x_m = np.where(owner.t_s < back_s, 1.0, 8.0)
    owner = replace(
        owner, actor=replace(owner.actor, role="waits"), seen=~hidden,
        xy_m=np.column_stack([x_m, owner.xy_m[:, 1]]),
    )  # fmt: skip
    bag = Luggage(1, still.actor.body, still.actor.path, still.actor.motion, owner="waits", placed_s=0.0)
    found = ObjectJudge(rule).verdicts({1: replace(still, actor=bag), 2: owner}, Layout())
    assert [(v.from_s, v.until_s, v.sure) for v in found] == [
        (pytest.approx(start_s, abs=0.1), pytest.approx(end_s, abs=0.1), sure)
        for start_s, end_s, sure in windows
    ]
