from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

import flows.scenes
from flows.pictures.landmarks import coarse_shift, small_of
from flows.scenes.camera import PinholeCamera
from flows.scenes.options import parse
from flows.scenes.sway import angles, turned
from flows.sources.picture import ArrayPicture

CAMERA = PinholeCamera.looking((0, 0, 6.0), (0, 30, 0.0), width_px=640, height_px=360, hfov_deg=60)
AHEAD = np.array([[0.0, 40.0, 0.0], [3.0, 30.0, 1.0]])


@pytest.mark.parametrize(
    ("by", "moves"), [((1.0, 0, 0), (-1, 0)), ((0, 1.0, 0), (0, -1)), ((-0.5, -0.5, 0), (1, 1))]
)
def test_what_is_seen_moves_against_the_camera(
    by: tuple[float, float, float], moves: tuple[int, int]
) -> None:
    off = turned(CAMERA, by).project(AHEAD) - CAMERA.project(AHEAD)
    degree_px = CAMERA.focal_px * np.tan(np.radians(1.0))
    for axis in (0, 1):
        assert np.sign(np.where(np.abs(off[:, axis]) < 1.0, 0, off[:, axis])).tolist() == [moves[axis]] * 2
    assert np.abs(off).max() == pytest.approx(degree_px * max(map(abs, by)), rel=0.1)


def test_a_rolled_camera_sees_the_picture_turn_the_other_way() -> None:
    centre = np.array(CAMERA.centre_px)
    right = CAMERA.ground_point(np.array([[600.0, 250.0]]))[0]
    before = CAMERA.project(np.array([*right, 0.0])) - centre
    after = turned(CAMERA, (0, 0, 2.0)).project(np.array([*right, 0.0])) - centre
    angle = np.degrees(np.arctan2(after[1], after[0]) - np.arctan2(before[1], before[0]))
    assert angle == pytest.approx(-2.0, abs=1e-6)


def test_a_knock_lasts_and_a_shake_swings() -> None:
    knock = parse({"knock_at_s": 5.0, "knock_until_s": 8.0, "knock_pan_deg": 0.5})
    assert [angles(knock, t)[0] for t in (4.9, 5.0, 7.9, 8.0)] == [0, 0.5, 0.5, 0]
    shake = parse({"shake_deg": 0.2, "shake_s": (2.0, 6.0)})
    swings = np.array([angles(shake, t)[0] for t in np.arange(2.0, 6.0, 0.01)])
    assert np.abs(swings).max() == pytest.approx(0.2, abs=1e-3)
    assert abs(swings.mean()) < 0.02
    assert angles(shake, 1.99) == angles(shake, 6.0) == (0, 0, 0)


@pytest.mark.slow
def test_the_truth_says_when_and_its_boxes_follow_the_camera() -> None:
    options = {"duration_s": 6.0, "fps": 2.0, "pose": "gantry", "n_vehicles": 3}
    still = flows.scenes.build("road", seed=3, **options).truth()
    moved = flows.scenes.build("road", seed=3, **options, knock_at_s=3.0, knock_pan_deg=0.5).truth()
    (knock,) = moved.disturbances
    assert (knock.kind, knock.from_at, knock.until_at) == (
        "knock",
        moved.started_at + timedelta(seconds=3),
        None,
    )
    assert knock.px == pytest.approx(11, abs=3)
    assert moved.calibration == still.calibration
    assert still.disturbances == ()
    for before, after in zip(still.frames, moved.frames, strict=True):
        shared = {o.track for o in before.objects} & {o.track for o in after.objects}
        for a, b in ((next(o for o in f.objects if o.track == t) for f in (before, after)) for t in shared):
            same = a.xyxy == b.xyxy
            assert same == (before.at < knock.from_at)


@pytest.mark.slow
@pytest.mark.usefixtures("drawn")
def test_the_picture_moves_as_the_geometry_says() -> None:
    options = {
        "duration_s": 3.0,
        "fps": 1.0,
        "pose": "gantry",
        "light": "day",
        "width_px": 640,
        "height_px": 360,
    }
    scene = flows.scenes.build("empty", seed=3, **options, knock_at_s=1.5, knock_pan_deg=1.5)
    pictures = [ArrayPicture(frame.rgb[:, :, ::-1]).luma() for frame in scene.frames()]
    small = [small_of(picture, 320) for picture in pictures]
    assert coarse_shift(small[0], small[1]) == pytest.approx((0, 0), abs=1)
    wanted = -scene.camera.focal_px * np.tan(np.radians(1.5)) * small[0].shape[1] / 640
    assert coarse_shift(small[0], small[2]) == pytest.approx((wanted, 0), abs=1.5)
