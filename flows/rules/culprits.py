"""Who has had an event already, whatever number the tracker gives the vehicle now."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from flows.domain.paths import Waypoint

SAME_GAP_S: Final = 4.0
"""A track that begins so soon after a reported vehicle's end may be the same vehicle."""
SAME_ALONG_M: Final = 5.0
"""Along its way: a car's length, by which a box that shows only part of it may be off ..."""
SAME_ALONG_MPS: Final = 2.5
"""... and more for each second out of sight: it may have braked."""
SAME_ACROSS_M: Final = 1.8
"""Across its way: less than a lane, so that a neighbour is another vehicle."""
TWICE_S: Final = 0.5
"""Two tracks that are at the same place at nearly the same time are on one vehicle."""
KEPT = timedelta(minutes=5)
"""So long after it was last seen a vehicle is remembered: whoever went on under another number and stood at a light
may be found out only then."""


@dataclass(slots=True)
class Culprit:
    """A reported vehicle.

    Attributes:
        numbers: The tracker's for it ...
        followed: ... and those under which it still follows it.
        where: Where it was, and how it moved.
        seen_at: When it was last seen.
    """

    numbers: set[int]
    followed: set[int]
    where: Waypoint
    seen_at: datetime


class Culprits:
    """The vehicles that one rule has reported: all that are in sight, and those that were a while ago."""

    def __init__(self) -> None:
        self._all: list[Culprit] = []

    def __iter__(self) -> Iterator[Culprit]:
        return iter(self._all)

    def add(self, track: int, where: Waypoint, seen_at: datetime | None = None) -> None:
        """It has had its event.

        Args:
            track: Its number.
            where: Where it was, and how it moved.
            seen_at: When it was last seen; at that place if None.
        """
        now = seen_at or where.at
        self._all = [c for c in self._all if c.followed or now - c.seen_at <= KEPT]
        self._all.append(Culprit({track}, {track}, where, now))

    def has(self, track: int) -> bool:
        """Whether a vehicle was reported under this number."""
        return any(self._of(track))

    def follow(self, track: int, point: Waypoint) -> None:
        """A vehicle was seen; of interest if it was reported."""
        for culprit in self._of(track):
            culprit.where, culprit.seen_at = point, point.at

    def lose(self, track: int) -> None:
        """The tracker may have gone over to another vehicle."""
        for culprit in self._of(track):
            culprit.numbers.discard(track)
            culprit.followed.discard(track)

    def end(self, track: int) -> None:
        """The tracker has given a vehicle up; other rules may still ask for it."""
        for culprit in self._of(track):
            culprit.followed.discard(track)

    def knows(self, track: int, first: Waypoint, now: Waypoint) -> bool:
        """True if this vehicle was reported: under this number, or under one that ended where this began.

        Args:
            track: Its number now.
            first: Where it was first seen under this number.
            now: Where it is.
        """
        for culprit in self._all:
            if track in culprit.numbers or _goes_on(culprit.where, first) or _is_there(culprit.where, now):
                culprit.numbers.add(track)
                culprit.followed.add(track)
                return True
        return False

    def _of(self, track: int) -> Iterator[Culprit]:
        return (c for c in self._all if track in c.numbers)


def off_m(last: Waypoint, now: Waypoint) -> tuple[float, float]:
    """How far off somebody is, along its way and across it, from where a vehicle would be that went on as it went."""
    gone_s = (now.at - last.at).total_seconds()
    off, ahead = now.xy_m - last.xy_m - last.velocity_mps * gone_s, last.heading
    return abs(float(off @ ahead)), abs(float(off[0] * ahead[1] - off[1] * ahead[0]))


def _goes_on(last: Waypoint, first: Waypoint) -> bool:
    """Whether a vehicle last seen there would now be here."""
    gone_s = (first.at - last.at).total_seconds()
    if not -TWICE_S <= gone_s <= SAME_GAP_S:
        return False
    along, across = off_m(last, first)
    return along <= SAME_ALONG_M + SAME_ALONG_MPS * abs(gone_s) and across <= SAME_ACROSS_M


def _is_there(last: Waypoint, now: Waypoint) -> bool:
    gone_s = (now.at - last.at).total_seconds()
    off = now.xy_m - last.xy_m - last.velocity_mps * gone_s
    return abs(gone_s) <= TWICE_S and math.hypot(*off) <= SAME_ACROSS_M
