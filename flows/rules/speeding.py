"""Speeding: a vehicle whose speed, by its interval's lower end, exceeds limit and tolerance."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.domain.errors import CalibrationError
from flows.domain.events import Event, KeyMoment
from flows.domain.frames import VOUCHED_CLOCKS
from flows.domain.paths import Waypoint
from flows.domain.ruleset import SpeedingRule
from flows.domain.site import TracksSource
from flows.domain.tracks import Sighting, Track
from flows.jurisdiction import JurisdictionProfile
from flows.road.fixspeed import estimate_fixes
from flows.road.geometry import inside_polygon
from flows.road.ground import GroundPlane
from flows.road.speed import (
    KMH,
    Refusal,
    SpeedConfig,
    SpeedEstimate,
    alternate,
    bodies,
    check_clock,
    contradict,
    estimate,
)
from flows.rules.base import Moment, Site
from flows.rules.clockwatch import ClockWatch
from flows.rules.culprits import SAME_ACROSS_M, SAME_ALONG_M, SAME_GAP_S, Culprits, off_m
from flows.rules.hiding import Rests, Xyxy
from flows.rules.reporting import Reporter, doubt
from flows.site.fitness import of_survey

VERSION: Final = "6"
"""Of the rule's definition; raise it whenever the same footage could be judged otherwise."""

STANDING_S: Final = 1.0
"""A vehicle stands while, over this time ..."""
STANDING_SHARE: Final = 0.08
"""... its box moves or grows by less than this share of its diagonal: a detector's trembling, or a crawl far
below any limit (a car of 4 m at 5 km/h moves by a third)."""
STANDING_M: Final = 1.4
"""The same of places in metres: 5 km/h."""


@dataclass(frozen=True, slots=True)
class SpeedingConfig:
    """Thresholds of the rule itself, each with its reason.

    Attributes:
        patience_s: A vehicle that has been in sight so long is judged by what has been seen so far and from
            then on anew: one that speeds and then waits at a crossing is not excused by the wait, and the
            packets of the decisive moments are still in the evidence ring.
        window_s: Where the whole stretch fits no single motion (a vehicle that brakes hard and stops), parts
            of this length are judged one by one.
        same_speed: Relative difference of speeds above which it is another vehicle.
        may_be: What was measured may be of a class that has so much of the votes of the likeliest one: its own, as a
            track may hold other vehicles that took part in the vote over the track's class.
        closest_larger: A box between the ends that is so many times higher deserves its own picture.
        cut_share: A box of whose lower edge so much lies at or behind a nearer box's upper edge may end there, not at
            the vehicle's foot: from a gantry the one behind hides ever more of a car that drives away, which seems to
            gain. The other half of the edge, where that is in sight, still says where the foot is.
        speed: Thresholds of the measurement.
    """

    patience_s: float = 10.0
    window_s: float = 3.0
    same_speed: float = 0.2
    may_be: float = 0.5
    closest_larger: float = 1.2
    cut_share: float = 0.5
    speed: SpeedConfig = field(default_factory=SpeedConfig)


