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
from roads import START, Drive, Lights, Story, arc, over, rect, road, straight, swapped, violation

from flows.domain.events import Event
from flows.domain.paths import Waypoint
from flows.domain.ruleset import RedLightRule, RuleConfig, StopLineRule
from flows.domain.tracks import Track
from flows.jurisdiction import load_profile
from flows.objects.company import covered
from flows.rules import body_length, line_crossing, red_light, stop_line
from flows.rules.base import Moment
from flows.rules.body_length import Length
from flows.rules.following import Finding
from flows.rules.front_sight import FrontSight
from flows.rules.hiding import Occlusion
from flows.rules.line_crossing import Crossing, LineCrossingRule
from flows.rules.red_light import RedLight
from flows.rules.stop_line import StopLine
from flows.rules.trail import Look, Trails
from flows.scenes.camera import PinholeCamera

RED = RedLightRule(stop_line="stop", junction="junction", signal="main")
LINE = StopLineRule(stop_line="stop", signal="main")
ARROW = RED.model_copy(update={"arrow": "arrow", "arrow_exit": "east"})
ZONES = {"junction": rect(-8, 34, 8, 48), "east": rect(8, 34, 20, 41)}
"""Vehicles come along +y in lanes at x = 1.75 and 5.25; the line is at y = 30."""
AT_RED: Lights = {"main": [(0, "green"), (1, "amber"), (2, "red")], "arrow": [(0, "off")]}
GREEN_AT_5: Lights = {"main": [(0, "red"), (5, "green")], "arrow": [(0, "off")]}


def rule(
    kind: type[LineCrossingRule], *configs: RuleConfig, line_y: float = 30.0, **how: Any
) -> LineCrossingRule:
    """One of the camera's rules; the first is its own, the others are there as well."""
    lines = {"stop": [(0, line_y), (7, line_y)]}
    site = road(configs[0], zones=ZONES, lines=lines, signals=("main", "arrow"), **how)
    camera = site.camera.model_copy(update={"rules": configs})
    return kind(configs[0], replace(site, camera=camera))  # type: ignore[call-arg,arg-type]


def judged(
    *drives: Drive, lights: Lights = AT_RED, config: RedLightRule = RED, alone: bool = False, **how: Any
) -> tuple[list[Event], list[Event]]:
    """What both rules of one camera say: red light, stop line."""
    site = {k: how[k] for k in ("eye",) if k in how}
    lone = (LINE,) if alone else (LINE, config)
    made = rule(RedLight, config, LINE, **site), rule(StopLine, *lone, **site)
    reds, lines = (Story(drives, lights=lights, **how).tell(r) for r in made)
    return reds, lines


def ahead(id: int = 1, kmh: float = 45, start_s: float = 0.0, x: float = 1.75, **how: Any) -> Drive:
    return straight(id, x=x, y=(-10, 70), kmh=kmh, start_s=start_s, **how)


def stops(id: int = 1, at_y: float = 27.0, then_s: float = 12.0, x: float = 1.75, goes: bool = True) -> Drive:
    """Comes at 36 km/h, stands with its middle at ``at_y`` and goes on at a later second."""
    way = [(0.0, x, -10.0), (3.0, x, at_y - 6), (4.5, x, at_y), (then_s, x, at_y)]
    return Drive(id, (*way, (then_s + 4, x, at_y + 14), (then_s + 7, x, 70.0)) if goes else tuple(way))


