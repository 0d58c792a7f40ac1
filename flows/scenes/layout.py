"""What rules need to know of a scene's road: its zones, lines and lights, and what ought to be found there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from flows.domain.ruleset import Rule
from flows.domain.site import RoadLine, Zone
from flows.scenes.lights import Light

if TYPE_CHECKING:
    from flows.scenes.judges.base import Judge

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Area:
    """A rectangle on the road, metres; what a zone of the site file is in a scene.

    Attributes:
        x_m: Left and right edge.
        y_m: Near and far edge.
        heading_deg: Which way its traffic goes, if that is stated.
    """

    x_m: tuple[float, float]
    y_m: tuple[float, float]
    heading_deg: float | None = None

    def holds(self, points_m: Array, grown_m: float = 0.0) -> NDArray[np.bool_]:
        """Which points ``(N, 2)`` lie in it, grown (or shrunk) on each side.

        >>> Area((0, 2), (0, 2)).holds(np.array([[1.0, 1.0], [2.2, 1.0]]), grown_m=0.1).tolist()
        [True, False]
        """
        x, y = points_m[..., 0], points_m[..., 1]
        across = (x >= self.x_m[0] - grown_m) & (x <= self.x_m[1] + grown_m)
        return np.asarray(across & (y >= self.y_m[0] - grown_m) & (y <= self.y_m[1] + grown_m))

    def zone(self, name: str) -> Zone:
        """As a site file has it."""
        (x0, x1), (y0, y1) = self.x_m, self.y_m
        corners = ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
        return Zone(name=name, polygon_m=corners, heading_deg=self.heading_deg)


@dataclass(frozen=True)
class Layout:
    """The road as rules see it.

    Attributes:
        areas: Zones by name.
        lines: Lines by name, from point to point.
        lights: Traffic lights.
        judges: The truth of each rule that holds here.
    """

    areas: Mapping[str, Area] = field(default_factory=dict)
    lines: Mapping[str, tuple[tuple[float, float], tuple[float, float]]] = field(default_factory=dict)
    lights: tuple[Light, ...] = ()
    judges: tuple[Judge, ...] = ()

    def zones(self) -> tuple[Zone, ...]:
        """For a site file."""
        return tuple(area.zone(name) for name, area in self.areas.items())

    def road_lines(self) -> tuple[RoadLine, ...]:
        """For a site file."""
        return tuple(RoadLine(name=name, m=points) for name, points in self.lines.items())

    def rules(self) -> tuple[Rule, ...]:
        """For a site file."""
        return tuple(judge.rule for judge in self.judges)
