from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import pytest
import street
from numpy.typing import NDArray

from flows.domain.belts import SEAT_BELT, candidate_of
from flows.domain.detections import Detections
from flows.domain.errors import CalibrationError
from flows.domain.events import SPEEDING, Event, KeyMoment, Violation
from flows.domain.frames import ClockState, Frame
from flows.domain.ruleset import AbandonedObjectRule, FailureToYieldRule, Rule, SpeedingRule
from flows.domain.site import GateConfig, StreamSource, Zone
from flows.domain.tracks import Track
from flows.jurisdiction import load_profile
from flows.pictures.cropping import CROP_MARGIN
from flows.pictures.sampling import Sampler
from flows.pipeline import LAG_FRAMES, CameraPipeline, HeldEvents, run_frames, without_pixels
from flows.rules.base import Moment
from flows.rules.pins import PinBook
from flows.rules.reporting import Reporter
from flows.sources.picture import ArrayPicture

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
PROFILE = load_profile("kz")
CARS = [street.Car(72, 40), street.Car(40, 30, 1, 2.8)]


def make_frames(count: int, cars: list[street.Car] | None = None) -> Iterator[Frame]:
    clock = ClockState("site", START, rate_hz=street.FPS)
    for index in range(count):
        t_s = index / street.FPS
        bgr = drawn(t_s) if cars is None else picture(cars, t_s)
        yield Frame("road", index, START + timedelta(seconds=t_s), ArrayPicture(bgr), clock)


def picture(cars: list[street.Car], t_s: float) -> NDArray[np.uint8]:
    return np.asarray(street.draw(cars, t_s))[:, :, ::-1].copy()


@cache
def drawn(t_s: float) -> NDArray[np.uint8]:
    """Of :data:`CARS`, whom most tests watch."""
    bgr = picture(CARS, t_s)
    bgr.flags.writeable = False
    return bgr


def play(pipeline: CameraPipeline, frames: int = 45) -> list[Event]:
    return list(run_frames(make_frames(frames), pipeline, street.ColourDetector()))


@pytest.mark.slow
def test_one_event_for_the_one_that_is_too_fast() -> None:
    events = play(CameraPipeline.build(street.camera(), PROFILE))
    assert [e.type for e in events] == [SPEEDING]
    assert events[0].data["measured"]["speed"]["value"] == pytest.approx(72, rel=0.06)  # type: ignore[index,call-overload]


@pytest.mark.slow
def test_the_same_frames_give_the_same_events_however_late_the_answers_come() -> None:
    at_once = play(CameraPipeline.build(street.camera(), PROFILE))
    pipeline, detector = CameraPipeline.build(street.camera(), PROFILE), street.ColourDetector()
    late: list[Event] = []
    waiting: list[tuple[Frame, Detections | None]] = []

    def settle() -> None:
        frame, found = waiting.pop(0)
        late.extend(pipeline.skip(frame) if found is None else pipeline.step(frame, found))

    for number, frame in enumerate(make_frames(45)):
        passes = pipeline.admit(frame).passes
        waiting.append((without_pixels(frame), detector.detect([frame.picture.bgr()])[0] if passes else None))
        while len(waiting) > (number * 7) % LAG_FRAMES:
            settle()
    while waiting:
        settle()
    late.extend(pipeline.close())
    assert late == at_once


def test_running_too_far_ahead_is_refused() -> None:
    pipeline = CameraPipeline.build(street.camera(), PROFILE)
    frames = make_frames(LAG_FRAMES + 1, cars=[])
    for _ in range(LAG_FRAMES):
        pipeline.admit(next(frames))
    with pytest.raises(RuntimeError, match="too far ahead"):
        pipeline.admit(next(frames))


@pytest.mark.slow
def test_every_frame_is_counted_once() -> None:
    pipeline = CameraPipeline.build(street.camera(sample_hz=5), PROFILE)
    list(run_frames(make_frames(50, cars=[]), pipeline, street.ColourDetector()))
    counts = pipeline.counts
    assert counts.read == 50 == counts.sampled_out + counts.gated + counts.detected
    assert counts.sampled_out == 30
    assert counts.gated > 0


@pytest.mark.parametrize("every_s", [1, 4, 10])
def test_who_stands_there_is_one_track_however_seldom_a_camera_is_asked_to_look(every_s: int) -> None:
    camera = street.camera(sample_hz=1 / every_s, gate=GateConfig(enabled=False))
    pipeline, clock = CameraPipeline.build(camera, PROFILE), ClockState("site", START, rate_hz=1.0)
    frames = (
        Frame("road", n, START + timedelta(seconds=n), ArrayPicture(drawn(0.0)), clock)
        for n in range(6 * every_s)
    )
    list(run_frames(frames, pipeline, street.ColourDetector()))
    assert [track.id for track in pipeline.tracks] == [1, 2]


