"""A crosswalk at y = 0 over a road of two lanes, x from -3.5 to 3.5; cars of the right lane drive to larger y."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path as FilePath
from typing import Any

import numpy as np
import pytest
from quick import first

from flows.domain.events import Event, Violation
from flows.domain.fixes import Fix
from flows.domain.frames import ClockSource, ClockState, Frame, NoPixels
from flows.domain.signals import Phase
from flows.domain.site import CameraConfig
from flows.jurisdiction import load_profile
from flows.pipeline import CameraPipeline
from flows.road.motion import BODIES
from flows.rules.failure_to_yield import VERSION, describe
from flows.signals.memory import Memory
from flows.signals.reader import Reading

KZ = load_profile("kz")
START = datetime(2026, 9, 1, 8, 30, tzinfo=UTC)
RATE_HZ = 20.0
PLACES = [(-3.5, -2.0), (3.5, -2.0), (3.5, 2.0), (-3.5, 2.0)]
LANE_M = 1.75
Way = Callable[[float], tuple[float, float] | None]


@dataclass(frozen=True)
class Someone:
    """Somebody or something on its way."""

    cls: str
    way: Way


def car(mps: float, front_at_line_s: float, *, lane_m: float = LANE_M, cls: str = "car") -> Someone:
    """Drives evenly; its front reaches the crosswalk's near edge (y = -2) at that time."""
    half_m = BODIES[cls].length[0] / 2
    return Someone(cls, lambda t: (lane_m, -2.0 - half_m + mps * (t - front_at_line_s)))


def braking_car(mps: float, stops_at_m: float, from_s: float, brakes: float = 3.0) -> Someone:
    """Brakes from a time on so that its front stands at ``stops_at_m``."""
    distance = mps**2 / (2 * brakes)

    def way(t: float) -> tuple[float, float]:
        s = t - from_s
        gone = mps * s if s < 0 else mps * min(s, mps / brakes) - brakes * min(s, mps / brakes) ** 2 / 2
        return LANE_M, stops_at_m - 2.25 - distance + gone

    return Someone("car", way)


def walker(from_x: float, to_x: float, starts_s: float, mps: float = 1.4, y: float = 0.0) -> Someone:
    """Stands at ``from_x``, then walks to ``to_x`` and stands there."""

    def way(t: float) -> tuple[float, float]:
        share = min(max((t - starts_s) * mps / abs(to_x - from_x), 0.0), 1.0)
        return from_x + share * (to_x - from_x), y

    return Someone("person", way)


def play(
    *actors: Someone,
    seconds: float = 14.0,
    noise_m: float = 0.05,
    error_m: float = 0.15,
    rule: Mapping[str, Any] | None = None,
    lights: FilePath | None = None,
    clock: ClockSource = "device",
    step: tuple[float, float] = (0.0, 0.0),
    **camera: Any,
) -> tuple[list[Event], dict[str, int]]:
    """Everybody's places through the pipeline of a tracks source; events and refusals."""
    zones = [{"name": "crosswalk", "polygon_m": PLACES}, *camera.pop("zones", [])]
    config = CameraConfig.model_validate(
        {
            "id": "cross-1",
            "district": "alatau",
            "source": {"kind": "tracks", "path": "none.csv", "error_m": error_m},
            "zones": zones,
            "signals": [{"name": "light", "feed": str(lights)}] if lights else [],
            "rules": [
                {
                    "kind": "failure_to_yield",
                    "crosswalk": "crosswalk",
                    **({"signal": "light"} if lights else {}),
                    **(rule or {}),
                }
            ],
            **camera,
        }
    )
    pipeline = CameraPipeline.build(config, KZ)
    rng = np.random.default_rng(1)
    events: list[Event] = []
    for i in range(round(seconds * RATE_HZ)):
        t = i / RATE_HZ
        fixes = []
        for k, actor in enumerate(actors):
            place = actor.way(t)
            if place is not None and abs(place[1]) < 60:
                x, y = np.array(place) + rng.normal(0, noise_m, 2)
                fixes.append(Fix(str(k), actor.cls, (float(x), float(y))))
        at = START + timedelta(seconds=t + (step[1] if t >= step[0] else 0.0))
        frame = Frame("cross-1", i, at, NoPixels(0, 0), ClockState(clock, START, RATE_HZ), fixes=tuple(fixes))
        assert pipeline.admit(frame).passes
        events += pipeline.step(frame, tuple(fixes))
    found = [e for e in events + pipeline.close() if e.type.startswith("dome.violation.")]
    return found, pipeline.refusals()


