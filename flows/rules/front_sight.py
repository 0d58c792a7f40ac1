"""Where a vehicle's front is against a stop line, by all that shows of its body: its foot, upper edge and sides."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Final

import numpy as np

from flows.domain.errors import CalibrationError
from flows.domain.paths import Waypoint
from flows.domain.tracks import Sighting
from flows.road.ground import GroundPlane
from flows.rules import body_length
from flows.rules.body_length import Length
from flows.rules.certainty import seconds_between
from flows.rules.crown import CrownSight
from flows.rules.flank import FlankSight
from flows.rules.stopping_line import Front, StoppingLine
from flows.rules.trail import UNBROKEN_S, Look

STIFF: Final = ("car", "truck", "bus")
"""Whose upper edge is a body's: a rider's is a head, that leans and sits up."""
ALIKE: Final = 0.97
"""Cosine of 14 degrees: looks from before a turn show a body from elsewhere, along another way."""
CROWNS: Final = 9
"""The height of a vehicle's upper edge is the median of so many looks in plain sight, the last ones ..."""
LEAST_CROWNS: Final = 5
"""... and of so many at least: in one or two the detector may be off."""
RECENT_S: Final = 1.0
"""How far on it is by its upper edge is the median of so long."""
ARRIVES_S: Final = 3.0
"""Who was seen before the line so much earlier may have come from anywhere since."""
REMEASURES: Final = 3
"""A length is measured again after so many new looks: a fit costs 50 ms."""


@dataclass(slots=True)
class Body:
    """What is known of one vehicle's body.

    Attributes:
        crowns_m: Heights of its upper edge over the road in the last looks in plain sight.
        aheads: How much farther on its upper edge has it than its foot, m, in the last looks while it was covered.
        whole: Looks at all of it, one a step of its way: by them its length is measured.
        measured_at: How many there were when it was measured last.
        length: As it was measured then; None while only its class's is known.
        reach: The last look at it that may matter, and how far beyond the line its front was at most by that.
    """

    crowns_m: list[float] = field(default_factory=list)
    aheads: list[tuple[Waypoint, float]] = field(default_factory=list)
    whole: list[Waypoint] = field(default_factory=list)
    measured_at: int = 0
    length: Length | None = None
    reach: tuple[Waypoint, float] | None = None

    def add(self, point: Waypoint) -> None:
        """A look at all of it, if it has gone on since the last one: who stands for long trembles to and fro."""
        last = self.whole[-1] if self.whole else None
        if last is None or float((point.xy_m - last.xy_m) @ point.heading) >= body_length.STEP_M:
            self.whole.append(point)

    @property
    def fresh(self) -> int:
        """Looks at all of it since it was measured."""
        return len(self.whole) - self.measured_at


