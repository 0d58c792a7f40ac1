from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import driving
import pytest

from flows.domain.errors import FieldError
from flows.domain.events import SPEEDING, Event, KeyMoment, Measured, Violation
from flows.evaluation.events import evaluate_events, read_events
from flows.scenes.truth import CameraTruth, EventTruth, FrameTruth, ObjectTruth, SceneTruth

SPEEDS_KMH = {1: 80.0, 2: 65.0, 3: 100.0, 4: 50.0}
"""Limit 60: vehicle 2 is over the limit but within a tolerance of 10."""
COUNT = 50


def box(track: int, index: int) -> tuple[float, float, float, float]:
    x = 200.0 * track + 2 * index
    return x, 100.0, x + 80, 160.0


def at(index: int) -> timedelta:
    return timedelta(seconds=index / driving.FPS)


def scene(shift_px: float = 0.0) -> SceneTruth:
    """Four cars side by side, each at its speed; the boxes of another camera lie ``shift_px`` lower."""
    eye = driving.camera()

    def thing(track: int, index: int) -> ObjectTruth:
        x1, y1, x2, y2 = box(track, index)
        return ObjectTruth(
            track=track,
            cls="car",
            xyxy=(x1, y1 + shift_px, x2, y2 + shift_px),
            visible=1.0,
            ignore=False,
            x_m=0.0,
            y_m=0.0,
            speed_kmh=SPEEDS_KMH[track],
            heading_deg=0.0,
        )

    frames = tuple(
        FrameTruth(index=i, at=driving.START + at(i), objects=tuple(thing(t, i) for t in SPEEDS_KMH))
        for i in range(COUNT)
    )
    events = tuple(
        EventTruth(
            type=SPEEDING,
            track=track,
            cls="car",
            from_at=frames[5].at,
            until_at=frames[-5].at,
            speed_kmh=speed,
            limit_kmh=60.0,
        )
        for track, speed in SPEEDS_KMH.items()
        if speed > 60
    )
    return SceneTruth(
        scene="road",
        seed=0,
        options={},
        width_px=1280,
        height_px=720,
        fps=driving.FPS,
        started_at=driving.START,
        camera=CameraTruth(
            intrinsics=eye.intrinsics.tolist(),
            position_m=(0, 0, 7),
            rotation=eye.rotation.tolist(),
        ),
        calibration=driving.survey(eye),
        limit_kmh=60.0,
        frames=frames,
        events=events,
    )


def event(
    track: int,
    kmh: float,
    half_kmh: float = 1.5,
    tolerance_kmh: float = 10.0,
    camera: str = "a",
    first: int = 10,
    shift_px: float = 0.0,
) -> Event:
    moments = []
    for index in (first, first + 20):
        x1, y1, x2, y2 = box(track, index)
        corners = (x1 + 5, y1 + shift_px, x2 + 5, y2 + shift_px)
        moments.append(KeyMoment(name="first", at=driving.START + at(index), xyxy=corners))
    speed = Measured(value=kmh, low=kmh - half_kmh, high=kmh + half_kmh, unit="km/h")
    facts = Violation(
        rule="speeding",
        rule_version="1",
        track=77,
        cls="car",
        measured={"speed": speed},
        threshold={"limit_kmh": 60.0, "tolerance_kmh": tolerance_kmh},
        moments=moments,
    )
    data = facts.model_dump(mode="json") | {"measurement": {"sightings": 30}}
    return Event.of(
        SPEEDING, camera_id=camera, district="d", at=moments[-1].at, data=data, key=(track, first)
    )


def test_right_events_within_the_tolerance_are_complete() -> None:
    score = evaluate_events(scene(), [event(1, 81.0), event(3, 99.0)])
    assert (score.precision, score.recall, score.tp, score.fp, score.fn) == (1.0, 1.0, 2, 0, 0)
    assert score.speed_error_kmh == pytest.approx({"mean": 1.0, "median": 1.0, "max": 1.0})
    assert score.interval_coverage == 1.0
    assert score.half_width_kmh == pytest.approx(1.5)
    assert score.by_type[SPEEDING]["tp"] == 2


def test_without_tolerance_more_is_asked_for() -> None:
    events = [event(1, 81.0, tolerance_kmh=0), event(3, 99.0, tolerance_kmh=0)]
    score = evaluate_events(scene(), events)
    assert (score.fn, score.missed) == (1, ["car 2 at 65.0 km/h"])
    assert evaluate_events(scene(), events, tolerance_kmh=10.0).fn == 0
    assert evaluate_events(scene(), []).fn == 3


def test_false_reports_count_against_precision() -> None:
    slow = event(4, 75.0)
    score = evaluate_events(scene(), [event(1, 80.0), event(3, 100.0), slow, event(2, 73.0)])
    assert (score.tp, score.fp, score.fn) == (2, 2, 0)
    assert score.precision == 0.5
    assert slow.id in score.wrong


def test_second_report_of_a_vehicle_is_false() -> None:
    again = event(1, 80.0, first=25)
    score = evaluate_events(scene(), [event(1, 80.0), again, event(3, 100.0)])
    assert (score.tp, score.fp) == (2, 1)


def test_event_that_shows_nothing_of_the_truth_is_false() -> None:
    score = evaluate_events(scene(), [event(1, 80.0, shift_px=300.0)])
    assert (score.tp, score.fp, score.fn) == (0, 1, 2)
    assert score.speed_error_kmh == {}


def test_intervals_that_miss_the_truth_are_seen() -> None:
    score = evaluate_events(scene(), [event(1, 84.0), event(3, 100.5)])
    assert score.interval_coverage == 0.5
    assert score.speed_error_kmh["max"] == pytest.approx(4.0)


def test_cameras_are_told_apart_by_what_they_show() -> None:
    events = [
        event(1, 80.0, camera="b", shift_px=300.0),
        event(3, 100.0, camera="b", shift_px=300.0),
        event(1, 80.0, camera="a"),
    ]
    score = evaluate_events([scene(), scene(shift_px=300.0)], events)
    assert (score.tp, score.fp, score.fn) == (3, 0, 1)


def test_files_and_other_kinds_of_events(tmp_path: Path) -> None:
    truth, events = tmp_path / "truth.json", tmp_path / "events.jsonl"
    truth.write_text(scene().model_dump_json())
    other = Event.of("dome.camera.state.v1", camera_id="a", district="d", at=driving.START, data={})
    events.write_text("\n".join(e.model_dump_json() for e in (event(1, 80.0), other)) + "\n\n")
    score = evaluate_events(truth, events)
    assert (score.tp, score.fp, score.fn) == (1, 0, 1)


def test_malformed_files_are_told_by_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(event(1, 80.0).model_dump_json() + '\n{"id": "x"}\n')
    with pytest.raises(FieldError, match=r"line 2: .*events.jsonl: type"):
        read_events(path)
    with pytest.raises(FieldError, match="readable file"):
        evaluate_events(tmp_path / "absent.json", path)
    with pytest.raises(FieldError, match="a scene's truth"):
        evaluate_events(path, [])