def light(folder: FilePath, phase: Phase) -> FilePath:
    """A controller's feed of a light that shows the same all the time."""
    return phases(folder, (-60.0, phase), (60.0, phase))


def phases(folder: FilePath, *said: tuple[float, Phase]) -> FilePath:
    """A controller's feed, ``(second, phase)``."""
    path = folder / "light.jsonl"
    rows = [{"at": (START + timedelta(seconds=s)).isoformat(), "phase": phase} for s, phase in said]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def violation(event: Event) -> Violation:
    return Violation.model_validate({k: v for k, v in event.data.items() if k in Violation.model_fields})


def one(*actors: Someone, **options: Any) -> Violation:
    events, refused = play(*actors, **options)
    assert len(events) == 1, refused
    return violation(events[0])


def none(*actors: Someone, because: str | None = None, **options: Any) -> None:
    events, refused = play(*actors, **options)
    assert events == []
    assert refused == ({because: 1} if because else {})


@pytest.mark.slow
@pytest.mark.parametrize("by_s", [2.0, 20.0, 3600.0])
def test_a_clock_that_steps_makes_nobody_an_offender(by_s: float) -> None:
    lawful = [
        (car(14, 5.0), walker(3.8, -4.5, 4.0, mps=0.8)),  # steps out right before the car
        (braking_car(10, -2.6, 4.0), walker(-4.5, 4.5, 3.0)),
        (car(10, 8.6), walker(-4.5, 4.5, 3.0)),
    ]
    for actors in lawful:
        for at_s in (3.5, 4.5, 5.0, 6.0):
            events, _ = play(*actors, step=(at_s, by_s))
            assert events == [], at_s


@pytest.mark.slow
def test_nobody_is_reported_at_a_time_for_which_nobody_vouches() -> None:
    none(car(10, 5.9), walker(-4.5, 4.5, 3.0), because="clock", clock="file-time")


# Offences


def test_a_car_before_somebody_who_walks_into_its_lane() -> None:
    facts = one(car(10, 5.9), walker(-4.5, 4.5, 3.0))  # at 5.9 s the person is at -0.4, at 6.6 s at 0.5
    assert facts.rule == "failure_to_yield"
    assert facts.article == "KoAP RK 600"
    assert [m.name for m in facts.moments] == ["before the line", "past the line", "leaving"]
    closest = facts.measured["closest_distance"]
    assert closest.low <= closest.value <= closest.high
    assert closest.value < 1.0
    assert facts.measured["speed"].value == pytest.approx(36, abs=3)
    assert facts.threshold["half_lane_m"] == 1.75
    assert (facts.rule_version, facts.parameters["crosswalk"]) == (VERSION, "crosswalk")
    assert facts.position_m is not None
    assert facts.position_m[0] == pytest.approx(LANE_M, abs=0.3)


def test_what_led_to_it_is_stated() -> None:
    events, _ = play(car(10, 5.9), walker(-4.5, 4.5, 3.0))
    (event,) = events
    facts, told = violation(event), event.data["encounter"]
    assert isinstance(told, dict)
    at_s = [(m.at - START).total_seconds() for m in facts.moments]
    # Its front is 5 cm before the edge, comes to half a metre before the person, and its rear has left.
    assert at_s == pytest.approx([5.85, 5.9 + 1.5 / 10, 5.9 + 8.5 / 10], abs=0.12)
    swath_m = LANE_M - 1.85 / 2
    assert facts.measured["way_to_go"].value == pytest.approx(swath_m + 0.44, abs=0.3)
    noticed_s = (datetime.fromisoformat(str(told["person_noticed_at"])) - START).total_seconds()
    stepped_s = (datetime.fromisoformat(str(told["person_stepped_out_at"])) - START).total_seconds()
    assert noticed_s == pytest.approx(3.0, abs=0.4)
    assert stepped_s == pytest.approx(3.0 + 1.3 / 1.4, abs=0.2)
    could_s = (datetime.fromisoformat(str(told["vehicle_could_stop_at"])) - START).total_seconds()
    assert could_s >= noticed_s + 1.0  # a driver's time to react
    assert facts.measured["way_to_stop"].value == pytest.approx(10 * (5.9 - could_s), abs=0.8)
    assert told["stopping_m"] == pytest.approx(100 / 6.8, abs=1.5)
    assert told["person_first"] is False
    encroachment = facts.measured["post_encroachment_time"]
    true_s = 3.0 + (4.5 + swath_m) / 1.4 - (5.9 + (2 + 4.5 + 0.5) / 10)
    assert encroachment.low <= true_s <= encroachment.high
    assert encroachment.value == pytest.approx(true_s, abs=0.2)
    assert facts.measured["closest_distance"].value == pytest.approx(swath_m - 0.54, abs=0.25)