class FrontSight:
    """Fronts of vehicles at one stop line.

    Args:
        line: The stop line.
        ground: The surveyed plane; None where a device tells places, and there are no pictures.
    """

    def __init__(self, line: StoppingLine, ground: GroundPlane | None) -> None:
        self._line, self._ground = line, ground
        self._crown = CrownSight(ground) if ground is not None else None
        self._flank = FlankSight(ground) if ground is not None else None

    def front(self, body: Body, look: Look, picture_px: tuple[int, int], matters: bool) -> Front:
        """Where it is by its foot; of a long vehicle that drives away, by its own length as soon as it matters.

        Args:
            body: What is known of it, and goes on growing.
            look: The look.
            picture_px: Width and height of the full-resolution picture.
            matters: Whether it may not cross now.
        """
        front = self._line.front(look.point, look.cls, body.length)
        if not front.away or look.cls not in body_length.LONG:
            return front
        if look.whole:
            body.add(look.point)
        if front.before or front.past or not matters:
            return front
        if body.fresh >= REMEASURES:
            self.measure(body, look.cls, look.point, picture_px)
            front = self._line.front(look.point, look.cls, body.length)
        return front if front.before else self._within_reach(body, look, front, picture_px)

    def _within_reach(self, body: Body, look: Look, front: Front, picture_px: tuple[int, int]) -> Front:
        """No farther on than what is to be seen of it, by the two last looks: one box may be wrong."""
        if front.usual_m >= 0.0:  # at the line, even if it is no longer than its class tells
            return front
        last, body.reach = body.reach, (look.point, self._reach_m(look, picture_px))
        if last is None or seconds_between(last[0], look.point) > UNBROKEN_S:
            return front
        return replace(front, reach_m=max(last[1], body.reach[1]))

    def _reach_m(self, look: Look, picture_px: tuple[int, int]) -> float:
        """How far beyond the line a front is at most: by its upper edge, and by its flank if all of it is in sight."""
        point, places = look.point, []
        if self._crown is not None and look.crown and point.xyxy is not None:
            places.append(self._crown.reach(np.array(point.xyxy), picture_px))
        if self._flank is not None and look.whole and point.xyxy is not None:
            places.append(self._flank.reach(point, look.cls, picture_px))
        return min(
            (self._line.no_farther(point, *p).most_m for p in places if p is not None), default=math.inf
        )

    def arrived(self, look: Look, picture_px: tuple[int, int]) -> Front | None:
        """How it was last seen surely before the line, before the first look at it; None if it was not.

        Who drives away from a camera comes into its picture front first, and until all of it is there its foot is cut
        off. But no front is above the upper edge of its box: by that it is told how far on it was at most, and its
        length does not matter. One box may be wrong: two in a row have to say so. How far aside it was is not told: so
        a look should tell it of long vehicles alone, that come round no corner in the meantime.
        """
        now = self._line.front(look.point, look.cls)
        if not now.away:
            return None
        last: Front | None = None
        late = (s for s in reversed(look.arrival) if (look.point.at - s.at).total_seconds() <= ARRIVES_S)
        for sighting in late:
            front = self._at_most(look.point, sighting, picture_px)
            if front is None or not front.before:
                last = None
            elif last is not None:
                back_m = max(0.0, now.past_m - last.past_m)
                then = last.point
                return replace(last, point=replace(then, xy_m=then.xy_m - back_m * then.heading))
            else:
                last = front
        return None

    def _at_most(self, point: Waypoint, sighting: Sighting, picture_px: tuple[int, int]) -> Front | None:
        """Where its front was at most, by the upper edge of its box alone; None where that tells nothing."""
        reach = None if self._crown is None else self._crown.reach(sighting.xyxy, picture_px)
        if reach is None:
            return None
        x0, y0, x1, y1 = sighting.xyxy.tolist()
        return self._line.no_farther(replace(point, at=sighting.at, xyxy=(x0, y0, x1, y1)), *reach)

    def again(self, front: Front, cls: str, body: Body) -> Front:
        """An earlier front, by what is known of its body now."""
        known = self._line.front(front.point, cls, body.length)
        return replace(known, covered=front.covered, reach_m=front.reach_m)

    def measure(self, body: Body, cls: str, now: Waypoint, picture_px: tuple[int, int]) -> None:
        """How long a vehicle is by its own boxes, as far as it headed as it does now."""
        body.measured_at, body.length = len(body.whole), None
        if self._ground is None:
            return
        straight = [p for p in body.whole if float(p.heading @ now.heading) >= ALIKE]
        try:
            ground = self._ground.for_picture(*picture_px)
        except CalibrationError:  # not the picture that was surveyed
            return
        body.length = body_length.measure(straight, cls, ground)

    def learn(self, body: Body, look: Look, picture_px: tuple[int, int]) -> None:
        """How high its upper edge is, from a look at all of it."""
        if self._crown is not None and look.crown and look.point.xyxy is not None:
            body.crowns_m = [*body.crowns_m, self._crown.height_m(look.point, picture_px)][-CROWNS:]

    def by_crown(self, body: Body, look: Look, front: Front, picture_px: tuple[int, int]) -> Front | None:
        """The front of a vehicle whose foot may be cut off: as its foot has it, or its upper edge, whichever is less.

        None if its upper edge does not tell, either.
        """
        known = look.crown and look.cls in STIFF and len(body.crowns_m) >= LEAST_CROWNS
        if self._crown is None or not known or look.point.xyxy is None:
            return None
        height_m, now = median(body.crowns_m), look.point
        body.aheads.append((now, self._crown.ahead_m(now, height_m, picture_px)))
        body.aheads = [a for a in body.aheads if seconds_between(a[0], now) <= RECENT_S]
        ahead_m = median(ahead_m for _, ahead_m in body.aheads)
        crowned = self._line.front(
            self._crown.place(now, ahead_m, height_m, picture_px), look.cls, body.length
        )
        return replace(min(front, crowned, key=lambda f: f.least_m), covered=True)
