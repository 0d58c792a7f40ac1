"""Prohibited turn: a vehicle comes from one zone and leaves through another that is forbidden from there.

Both ends must surely be the same vehicle's, in this order: a track that begins in the second zone has turned
nowhere, and one that may have gone over to another vehicle in between proves nothing. So far away that one look
cannot tell a vehicle from the next, it may: far down the road an outgoing car and an oncoming one are a few pixels
apart, and the tracker's swap of the two looks like a turn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.domain.events import Event, Measured
from flows.domain.paths import Waypoint
from flows.domain.ruleset import ProhibitedTurnRule
from flows.domain.tracks import Track
from flows.jurisdiction import JurisdictionProfile
from flows.road.geometry import angle_between
from flows.road.roadway import Area
from flows.rules.base import Moment, Site
from flows.rules.certainty import Z95, inside, seconds, seconds_between, way_between
from flows.rules.following import Finding, Followed, FollowingRule
from flows.rules.reporting import doubt
from flows.rules.trail import Look

Array = NDArray[np.float64]

VERSION: Final = "3"
"""Of the rule's definition; raise it whenever the same footage could be judged otherwise."""


@dataclass(frozen=True, slots=True)
class ProhibitedTurnConfig:
    """Thresholds of the rule itself, each with its reason.

    Attributes:
        sure_s: Surely in either zone for so long: a place on a zone's corner is soon left again.
        sure_m: And for so much way.
        moves_mps: Slower has no direction to speak of.
        heading_deg: Where a zone states its traffic's heading, who goes farther off it is passing through.
        tells_m: Standard error of one look from which on vehicles 6 m apart cannot be told by where they are.
        waits_s: Who has been on the way for so long waits for a gap: the picture of where it came from is kept.
        turns_s: So long before its end the turn is shown: pictures of before are not at hand.
    """

    sure_s: float = 0.3
    sure_m: float = 1.5
    moves_mps: float = 1.4
    heading_deg: float = 75.0
    tells_m: float = 1.5
    waits_s: float = 8.0
    turns_s: float = 15.0


@dataclass(slots=True)
class _Turn:
    """How far one vehicle has come.

    Attributes:
        entry: Waypoints surely in the first zone, at its last visit.
        between: Waypoints since.
        exit: Waypoints surely in the second zone.
        strayed: It left the zone that it must stay within.
        out: It was surely out of the first zone since it was in it.
        vague: It was where its place does not tell it from the next vehicle.
    """

    entry: list[Waypoint] = field(default_factory=list)
    between: list[Waypoint] = field(default_factory=list)
    exit: list[Waypoint] = field(default_factory=list)
    strayed: bool = False
    out: bool = False
    vague: bool = False


