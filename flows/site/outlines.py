"""Where a camera's zones, lines and lights lie in its picture, for whoever looks at it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from flows.domain.errors import CalibrationError
from flows.domain.site import CameraConfig
from flows.domain.status import Outline, Outlines
from flows.road.ground import GroundPlane

EDGE_POINTS = 8
"""A side on the ground is followed in so many steps: what lies behind the camera has no place in the picture."""
FARTHEST = 4.0
"""Points so many pictures away are left out: near the horizon they run away."""


def outlines(camera: CameraConfig, plane: GroundPlane | None, width_px: int, height_px: int) -> Outlines:
    """What its rules speak of, as shares of the picture's width and height.

    Args:
        camera: Its configuration.
        plane: Its survey, for what is given on the ground; that is left out where there is none.
        width_px: Width of the full-resolution picture.
        height_px: Height of it.
    """
    if not camera.sees:
        return ()
    try:
        plane = plane.for_picture(width_px, height_px) if plane is not None else None
    except CalibrationError:  # said elsewhere: flows.site.fitness
        plane = None
    size = np.array([width_px, height_px], np.float64)
    return tuple(
        Outline(kind=kind, name=name, points=[(round(float(x), 4), round(float(y), 4)) for x, y in points / size])
        for kind, name, points in _shapes(camera, plane)
        if len(points) >= (2 if kind == "line" else 3)
    )  # fmt: skip


def _shapes(
    camera: CameraConfig, plane: GroundPlane | None
) -> Iterator[tuple[str, str, NDArray[np.float64]]]:
    width, height = plane.picture_px if plane is not None else (1, 1)
    for zone in camera.zones:
        yield "zone", zone.name, _placed(zone.polygon_px, zone.polygon_m, plane, (width, height), closed=True)
    for line in camera.lines:
        yield "line", line.name, _placed(line.px, line.m, plane, (width, height), closed=False)
    for light in camera.signals:
        if light.region_px is not None:
            x0, y0, x1, y1 = light.region_px
            yield "signal", light.name, np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], np.float64)


def _placed(
    px: Sequence[tuple[float, float]],
    metres: Sequence[tuple[float, float]],
    plane: GroundPlane | None,
    size: tuple[int, int],
    closed: bool,
) -> NDArray[np.float64]:
    if px or plane is None:
        return np.array(px, np.float64).reshape(-1, 2)
    corners = np.array([*metres, metres[0]] if closed else metres, np.float64)
    steps = np.linspace(0, 1, EDGE_POINTS, endpoint=False)[:, None]
    sides = [start + steps * (end - start) for start, end in pairwise(corners)]
    points = plane.to_px(np.concatenate([*sides, corners[-1:]]))
    near = np.isfinite(points).all(axis=1) & (np.abs(points) <= FARTHEST * np.array(size)).all(axis=1)
    return points[near]