def test_who_runs_the_light_has_one_event_with_what_was_measured() -> None:
    reds, lines = judged(ahead())
    (event,) = reds
    assert lines == []
    facts = violation(event)
    assert (facts.track, facts.article, facts.threshold) == (1, "KoAP RK 599", {"grace_s": 0.5})
    assert [m.name for m in facts.moments] == ["before", "past", "in_junction"]
    # 4.5 m of car: its front is over the line when its middle is at 27.75.
    crossed_s = (27.75 + 10) / 12.5
    assert facts.measured["red_for"].low <= crossed_s - 2 <= facts.measured["red_for"].high
    assert facts.measured["red_for"].value == pytest.approx(crossed_s - 2, abs=0.15)
    assert facts.measured["speed_at_line"].low < 45 < facts.measured["speed_at_line"].high
    assert event.data["signal"] == "main"


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(*range(3)))
@pytest.mark.parametrize("pose", first("roadside", "gantry", "high"))
@pytest.mark.parametrize("cls", ["car", "motorcycle", "bus"])
def test_a_camera_sees_it_too(pose: str, seed: int, cls: str) -> None:
    """From behind: of a bus only the rear is seen, and where its front is depends on its unknown length."""
    lights: Lights = {"main": [(0, "green"), (1, "red")]}
    drives = ahead(cls=cls), ahead(2, x=5.25, start_s=9)
    reds, lines = judged(*drives, lights=lights, eye=driving.camera(pose), seed=seed)
    assert [violation(e).track for e in reds] == [1, 2]
    assert lines == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("story", "lights"),
    [
        pytest.param(
            (stops(at_y=26.0, then_s=8.0),), {"main": [(0, "red"), (7.5, "green")]}, id="stops in time"
        ),
        pytest.param((ahead(),), {"main": [(0, "green")]}, id="green"),
        pytest.param((ahead(),), {"main": [(0, "green"), (2.7, "amber")]}, id="amber"),
        pytest.param((ahead(),), {"main": [(0, "green"), (2.9, "red")]}, id="red for a moment only"),
        pytest.param((ahead(),), {"main": [(0, "off")]}, id="the light is off"),
        pytest.param((ahead(),), {"main": [(0, "unknown")]}, id="nobody knows"),
        pytest.param((ahead(),), {"main": [(0, "red"), (2.0, "unknown")]}, id="no longer known"),
        pytest.param(
            (ahead(),), {"main": [(0, "red"), (2.0, "unknown"), (4.0, "red")]}, id="known again later"
        ),
        pytest.param(
            (ahead(),), {"main": [(0, "red"), (1.5, "red_amber"), (2.5, "green")]}, id="green just in time"
        ),
        pytest.param((ahead(),), {}, id="no light"),
        pytest.param(
            (stops(at_y=30.5, then_s=20.0, goes=False),),
            {"main": [(0, "green"), (6, "red")]},
            id="over it before red",
        ),
        pytest.param((straight(1, x=1.75, y=(70, -10), kmh=40),), AT_RED, id="comes out of the junction"),
        pytest.param((straight(1, x=-3.5, y=(-10, 70), kmh=40),), AT_RED, id="another road beside it"),
        pytest.param((over(1, (-30, 41), (30, 41), kmh=40),), AT_RED, id="crosses the junction"),
        pytest.param((over(1, (-30, 25), (30, 25), kmh=30),), AT_RED, id="goes along the line"),
        pytest.param((ahead(cls="person"),), AT_RED, id="a pedestrian"),
    ],
)
def test_who_is_innocent(story: tuple[Drive, ...], lights: Lights) -> None:
    assert judged(*story, lights=lights) == ([], [])


@pytest.mark.slow
def test_who_stops_beyond_the_line_has_not_run_the_light() -> None:
    """Front 2.5 m over the line, and there it stays until green."""
    reds, lines = judged(stops(at_y=30.25, then_s=16.0), lights={"main": [(0, "red"), (15, "green")]})
    assert reds == []
    (event,) = lines
    facts = violation(event)
    assert (facts.rule, facts.article) == ("stop_line", "KoAP RK 599")
    assert facts.measured["past_line"].low > 0
    assert [m.name for m in facts.moments] == ["before", "past", "last"]


@pytest.mark.slow
def test_it_is_told_while_its_pictures_are_still_there() -> None:
    story = Story([stops(at_y=30.25, then_s=90.0, goes=False)], lights={"main": [(0, "red")]}, until_s=16.0)
    made = rule(StopLine, LINE, RED)
    (event,) = [e for e in story.tell(made) if e.time < driving.START.replace(minute=30)]
    assert (event.time - driving.START).total_seconds() < 6


