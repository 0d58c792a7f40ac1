"""Cars that drive past surveyed cameras: boxes with known speeds, without rendering anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from flows.domain.frames import ClockState
from flows.domain.site import CalibrationConfig, SurveyPoint
from flows.domain.tracks import Sighting, Track
from flows.scenes.camera import PinholeCamera

Array = NDArray[np.float64]

WIDTH_PX, HEIGHT_PX = 1280, 720
START = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
FPS = 12.5

POSES: dict[str, tuple[tuple[float, float, float], tuple[float, float, float], float]] = {
    "gantry": ((0.5, 0.0, 6.8), (0.1, 26.0, 0.0), 55.0),
    "roadside": ((-7.0, 0.0, 4.8), (1.0, 23.0, 0.6), 58.0),
    "high": ((-9.0, -4.0, 11.0), (0.0, 26.0, 0.0), 52.0),
}


def camera(pose: str = "gantry") -> PinholeCamera:
    """A pinhole camera by name."""
    position, target, hfov = POSES[pose]
    return PinholeCamera.looking(position, target, width_px=WIDTH_PX, height_px=HEIGHT_PX, hfov_deg=hfov)


def survey(
    eye: PinholeCamera, seed: int | None = 0, error_px: float = 0.5, error_m: float = 0.02
) -> CalibrationConfig:
    """Ten points of the road in a grid, with survey noise unless ``seed`` is None."""
    ground = np.array([(x, y) for y in (12.0, 18.0, 26.0, 38.0, 55.0) for x in (-4.0, 4.0)])
    px = eye.project(np.column_stack([ground, np.zeros(len(ground))]))
    inside = eye.inside(px, 5.0)
    ground, px = ground[inside], px[inside]
    if seed is not None:
        rng = np.random.default_rng(seed)
        px = px + rng.normal(0, error_px, px.shape)
        ground = ground + rng.normal(0, error_m, ground.shape)
    return CalibrationConfig(
        points=tuple(SurveyPoint(px=tuple(p), m=tuple(m)) for p, m in zip(px, ground, strict=True)),
        error_px=error_px,
        error_m=error_m,
        picture_px=(WIDTH_PX, HEIGHT_PX),
        surveyed_on=date(2026, 5, 1),
        valid_until=date(2027, 5, 1),
        id="survey-7",
    )


def car(length: float = 4.4, width: float = 1.8, clearance: float = 0.21) -> Array:
    """``(N, 3)`` points of a car's surface, metres ahead, left and up of its middle on the road."""
    half, wide = length / 2, width / 2
    rows: list[tuple[float, float, float]] = []
    for side in (-1, 1):
        rows += [(half, side * 0.85 * wide, z) for z in (clearance, 0.7)]
        rows += [(-half, side * 0.88 * wide, z) for z in (clearance + 0.03, 0.9)]
        rows += [(x, side * wide, z) for x in (-0.4 * length, 0.0, 0.4 * length) for z in (0.25, 0.85)]
        rows += [(x, side * 0.75 * wide, 1.45) for x in (-0.2 * length, 0.1 * length)]
        rows += [(0.2 * length, side * (wide + 0.12), z) for z in (0.9, 1.05)]
        for axle in (half - 0.88, 0.9 - half):
            turn = np.linspace(0, 2 * np.pi, 16)
            rows += [(axle + 0.31 * np.sin(a), side * wide, 0.31 - 0.31 * np.cos(a)) for a in turn]
    return np.array(rows)


def lorry(length: float = 8.0, tail: float = 1.35) -> Array:
    """The same of a rigid truck whose rear axle stands ``tail`` metres before its rear guard."""
    half, wide = length / 2, 1.25
    rows: list[tuple[float, float, float]] = []
    for side in (-1, 1):
        rows += [(half, side * 0.92 * wide, 0.36), (half, side * wide, 1.0), (half, side * wide, 2.6)]
        rows += [(-half, side * wide, z) for z in (0.5, 1.2, 3.6)]
        rows += [(x, side * wide, z) for x in np.linspace(-half, half - 2.5, 8) for z in (0.9, 3.6)]
        rows += [(half - 0.8, side * (wide + 0.22), z) for z in (1.8, 2.4)]
        for axle in (half - 1.4, tail - half):
            turn = np.linspace(0, 2 * np.pi, 24)
            rows += [(axle + 0.5 * np.sin(a), side * wide, 0.5 - 0.5 * np.cos(a)) for a in turn]
    return np.array(rows)


def drive(
    eye: PinholeCamera,
    kmh: float | Callable[[float], float],
    *,
    away: bool = False,
    lane_m: float | None = None,
    noise_px: float = 0.6,
    seed: int = 0,
    body: Array | None = None,
    start: datetime = START,
    fps: float = FPS,
    cut: bool = False,
) -> list[Sighting]:
    """Boxes of a car that drives from 70 m to the camera, or the other way.

    Args:
        eye: Who looks.
        kmh: Its speed, or its speed at a time in seconds.
        away: Drives away instead of towards.
        lane_m: Distance from the middle of the road.
        noise_px: Standard deviation of each edge.
        seed: Of the noise.
        body: Its surface.
        start: Capture time of the first frame.
        fps: Frames a second.
        cut: Keep boxes that the picture's border cuts off.
    """
    rng = np.random.default_rng(seed)
    body = car() if body is None else body
    lane = (1.75 if away else -1.75) if lane_m is None else lane_m
    gone, out, index = 0.0, [], 0
    while gone < 85 and index < 2000:
        at_s = index / fps
        y = -5 + gone if away else 70 - gone
        way = 1 if away else -1
        px = eye.project(np.column_stack([lane - way * body[:, 1], y + way * body[:, 0], body[:, 2]]))
        if np.isfinite(px).all():
            whole = np.concatenate([px.min(0), px.max(0)])
            box = np.clip(whole, 0, [WIDTH_PX, HEIGHT_PX] * 2)
            seen = (box[2:] - box[:2]).min() > 8
            if seen and (cut or np.array_equal(box, whole)):
                box = box + rng.normal(0, noise_px, 4)
                out.append(
                    Sighting(start + timedelta(seconds=at_s), index, box.astype(np.float32), score=0.9)
                )
        gone += (kmh(at_s) if callable(kmh) else kmh) / 3.6 / fps
        index += 1
    return out


def track(sightings: Sequence[Sighting], id: int = 1, cls: str = "car") -> Track:
    """A confirmed track of these sightings."""
    return Track(id, cls, list(sightings), np.asarray(sightings[-1].xyxy), confirmed=True)


def clock(rate_hz: float = FPS, jitter_s: float = 0.0) -> ClockState:
    """A steady clock that started at :data:`START`."""
    return ClockState("scene", START, rate_hz, jitter_s, time_error_s=0.0005, scale_error=1e-5)
