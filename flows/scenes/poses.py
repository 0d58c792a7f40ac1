"""Where cameras hang along a street; every pose is a little different for every seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from flows.domain.errors import FieldError
from flows.scenes.camera import PinholeCamera
from flows.scenes.options import SceneOptions
from flows.scenes.plan import Street

Point = tuple[float, float, float]
Pose = Callable[[Street, np.random.Generator], tuple[Point, Point, float]]


def _u(rng: np.random.Generator, low: float, high: float) -> float:
    return float(rng.uniform(low, high))


def gantry(street: Street, rng: np.random.Generator) -> tuple[Point, Point, float]:
    """Over the middle of the road, looking along it."""
    x = _u(rng, -1.2, 1.2)
    return (x, 0.0, _u(rng, 6.2, 7.4)), (x * 0.3, _u(rng, 24, 28), 0.0), _u(rng, 52, 58)


def roadside(street: Street, rng: np.random.Generator) -> tuple[Point, Point, float]:
    """On a pole at the right kerb, at the height of a lamp's lower arm."""
    x = street.half_m + _u(rng, 0.8, 1.4)
    return (x, 0.0, _u(rng, 4.4, 5.4)), (x * 0.10, _u(rng, 21, 25), 0.6), _u(rng, 55, 62)


def high(street: Street, rng: np.random.Generator) -> tuple[Point, Point, float]:
    """On a mast or a house's corner at the right, well above the traffic."""
    x = street.half_m + _u(rng, 3.5, 5.0)
    return (x, -4.0, _u(rng, 10, 12.5)), (0.0, _u(rng, 24, 28), 0.0), _u(rng, 48, 55)


def side(street: Street, rng: np.random.Generator) -> tuple[Point, Point, float]:
    """From the right pavement across the road, at an angle."""
    x = street.half_m + _u(rng, 5.5, 7.0)
    return (x, _u(rng, 8, 10), _u(rng, 4.6, 6.0)), (-1.0, _u(rng, 23, 26), 0.6), _u(rng, 60, 68)


def portal(street: Street, rng: np.random.Generator) -> tuple[Point, Point, float]:
    """Over the road with a long lens, as cameras hang that look through windscreens."""
    x = _u(rng, -0.6, 0.6) * street.drive_half_m
    return (x, 0.0, _u(rng, 5.4, 7.4)), (x * 0.35, _u(rng, 18.5, 21.5), 0.6), _u(rng, 25, 31)


def anywhere(street: Street, rng: np.random.Generator) -> tuple[Point, Point, float]:
    """Random height, side, pitch and focal length: for training, not for measuring."""
    x = _u(rng, -1, 1) * (street.front_m - 0.5)
    z = float(np.exp(_u(rng, np.log(3.0), np.log(12.0))))
    reach = _u(rng, 12, 34) + z
    target_x = _u(rng, -1, 1) * street.half_m
    return (x, _u(rng, -6, 6), z), (target_x, reach, _u(rng, 0, 1.2)), _u(rng, 38, 82)


POSES: dict[str, Pose] = {
    "gantry": gantry,
    "roadside": roadside,
    "high": high,
    "side": side,
    "portal": portal,
    "anywhere": anywhere,
}


def camera(name: str, street: Street, rng: np.random.Generator, options: SceneOptions) -> PinholeCamera:
    """The camera of the pose called ``name``.

    Raises:
        FieldError: If there is no such pose.
    """
    if name not in POSES:
        raise FieldError("pose", f"one of {', '.join(POSES)}", name)
    position, target, hfov_deg = POSES[name](street, rng)
    return PinholeCamera.looking(
        position, target, width_px=options.width_px, height_px=options.height_px, hfov_deg=hfov_deg
    )
