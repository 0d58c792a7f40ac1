"""A track on the ground: where an object was, in metres, and how it moved."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Waypoint:
    """Where an object was at one moment.

    Attributes:
        at: Capture time, aware UTC.
        xy_m: ``(2,)`` middle of its plan on the ground.
        sd_m: Standard error of the position along and across, m.
        velocity_mps: ``(2,)``.
        heading: ``(2,)`` unit vector the body points along; kept while it stands, nan until it has moved.
        xyxy: Its box in the picture, full-resolution px; None where there is no picture.
        spread_m2: ``(2, 2)`` covariance of the position: far away, and of long bodies, it is much better known
            across the line of sight than along it. None where only ``sd_m`` is known.
        own: ``(4, 4)`` covariance of position and velocity without what all places of the path share: the survey's
            part and the body's. None where that is not known.
        foot_m: ``(2,)`` where this sighting alone puts its foot, or what a device says: a path smooths a jump away.
        foot_m2: ``(2, 2)`` covariance of that.
        shown: The part of the box whose crop shows nothing of a nearer vehicle; None: all of it, as far as was asked.
        covered: A nearer vehicle is all over it.
    """

    at: datetime
    xy_m: Array
    sd_m: float
    velocity_mps: Array
    heading: Array
    xyxy: tuple[float, float, float, float] | None = None
    spread_m2: Array | None = None
    own: Array | None = None
    foot_m: Array | None = None
    foot_m2: Array | None = None
    shown: tuple[float, float, float, float] | None = None
    covered: bool = False

    def sd_along_m(self, direction: Array) -> float:
        """Standard error of the position along a unit vector ``(2,)``, m."""
        if self.spread_m2 is None:
            return self.sd_m
        return float(np.sqrt(max(0.0, float(direction @ self.spread_m2 @ direction))))

    @property
    def speed_mps(self) -> float:
        """Without direction."""
        return float(np.hypot(self.velocity_mps[0], self.velocity_mps[1]))

    @property
    def heads(self) -> bool:
        """Whether the heading is known."""
        return bool(np.isfinite(self.heading[0]))


@dataclass(slots=True)
class Path:
    """One track's way on the ground, newest waypoint last. Rules read it, :mod:`flows.road.paths` writes it.

    Attributes:
        id: The track's number.
        cls: Class name by a vote over all sightings.
        length_m: Of a typical body of the class.
        width_m: Likewise.
        points: Waypoints in time order.
    """

    id: int
    cls: str
    length_m: float
    width_m: float
    points: list[Waypoint] = field(default_factory=list)

    @property
    def now(self) -> Waypoint:
        """The newest waypoint."""
        return self.points[-1]

    def front_m(self, index: int = -1) -> Array:
        """``(2,)`` middle of the front bumper; the middle of the body while the heading is unknown."""
        point = self.points[index]
        return point.xy_m + (0.5 * self.length_m * point.heading if point.heads else 0.0)