@pytest.mark.slow
@pytest.mark.parametrize("cls", ["car", "truck", "bus", "motorcycle"])
def test_all_vehicles_yield(cls: str) -> None:
    assert one(car(8, 5.4, cls=cls), walker(-4.5, 4.5, 3.0)).cls == cls


@pytest.mark.slow
def test_from_the_near_kerb_and_in_the_far_lane() -> None:
    one(car(4, 5.8), walker(5.5, 2.95, 3.0, mps=1.0))  # steps out and stops a step before the car's side
    one(car(10, 5.9, lane_m=-LANE_M), walker(4.5, -4.5, 3.0))


@pytest.mark.slow
def test_somebody_who_stopped_on_the_road_because_nobody_yields() -> None:
    one(car(8, 9.0), walker(-4.5, 0.2, 3.0))  # stands 0.6 m from the car's side


@pytest.mark.slow
def test_somebody_whose_heels_are_run_past() -> None:
    events, _ = play(car(12, 8.1), walker(-4.5, 4.5, 3.0))  # at its arrival 0.1 m beyond the car's side
    assert [e.data["encounter"]["person_first"] for e in events] == [True]  # type: ignore[call-overload,index]


@pytest.mark.slow
def test_the_gravest_of_several_people_is_measured_and_all_are_named() -> None:
    events, _ = play(car(10, 5.9), walker(-4.5, 4.5, 3.0), walker(-5.2, 4.5, 3.0, y=1.0))
    assert len(events) == 1
    told = events[0].data["encounter"]
    assert isinstance(told, dict)
    assert len(told["people"]) == 2  # type: ignore[arg-type]


@pytest.mark.slow
def test_the_next_car_is_another_violation() -> None:
    events, _ = play(car(10, 5.9), car(10, 6.9), walker(-4.5, -0.2, 3.0))
    assert len(events) == 2
    assert len({e.id for e in events}) == 2


@pytest.mark.slow
def test_dark_lights_rule_nothing(tmp_path: FilePath) -> None:
    one(car(10, 5.9), walker(-4.5, 4.5, 3.0), lights=light(tmp_path, "off"))


@pytest.mark.slow
def test_a_car_that_drives_on_red_does_not_yield_either(tmp_path: FilePath) -> None:
    one(car(10, 5.9), walker(-4.5, 4.5, 3.0), lights=light(tmp_path, "red"))


# Innocent


@pytest.mark.slow
def test_somebody_who_waits_at_the_kerb() -> None:
    none(car(10, 7.0), walker(3.9, 3.8, 0.0))
    none(car(10, 7.0), walker(3.7, 3.6, 0.0), noise_m=0.15)


def test_a_car_that_stops_in_time_and_goes_on_behind() -> None:
    none(braking_car(10, -2.6, 4.0), walker(-4.5, 4.5, 3.0))


@pytest.mark.slow
def test_a_car_that_stops_with_its_nose_over_the_edge() -> None:
    none(braking_car(10, -1.2, 4.0), walker(-4.5, 4.5, 3.0))


