"""The upper edge of a vehicle's box, its crown: what tells how far on a vehicle is when another covers its foot.

Whoever stands behind a vehicle covers it from below, and where its box ends then is where the other one begins, or what
a detector makes up: cut short, it seems farther on than it is. Nothing covers it from above. How high over the road
the line of sight to its upper edge passes its middle is known from looks in plain sight; at that height the same edge
says where it is now, to within what the edge moves over the roof as the view gets flatter: 0.3 m in 7 m.

And nothing of a vehicle is farther on than where the line of sight over its upper edge meets the road, whatever of it
is not to be seen.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.domain.paths import Waypoint
from flows.domain.tracks import Box
from flows.road.ground import GroundPlane

Array = NDArray[np.float64]

EDGE_PX: Final = 3.0
"""Standard error of an upper edge in a picture 1280 px wide, as the median of a second. Measured: 3.0 px of vehicles
that another covers, hardly less than the 3.9 px of one look; a detector is wrong the same way for a while."""
LOOK_PX: Final = 4.0
"""Standard error of an upper edge in one look. Measured on 312 vehicles that came into a picture: too low by up to 6 px
in 95 % of looks, 11 px in 99 %; a body that is two metres high leaves more than that."""
NOSE_M: Final = 0.5
"""No vehicle's front is lower."""
VIEW_M: Final = 0.2
"""Standard error from the change of the view."""


class LineOfSight:
    """Lines of sight in the pictures of one surveyed camera.

    Args:
        ground: The surveyed plane.
    """

    def __init__(self, ground: GroundPlane) -> None:
        self._ground, self._stands_m = ground, ground.camera_m[0]
        self._cameras: dict[tuple[int, int], Array] = {}

    def _camera(self, picture_px: tuple[int, int]) -> Array:
        """``(3, 4)`` metres to px."""
        camera = self._cameras.get(picture_px)
        if camera is None:
            camera = self._cameras[picture_px] = self._ground.for_picture(*picture_px).projection()[0]
        return camera


class CrownSight(LineOfSight):
    """Upper edges of boxes in the pictures of one surveyed camera."""

    def height_m(self, point: Waypoint, picture_px: tuple[int, int]) -> float:
        """How high over the road the plane of sight to the upper edge passes the body's middle, m."""
        row = self._row(point, picture_px)
        return -float(row[:2] @ point.xy_m + row[3]) / float(row[2])

    def ahead_m(self, point: Waypoint, height_m: float, picture_px: tuple[int, int]) -> float:
        """How much farther along its heading a vehicle is by its upper edge than by its foot, m.

        Args:
            point: Where it is by its foot, or seems to be; its heading and its box are known.
            height_m: Of its upper edge, see :meth:`height_m`.
            picture_px: Width and height of the full-resolution picture.
        """
        row = self._row(point, picture_px)
        return -float(row @ [*point.xy_m, height_m, 1.0]) / float(row[:2] @ point.heading)

    def place(
        self, point: Waypoint, ahead_m: float, height_m: float, picture_px: tuple[int, int]
    ) -> Waypoint:
        """Where a vehicle is by its upper edge: so far ahead of where its foot seems to be."""
        row, camera = self._row(point, picture_px), self._camera(picture_px)
        away = float(camera[2] @ [*point.xy_m, height_m, 1.0])
        px_per_m = float(row[:2] @ point.heading) / away
        sd_m = math.hypot(EDGE_PX * picture_px[0] / 1280 / px_per_m, VIEW_M)
        way = np.outer(point.heading, point.heading)
        return replace(
            point,
            xy_m=point.xy_m + point.heading * ahead_m,
            sd_m=math.hypot(point.sd_m, sd_m),
            spread_m2=None if point.spread_m2 is None else point.spread_m2 + way * sd_m**2,
        )

    def reach(self, xyxy: Box, picture_px: tuple[int, int]) -> tuple[Array, Array] | None:
        """Where lines of sight over the ends of a box's upper edge come down to the height of a front.

        No front in the box is farther on than both, however long and high its vehicle is.

        Args:
            xyxy: ``(4,)`` the box.
            picture_px: Width and height of the full-resolution picture.

        Returns:
            ``(2, 2)`` m on the ground and their covariance ``(2, 2, 2)`` m²; None where it is at the horizon.
        """
        ground = self._ground.for_picture(*picture_px)
        corners = np.array([[xyxy[0], xyxy[1]], [xyxy[2], xyxy[1]]], np.float64)
        places = ground.to_ground(corners)
        if not np.isfinite(places).all():
            return None
        camera, height_m = ground.camera_m
        share = 1.0 - NOSE_M / max(height_m, 2 * NOSE_M)
        spread = ground.covariance(corners, LOOK_PX * picture_px[0] / 1280).total
        return camera + share * (places - camera), share**2 * spread

    def _row(self, point: Waypoint, picture_px: tuple[int, int]) -> Array:
        """``(4,)`` the plane through the camera and the upper edge's row: its product with (x, y, z, 1) is 0."""
        assert point.xyxy is not None
        camera = self._camera(picture_px)
        return np.asarray(camera[1] - point.xyxy[1] * camera[2])
