"""What is sure and what is not: places against zones, and measured values with their intervals."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.domain.events import Measured
from flows.domain.frames import ClockState
from flows.domain.paths import Waypoint
from flows.road.geometry import inside_polygon
from flows.road.roadway import Area

Array = NDArray[np.float64]

Z95: Final = 1.96
"""Standard errors to either side of a value that hold the truth in 95 % of cases."""
STRAIGHT: Final = 0.97
"""Cosine of 14 degrees: a body that has turned by less is still as far before or behind its foot."""
LAG_M: Final = 0.2
"""A path is smoothed: in a manoeuvre it is so far behind, and a detector's errors last longer than a frame."""


def inside(area: Area, point: Waypoint) -> bool | None:
    """Whether the body's middle is surely inside (True) or outside (False) a zone; None if neither is sure."""
    polygon, place = area.polygon_m, point.xy_m
    start, way = polygon, np.roll(polygon, -1, axis=0) - polygon
    square = np.maximum((way**2).sum(axis=1), 1e-12)
    share = np.clip(((place - start) * way).sum(axis=1) / square, 0.0, 1.0)
    off = place - (start + share[:, None] * way)
    away = np.maximum(np.hypot(off[:, 0], off[:, 1]), 1e-9)
    towards = off / away[:, None]
    if point.spread_m2 is None:
        sd = np.full(len(away), point.sd_m)
    else:
        sd = np.sqrt(np.maximum(np.einsum("ni,ij,nj->n", towards, point.spread_m2, towards), 0.0))
    if (away <= Z95 * sd + LAG_M).any():
        return None
    return bool(inside_polygon(place[None], polygon)[0])


def way_between(first: Waypoint, last: Waypoint) -> tuple[float, float]:
    """Straight way between two waypoints, and its standard error, m.

    What both places share (the survey, the body's length) cancels as long as the vehicle has not turned; else both
    are taken for independent, and the interval is rather too wide.
    """
    way = last.xy_m - first.xy_m
    length_m = float(np.hypot(way[0], way[1]))
    if length_m < 1e-6:
        return 0.0, math.hypot(first.sd_m, last.sd_m)
    return length_m, way_error_m(first, last, way / length_m)


def way_error_m(first: Waypoint, last: Waypoint, direction: Array) -> float:
    """Standard error of the way from one waypoint to another along a unit vector, m."""
    if first.own is not None and last.own is not None and float(first.heading @ last.heading) >= STRAIGHT:
        return math.sqrt(float(direction @ (first.own + last.own)[:2, :2] @ direction))
    return math.hypot(first.sd_along_m(direction), last.sd_along_m(direction))


def seconds_between(first: Waypoint, last: Waypoint) -> float:
    """Capture time between two waypoints."""
    return (last.at - first.at).total_seconds()


def metres(value: float, sd: float) -> Measured:
    """A length with its interval.

    >>> metres(10.0, 0.5).low
    9.02
    """
    return Measured.of(value, value - Z95 * sd, value + Z95 * sd, "m", 3)


def seconds(first: Waypoint, last: Waypoint, clock: ClockState) -> Measured:
    """The time between two waypoints with the interval that the clock's errors leave."""
    value = seconds_between(first, last)
    sd = math.hypot(math.sqrt(2) * clock.time_error_s, clock.scale_error * value)
    return Measured.of(value, max(0.0, value - Z95 * sd), value + Z95 * sd, "s", 3)
