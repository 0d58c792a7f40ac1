"""The tracker as the rules see it: identities in time, whatever the detector and the clock do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise, permutations

import driving
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from flows.domain.detections import Detections
from flows.domain.errors import FieldError
from flows.domain.tracks import Track
from flows.tracking import Tracker, TrackerConfig
from flows.tracking.assignment import assign

START = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ("person", "car", "truck", "bicycle")
Row = tuple[float, float, float, float, float, str]


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def detections(*rows: Row) -> Detections:
    """Rows of centre x, centre y, width, height, score, class."""
    boxes = [(x - w / 2, y - h / 2, x + w / 2, y + h / 2) for x, y, w, h, _, _ in rows]
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array([row[4] for row in rows], np.float32),
        np.array([NAMES.index(row[5]) for row in rows], np.int32),
        NAMES,
    )


def car(x: float, y: float = 200.0, score: float = 0.95, cls: str = "car") -> Row:
    return (x, y, 80.0, 50.0, score, cls)


def drive(tracker: Tracker, times: Iterable[float], scene: Callable[[float], list[Row]]) -> list[list[Track]]:
    """Steps through the times; what each step returned."""
    return [tracker.step(detections(*scene(t)), at(t), round(t * 1000)) for t in times]


def ids(steps: list[list[Track]]) -> set[int]:
    return {track.id for step in steps for track in step}


@pytest.mark.parametrize("rate_hz", [5.0, 12.5, 25.0, 60.0])
def test_one_car_is_one_track_at_any_frame_rate(rate_hz: float) -> None:
    steps = drive(Tracker(), np.arange(0, 4, 1 / rate_hz), lambda t: [car(100 + 150 * t)])
    assert ids(steps) == {1}
    assert steps[-1][0].confirmed


@pytest.mark.parametrize("pose", driving.POSES)
@pytest.mark.parametrize("away", [False, True])
def test_who_rushes_past_the_camera_is_one_track(pose: str, away: bool) -> None:
    """In the picture a steady drive past the camera is anything but steady."""
    tracker = Tracker()
    for seen in driving.drive(driving.camera(pose), 120.0, away=away, cut=True):
        found = Detections(seen.xyxy[None], np.array([0.9], np.float32), np.zeros(1, np.int32), ("car",))
        tracker.step(found, seen.at, seen.frame_index)
    tracker.close()
    # A sliver that has just come in or is about to leave is no box to predict from.
    assert sum(len(track.sightings) > 1 for track in tracker.ended()) == 1


def test_uneven_frames_do_not_change_a_cars_speed() -> None:
    # every third frame is lost: a tracker that counts frames sees the car jump
    times = [i / 25 for i in range(100) if i % 3]
    steps = drive(Tracker(), times, lambda t: [car(100 + 300 * t)])
    assert ids(steps) == {1}
    newest = steps[-1][0].box
    assert (newest[0] + newest[2]) / 2 == pytest.approx(100 + 300 * times[-1], abs=3)


@pytest.mark.parametrize("gap_s", [0.2, 0.5, 1.0])
def test_a_moving_car_keeps_its_identity_behind_a_tree(gap_s: float) -> None:
    def scene(t: float) -> list[Row]:
        return [] if 2.0 < t <= 2.0 + gap_s else [car(100 + 100 * t)]

    steps = drive(Tracker(), np.arange(0, 5, 0.04), scene)
    assert ids(steps) == {1}


def test_a_car_away_for_too_long_comes_back_as_another() -> None:
    tracker = Tracker(TrackerConfig(max_gap_s=1.0))
    steps = drive(tracker, np.arange(0, 4, 0.04), lambda t: [car(100)] if t < 1 or t > 2.5 else [])
    assert ids(steps) == {1, 2}
    assert [track.id for track in tracker.ended()] == [1]
    assert tracker.ended() == []


def test_two_people_who_cross_keep_their_identities() -> None:
    def scene(t: float) -> list[Row]:
        return [
            (100 + 60 * t, 200.0, 40.0, 100.0, 0.95, "person"),
            (460 - 60 * t, 215.0, 40.0, 100.0, 0.95, "person"),
        ]

    steps = drive(Tracker(), np.arange(0, 6, 0.04), scene)
    assert ids(steps) == {1, 2}
    right = next(t for t in steps[-1] if t.id == 1)
    assert right.box[0] > 400


def test_classes_vote_and_confusable_ones_share_a_track() -> None:
    tracker = Tracker()
    voted, called = list[str](), ["car", "truck", "truck", "car", "car", "car"]
    for i, name in enumerate(called):
        (track,) = drive(tracker, [i * 0.04], lambda t, name=name: [car(100, cls=name)])[0]
        voted.append(track.cls)
    assert voted == ["car", "car", "truck", "truck", "car", "car"]
    assert [s.cls for s in track.sightings] == called
    assert track.id == 1


def test_a_person_does_not_take_over_a_cars_track() -> None:
    steps = drive(Tracker(), np.arange(0, 1, 0.04), lambda t: [car(100, cls="car" if t < 0.5 else "person")])
    assert len(ids(steps)) == 2


def test_classes_named_in_no_group_stay_apart() -> None:
    steps = drive(
        Tracker(TrackerConfig(groups=())),
        np.arange(0, 1, 0.04),
        lambda t: [car(100, cls="car" if t < 0.5 else "truck")],
    )
    assert len(ids(steps)) == 2


def test_the_same_van_found_as_car_and_truck_is_one_track() -> None:
    steps = drive(Tracker(), np.arange(0, 1, 0.04), lambda t: [car(100), car(102, score=0.7, cls="truck")])
    assert ids(steps) == {1}


def test_somebody_found_as_person_and_motorcycle_is_no_vehicle() -> None:
    """A motorcycle that passes behind somebody must not go on as the box that doubles that person."""

    def scene(t: float) -> list[Row]:
        walks = (400.0 + 20 * t, 200.0, 30.0, 90.0, 0.9, "person")
        if t < 1.0:
            return [walks, (100.0 + 300 * t, 200.0, 30.0, 80.0, 0.9, "bicycle")]
        return [walks, (401.0 + 20 * t, 199.0, 31.0, 88.0, 0.7, "bicycle")]

    tracker = Tracker()
    steps = drive(tracker, [i / 10 for i in range(20)], scene)
    assert [track.cls for track in steps[-1]] == ["person"]


def test_a_doubtful_detection_continues_a_track_but_starts_none() -> None:
    def scene(t: float) -> list[Row]:
        return [car(100 + 50 * t, score=0.95 if t < 1 else 0.3), car(500, score=0.3)]

    steps = drive(Tracker(), np.arange(0, 3, 0.04), scene)
    assert ids(steps) == {1}
    assert len(steps[-1]) == 1


def test_a_flickering_false_alarm_is_never_believed() -> None:
    steps = drive(Tracker(), np.arange(0, 4, 0.04), lambda t: [car(300)] if round(t / 0.04) % 20 == 0 else [])
    assert not any(track.confirmed for step in steps for track in step)


def test_doubtful_objects_are_believed_later_than_sure_ones() -> None:
    def first(score: float) -> int:
        tracker = Tracker()
        frames = (drive(tracker, [i * 0.04], lambda t: [car(100, score=score)])[0] for i in range(100))
        return next(i for i, step in enumerate(frames) if step[0].confirmed)

    assert first(0.99) == 2
    assert first(0.99) < first(0.8) < first(0.7)


def test_gated_time_is_no_miss_for_what_was_seen_before() -> None:
    tracker = Tracker()
    drive(tracker, np.arange(0, 1, 0.04), lambda t: [car(100)])
    for i in range(250):
        tracker.expire(at(1 + i * 0.04))
    assert tracker.step(detections(car(100)), at(11.0), 1)[0].id == 1


def test_gated_time_ends_what_was_already_missing() -> None:
    tracker = Tracker()
    drive(tracker, np.arange(0, 1, 0.04), lambda t: [car(100)])
    drive(tracker, [1.0, 1.04, 1.08], lambda t: [])
    for i in range(75):
        tracker.expire(at(1.12 + i * 0.04))
    assert [track.id for track in tracker.ended()] == [1]
    assert tracker.active == []


@pytest.mark.parametrize("every", [2, 5])
def test_frames_that_nobody_looked_at_are_as_if_never_sent(every: int) -> None:
    """They are left out by ``sample_hz``, or dropped; time goes on, and who drives goes on driving."""
    told, slow = Tracker(), Tracker()
    for i in range(100):
        row = car(100 + 4.0 * i)
        if i % every:
            told.expire(at(i * 0.04), False)
            continue
        (a,), (b,) = (t.step(detections(row), at(i * 0.04), i) for t in (told, slow))
        assert (a.id, a.box.tolist()) == (b.id, b.box.tolist())


def test_a_car_is_the_same_after_a_second_of_dropped_frames() -> None:
    tracker = Tracker()
    drive(tracker, np.arange(0, 1, 0.04), lambda t: [car(100 + 150 * t)])
    for i in range(25):
        tracker.expire(at(1 + i * 0.04), False)
    assert ids(drive(tracker, np.arange(2, 3, 0.04), lambda t: [car(100 + 150 * t)])) == {1}


def test_nobody_is_known_again_when_nobody_looked_for_long() -> None:
    tracker = Tracker()
    drive(tracker, np.arange(0, 1, 0.04), lambda t: [car(100)])
    for i in range(150):
        tracker.expire(at(1 + i * 0.04), False)
    assert [track.id for track in tracker.ended()] == [1], "it is told at once, not when somebody looks again"
    assert tracker.step(detections(car(100)), at(7.0), 1)[0].id == 2


def test_a_camera_that_was_silent_starts_afresh() -> None:
    tracker = Tracker()
    drive(tracker, np.arange(0, 1, 0.04), lambda t: [car(100)])
    assert tracker.step(detections(car(100)), at(60.0), 99)[0].id == 2
    assert [track.id for track in tracker.ended()] == [1]


def test_a_camera_looked_at_every_two_seconds_still_tracks_what_stands() -> None:
    steps = drive(Tracker(TrackerConfig(max_gap_s=1.0)), np.arange(0, 20, 2.0), lambda t: [car(100)])
    assert ids(steps) == {1}


def test_close_ends_everything_once() -> None:
    tracker = Tracker()
    drive(tracker, [0.0, 0.04], lambda t: [car(100), car(400)])
    tracker.close()
    assert [track.id for track in tracker.ended()] == [1, 2]
    tracker.close()
    assert tracker.ended() == []


def test_moving_tells_a_driving_car_from_a_parked_one() -> None:
    parked, driving = Tracker(), Tracker()
    drive(parked, np.arange(0, 2, 0.04), lambda t: [car(100)])
    drive(driving, np.arange(0, 2, 0.04), lambda t: [car(100 + 100 * t)])
    assert driving.moving()
    assert not parked.moving()


def test_sightings_are_what_was_detected() -> None:
    tracker = Tracker()
    steps = drive(tracker, np.arange(0, 1, 0.04), lambda t: [car(100 + 100 * t, score=0.9)])
    track = steps[-1][0]
    assert len(track.sightings) == 25
    assert track.first_at == at(0)
    assert [s.frame_index for s in track.sightings] == [40 * i for i in range(25)]
    centres = [float(s.xyxy[0] + s.xyxy[2]) / 2 for s in track.sightings]
    assert centres == pytest.approx([100 + 4 * i for i in range(25)], abs=0.01)
    assert track.sightings[3].score == pytest.approx(0.9)


@pytest.mark.slow
@pytest.mark.parametrize("count", [15, 16, 17, 31, 32, 33, 100, 1000])
def test_memory_is_bounded_even_and_keeps_both_ends(count: int) -> None:
    tracker = Tracker(TrackerConfig(memory=16))
    track = drive(tracker, np.arange(count) * 0.04, lambda t: [car(100)])[-1][0]
    kept = [round((s.at - START).total_seconds() / 0.04) for s in track.sightings]
    assert min(count, 8) <= len(kept) <= 16
    assert kept[0] == 0
    assert kept[-1] == count - 1
    steps = {b - a for a, b in pairwise(kept[:-1])}
    assert len(steps) == 1


def test_broken_boxes_are_ignored() -> None:
    frame = Detections(
        np.array([[0, 0, 0, 50], [np.nan, 0, 10, 10], [50, 50, 40, 90], [0, 0, 40, 40]], np.float32),
        np.full(4, 0.9, np.float32),
        np.zeros(4, np.int32),
        NAMES,
    )
    assert [t.sightings[0].xyxy.tolist() for t in Tracker().step(frame, at(0), 0)] == [[0, 0, 40, 40]]


def test_time_must_go_forward_and_be_aware() -> None:
    tracker = Tracker()
    tracker.step(detections(), at(1), 0)
    with pytest.raises(FieldError, match="capture time after"):
        tracker.step(detections(), at(1), 1)
    with pytest.raises(FieldError, match="capture time after"):
        tracker.expire(at(0.5))
    with pytest.raises(FieldError, match="aware"):
        tracker.step(detections(), datetime(2026, 1, 1), 2)  # noqa: DTZ001


@pytest.mark.slow
def test_same_input_same_tracks() -> None:
    def run() -> list[tuple[int, tuple[float, ...]]]:
        rng = np.random.default_rng(7)
        tracker = Tracker()
        rows: list[tuple[int, tuple[float, ...]]] = []
        for i in range(100):
            frame = [car(float(x), float(y)) for x, y in rng.uniform(0, 600, (8, 2))]
            found = tracker.step(detections(*frame), at(i * 0.04), i)
            rows += [(t.id, tuple(t.box.tolist())) for t in found]
        return rows

    assert run() == run()


@pytest.mark.slow
@settings(max_examples=60, deadline=None, derandomize=True)
@given(hnp.arrays(np.float64, st.tuples(st.integers(0, 5), st.integers(0, 5)), elements=st.integers(-2, 9)))
def test_assignment_is_the_best_there_is(gain: np.ndarray) -> None:
    pairs = assign(gain)
    assert all(gain[r, c] > 0 for r, c in pairs)
    assert len({r for r, _ in pairs}) == len({c for _, c in pairs}) == len(pairs)
    wide = np.maximum(gain if gain.shape[0] <= gain.shape[1] else gain.T, 0)
    best = max(
        sum(wide[r, c] for r, c in enumerate(columns))
        for columns in permutations(range(wide.shape[1]), wide.shape[0])
    )
    assert sum(gain[r, c] for r, c in pairs) == pytest.approx(best)


@pytest.mark.slow
def test_importing_the_tracker_costs_a_camera_nothing_heavy() -> None:
    heavy = "scipy torch cv2 pandas matplotlib ray redis av"
    code = f"import sys, flows.tracking; print([m for m in {heavy.split()} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
