"""A camera's road on the ground: its zones and lines in metres."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from flows.domain.errors import CalibrationError
from flows.domain.ruleset import references
from flows.domain.site import CameraConfig, Zone
from flows.road.geometry import inside_polygon
from flows.road.ground import GroundPlane

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Area:
    """A zone on the ground.

    Attributes:
        name: In the site file.
        polygon_m: ``(N, 2)`` corners.
        heading: ``(2,)`` unit vector of its traffic; None where the zone states none.
    """

    name: str
    polygon_m: Array
    heading: Array | None = None

    def holds(self, point_m: Array) -> bool:
        """Whether a point ``(2,)`` lies in it."""
        return bool(inside_polygon(point_m[None], self.polygon_m)[0])


@dataclass(frozen=True, slots=True)
class Line:
    """A line on the ground; ``points_m`` is ``(N, 2)``."""

    name: str
    points_m: Array


@dataclass(frozen=True, slots=True)
class Roadway:
    """Zones and lines of a camera on the ground, metres in the survey's frame.

    Attributes:
        areas: By name.
        lines: By name.
    """

    areas: dict[str, Area] = field(default_factory=dict)
    lines: dict[str, Line] = field(default_factory=dict)

    @classmethod
    def of(cls, camera: CameraConfig, ground: GroundPlane | None) -> Roadway | None:
        """The camera's road; None where something is given in the picture and there is no survey.

        Raises:
            CalibrationError: If a zone or line given in the picture reaches above the horizon.
        """
        zones = _of_the_road(camera)
        in_picture = any(z.polygon_px for z in zones) or any(line.px for line in camera.lines)
        if in_picture and ground is None:
            return None
        areas = {
            zone.name: Area(
                zone.name,
                _on_ground(zone.polygon_px, zone.polygon_m, ground, f"zones.{zone.name}.polygon_px"),
                None if zone.heading_deg is None else heading(zone.heading_deg),
            )
            for zone in zones
        }
        lines = {
            line.name: Line(line.name, _on_ground(line.px, line.m, ground, f"lines.{line.name}.px"))
            for line in camera.lines
        }
        return cls(areas, lines)


def heading(degrees: float) -> Array:
    """Unit vector of a heading, clockwise from +y.

    >>> heading(90.0).round(6).tolist()
    [1.0, 0.0]
    """
    turn = math.radians(degrees)
    return np.array([math.sin(turn), math.cos(turn)])


def _of_the_road(camera: CameraConfig) -> list[Zone]:
    """Zones, without those that only things left behind are looked for in: a screen hangs above the horizon."""
    elsewhere = {
        name
        for rule in camera.rules
        for _, kind, name in references(rule)
        if kind == "zones" and rule.kind != "abandoned_object"
    }
    only = {
        name
        for rule in camera.rules
        for _, kind, name in references(rule)
        if kind == "zones" and name not in elsewhere
    }
    return [zone for zone in camera.zones if zone.name not in only]


def _on_ground(
    px: tuple[tuple[float, float], ...],
    m: tuple[tuple[float, float], ...],
    ground: GroundPlane | None,
    field: str,
) -> Array:
    if m:
        return np.array(m, np.float64)
    assert ground is not None  # Roadway.of has returned otherwise
    points = ground.to_ground(np.array(px, np.float64))
    if not np.isfinite(points).all():
        above = px[int(np.flatnonzero(~np.isfinite(points).all(axis=1))[0])]
        raise CalibrationError(field, "points on the road", above, "it lies above the survey's horizon")
    return points
