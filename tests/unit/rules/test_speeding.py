from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

import driving
import numpy as np
import pytest
from pydantic import ValidationError

from flows.domain.events import SPEEDING, Event, Violation
from flows.domain.fixes import Fix
from flows.domain.frames import VOUCHED_CLOCKS, ClockSource, ClockState, Frame, NoPixels
from flows.domain.ruleset import SpeedingRule
from flows.domain.site import CalibrationConfig, CameraConfig
from flows.domain.tracks import Sighting, Track
from flows.jurisdiction import load_profile
from flows.pictures.landmarks import Shift
from flows.pictures.steadiness import Allowance, SteadyConfig
from flows.pipeline import CameraPipeline, run_frames
from flows.road.geometry import inside_polygon
from flows.road.ground import GroundPlane
from flows.road.roadway import Roadway
from flows.road.speed import Refusal, SpeedEstimate
from flows.rules import build_rules
from flows.rules.base import Moment, Site
from flows.rules.hiding import Occlusion, Rests
from flows.rules.speeding import Speeding, describe

KZ = load_profile("kz")


def rule(
    *,
    limit_kmh: float = 60.0,
    survey: bool | CalibrationConfig = True,
    heard: list[Any] | None = None,
    **options: Any,
) -> Speeding:
    """The rule on a gantry camera; ``options`` go to the camera, some of them to the rule."""
    own = {k: options.pop(k) for k in ("zone", "tolerance_kmh", "class_limits_kmh") if k in options}
    config = SpeedingRule(limit_kmh=limit_kmh, **own)
    calibration = survey if isinstance(survey, CalibrationConfig) else driving.survey(driving.camera())
    camera = CameraConfig.model_validate(
        {
            "id": "road-1",
            "district": "alatau",
            "source": {"kind": "scene", "scene": "road"},
            "rules": [config.model_dump()],
            **options,
        }
    )
    listen = None if heard is None else lambda track, verdict: heard.append(verdict)
    ground = GroundPlane.fit(calibration) if survey else None
    return Speeding(config, Site(camera, KZ, ground, Roadway.of(camera, ground)), on_verdict=listen)


def moment(at: Any = driving.START, size: tuple[int, int] = (1280, 720), rate_hz: float = 12.5) -> Moment:
    return Moment(at, 0, *size, driving.clock(rate_hz))


def judge(speeding: Speeding, track: Track, now: Moment | None = None) -> list[Event]:
    """The whole life of a track: seen in every frame, then forgotten."""
    now = now or moment(track.last_at)
    return speeding.observe([track], now) + speeding.forget(track, now)


def drive(kmh: Any, **options: Any) -> list[Sighting]:
    return driving.drive(driving.camera(), kmh, **options)


def violation(event: Event) -> Violation:
    return Violation.model_validate({k: v for k, v in event.data.items() if k in Violation.model_fields})


def test_a_speeding_vehicle_is_one_event_with_its_evidence() -> None:
    boxes = drive(85.0)
    (event,) = judge(rule(), driving.track(boxes))
    facts = violation(event)
    assert (event.type, event.source, event.subject) == (SPEEDING, "/cameras/road-1", "alatau")
    assert facts.measured["speed"].value == pytest.approx(85, abs=2)
    assert facts.measured["speed"].low > 70
    assert facts.threshold == {"limit_kmh": 60.0, "tolerance_kmh": 10.0}
    assert facts.article == "KoAP RK 592(2)"
    assert [m.name for m in facts.moments] == ["first", "last"]
    assert event.time == facts.moments[-1].at  # decisive: where it was seen largest
    assert {m.at for m in facts.moments} <= {s.at for s in boxes}
    assert facts.trace[0][0] == 0.0
    assert len(facts.trace) > 10
    assert facts.calibration["id"] == "survey-7"
    assert facts.clock["rate_hz"] == 12.5
    assert facts.position_m is not None


