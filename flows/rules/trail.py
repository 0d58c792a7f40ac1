"""What a rule may believe of a path: who is hidden, and where the tracker may have taken one vehicle for another."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from flows.domain.paths import Path, Waypoint
from flows.domain.times import lasts_s
from flows.domain.tracks import Sighting, Track
from flows.rules.base import Moment
from flows.rules.hiding import Occlusion

Array = NDArray[np.float64]

UNBROKEN_S = 0.5
"""Out of sight for longer, nobody knows whether it is the same that comes into the picture."""
OWN_VOTE = 2.0
"""Times as many sightings as those before a break, and the vote over the class is this vehicle's."""


@dataclass(frozen=True, slots=True)
class TrailConfig:
    """Thresholds, each with its reason.

    Attributes:
        settle_s: A path's first velocities are guesses; nothing is believed before.
        steady_s: And their changes say nothing of who it is for a little longer.
        distrust_s: After a break the path swings to where the vehicle is now; nothing is believed meanwhile.
        gap_s: Not seen for longer while it moved: another vehicle may have come out from behind what hid it.
        gap_m: It moved if it is so far from where it was.
        jump_m: So much farther from where its velocity leads than noise explains: another vehicle. Lanes are
            3 to 3.75 m apart, and vehicles in one lane 6 m and more.
        jump_ahead_m: The same along its way, where a box's lower edge tells least: a wheel in place of a bumper.
        jump_sd: Noise explains so many standard errors.
        moves_mps: Slower, it goes nowhere in particular.
        grip_mps2: No tyre holds more: a larger change of velocity is another vehicle.
        kick_mps: Changes of velocity up to this are a body's that is not what it was taken for ...
        kick_sd: ... beside so many standard errors of the path's own.
        kick_s: Velocities are compared over so long.
        covered_share: A box so far covered by a nearer one may have shifted. More than 1 where only its foot matters.
        cut_share: Of whose lower edge so much may lie at or behind a nearer box's upper edge may be cut off there: a
            detector that tells only what is to be seen gives boxes that adjoin. More than 1 where that does not matter.
        sides_share: A nearer box over so much of one may end its side: it does not tell how long its vehicle is. More
            than 1 where that does not matter.
        arrives: Classes of whom it is told how they came into the picture.
        recover_s: The smoothed path shows a shift for so long after it.
    """

    settle_s: float = 0.5
    steady_s: float = 0.8
    distrust_s: float = 1.0
    gap_s: float = 1.0
    gap_m: float = 2.5
    jump_m: float = 1.5
    jump_ahead_m: float = 3.5
    jump_sd: float = 4.0
    moves_mps: float = 2.0
    grip_mps2: float = 9.0
    kick_mps: float = 1.5
    kick_sd: float = 2.0
    kick_s: float = 0.4
    covered_share: float = 0.1
    cut_share: float = 1.1
    sides_share: float = 1.1
    arrives: tuple[str, ...] = ()
    recover_s: float = 0.5


@dataclass(frozen=True, slots=True)
class Look:
    """One believable waypoint.

    Attributes:
        point: Where the vehicle was; its heading is known.
        cls: What it was taken for then.
        clear: No nearer vehicle hid part of it, or of its foot.
        broken: This may be another vehicle than in the look before: what was known is void.
        mixed: The track was broken before: another vehicle took a great part in the vote over its class.
        crown: Its box's upper edge is its own: no nearer box reaches over it, or covers half of its box.
        whole: All of it is to be seen now, with both sides.
        arrival: Of the first look: how it was seen before, nobody else near it all the while. Whoever comes into the
            picture from below shows its front long before its foot.
    """

    point: Waypoint
    cls: str
    clear: bool
    broken: bool = False
    mixed: bool = False
    crown: bool = False
    whole: bool = False
    arrival: tuple[Sighting, ...] = ()


