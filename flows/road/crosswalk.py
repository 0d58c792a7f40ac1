"""A crosswalk's carriageway part, in a frame of its own: across the road, the way people walk, and along it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.road.geometry import inside_polygon
from flows.road.roadway import Area

Array = NDArray[np.float64]
Interval = tuple[float, float]

BESIDE_M: Final = 0.75
"""People who walk so far beside the paint cross there all the same."""


@dataclass(frozen=True, slots=True)
class Crosswalk:
    """The crosswalk.

    Local coordinates ``(s, q)``: ``s`` metres across the road, ``q`` along it, from the middle of its corners.

    Attributes:
        polygon_m: ``(N, 2)`` corners of the carriageway part on the ground.
        middle_m: ``(2,)`` origin of the local frame.
        across: ``(2,)`` unit vector from kerb to kerb.
        along: ``(2,)`` unit vector of the traffic, one way or the other.
        outline: ``(N, 2)`` its corners, local.
        medians: Corners of the islands, local, each ``(M, 2)``.
    """

    polygon_m: Array
    middle_m: Array
    across: Array
    along: Array
    outline: Array
    medians: tuple[Array, ...] = ()

    @classmethod
    def of(cls, area: Area, medians: Sequence[Area] = ()) -> Crosswalk:
        """A crosswalk from its zones.

        People cross at a right angle to the zone's ``heading_deg``. Where it states none, along the longer side
        of the smallest rectangle round it: one that is deeper than the road is wide has to state it.
        """
        along = area.heading if area.heading is not None else _short_side(area.polygon_m)
        across = np.array([along[1], -along[0]])
        middle = area.polygon_m.mean(axis=0)
        axes = np.column_stack([across, along])
        return cls(
            area.polygon_m,
            middle,
            across,
            along,
            (area.polygon_m - middle) @ axes,
            tuple((m.polygon_m - middle) @ axes for m in medians),
        )

    @property
    def depth(self) -> Interval:
        """From where to where it reaches along the road, local."""
        return float(self.outline[:, 1].min()), float(self.outline[:, 1].max())

    @property
    def reach_m(self) -> float:
        """Farthest corner from the middle."""
        return float(np.hypot(*self.outline.T).max())

    def local(self, points_m: Array) -> Array:
        """Points ``(..., 2)`` on the ground in local coordinates."""
        return np.asarray((points_m - self.middle_m) @ np.column_stack([self.across, self.along]))

    def holds(self, points: Array) -> NDArray[np.bool_]:
        """Which local points ``(N, 2)`` lie in it."""
        return inside_polygon(points, self.outline)

    def stretch(self, point: Array) -> Interval | None:
        """From kerb to kerb, or from a kerb to a median: the carriageway that somebody is on; None if on none.

        Args:
            point: ``(2,)`` local; up to :data:`BESIDE_M` beside the crosswalk counts as on it.
        """
        low, high = self.depth
        s, q = float(point[0]), float(point[1])
        if not low - BESIDE_M <= q <= high + BESIDE_M:
            return None
        level = min(max(q, low + 0.01), high - 0.01)
        road = next((part for part in _cut(self.outline, level) if part[0] <= s <= part[1]), None)
        for island in self.medians:
            for start, end in _cut(island, level):
                if road is None or start <= s <= end:
                    return None
                road = (road[0], min(road[1], start)) if s < start else (max(road[0], end), road[1])
        return road


def extent_in_band(polygon: Array, low: float, high: float) -> Interval | None:
    """How far a convex polygon ``(N, 2)`` reaches in its first coordinate where the second is in a band.

    >>> extent_in_band(np.array([[0.0, 0], [4, 0], [4, 2], [0, 2]]), 1.0, 9.0)
    (0.0, 4.0)
    """
    for level, sign in ((low, 1.0), (high, -1.0)):
        polygon = _clipped(polygon, level, sign)
        if len(polygon) == 0:
            return None
    return float(polygon[:, 0].min()), float(polygon[:, 0].max())


def _clipped(polygon: Array, level: float, sign: float) -> Array:
    """The part of a convex polygon on one side of a level (Sutherland & Hodgman 1974)."""
    kept = []
    for a, b in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        over_a, over_b = sign * (a[1] - level), sign * (b[1] - level)
        if over_a >= 0:
            kept.append(a)
        if (over_a >= 0) != (over_b >= 0):
            kept.append(a + (b - a) * over_a / (over_a - over_b))
    return np.array(kept).reshape(-1, 2)


def _cut(polygon: Array, level: float) -> list[Interval]:
    """Where a line of equal second coordinate runs inside a polygon."""
    a, b = polygon, np.roll(polygon, -1, axis=0)
    spans = (a[:, 1] > level) != (b[:, 1] > level)
    a, b = a[spans], b[spans]
    at = np.sort(a[:, 0] + (b[:, 0] - a[:, 0]) * (level - a[:, 1]) / (b[:, 1] - a[:, 1]))
    return [(float(x), float(y)) for x, y in at.reshape(-1, 2)]


def _short_side(polygon: Array) -> Array:
    """Direction of the shorter side of the smallest rectangle round a polygon; it lies along one of its edges."""
    edges = np.roll(polygon, -1, axis=0) - polygon
    best: tuple[float, Array] | None = None
    for edge in edges[np.linalg.norm(edges, axis=1) > 1e-6]:
        ahead = edge / np.linalg.norm(edge)
        left = np.array([-ahead[1], ahead[0]])
        length, width = np.ptp(polygon @ ahead), np.ptp(polygon @ left)
        if best is None or length * width < best[0] - 1e-9:
            best = (float(length * width), ahead if length < width else left)
    assert best is not None  # a polygon has corners that differ
    return best[1]