@pytest.mark.slow
def test_a_gate_that_is_off_passes_everything() -> None:
    pipeline = CameraPipeline.build(street.camera(gate=GateConfig(enabled=False)), PROFILE)
    list(run_frames(make_frames(20, cars=[]), pipeline, street.ColourDetector()))
    assert pipeline.counts.detected == 20


@pytest.mark.slow
def test_a_camera_without_survey_refuses_and_says_why() -> None:
    pipeline = CameraPipeline.build(street.camera(calibration=None), PROFILE)
    assert play(pipeline) == []
    assert pipeline.refusals().get("no_calibration", 0) >= 1


def test_a_survey_that_determines_no_plane_is_refused() -> None:
    points = tuple(
        p.model_copy(update={"px": (10.0 * i, 10.0 * i)}) for i, p in enumerate(street.SURVEY.points)
    )
    bad = street.SURVEY.model_copy(update={"points": points})
    with pytest.raises(CalibrationError):
        CameraPipeline.build(street.camera(calibration=bad), PROFILE)


@pytest.mark.slow
def test_a_rule_that_fails_takes_no_other_s_violation_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does it shift what the gate knows: nobody is too far ahead."""
    pipeline = CameraPipeline.build(street.camera(), PROFILE)

    class Broken:
        kind = "broken"

        def refusals(self) -> dict[str, int]:
            return {}

        def observe(self, *_: object) -> list[Event]:
            raise ZeroDivisionError("nothing to divide by")

        forget = observe

    monkeypatch.setattr(pipeline, "_rules", [Broken(), *pipeline._rules])
    events: list[Event] = []
    with pytest.raises(RuntimeError, match="the last one broken: ZeroDivisionError"):
        events.extend(run_frames(make_frames(45), pipeline, street.ColourDetector()))
    assert [e.type for e in events] == [SPEEDING]
    assert pipeline.counts.errors["broken"] > pipeline.counts.detected, (
        "each frame, and each track that ended"
    )
    assert pipeline.problem == "broken: ZeroDivisionError: nothing to divide by"


def test_pictures_of_every_rule_s_violations_show_nobody_nearer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plate is read wherever it is in a crop, and the nearer vehicle's is read best."""
    pipeline = CameraPipeline.build(street.camera(), PROFILE)
    truck, nearer = (100.0, 100.0, 200.0, 300.0), (210.0, 120.0, 300.0, 320.0)

    class Tells:
        kind = "tells"
        reporter = Reporter(SpeedingRule(limit_kmh=60), "1", street.camera(), PROFILE, None)

        def refusals(self) -> dict[str, int]:
            return {}

        def observe(self, tracks: Sequence[Track], moment: Moment) -> list[Event]:
            return [
                self.reporter.violation(
                    track=track.id, cls=track.cls, at=moment.at, clock=moment.clock, rests=moment.rests,
                    article="", measured={}, threshold={}, position_m=(0.0, 0.0),
                    moments=[KeyMoment(name="past", at=moment.at, xyxy=truck)],
                )
                for track in tracks
                if tuple(track.sightings[-1].xyxy.tolist()) == truck
            ]  # fmt: skip

        def forget(self, *_: object) -> list[Event]:
            return []

    monkeypatch.setattr(pipeline, "_rules", [Tells()])
    found = Detections(
        np.array([truck, nearer], np.float32), np.full(2, 0.9, np.float32), np.zeros(2, np.int32), ("car",)
    )
    events = []
    for frame in make_frames(6):
        pipeline.admit(frame)
        events += pipeline.step(frame, found)
    assert events
    for event in events:
        (moment,) = Violation.model_validate(event.data).moments
        assert moment.xyxy == truck, "it is marked, and found again, by all of its box"
        assert moment.shown is not None
        x0, _, x1, _ = moment.shown
        assert x1 + CROP_MARGIN * (x1 - x0) <= nearer[0] + 0.01


def test_live_cameras_let_the_gate_know_at_once() -> None:
    assert CameraPipeline.build(street.camera(), PROFILE).lag_frames == LAG_FRAMES
    live = street.camera(source=StreamSource(url="rtsp://x/y"))
    assert CameraPipeline.build(live, PROFILE).lag_frames == 0


def one_car(left_px: float) -> Detections:
    box = np.array([[left_px, 100, left_px + 100, 180]], np.float32)
    return Detections(box, np.full(1, 0.95, np.float32), np.zeros(1, np.int32), ("car",))


def test_a_car_keeps_its_number_over_frames_that_were_dropped() -> None:
    """A live camera's detector was away for a second, and the car drove on."""
    gate = GateConfig(enabled=False)
    pipeline = CameraPipeline.build(street.camera(rules=[], gate=gate), PROFILE)
    numbers = set()
    for index, frame in enumerate(make_frames(38, cars=[])):
        assert pipeline.admit(frame).passes
        if 13 <= index < 25:
            pipeline.skip(without_pixels(frame))
        else:
            pipeline.step(without_pixels(frame), one_car(12.0 * index))
            numbers |= {track.id for track in pipeline.tracks}
    assert numbers == {1}


