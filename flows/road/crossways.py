"""Ways over a crosswalk: a vehicle's, a person's, and the line on which they meet.

In the crosswalk's frame, ``s`` across the road and ``q`` along it:

- The *person's line* is the strip across the road on which the person walks, :data:`LINE_M` to each side.
- The *conflict box* is the crosswalk within half a lane of that line; the vehicle *enters* when its body touches it.
- The vehicle's *swath* is what its body covers of the person's line, from kerb to kerb a few metres.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.domain.paths import Path
from flows.domain.times import lasts_s
from flows.road.crosswalk import BESIDE_M, Crosswalk, Interval, extent_in_band
from flows.road.geometry import body_corners, inside_polygon
from flows.road.kinematics import velocities
from flows.road.paths import PathConfig

Array = NDArray[np.float64]

LINE_M: Final = 0.5
"""Half a person's depth and a step."""
AROUND_S: Final = 0.4
"""A person's pace is that of what was seen within this time before and after: known afterwards, it need not lag
behind as the filter's does."""


class Passage:
    """A vehicle's way over a crosswalk, as the people there meet it.

    Args:
        vehicle: Its path.
        crosswalk: The crosswalk.
        from_at: Waypoints from then on ...
        to_at: ... until then.
    """

    def __init__(self, vehicle: Path, crosswalk: Crosswalk, from_at: datetime, to_at: datetime) -> None:
        self.vehicle, self.crosswalk = vehicle, crosswalk
        self.points = [p for p in vehicle.points if from_at <= p.at <= to_at and p.heads]
        self.t = np.array([lasts_s(from_at, p.at) for p in self.points])
        self.from_at = from_at
        shape = (len(self.points), 4, 2)
        bodies = [body_corners(p.xy_m, p.heading, vehicle.length_m, vehicle.width_m) for p in self.points]
        self.bodies = crosswalk.local(np.array(bodies).reshape(shape))
        velocity, spread = velocities(self.points, PathConfig().accelerates_mps2)
        self.speed_mps = np.linalg.norm(velocity, axis=1)
        ahead = velocity / np.maximum(self.speed_mps, 1e-9)[:, None]
        self.speed_sd_mps = np.sqrt(np.einsum("ni,nij,nj->n", ahead, spread, ahead))
        self.over = np.array([bool(over(body, crosswalk)) for body in self.bodies], bool)

    def extents(self, low: float, high: float) -> list[Interval | None]:
        """What the body covers across the road between two distances along it, at each waypoint."""
        lowest, highest = self.bodies[:, :, 1].min(axis=1), self.bodies[:, :, 1].max(axis=1)
        there = (lowest <= high) & (highest >= low)
        return [
            extent_in_band(body, low, high) if near else None
            for body, near in zip(self.bodies, there, strict=True)
        ]


def over(body: Array, crosswalk: Crosswalk) -> bool:
    """Whether a body's outline ``(4, 2)``, local, reaches over the crosswalk."""
    steps = np.linspace(0.0, 1.0, 5)[:, None, None]
    outline = (body + steps * (np.roll(body, -1, axis=0) - body)).reshape(-1, 2)
    return bool(crosswalk.holds(outline).any() or inside_polygon(crosswalk.outline, body).any())