class ProhibitedTurn(FollowingRule[_Turn]):
    """The rule of one camera and one forbidden pair of zones.

    Args:
        config: The rule in the site file.
        site: Where it holds.
        thresholds: Thresholds of the rule; the defaults if None.
    """

    kind = "prohibited_turn"

    def __init__(
        self, config: ProhibitedTurnRule, site: Site, thresholds: ProhibitedTurnConfig | None = None
    ) -> None:
        super().__init__(config, site, VERSION, _Turn)
        self._config, self._thresholds = config, thresholds or ProhibitedTurnConfig()
        areas = site.road.areas if site.road is not None else {}
        self._enters, self._leaves = areas.get(config.enters), areas.get(config.leaves)
        self._within = areas.get(config.within) if config.within else None
        self._pins = site.pins.open()

    def observe(self, tracks: Sequence[Track], moment: Moment) -> list[Event]:
        """Follows the vehicles seen in this frame."""
        events = super().observe(tracks, moment)
        waiting = {n: f.state.entry for n, f in self._followed.items() if self._waits(f, moment.at)}
        for number, entry in waiting.items():  # by the verdict nobody knows any more who was nearer then
            entry[-1] = moment.rests.noted(number, entry[-1])
        self._pins.keep(entry[-1].at for entry in waiting.values())
        return events

    def _waits(self, followed: Followed[_Turn], now: datetime) -> bool:
        """Whether it came from the first zone, has been on its way for long, and may still turn."""
        state, entry = followed.state, followed.state.entry
        if not entry or state.strayed or state.vague or followed.last.cls not in self._classes:
            return False
        since_s = (now - entry[-1].at).total_seconds()
        return self._thresholds.waits_s <= since_s <= self._config.max_s and self._lasts(entry)

    def _see(self, state: _Turn, look: Look) -> Finding | str | None:
        point = look.point
        if self._enters is None or self._leaves is None:
            return None
        came, goes = inside(self._enters, point), inside(self._leaves, point)
        if came and not goes:
            self._enter(state, point)
        elif state.entry:
            state.vague = state.vague or not self._tells(point)
            state.out = state.out or came is False
            state.between.append(point)
            if self._within is not None and inside(self._within, point) is False:
                state.strayed = True
            if goes and came is False and self._heads(self._leaves, point):
                state.exit.append(point)
                return self._judge(state)
            if goes is False:
                state.exit = []
        return None

    def _tells(self, point: Waypoint) -> bool:
        """Whether the place of one look tells which vehicle it is."""
        return (
            point.foot_m2 is None
            or float(np.linalg.eigvalsh(point.foot_m2)[-1]) <= self._thresholds.tells_m**2
        )

    def _mix(self, state: _Turn) -> str | None:
        """On the way it may have become another: who turned is not known."""
        return "mixed_up" if state.entry and not state.exit else None

    def _enter(self, state: _Turn, point: Waypoint) -> None:
        """In the first zone; who comes back to it begins anew."""
        if not self._heads(self._enters, point):
            return
        if state.between and state.out:
            state.entry = []
        state.entry.append(point)
        del state.entry[1:-200]
        state.between, state.exit = [], []
        state.strayed = state.out = state.vague = False

    def _heads(self, area: Area | None, point: Waypoint) -> bool:
        """Whether it goes the zone's way, or the zone does not state any."""
        if area is None or area.heading is None or point.speed_mps < self._thresholds.moves_mps:
            return area is not None
        return angle_between(point.velocity_mps, area.heading) <= self._thresholds.heading_deg

    def _lasts(self, points: list[Waypoint]) -> bool:
        first, last = points[0], points[-1]
        long = seconds_between(first, last) >= self._thresholds.sure_s
        return long and way_between(first, last)[0] >= self._thresholds.sure_m

    def _judge(self, state: _Turn) -> Finding | str | None:
        entry, leave = state.entry, state.exit
        if not self._lasts(leave):
            return None
        if not self._lasts(entry):
            return "entry_too_short"
        if seconds_between(entry[-1], leave[0]) > self._config.max_s:
            return "too_long"
        if state.vague:
            return "mixed_up"
        if state.strayed:
            return "strayed"
        return Finding(
            at=leave[-1],
            measured={
                "turn": _turned(entry, leave),
                "duration": seconds(entry[-1], leave[0], self._moment.clock),
            },
            threshold={"max_s": self._config.max_s},
            moments={"enters": entry[-1], "turns": self._middle(state), "leaves": leave[-1]},
            way=[*entry[-25:], *state.between],
            facts={"enters": self._config.enters, "leaves": self._config.leaves},
        )

    def _middle(self, state: _Turn) -> Waypoint:
        """Half way in time from where it came, or from where it is still shown."""
        end = state.exit[0]
        span_s = min(seconds_between(state.entry[-1], end), self._thresholds.turns_s)
        return min(state.between, key=lambda p: abs(seconds_between(p, end) - span_s / 2))


def _turned(entry: list[Waypoint], leave: list[Waypoint]) -> Measured:
    """The angle between the ways in both zones, degrees, by their straight parts.

    The interval is that of the chords' ends, without what both zones' places share.
    """
    chords = [(_chord(points), points) for points in (entry[-25:], leave)]
    sds = [way_error(points) / max(math.hypot(*chord), 1e-6) for chord, points in chords]
    value = angle_between(chords[0][0], chords[1][0])
    sd = math.degrees(math.hypot(*sds))
    return Measured.of(value, max(0.0, value - Z95 * sd), min(180.0, value + Z95 * sd), "deg", 1)


def _chord(points: list[Waypoint]) -> Array:
    way: Array = points[-1].xy_m - points[0].xy_m
    return way


def way_error(points: list[Waypoint]) -> float:
    """Standard error of one end of a chord against the other, across it, m."""
    across = _chord(points)[::-1] * np.array([-1.0, 1.0])
    across = across / max(math.hypot(*across), 1e-6)
    return math.hypot(points[0].sd_along_m(across), points[-1].sd_along_m(across))


def describe(config: ProhibitedTurnRule, profile: JurisdictionProfile) -> str:
    """One line on what the rule does there, for ``dome check`` and the documentation."""
    law = profile.law("prohibited_turn")
    within = f", within zone {config.within}," if config.within else ""
    return (
        f"prohibited_turn v{VERSION}: {', '.join(config.classes)} that surely come from zone {config.enters} "
        f"and{within} leave through zone {config.leaves} in {config.max_s:g} s; {law.article}{doubt(profile)}"
    )