@pytest.mark.parametrize("share", [0.5, 1.1])
def test_pictures_of_who_is_covered_do_not_show_who_covers_it(share: float) -> None:
    """A slow one draws along before it, over half of its box or all of it, at the end."""
    speeding, boxes = rule(), drive(85.0)
    car, other = Track(1, "car", confirmed=True), Track(2, "car", confirmed=True)
    events, rests = list[Event](), Rests()
    for k, s in enumerate(boxes):
        x0, y0, x1, y1 = (float(v) for v in s.xyxy)
        nearer = (x0 - 30, y1 - share * (y1 - y0), x1 + 30, y1 + 10)
        car.sightings.append(s)
        if k >= len(boxes) // 2:
            other.sightings.append(replace(s, xyxy=np.array(nearer, np.float32)))
        seen = [car, other] if other.sightings else [car]
        rests.see(seen, s.at)
        events += speeding.observe(seen, replace(moment(s.at), rests=rests))
    events += speeding.forget(car, replace(moment(boxes[-1].at), rests=rests))
    (event,) = events
    moments = {m.name: m for m in violation(event).moments}
    covers = {s.at: s.xyxy for s in other.sightings}
    assert all(m.shown is not None for m in moments.values() if m.at in covers and not m.covered)
    assert all(m.shown[3] <= covers[m.at][1] + 0.1 for m in moments.values() if m.shown is not None)
    assert not moments["first"].covered
    assert moments["last"].covered == (share > 1)
    assert ("closest" in moments) == (share > 1)


def followed(speeding: Speeding, kmh: float, frames: int = 7) -> list[Event]:
    """Two that drive away from the gantry, one so many frames behind the other and nearer to the camera.

    Of the one in front there is to be seen what the one behind leaves: its box ends where the nearer one begins.
    """
    car, other = Track(1, "car", confirmed=True), Track(2, "car", confirmed=True)
    boxes = {s.frame_index: s for s in drive(kmh, away=True)}
    behind = {s.frame_index + frames: s for s in drive(kmh, away=True, seed=1)}
    events = list[Event]()
    for k in sorted(boxes.keys() | behind.keys()):
        at = driving.START + timedelta(seconds=k / driving.FPS)
        x0, y0, x1, y1 = boxes[k].xyxy if k in boxes else (0, 0, 0, 0)
        low = min(y1, behind[k].xyxy[1]) if k in behind else y1
        if low - y0 > 8:
            car.sightings.append(Sighting(at, k, np.array([x0, y0, x1, low], np.float32), score=0.9))
        if k in behind:
            other.sightings.append(replace(behind[k], at=at, frame_index=k))
        seen = [t for t in (car, other) if t.sightings and t.last_at == at]
        events += speeding.observe(seen, replace(moment(at), occlusion=Occlusion(seen)))
    return events + speeding.forget(car, moment(car.last_at))


@pytest.mark.parametrize("frames", [6, 7, 10])
@pytest.mark.parametrize(("kmh", "told"), [(68.0, 0), (90.0, 1)])
def test_who_is_followed_closely_is_measured_by_what_the_one_behind_leaves_in_sight(
    kmh: float, told: int, frames: int
) -> None:
    heard: list[Any] = []
    events = followed(rule(heard=heard), kmh, frames)
    assert len(events) == told
    (verdict,) = heard
    assert verdict.low_kmh <= kmh <= verdict.high_kmh


def test_the_picture_between_is_of_the_vehicle_that_was_measured() -> None:
    """The tracker took another for it meanwhile, which shows more of itself; at both ends it is all covered."""
    boxes = drive(85.0)
    middle, rests = len(boxes) // 2, Rests()
    other = {k: drive(40.0, lane_m=-5.0, seed=2)[-20 + k] for k in range(4)}
    own = [s for k, s in enumerate(boxes) if k - middle not in other]
    seen = [
        replace(other[k - middle], at=s.at, frame_index=s.frame_index) if k - middle in other else s
        for k, s in enumerate(boxes)
    ]
    hides = {s.at for s in own if s.at < boxes[middle - 3].at or s.at > boxes[middle + 6].at}
    car, nearer = Track(1, "car", confirmed=True), Track(2, "bus", confirmed=True)
    for s in seen:
        car.sightings.append(s)
        nearer.sightings.append(replace(s, xyxy=s.xyxy + np.array([-30, -30, 30, 30], np.float32)))
        rests.see([car, nearer] if s.at in hides else [car], s.at)
    (event,) = judge(rule(), car, replace(moment(boxes[-1].at), rests=rests))
    moments = {m.name: m for m in violation(event).moments}
    assert {name: m.covered for name, m in moments.items()} == {"first": True, "closest": False, "last": True}
    assert moments["closest"].at in {s.at for s in own}