class Speeding:
    """The speeding rule of one camera; see :class:`flows.rules.base.Rule` for when it is called.

    A vehicle is judged when its track ends (or has lasted ``patience_s``), over its whole way, and once.

    Args:
        config: The rule in the site file.
        site: Where it holds.
        thresholds: Thresholds of the rule; the defaults if None.
        on_verdict: Told of every verdict, speeding or not: for benches and notebooks.
    """

    kind = "speeding"

    def __init__(
        self,
        config: SpeedingRule,
        site: Site,
        thresholds: SpeedingConfig | None = None,
        on_verdict: Callable[[Track, SpeedEstimate | Refusal], None] | None = None,
    ) -> None:
        self._on_verdict = on_verdict
        self._reporter = Reporter(config, VERSION, site.camera, site.profile, site.ground)
        self._config, self._camera, self._profile, self._ground = (
            config,
            site.camera,
            site.profile,
            site.ground,
        )
        self._thresholds = thresholds or SpeedingConfig()
        tolerance = config.tolerance_kmh
        self._tolerance_kmh = site.profile.law("speeding").tolerance_kmh if tolerance is None else tolerance
        source = site.camera.source
        self._error_m = source.error_m if isinstance(source, TracksSource) else None
        self._zone = site.road.areas[config.zone].polygon_m if config.zone and site.road is not None else None
        self._refusals: Counter[str] = Counter()
        self._judged_until: dict[int, datetime] = {}
        self._clock = ClockWatch()
        self._picture_px: dict[int, set[tuple[int, int]]] = {}
        self._classes: dict[int, set[str]] = {}
        self._hidden: dict[int, set[datetime]] = {}
        self._culprits = site.culprits.setdefault(self.kind, Culprits())

    def refusals(self) -> dict[str, int]:
        """How often a verdict was refused, by reason."""
        return dict(self._refusals)

    def observe(self, tracks: Sequence[Track], moment: Moment) -> list[Event]:
        """Judges vehicles that have been in sight for long."""
        events: list[Event] = []
        self._clock.see(moment)
        hidden = moment.occlusion.cut_off(self._thresholds.cut_share)
        for track in tracks:
            if track.id in hidden:
                self._hidden.setdefault(track.id, set()).add(moment.at)
            self._picture_px.setdefault(track.id, set()).add((moment.width_px, moment.height_px))
            self._classes.setdefault(track.id, set()).add(track.cls)
            since = self._judged_until.get(track.id, track.first_at)
            if (track.last_at - since).total_seconds() >= self._thresholds.patience_s:
                events += self._judge(track, moment)
                self._hidden.pop(track.id, None)
                self._judged_until[track.id] = track.last_at
        return events

    def forget(self, track: Track, moment: Moment) -> list[Event]:
        """Judges a vehicle whose track has ended."""
        self._clock.see(moment)
        events = self._judge(track, moment)
        self._culprits.end(track.id)
        self._judged_until.pop(track.id, None)
        self._picture_px.pop(track.id, None)
        self._classes.pop(track.id, None)
        self._hidden.pop(track.id, None)
        return events

    def _judge(self, track: Track, moment: Moment) -> list[Event]:
        if track.cls not in self._config.classes or self._culprits.has(track.id):
            return []
        sightings = under_way(self._pending(track, moment))
        if not sightings:
            return []
        hidden = self._hidden.get(track.id, set())
        verdicts = self._measure(track, [s for s in sightings if s.at not in hidden], moment)
        return [event for v in verdicts for event in self._speak(track, v, moment)]

    def _speak(self, track: Track, verdict: SpeedEstimate | Refusal, moment: Moment) -> list[Event]:
        """Counts a verdict, and makes the event where there is one."""
        if self._on_verdict is not None:
            self._on_verdict(track, verdict)
        if isinstance(verdict, Refusal):
            self._refusals[verdict.reason] += 1
            return []
        limits_kmh = {cls: self._config.limit_for(cls) for cls in self._called(track, verdict)}
        (cls, its_kmh), limit_kmh = next(iter(limits_kmh.items())), max(limits_kmh.values())
        if verdict.low_kmh <= limit_kmh + self._tolerance_kmh or cls not in self._config.classes:
            if verdict.low_kmh > its_kmh + self._tolerance_kmh:
                self._refusals["class_unsure"] += 1
            return []
        again = self._seen_before(verdict)
        self._culprits.add(track.id, _middle(verdict), verdict.last.at)
        return [] if again else [self._event(track, cls, limit_kmh, verdict, moment)]

    def _called(self, track: Track, verdict: SpeedEstimate) -> list[str]:
        """What the measured vehicle may be: first what it is reported as, then what it may be as well."""
        votes: dict[str, float] = {}
        for s in verdict.used:
            cls = s.cls or track.cls
            votes[cls] = votes.get(cls, 0.0) + s.score
        most = max(votes.values())
        own = [cls for cls, vote in votes.items() if vote >= self._thresholds.may_be * most]
        if track.cls not in own:  # another vehicle of the track has won the vote over its class
            return sorted(own, key=lambda cls: -votes[cls])
        return [track.cls, *{*own, *self._classes.get(track.id, set())}]

    def _pending(self, track: Track, moment: Moment) -> list[Sighting]:
        """Sightings not judged yet, inside the zone."""
        since = self._judged_until.get(track.id)
        rows = [s for s in track.sightings if since is None or s.at > since]
        if self._zone is None or not rows:
            return rows
        places = self._places_m(track, rows, moment)
        if places is None:
            return rows  # it is said why when they are measured
        return [s for s, inside in zip(rows, inside_polygon(places, self._zone), strict=True) if inside]

    def _places_m(self, track: Track, rows: Sequence[Sighting], moment: Moment) -> NDArray[np.float64] | None:
        """``(N, 2)`` where it stood on the road, whatever the size of the pictures; None where nobody knows."""
        feet = np.array([_foot(s) for s in rows], np.float64)
        if self._error_m is not None:
            return feet
        if self._ground is None:
            return None
        try:
            return self._ground.for_picture(*self._sizes(track, moment)[0]).to_ground(feet)
        except CalibrationError:
            return None

    def _sizes(self, track: Track, moment: Moment) -> list[tuple[int, int]]:
        """Sizes of the pictures in which it was seen: one that ended when the size changed was seen in the old one."""
        return sorted(self._picture_px.get(track.id) or {(moment.width_px, moment.height_px)})

    def _measure(
        self, track: Track, sightings: list[Sighting], moment: Moment
    ) -> list[SpeedEstimate | Refusal]:
        """One verdict, or several where the tracker took several vehicles for one."""
        if moment.clock.source not in VOUCHED_CLOCKS:
            return [
                Refusal("clock", "nobody vouches for when it was: the file's modification time stands in")
            ]
        if self._error_m is not None:
            return self._measure_fixes(sightings, self._error_m, moment)
        ground = self._fit_ground(track, moment)
        if isinstance(ground, Refusal):
            return [ground]
        each = bodies(sightings, ground, self._thresholds.speed) or [sightings]
        config = self._thresholds.speed
        verdicts = [estimate(body, ground, moment.clock, config, track.cls) for body in each]
        for a, b in combinations(range(len(each)), 2):
            if contradict(verdicts[a], verdicts[b]) and alternate(each[a], each[b]):
                return [Refusal("disagreement", "its boxes jump to and fro between two speeds")]
        measured: list[SpeedEstimate | Refusal] = [v for v in verdicts if isinstance(v, SpeedEstimate)]
        return measured or verdicts[:1]

    def _measure_fixes(
        self, sightings: list[Sighting], error_m: float, moment: Moment
    ) -> list[SpeedEstimate | Refusal]:
        """The same of places that a device reports."""
        config = self._thresholds.speed
        whole = estimate_fixes(sightings, error_m, moment.clock, config)
        if not (isinstance(whole, Refusal) and whole.reason == "disagreement"):
            return [whole]
        parts = [estimate_fixes(p, error_m, moment.clock, config) for p in self._windows(sightings)]
        return [v for v in parts if isinstance(v, SpeedEstimate)] or [whole]

    def _fit_ground(self, track: Track, moment: Moment) -> GroundPlane | Refusal:
        """The plane for the track's pictures on its day, or why there is none."""
        day = self._profile.local_day(track.last_at)
        if objections := of_survey(self._camera, self._ground, day):
            return Refusal(objections[0].code, objections[0].said)
        assert self._ground is not None, "else there was an objection"
        if self._clock.guessed(track.first_at, track.last_at):
            return Refusal("clock_step", "the camera's clock stepped while it was in sight")
        clock = check_clock(moment.clock, self._thresholds.speed)
        if clock is not None:
            return clock
        sizes = self._sizes(track, moment)
        if len(sizes) > 1:
            return Refusal("disagreement", f"the picture's size changed under the track: {sizes}")
        try:
            if moment.shift is None:
                return self._ground.for_picture(*sizes[0])
            now = self._ground.for_picture(moment.width_px, moment.height_px)
            return now.displaced(moment.shift.matrix).for_picture(*sizes[0])
        except CalibrationError as error:
            return Refusal("calibration_void", str(error))

    def _windows(self, sightings: list[Sighting]) -> list[list[Sighting]]:
        """Consecutive parts of ``window_s``."""
        parts: list[list[Sighting]] = []
        for s in sightings:
            if not parts or (s.at - parts[-1][0].at).total_seconds() > self._thresholds.window_s:
                parts.append([])
            parts[-1].append(s)
        return parts if len(parts) > 1 else []

    def _seen_before(self, verdict: SpeedEstimate) -> bool:
        """True if a reported vehicle, gone on as it went, would be here: its track broke in two."""
        middle = _middle(verdict)
        for culprit in self._culprits:
            if (verdict.first.at - culprit.seen_at).total_seconds() > SAME_GAP_S:
                continue
            old = culprit.where
            along, across = off_m(old, middle)
            # Both speeds are uncertain; so is the way extrapolated with them.
            since_s = abs((middle.at - old.at).total_seconds())
            slack = SAME_ALONG_M + since_s * (verdict.high_kmh - verdict.low_kmh) / 2 / KMH
            alike = (
                abs(verdict.value_kmh / KMH - old.speed_mps) <= self._thresholds.same_speed * old.speed_mps
            )
            if alike and along <= slack and across <= SAME_ACROSS_M:
                return True
        return False

    def _event(
        self, track: Track, cls: str, limit_kmh: float, verdict: SpeedEstimate, moment: Moment
    ) -> Event:
        excess = verdict.low_kmh - limit_kmh
        return self._reporter.violation(
            track=track.id,
            cls=cls,
            at=verdict.closest.at,
            clock=moment.clock,
            rests=moment.rests,
            article=self._profile.law("speeding").article_for(excess),
            measured={"speed": verdict.measured},
            threshold={"limit_kmh": limit_kmh, "tolerance_kmh": self._tolerance_kmh},
            moments=self._moments(track, verdict, moment.rests),
            position_m=verdict.position_m,
            trace=verdict.trace,
            facts={
                "measurement": {
                    "sightings": verdict.n,
                    "span_s": round(verdict.span_s, 3),
                    "path_m": round(verdict.path_m, 2),
                    "acceleration_mps2": round(verdict.accel_mps2, 3),
                    "spread": round(verdict.spread, 2),
                    "standard_errors_kmh": {k: round(v, 3) for k, v in verdict.parts_kmh.items()},
                }
            },
        )

    def _moments(self, track: Track, verdict: SpeedEstimate, rests: Rests) -> list[KeyMoment]:
        """Both ends of the measured stretch, and between them the nearest moment where that shows more.

        Where a nearer vehicle is all over it at an end, the moment between that shows most is shown as well.
        """
        ends = {"first": verdict.first, "last": verdict.last}
        if self._error_m is not None:  # no pictures
            return [KeyMoment(name=name, at=s.at) for name, s in ends.items()]
        tallest = max(_height(s) for s in ends.values())
        if _height(verdict.closest) > self._thresholds.closest_larger * tallest:
            ends["closest"] = verdict.closest
        if any(rests.of(track.id, s.at, _corners(s)) is None for s in ends.values()):
            shows_px2 = [(_shows_px2(rests.of(track.id, s.at, _corners(s))), s) for s in verdict.used[1:-1]]
            most_px2, clearest = max(shows_px2, key=lambda s: s[0], default=(0.0, verdict.closest))
            if most_px2 > 0.0:
                ends["closest"] = clearest
        moments = [KeyMoment(name=name, at=s.at, xyxy=_corners(s)) for name, s in ends.items()]
        return sorted(moments, key=lambda m: m.at)