@pytest.mark.slow
def test_who_stops_and_then_goes_at_red_has_one_event() -> None:
    soon = judged(stops(at_y=30.25, then_s=7.0), lights={"main": [(0, "red")]})
    late = judged(stops(at_y=30.25, then_s=25.0), lights={"main": [(0, "red")]})
    assert [len(events) for events in soon] == [1, 0]
    assert [len(events) for events in late] == [0, 1]


@pytest.mark.slow
def test_crossed_at_red_and_in_the_junction_at_green_is_a_stop_line() -> None:
    reds, lines = judged(ahead(kmh=18), lights={"main": [(0, "red"), (8.2, "green")]})
    assert (len(reds), len(lines)) == (0, 1)


def test_a_stop_line_without_a_red_light_rule_is_for_all_who_cross() -> None:
    _, lines = judged(ahead(), alone=True)
    assert [violation(e).rule for e in lines] == ["stop_line"]


TURNS = over(1, (5.25, -10), (5.25, 28), (5.25, 31.5), *arc((11.25, 31.5), 6.0, 180, 90), (30, 37.5), kmh=24)
GREEN_ARROW: Lights = {"main": [(0, "red")], "arrow": [(0, "off"), (3, "green")]}


@pytest.mark.parametrize(
    ("drive", "arrow", "reds"),
    [
        pytest.param(TURNS, "green", 0, id="turns on the green arrow"),
        pytest.param(TURNS, "off", 1, id="turns without it"),
        pytest.param(TURNS, "unknown", 0, id="turns and nobody knows the arrow"),
        pytest.param(ahead(), "green", 1, id="goes straight on at the green arrow"),
        pytest.param(ahead(), "unknown", 1, id="goes straight on and nobody knows the arrow"),
    ],
)
def test_a_green_arrow_allows_the_turn_and_nothing_else(drive: Drive, arrow: Any, reds: int) -> None:
    found, lines = judged(drive, lights={"main": [(0, "red")], "arrow": [(0, arrow)]}, config=ARROW)
    assert (len(found), lines) == (reds, [])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arrow", "reds"),
    [
        ([(0, "off"), (5.3, "unknown"), (6.1, "off")], 1),
        ([(0, "off"), (5.0, "unknown"), (6.5, "off")], 0),
        ([(0, "green"), *((3.7 + k / 2, ("off", "unknown")[k % 2]) for k in range(8))], 0),
    ],
    ids=["hidden for a blink", "hidden for longer", "each flash is hidden"],
)
def test_an_arrow_that_was_off_was_off_while_it_was_hidden_for_a_blink(arrow: Any, reds: int) -> None:
    found, lines = judged(TURNS, lights={"main": [(0, "red")], "arrow": arrow}, config=ARROW)
    assert (len(found), lines) == (reds, [])


def test_who_is_lost_on_the_way_to_turn_is_let_go() -> None:
    gone = replace(TURNS, way=tuple(w for w in TURNS.way if w[2] < 34 and w[1] < 6))
    made = rule(RedLight, ARROW)
    assert Story([gone], lights=GREEN_ARROW).tell(made) == []
    assert made.refusals() == {"turn_unknown": 1}


@pytest.mark.parametrize(
    ("reason", "lights", "how"),
    [
        ("signal_unknown", {"main": [(0, "unknown")]}, {}),
        ("within_grace", {"main": [(0, "green"), (2.5, "red")]}, {}),
        ("signal_changed", {"main": [(0, "red"), (3.1, "green")]}, {"noise_m": 0.5}),
    ],
)
def test_what_cannot_be_told_is_refused_and_counted(reason: str, lights: Lights, how: dict[str, Any]) -> None:
    made = rule(RedLight, RED)
    assert Story([ahead()], lights=lights, **how).tell(made) == []
    assert made.refusals() == {reason: 1}


