"""Who may stand in a queue: traffic that is stopped is not stopping.

A queue is a file of vehicles that stand close behind one another, and nobody drives past it: whoever stands behind
another, or has another behind that has not been driven past, may be stopped by what is ahead, also the first one, by
something out of sight. Two who park behind one another look the same until somebody drives past them; nobody can drive
past a queue that fills its lanes. Who has been driven past was in no queue until then, and one may come to be there
afterwards: who drives by may be the first to stop in the next lane. So time counts between two who drive by soon after
one another.

What that cannot tell: a queue in one lane while the next one flows (a turn: give the rule its ``signal``), one whose
only other vehicle is out of sight, and who stood before the camera began, whose direction nobody knows. Two who park
behind one another where hardly anybody drives past are let off.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.domain.paths import Path, Waypoint
from flows.domain.tracks import Track
from flows.road.motion import BODIES, UNKNOWN_BODY
from flows.rules.base import Moment
from flows.rules.standing import Stand

Array = NDArray[np.float64]

PASSERS: Final = frozenset({"car", "truck"})
"""Motorcycles drive past any queue, and buses in a lane of their own."""


@dataclass(frozen=True, slots=True)
class QueueConfig:
    """Thresholds, each with its reason.

    Attributes:
        gap_m: Between bumpers: drivers in a queue leave 1 to 3 m, and places are known to half a metre.
        aside_m: Who stands so far aside is in another lane.
        past_mps: Slower is no driving past: queues move up at a walk.
        beside_m: From the middle of a place at the kerb to that of a vehicle in the lane beside it, at most.
        along: Cosine of the angle within which somebody drives the same way: who comes towards a queue says nothing.
        step_s: Where somebody was in between is known over so long.
        flows_s: The road flows between two who drive past if they come within so long: shorter than a red light, which
            may hold the whole road in between.
    """

    gap_m: float = 3.5
    aside_m: float = 1.75
    past_mps: float = 2.8
    beside_m: float = 3.6
    along: float = 0.7
    step_s: float = 3.0
    flows_s: float = 20.0


class Queues:
    """The files of one camera's standing vehicles.

    Args:
        config: Thresholds; the defaults if None.
    """

    def __init__(self, config: QueueConfig | None = None) -> None:
        self._config = config or QueueConfig()

    def see(self, stands: Sequence[Stand], tracks: Sequence[Track], moment: Moment, counted_s: float) -> None:
        """Notes whom somebody has driven past since the frame before; called once a frame.

        Args:
            stands: All that stand.
            tracks: Vehicles seen.
            moment: The frame, with their paths.
            counted_s: The clock of countable time.
        """
        for track in tracks:
            path = moment.paths.get(track.id)
            if track.cls not in PASSERS or path is None or len(path.points) < 2 or path.now.at != moment.at:
                continue
            for stand in stands:
                if stand.owner != track.id and self._passes(path, stand.plain):
                    stand.passed_s = counted_s

    def free_s(self, stand: Stand, stands: Sequence[Stand]) -> float:
        """Until when a vehicle surely stands in no queue, among all that stand, by the clock of countable time.

        It has no end for whoever is in no file.
        """
        return min((self._free_s(stand, other) for other in stands if other is not stand), default=math.inf)

    def _passes(self, path: Path, place: Waypoint) -> bool:
        config, before, now = self._config, path.points[-2], path.now
        way, took_s = now.xy_m - before.xy_m, (now.at - before.at).total_seconds()
        gone_m = math.hypot(*way)
        if not 0.0 < took_s <= config.step_s or gone_m < config.past_mps * took_s:
            return False
        ahead = way / gone_m
        if place.heads and float(place.heading @ ahead) < config.along:
            return False
        off = place.xy_m - before.xy_m
        aside_m = abs(float(ahead[0] * off[1] - ahead[1] * off[0]))
        return aside_m <= config.beside_m and 0.0 <= float(off @ ahead) < gone_m

    def _free_s(self, stand: Stand, other: Stand) -> float:
        """The same, as far as one other may hold it up, or stand behind it for the same reason."""
        config, off = self._config, other.plain.xy_m - stand.plain.xy_m
        reach_m = config.gap_m + (_length_m(stand) + _length_m(other)) / 2
        heading = stand.plain.heading if stand.plain.heads else other.plain.heading
        if not np.isfinite(heading[0]):  # both stood before anybody looked: either may be ahead
            return stand.passed_s if math.hypot(*off) <= reach_m else math.inf
        along_m, aside_m = float(off @ heading), abs(float(heading[0] * off[1] - heading[1] * off[0]))
        if abs(along_m) > reach_m or aside_m > config.aside_m:
            return math.inf
        return stand.passed_s if along_m > 0.0 else max(stand.passed_s, other.passed_s)


def _length_m(stand: Stand) -> float:
    return BODIES.get(stand.cls, UNKNOWN_BODY).length[0]