@dataclass(frozen=True, slots=True)
class Way:
    """A person's way while a vehicle comes and goes.

    Attributes:
        id: The track's number.
        t: ``(N,)`` seconds, as the passage counts.
        sq: ``(N, 2)`` local places.
        v: ``(N, 2)`` local velocities.
        sd: ``(N,)`` standard errors of the places, m.
        xy: ``(N, 2)`` places on the ground.
        unseen_s: Nothing is known of a time farther than this from a sighting.
    """

    id: int
    t: Array
    sq: Array
    v: Array
    sd: Array
    xy: Array
    unseen_s: float

    @classmethod
    def of(cls, person: Path, passage: Passage, after_s: float, unseen_s: float) -> Way | None:
        points = [
            p for p in person.points if -1.0 <= lasts_s(passage.from_at, p.at) <= passage.t[-1] + after_s
        ]
        if len(points) < 3:
            return None
        t = np.array([lasts_s(passage.from_at, p.at) for p in points])
        xy = np.array([p.xy_m for p in points])
        sq, sd = passage.crosswalk.local(xy), np.array([p.sd_m for p in points])
        return cls(person.id, t, sq, slopes(t, sq, AROUND_S), sd, xy, unseen_s)

    def at(self, t: float) -> Array | None:
        """``(2,)`` local place at a time, between what was seen; None where nothing was seen round it."""
        if float(np.abs(self.t - t).min()) > self.unseen_s:
            return None
        if t > self.t[-1]:
            return np.asarray(self.sq[-1] + (t - self.t[-1]) * self.v[-1])
        return np.array([np.interp(t, self.t, self.sq[:, 0]), np.interp(t, self.t, self.sq[:, 1])])

    def crosses(self, crosswalk: Crosswalk, from_s: float, until_s: float) -> bool:
        """Whether the person was anywhere about the crosswalk's middle then."""
        rows = (self.t >= from_s - 1.0) & (self.t <= until_s + 1.0)
        low, high = crosswalk.outline.min(axis=0) - BESIDE_M, crosswalk.outline.max(axis=0) + BESIDE_M
        return bool(((self.sq[rows] >= low) & (self.sq[rows] <= high)).all(axis=1).any())

    def near(self, t: float) -> int:
        """The sighting nearest to a time."""
        return int(np.abs(self.t - t).argmin())


@dataclass(frozen=True, slots=True)
class Line:
    """The person's line and the vehicle on it.

    Attributes:
        swath: What the body covers of it across the road.
        entry: Index of the waypoint at which the body touches the conflict box.
        arrival: At which it touches the line.
        leaving: The first at which it has left the line; None if that was not seen.
    """

    swath: Interval
    entry: int
    arrival: int
    leaving: int | None

    @classmethod
    def of(cls, passage: Passage, way: Way, half_lane_m: float) -> Line | None:
        """None where the vehicle never comes over the person's line: it stops before it, or turns off."""
        first = int(np.argmax(passage.over))
        q = way.at(float(passage.t[first]))
        if q is None:
            return None
        low, high = passage.crosswalk.depth
        level = min(max(float(q[1]), low), high)
        on_line = passage.extents(max(level - LINE_M, low), min(level + LINE_M, high))
        rows = [i for i, extent in enumerate(on_line) if extent is not None and i >= first]
        if not rows:
            return None
        arrival = rows[0]
        leaving = next((i for i in range(arrival, len(on_line)) if on_line[i] is None), None)
        covered = [e for e in on_line[arrival:leaving] if e is not None]
        box_m = max(half_lane_m, LINE_M)
        in_box = passage.extents(max(level - box_m, low), min(level + box_m, high))
        entry = next(i for i in range(first, arrival + 1) if in_box[i] is not None)
        return cls((min(e[0] for e in covered), max(e[1] for e in covered)), entry, arrival, leaving)


def slopes(t: Array, values: Array, around: float) -> Array:
    """``(N, K)`` slope of the straight line through what lies within ``around`` of each of ``(N,)`` times.

    At both ends the stretch is as long, to one side: half of it would tell half as well, and first and last sightings
    are the worst.

    >>> slopes(np.array([0.0, 1.0, 2.0]), np.array([[0.0], [2.0], [4.0]]), 1.0).ravel().tolist()
    [2.0, 2.0, 2.0]
    """
    half = min(around, (t[-1] - t[0]) / 2)
    middle = np.clip(t, t[0] + half, t[-1] - half)
    near = (np.abs(middle[:, None] - t) <= around + 1e-6).astype(np.float64)  # rounding must not lose its own
    count = near.sum(axis=1)
    mean_t, mean = near @ t / count, near @ values / count[:, None]
    spread = near @ t**2 / count - mean_t**2
    together = near @ (t[:, None] * values) / count[:, None] - mean_t[:, None] * mean
    return np.asarray(together / np.maximum(spread, 1e-9)[:, None])
