"""Failure to yield: a vehicle goes over a crosswalk before somebody who is on the road there and has the way.

A vehicle is judged once for each passage, when it has left, from its whole way: whether it entered the conflict box
before a person who was walking into, or standing in, its way (:mod:`flows.road.encounter`). That a person was on the
carriageway, was not past yet, and had stepped out early enough for a driver to stop comfortably must be sure by the
places' standard errors; else it is refused and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

import numpy as np

from flows.domain.events import Event, Measured
from flows.domain.paths import Path, Waypoint
from flows.domain.ruleset import FailureToYieldRule
from flows.domain.signals import Phase
from flows.domain.tracks import Track
from flows.jurisdiction import JurisdictionProfile
from flows.road.crosswalk import Crosswalk
from flows.road.crossways import Passage, over
from flows.road.encounter import Encounter, Span, YieldConfig, meet, nearest
from flows.road.geometry import body_corners, crossing
from flows.rules.base import Moment, Site
from flows.rules.reporting import Reporter, doubt, moment_of, trace_of
from flows.rules.signal_log import SignalLog
from flows.rules.trail import leapt

VERSION: Final = "5"
"""Of the rule's definition; raise it whenever the same footage could be judged otherwise."""
KMH: Final = 3.6
COVERAGE: Final = 1.96
"""Standard errors in a 95 % interval."""
SPEED_SD_MPS: Final = 0.5
"""Standard error of a path's speed; here it is only told, nobody is fined for it."""
NEAR_M: Final = 15.0
"""People so far from the crosswalk are remembered: a runner's way while a vehicle passes."""
REMEMBERED: Final = timedelta(seconds=30)
"""A person's path is held for so long after they were last seen: longer than any passage is looked back upon."""
GIVES_WAY: Final[frozenset[Phase]] = frozenset({"green"})
TELLS_NOTHING: Final[frozenset[Phase]] = frozenset({"unknown", "amber"})
"""Of a light that is changing, a driver may already be past the point of stopping."""
OUT_S: Final = 2.0
"""A lamp that is dark for less may be the dark half of one that flashes, once a second: green is not over by then."""


@dataclass(slots=True)
class _Visit:
    """A vehicle on its way over the crosswalk.

    Attributes:
        path: Its path.
        entered_at: When its body was first seen over the crosswalk.
        left_at: When it was off again.
    """

    path: Path
    entered_at: datetime
    left_at: datetime | None = None