@pytest.mark.slow
def test_a_car_that_waited_with_its_nose_over_the_edge_and_goes_on_behind() -> None:
    def way(t: float) -> tuple[float, float]:
        stopped = braking_car(8, -1.2, 2.0).way(t)
        assert stopped is not None
        return stopped[0], stopped[1] + 1.5 * max(0.0, t - 9.0) ** 2

    none(Someone("car", way), walker(-4.5, 4.5, 3.0))


@pytest.mark.slow
def test_somebody_who_has_left_the_car_s_way() -> None:
    none(car(10, 8.6), walker(-4.5, 4.5, 3.0))  # at 8.6 s the person is at 3.3, on the way out
    none(car(10, 6.4, lane_m=-LANE_M), walker(-4.5, 4.5, 3.0))  # at 6.4 s at 0.3, 1.1 m beyond the car


def test_somebody_far_from_the_car_s_way() -> None:
    wide = [(-7.0, -2.0), (7.0, -2.0), (7.0, 2.0), (-7.0, 2.0)]
    zones = [{"name": "wide", "polygon_m": wide}]
    rule = {"crosswalk": "wide"}
    none(car(12, 5.0, lane_m=5.25), walker(-8.0, 8.0, 3.0), zones=zones, rule=rule)


@pytest.mark.slow
def test_somebody_beyond_the_median() -> None:
    island = {"name": "island", "polygon_m": [(-0.6, -3), (0.6, -3), (0.6, 3), (-0.6, 3)]}
    on_far_side = walker(-4.5, -0.2, 3.0)  # walks up to the island and waits there
    none(car(10, 6.6), on_far_side, zones=[island], rule={"medians": ["island"]})
    one(car(10, 6.6), on_far_side)  # without the island it is the middle of the road


@pytest.mark.slow
def test_somebody_on_the_median_has_the_way_when_leaving_it() -> None:
    island = {"name": "island", "polygon_m": [(-0.6, -3), (0.6, -3), (0.6, 3), (-0.6, 3)]}
    options = {"zones": [island], "rule": {"medians": ["island"]}}
    none(car(10, 8.0), walker(-0.1, 0.0, 3.0), **options)  # type: ignore[arg-type]
    one(car(3, 5.6, lane_m=2.3), walker(-0.1, 1.2, 3.0, mps=0.5), **options)  # type: ignore[arg-type]


@pytest.mark.slow
def test_somebody_who_steps_out_right_before_the_car() -> None:
    none(car(14, 5.0), walker(3.8, -4.5, 4.0, mps=0.8), because="no_fair_chance")


@pytest.mark.slow
def test_a_car_that_is_over_the_crosswalk_already() -> None:
    none(car(3, 6.0), walker(4.2, -4.5, 6.6))


@pytest.mark.slow
def test_somebody_who_walks_along_the_pavement() -> None:
    none(car(10, 7.0), Someone("person", lambda t: (3.8, -10 + 1.4 * t)))
    none(car(10, 7.0), Someone("person", lambda t: (3.3, -10 + 1.4 * t)))  # a zone drawn over the kerb


@pytest.mark.slow
def test_a_car_that_turns_off_before() -> None:
    def turns(t: float) -> tuple[float, float]:
        s = 6.0 * (t - 3.0)
        if s < 0:
            return LANE_M, -12.0 + s
        angle = min(s / 6.0, np.pi / 2)
        rest = max(0.0, s - 6.0 * np.pi / 2)
        return LANE_M + 6.0 * (1 - np.cos(angle)) + rest, -12.0 + 6.0 * np.sin(angle)

    none(Someone("car", turns), walker(-4.5, 4.5, 3.0))


@pytest.mark.slow
def test_a_car_that_turns_in_and_leaves_before_anybody_comes() -> None:
    def turns(t: float) -> tuple[float, float]:
        s = 6.0 * (t - 2.5)
        angle = min(max(s / 6.0, 0.0), np.pi / 2)
        early, late = min(s, 0.0), max(0.0, s - 6.0 * np.pi / 2)
        return 8.0 - early - 6.0 * np.sin(angle) - 0.0, -6.0 + 6.0 * (1 - np.cos(angle)) + late

    none(Someone("car", turns), walker(-4.5, 4.5, 4.5, y=0.0))