def test_a_controller_whose_word_comes_late_is_still_believed() -> None:
    """It says after 0.8 s that the light had gone green before the vehicle came to the line."""

    class Late(Story):
        def _state(self, phases: Any, at_s: float) -> Any:
            said = [p for p in phases if p[0] + 0.8 <= at_s or p[0] == 0]
            return super()._state(said, at_s)

    made = rule(RedLight, RED)
    assert Late([ahead()], lights={"main": [(0, "red"), (2.7, "green")]}).tell(made) == []


@pytest.mark.slow
def test_a_place_that_is_not_sure_convicts_nobody() -> None:
    """The front stands 0.4 m behind the line, and the device is off by a metre now and then."""
    for seed in range(5):
        reds, lines = judged(
            stops(at_y=27.35, then_s=60.0, goes=False), lights={"main": [(0, "red")]}, noise_m=0.6, seed=seed
        )
        assert (reds, lines) == ([], [])


@pytest.mark.slow
def test_the_tracker_that_swaps_two_at_the_line_convicts_nobody() -> None:
    waits = stops(2, at_y=26.0, then_s=30.0, goes=False)
    runs = ahead(1, x=5.25)
    reds, _ = judged(*swapped(runs, waits, 2.9))
    assert len(reds) <= 1


@pytest.mark.parametrize(
    ("camera", "reason"), [({"platform": "drone"}, "platform"), ({"surveyed": False}, "no_calibration")]
)
def test_a_camera_that_cannot_vouch_refuses(camera: dict[str, Any], reason: str) -> None:
    eye = driving.camera()
    made = rule(RedLight, RED, **({"eye": eye} | camera if "platform" in camera else camera))
    story = Story([ahead()], lights=AT_RED, eye=eye)
    assert story.tell(made) == []
    assert made.refusals() == {reason: 1}


def test_they_say_what_they_do() -> None:
    kz = load_profile("kz")
    assert "more than 0.5 s into the red of main" in red_light.describe(RED, kz)
    assert "leave through east may while arrow arrow is green" in red_light.describe(ARROW, kz)
    assert "KoAP RK 599 (to be confirmed by counsel)" in stop_line.describe(LINE, kz)


HIDDEN = replace(ahead(kmh=120), unseen=((1.2, 1.85),))
"""Over the line at 1.1 s, through the junction from 1.3 to 1.7 s."""


def test_who_was_hidden_in_the_junction_has_run_the_light_if_it_comes_forth_straight_ahead() -> None:
    reds, lines = judged(HIDDEN, lights={"main": [(0, "red")]})
    (event,) = reds
    assert lines == []
    assert [m.name for m in violation(event).moments] == ["before", "past", "beyond_junction"]


def test_who_was_hidden_in_the_junction_has_not_run_a_light_that_changed_meanwhile() -> None:
    reds, _ = judged(HIDDEN, lights={"main": [(0, "red"), (1.7, "green")]})
    assert reds == []


def test_who_comes_forth_beside_the_junction_has_not_gone_straight_through_it() -> None:
    way = ((0.0, 1.75, -10.0), (1.7, 1.75, 32.5), (2.3, 11.0, 40.0), (3.5, 35.0, 46.0))
    reds, _ = judged(Drive(1, way, unseen=((1.75, 2.4),)), lights={"main": [(0, "red")]})
    assert reds == []


