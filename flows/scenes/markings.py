"""What is painted on a street: lane lines, crosswalks, stop lines, the box of a junction, reserved lanes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from flows.scenes import textures
from flows.scenes.mesh import MeshBuilder, Paint
from flows.scenes.plan import CROSSWALK_M, LANE_M, STOP_LINE_M, Crossroad, Street

PAINT_Z_M = 0.006
"""Markings lie so much above the asphalt."""
WHITE = Paint((0.93, 0.93, 0.90), layer=textures.WORN, tile_m=1.3)
YELLOW = Paint((0.93, 0.74, 0.16), layer=textures.WORN, tile_m=1.3)
TINT = Paint((0.56, 0.33, 0.28), layer=textures.ASPHALT, tile_m=3.0)
"""Of the asphalt of a lane for buses."""
HATCH_M = 1.8
"""Between the lines of a junction's box."""


def mark(builder: MeshBuilder, street: Street) -> None:
    """Everything that is painted on the street."""
    y0, y1 = street.from_y_m, street.until_y_m
    edge = street.drive_half_m
    for x in (-edge, edge):
        _line(builder, x, y0, y1, 0.12, street)
    lanes = street.lanes_m
    for (left, one_way), (right, other_way) in pairwise(lanes):
        x = (left + right) / 2
        if street.bus_lane and street.bus_lane_x_m in (left, right):
            _line(builder, x, *street.bus_lane, 0.2, street)
        elif one_way == other_way:
            _dashes(builder, x, y0, y1, street)
        else:
            _divide(builder, x, street)
    if street.crosswalk_y_m is not None:
        _crosswalk(builder, street, street.crosswalk_y_m)
    if street.stop_y_m is not None:
        divide = street.divide_m + street.median_m / 2
        _quad(builder, divide + 0.2, edge, street.stop_y_m, street.stop_y_m + 0.4)
        if street.crossroad is not None:
            _box(builder, street, street.crossroad)
    if street.bus_lane is not None:
        _bus_lane(builder, street, street.bus_lane)
    if street.no_stopping is not None:
        _zigzag(builder, street, street.no_stopping)


def _divide(builder: MeshBuilder, x: float, street: Street) -> None:
    """Between the two directions: one solid line or two, or the edges of an island."""
    offsets: tuple[float, ...] = (-0.12, 0.12) if street.away + street.towards > 2 else (0.0,)
    if street.median_m:
        offsets = (-street.median_m / 2 - 0.15, street.median_m / 2 + 0.15)
    for offset in offsets:
        _line(builder, x + offset, street.from_y_m, street.until_y_m, 0.12, street)


def _quad(builder: MeshBuilder, x0: float, x1: float, y0: float, y1: float, paint: Paint = WHITE) -> None:
    z = PAINT_Z_M
    builder.face([(x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)], paint, (x0, y0, -1))


def _stroke(
    builder: MeshBuilder, start: tuple[float, float], end: tuple[float, float], width: float, paint: Paint
) -> None:
    """A painted line from one point to another."""
    a, b = np.array(start), np.array(end)
    along = (b - a) / np.linalg.norm(b - a)
    side = np.array([along[1], -along[0]]) * width / 2
    corners = [(*p, PAINT_Z_M) for p in (a - side, a + side, b + side, b - side)]
    builder.face(corners, paint, (*a, -1.0))


def _kept_clear(y_m: float, street: Street) -> bool:
    c, road, stop = street.crosswalk_y_m, street.crossroad, street.stop_y_m
    if c is not None and abs(y_m - c) < CROSSWALK_M / 2 + (2.5 if street.stop_lines else 0.6):
        return True
    if road is None:
        return False
    near = min(road.near_m - 0.5, stop if stop is not None else np.inf)
    return near < y_m < road.far_m + 0.5


def _line(builder: MeshBuilder, x: float, y0: float, y1: float, width: float, street: Street) -> None:
    for y in np.arange(y0, y1, 4.0):
        if not any(_kept_clear(v, street) for v in (y, y + 2, y + 4)):
            _quad(builder, x - width / 2, x + width / 2, y, min(y + 4.0, y1))


