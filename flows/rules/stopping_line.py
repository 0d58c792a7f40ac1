"""Where a vehicle's front is against a stop line, and how well that is known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.domain.paths import Waypoint
from flows.geometry import along_and_across
from flows.motion import BODIES, UNKNOWN_BODY
from flows.roadway import Area, Line
from flows.rules.body_length import Length
from flows.rules.certainty import LAG_M, Z95

Array = NDArray[np.float64]

ACROSS: Final = 0.5
"""Cosine of 60°: who goes flatter to the line goes along it, and not over it."""
LEAST_SD_M: Final = 0.05
"""No place is known better, whatever cancels."""


@dataclass(frozen=True, slots=True)
class Front:
    """A vehicle's front against the line.

    Attributes:
        point: The vehicle.
        past_m: How far the front is beyond the line; negative before it.
        sd_m: Standard error of that.
        along_m: Where it is along the line.
        inside_m: How far inside the line's ends that is.
        inside_sd_m: Standard error of that.
        over: Whether the vehicle heads over the line, towards the junction.
        away: Seen from behind: what hides its foot makes it seem farther on than it is.
        facing: Seen from ahead: what hides its foot makes it seem less far on.
        covered: Something nearer covers part of it: told by its upper edge too.
    """

    point: Waypoint
    past_m: float
    sd_m: float
    along_m: float
    inside_m: float
    inside_sd_m: float
    over: bool
    away: bool
    facing: bool = False
    covered: bool = False

    @property
    def margin_m(self) -> float:
        """How far off ``past_m`` may be."""
        return Z95 * self.sd_m + LAG_M

    @property
    def before(self) -> bool:
        """Surely not over the line yet."""
        return self.past_m < -self.margin_m

    @property
    def past(self) -> bool:
        """Surely over it."""
        return self.past_m > self.margin_m


class StoppingLine:
    """A stop line.

    Args:
        line: On the ground.
        junction: The zone behind it, where it is known: who comes from there is not stopped by it.
        camera_m: ``(2,)`` where the camera stands; None where a device tells places.
    """

    def __init__(self, line: Line, junction: Area | None, camera_m: Array | None) -> None:
        self._points, self._camera_m = line.points_m, camera_m
        self._length_m = float(np.linalg.norm(np.diff(line.points_m, axis=0), axis=1).sum())
        self._side = 0.0
        if junction is not None:
            middle = junction.polygon_m.mean(axis=0)
            self._side = math.copysign(1.0, along_and_across(middle, self._points)[1])

    def front(self, point: Waypoint, cls: str, measured: Length | None = None) -> Front:
        """Where the front is.

        Args:
            point: The vehicle; its heading is known.
            cls: What it is taken for.
            measured: How long it is, if its boxes have told more than its class does.
        """
        length_m, spread_m = BODIES.get(cls, UNKNOWN_BODY).length
        towards, known_m = self._towards(point), spread_m
        ahead_m = length_m / 2
        if measured is not None and measured.cls == cls:
            # The end that is seen is where it is: the other one is off by what the class's length is.
            ahead_m += (measured.value_m - length_m) * (1.0 - towards) / 2
            known_m = measured.sd_m
        along_m, across_m, left = along_and_across(point.xy_m + point.heading * ahead_m, self._points)
        side = self._side or math.copysign(1.0, float(point.heading @ left))
        over = side * float(point.heading @ left) >= ACROSS
        sd_m = _sd_m(point, left, towards, spread_m / 2, known_m / 2)
        inside_m = min(along_m, self._length_m - along_m)
        beside_sd_m = point.sd_along_m(np.array([left[1], -left[0]]))
        away, facing = towards < -0.5, towards > 0.5
        return Front(point, side * across_m, sd_m, along_m, inside_m, beside_sd_m, over, away, facing)

    def _towards(self, point: Waypoint) -> float:
        """Cosine between where a vehicle points and where the camera is; 0 without a camera."""
        if self._camera_m is None:
            return 0.0
        sight = self._camera_m - point.xy_m
        return float(point.heading @ sight) / max(math.hypot(*sight), 1e-6)


def _sd_m(point: Waypoint, left: Array, towards: float, half_spread_m: float, half_known_m: float) -> float:
    """Standard error of the front across the line.

    A camera sees one end of a vehicle. Coming closer it shows its front, and an unknown length does not matter;
    going away it shows its rear, and the length's error counts whole: the class's spread, or that of its own length
    if it was measured. A path's error holds half of the class's for its middle, as far as it was seen from an end.
    """
    whole, across = point.sd_along_m(left), abs(float(point.heading @ left))
    middle, front = half_spread_m * abs(towards) * across, half_known_m * (1.0 - towards) * across
    return math.hypot(math.sqrt(max(whole**2 - middle**2, LEAST_SD_M**2)), front)
