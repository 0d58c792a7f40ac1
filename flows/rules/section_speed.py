"""Section speed, at one of the section's two cameras: when exactly did this vehicle cross the gate?

The body's point is the middle of its front, whichever end the camera sees, so that both cameras time the same
point. Nobody is judged here: the passage goes on as an event, and :mod:`flows.casework.sections` finds its other end.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.domain.events import Event, KeyMoment
from flows.domain.frames import ClockSource, ClockState
from flows.domain.passages import Passage, SectionTerms
from flows.domain.paths import Path, Waypoint
from flows.domain.ruleset import SectionSpeedRule
from flows.domain.times import lasts_s
from flows.domain.tracks import Track
from flows.jurisdiction import JurisdictionProfile, RuleLaw
from flows.road.geometry import crossing
from flows.road.motion import BODIES, UNKNOWN_BODY
from flows.road.roadway import heading
from flows.road.speed import KMH
from flows.rules.base import Moment, Site
from flows.rules.clockwatch import ClockWatch
from flows.rules.reporting import Reporter, calibration_facts, clock_facts, doubt, moment_of, standing_of

Array = NDArray[np.float64]

VERSION: Final = "2"
"""Of the rule's definition; raise it whenever the same footage could be timed otherwise."""

ANCHOR_ERROR_S: Final[Mapping[ClockSource, float]] = {
    "scene": 0.0,
    "rtcp": 0.0,
    "site": 0.0,
    "device": 0.0,
    "container": 0.3,
    "arrival": 0.2,
}
"""Standard error of a stream's anchor, beyond that of the camera's own clock. Recorders write whole seconds;
how long a frame was on its way before it arrived is a guess."""


@dataclass(frozen=True, slots=True)
class SectionSpeedConfig:
    """Thresholds of the rule itself, each with its reason.

    Attributes:
        settle_s: A passage is timed so long after it, or at the track's end: what was seen later fixes the class
            and with it where the front was, and may show the plate larger.
        fit_s: The crossing is timed by what was seen within this time of it.
        max_gap_s: Nothing seen for longer round the crossing: an occlusion, or a clock that stepped.
        min_mps: Slower vehicles are timed badly, and none of them is speeding there.
        max_sd_s: Worse known times prove nothing on a section of some hundred metres.
        jump_s: A live camera's frames that come so much later than their number says: its clock stepped, or it
            was away.
        distrust_s: No passage is timed for so long after a jump, while the clock is being found again.
        accelerates_mps2: What a vehicle may accelerate or brake while it is timed.
        reach_s: What was seen longer ago may soon leave the ring, which holds 20 s, and nobody remembers for much
            longer who was before it: who waited in a queue is shown as it is now.
    """

    settle_s: float = 1.0
    fit_s: float = 0.35
    max_gap_s: float = 0.6
    min_mps: float = 3.0
    max_sd_s: float = 0.35
    jump_s: float = 5.0
    distrust_s: float = 60.0
    accelerates_mps2: float = 2.0
    reach_s: float = 10.0


@dataclass(frozen=True, slots=True)
class _Crossing:
    """A vehicle's front on the gate.

    Attributes:
        at: When.
        sd_s: Standard error from its place and the frames' times, without the clock's anchor.
        speed_mps: Across the gate.
        position_m: Where.
        nearest: The waypoint nearest in time.
    """

    at: datetime
    sd_s: float
    speed_mps: float
    position_m: tuple[float, float]
    nearest: Waypoint