def test_a_parked_car_keeps_its_number_however_long_the_gate_holds_frames_back() -> None:
    """Nothing moves for a quarter of a minute, then somebody drives by."""
    gate = GateConfig(keep_alive_s=20.0)
    pipeline = CameraPipeline.build(street.camera(rules=[], gate=gate), PROFILE)
    numbers = set()
    for frame in make_frames(220, cars=[street.Car(72, 340)]):
        if pipeline.admit(frame).passes:
            pipeline.step(without_pixels(frame), one_car(100.0))
            numbers |= {track.id for track in pipeline.tracks}
        else:
            pipeline.skip(without_pixels(frame))
    assert pipeline.counts.gated > 100
    assert numbers == {1}


def test_a_camera_that_is_refused_keeps_no_looks() -> None:
    """They would pile up for as long as nobody surveys it anew, half a megabyte a second."""

    class Knocked:
        reason, look, hurry, shift = "camera_moved", lambda *_: None, lambda *_: None, lambda *_: None

        def settle(self, at: datetime) -> list[Event]:
            return []

    camera = street.camera(rules=[AbandonedObjectRule()], calibration=None)
    pipeline = CameraPipeline.build(camera, PROFILE)
    pipeline.watch = Knocked()  # type: ignore[assignment]
    for frame in make_frames(60, cars=[]):
        if pipeline.admit(frame).passes:
            pipeline.step(without_pixels(frame), Detections.empty())
        else:
            pipeline.skip(without_pixels(frame))
    assert pipeline.counts.gated
    assert len(pipeline._objects._looks) == 0


def test_pixels_are_let_go() -> None:
    frame = without_pixels(next(make_frames(1)))
    assert (frame.picture.width_px, frame.picture.height_px) == street.SIZE_PX
    with pytest.raises(RuntimeError, match="packet ring"):
        frame.picture.luma()


@pytest.mark.parametrize(
    ("rate_hz", "taken"), [(None, 100), (25, 100), (10, 40), (8, 32), (3, 12), (50, 100)]
)
def test_sampling_keeps_its_rate_whatever_the_camera_s_own(rate_hz: float | None, taken: int) -> None:
    sampler = Sampler(rate_hz)
    found = sum(sampler.takes(START + timedelta(seconds=i / 25)) for i in range(100))
    assert found == pytest.approx(taken, abs=1)


def test_sampling_does_not_make_up_for_a_gap() -> None:
    sampler = Sampler(5)
    assert sampler.takes(START)
    later = START + timedelta(seconds=60)
    assert [sampler.takes(later + timedelta(seconds=i / 25)) for i in range(6)] == [True] + [False] * 4 + [
        True
    ]


@pytest.mark.slow
def test_a_frame_index_does_not_matter_to_ids() -> None:
    shifted = (replace(f, index=f.index + 1000) for f in make_frames(45))
    events = list(
        run_frames(shifted, CameraPipeline.build(street.camera(), PROFILE), street.ColourDetector())
    )
    assert [e.id for e in events] == [e.id for e in play(CameraPipeline.build(street.camera(), PROFILE))]


@pytest.mark.parametrize(
    ("rule", "known", "told"),
    [
        (SpeedingRule(limit_kmh=50, classes=("bicycle",)), ("car", "person"), "none of bicycle"),
        (FailureToYieldRule(crosswalk="c"), ("car", "truck"), "none of person"),
        (FailureToYieldRule(crosswalk="c"), ("car", "person"), ""),
        (FailureToYieldRule(crosswalk="c"), (), ""),
        (AbandonedObjectRule(), ("car", "person"), ""),
    ],
)
def test_a_rule_that_can_never_fire_is_told_of(
    rule: Rule, known: tuple[str, ...], told: str, caplog: pytest.LogCaptureFixture
) -> None:
    zones = (Zone(name="c", polygon_m=((0, 0), (4, 0), (4, 4))),)
    CameraPipeline.build(street.camera(rules=(rule,), zones=zones), PROFILE, known)
    assert [told in r.message and "can never report" in r.message for r in caplog.records] == [True] * bool(
        told
    )


def test_looks_at_a_candidate_are_kept_while_nobody_has_vouched_for_the_camera() -> None:
    pins = PinBook()
    held = HeldEvents(pins)
    moment = KeyMoment(name="look-1", at=START, xyxy=(1.0, 2.0, 30.0, 40.0))
    facts = Violation(
        rule="seat_belt", rule_version="1", track=1, cls="car", measured={}, threshold={}, moments=[moment]
    )
    violation = Event.of(
        SEAT_BELT, camera_id="c", district="d", at=START, data=facts.model_dump(mode="json"), key=()
    )
    held.hold([candidate_of(violation, {}), violation], START)
    assert pins.views == {moment.view}, "of the candidate"
    held.release()
    assert pins.views == set()