class FailureToYield:
    """The rule at one crosswalk; see :class:`flows.rules.base.Rule` for when it is called.

    Args:
        config: The rule in the site file.
        site: Where it holds.
        thresholds: Thresholds of the rule; the defaults if None.
    """

    kind = "failure_to_yield"

    def __init__(self, config: FailureToYieldRule, site: Site, thresholds: YieldConfig | None = None) -> None:
        self._config, self._profile = config, site.profile
        self._thresholds = thresholds or YieldConfig()
        self._reporter = Reporter(config, VERSION, site.camera, site.profile, site.ground)
        self._crosswalk: Crosswalk | None = None
        if site.road is not None:
            areas = site.road.areas
            self._crosswalk = Crosswalk.of(areas[config.crosswalk], [areas[name] for name in config.medians])
        line = config.stop_line
        self._stop_line = site.road.lines[line].points_m if site.road is not None and line else None
        self._signal = SignalLog(config.signal) if config.signal is not None else None
        self._visits: dict[int, _Visit] = {}
        self._people: dict[int, Path] = {}
        self._refusals: Counter[str] = Counter()

    def refusals(self) -> dict[str, int]:
        """How often a verdict was refused, by reason."""
        return dict(self._refusals)

    def observe(self, tracks: Sequence[Track], moment: Moment) -> list[Event]:
        """Notes who is there, and judges vehicles that left a little while ago."""
        self._look(moment)
        crosswalk = self._crosswalk
        if crosswalk is None:
            return []
        for track in tracks:
            path = moment.paths.get(track.id)
            if path is not None:
                self._note(path, crosswalk, moment)
        self._forget_people(moment.at)
        wait = timedelta(seconds=self._thresholds.after_s)
        over = [i for i, v in self._visits.items() if v.left_at is not None and moment.at >= v.left_at + wait]
        return [event for i in over for event in self._judge(self._visits.pop(i), crosswalk, moment)]

    def forget(self, track: Track, moment: Moment) -> list[Event]:
        """Judges a vehicle that is gone."""
        self._look(moment)
        visit = self._visits.pop(track.id, None)
        if self._crosswalk is None:
            reason = self._reporter.unfit(track.last_at, moment.clock)
            if reason and track.cls in self._config.classes:
                self._refusals[reason] += 1
        return self._judge(visit, self._crosswalk, moment) if visit and self._crosswalk else []

    def _note(self, path: Path, crosswalk: Crosswalk, moment: Moment) -> None:
        now = path.now
        off_m = float(np.hypot(*(now.xy_m - crosswalk.middle_m))) - crosswalk.reach_m
        if path.cls == "person":
            if off_m < NEAR_M:
                self._people[path.id] = path
            return
        is_over = now.heads and off_m < path.length_m and self._is_over(path, crosswalk)
        visit = self._visits.get(path.id)
        if visit is None and is_over:
            self._visits[path.id] = _Visit(path, now.at)
        elif visit is not None:
            visit.left_at = None if is_over else visit.left_at or now.at

    def _is_over(self, path: Path, crosswalk: Crosswalk) -> bool:
        now = path.now
        body = body_corners(now.xy_m, now.heading, path.length_m, path.width_m)
        return over(crosswalk.local(body), crosswalk)

    def _look(self, moment: Moment) -> None:
        """Sees what the light shows, where there is one."""
        if self._signal is not None:
            self._signal.see(moment.signals.get(self._signal.name))

    def _phase(self, at: datetime) -> Phase | None:
        """What the light showed, as is known by now: only what follows tells darkness from flashing."""
        if self._signal is None:
            return None
        spell = self._signal.at(at)
        if spell is None or (spell.phase == "off" and (spell.until - spell.since).total_seconds() < OUT_S):
            return "unknown"
        return spell.phase

    def _forget_people(self, at: datetime) -> None:
        for id, path in list(self._people.items()):
            if at - path.now.at > REMEMBERED:
                del self._people[id]

    def _judge(self, visit: _Visit, crosswalk: Crosswalk, moment: Moment) -> list[Event]:
        path, limits = visit.path, self._thresholds
        phase = self._phase(visit.entered_at)
        if path.cls not in self._config.classes or phase in GIVES_WAY:
            return []
        from_at = visit.entered_at - timedelta(seconds=limits.before_s)
        to_at = (visit.left_at or path.now.at) + timedelta(seconds=limits.after_s)
        passage = Passage(path, crosswalk, from_at, to_at)
        met = [meet(passage, p, self._config.half_lane_m, limits) for p in self._people.values()]
        found = [m for m in met if isinstance(m, Encounter)]
        refused = [m for m in met if isinstance(m, str)]
        unclear = "signal_unclear" if phase in TELLS_NOTHING else ""
        reason = self._reporter.unfit(path.now.at, moment.clock) or unclear or _by_clock(path, found)
        if found and not reason:
            return [self._event(path, phase, found, moment)]
        if found or refused:
            self._refusals[reason or Counter(refused).most_common(1)[0][0]] += 1
        return []

    def _event(self, path: Path, phase: Phase | None, found: list[Encounter], moment: Moment) -> Event:
        worst = nearest(found)
        points = [p for p in path.points if worst.claimed_at <= p.at <= worst.leaving.at]
        return self._reporter.violation(
            track=path.id,
            cls=path.cls,
            at=worst.past.at,
            clock=moment.clock,
            rests=moment.rests,
            article=self._profile.law(self.kind).article,
            measured=_measured(worst),
            threshold={
                "half_lane_m": self._config.half_lane_m,
                "react_s": self._thresholds.react_s,
                "brakes_mps2": self._thresholds.brakes_mps2,
            },
            moments=[
                moment_of("before the line", self._before(path, worst)),
                moment_of("past the line", worst.past),
                moment_of("leaving", worst.leaving),
            ],
            position_m=(float(worst.past.xy_m[0]), float(worst.past.xy_m[1])),
            trace=trace_of(points),
            facts={"encounter": _facts(worst, found, phase)},
        )

    def _before(self, path: Path, encounter: Encounter) -> Waypoint:
        """The vehicle before its stop line, if the person was on the road by then, else before the crosswalk."""
        if self._stop_line is None:
            return encounter.before
        rows = [i for i, p in enumerate(path.points) if encounter.claimed_at <= p.at <= encounter.past.at]
        segments = list(pairwise(self._stop_line))
        for i in rows[:-1]:
            ends = path.front_m(i), path.front_m(i + 1)
            if any(crossing(*ends, *segment) is not None for segment in segments):
                return path.points[i]
        return encounter.before


