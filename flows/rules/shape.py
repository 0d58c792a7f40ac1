"""Whether a box shows the whole vehicle: is it as wide as a body that points that way would be?"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flows.domain.errors import CalibrationError
from flows.domain.paths import Waypoint
from flows.road import kinematics
from flows.road.ground import GroundPlane
from flows.road.motion import BODIES, UNKNOWN_BODY
from flows.road.paths import PathConfig

Array = NDArray[np.float64]


class Shapes:
    """Compares boxes with bodies, for one camera.

    Args:
        ground: The surveyed plane; None where there are no pictures.
    """

    def __init__(self, ground: GroundPlane | None) -> None:
        self._surveyed = ground
        self._size: tuple[int, int] | None = None
        self._ground: GroundPlane | None = None
        self._camera_m: Array = np.zeros(2)

    def look_at(self, width_px: int, height_px: int) -> None:
        """The picture's size from now on."""
        if self._surveyed is None or self._size == (width_px, height_px):
            return
        self._size = (width_px, height_px)
        try:
            self._ground = self._surveyed.for_picture(width_px, height_px)
            self._camera_m = self._ground.camera_m[0]
        except CalibrationError:
            self._ground = None

    def excess_m(self, point: Waypoint, cls: str, heading: Array) -> float | None:
        """By how much the box is wider than a typical body of the class, pointing that way, would be, m.

        A box that loses one side behind an obstacle shrinks by twice what its middle shifts, and one that takes
        in a neighbour or a shadow grows by it: where the excess stays, the middle is the body's.
        """
        if self._ground is None or point.xyxy is None:
            return None
        x0, _, x1, y1 = point.xyxy
        ends = self._ground.to_ground(np.array([[x0, y1], [x1, y1]]))
        if not np.isfinite(ends).all():
            return None
        sight = point.xy_m - self._camera_m
        sight = sight / max(math.hypot(*sight), 1e-6)
        along = abs(float(heading @ sight))
        prior = BODIES.get(cls, UNKNOWN_BODY)
        expected_m = prior.width[0] * along + prior.length[0] * math.sqrt(max(0.0, 1 - along * along))
        return math.hypot(*(ends[1] - ends[0])) - expected_m


def headings(points: Sequence[Waypoint], config: PathConfig | None = None) -> Array:
    """``(N, 2)`` which way a vehicle pointed, known afterwards.

    While it steers, a path's heading is some tenths of a second behind, and of a truck that shows ten degrees more of
    its side a box is more than a metre wider. What it did next tells; where it hardly moves, the path's heading stays.

    Args:
        points: In time order, each with its heading.
        config: Of the path; the defaults if None.
    """
    config = config or PathConfig()
    velocity, _ = kinematics.velocities(points, config.accelerates_mps2)
    ahead = np.array([p.heading for p in points]).reshape(-1, 2)
    speed = np.linalg.norm(velocity, axis=1)
    backs = np.where((velocity * ahead).sum(axis=1) < 0.0, -1.0, 1.0)
    moves = speed >= config.turns_mps
    ahead[moves] = (backs / np.maximum(speed, 1e-9))[moves, None] * velocity[moves]
    return ahead