def describe(config: SpeedingRule, profile: JurisdictionProfile) -> str:
    """One line on what the rule does there, for ``dome check`` and the documentation."""
    law = profile.law("speeding")
    tolerance = law.tolerance_kmh if config.tolerance_kmh is None else config.tolerance_kmh
    others = "".join(
        f", {cls} than {limit + tolerance:g} (limit {limit:g})"
        for cls, limit in config.class_limits_kmh.items()
    )
    where = f" in zone {config.zone}" if config.zone else " (no zone: nothing may hide wheels from a camera)"
    return (
        f"speeding v{VERSION}: {', '.join(config.classes)} surely faster than {config.limit_kmh + tolerance:g} km/h "
        f"(limit {config.limit_kmh:g} + tolerance {tolerance:g}){others}{where}; {law.article}{doubt(profile)}"
    )


def under_way(sightings: Sequence[Sighting]) -> list[Sighting]:
    """The longest stretch in time in which a vehicle does not stand; empty for a parked one.

    A stop is no part of a speed: who races up to a crossing and waits there has raced.
    """
    if len(sightings) < 2:
        return []
    marks, least = _marks(sightings)
    at_s = np.array([(s.at - sightings[0].at).total_seconds() for s in sightings])
    here = np.arange(len(at_s))
    ahead = np.minimum(np.searchsorted(at_s, at_s + STANDING_S), len(at_s) - 1)
    behind = np.maximum(np.searchsorted(at_s, at_s - STANDING_S, side="right") - 1, 0)
    way = np.full(len(at_s), np.inf)
    for other in (ahead, behind):
        span_s = np.abs(at_s - at_s[other])
        shift = np.abs(marks - marks[other]).max(axis=1) * STANDING_S / np.maximum(span_s, 1e-3)
        # Near the track's ends there is too little time on one side to tell; the other side does.
        tells = (span_s > STANDING_S / 3) & (other != here)
        way = np.where(tells, np.minimum(way, shift), way)
    way = np.where(np.isfinite(way), way, 0.0 if at_s[-1] > STANDING_S else np.inf)
    return _longest(sightings, way > least)