@pytest.mark.parametrize(("kmh", "count"), [(55.0, 0), (69.0, 0), (70.6, 0), (75.0, 1)])
def test_only_what_is_surely_over_limit_and_tolerance(kmh: float, count: int) -> None:
    assert len(judge(rule(), driving.track(drive(kmh)))) == count


def test_site_file_may_set_the_tolerance() -> None:
    boxes = drive(66.0)
    assert len(judge(rule(tolerance_kmh=3.0), driving.track(boxes))) == 1
    assert judge(rule(), driving.track(boxes)) == []


def test_same_footage_same_id_whatever_the_tracker_counted() -> None:
    boxes = drive(85.0)
    (a,) = judge(rule(), driving.track(boxes, id=1))
    (b,) = judge(rule(), driving.track(boxes, id=99))
    (c,) = judge(rule(), driving.track(drive(85.0, start=driving.START + timedelta(seconds=9))))
    assert a.id == b.id != c.id


@pytest.mark.parametrize("gap", [0, 4, 12])
def test_a_track_that_breaks_in_two_is_one_event(gap: int) -> None:
    boxes = drive(80.0)
    middle = len(boxes) // 2
    speeding = rule()
    first, second = driving.track(boxes[:middle], 1), driving.track(boxes[middle + gap :], 2)
    assert len(judge(speeding, first) + judge(speeding, second)) == 1


def test_two_tracks_on_one_vehicle_are_one_event() -> None:
    speeding = rule()
    a, b = driving.track(drive(80.0, seed=1), 1), driving.track(drive(80.0, seed=2), 2)
    assert len(judge(speeding, a) + judge(speeding, b)) == 1


@pytest.mark.parametrize("headway_s", [0.9, 2.0, 6.0])
def test_vehicles_that_follow_one_another_are_an_event_each(headway_s: float) -> None:
    speeding = rule()
    later = driving.START + timedelta(seconds=headway_s)
    events = judge(speeding, driving.track(drive(80.0), 1))
    events += judge(speeding, driving.track(drive(80.0, start=later, seed=3), 2))
    assert len({e.id for e in events}) == 2


def test_vehicles_side_by_side_are_an_event_each() -> None:
    speeding = rule()
    events = judge(speeding, driving.track(drive(80.0, lane_m=-1.75), 1))
    events += judge(speeding, driving.track(drive(80.0, lane_m=-5.0), 2))
    assert len({e.id for e in events}) == 2


def test_two_vehicles_that_the_tracker_joined_are_an_event_each() -> None:
    there = drive(90.0, cut=True)
    back = drive(80.0, away=True, cut=True, start=there[-1].at + timedelta(seconds=0.3))
    events = judge(rule(), driving.track(there + back))
    assert [round(violation(e).measured["speed"].value / 10) for e in events] == [9, 8]


@pytest.mark.slow
def test_a_track_that_goes_over_to_the_next_car_never_tells_a_speed_in_between() -> None:
    """Behind a bus the tracker loses a car and takes the one behind it for it: on the way both fell back."""
    one = drive(100.0)
    for gap_s in (0.5, 0.8, 1.1):
        other = drive(100.0, start=driving.START + timedelta(seconds=gap_s), seed=5)
        for cut in range(15, len(one) - 5):
            seen = one[:cut] + [s for s in other if s.at > one[cut - 1].at]
            for event in judge(rule(), driving.track(seen)):
                speed = violation(event).measured["speed"]
                assert speed.low < 100 < speed.high, (gap_s, cut, speed)


def test_boxes_that_jump_to_and_fro_between_two_speeds_are_no_measurement() -> None:
    """A lorry whose front and load are boxed by turns is one vehicle, and not the faster of two."""
    load, front = drive(65.0), drive(95.0, seed=2)
    turns = [(load, front)[i % 5 < 2][i] for i in range(8, min(len(load), len(front)))]
    speeding = rule()
    assert judge(speeding, driving.track(turns)) == []
    assert speeding.refusals() == {"disagreement": 1}
    assert len(judge(rule(), driving.track(front[8:]))) == 1