@pytest.mark.slow
def test_who_stood_beyond_the_line_until_red_was_over_has_an_event_however_it_is_lost_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A lorry hides it from the sixth second to the thirteenth; at 13.6 s the tracker has another car for it."""
    covered = [START + timedelta(seconds=s) for s in (6.0, 13.2)]
    monkeypatch.setattr(Trails, "_was_covered", lambda _, trail, at: covered[0] <= at <= covered[1])
    drive = replace(stops(at_y=30.0, then_s=10.0), shifts=((13.6, 30.0, 8.0, 0.0),))
    reds, lines = judged(drive, lights={"main": [(0, "red"), (8, "green")], "arrow": [(0, "off")]})
    assert reds == []
    assert [violation(e).track for e in lines] == [1]


@pytest.mark.slow
@pytest.mark.parametrize("pose", first("gantry", "roadside", "high"))
@pytest.mark.parametrize(("at_y", "reported"), [(30.25, [1]), (27.4, [])])
def test_the_upper_edge_tells_where_one_is_whose_foot_another_hides(
    pose: str, at_y: float, reported: list[int]
) -> None:
    """Its front stops 2.5 m beyond the line, or 0.35 m before it; who draws up behind cuts off the foot of its box,
    which puts either farther on by two metres and more."""
    behind = [(1.2, 1.75, -14.0), (4.2, 1.75, at_y - 11.5), (5.7, 1.75, at_y - 5.5), (24.0, 1.75, at_y - 5.5)]
    story = stops(at_y=at_y, then_s=22.0), Drive(2, (*behind, (30.0, 1.75, at_y + 34.5)))
    lights: Lights = {"main": [(0, "red"), (20, "green")]}
    reds, lines = judged(*story, lights=lights, eye=driving.camera(pose), hz=6.0)
    assert reds == []
    assert [violation(e).track for e in lines] == reported


@pytest.mark.slow
@pytest.mark.parametrize(("at_y", "reported"), [(29.0, [1]), (27.4, [])])
def test_seen_from_ahead_a_hidden_foot_can_only_be_farther_on(at_y: float, reported: list[int]) -> None:
    """Another stands between it and a camera beyond the junction, until it goes on."""
    eye = PinholeCamera.looking(
        (4.5, 62.0, 6.8),
        (1.75, 32.0, 0.0),
        width_px=driving.WIDTH_PX,
        height_px=driving.HEIGHT_PX,
        hfov_deg=45.0,
    )
    nearer = Drive(
        2, ((0.0, 1.75, -6.0), (2.6, 1.75, at_y + 5.5), (24.0, 1.75, at_y + 5.5), (30.0, 1.75, 90.0))
    )
    lights: Lights = {"main": [(0, "green"), (2, "red"), (20, "green")]}
    reds, lines = judged(stops(at_y=at_y, then_s=22.0), nearer, lights=lights, eye=eye, hz=6.0)
    assert reds == []
    assert [violation(e).track for e in lines] == reported


@pytest.mark.slow
def test_what_covers_a_side_does_not_hide_how_far_on_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The box of a neighbour reaches a tenth over that of a car from the first look on; its foot is to be seen."""
    monkeypatch.setattr(Occlusion, "covered", lambda _, share: {1} if share <= 0.1 else set())
    lights: Lights = {"main": [(0, "red"), (20, "green")]}
    for at_y, reported in ((30.25, [1]), (27.4, [])):
        story = stops(at_y=at_y, then_s=22.0)
        reds, lines = judged(story, lights=lights, eye=driving.camera(), hz=6.0)
        assert reds == []
        assert [violation(e).track for e in lines] == reported


def looked_at(
    *looks: tuple[float, float, bool, bool],
    eye: PinholeCamera,
    configs: tuple[RuleConfig, ...] = (LINE,),
    cls: str = "car",
    mps: float = 5.0,
) -> Finding | str | None:
    """What becomes of one of whom there are looks of ``(second, y_m, clear, crown)``, under red, when it is gone."""
    judging, state = rule(StopLine, *configs, eye=eye), Crossing()
    # So that it knows the clock and the light.
    Story([ahead(9, start_s=14.0, x=-3.5)], lights={"main": [(0, "red")]}, eye=eye, hz=5.0).tell(judging)
    for at_s, y, clear, crown in looks:
        at, ahead_m = START + timedelta(seconds=at_s), np.array((0.0, 1.0))
        point = Waypoint(at, np.array((1.75, y)), 0.15, mps * ahead_m, ahead_m, spread_m2=np.eye(2) * 0.15**2)
        found = judging._see(state, Look(point, cls, clear, crown=crown))
        if found is not None:
            return found
    return judging._leave(state)