def _marks(sightings: Sequence[Sighting]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``(N, K)`` what moves with a vehicle, and ``(N,)`` how far that goes while it stands."""
    fixes = [s.fix for s in sightings if s.fix is not None]
    if len(fixes) == len(sightings):
        return np.array([fix.xy_m for fix in fixes]), np.full(len(fixes), STANDING_M)
    boxes = np.array([s.xyxy for s in sightings], np.float64)
    return boxes, STANDING_SHARE * np.hypot(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])


def _foot(sighting: Sighting) -> tuple[float, float]:
    """Where it touches the road: a place in metres, or the middle of the box's lower edge, px."""
    if sighting.fix is not None:
        return sighting.fix.xy_m
    x0, _, x1, y1 = (float(v) for v in sighting.xyxy)
    return (x0 + x1) / 2, y1


def _longest(sightings: Sequence[Sighting], moving: NDArray[np.bool_]) -> list[Sighting]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], moving.astype(np.int8), [0]])))
    runs = edges.reshape(-1, 2).tolist()
    first, last = max(runs, key=lambda r: sightings[r[1] - 1].at - sightings[r[0]].at, default=(0, 0))
    return list(sightings[first:last])


def _middle(verdict: SpeedEstimate) -> Waypoint:
    """Where the vehicle was in the middle of the measured stretch, and how it moved."""
    at = verdict.first.at + (verdict.last.at - verdict.first.at) / 2
    velocity_mps = np.array(verdict.velocity_mps)
    heading = velocity_mps / math.hypot(*velocity_mps)
    return Waypoint(at, np.array(verdict.middle_m), math.nan, velocity_mps, heading)


def _height(sighting: Sighting) -> float:
    return float(sighting.xyxy[3] - sighting.xyxy[1])


def _shows_px2(rest: Xyxy | None) -> float:
    return 0.0 if rest is None else (rest[2] - rest[0]) * (rest[3] - rest[1])


def _corners(sighting: Sighting) -> Xyxy:
    x1, y1, x2, y2 = (round(float(v), 2) for v in sighting.xyxy)
    return x1, y1, x2, y2
