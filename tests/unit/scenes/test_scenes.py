from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from functools import cache
from itertools import combinations, pairwise

import numpy as np
import pytest

from flows import scenes
from flows.domain.errors import FieldError
from flows.scenes.annotate import footprint
from flows.scenes.bodies import luggage
from flows.scenes.scene import Scene
from flows.scenes.truth import SceneTruth

OPTIONS = {
    "road": {
        "duration_s": 8.0,
        "fps": 10.0,
        "pose": "gantry",
        "speed_range_kmh": (20.0, 120.0),
        "n_vehicles": 14,
    },
    "crossing": {"duration_s": 16.0, "fps": 6.0, "pose": "side"},
    "street": {"duration_s": 4.0, "fps": 4.0},
    "empty": {"duration_s": 2.0},
    "junction": {"duration_s": 24.0, "fps": 5.0},
    "giveway": {"duration_s": 16.0, "fps": 5.0},
    "lanes": {"duration_s": 16.0, "fps": 5.0},
    "buslane": {"duration_s": 14.0, "fps": 5.0},
    "stopping": {"duration_s": 24.0, "fps": 5.0},
    "hall": {"duration_s": 30.0, "fps": 4.0},
    "belts": {"duration_s": 8.0, "fps": 5.0},
}


@cache
def make_scene(name: str, seed: int = 7) -> Scene:
    return scenes.build(name, seed, **OPTIONS[name])


@cache
def make_truth(name: str) -> SceneTruth:
    return make_scene(name).truth()


def test_every_kind_is_found_and_tried_here() -> None:
    assert set(OPTIONS) == set(scenes.names())


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_of_truth() -> None:
    again = scenes.build("road", 7, **OPTIONS["road"]).truth()
    assert again.model_dump_json() == make_truth("road").model_dump_json()


@pytest.mark.slow
def test_another_seed_gives_another_scene() -> None:
    other = scenes.build("road", 8, **OPTIONS["road"])
    assert other.annotation(40) != make_truth("road").frames[40]


@pytest.mark.slow
def test_truth_survives_its_file() -> None:
    text = make_truth("road").model_dump_json()
    assert SceneTruth.model_validate_json(text).model_dump_json() == text


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIONS)
def test_frames_are_stamped_exactly(name: str) -> None:
    truth = make_truth(name)
    assert len(truth.frames) == round(OPTIONS[name]["duration_s"] * truth.fps)
    for frame in truth.frames:
        assert frame.at == truth.started_at + timedelta(seconds=frame.index / truth.fps)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["road", "crossing"])
def test_stated_speed_is_way_over_time(name: str) -> None:
    truth = make_truth(name)
    places: dict[int, list[tuple[float, float, float, float]]] = {}
    for frame in truth.frames:
        for thing in frame.objects:
            t_s = frame.index / truth.fps
            places.setdefault(thing.track, []).append((t_s, thing.x_m, thing.y_m, thing.speed_kmh))
    checked = 0
    for rows in places.values():
        for (t0, x0, y0, v0), (t1, x1, y1, v1) in pairwise(rows):
            if t1 - t0 > 1.5 / truth.fps or (abs(x1 - x0) > 1e-6 and abs(y1 - y0) > 1e-6):
                continue  # out of the picture in between, or round a corner
            measured_kmh = np.hypot(x1 - x0, y1 - y0) / (t1 - t0) * 3.6
            assert measured_kmh == pytest.approx((v0 + v1) / 2, abs=0.35)
            checked += 1
    assert checked > 500


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIONS)
def test_nobody_goes_through_anybody(name: str) -> None:
    scene = make_scene(name)
    for t_s in np.arange(0.0, scene.duration_s, 0.4):
        plans = []
        for actor, state in scene.world.state_at(float(t_s)):
            carried = actor.body.cls in luggage.KINDS and (state.z_m > 0 or state.speed_mps > 0)
            if abs(state.y_m) < 200 and not carried:
                shrink = 0.5 if actor.body.cls == "person" else 0.98
                size = (actor.body.length_m * shrink, actor.body.width_m * shrink)
                plans.append((actor, footprint(state, *size)))
        for (a, p), (b, q) in combinations(plans, 2):
            if a.body.cls == b.body.cls == "person":
                continue  # people squeeze past one another
            if np.linalg.norm(p.mean(0) - q.mean(0)) < 12:
                assert not _overlap(p, q), f"tracks {a.track} and {b.track} overlap at {t_s:.1f} s"