@pytest.mark.parametrize(
    ("from_s", "mps", "told"), [(5.0, 11.0, True), (2.0, 11.0, False), (5.0, 5.0, False)]
)
def test_who_comes_fast_was_well_before_the_line_some_seconds_ago_however_long_it_is(
    from_s: float, mps: float, told: bool
) -> None:
    """First seen as its tail comes into the picture: a lorry's front is at the line, a road train's 12 m beyond it."""
    looks = [(from_s + k / 10, 25.3 + mps * k / 10, True, True) for k in range(40)]
    found = looked_at(*looks, eye=driving.camera(), cls="truck", mps=mps)
    assert isinstance(found, Finding) if told else found == "seen_late"


def test_a_first_speed_that_the_way_does_not_bear_out_tells_nothing() -> None:
    """It crawls, and may have stood over the line: its path says 11 m/s, as they begin with a guess."""
    looks = [(5.0 + k / 10, 25.3 + 0.2 * k, True, True) for k in range(40)]
    assert looked_at(*looks, eye=driving.camera(), cls="truck", mps=11.0) == "seen_late"


FROM_AHEAD = PinholeCamera.looking(
    (4.5, 62.0, 6.8),
    (1.75, 32.0, 0.0),
    width_px=driving.WIDTH_PX,
    height_px=driving.HEIGHT_PX,
    hfov_deg=45.0,
)


@pytest.mark.parametrize("guessed", [False, True])
def test_a_foot_that_a_detector_makes_up_is_nowhere(guessed: bool) -> None:
    """From ahead: of a box that a nearer one covers by half its lower edge is a guess, and may be that one's."""
    comes = [(5.0 + 0.2 * k, 20.0 + 0.5 * k, True, True) for k in range(10)]
    stands = [(7.0 + 0.2 * k, 31.0, False, not guessed) for k in range(12)]
    found = looked_at(*comes, *stands, eye=FROM_AHEAD)
    assert isinstance(found, Finding) is not guessed


@pytest.mark.parametrize("guessed", [False, True])
def test_a_foot_that_a_detector_makes_up_brings_nobody_back_before_the_line(guessed: bool) -> None:
    """It stands beyond the line, as it did before red; of who draws up behind it takes the foot for its own."""
    stood = [(5.0 + 0.2 * k, 31.0, True, True) for k in range(10)]
    behind = [(7.0 + 0.2 * k, 26.0, False, not guessed) for k in range(5)]
    shown = [(8.0 + 0.2 * k, 31.0, True, True) for k in range(12)]
    found = looked_at(*stood, *behind, *shown, eye=driving.camera())
    assert isinstance(found, Finding) is not guessed


@pytest.mark.slow
@pytest.mark.parametrize("at_y", [27.6, 31.0])
def test_who_stands_for_an_hour_is_remembered_no_longer(at_y: float) -> None:
    """Neither at the line, nor beyond it under red and at it again."""
    judging, state = rule(StopLine, LINE, RED, eye=driving.camera()), Crossing()
    Story([ahead(9, start_s=14.0, x=-3.5)], lights={"main": [(0, "red")]}, hz=5.0).tell(judging)
    ys = [20.0, at_y, at_y, at_y, at_y, at_y, at_y, *([27.6] * 36_000)]
    for k, y in enumerate(ys):
        at, north = START + timedelta(seconds=5 + k / 5), np.array((0.0, 1.0))
        point = Waypoint(at, np.array((1.75, y)), 0.15, 0.1 * north, north, spread_m2=np.eye(2) * 0.15**2)
        judging._see(state, Look(point, "car", clear=True, crown=True))
    assert len(state.way) < 400
    assert state.way[-1].point.at == START + timedelta(seconds=5 + (len(ys) - 1) / 5)


