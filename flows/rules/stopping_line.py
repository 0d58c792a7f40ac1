"""Where a vehicle's front is against a stop line, and how well that is known."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.domain.paths import Waypoint
from flows.road.geometry import along_and_across
from flows.road.motion import BODIES, UNKNOWN_BODY
from flows.road.roadway import Area, Line
from flows.rules.body_length import EXTREMES_M, Length
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
        shorter_m: Of so much more than its errors explain its length may fall short: the front is less far on ...
        longer_m: ... or exceed what it is taken for: the front is farther on ...
        reach_m: ... but not farther than anything of it that is to be seen, however long it is.
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
    shorter_m: float = 0.0
    longer_m: float = 0.0
    reach_m: float = math.inf

    @property
    def least_m(self) -> float:
        """Surely so far beyond the line."""
        return self.past_m - Z95 * self.sd_m - LAG_M - self.shorter_m

    @property
    def usual_m(self) -> float:
        """No farther beyond it, unless it is much longer than it is taken for."""
        return self.past_m + Z95 * self.sd_m + LAG_M

    @property
    def most_m(self) -> float:
        """Surely no farther beyond it."""
        return max(self.usual_m, min(self.usual_m + self.longer_m, self.reach_m))

    @property
    def before(self) -> bool:
        """Surely not over the line yet."""
        return self.most_m < 0.0

    @property
    def past(self) -> bool:
        """Surely over it."""
        return self.least_m > 0.0


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
        unseen = (1.0 - towards) / 2 * abs(float(point.heading @ left))
        shorter_m, longer_m = (unseen * off_m for off_m in _beyond_m(cls, known_m))
        return Front(
            point,
            side * across_m,
            sd_m,
            along_m,
            inside_m,
            beside_sd_m,
            over,
            away=towards < -0.5,
            facing=towards > 0.5,
            shorter_m=shorter_m,
            longer_m=longer_m,
        )

    def no_farther(self, point: Waypoint, places_m: Array, spread_m2: Array) -> Front:
        """The front of who is surely not beyond all of some places, as if it were at the farthest.

        Args:
            point: The vehicle, heading as it does; its place does not matter.
            places_m: ``(N, 2)``.
            spread_m2: ``(N, 2, 2)`` their covariance.
        """
        now = self.front(point, "")
        fronts = [self._at(now, place, spread) for place, spread in zip(places_m, spread_m2, strict=True)]
        return max(fronts, key=lambda front: front.most_m)

    def _at(self, front: Front, place: Array, spread: Array) -> Front:
        """The same front, but there; its length does not matter."""
        along_m, across_m, left = along_and_across(place, self._points)
        side = self._side or math.copysign(1.0, float(front.point.heading @ left))
        sd_m = math.hypot(math.sqrt(float(left @ spread @ left)), LEAST_SD_M)
        return replace(front, past_m=side * across_m, sd_m=sd_m, along_m=along_m)

    def _towards(self, point: Waypoint) -> float:
        """Cosine between where a vehicle points and where the camera is; 0 without a camera."""
        if self._camera_m is None:
            return 0.0
        sight = self._camera_m - point.xy_m
        return float(point.heading @ sight) / max(math.hypot(*sight), 1e-6)


def _beyond_m(cls: str, known_m: float) -> tuple[float, float]:
    """By how much more than its standard error explains a body may be shorter, and longer, than it is taken for.

    A class is no bell curve: a lorry with its trailer is six spreads longer than a lorry, a minibus four shorter than
    a bus. A measurement leaves of such a difference the share that it leaves of the class's variance.

    >>> _beyond_m("car", 0.5), tuple(round(m, 1) for m in _beyond_m("truck", 1.8))
    ((0.0, 0.0), (0.0, 8.5))
    """
    length_m, spread_m = BODIES.get(cls, UNKNOWN_BODY).length
    least_m, most_m = EXTREMES_M.get(cls, (length_m, length_m))
    left = (known_m / spread_m) ** 2
    shorter_m, longer_m = (left * off_m - Z95 * known_m for off_m in (length_m - least_m, most_m - length_m))
    return max(0.0, shorter_m), max(0.0, longer_m)


def _sd_m(point: Waypoint, left: Array, towards: float, half_spread_m: float, half_known_m: float) -> float:
    """Standard error of the front across the line.

    A camera sees one end of a vehicle. Coming closer it shows its front, and an unknown length does not matter;
    going away it shows its rear, and the length's error counts whole: the class's spread, or that of its own length
    if it was measured. A path's error holds half of the class's for its middle, as far as it was seen from an end.
    """
    whole, across = point.sd_along_m(left), abs(float(point.heading @ left))
    middle, front = half_spread_m * abs(towards) * across, half_known_m * (1.0 - towards) * across
    return math.hypot(math.sqrt(max(whole**2 - middle**2, LEAST_SD_M**2)), front)
