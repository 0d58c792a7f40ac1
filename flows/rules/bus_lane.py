"""Bus lane: a vehicle that may not drives in it for a set way during its hours.

The middle must surely be in the lane: a shadow, a wide load or a box that takes in a neighbour is not, and who
only crosses the lane to turn does not drive in it for long. Judged when the vehicle is out of sight, so that the
whole way is known and its class (a bus is not a lorry) has settled; at the latest after ``patience_s``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from zoneinfo import ZoneInfo

from flows.domain.paths import Waypoint
from flows.domain.ruleset import BusLaneRule
from flows.jurisdiction import JurisdictionProfile
from flows.rules.base import Site
from flows.rules.certainty import Z95, inside, metres, seconds, seconds_between, way_between
from flows.rules.following import Finding, FollowingRule
from flows.rules.hours import reserved
from flows.rules.reporting import doubt
from flows.rules.trail import Look

VERSION: Final = "2"
"""Of the rule's definition; raise it whenever the same footage could be judged otherwise."""


@dataclass(frozen=True, slots=True)
class BusLaneConfig:
    """Thresholds of the rule itself, each with its reason.

    Attributes:
        patience_s: Who has been in the lane for so long is judged by what was seen so far: the pictures of where
            it came in must still be at hand.
        sure_share: Of the looks in between, so many must surely be in the lane: a line is not a lane.
        apart_m: Unsure for so much way: whoever is surely in the lane again has come into it anew.
    """

    patience_s: float = 15.0
    sure_share: float = 0.6
    apart_m: float = 12.0


@dataclass(slots=True)
class _InLane:
    """One vehicle's stay in the lane.

    Attributes:
        run: Waypoints surely in the lane during its hours, without being surely out of it in between.
        looks: Looks since the first of them, sure or not, until the last of them.
        unsure: Looks since the last of them.
        found: What was found of an earlier stay, to be told when its class has settled.
        classes: What it was taken for since.
        mixed: Another vehicle's looks took part in the vote over its class.
    """

    run: list[Waypoint] = field(default_factory=list)
    looks: int = 0
    unsure: int = 0
    found: Finding | None = None
    classes: set[str] = field(default_factory=set)
    mixed: bool = False


class BusLane(FollowingRule[_InLane]):
    """The bus-lane rule of one camera and one lane.

    Args:
        config: The rule in the site file.
        site: Where it holds.
        thresholds: Thresholds of the rule; the defaults if None.
    """

    kind = "bus_lane"
    goes_on = True

    def __init__(self, config: BusLaneRule, site: Site, thresholds: BusLaneConfig | None = None) -> None:
        super().__init__(config, site, VERSION, _InLane)
        self._config, self._thresholds = config, thresholds or BusLaneConfig()
        self._lane = site.road.areas[config.lane] if site.road is not None else None
        self._zone = ZoneInfo(site.profile.timezone)

    def _see(self, state: _InLane, look: Look) -> Finding | str | None:
        point = look.point
        where = inside(self._lane, point) if self._lane is not None else False
        if where and not self._reserved(point):
            where = False
        refusal = None
        if where is False or self._is_apart(state, point):
            refusal = self._close(state)
        if where:
            state.run.append(point)
            state.looks += state.unsure + 1
            state.unsure = 0
            state.mixed = look.mixed
        elif state.run:
            state.unsure += 1
        if state.run or state.found:
            state.classes.add(look.cls)
        return refusal or (self._leave(state) if self._is_late(state, point) else None)

    def _is_apart(self, state: _InLane, point: Waypoint) -> bool:
        return bool(state.run) and way_between(state.run[-1], point)[0] > self._thresholds.apart_m

    def _is_late(self, state: _InLane, point: Waypoint) -> bool:
        since = state.found.way[0] if state.found else state.run[0] if state.run else point
        return seconds_between(since, point) >= self._thresholds.patience_s

    def _leave(self, state: _InLane) -> Finding | str | None:
        refusal = self._close(state)
        found, state.found = state.found, None
        if found is not None and (state.mixed or not state.classes <= set(self._config.classes)):
            return "class_unsure"
        return found or refusal

    def _reserved(self, point: Waypoint) -> bool:
        config = self._config
        return reserved(point.at, self._zone, config.hours, config.days, config.free_on)

    def _close(self, state: _InLane) -> str | None:
        """Keeps what is found of a stay that is over; a reason where it may have been long enough."""
        run, looks = state.run, state.looks
        state.run, state.looks, state.unsure = [], 0, 0
        if len(run) < 2 or state.found is not None:
            return None
        way_m, sd_m = way_between(run[0], run[-1])
        if way_m < self._config.min_m:
            return None
        if way_m - Z95 * sd_m < self._config.min_m or len(run) < self._thresholds.sure_share * looks:
            return "uncertain"
        state.found = self._finding(run, way_m, sd_m)
        return None

    def _finding(self, run: list[Waypoint], way_m: float, sd_m: float) -> Finding:
        first, last = run[0], run[-1]
        return Finding(
            at=last,
            measured={
                "way_in_lane": metres(way_m, sd_m),
                "duration": seconds(first, last, self._moment.clock),
            },
            threshold={"min_m": self._config.min_m},
            moments={"first": first, "in_lane": run[len(run) // 2], "last": last},
            way=run,
            facts={"zone": self._config.lane, "local_time": last.at.astimezone(self._zone).isoformat()},
        )


def describe(config: BusLaneRule, profile: JurisdictionProfile) -> str:
    """One line on what the rule does there, for ``dome check`` and the documentation."""
    law = profile.law("bus_lane")
    spans = " and ".join(f"{start}-{end}" for start, end in config.hours) or "at all hours"
    days = "" if len(set(config.days)) == 7 else f" on days {', '.join(map(str, config.days))}"
    days += f" but not on {', '.join(map(str, config.free_on))}" if config.free_on else ""
    return (
        f"bus_lane v{VERSION}: {', '.join(config.classes)} whose middle is surely in zone {config.lane} for more than "
        f"{config.min_m:g} m, {spans}{days} ({profile.timezone}); {law.article}{doubt(profile)}"
    )