@dataclass(slots=True)
class _Trail:
    """What is remembered of one track.

    Attributes:
        last: Its newest waypoint.
        started_at: When it began, or began anew.
        broke: Whether it did begin anew.
        others: Sightings before the newest break, and ...
        own: ... since.
        recent: Waypoints whose velocities are compared.
        covered_at: When a nearer vehicle hid it.
        topped_at: When one reached over its upper edge, or hid so much that this was a guess.
        arrival: How it was seen since nobody was near it, until there is a look at it.
        looked: Whether there was one.
    """

    last: Waypoint | None = None
    started_at: datetime | None = None
    broke: bool = False
    others: int = 0
    own: int = 0
    recent: deque[Waypoint] = field(default_factory=deque)
    covered_at: deque[datetime] = field(default_factory=lambda: deque(maxlen=64))
    topped_at: deque[datetime] = field(default_factory=lambda: deque(maxlen=64))
    arrival: deque[Sighting] = field(default_factory=lambda: deque(maxlen=64))
    looked: bool = False


class Trails:
    """The believable looks at each track, in time order.

    Args:
        config: Thresholds; the defaults if None.
    """

    def __init__(self, config: TrailConfig | None = None) -> None:
        self._config = config or TrailConfig()
        self._trails: dict[int, _Trail] = {}

    def take(self, tracks: Sequence[Track], moment: Moment) -> Iterator[tuple[Track, list[Look]]]:
        """The new looks of this frame; several at once when a vehicle's heading becomes known."""
        config, occlusion = self._config, moment.occlusion
        hidden, touched = occlusion.covered(config.covered_share), occlusion.covered(config.sides_share)
        if config.cut_share <= 1.0:
            hidden |= occlusion.cut_off(config.cut_share)
        for track in tracks:
            trail = self._trails.setdefault(track.id, _Trail())
            if track.id in hidden:
                trail.covered_at.append(moment.at)
            if track.id in occlusion.crowned_over:
                trail.topped_at.append(moment.at)
            if config.arrives and not trail.looked:
                self._arrives(trail, track, occlusion)
            path = moment.paths.get(track.id)
            if path is not None and path.points and path.now.heads:
                yield track, self._looks(trail, track, path, moment.at, track.id not in touched)

    def forget(self, track: int) -> None:
        """The track has ended."""
        self._trails.pop(track, None)

    def _looks(self, trail: _Trail, track: Track, path: Path, now: datetime, whole: bool) -> list[Look]:
        fresh = _after(path.points, trail.last)
        looks = []
        for point in fresh:
            broken = self._breaks(trail, point)
            if broken:
                trail.arrival.clear()
                trail.broke, trail.others, trail.own = True, trail.others + trail.own, 0
            trail.own += 1
            mixed = trail.own < OWN_VOTE * trail.others
            if broken or trail.started_at is None:
                trail.started_at = point.at
                trail.recent.clear()
            trail.last = point
            trail.recent.append(point)
            settle_s = self._config.distrust_s if trail.broke else self._config.settle_s
            if lasts_s(trail.started_at, point.at) >= settle_s:
                clear = not self._was_covered(trail, point.at)
                crown = not self._was(trail.topped_at, point.at)
                whole_now = whole and clear and point.at == now
                arrival = () if trail.looked else tuple(s for s in trail.arrival if s.at < point.at)
                looks.append(Look(point, track.cls, clear, False, mixed, crown, whole_now, arrival))
                trail.looked = True
            elif broken:
                looks.append(Look(point, track.cls, clear=False, broken=True, mixed=True))
        return looks

    def _arrives(self, trail: _Trail, track: Track, occlusion: Occlusion) -> None:
        """Nobody near, and never out of sight: the tracker cannot have taken another for it since."""
        sighting, arrival = track.sightings[-1], trail.arrival
        told = track.cls in self._config.arrives and track.id in occlusion.by_themselves
        if not told or (arrival and lasts_s(arrival[-1].at, sighting.at) > UNBROKEN_S):
            arrival.clear()
        if told:
            arrival.append(sighting)

    def _breaks(self, trail: _Trail, point: Waypoint) -> bool:
        last = trail.last
        if last is None:
            return False
        gone_s = lasts_s(last.at, point.at)
        moved = point.xy_m - last.xy_m
        if gone_s > self._config.gap_s and math.hypot(*moved) > self._config.gap_m:
            return True
        if trail.started_at is None:
            return False
        steady = lasts_s(trail.started_at, last.at) >= self._config.steady_s
        jumps = (steady or trail.broke) and self._jumps(last, point)
        return jumps or (steady and self._kicks(trail, point))

    def _jumps(self, last: Waypoint, point: Waypoint) -> bool:
        if last.foot_m is None or last.foot_m2 is None or point.foot_m is None or point.foot_m2 is None:
            return False
        config, gone_s = self._config, lasts_s(last.at, point.at)
        off = point.foot_m - last.foot_m - last.velocity_mps * gone_s
        length_m = math.hypot(*off)
        if length_m < config.jump_m:
            return False
        moves = last.speed_mps > config.moves_mps
        ahead = last.velocity_mps / last.speed_mps if moves else off / length_m
        aside = np.array([-ahead[1], ahead[0]])
        noise = last.foot_m2 + point.foot_m2
        slack_m = config.grip_mps2 * gone_s**2 / 2
        behind = moves and float(off @ ahead) < 0.0
        ahead_m = (
            min(slack_m, _stops_short_m(last.speed_mps, gone_s, config.grip_mps2)) if behind else slack_m
        )
        return any(
            abs(float(off @ towards))
            > jump_m + config.jump_sd * math.sqrt(towards @ noise @ towards) + most_m
            for towards, jump_m, most_m in (
                (ahead, config.jump_ahead_m, ahead_m),
                (aside, config.jump_m, slack_m),
            )
        )

    def _kicks(self, trail: _Trail, point: Waypoint) -> bool:
        config = self._config
        while len(trail.recent) > 1 and lasts_s(trail.recent[0].at, point.at) > config.kick_s:
            trail.recent.popleft()
        steady_at = (trail.started_at or point.at) + timedelta(seconds=config.steady_s)
        old = next((p for p in trail.recent if p.at >= steady_at), point)
        gone_s = lasts_s(old.at, point.at)
        change = point.velocity_mps - old.velocity_mps
        size = math.hypot(*change)
        noise = point.sd_m
        if old.own is not None and size > 0:
            noise = config.kick_sd * math.sqrt(float(change @ old.own[2:, 2:] @ change)) / size
        return size > config.kick_mps + noise + config.grip_mps2 * gone_s

    def _was_covered(self, trail: _Trail, at: datetime) -> bool:
        return self._was(trail.covered_at, at)

    def _was(self, times: Iterable[datetime], at: datetime) -> bool:
        """Now or a moment ago."""
        since = at - timedelta(seconds=self._config.recover_s)
        return any(since <= c <= at for c in times)