def test_a_vehicle_that_speeds_and_then_waits_is_reported_while_it_waits() -> None:
    speeding = rule()
    boxes = drive(90.0)[:-4]
    standing = [
        Sighting(boxes[-1].at + timedelta(seconds=k / 5), boxes[-1].frame_index + k, boxes[-1].xyxy, 0.9)
        for k in range(1, 120)
    ]
    seen = driving.track(boxes, 7)
    events: list[Event] = []
    for sighting in standing:
        seen.sightings.append(sighting)
        events += speeding.observe([seen], moment(sighting.at))
    assert len(events) <= 1
    events += speeding.forget(seen, moment(seen.last_at))
    assert len(events) == 1


@pytest.mark.parametrize(
    ("options", "now", "reason"),
    [
        ({"platform": "drone"}, {}, "platform"),
        ({"survey": False}, {}, "no_calibration"),
        ({}, {"size": (640, 480)}, "calibration_void"),
        ({}, {"rate_hz": float("nan")}, "rate_unmeasured"),
    ],
)
def test_an_unfit_camera_refuses_and_counts(
    options: dict[str, Any], now: dict[str, Any], reason: str
) -> None:
    speeding = rule(**options)
    track = driving.track(drive(90.0))
    assert judge(speeding, track, moment(track.last_at, **now)) == []
    assert speeding.refusals() == {reason: 1}


def test_a_survey_that_nothing_checks_measures_nobody() -> None:
    """Four points fit any plane, also when one of them was marked in the wrong place."""
    survey = driving.survey(driving.camera())
    corners = tuple(survey.points[i] for i in (0, 1, -2, -1))
    speeding = rule(survey=survey.model_copy(update={"points": corners}))
    assert judge(speeding, driving.track(drive(90.0))) == []
    assert speeding.refusals() == {"survey_unchecked": 1}


@pytest.mark.parametrize(("days", "valid"), [(-30, True), (-32, False), (334, True), (335, False)])
def test_survey_counts_by_local_days(days: int, valid: bool) -> None:
    """Surveyed on 1 May 2026, valid to 1 May 2027; footage of 1 June 11:00 in Almaty, moved by some days."""
    speeding = rule()
    events = judge(speeding, driving.track(drive(90.0, start=driving.START + timedelta(days=days))))
    assert (len(events) == 1) is valid
    assert speeding.refusals() == ({} if valid else {"calibration_expired": 1})


def test_pictures_of_two_sizes_in_one_track_are_refused() -> None:
    speeding = rule()
    track = driving.track(drive(90.0))
    speeding.observe([track], moment(track.last_at))
    assert judge(speeding, track, moment(track.last_at, (2560, 1440))) == []
    assert speeding.refusals() == {"disagreement": 1}


def test_people_and_parked_cars_are_neither_judged_nor_refused() -> None:
    speeding = rule()
    walker = driving.track(drive(90.0), cls="person")
    one = drive(90.0)[10]
    parked = driving.track(
        [
            Sighting(one.at + timedelta(seconds=k), k, one.xyxy + np.float32(0.2 * (k % 2)), 0.9)
            for k in range(30)
        ]
    )
    assert judge(speeding, walker) + judge(speeding, parked) == []
    assert speeding.refusals() == {}


def test_a_zone_limits_what_is_measured() -> None:
    heard: list[SpeedEstimate | Refusal] = []
    near = [(0.0, 300.0), (1280.0, 300.0), (1280.0, 720.0), (0.0, 720.0)]
    zones = [{"name": "near", "polygon_px": near}]
    judge(rule(zone="near", zones=zones, heard=heard), driving.track(drive(50.0)))
    (verdict,) = heard
    assert isinstance(verdict, SpeedEstimate)
    assert verdict.first.xyxy[3] >= 300
    assert verdict.value_kmh == pytest.approx(50, abs=2)


