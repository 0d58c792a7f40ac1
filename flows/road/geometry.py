"""Plane geometry in metres: areas, lines, bodies on the road.

By hand and not by shapely, whose GEOS would cost every camera actor 15 MB for these few lines.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def inside_polygon(points: Array, polygon: Array) -> NDArray[np.bool_]:
    """Which points ``(N, 2)`` lie inside a polygon ``(M, 2)``, by crossings of a ray to the right.

    >>> inside_polygon(np.array([[1, 1], [3, 1]]), np.array([[0, 0], [2, 0], [2, 2], [0, 2]])).tolist()
    [True, False]
    """
    x, y = points[:, 0, None], points[:, 1, None]
    x1, y1 = polygon.T
    x2, y2 = np.roll(polygon, -1, axis=0).T
    spans = (y1 > y) != (y2 > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        crosses = spans & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return np.asarray(crosses.sum(axis=1) % 2 == 1)


def crossing(a: Array, b: Array, start: Array, end: Array) -> float | None:
    """Where the way from ``a`` to ``b`` crosses the segment from ``start`` to ``end``.

    Returns:
        Share of the way, 0 to 1, or None.

    >>> square = np.array
    >>> crossing(square([0.0, -1.0]), square([0.0, 3.0]), square([-1.0, 0.0]), square([1.0, 0.0]))
    0.25
    """
    way, line = b - a, end - start
    area = way[0] * line[1] - way[1] * line[0]
    if area == 0.0:
        return None
    off = start - a
    t = (off[0] * line[1] - off[1] * line[0]) / area
    s = (off[0] * way[1] - off[1] * way[0]) / area
    return float(t) if 0.0 <= t <= 1.0 and 0.0 <= s <= 1.0 else None


def body_corners(middle: Array, heading: Array, length_m: float, width_m: float) -> Array:
    """``(4, 2)`` corners of a vehicle's plan: front right, front left, rear left, rear right.

    Args:
        middle: ``(2,)`` m.
        heading: ``(2,)`` unit vector.
        length_m: Over the bumpers.
        width_m: Without mirrors.
    """
    left = np.array([-heading[1], heading[0]])
    half, side = heading * length_m / 2, left * width_m / 2
    return np.array([middle + half - side, middle + half + side, middle - half + side, middle - half - side])


def distance_to_polygon(point: Array, polygon: Array) -> float:
    """Distance of a point ``(2,)`` from a polygon ``(M, 2)``, m; 0 inside.

    >>> distance_to_polygon(np.array([3.0, 1.0]), np.array([[0.0, 0], [2, 0], [2, 2], [0, 2]]))
    1.0
    """
    if inside_polygon(point[None], polygon)[0]:
        return 0.0
    return distance_to_line(point, np.vstack([polygon, polygon[:1]]))


def distance_to_line(point: Array, line: Array) -> float:
    """Distance of a point ``(2,)`` from an open line of segments ``(M, 2)``, m."""
    start, way = line[:-1], np.diff(line, axis=0)
    square = np.maximum((way**2).sum(axis=1), 1e-12)
    t = np.clip(((point - start) * way).sum(axis=1) / square, 0.0, 1.0)
    return float(np.linalg.norm(start + t[:, None] * way - point, axis=1).min())


def along_and_across(point: Array, line: Array) -> tuple[float, float, Array]:
    """Where a point ``(2,)`` is beside an open line of segments ``(M, 2)`` whose ends go on straight.

    Returns:
        Metres along the line (negative before it begins), metres across (positive on its left), and the unit
        vector ``(2,)`` to the left there.

    >>> along_and_across(np.array([3.0, -1.0]), np.array([[0.0, 0.0], [10.0, 0.0]]))[:2]
    (3.0, -1.0)
    """
    start, way = line[:-1], np.diff(line, axis=0)
    length = np.maximum(np.hypot(way[:, 0], way[:, 1]), 1e-9)
    ahead = way / length[:, None]
    off = point - start
    low, high = np.zeros(len(length)), length.copy()
    low[0], high[-1] = -np.inf, np.inf
    along = np.clip((off * ahead).sum(axis=1), low, high)
    away = np.linalg.norm(off - along[:, None] * ahead, axis=1)
    k = int(away.argmin())
    across = float(ahead[k, 0] * off[k, 1] - ahead[k, 1] * off[k, 0])
    left = np.array([-ahead[k, 1], ahead[k, 0]])
    return float(length[:k].sum() + along[k]), math.copysign(float(away[k]), across), left


def hull(points: Array) -> Array:
    """The convex hull ``(M, 2)`` of points ``(N, 2)`` by Andrew's monotone chain.

    >>> hull(np.array([[0.0, 0], [2, 0], [1, 1], [2, 2], [0, 2]])).tolist()
    [[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]]
    """
    ordered = sorted({(float(x), float(y)) for x, y in points})
    chains: list[list[tuple[float, float]]] = []
    for sequence in (ordered, ordered[::-1]):
        chain: list[tuple[float, float]] = []
        for p in sequence:
            while len(chain) > 1 and _turns_right(chain[-2], chain[-1], p):
                chain.pop()
            chain.append(p)
        chains.append(chain[:-1])
    return np.array(chains[0] + chains[1])


def _turns_right(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) <= 0


def polygons_touch(a: Array, b: Array) -> bool:
    """Whether two convex polygons ``(N, 2)`` overlap (separating axes, Gottschalk 1996).

    >>> polygons_touch(np.array([[0.0, 0], [1, 0], [1, 1]]), np.array([[2.0, 0], [3, 0], [3, 1]]))
    False
    """
    for polygon in (a, b):
        edges = np.roll(polygon, -1, axis=0) - polygon
        normals = np.column_stack([-edges[:, 1], edges[:, 0]])
        pa, pb = a @ normals.T, b @ normals.T
        if ((pa.max(axis=0) < pb.min(axis=0)) | (pb.max(axis=0) < pa.min(axis=0))).any():
            return False
    return True


def angle_between(a: Array, b: Array) -> float:
    """Degrees between two directions, 0 to 180.

    >>> angle_between(np.array([1.0, 0.0]), np.array([0.0, 2.0]))
    90.0
    """
    cosine = float(a @ b) / (float(np.linalg.norm(a)) * float(np.linalg.norm(b)))
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine))))
