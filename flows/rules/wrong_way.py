"""Wrong way: sustained motion against a lane's direction, not a manoeuvre of a second.

The zone is a lane or carriageway in which nobody may drive the other way. The vehicle's middle must surely be
inside it: who keeps to the other side of the road, however near the middle, is not against anything. Who backs
into a parking place is slow; who backs fast drove forward or stood before, and did not turn round in between.

Where drivers of the other direction may come into the lane to overtake, a camera sees too little of the road to tell
who does, or where they began and will end. So only who drives on for longer than overtaking takes is reported there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from flows.domain.paths import Waypoint
from flows.domain.ruleset import WrongWayRule
from flows.jurisdiction import JurisdictionProfile
from flows.road.geometry import angle_between
from flows.rules.base import Site
from flows.rules.certainty import Z95, inside, metres, seconds, seconds_between, way_error_m
from flows.rules.following import Finding, FollowingRule
from flows.rules.reporting import doubt
from flows.rules.trail import Look

VERSION: Final = "3"
"""Of the rule's definition; raise it whenever the same footage could be judged otherwise."""

KMH: Final = 3.6
Manner = Literal["stands", "with", "turns", "against"]


@dataclass(frozen=True, slots=True)
class WrongWayConfig:
    """Thresholds of the rule itself, each with its reason.

    Attributes:
        stands_mps: Slower is standing: a box that trembles has a velocity too.
        with_deg: Directions that differ by less are with the lane.
        turns_m: Who drives across for so long is turning round; a shorter way is noise.
        backing_kmh: Nobody backs faster: from here on even who set off backwards drives the wrong way.
        overtakes_s: Nobody needs so long to overtake: a truck at 80 km/h, by a car at 100, takes some 12 s.
        sure_share: Of the looks in between, so many must surely be in the lane: a zone's edge is not driven along.
    """

    stands_mps: float = 1.4
    with_deg: float = 60.0
    turns_m: float = 2.0
    backing_kmh: float = 30.0
    overtakes_s: float = 15.0
    sure_share: float = 0.6


@dataclass(slots=True)
class _Way:
    """How one vehicle has moved.

    Attributes:
        run: Waypoints against the direction and surely in the lane, since it began to.
        looks: Looks since then, sure or not.
        moved: What it did last that was neither standing nor driving against.
        stood: It stood just before.
        backing: It set off backwards.
        across_m: Way turned across so far.
        last: The last look.
    """

    run: list[Waypoint] = field(default_factory=list)
    looks: int = 0
    moved: Literal["", "with", "turns", "against"] = ""
    stood: bool = False
    backing: bool = False
    across_m: float = 0.0
    last: Waypoint | None = None


class WrongWay(FollowingRule[_Way]):
    """The wrong-way rule of one camera. Judged as soon as it is sure: others are in danger.

    Args:
        config: The rule in the site file.
        site: Where it holds.
        thresholds: Thresholds of the rule; the defaults if None.
    """

    kind = "wrong_way"
    goes_on = True

    def __init__(self, config: WrongWayRule, site: Site, thresholds: WrongWayConfig | None = None) -> None:
        super().__init__(config, site, VERSION, _Way)
        self._config, self._thresholds = config, thresholds or WrongWayConfig()
        self._lane = site.road.areas[config.lane] if site.road is not None else None

    def _see(self, state: _Way, look: Look) -> Finding | str | None:
        point = look.point
        manner = self._manner(point)
        self._remember(state, point, manner)
        state.last = point
        where = inside(self._lane, point) if self._lane is not None else False
        if manner in ("stands", "with") or where is False:
            state.run, state.looks = [], 0
            return None
        if manner == "against" and where:
            state.run.append(point)
        state.looks += bool(state.run)
        return self._judge(state) if len(state.run) >= 2 else None

    def _manner(self, point: Waypoint) -> Manner:
        assert self._lane is None or self._lane.heading is not None  # the site file asks for it
        if self._lane is None or self._lane.heading is None or point.speed_mps < self._thresholds.stands_mps:
            return "stands"
        turn = angle_between(point.velocity_mps, self._lane.heading)
        if turn < self._thresholds.with_deg:
            return "with"
        return "against" if turn > self._config.angle_deg else "turns"

    def _remember(self, state: _Way, point: Waypoint, manner: Manner) -> None:
        """Tells who backs from who drives: backwards goes who drove forward, or stood, and did not turn."""
        if manner == "turns":
            state.across_m += _gone_m(state.last, point)
            if state.across_m >= self._thresholds.turns_m:
                state.moved, state.stood, state.backing = "turns", False, False
            return
        state.across_m = 0.0
        if manner == "stands":
            state.stood = True
        elif manner == "with":
            state.moved, state.stood, state.backing = "with", False, False
        else:
            fresh = not state.run and (state.stood or state.moved == "with")
            if fresh and state.moved in ("", "with"):
                state.backing = True
            elif not state.backing:
                state.moved = "against"
            state.stood = False

    def _judge(self, state: _Way) -> Finding | str | None:
        config, first, last = self._config, state.run[0], state.run[-1]
        assert self._lane is not None
        assert self._lane.heading is not None
        against_m = float((first.xy_m - last.xy_m) @ self._lane.heading)
        sd_m = way_error_m(first, last, self._lane.heading)
        lasts_s = seconds_between(first, last)
        if lasts_s < config.min_s or against_m < config.min_m:
            return None
        low_m = against_m - Z95 * sd_m
        if low_m * KMH < config.min_kmh * lasts_s:
            return "slow"
        if low_m < config.min_m or len(state.run) < self._thresholds.sure_share * state.looks:
            return None if low_m > 0 else "uncertain"
        if state.backing and last.speed_mps * KMH < self._thresholds.backing_kmh:
            return "backing"
        if config.overtaking and lasts_s < self._thresholds.overtakes_s:
            return "overtaking"
        return Finding(
            at=last,
            measured={
                "against": metres(against_m, sd_m),
                "duration": seconds(first, last, self._moment.clock),
            },
            threshold={"min_m": config.min_m, "min_s": config.min_s, "angle_deg": config.angle_deg},
            moments={"first": first, "last": last},
            way=state.run,
            facts={"zone": config.lane, "speed_kmh": round(against_m / lasts_s * KMH, 1)},
        )


def _gone_m(before: Waypoint | None, now: Waypoint) -> float:
    return 0.0 if before is None else now.speed_mps * seconds_between(before, now)


def describe(config: WrongWayRule, profile: JurisdictionProfile) -> str:
    """One line on what the rule does there, for ``dome check`` and the documentation."""
    law = profile.law("wrong_way")
    overtaking = (
        f", and for {WrongWayConfig().overtakes_s:g} s as overtaking is allowed" if config.overtaking else ""
    )
    return (
        f"wrong_way v{VERSION}: {', '.join(config.classes)} that surely go more than "
        f"{config.angle_deg:g} degrees off the direction of zone {config.lane} for {config.min_m:g} m "
        f"and {config.min_s:g} s, at {config.min_kmh:g} km/h or more{overtaking}; {law.article}{doubt(profile)}"
    )