class SectionSpeed:
    """Times passages at one gate; see :class:`flows.rules.base.Rule` for when it is called.

    Args:
        config: The rule in the site file.
        site: Where it holds.
        thresholds: Thresholds of the rule; the defaults if None.
    """

    kind = "section_speed"

    def __init__(
        self, config: SectionSpeedRule, site: Site, thresholds: SectionSpeedConfig | None = None
    ) -> None:
        self._config, self._site = config, site
        self._thresholds = thresholds or SectionSpeedConfig()
        self._reporter = Reporter(config, VERSION, site.camera, site.profile, site.ground)
        self._terms = terms_of(config, site)
        self._gate = site.road.lines[config.gate].points_m if site.road is not None else None
        self._forward = None if config.heading_deg is None else heading(config.heading_deg)
        self._refusals: Counter[str] = Counter()
        self._looked_at: dict[int, datetime] = {}
        self._crossed_at: dict[int, datetime] = {}
        self._done: set[int] = set()
        self._clock = ClockWatch()
        self._last: tuple[datetime, int] | None = None
        self._distrusted_until: datetime | None = None

    def refusals(self) -> dict[str, int]:
        """How often a passage was refused, by reason."""
        return dict(self._refusals)

    def observe(self, tracks: Sequence[Track], moment: Moment) -> list[Event]:
        """Notes who crosses, and tells of those who crossed a little while ago."""
        self._clock.see(moment)
        self._watch_pace(moment)
        events: list[Event] = []
        for track in tracks:
            path = moment.paths.get(track.id)
            if path is None or track.id in self._done or self._gate is None:
                continue
            if track.id not in self._crossed_at and self._crosses(path):
                self._crossed_at[track.id] = moment.at
            crossed_at = self._crossed_at.get(track.id)
            if crossed_at is not None and lasts_s(crossed_at, moment.at) >= self._thresholds.settle_s:
                events += self._tell(track, path, moment)
        return events

    def forget(self, track: Track, moment: Moment) -> list[Event]:
        """Tells of a vehicle that crossed and is gone already."""
        self._clock.see(moment)
        path = moment.paths.get(track.id)
        events: list[Event] = []
        if track.id in self._done:
            pass
        elif path is None or self._gate is None:
            self._cannot_say(track, moment)
        elif track.id in self._crossed_at or self._crosses(path):
            events = self._tell(track, path, moment)
        for memory in (self._looked_at, self._crossed_at):
            memory.pop(track.id, None)
        self._done.discard(track.id)
        return events

    def _cannot_say(self, track: Track, moment: Moment) -> None:
        """A vehicle whose place is not known: counted where the camera is at fault."""
        reason = self._reporter.unfit(track.last_at, moment.clock)
        if reason and track.cls in self._config.classes:
            self._refusals[reason] += 1

    def _watch_pace(self, moment: Moment) -> None:
        """A live camera's time that runs away from its frames: for a while nothing is timed."""
        last, self._last = self._last, (moment.at, moment.frame_index)
        rate_hz = moment.clock.rate_hz
        if last is None or not self._site.camera.live or not rate_hz > 0:
            return
        ahead_s = lasts_s(last[0], moment.at) - (moment.frame_index - last[1]) / rate_hz
        if abs(ahead_s) > self._thresholds.jump_s:
            self._distrusted_until = moment.at + timedelta(seconds=self._thresholds.distrust_s)

    def _crosses(self, path: Path) -> bool:
        """Whether the front has crossed the gate since the last look."""
        looked_at = self._looked_at.get(path.id)
        first = len(path.points) - 1
        while first > 0 and (looked_at is None or path.points[first - 1].at >= looked_at):
            first -= 1
        if path.now.heads:  # before that the front is not known; it is looked at again when it is
            self._looked_at[path.id] = path.now.at
        return any(self._share(path, i) is not None for i in range(max(1, first + 1), len(path.points)))

    def _share(self, path: Path, index: int) -> float | None:
        """Where between two waypoints the front crosses the gate the right way, 0 to 1."""
        before, after = path.points[index - 1], path.points[index]
        if not (before.heads and after.heads):
            return None
        a, b = path.front_m(index - 1), path.front_m(index)
        if self._forward is not None and float(after.velocity_mps @ self._forward) <= 0:
            return None
        assert self._gate is not None
        shares = (crossing(a, b, *ends) for ends in zip(self._gate[:-1], self._gate[1:], strict=True))
        return next((share for share in shares if share is not None), None)

    def _tell(self, track: Track, path: Path, moment: Moment) -> list[Event]:
        self._done.add(track.id)
        if track.cls not in self._config.classes:
            return []
        found = self._timed(track, path, moment)
        if isinstance(found, str):
            self._refusals[found] += 1
            return []
        moments = self._moments(path, found, moment)
        if all(m.covered for m in moments):
            self._refusals["covered"] += 1  # without a picture no plate is read, and nobody would hear of it
            return []
        return [self._event(track, found, moments, moment)]

    def _timed(self, track: Track, path: Path, moment: Moment) -> _Crossing | str:
        """The crossing, or why it cannot be timed."""
        limits = self._thresholds
        reason = self._reporter.unfit(path.now.at, moment.clock) or self._clock_reason(track, path)
        if reason:
            return reason
        index = [i for i in range(1, len(path.points)) if self._share(path, i) is not None]
        if not index:
            return "unclear"  # by what was seen since, its front was elsewhere
        found = self._fitted(path, index[0])
        if found is None:
            return "gap"
        if found.speed_mps < limits.min_mps:
            return "too_slow"
        return found if self._sd_s(found, moment.clock) <= limits.max_sd_s else "too_uncertain"

    def _clock_reason(self, track: Track, path: Path) -> str:
        if self._clock.guessed(track.first_at, track.last_at):
            return "clock_step"
        until = self._distrusted_until
        return "clock_step" if until is not None and path.now.at < until else ""

    def _fitted(self, path: Path, index: int) -> _Crossing | None:
        """The crossing by a straight line through what was seen round it; None if that is too little."""
        limits = self._thresholds
        share = self._share(path, index)
        assert share is not None
        assert self._gate is not None
        before, after = path.points[index - 1], path.points[index]
        gap_s = lasts_s(before.at, after.at)
        if gap_s > limits.max_gap_s:
            return None
        rough_at = before.at + timedelta(seconds=share * gap_s)
        near = [
            i
            for i, p in enumerate(path.points)
            if p.heads and abs(lasts_s(rough_at, p.at)) <= max(limits.fit_s, 1.01 * gap_s)
        ]
        at_s = np.array([lasts_s(rough_at, path.points[i].at) for i in near])
        fronts = np.array([path.front_m(i) for i in near])
        place, velocity = _line(at_s, fronts)
        off_s, normal_mps = _to_gate(place, velocity, self._gate)
        nearest = min(path.points, key=lambda p: abs(lasts_s(rough_at, p.at)))
        position_m = place + off_s * velocity
        return _Crossing(
            rough_at + timedelta(seconds=off_s),
            self._place_sd_m(path, nearest, limits.accelerates_mps2 * gap_s**2 / 8) / max(normal_mps, 1e-6),
            float(np.hypot(*velocity)),
            (round(float(position_m[0]), 3), round(float(position_m[1]), 3)),
            nearest,
        )

    def _place_sd_m(self, path: Path, nearest: Waypoint, bend_m: float) -> float:
        """Standard error of the front's place: seen from behind, the whole length comes into it."""
        length_m = BODIES.get(path.cls, UNKNOWN_BODY).length[1]
        ground = self._site.ground
        from_behind = ground is not None and float((ground.camera_m[0] - nearest.xy_m) @ nearest.heading) < 0
        return float(np.hypot(nearest.sd_m + (length_m / 2 if from_behind else 0.0), bend_m))

    def _sd_s(self, found: _Crossing, clock: ClockState) -> float:
        """With the clock: the frame's own time, the anchor, and how well the camera's clock is kept."""
        kept_s = self._config.clock_within_s / math.sqrt(3)  # anywhere within the bound
        anchor_s = ANCHOR_ERROR_S[clock.source]
        return math.hypot(found.sd_s, clock.time_error_s, kept_s, anchor_s, clock.unsettled_s)

    def _event(self, track: Track, found: _Crossing, moments: tuple[KeyMoment, ...], moment: Moment) -> Event:
        camera, ground = self._site.camera, self._site.ground
        return Passage(
            camera=camera.id,
            district=camera.district,
            terms=self._terms,
            role=self._config.role,
            at=found.at,
            sd_s=round(self._sd_s(found, moment.clock), 5),
            track=track.id,
            cls=track.cls,
            speed_kmh=round(found.speed_mps * KMH, 2),
            position_m=found.position_m,
            moments=moments,
            rule_version=VERSION,
            parameters=self._reporter.parameters,
            clock=clock_facts(moment.clock),
            calibration=calibration_facts(ground) if ground is not None else {},
        ).event()

    def _moments(self, path: Path, found: _Crossing, moment: Moment) -> tuple[KeyMoment, ...]:
        """The gate, and where of late what nearer vehicles leave of it is largest."""

        def tall_px(point: Waypoint) -> float:
            rest = None if point.xyxy is None else moment.rests.of(path.id, point.at, point.xyxy)
            return 0.0 if rest is None else rest[3] - rest[1]

        named = [moment_of("gate", found.nearest)]
        late = [p for p in path.points if lasts_s(p.at, moment.at) <= self._thresholds.reach_s]
        largest = max(late, key=tall_px, default=found.nearest)
        if tall_px(largest) > 1.2 * tall_px(found.nearest):
            named.append(moment_of("closest", largest))
        return tuple(moment.rests.alone(path.id, sorted(named, key=lambda m: m.at)))


