"""How long a vehicle is, by the sides of its boxes while it drives past the camera's foot.

Of whoever drives away a camera sees the rear, and only a body's length says where the front is: 8 m give or take 3.6 m
for a truck. But near the camera, and aside of it, a box is as wide as the rear *and* the side make it, and the nearer
the more so. The body of :mod:`flows.road.motion` is fitted to the sides of all boxes; the way that it has gone takes
the place of time there, so how it braked does not matter. Straight ahead of a camera a side is not seen: then the fit
says little more than the class does, and says so by its error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.domain.paths import Waypoint
from flows.road.ground import GroundPlane
from flows.road.motion import BODIES, LENGTH, Boxes, MotionModel, MotionPrior
from flows.road.speed import student

Array = NDArray[np.float64]

LONG: Final = ("truck", "bus")
"""Whose length their class tells to several metres only."""
EXTREMES_M: Final = {"truck": (5.0, 20.0), "bus": (5.5, 18.75)}
"""The shortest that are called so, a van and a minibus, and the longest that may drive: a road train of 20 m and an
articulated bus (TR CU 018/2011)."""
STRANGE_SD: Final = 2.0
"""A length so many spreads off the class's is of a body of another shape, whose sides the coarse one does not explain:
half of what is beyond may be the fit's error. Of semitrailers of 16.5 m it made 18.6."""
STEP_M: Final = 0.4
"""Looks are so far apart: between two of one place a detector errs the same way."""
LEAST: Final = 8
"""Fewer looks do not show whether they agree ..."""
LEAST_WAY_M: Final = 4.0
"""... and over a shorter way the side is seen from one angle."""
MOST: Final = 30
"""More add cost, not knowledge; evenly thinned."""
SPREAD: Final = 3.0
INLIERS: Final = 0.7
"""Boxes that scatter more than so many times what is expected, or agree in less than such a share of their edges, do
not follow one body."""
MODEL_M: Final = 0.4
"""Standard error of what a coarse body leaves out: a bed that is narrower than its cab, corners that are round."""
WAY: Final = MotionPrior(acceleration_mps2=0.003, curvature_per_m=0.002)
"""Who comes up to a line steers little, and the way of the foot is that of the body to within some per cent."""
EDGE_PX: Final = 2.0
SIDE_SHARE: Final = 0.02
FOOT_SHARE: Final = 0.012
"""Standard errors of edges in a picture 1280 px wide and as shares of the box, as for speeds."""
SURE: Final = 1.96


@dataclass(frozen=True, slots=True)
class Length:
    """A measured length.

    Attributes:
        cls: What the vehicle is taken for.
        value_m: Over the bumpers.
        sd_m: Standard error, never more than the class's own spread.
        looks: By how many looks.
    """

    cls: str
    value_m: float
    sd_m: float
    looks: int


def measure(points: Sequence[Waypoint], cls: str, ground: GroundPlane) -> Length | None:
    """Measures one vehicle; None where its boxes do not follow one body, or say nothing that the class does not.

    Args:
        points: Looks at all of it, :data:`STEP_M` apart, in time order.
        cls: What it is taken for.
        ground: The plane for pictures of that resolution.
    """
    body = BODIES.get(cls)
    if body is None or len(points) < LEAST:
        return None
    index = np.linspace(0, len(points) - 1, min(len(points), MOST)).round().astype(int)
    used = [points[int(i)] for i in index]
    way = used[-1].xy_m - used[0].xy_m
    gone_m = math.hypot(*way)
    if gone_m < LEAST_WAY_M:
        return None
    ahead = way / gone_m
    at_m = np.array([float((_foot_m(p) - _foot_m(used[0])) @ ahead) for p in used])
    at_m -= at_m[-1] / 2
    model = MotionModel(ground, _boxes(used, at_m, ground), body, WAY)
    x_m, y_m = (float(v) for v in used[0].xy_m + way / 2)
    motion = model.fit(model.start(x_m, y_m, math.atan2(ahead[1], ahead[0]), 1.0))
    agrees = float(motion.noise.spread.max()) <= SPREAD and float((motion.weight > 0.1).mean()) >= INLIERS
    if not (motion.converged and agrees):
        return None
    value_m = math.exp(float(motion.theta[LENGTH]))
    own_m = value_m * math.sqrt(float(motion.covariance[LENGTH, LENGTH]))
    strange_m = max(0.0, abs(value_m - body.length[0]) - STRANGE_SD * body.length[1]) / 2
    sd_m = math.hypot(own_m * student(SURE, motion.freedom) / SURE, MODEL_M, strange_m)
    return Length(cls, value_m, sd_m, len(points)) if sd_m < body.length[1] else None


def _foot_m(point: Waypoint) -> Array:
    """Where one look alone puts it: a path lags behind whoever brakes."""
    return point.xy_m if point.foot_m is None else point.foot_m


def _boxes(used: Sequence[Waypoint], at_m: Array, ground: GroundPlane) -> Boxes:
    xyxy = np.array([p.xyxy for p in used], np.float64)
    floor_px = EDGE_PX * ground.picture_px[0] / 1280
    wide, high = xyxy[:, 2] - xyxy[:, 0], xyxy[:, 3] - xyxy[:, 1]
    side, foot = np.hypot(floor_px, SIDE_SHARE * wide), np.hypot(floor_px, FOOT_SHARE * high)
    return Boxes(at_m, xyxy[:, [0, 2, 3]], high, np.column_stack([side, side, foot]), floor_px)