def _by_clock(path: Path, found: Sequence[Encounter]) -> str:
    """Whether a driver seems to have had time to stop only because the clock leapt meanwhile."""
    since = min((encounter.noticed_at for encounter in found), default=path.now.at)
    return "clock_step" if leapt([point for point in path.points if point.at >= since]) else ""


def _measured(encounter: Encounter) -> dict[str, Measured]:
    speed = Span(encounter.past.speed_mps * KMH, SPEED_SD_MPS * KMH)
    measured = {
        "closest_distance": _interval(encounter.closest_m, "m"),
        "way_to_go": _interval(encounter.to_go_m, "m"),
        "way_to_stop": _interval(encounter.available_m, "m"),
        "speed": _interval(speed, "km/h"),
    }
    if encounter.encroachment_s is not None:
        measured["post_encroachment_time"] = _interval(encounter.encroachment_s, "s")
    return measured


def _interval(span: Span, unit: str) -> Measured:
    half = COVERAGE * span.sd
    return Measured.of(span.value, max(0.0, span.value - half), span.value + half, unit, 2)


def _facts(worst: Encounter, found: list[Encounter], phase: Phase | None) -> dict[str, Any]:
    return {
        "person": worst.person,
        "people": sorted(e.person for e in found),
        "person_stepped_out_at": worst.claimed_at.isoformat(),
        "person_noticed_at": worst.noticed_at.isoformat(),
        "vehicle_could_stop_at": worst.could_stop_at.isoformat(),
        "vehicle_entered_at": worst.entered_at.isoformat(),
        "pace_mps": round(worst.pace_mps, 2),
        "stopping_m": round(worst.needed_m, 2),
        "person_first": worst.person_first,
        "person_trace": [list(place) for place in worst.trace],
        "signal": phase,
    }


def describe(config: FailureToYieldRule, profile: JurisdictionProfile) -> str:
    """One line on what the rule does there, for ``dome check`` and the documentation."""
    law, limits = profile.law("failure_to_yield"), YieldConfig()
    medians = f", medians {', '.join(config.medians)}" if config.medians else ""
    light = f", not while {config.signal} is green" if config.signal else ""
    line = f"; shown before line {config.stop_line}" if config.stop_line else ""
    return (
        f"failure_to_yield v{VERSION}: {', '.join(config.classes)} over crosswalk {config.crosswalk}{medians} "
        f"before somebody on the road within {config.half_lane_m:g} m of their way or {limits.ahead_s:g} s more, who "
        f"stepped out in time to stop for at {limits.brakes_mps2:g} m/s² after {limits.react_s:g} s{light}{line}; "
        f"{law.article}{doubt(profile)}"
    )