def terms_of(config: SectionSpeedRule, site: Site) -> SectionTerms:
    """What holds on the section by this camera's site file and law."""
    law = site.profile.law("section_speed")
    return SectionTerms(
        section=config.section,
        length_m=config.length_m,
        length_error_m=config.length_error_m,
        limit_kmh=config.limit_kmh,
        tolerance_kmh=_tolerance(config, law),
        articles=((0.0, law.article), *((band.above_kmh, band.article) for band in law.bands)),
        **asdict(standing_of(config, site.profile)),
    )


def describe(config: SectionSpeedRule, profile: JurisdictionProfile) -> str:
    """One line on what the rule does there, for ``dome check`` and the documentation."""
    law = profile.law("section_speed")
    tolerance = _tolerance(config, law)
    way = "" if config.heading_deg is None else f", crossed towards {config.heading_deg:g} degrees"
    return (
        f"section_speed v{VERSION}: {config.role} of section {config.section} at {config.gate}{way}: "
        f"{', '.join(config.classes)} surely faster than {config.limit_kmh + tolerance:g} km/h "
        f"(limit {config.limit_kmh:g} + tolerance {tolerance:g}) on average over {config.length_m:g} m "
        f"+- {config.length_error_m:g}, clocks within {config.clock_within_s * 1000:g} ms; "
        f"{law.article}{doubt(profile)}"
    )


def _tolerance(config: SectionSpeedRule, law: RuleLaw) -> float:
    return law.tolerance_kmh if config.tolerance_kmh is None else config.tolerance_kmh


def _line(at_s: Array, xy: Array) -> tuple[Array, Array]:
    """Least-squares straight motion through ``(N, 2)`` places: where at time 0, and velocity."""
    fit, *_ = np.linalg.lstsq(np.column_stack([np.ones_like(at_s), at_s]), xy, rcond=None)
    return np.asarray(fit[0]), np.asarray(fit[1])


def _to_gate(place: Array, velocity: Array, gate: Array) -> tuple[float, float]:
    """Seconds from a place to the gate's nearest piece, and the speed across it, m/s."""
    middles = (gate[:-1] + gate[1:]) / 2
    nearest = int(np.argmin(np.linalg.norm(middles - place, axis=1)))
    along = gate[nearest + 1] - gate[nearest]
    normal = np.array([-along[1], along[0]]) / np.linalg.norm(along)
    across_mps = float(velocity @ normal)
    off_m = float((gate[nearest] - place) @ normal)
    return (off_m / across_mps if across_mps else 0.0), abs(across_mps)