def leapt(points: Sequence[Waypoint], config: TrailConfig | None = None) -> bool:
    """Whether time leapt while a vehicle drove: it seems to have gone less far than it needs to stop."""
    config = config or TrailConfig()
    for last, point in pairwise(points):
        gone_s = lasts_s(last.at, point.at)
        short_m = last.speed_mps * gone_s - float((point.xy_m - last.xy_m) @ last.heading)
        most_m = config.jump_ahead_m + _stops_short_m(last.speed_mps, gone_s, config.grip_mps2)
        if gone_s > config.gap_s and last.speed_mps > config.moves_mps and short_m > most_m:
            return True
    return False


def _stops_short_m(speed_mps: float, gone_s: float, grip_mps2: float) -> float:
    """How far behind where it would be a vehicle is at most: it stands as soon as it can, and nobody backs at once.

    >>> _stops_short_m(18.0, 1.0, 9.0), _stops_short_m(18.0, 10.0, 9.0)
    (4.5, 162.0)
    """
    brakes_s = min(gone_s, speed_mps / grip_mps2)
    return speed_mps * gone_s - (speed_mps * brakes_s - grip_mps2 * brakes_s**2 / 2)


def _after(points: Sequence[Waypoint], last: Waypoint | None) -> Sequence[Waypoint]:
    """Waypoints after the last one taken."""
    first = len(points)
    while first > 0 and points[first - 1].heads and (last is None or points[first - 1].at > last.at):
        first -= 1
    return points[first:]
