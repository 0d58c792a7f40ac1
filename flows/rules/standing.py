"""Who stands where: one memory of places for one camera, whatever number the tracker gives a vehicle.

A parked car is hidden, lost and found again under other numbers for hours. It is known by its place: by its box
in a fixed camera's picture, or by metres where there is none. A number that begins at the place goes on with whom
it finds there; a number that came driving does not.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from flows.domain.paths import Path, Waypoint
from flows.domain.tracks import Track
from flows.rules.base import Moment
from flows.tracking.boxes import iou


@dataclass(frozen=True, slots=True)
class StandingConfig:
    """Thresholds, each with its reason.

    Attributes:
        still_m: Who comes to a stand moves less than this from then on, beyond the place's error: a car that
            brakes at 2 m/s² goes so far in its last second.
        settles_s: After so long it stands; until then it may still be rolling.
        leaves_m: Who stands and comes so far away has left: boxes of standing cars wander with the light.
        leaves_s: And stays away for so long: a box jumps for a frame when somebody passes.
        same_iou: Boxes that overlap so far, at different times, may be one vehicle's: a parked one may be
            half hidden. Vehicles that stand side by side overlap less.
        stays_iou: Boxes that overlap so far are at one place, whatever the metres say far from the camera.
        equal_iou: Boxes that overlap so far are one vehicle's, even if the tracker has it driving there or something
            nearer covers part of it.
        same_m: Without boxes: places so near to each other are one vehicle's.
        covered_share: A box so far covered by a nearer one says nothing of a place: it may end where that one begins.
            Who stood there under the same number and has the same box as before still stands there.
        left_s: A number that leaves may have gone over to somebody who passed: for so long a number that
            begins at the place takes over that this vehicle was reported.
        remember_s: A reported vehicle that nobody saw leave is remembered for so long.
        most: Places remembered; with more, those go first whose vehicle is out of sight and never surely stood: whoever
            drives by leaves one where it was last seen. Nobody in sight or reported is forgotten for it.
        recent_s: Waypoints of so long ago are at hand for a verdict's trace.
    """

    still_m: float = 0.7
    settles_s: float = 3.0
    leaves_m: float = 2.0
    leaves_s: float = 1.0
    same_iou: float = 0.5
    stays_iou: float = 0.7
    equal_iou: float = 0.8
    same_m: float = 1.5
    covered_share: float = 0.1
    left_s: float = 60.0
    remember_s: float = 12 * 3600.0
    most: int = 64
    recent_s: float = 25.0


@dataclass(eq=False, slots=True)
class Stand:
    """One vehicle that stands, or is coming to a stand.

    Attributes:
        first: Where it was first still.
        last: Where it was last seen; the place is that of its last look in plain sight.
        plain: Its last look that nothing nearer covered.
        cls: What it is taken for.
        coming_at: When it was last seen moving before; None if it stood when it was first seen.
        owner: The number that has it now; None while it is out of sight.
        recent: Waypoints of the last seconds, one a second.
        unseen_s: Time out of sight that was bridged.
        away_at: Since when its number has been elsewhere.
        counted_s: The clock of countable time when it began.
        looks: Looks at it, and ...
        scores: ... the sum of how far the detector was believed in each.
        reported: Id of its violation; empty if it has none.
        refused: Why it was refused one.
        passed_s: The clock of countable time when somebody last drove past it since it stands, see
            :mod:`flows.rules.queueing`; without end ago if nobody has.
    """

    first: Waypoint
    last: Waypoint
    cls: str
    coming_at: datetime | None
    owner: int | None
    counted_s: float
    plain: Waypoint
    recent: deque[Waypoint] = field(default_factory=deque)
    unseen_s: float = 0.0
    away_at: datetime | None = None
    looks: int = 0
    scores: float = 0.0
    reported: str = ""
    refused: str = ""
    passed_s: float = -math.inf

    @property
    def stood_s(self) -> float:
        """Capture time from first to last."""
        return (self.last.at - self.first.at).total_seconds()

    @property
    def believed(self) -> float:
        """How far the detector is believed that something stands there, 0 to 1: looks at it are all alike."""
        return self.scores / max(1, self.looks)


class Standings:
    """The stands of one camera.

    Args:
        classes: Of vehicles; others only hide them.
        lost_s: Out of sight for so long and back is the same vehicle, which stood meanwhile.
        config: Thresholds; the defaults if None.
    """

    def __init__(self, classes: Collection[str], lost_s: float, config: StandingConfig | None = None) -> None:
        self._classes, self._lost_s, self._config = classes, lost_s, config or StandingConfig()
        self._stands: list[Stand] = []
        self._left: list[tuple[datetime, Stand]] = []
        self._ended: list[Stand] = []
        self._excused: dict[int, str] = {}
        self._known: set[int] = set()
        self._present: set[int] = set()

    def observe(self, tracks: Sequence[Track], moment: Moment, counted_s: float) -> list[Stand]:
        """The stands seen in this frame.

        Args:
            tracks: Vehicles seen, and others that may hide them.
            moment: The frame, with their paths.
            counted_s: The clock of countable time.
        """
        hidden = moment.occlusion.covered(self._config.covered_share)
        self._present = {track.id for track in tracks}
        seen = []
        for track in tracks:
            path = moment.paths.get(track.id)
            if path is None or not path.points or path.now.at != moment.at or track.cls not in self._classes:
                continue
            stand = self._see(track, path, track.id in hidden, counted_s)
            self._known.add(track.id)
            if stand is not None:
                seen.append(stand)
        for stand in self._stands:  # of who came just now, too: its number may end before it is seen again
            if stand.owner is not None:
                stand.first = moment.rests.noted(stand.owner, stand.first)
                stand.last = moment.rests.noted(stand.owner, stand.last)
        self._tidy(moment.at)
        return seen

    def forget(self, track: int) -> None:
        """A number has ended; whoever stood under it may still be there."""
        self._known.discard(track)
        self._excused.pop(track, None)
        for stand in self._stands:
            if stand.owner == track:
                stand.owner = None

    def report(self, stand: Stand, event: str) -> None:
        """It has had its event; so has its number, wherever it goes on to stand."""
        stand.reported = event
        if stand.owner is not None:
            self._excused[stand.owner] = event

    def excused(self, stand: Stand) -> bool:
        """Whether its number has had its event at another place, or its vehicle under another number."""
        others = [s for s in self._stands if s.reported and s is not stand]
        return stand.owner in self._excused or any(self._equal(s, stand.plain) for s in others)

    def settled(self) -> list[Stand]:
        """Who surely stands, in sight or hidden for a while."""
        return [s for s in self._stands if self._has_settled(s)]

    def candidates(self) -> list[Stand]:
        """Those of them who have no violation yet."""
        return [s for s in self.settled() if not s.reported]

    def ended(self) -> list[Stand]:
        """Reported vehicles that have left since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def _see(self, track: Track, path: Path, hidden: bool, counted_s: float) -> Stand | None:
        point = path.now
        stand = next((s for s in self._stands if s.owner == track.id), None)
        if hidden:
            return self._see_part(stand, point) if stand is not None else None
        if stand is None and track.id not in self._known and self._stood_always(path):
            stand = self._take_over(point, counted_s)
        if stand is not None and self._is_at(stand, point):
            self._extend(stand, track, point, counted_s)
            return stand
        if stand is not None and not self._has_left(stand, point):
            return None
        self._arrive(track, path, counted_s)
        return None

    def _see_part(self, stand: Stand, point: Waypoint) -> Stand | None:
        """Something nearer covers part of it: whoever goes away behind that takes its box along."""
        gone_s = (point.at - stand.last.at).total_seconds()
        same = iou(stand.plain.xyxy, point.xyxy) >= self._config.equal_iou
        if not (self._has_settled(stand) and same) or gone_s > self._lost_s:
            return None
        stand.last, stand.away_at = replace(stand.plain, at=point.at, xyxy=point.xyxy), None
        return stand

    def _is_at(self, stand: Stand, point: Waypoint) -> bool:
        config = self._config
        settled = self._has_settled(stand)
        reach_m = config.leaves_m if settled else config.still_m
        if _apart_m(stand.first, point) <= reach_m + point.sd_m / 2:
            return True
        return settled and iou(stand.plain.xyxy, point.xyxy) >= config.stays_iou

    def _extend(self, stand: Stand, track: Track, point: Waypoint, counted_s: float) -> None:
        gap_s = (point.at - stand.last.at).total_seconds()
        if gap_s > self._lost_s:  # nobody knows who stood there meanwhile
            stand.first, stand.coming_at, stand.counted_s, stand.unseen_s = point, None, counted_s, 0.0
            stand.looks, stand.scores, stand.passed_s = 0, 0.0, -math.inf
            stand.recent.clear()
        elif stand.owner != track.id:
            stand.unseen_s += gap_s
        stand.owner, stand.last, stand.cls, stand.away_at = track.id, point, track.cls, None
        stand.plain = point
        stand.looks, stand.scores = stand.looks + 1, stand.scores + track.sightings[-1].score
        recent = stand.recent
        if not recent or (point.at - recent[-1].at).total_seconds() >= 1.0:
            recent.append(point)
        while (point.at - recent[0].at).total_seconds() > self._config.recent_s:
            recent.popleft()

    def _has_left(self, stand: Stand, point: Waypoint) -> bool:
        """Whether a number that is elsewhere now took its vehicle along."""
        if not self._has_settled(stand):
            self._stands.remove(stand)
            return True
        stand.away_at = stand.away_at or point.at
        if (point.at - stand.away_at).total_seconds() < self._config.leaves_s:
            return False
        self._stands.remove(stand)
        stand.owner = None
        self._left.append((point.at, stand))
        return True

    def _arrive(self, track: Track, path: Path, counted_s: float) -> None:
        """A vehicle that is not where it was: perhaps this is where it comes to a stand."""
        point = path.now
        for stand in [s for s in self._stands if self._is_alone(s) and self._same(s, point)]:
            if stand.reported and self._equal(stand, point):  # the tracker came by, not a vehicle
                self._extend(stand, track, point, counted_s)
                return
            if _speed_is_none(point):
                self._stands.remove(stand)  # its place is taken
        coming_at = path.points[-2].at if len(path.points) > 1 and track.id in self._known else None
        stand = Stand(point, point, track.cls, coming_at, track.id, counted_s, point)
        self._extend(stand, track, point, counted_s)
        self._stands.append(stand)

    def _take_over(self, point: Waypoint, counted_s: float) -> Stand | None:
        """A number that begins at a place: whoever stood there out of sight goes on under it."""
        here = [s for s in self._stands if self._is_alone(s) and self._same(s, point)]
        if here:
            return max(here, key=lambda s: (iou(s.plain.xyxy, point.xyxy), -_apart_m(s.last, point)))
        for at, stand in self._left:
            if self._same(stand, point):  # somebody's number left, not the vehicle
                self._left.remove((at, stand))
                stand.first, stand.coming_at, stand.counted_s, stand.unseen_s = point, None, counted_s, 0.0
                stand.passed_s = -math.inf
                stand.recent.clear()
                self._stands.append(stand)
                return stand
        return None

    def _has_settled(self, stand: Stand) -> bool:
        """It stands, and is not rolling any more; who was reported does, though its time may be counted anew."""
        return bool(stand.reported) or stand.stood_s >= self._config.settles_s

    def _is_alone(self, stand: Stand) -> bool:
        """Nobody seen now has it."""
        return stand.owner not in self._present

    def _equal(self, stand: Stand, point: Waypoint) -> bool:
        """Whether two numbers are on one vehicle: no two stand in the very same place."""
        if stand.plain.xyxy is not None and point.xyxy is not None:
            return iou(stand.plain.xyxy, point.xyxy) >= self._config.equal_iou
        return _apart_m(stand.last, point) <= self._config.still_m

    def _same(self, stand: Stand, point: Waypoint) -> bool:
        if stand.plain.xyxy is not None and point.xyxy is not None:
            return iou(stand.plain.xyxy, point.xyxy) >= self._config.same_iou
        return _apart_m(stand.last, point) <= self._config.same_m

    def _stood_always(self, path: Path) -> bool:
        """Whether a path that is seen for the first time began here."""
        return _apart_m(path.points[0], path.now) <= self._config.still_m + path.now.sd_m

    def _tidy(self, now: datetime) -> None:
        """Lets go of who left for good, and of who is out of sight for too long."""
        gone = [s for at, s in self._left if now - at > timedelta(seconds=self._config.left_s)]
        self._left = [(at, s) for at, s in self._left if s not in gone]
        lost = [s for s in self._stands if self._is_alone(s) and self._is_lost(s, now)]
        self._stands = [s for s in self._stands if s not in lost]
        self._ended += [s for s in (*gone, *lost) if s.reported]
        if (over := len(self._stands) - self._config.most) > 0:
            idle = [s for s in self._stands if self._is_alone(s) and not s.reported]
            for stand in sorted(idle, key=lambda s: (self._has_settled(s), s.last.at))[:over]:
                self._stands.remove(stand)

    def _is_lost(self, stand: Stand, now: datetime) -> bool:
        unseen_s = (now - stand.last.at).total_seconds()
        return unseen_s > (self._config.remember_s if stand.reported else self._lost_s)


def _apart_m(a: Waypoint, b: Waypoint) -> float:
    return math.hypot(*(a.xy_m - b.xy_m))


def _speed_is_none(point: Waypoint) -> bool:
    """Stands rather than passes: no place is taken by who drives over it."""
    return point.speed_mps < 0.7