@pytest.mark.parametrize(("is_at_y", "confirmed"), [(31.0, True), (27.6, False)])
def test_plain_sight_has_the_last_word_on_who_was_covered(
    is_at_y: float, confirmed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Covered, it seemed to stand beyond the line; then all of it is seen, beyond the line or at it."""
    monkeypatch.setattr(FrontSight, "by_crown", lambda _, body, look, front, px: replace(front, covered=True))
    comes = [(5.0 + 0.2 * k, 20.0 + 0.5 * k, True, True) for k in range(10)]
    hidden = [(7.0 + 0.2 * k, 31.0, False, True) for k in range(8)]
    shown = [(8.6 + 0.2 * k, is_at_y, True, True) for k in range(5)]
    trembles = [(9.6, 27.6, True, True)]
    found = looked_at(*comes, *hidden, *shown, *trembles, eye=driving.camera(), configs=(LINE, RED))
    assert isinstance(found, Finding) is confirmed


class Watching(StopLine):
    """Notes everybody's boxes."""

    boxes: dict[tuple[int, datetime], np.ndarray]

    def observe(self, tracks: Sequence[Track], moment: Moment) -> list[Event]:
        self.boxes |= {(t.id, t.last_at): t.sightings[-1].xyxy for t in tracks}
        return super().observe(tracks, moment)


@pytest.mark.slow
@pytest.mark.parametrize("pose", ["gantry", "high"])
def test_pictures_of_who_was_covered_show_no_plate_but_its_own(
    pose: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who draws up behind is in part within the box of who stands beyond the line."""
    monkeypatch.setattr(roads, "visible", lambda box, nearer: box.copy())
    monkeypatch.setattr(Watching, "boxes", {}, raising=False)
    behind = [(1.2, 1.75, -14.0), (4.2, 1.75, 18.75), (5.7, 1.75, 24.75), (24.0, 1.75, 24.75)]
    story = stops(at_y=30.25, then_s=22.0), Drive(2, tuple(behind))
    lights: Lights = {"main": [(0, "red"), (20, "green")]}
    eye = driving.camera(pose)
    judging = rule(Watching, LINE, RED, eye=eye)
    (event,) = Story(story, lights=lights, eye=eye, hz=6.0).tell(judging)
    facts = violation(event)
    assert facts.track == 1
    shows = [
        covered(judging.boxes[2, m.at], by=np.array(m.shown or m.xyxy))
        for m in facts.moments
        if (2, m.at) in judging.boxes
    ]
    assert max(shows) == 0.0
    assert any(m.shown for m in facts.moments)


def truck(length_m: float, front_y: float, **how: Any) -> Drive:
    """Comes up to the line and stands with its front at ``front_y`` until second 22."""
    made = stops(at_y=front_y - length_m / 2, then_s=22.0)
    return replace(made, cls="truck", size_m=(length_m, 2.4), **how)


@pytest.mark.slow
@pytest.mark.parametrize("pose", first("roadside", "high"))
@pytest.mark.parametrize(
    ("length_m", "front_y", "reported"),
    [(8.5, 33.4, [1]), (10.2, 33.2, [1]), (10.2, 29.5, []), (6.3, 29.5, [])],
)
def test_from_aside_a_truck_tells_by_its_own_length_how_far_beyond_the_line_it_stands(
    pose: str, length_m: float, front_y: float, reported: list[int]
) -> None:
    """By its class's length alone its front is known to 3.6 m only."""
    lights: Lights = {"main": [(0, "red"), (20, "green")]}
    reds, lines = judged(truck(length_m, front_y), lights=lights, eye=driving.camera(pose), hz=8.0)
    assert reds == []
    assert [violation(e).track for e in lines] == reported
    for facts in (violation(e) for e in lines):
        past = facts.measured["past_line"]
        assert 0 < past.low < past.high


@pytest.mark.slow
def test_a_truck_whose_sides_another_covers_is_not_measured_by_them(monkeypatch: pytest.MonkeyPatch) -> None:
    sides = line_crossing.TRAILS.sides_share
    monkeypatch.setattr(Occlusion, "covered", lambda _, share: {1} if share == sides else set())
    lights: Lights = {"main": [(0, "red"), (20, "green")]}
    _, lines = judged(truck(10.2, 33.2), lights=lights, eye=driving.camera("high"), hz=8.0)
    assert lines == []


@pytest.mark.slow
def test_a_length_that_more_looks_do_not_bear_out_convicts_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """By all until second 4 its front is 2 m beyond the line, by all until it stands before it."""
    early = START + timedelta(seconds=4.0)

    def measure(points: Sequence[Waypoint], *_: Any) -> Length:
        return Length("truck", 12.0 if points[-1].at < early else 8.0, 0.5, len(points))

    monkeypatch.setattr(body_length, "measure", measure)
    lights: Lights = {"main": [(0, "red"), (20, "green")]}
    assert judged(truck(8.0, 29.4), lights=lights, eye=driving.camera("roadside"), hz=8.0) == ([], [])


@pytest.mark.slow
@pytest.mark.parametrize("length_m", [10.2, 17.0])
def test_a_length_that_is_measured_at_the_line_tells_where_the_front_was_when_it_was_first_seen(
    length_m: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First seen slow, its tail 16 m before the line: who is longer than that stood over it."""

    def measure(points: Sequence[Waypoint], *_: Any) -> Length | None:
        return Length("truck", length_m, 0.5, len(points)) if len(points) >= 8 else None

    monkeypatch.setattr(body_length, "measure", measure)
    lights: Lights = {"main": [(0, "red"), (20, "green")]}
    ys = [tail_y + length_m / 2 for tail_y in (14.0, 23.0, 23.0)]
    late = Drive(1, tuple(zip((0.0, 3.5, 16.0), (1.75,) * 3, ys, strict=True)), "truck", (length_m, 2.4))
    _, lines = judged(late, lights=lights, eye=driving.camera("roadside"), hz=8.0)
    assert [violation(e).track for e in lines] == ([1] if length_m < 16.0 else [])


JAM: Lights = {"main": [(0, "green"), (6, "amber"), (7, "red"), (40, "green")], "arrow": [(0, "off")]}


@pytest.mark.slow
@pytest.mark.parametrize("pose", first("roadside", "high", "gantry"))
@pytest.mark.parametrize(
    ("cls", "size_m", "front_y", "lights"),
    [
        ("bus", (6.0, 2.2), 29.5, {"main": [(0, "red"), (20, "green")]}),
        ("truck", (16.5, 2.4), 29.6, {"main": [(0, "red"), (20, "green")]}),
        ("truck", (16.5, 2.4), 34.0, JAM),
        ("bus", (18.0, 2.5), 34.0, JAM),
    ],
    ids=["a minibus waits", "a semitrailer waits", "one crossed at green into a jam", "a long bus did so"],
)
def test_whoever_is_far_shorter_or_longer_than_its_class_is_innocent_all_the_same(
    pose: str, cls: str, size_m: tuple[float, float], front_y: float, lights: Lights
) -> None:
    """From behind a minibus that waits seemed 5 m beyond the line, and a semitrailer beyond it still before it."""
    drive = replace(truck(size_m[0], front_y), cls=cls, size_m=size_m)
    assert judged(drive, lights=lights, eye=driving.camera(pose), hz=8.0) == ([], [])


@pytest.mark.parametrize(("pose", "length_m"), [("gantry", 9.0), ("high", 16.5)])
@pytest.mark.parametrize(("red_s", "ran"), [(0.2, True), (6.5, False)], ids=["at red", "at green"])
def test_a_truck_that_is_at_the_line_before_its_foot_is_to_be_seen_is_told_by_how_it_came(
    pose: str, length_m: float, red_s: float, ran: bool
) -> None:
    """It crawls, so nothing but its upper edge, which is seen two seconds sooner, says that it did not stand there."""
    eye, crawls = driving.camera(pose), replace(ahead(cls="truck", kmh=18), size_m=(length_m, 2.4))
    judging = rule(RedLight, RED, LINE, eye=eye, line_y=24.0)
    events = Story([crawls], lights={"main": [(0, "green"), (red_s, "red")]}, eye=eye, hz=8.0).tell(judging)
    crossed_s = (24.0 - length_m / 2 + 10) / 5
    assert [violation(e).measured["red_for"].low < crossed_s - red_s for e in events] == [True] * ran
    assert all(violation(e).measured["red_for"].high > crossed_s - red_s for e in events)