def _overlap(p: np.ndarray, q: np.ndarray) -> bool:
    for plan in (p, q):
        edge = np.roll(plan, -1, axis=0) - plan
        axes = np.stack([edge[:, 1], -edge[:, 0]], -1)
        a, b = p @ axes.T, q @ axes.T
        if ((a.max(0) < b.min(0)) | (b.max(0) < a.min(0))).any():
            return False
    return True


@pytest.mark.slow
def test_speeding_events_are_those_above_the_limit() -> None:
    scene, truth = make_scene("road"), make_truth("road")
    assert truth.events
    speeds = {a.track: float(a.motion.at(0.0)[1]) * 3.6 for a in scene.world.actors}
    reported = {event.track for event in truth.events}
    for event in truth.events:
        assert event.speed_kmh == pytest.approx(speeds[event.track])
        assert event.speed_kmh > event.limit_kmh == 60.0
        assert event.plate.count(" ") == 2
        assert truth.started_at <= event.from_at < event.until_at <= truth.frames[-1].at
    for frame in truth.frames[10:30]:
        for thing in frame.objects:
            if thing.cls != "person" and thing.speed_kmh <= 60:
                assert thing.track not in reported


@pytest.mark.slow
def test_the_asked_speeds_are_driven() -> None:
    low, high = OPTIONS["road"]["speed_range_kmh"]
    moving = [float(a.motion.at(0.0)[1]) * 3.6 for a in make_scene("road").world.actors if a.plate]
    speeds = [v for v in moving if v > 0]
    assert all(low <= v <= high for v in speeds)
    assert max(speeds) - min(speeds) > 40


@pytest.mark.slow
def test_as_many_vehicles_as_asked_when_the_length_is_free() -> None:
    scene = scenes.build("road", 3, n_vehicles=12, direction="oncoming", pose="roadside")
    assert sum(not a.parked and bool(a.plate) for a in scene.world.actors) == 12


@pytest.mark.slow
def test_nothing_moves_in_the_empty_street() -> None:
    first, *rest = make_truth("empty").frames
    assert all(frame.objects == first.objects for frame in rest)


@pytest.mark.slow
def test_people_cross_and_drivers_stop() -> None:
    scene, truth = make_scene("crossing"), make_truth("crossing")
    on_road = {
        thing.track
        for frame in truth.frames
        for thing in frame.objects
        if thing.cls == "person" and abs(thing.x_m) < scene.half_m
    }
    stopped = {
        thing.track
        for frame in truth.frames
        for thing in frame.objects
        if thing.cls != "person" and thing.speed_kmh < 0.5
    }
    assert len(on_road) >= 2
    assert stopped


@pytest.mark.parametrize("pose", ["gantry", "roadside", "high", "side"])
def test_the_survey_fits_the_camera_within_its_stated_errors(pose: str) -> None:
    scene = scenes.build("empty", 2, duration_s=1, pose=pose)
    calibration, camera = scene.calibration, scene.camera
    assert 8 <= len(calibration.points) <= 12
    px = np.array([p.px for p in calibration.points])
    metres = np.array([p.m for p in calibration.points])
    exact = camera.project(np.column_stack([metres, np.zeros(len(metres))]))
    nudged = camera.project(np.column_stack([metres + 0.02, np.zeros(len(metres))]))
    spread = 4 * (calibration.error_px + np.linalg.norm(nudged - exact, axis=1))
    assert (np.linalg.norm(px - exact, axis=1) < spread).all()
    assert np.ptp(px[:, 0]) > 0.3 * camera.width_px
    assert np.ptp(px[:, 1]) > 0.3 * camera.height_px


@pytest.mark.parametrize(
    ("name", "options", "named"),
    [
        ("nowhere", {}, "scene"),
        ("road", {"pose": "submarine"}, "pose"),
        ("road", {"wings": 2}, "wings"),
        ("road", {"speed_range_kmh": (90.0, 30.0)}, "speed_range_kmh"),
    ],
)
def test_wrong_wishes_are_named(name: str, options: dict[str, object], named: str) -> None:
    with pytest.raises(FieldError, match=named):
        scenes.build(name, 0, **options)


def test_importing_scenes_is_light() -> None:
    code = (
        "import sys, flows.scenes; print([m for m in ('moderngl', 'PIL', 'av', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
