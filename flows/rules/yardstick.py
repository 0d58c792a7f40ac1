"""Distances and sizes in metres: by the survey, or by the people who stand there where there is none."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.domain.errors import CalibrationError
from flows.domain.site import CameraConfig, Zone
from flows.domain.things import Box
from flows.objects.company import WIDTH_M, Company
from flows.road.geometry import inside_polygon
from flows.road.ground import GroundPlane

Array = NDArray[np.float64]

DEPTH: Final = 1.5
"""A pixel upwards in the picture is so many across: cameras in halls look down by some 40 degrees (1 / sin 40)."""


class Yardstick:
    """Measures for one camera.

    Args:
        camera: Its zones.
        ground: The surveyed plane; None where there is none.
        company: The people by whom is measured then.
    """

    def __init__(self, camera: CameraConfig, ground: GroundPlane | None, company: Company) -> None:
        self._zones = {zone.name: zone for zone in camera.zones}
        self._drawn_in = camera.calibration.picture_px if camera.calibration else None
        self._surveyed, self._company = ground, company
        self._ground: GroundPlane | None = None
        self._size = (0, 0)

    @property
    def surveyed(self) -> bool:
        """Whether distances are measured by a survey."""
        return self._ground is not None

    def look_at(self, width_px: int, height_px: int) -> None:
        """The picture's size from now on."""
        if self._size == (width_px, height_px):
            return
        self._size = (width_px, height_px)
        try:
            self._ground = self._surveyed.for_picture(width_px, height_px) if self._surveyed else None
        except CalibrationError:  # not the picture that was surveyed
            self._ground = None

    def place_m(self, foot: Array) -> Array | None:
        """``(2,)`` where a foot in the picture stands, m in the survey's frame."""
        if self._ground is None:
            return None
        place = self._ground.to_ground(foot[None])[0]
        return place if np.isfinite(place).all() else None

    def apart_m(self, a: Array, b: Array) -> float | None:
        """Distance of two feet in the picture; None where nothing tells."""
        at_a, at_b = self.place_m(a), self.place_m(b)
        if at_a is not None and at_b is not None:
            return float(np.hypot(*(at_a - at_b)))
        scale = self.px_per_m((a + b) / 2)
        if scale is None:
            return None
        dx, dy = a - b
        return float(np.hypot(dx, DEPTH * dy)) / scale

    def limit_m(self, distance_m: float, distance_widths: float) -> float:
        """The distance that holds here."""
        return distance_m if self.surveyed else distance_widths * WIDTH_M

    def px_per_m(self, foot: Array) -> float | None:
        """How large a metre across the line of sight is there."""
        if self._ground is not None:
            ends = self._ground.to_ground(foot + np.array([[-0.5, 0.0], [0.5, 0.0]]))
            metre = float(np.hypot(*(ends[1] - ends[0])))
            if np.isfinite(metre) and metre > 0:
                return 1.0 / metre
        return self._company.px_per_m(foot)

    def size_m(self, box: Box) -> tuple[float, float] | None:
        """Width and height of something that stands on the floor."""
        scale = self.px_per_m(foot_of(box))
        return None if not scale else (float(box[2] - box[0]) / scale, float(box[3] - box[1]) / scale)

    def inside(self, name: str, box: Box) -> bool:
        """Whether something stands in a zone: with its foot, or its middle where the zone is drawn in the picture."""
        zone = self._zones[name]
        foot = foot_of(box)
        if zone.polygon_px:
            middle = np.array([foot[0], (box[1] + box[3]) / 2])
            polygon = self._drawn(zone)
            return bool(inside_polygon(np.stack([foot, middle]), polygon).any())
        place = self.place_m(foot)
        return place is not None and bool(
            inside_polygon(place[None], np.array(zone.polygon_m, np.float64))[0]
        )

    def _drawn(self, zone: Zone) -> Array:
        polygon = np.array(zone.polygon_px, np.float64)
        return polygon * (np.array(self._size) / self._drawn_in) if self._drawn_in else polygon


def foot_of(box: Box) -> Array:
    """``(2,)`` the middle of a box's lower edge."""
    return np.array([(box[0] + box[2]) / 2, box[3]], np.float64)


def gap_px(a: Box, b: Box) -> float:
    """Between two boxes; 0 where they touch."""
    dx = max(float(a[0] - b[2]), float(b[0] - a[2]), 0.0)
    dy = max(float(a[1] - b[3]), float(b[1] - a[3]), 0.0)
    return float(np.hypot(dx, dy))