@pytest.mark.slow
def test_a_rider_and_a_driver_are_no_pedestrians() -> None:
    none(car(8, 6.0), Someone("person", lambda t: (1.9, -2.0 + 8 * (t - 6.0))))
    none(car(8, 6.0), Someone("person", lambda t: (-6 + 6.0 * (t - 5.0), 0.0)))


@pytest.mark.slow
def test_green_gives_the_car_the_way(tmp_path: FilePath) -> None:
    none(car(10, 5.9), walker(-4.5, 4.5, 3.0), lights=light(tmp_path, "green"))


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["unknown", "amber"])
def test_a_light_that_cannot_be_told_decides_nothing(tmp_path: FilePath, phase: Phase) -> None:
    none(car(10, 5.9), walker(-4.5, 4.5, 3.0), lights=light(tmp_path, phase), because="signal_unclear")


@pytest.mark.parametrize("flashes_s", first(3.9, 4.9, 3.1, 3.2, 4.0, 4.4, 5.0))
def test_the_dark_half_of_flashing_green_takes_nobody_s_way(tmp_path: FilePath, flashes_s: float) -> None:
    """For three seconds before amber, as the picture shows it: dark is believed after a while, and taken back."""
    memory, said = Memory(), list[tuple[float, Phase]]()
    for k in range(160):
        s, since_s = k / 10, k / 10 - flashes_s
        lit: Phase = "green" if since_s < 0.0 or since_s % 1.0 < 0.5 else "off"
        phase: Phase = lit if since_s < 3.0 else "amber" if since_s < 6.0 else "red"
        memory.see(START + timedelta(seconds=s), Reading(phase, 0.9))
        if memory.state is not None and (not said or said[-1][1] != memory.state.phase):
            said.append((s, memory.state.phase))
    events, _ = play(
        car(10, 5.9), walker(-4.5, 4.5, 3.0), lights=phases(tmp_path, *said, (60.0, said[-1][1]))
    )
    assert events == []


# What cannot be known


@pytest.mark.slow
def test_places_known_too_badly_are_refused() -> None:
    none(car(10, 5.9), walker(-4.5, 4.5, 3.0), error_m=3.0, noise_m=0.3, because="too_uncertain")


@pytest.mark.slow
def test_a_car_that_appears_on_the_crosswalk_is_refused() -> None:
    way = car(10, 5.9).way
    none(
        Someone("car", lambda t: way(t) if t > 6.05 else None),
        walker(-4.5, 4.5, 3.0),
        because="not_seen_before",
    )


def test_a_car_that_vanishes_on_the_crosswalk_is_refused() -> None:
    way = car(10, 5.9).way
    gone = Someone("car", lambda t: way(t) if t < 6.3 else None)
    none(gone, walker(-4.5, 4.5, 3.0), because="not_seen_leaving")


@pytest.mark.slow
def test_somebody_hidden_for_a_moment_is_still_there() -> None:
    way = walker(-4.5, 4.5, 3.0).way
    one(car(10, 5.9), Someone("person", lambda t: way(t) if not 5.9 < t < 6.4 else None))


@pytest.mark.slow
def test_somebody_not_seen_when_it_matters_is_left_out() -> None:
    way = walker(-4.5, 4.5, 3.0).way
    none(car(10, 5.9), Someone("person", lambda t: way(t) if not 4.5 < t < 7.5 else None))


@pytest.mark.slow
def test_noise_does_not_change_the_verdicts() -> None:
    one(car(10, 5.9), walker(-4.5, 4.5, 3.0), noise_m=0.25, error_m=0.3)
    none(braking_car(10, -2.6, 4.0), walker(-4.5, 4.5, 3.0), noise_m=0.25, error_m=0.3)


def test_the_rule_says_what_it_does() -> None:
    from flows.domain.ruleset import FailureToYieldRule

    said = describe(FailureToYieldRule(crosswalk="c", medians=("island",), signal="light"), KZ)
    assert "over crosswalk c, medians island" in said
    assert "not while light is green; KoAP RK 600 (to be confirmed by counsel)" in said


@pytest.mark.slow
def test_a_box_narrower_than_a_person_is_still_one() -> None:
    one(car(10, 6.1), walker(-4.5, 4.5, 3.0), rule={"half_lane_m": 0.3})
