"""Furnishes a street: houses, trees, lamps and signs that stand clear of what the camera is there to see."""

from __future__ import annotations

import numpy as np

from flows.scenes import setting as still
from flows.scenes.camera import PinholeCamera
from flows.scenes.plan import CROSSWALK_M, Street
from flows.scenes.setting import Setting

SIGHT_Y_M = (14.0, 48.0)
"""The stretch of road that must be seen from the camera."""
CLEAR_M = 3.2
"""Trees keep so far from the line of sight: the radius of a large crown."""


def furnish(street: Street, camera: PinholeCamera, rng: np.random.Generator, *, hide: float = 0.0) -> Setting:
    """Builds everything still.

    Args:
        street: Plan of the street.
        camera: What must not be built in.
        rng: Of all that is random here.
        hide: Chance that a tree or lamp is left standing in the line of sight.
    """
    setting = Setting()
    still.lay(setting, street, rng)
    _rows(setting, street, camera, rng, hide)
    for side in (-1, 1):
        _houses(setting, street, camera, rng, side)
    return setting


def _rows(
    setting: Setting, street: Street, camera: PinholeCamera, rng: np.random.Generator, hide: float
) -> None:
    for side in (-1, 1):
        x = side * (street.half_m + 0.7)
        spacing = float(rng.uniform(7, 16))
        for i, y in enumerate(np.arange(street.from_y_m + 6, 170, spacing)):
            y += float(rng.uniform(-1.5, 1.5))
            if not _allowed(camera, street, x, y, rng, hide):
                continue
            if i % 4 == 3:
                still.lamp(setting, x, y, -side * 2.2)
            elif rng.random() < 0.8:
                still.tree(setting, x, y, rng)
        y = float(rng.uniform(20, 40))
        if _allowed(camera, street, x, y, rng, hide):
            still.sign(setting, x, y)


def _houses(
    setting: Setting, street: Street, camera: PinholeCamera, rng: np.random.Generator, side: int
) -> None:
    y = -25.0
    setback = float(rng.uniform(0.5, 9.0))
    low, high = (1, 4) if rng.random() < 0.4 else (4, 10)
    while y < 230:
        along, gap = float(rng.uniform(12, 32)), float(rng.uniform(3, 14))
        x = side * (street.front_m + setback)
        away = abs(float(camera.position_m[0])) < abs(x) - 0.3 or y > camera.position_m[1] + 40
        road = street.crossroad
        open_ = road is None or y > road.far_m + 1.0 or y + along < road.near_m - 1.0
        if rng.random() < 0.85 and away and open_:
            still.house(setting, x, y + along / 2, rng, along, int(rng.integers(low, high)))
        y += along + gap


def _allowed(
    camera: PinholeCamera, street: Street, x_m: float, y_m: float, rng: np.random.Generator, hide: float
) -> bool:
    place = np.array([x_m, y_m])
    eye = camera.position_m[:2]
    if np.linalg.norm(place - eye) < 5.0:
        return False
    crosswalk = street.crosswalk_y_m
    if crosswalk is not None and abs(y_m - crosswalk) < CROSSWALK_M / 2 + 1.5:
        return False
    road = street.crossroad
    if road is not None and road.near_m - 3.0 < y_m < road.far_m + 3.0:
        return False
    if rng.random() < hide:
        return True
    return all(
        _distance(place, eye, np.array([x, y])) > CLEAR_M
        for y in np.linspace(*SIGHT_Y_M, 8)
        for x in (-street.drive_half_m, street.drive_half_m)
    )


def _distance(point: still.Array, a: still.Array, b: still.Array) -> float:
    """From ``point`` to the line between ``a`` and ``b``."""
    along = float(np.clip((point - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1))
    return float(np.linalg.norm(point - a - along * (b - a)))