def test_inside_polygon_of_a_concave_shape() -> None:
    shape = np.array([(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (2.0, 1.0), (0.0, 4.0)])
    points = np.array([(0.5, 1.0), (2.0, 3.0), (3.8, 3.0), (5.0, 1.0)])
    assert inside_polygon(points, shape).tolist() == [True, False, True, False]


@pytest.mark.parametrize(("error_px", "error_m"), [(2.0, 0.05), (3.0, 0.3)])
def test_where_a_knocked_camera_lies_widens_the_interval(error_px: float, error_m: float) -> None:
    """The picture lies higher by what one surveyed place leaves open, so the camera is fit; all places know better."""
    survey = driving.survey(driving.camera(), error_px=error_px, error_m=error_m)
    allowance = Allowance(GroundPlane.fit(survey), (1280, 720), SteadyConfig())
    up = max(
        px
        for px in np.arange(0, 8, 0.1)
        if allowance.of(np.array([[0, -px]] * len(survey.points))).excess < 1
    )
    shift = Shift(np.eye(2), np.array([0.0, -up]))
    heard: list[Any] = []
    for seed in range(12):
        boxes = drive(69.5, away=bool(seed % 2), seed=seed)
        lies = [replace(s, xyxy=s.xyxy - np.array([0, up, 0, up], np.float32)) for s in boxes]
        now = replace(moment(lies[-1].at), shift=shift)
        assert judge(rule(survey=survey, heard=heard), driving.track(lies), now) == []
    held = [v.low_kmh <= 69.5 <= v.high_kmh for v in heard if isinstance(v, SpeedEstimate)]
    assert all(held)
    assert len(held) >= 6


def test_rule_says_what_it_does() -> None:
    text = describe(SpeedingRule(limit_kmh=60), KZ)
    assert "70 km/h" in text
    assert "KoAP RK 592" in text
    assert "counsel" in text
    assert "hide wheels" in text
    assert "hide wheels" not in describe(SpeedingRule(limit_kmh=60, zone="lane"), KZ)


def radar(
    kmh: float, clock_source: ClockSource = "device", **camera: Any
) -> tuple[list[Event], dict[str, int]]:
    """Events and refusals of a car on a tracks source, 3 s at 20 Hz along +y, through the whole pipeline."""
    config = {
        "id": "radar-1",
        "district": "alatau",
        "source": {"kind": "tracks", "path": "none.csv", "error_m": 0.2},
        "rules": [{"kind": "speeding", "limit_kmh": 60, **camera.pop("rule", {})}],
        **camera,
    }
    pipeline = CameraPipeline.build(CameraConfig.model_validate(config), KZ)
    clock = ClockState(clock_source, driving.START, 20.0)
    frames = [
        Frame(
            "radar-1", i, driving.START + timedelta(seconds=i / 20), NoPixels(0, 0), clock,
            fixes=(Fix("17", "car", (1.5, kmh / 3.6 * i / 20)), Fix("18", "person", (9.0, 1.4 * i / 20))),
        )
        for i in range(60)
    ]  # fmt: skip
    return list(run_frames(frames, pipeline)), pipeline.refusals()


def reported(kmh: float, **camera: Any) -> list[Event]:
    """Its events alone."""
    return radar(kmh, **camera)[0]


@pytest.mark.parametrize("source", get_args(ClockSource))
def test_no_speed_is_measured_by_a_clock_that_nobody_vouches_for(source: ClockSource) -> None:
    speeding, track = rule(), driving.track(drive(85.0))
    now = moment(track.last_at)
    events = judge(speeding, track, replace(now, clock=replace(now.clock, source=source)))
    if source in VOUCHED_CLOCKS:
        assert (len(events), speeding.refusals()) == (1, {})
        assert radar(85, source)[1] == {}
    else:
        assert (events, speeding.refusals()) == ([], {"clock": 1})
        assert radar(85, source) == ([], {"clock": 1})


def test_tracks_in_metres_are_judged_without_a_picture() -> None:
    (event,) = reported(85)
    facts = violation(event)
    assert facts.measured["speed"].value == pytest.approx(85, abs=0.1)
    assert 80 < facts.measured["speed"].low < 85
    assert [(m.name, m.xyxy) for m in facts.moments] == [("first", None), ("last", None)]
    assert facts.calibration == {}
    assert facts.article == "KoAP RK 592(2)"
    assert reported(69) == []


def test_a_zone_in_metres_holds_for_tracks_too() -> None:
    lane = {"name": "lane", "polygon_m": [[0, 0], [3, 0], [3, 80], [0, 80]]}
    other = {"name": "lane", "polygon_m": [[5, 0], [8, 0], [8, 80], [5, 80]]}
    assert len(reported(85, zones=[lane], rule={"zone": "lane"})) == 1
    assert reported(85, zones=[other], rule={"zone": "lane"}) == []


@pytest.mark.parametrize(
    ("cls", "kmh", "limit_kmh"),
    [("car", 66.0, None), ("truck", 66.0, 50.0), ("truck", 56.0, None), ("car", 75.0, 60.0)],
)
def test_a_class_may_have_a_limit_of_its_own(cls: str, kmh: float, limit_kmh: float | None) -> None:
    body = driving.car(8.0, 2.42, 0.36) if cls == "truck" else None
    events = judge(rule(class_limits_kmh={"truck": 50.0}), driving.track(drive(kmh, body=body), cls=cls))
    assert [violation(e).threshold["limit_kmh"] for e in events] == ([limit_kmh] if limit_kmh else [])


@pytest.mark.parametrize(
    ("truck_kmh", "car_kmh", "found"),
    [(45.0, 67.0, []), (45.0, 80.0, [("car", 60.0)]), (66.0, 67.0, [("truck", 50.0)])],
)
def test_who_is_taken_for_the_truck_before_it_is_held_to_its_own_limit(
    truck_kmh: float, car_kmh: float, found: list[tuple[str, float]]
) -> None:
    """The tracker gave both one number, and the truck has won the vote over its class."""
    truck = drive(truck_kmh, body=driving.car(8.0, 2.4))
    later = truck[-1].at + timedelta(seconds=1.2)
    car = drive(car_kmh, start=later, seed=3, body=driving.car(5.0, 1.9))
    boxes = [replace(s, cls="truck") for s in truck] + [replace(s, cls="car") for s in car]
    speeding = rule(class_limits_kmh={"truck": 50.0})
    facts = [violation(e) for e in judge(speeding, driving.track(boxes, cls="truck"))]
    assert [(f.cls, f.threshold["limit_kmh"]) for f in facts] == found
    assert speeding.refusals() == {}


@pytest.mark.parametrize(("trucks", "limits"), [(1 / 4, [50.0]), (1 / 2, [])])
def test_who_is_called_something_else_half_the_time_is_held_to_the_higher_limit(
    trucks: float, limits: list[float]
) -> None:
    """66 km/h, of which trucks may go 60 and cars 50."""
    boxes = [
        replace(s, cls="truck" if k % round(1 / trucks) == 0 else "car") for k, s in enumerate(drive(66.0))
    ]
    speeding = rule(limit_kmh=60, class_limits_kmh={"car": 50.0})
    facts = [violation(e) for e in judge(speeding, driving.track(boxes, cls="car"))]
    assert [f.threshold["limit_kmh"] for f in facts] == limits
    assert speeding.refusals() == ({} if limits else {"class_unsure": 1})


def test_the_article_follows_from_the_limit_of_the_class() -> None:
    body = driving.car(8.0, 2.42, 0.36)
    limits = {"truck": 50.0}
    (truck,) = judge(rule(class_limits_kmh=limits), driving.track(drive(78.0, body=body), cls="truck"))
    (car,) = judge(rule(class_limits_kmh=limits), driving.track(drive(78.0)))
    assert violation(truck).article == "KoAP RK 592(2)"
    assert violation(car).article == "KoAP RK 592(1)"


def test_a_limit_for_an_unknown_class_is_named() -> None:
    with pytest.raises(
        ValidationError, match=r"class_limits_kmh: expected classes of the rule .* got 'lorry'"
    ):
        SpeedingRule(limit_kmh=60, class_limits_kmh={"lorry": 50})


LANES = [
    {"name": "left", "polygon_m": [(-7.0, 8.0), (-3.5, 8.0), (-3.5, 65.0), (-7.0, 65.0)]},
    {"name": "right", "polygon_m": [(-3.5, 8.0), (0.0, 8.0), (0.0, 65.0), (-3.5, 65.0)]},
]


@pytest.mark.parametrize("scale", [1.0, 0.5, 2.0])
@pytest.mark.parametrize("drawn_in", ["picture", "metres"])
@pytest.mark.parametrize(("lane_m", "reported"), [(-5.2, ["left"]), (-1.75, ["right"])])
def test_lanes_stay_where_they_are_in_pictures_of_another_size(
    scale: float, drawn_in: str, lane_m: float, reported: list[str]
) -> None:
    """A camera that sends half the size must not hold who drives in one lane against the limit of another."""
    plane = GroundPlane.fit(driving.survey(driving.camera()))
    zones = [
        zone
        if drawn_in == "metres"
        else {"name": zone["name"], "polygon_px": plane.to_px(np.array(zone["polygon_m"])).tolist()}
        for zone in LANES
    ]
    boxes = [replace(s, xyxy=np.asarray(s.xyxy) * scale) for s in drive(85.0, lane_m=lane_m)]
    track, size = driving.track(boxes), (round(1280 * scale), round(720 * scale))
    rules = {name: rule(limit_kmh=60, zone=name, zones=zones) for name in ("left", "right")}
    now = moment(track.last_at, size)
    assert [name for name, speeding in rules.items() if judge(speeding, track, now)] == reported


@pytest.mark.parametrize(("survey", "reason"), [(False, "no_calibration"), (True, "calibration_void")])
def test_in_a_zone_of_a_camera_that_cannot_measure_it_is_said_why(survey: bool, reason: str) -> None:
    speeding = rule(zone="right", zones=LANES, survey=survey)
    track = driving.track(drive(85.0))
    assert judge(speeding, track, moment(track.last_at, (1280, 720) if not survey else (640, 480))) == []
    assert speeding.refusals() == {reason: 1}


@pytest.mark.parametrize(
    ("lane_m", "kmh", "reported"), [(-5.2, 75.0, []), (-5.2, 95.0, ["left"]), (-1.75, 75.0, ["right"])]
)
def test_each_lane_may_have_a_limit_of_its_own(lane_m: float, kmh: float, reported: list[str]) -> None:
    """Two rules of one camera: 80 km/h in the left lane, 60 in the right one."""
    rules = {
        "left": rule(limit_kmh=80, zone="left", zones=LANES),
        "right": rule(limit_kmh=60, zone="right", zones=LANES),
    }
    track = driving.track(drive(kmh, lane_m=lane_m))
    assert [name for name, speeding in rules.items() if judge(speeding, track)] == reported


def test_who_speeds_in_two_lanes_is_reported_once() -> None:
    """One drive is one offence, whichever of the camera's rules speaks first."""
    camera = CameraConfig.model_validate(
        {
            "id": "road-1",
            "district": "alatau",
            "source": {"kind": "scene", "scene": "road"},
            "zones": LANES,
            "rules": [
                {"kind": "speeding", "limit_kmh": 60, "zone": "left"},
                {"kind": "speeding", "limit_kmh": 50, "zone": "right"},
            ],
        }
    )
    rules = build_rules(camera, KZ, GroundPlane.fit(driving.survey(driving.camera())))
    left, right = drive(90.0, lane_m=-5.2), drive(90.0, lane_m=-1.75)
    track = driving.track([*left[: len(left) // 2], *right[len(right) // 2 :]])
    seen, gone = moment(track.last_at), moment(track.last_at)
    events = [e for r in rules for e in r.observe([track], seen)] + [
        e for r in rules for e in r.forget(track, gone)
    ]
    assert [e.data["threshold"]["limit_kmh"] for e in events] == [60.0]  # type: ignore[index,call-overload]


@pytest.mark.parametrize(("kmh", "limits"), [(75.0, []), (100.0, [80.0])])
def test_where_the_class_wavers_the_higher_limit_holds(kmh: float, limits: list[float]) -> None:
    """Who may be a bus must not be held against the limit of cars."""
    speeding = rule(limit_kmh=80, class_limits_kmh={"car": 50})
    track = driving.track(drive(kmh))
    track.cls = "bus"
    events = speeding.observe([track], moment(track.last_at))
    track.cls = "car"
    events += judge(speeding, track)
    assert [violation(e).threshold["limit_kmh"] for e in events] == limits
    assert speeding.refusals() == ({} if limits else {"class_unsure": 1})
