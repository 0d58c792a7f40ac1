"""A vehicle and a person at a crosswalk: whether their ways conflict, who came first, and how near it was.

Everything is in the crosswalk's frame (``s`` across the road, ``q`` along it) and decided after the vehicle has
passed, from its actual way:

- The person's line, the conflict box round it and the vehicle's swath over it are as in :mod:`flows.road.crossways`.
- Post-encroachment time: from the moment one of the two has left the swath on that line until the other reaches it
  (Allen, Shin & Cooper 1978).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from flows.domain.paths import Path, Waypoint
from flows.median import median
from flows.road.crosswalk import Interval
from flows.road.crossways import LINE_M, Line, Passage, Way
from flows.road.geometry import distance_to_polygon

Array = NDArray[np.float64]
Refused = Literal["no_fair_chance", "not_seen_before", "not_seen_leaving", "too_uncertain", "touching"]

ONE_SIDED: Final = 1.64
"""Standard errors by which something is surely on one side of a bound (95 %)."""


@dataclass(frozen=True, slots=True)
class YieldConfig:
    """Thresholds of the rule, each with its reason.

    Attributes:
        step_m: So far from the kerb or a median somebody has stepped out: a foot's length.
        walks_mps: Slower towards or away is standing: sway and the noise of a box's lower edge.
        runs_mps: Faster is no pedestrian but a rider, or somebody in a vehicle.
        ahead_s: What somebody who walks needs to see that the vehicle does not stop, and to stop (1 s to
            perceive, half a second for a step): the way until then is their path as it stands.
        behind_m: Who walks on and is that far beyond the vehicle's swath when it arrives has left its way.
        react_s: Perception and reaction of a driver who comes to a crosswalk and expects people (the figure by
            which amber times are set, ITE), and ...
        brakes_mps2: ... braking that most drivers find comfortable (AASHTO Green Book, 11.2 ft/s²), with which
            one must have been able to stop.
        blink_s: A velocity that looks otherwise for less is noise.
        approach_m: Who walks up to the road without a stop shows what they are about to do from here on: the
            driver's time begins then. Who stands at the kerb and steps out shows it when they step out.
        extrapolate_s: A vehicle that came into sight later than the person stepped out was so much earlier
            where its first speed says, at most; and a person first seen on the road likewise.
        hesitates_s: Who stops on the road for less still wants to go on: they wait for the vehicle that does
            not stop for them.
        unseen_s: A person not seen for longer round the decisive moment cannot be spoken of.
        before_s: What led to it: seconds looked at before the vehicle enters.
        after_s: A person who comes later than this after the vehicle was in no conflict with it.
        max_sd_m: Places known worse than this, across the road, do not tell one lane from the next.
        touching_m: Somebody that deep inside a vehicle's body sits in it, or is misplaced.
    """

    step_m: float = 0.3
    walks_mps: float = 0.4
    runs_mps: float = 4.0
    ahead_s: float = 1.5
    behind_m: float = 0.5
    react_s: float = 1.0
    brakes_mps2: float = 3.4
    blink_s: float = 0.3
    approach_m: float = 2.0
    extrapolate_s: float = 3.0
    hesitates_s: float = 1.5
    unseen_s: float = 0.6
    before_s: float = 10.0
    after_s: float = 5.0
    max_sd_m: float = 0.8
    touching_m: float = 0.6


@dataclass(frozen=True, slots=True)
class Span:
    """A value and its standard error."""

    value: float
    sd: float


@dataclass(frozen=True, slots=True)
class Chance:
    """Whether a driver could have stopped.

    Attributes:
        at_s: The moment, as the passage counts.
        way_m: To the conflict box; its error is that of what is left of it after braking.
        needed_m: To stop comfortably.
    """

    at_s: float
    way_m: Span
    needed_m: float

    @property
    def fair(self) -> bool:
        """Surely so."""
        return self.way_m.value - ONE_SIDED * self.way_m.sd >= self.needed_m


@dataclass(frozen=True, slots=True)
class Encounter:
    """A vehicle that went before a person who had the way.

    Attributes:
        person: The person's track number.
        claimed_at: When the person, on the road, began to walk into, or to stand in, the vehicle's way.
        noticed_at: When a driver could see that they would.
        could_stop_at: When, having had the time to react, the driver could most surely still have stopped.
        entered_at: When the vehicle's body touched the conflict box.
        before: The vehicle before it entered, the person on the road.
        past: The vehicle when it reached the person's line.
        leaving: The vehicle when it had left the crosswalk, or was last seen.
        to_go_m: The person's way to the swath when the vehicle entered; 0 inside it.
        pace_mps: The person's.
        available_m: The vehicle's way to the box then.
        needed_m: What it needed then to stop comfortably.
        closest_m: Least distance between the person's middle and the vehicle's body.
        encroachment_s: Post-encroachment time; None where the other did not come within ``after_s``.
        person_first: The person had left the swath when the vehicle came.
        trace: The person's ``(seconds since claimed_at, x_m, y_m)``.
    """

    person: int
    claimed_at: datetime
    noticed_at: datetime
    could_stop_at: datetime
    entered_at: datetime
    before: Waypoint
    past: Waypoint
    leaving: Waypoint
    to_go_m: Span
    pace_mps: float
    available_m: Span
    needed_m: float
    closest_m: Span
    encroachment_s: Span | None
    person_first: bool
    trace: list[tuple[float, float, float]]


def meet(
    passage: Passage, person: Path, half_lane_m: float, config: YieldConfig
) -> Encounter | Refused | None:
    """What happened between a vehicle and a person; None where neither had to give way.

    Args:
        passage: The vehicle's, over.
        person: The person's path.
        half_lane_m: Half the depth of the conflict box.
        config: Thresholds.
    """
    if not passage.over.any():
        return None
    way = Way.of(person, passage, config.after_s, config.unseen_s)
    during = passage.t[passage.over]
    if way is None or not way.crosses(passage.crosswalk, float(during[0]), float(during[-1])):
        return None
    line = Line.of(passage, way, half_lane_m)
    if line is None:
        return None
    return _Meeting(passage, way, line, half_lane_m, config).judged()


class _Meeting:
    """One person before one vehicle."""

    def __init__(
        self, passage: Passage, way: Way, line: Line, half_lane_m: float, config: YieldConfig
    ) -> None:
        self.passage, self.way, self.line, self.config = passage, way, line, config
        self.half_lane_m = half_lane_m
        self.gap = np.array([_gap(float(s), line.swath) for s in way.sq[:, 0]])
        self.side = np.where(way.sq[:, 0] < sum(line.swath) / 2, 1.0, -1.0)  # which way the swath lies
        self.towards = self.side * way.v[:, 0]

    def judged(self) -> Encounter | Refused | None:
        passage, way, line, config = self.passage, self.way, self.line, self.config
        entry_s, arrival_s = float(passage.t[line.entry]), float(passage.t[line.arrival])
        if way.at(entry_s) is None:
            return None
        here = way.near(entry_s)
        began = self._claim(here)
        if began is None:
            return None
        direction = self._direction(began, here)
        to_go, beyond_sd = (
            float(self.gap[here]),
            float(np.hypot(way.sd[here], passage.points[line.entry].sd_along_m(passage.crosswalk.across))),
        )
        pace = max(float(self.towards[here]), self._mean_pace(began, here), 0.0)
        if to_go > self.half_lane_m + pace * config.ahead_s:
            return None
        beyond = self._beyond(arrival_s, direction)
        if beyond is None or beyond > config.behind_m:
            return None
        noticed_s = self._noticed_s(began)
        chance = self._chance(noticed_s)
        return self._doubt(here, beyond, beyond_sd, chance) or self._encounter(
            began, direction, Span(to_go, beyond_sd), pace, noticed_s, chance
        )

    def _claim(self, here: int) -> int | None:
        """Since which sighting the person has been walking into, or standing in, the vehicle's way."""
        began, last_s = None, float(self.way.t[here])
        for i in range(here, -1, -1):
            if self._claims(i):
                began, last_s = i, float(self.way.t[i])
            elif last_s - self.way.t[i] > self.config.hesitates_s or not self._waits(i):
                break
        return began

    def _waits(self, i: int) -> bool:
        """Whether somebody on the road who does not walk on does not turn away either."""
        depth = self._depth(i)
        return depth is not None and depth >= self.config.step_m and self.towards[i] > -self.config.walks_mps

    def _claims(self, i: int) -> bool:
        config, way = self.config, self.way
        side, along = abs(float(way.v[i, 0])), abs(float(way.v[i, 1]))
        if math.hypot(side, along) > config.runs_mps or along > max(1.0, 1.2 * side):
            return False
        depth = self._depth(i)
        if depth is None or depth < config.step_m:
            return False
        gap, towards = float(self.gap[i]), float(self.towards[i])
        if gap == 0.0 or towards >= config.walks_mps:
            return True
        return gap <= self.half_lane_m and towards > -config.walks_mps

    def _depth(self, i: int) -> float | None:
        """How far from kerb or median somebody is, on the carriageway that the vehicle takes."""
        stretch = self.passage.crosswalk.stretch(self.way.sq[i])
        if stretch is None:
            return None
        low, high = self.line.swath
        shared = min(stretch[1], high) - max(stretch[0], low)
        if shared < (high - low) / 2:
            return None
        s = float(self.way.sq[i, 0])
        return min(s - stretch[0], stretch[1] - s)

    def _direction(self, began: int, here: int) -> float:
        """Which way the person crosses, +1 or -1; towards the swath of who stands."""
        seconds = float(self.way.t[here] - self.way.t[began])
        gone = float(self.way.sq[here, 0] - self.way.sq[began, 0])
        if seconds > 0 and abs(gone) > self.config.walks_mps * seconds:
            return math.copysign(1.0, gone)
        v = float(self.way.v[here, 0])
        return math.copysign(1.0, v) if abs(v) > self.config.walks_mps else float(self.side[here])

    def _mean_pace(self, began: int, here: int) -> float:
        seconds = float(self.way.t[here] - self.way.t[began])
        return abs(float(self.way.sq[here, 0] - self.way.sq[began, 0])) / seconds if seconds > 0.5 else 0.0

    def _beyond(self, t: float, direction: float) -> float | None:
        """How far beyond the swath the person is at a time; negative before or in it."""
        place = self.way.at(t)
        if place is None:
            return None
        low, high = self.line.swath
        return float(place[0]) - high if direction > 0 else low - float(place[0])

    def _doubt(self, here: int, beyond: float, sd: float, chance: Chance) -> Refused | None:
        """Why what looks like an offence cannot be called one."""
        config, way, line = self.config, self.way, self.line
        if int(np.argmax(self.passage.over)) == 0:
            return "not_seen_before"
        depth = self._depth(here) or 0.0
        unsure = sd > config.max_sd_m or depth < ONE_SIDED * float(way.sd[here])
        if unsure or beyond + ONE_SIDED * sd > config.behind_m:
            return "too_uncertain"
        if self._closest()[0] < -config.touching_m:
            return "touching"
        if not chance.fair:
            return "no_fair_chance"
        return "not_seen_leaving" if line.leaving is None else None

    def _noticed_s(self, began: int) -> float:
        """Since when a driver could see that the person would walk into the vehicle's way."""
        way, config = self.way, self.config
        noticed = began
        for i in range(began - 1, -1, -1):
            side, along = float(self.towards[i]), abs(float(way.v[i, 1]))
            walks_up = config.walks_mps <= side <= config.runs_mps and along <= max(1.0, 1.2 * side)
            away_m = abs(float(way.sq[i, 0] - way.sq[began, 0]))
            if away_m > config.approach_m or way.t[noticed] - way.t[i] > config.blink_s:
                return float(way.t[noticed])
            noticed = i if walks_up else noticed
        # On the road when first seen: they have come from the kerb, hardly faster than they went on.
        depth, pace = self._depth(noticed) or 0.0, float(self.towards[noticed])
        earlier_s = depth / (1.25 * pace) if pace > config.walks_mps else 0.0
        return float(way.t[noticed]) - min(earlier_s, config.extrapolate_s)

    def _chance(self, since_s: float) -> Chance:
        """When a driver who saw the person at a time could most surely have stopped comfortably."""
        config, passage, entry = self.config, self.passage, self.line.entry
        reacted_s = since_s + config.react_s
        first = min(int(np.searchsorted(passage.t, reacted_s)), entry)
        points, t = passage.points[first : entry + 1], passage.t[first : entry + 1]
        steps_m = np.linalg.norm(np.diff([p.xy_m for p in points], axis=0).reshape(-1, 2), axis=1)
        way_m = np.append(np.cumsum(steps_m[::-1])[::-1], 0.0)
        speed, speed_sd = passage.speed_mps[first : entry + 1], passage.speed_sd_mps[first : entry + 1]
        earlier_s = np.zeros(len(points))  # in sight only later, it came from farther away
        earlier_s[0] = min(max(float(t[0]) - reacted_s, 0.0), config.extrapolate_s)
        way_m = way_m + speed * earlier_s
        needed_m = speed**2 / (2 * config.brakes_mps2)
        places_sd = np.array([p.sd_m for p in points])
        sd = np.hypot(places_sd, speed_sd * np.abs(earlier_s - speed / config.brakes_mps2))
        best = int(np.argmax(way_m - needed_m - ONE_SIDED * sd))
        at_s = float(t[best] - earlier_s[best])
        return Chance(at_s, Span(float(way_m[best]), float(sd[best])), float(needed_m[best]))

    def _closest(self) -> tuple[float, float]:
        """Least distance between person and body, negative inside it, and its standard error; m."""
        best = (math.inf, 0.0)
        for i in range(self.line.entry, len(self.passage.points)):
            place = self.way.at(float(self.passage.t[i]))
            if place is None:
                continue
            body = self.passage.bodies[i]
            off = distance_to_polygon(place, body)
            if off == 0.0:
                off = -_depth_inside(place, body)
            if off < best[0]:
                near = self.way.near(float(self.passage.t[i]))
                best = (off, float(np.hypot(self.way.sd[near], self.passage.points[i].sd_m)))
        return best

    def _encounter(
        self,
        began: int,
        direction: float,
        to_go: Span,
        pace: float,
        noticed_s: float,
        chance: Chance,
    ) -> Encounter:
        passage, way, line = self.passage, self.way, self.line
        closest_m, closest_sd = self._closest()
        encroachment, person_first = self._encroachment(direction, pace)
        after = [i for i in range(line.arrival, len(passage.points)) if not passage.over[i]]
        return Encounter(
            person=way.id,
            claimed_at=self._time(float(way.t[began])),
            noticed_at=self._time(noticed_s),
            entered_at=passage.points[line.entry].at,
            before=passage.points[self._before(began)],
            past=passage.points[line.arrival],
            leaving=passage.points[after[0] if after else -1],
            to_go_m=to_go,
            pace_mps=pace,
            could_stop_at=self._time(chance.at_s),
            available_m=chance.way_m,
            needed_m=chance.needed_m,
            closest_m=Span(max(0.0, closest_m), closest_sd),
            encroachment_s=encroachment,
            person_first=person_first,
            trace=self._trace(began),
        )

    def _before(self, began: int) -> int:
        """The last waypoint at which the vehicle was not over the crosswalk, or else not in the box, while the
        person was on the road."""
        first = int(np.argmax(self.passage.over))
        on_road = int(np.searchsorted(self.passage.t, self.way.t[began]))
        return max(0, min(max(first - 1, on_road), self.line.entry - 1))

    def _encroachment(self, direction: float, pace: float) -> tuple[Span | None, bool]:
        """Post-encroachment time, and whether the person was first."""
        passage, way, line = self.passage, self.way, self.line
        low, high = line.swath
        start, end = (low, high) if direction > 0 else (high, low)
        ahead = direction * (way.sq[:, 0] - start) >= 0
        gone = direction * (way.sq[:, 0] - end) > 0
        arrival_s, sd_s = float(passage.t[line.arrival]), self._encroachment_sd(pace)
        left = way.t[gone & (way.t <= arrival_s)]
        if len(left):
            return Span(arrival_s - float(left[0]), sd_s), True
        rows = np.flatnonzero(ahead & (way.t >= arrival_s - 1.0))
        if not len(rows):
            return None, False
        after_s = float(way.t[rows[0]]) - self._left_s(float(way.sq[rows[0], 1]))
        return (Span(max(0.0, after_s), sd_s) if after_s <= self.config.after_s else None), False

    def _left_s(self, level: float) -> float:
        """When the vehicle has left the strip on which the person comes to its swath: they may have swerved."""
        passage = self.passage
        on = [i for i, e in enumerate(passage.extents(level - LINE_M, level + LINE_M)) if e is not None]
        last = on[-1] + 1 if on else self.line.leaving or -1
        return float(passage.t[min(last, len(passage.t) - 1)])

    def _encroachment_sd(self, pace: float) -> float:
        passage, way = self.passage, self.way
        vehicle = passage.points[self.line.arrival]
        by_vehicle = vehicle.sd_m / max(vehicle.speed_mps, 0.5)
        by_person = float(way.sd[way.near(float(passage.t[self.line.arrival]))]) / max(pace, 0.5)
        steps = [median(np.diff(t)) / math.sqrt(12) for t in (passage.t, way.t)]
        return math.hypot(by_vehicle, by_person, *steps)

    def _trace(self, began: int) -> list[tuple[float, float, float]]:
        way = self.way
        until = float(self.passage.t[-1])
        rows = [i for i in range(began, len(way.t)) if way.t[i] <= until]
        return [
            (
                round(float(way.t[i] - way.t[began]), 3),
                round(float(way.xy[i, 0]), 3),
                round(float(way.xy[i, 1]), 3),
            )
            for i in rows
        ]

    def _time(self, t: float) -> datetime:
        return self.passage.from_at + timedelta(seconds=t)


def nearest(encounters: Sequence[Encounter]) -> Encounter:
    """The gravest of several people's: who was nearest."""
    return min(encounters, key=lambda e: (e.closest_m.value, e.person))


def _gap(s: float, swath: Interval) -> float:
    return max(swath[0] - s, s - swath[1], 0.0)


def _depth_inside(point: Array, body: Array) -> float:
    edges = np.vstack([body, body[:1]])
    ways = np.diff(edges, axis=0)
    off = point - edges[:-1]
    areas = np.abs(ways[:, 0] * off[:, 1] - ways[:, 1] * off[:, 0])
    return float((areas / np.linalg.norm(ways, axis=1)).min())