def _dashes(builder: MeshBuilder, x: float, y0: float, y1: float, street: Street) -> None:
    for y in np.arange(y0, y1, 8.0):
        if not any(_kept_clear(v, street) for v in (y, y + 1.5, y + 3)):
            _quad(builder, x - 0.06, x + 0.06, y, y + 3.0)


def _crosswalk(builder: MeshBuilder, street: Street, y_m: float) -> None:
    low, high = y_m - CROSSWALK_M / 2, y_m + CROSSWALK_M / 2
    island = street.median_m / 2
    for x in np.arange(-street.half_m + 0.4, street.half_m - 0.4, 1.0):
        if not street.median_m or abs(x + 0.25 - street.divide_m) > island + 0.2:
            _quad(builder, x, x + 0.5, low, high)
    if not street.stop_lines:
        return
    divide, edge = street.divide_m, street.drive_half_m
    if street.away:
        _quad(builder, divide + island + 0.2, edge, low - STOP_LINE_M - 0.4, low - STOP_LINE_M)
    if street.towards:
        _quad(builder, -edge, divide - island - 0.2, high + STOP_LINE_M, high + STOP_LINE_M + 0.4)


def _box(builder: MeshBuilder, street: Street, road: Crossroad) -> None:
    """The yellow hatched box of a junction."""
    half, low, high = street.drive_half_m, road.near_m, road.far_m
    corners = [(-half, low), (half, low), (half, high), (-half, high)]
    for i, corner in enumerate(corners):
        _stroke(builder, corner, corners[(i + 1) % 4], 0.2, YELLOW)
    reach = (high - low) + 2 * half
    for k in np.arange(HATCH_M, reach, HATCH_M):
        # Lines x + y = const and x - y = const, each cut off at the box.
        rising = (-half + max(0.0, k - (high - low)), low + min(k, high - low))
        falling = (-half + min(k, 2 * half), low + max(0.0, k - 2 * half))
        _stroke(builder, rising, falling, 0.12, YELLOW)
        _stroke(builder, (-rising[0], rising[1]), (-falling[0], falling[1]), 0.12, YELLOW)


def _bus_lane(builder: MeshBuilder, street: Street, stretch: tuple[float, float]) -> None:
    """Tinted asphalt, and the letter A that stands for buses from here on."""
    x, half = street.bus_lane_x_m, LANE_M / 2 - 0.12
    z = PAINT_Z_M - 0.003
    for y in np.arange(*stretch, 2.0):
        end = min(y + 2.0, stretch[1])
        corners = [(x - half, y, z), (x + half, y, z), (x + half, end, z), (x - half, end, z)]
        builder.face(corners, TINT, (x, y, -1))
    for y in np.arange(stretch[0] + 3.0, stretch[1] - 3.0, 14.0):
        turned = 1.0 if street.away else -1.0  # drivers read it
        _letter(builder, x, y + 1.5, turned)


def _letter(builder: MeshBuilder, x: float, y: float, up: float) -> None:
    for side in (-0.75, 0.75):
        _stroke(builder, (x + side, y - 1.6 * up), (x, y + 1.6 * up), 0.22, WHITE)
    _stroke(builder, (x - 0.45, y - 0.4 * up), (x + 0.45, y - 0.4 * up), 0.25, WHITE)


def _zigzag(builder: MeshBuilder, street: Street, stretch: tuple[float, float]) -> None:
    """The yellow zigzag of a place where nobody may stand, along the right kerb."""
    inner, outer = street.drive_half_m + 0.35, street.half_m - 0.25
    places = np.linspace(*stretch, max(2, round((stretch[1] - stretch[0]) / 2.0)) + 1)
    for i, (a, b) in enumerate(pairwise(places)):
        from_x, to_x = (inner, outer) if i % 2 == 0 else (outer, inner)
        _stroke(builder, (from_x, float(a)), (to_x, float(b)), 0.15, YELLOW)
