from __future__ import annotations

from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray

from flows.pictures.landmarks import (
    LandmarkConfig,
    Landmarks,
    Learner,
    Shift,
    coarse_shift,
    fit_shift,
    small_of,
)

SIZE: Final = (640, 360)
Luma = NDArray[np.uint8]


def wall(seed: int = 0, size: tuple[int, int] = SIZE, margin: int = 96) -> NDArray[np.float32]:
    """A scene with blocks of many sizes, larger than the picture on every side."""
    rng = np.random.default_rng(seed)
    shape = size[1] + 2 * margin, size[0] + 2 * margin
    canvas = np.full(shape, 110.0, np.float32)
    for _ in range(900):
        w, h = rng.integers(6, 40, 2)
        y, x = rng.integers(0, shape[0]), rng.integers(0, shape[1])
        canvas[y : y + h, x : x + w] = rng.uniform(40, 200)
    # A lens is never as sharp as a drawing.
    for axis in (0, 1):
        canvas = (np.roll(canvas, 1, axis) + 2 * canvas + np.roll(canvas, -1, axis)) / 4
    return canvas


WALL: Final = wall()


def picture(
    dx: float = 0.0,
    dy: float = 0.0,
    turn_deg: float = 0.0,
    noise: float = 2.0,
    seed: int = 0,
    gain: float = 1.0,
    pan_deg: float = 0.0,
) -> Luma:
    """What a camera shows whose picture has moved by so much, seen with noise.

    A pan moves what is ahead of a camera with a focal length of :data:`FOCAL_PX`, as perspective has it.
    """
    width, height = SIZE
    v, u = np.mgrid[:height, :width].astype(np.float64)
    a = -np.radians(turn_deg)
    if pan_deg:
        across, down = (u - width / 2) / FOCAL_PX, (v - height / 2) / FOCAL_PX
        turn = np.radians(pan_deg)
        depth = np.cos(turn) - across * np.sin(turn)
        u = width / 2 + FOCAL_PX * (across * np.cos(turn) + np.sin(turn)) / depth
        v = height / 2 + FOCAL_PX * down / depth
    x, y = u - dx - width / 2, v - dy - height / 2
    x, y = np.cos(a) * x - np.sin(a) * y + width / 2 + 96, np.sin(a) * x + np.cos(a) * y + height / 2 + 96
    i, j = np.floor(y).astype(int), np.floor(x).astype(int)
    fy, fx = (y - i)[..., None], (x - j)[..., None]
    i, j = np.clip(i, 0, WALL.shape[0] - 2), np.clip(j, 0, WALL.shape[1] - 2)
    corners = np.stack([WALL[i, j], WALL[i, j + 1], WALL[i + 1, j], WALL[i + 1, j + 1]], axis=-1)
    weights = np.concatenate([(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx], axis=-1)
    grey = gain * (corners * weights).sum(axis=-1)
    grey = grey + np.random.default_rng(seed).normal(0, noise, grey.shape)
    return np.clip(grey, 0, 255).astype(np.uint8)


def learnt(**how: float) -> Landmarks:
    learner = Learner()
    for seed in range(6):
        learner.look(picture(seed=seed, **how))
    landmarks = learner.landmarks()
    assert landmarks is not None
    return landmarks


FOCAL_PX: Final = 600.0
LANDMARKS: Final = learnt()
MIDDLE: Final = np.array([[SIZE[0] / 2, SIZE[1] / 2]])


@pytest.mark.slow
def test_a_picture_that_stays_has_not_moved() -> None:
    for seed in range(10, 16):
        shift = LANDMARKS.look(picture(seed=seed), Shift.none(), seed).shift
        assert shift is not None
        assert np.abs(shift.at(MIDDLE)).max() < 0.1


@pytest.mark.parametrize(
    ("dx", "dy", "turn_deg"),
    [
        (0.4, -0.3, 0.0),
        (1.5, 0.0, 0.1),
        (-3.0, 2.0, -0.3),
        (0.0, 0.0, 0.5),
        (14.0, -9.0, 0.4),
        (-70.0, 33.0, 1.0),
    ],
)
def test_shift_and_turn_are_measured(dx: float, dy: float, turn_deg: float) -> None:
    shift = LANDMARKS.look(picture(dx, dy, turn_deg, seed=9), Shift.none()).shift
    assert shift is not None
    assert shift.at(MIDDLE)[0] == pytest.approx((dx, dy), abs=0.15)
    assert shift.turn_deg == pytest.approx(turn_deg, abs=0.03)


@pytest.mark.parametrize("pan_deg", [0.2, 0.5, 1.0, 2.0, 3.0, 5.0, -2.5])
def test_a_pan_is_measured_although_it_bends_the_picture(pan_deg: float) -> None:
    """The edges of the picture move by a quarter more than its middle."""
    shift = LANDMARKS.look(picture(pan_deg=pan_deg, seed=9), Shift.none()).shift
    assert shift is not None
    moved = float(np.hypot(*shift.at(MIDDLE)[0]))
    assert moved == pytest.approx(FOCAL_PX * np.tan(np.radians(abs(pan_deg))), rel=0.25, abs=0.3)


def test_exposure_is_no_movement() -> None:
    shift = LANDMARKS.look(picture(seed=9, gain=0.6), Shift.none()).shift
    assert shift is not None
    assert np.abs(shift.at(MIDDLE)).max() < 0.1


def hidden(luma: Luma, share: float) -> Luma:
    """A lorry before the left part of the picture, with a texture of its own that moves."""
    out = luma.copy()
    edge = int(share * SIZE[0])
    out[:, :edge] = picture(dx=40.0, dy=25.0, seed=3)[:, :edge]
    return out


def test_whatever_hides_half_of_them_has_no_say() -> None:
    shift = LANDMARKS.look(hidden(picture(2.0, 1.0, seed=5), 0.4), Shift.none()).shift
    assert shift is not None
    assert shift.at(MIDDLE)[0] == pytest.approx((2.0, 1.0), abs=0.15)


@pytest.mark.slow
def test_what_the_camera_writes_into_its_picture_has_no_say() -> None:
    """A burnt-in name and clock stay where they are when the camera is knocked."""
    clock = picture(dx=11, dy=13, seed=1)[:40, :240]

    def burnt(luma: Luma) -> Luma:
        out = luma.copy()
        out[:40, :240] = clock
        return out

    learner = Learner()
    for seed in range(6):
        learner.look(burnt(picture(seed=seed)))
    landmarks = learner.landmarks()
    assert landmarks is not None
    assert (landmarks.corners_px[:, 1] < 30).any()
    shift = landmarks.look(burnt(picture(3.0, 2.0, seed=9)), Shift.none()).shift
    assert shift is not None
    assert shift.at(MIDDLE)[0] == pytest.approx((3.0, 2.0), abs=0.15)


@pytest.mark.parametrize(
    "luma",
    [
        pytest.param(np.full(SIZE[::-1], 12, np.uint8), id="a lid"),
        pytest.param(picture(gain=0.02, noise=3.0), id="night"),
        pytest.param((picture().astype(np.float32) * 0.005 + 200).astype(np.uint8), id="fog"),
        pytest.param(picture(noise=90.0, gain=0.1), id="snow on the screen"),
    ],
)
def test_what_cannot_be_seen_is_unknown_not_moved(luma: Luma) -> None:
    sight = LANDMARKS.look(luma, Shift.none())
    assert sight.shift is None


@pytest.mark.parametrize("level", [12, 200])
def test_a_picture_without_contrast_is_not_somewhere_else(level: int) -> None:
    assert not LANDMARKS.look(np.full(SIZE[::-1], level, np.uint8), Shift.none()).gone


def test_another_place_altogether_is_noticed() -> None:
    other = wall(seed=8)[96:-96, 96:-96].astype(np.uint8)
    sight = LANDMARKS.look(other, Shift.none())
    assert sight.shift is None
    assert sight.gone


@pytest.mark.slow
def test_who_moves_while_landmarks_are_learnt_is_none() -> None:
    learner = Learner()
    for seed in range(6):
        luma = picture(seed=seed)
        x = 40 + 60 * seed
        luma[100:180, x : x + 120] = picture(dx=5 * seed, seed=seed)[20:100, 300:420]  # a bus drives through
        learner.look(luma)
    landmarks = learner.landmarks()
    assert landmarks is not None
    middles = landmarks.corners_px + 16
    on_the_way = (middles[:, 1] > 100) & (middles[:, 1] < 180) & (middles[:, 0] < 460)
    assert not on_the_way.any()


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_where_vehicles_park_is_used_only_if_there_is_nothing_else(scale: float) -> None:
    """The road may be drawn in a picture of another size than the camera sends."""
    road = np.array([(0.0, 120.0), (640.0, 120.0), (640.0, 360.0), (0.0, 360.0)])
    learner = Learner([scale * road], drawn_in=(round(640 * scale), round(360 * scale)))
    for seed in range(6):
        learner.look(picture(seed=seed))
    landmarks = learner.landmarks()
    assert landmarks is not None
    assert (landmarks.corners_px[:, 1] + 16 < 120).sum() >= 12


def test_a_blank_wall_has_no_landmarks() -> None:
    learner = Learner()
    for seed in range(6):
        grey = 120 + np.random.default_rng(seed).normal(0, 2, SIZE[::-1])
        learner.look(np.asarray(grey, np.uint8))
    assert learner.landmarks() is None


def test_landmarks_survive_a_restart() -> None:
    kept = Landmarks.from_bytes(LANDMARKS.to_bytes())
    assert kept.picture_px == SIZE
    for seed in (20, 21):
        luma = picture(-1.2, 0.7, 0.2, seed=seed)
        before, after = LANDMARKS.look(luma, Shift.none()).shift, kept.look(luma, Shift.none()).shift
        assert before is not None
        assert after is not None
        assert after.at(MIDDLE) == pytest.approx(before.at(MIDDLE), abs=0.02)


@pytest.mark.parametrize("data", [b"", b"PK nothing", LANDMARKS.to_bytes()[:500]])
def test_a_broken_file_is_no_landmarks(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a file of landmarks"):
        Landmarks.from_bytes(data)


def test_a_large_shift_is_found_in_the_small_picture() -> None:
    then, now = small_of(picture(), 160), small_of(picture(64, -20, seed=2), 160)
    assert coarse_shift(then, now) == pytest.approx((16, -5), abs=1)
    assert coarse_shift(then, small_of(wall(seed=8)[96:-96, 96:-96].astype(np.uint8), 160)) is None


def test_a_few_that_agree_by_chance_are_no_fit() -> None:
    rng = np.random.default_rng(4)
    for _ in range(50):
        then = rng.uniform(0, 600, (12, 2))
        assert fit_shift(then, rng.uniform(-8, 8, (12, 2)), LandmarkConfig()) is None
