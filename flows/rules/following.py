"""What rules that follow each vehicle's way have in common: who is looked at, who was reported, what is refused."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from flows.domain.events import Event, Measured
from flows.domain.paths import Waypoint
from flows.domain.ruleset import RuleConfig
from flows.domain.tracks import Track
from flows.rules.base import Moment, Site
from flows.rules.culprits import Culprits
from flows.rules.reporting import Reporter, moment_of, trace_of
from flows.rules.trail import Look, TrailConfig, Trails

State = TypeVar("State")


@dataclass(slots=True)
class Followed(Generic[State]):
    """A vehicle: where it was first believed in, and what the rule knows of it."""

    first: Waypoint
    state: State
    last: Look


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule has found out, to be made an event.

    Attributes:
        at: The decisive waypoint.
        measured: Quantities with their intervals.
        threshold: Bounds they were held against.
        moments: What evidence must show, by name.
        way: Waypoints of the trace.
        facts: What else the rule states.
    """

    at: Waypoint
    measured: Mapping[str, Measured]
    threshold: Mapping[str, float]
    moments: Mapping[str, Waypoint]
    way: Sequence[Waypoint]
    facts: Mapping[str, Any]


class FollowingRule(ABC, Generic[State]):
    """A rule that follows each vehicle look by look; see :class:`flows.rules.base.Rule` for when it is called.

    A vehicle has one event of a rule at most, also when its track breaks. A rule says what it makes of a look;
    this class asks whether the camera may speak at all, and writes the event.

    Attributes:
        kind: The tag in the site file.
        goes_on: The offence goes on from one zone into the next: it is one, however many rules the camera has for it.

    Args:
        config: The rule in the site file.
        site: Where it holds.
        version: Of the rule's definition.
        make: An empty state for a vehicle that is new, or may be another one than before.
        trails: What is believed of a path; the defaults if None.
    """

    kind: ClassVar[str]
    goes_on: ClassVar[bool] = False

    def __init__(
        self,
        config: RuleConfig,
        site: Site,
        version: str,
        make: Callable[[], State],
        trails: TrailConfig | None = None,
    ) -> None:
        self._classes, self._profile, self._make = config.classes, site.profile, make
        self._reporter = Reporter(config, version, site.camera, site.profile, site.ground)
        self._trails = Trails(trails)
        self._followed: dict[int, Followed[State]] = {}
        self._culprits = site.culprits.setdefault(self.kind, Culprits()) if self.goes_on else Culprits()
        self._refusals: Counter[str] = Counter()
        self._refused: dict[int, set[str]] = {}

    @abstractmethod
    def _see(self, state: State, look: Look) -> Finding | str | None:
        """What follows from a look at a vehicle: a finding, a reason to refuse one, or nothing yet."""

    def _leave(self, state: State) -> Finding | str | None:
        """What follows when a vehicle is gone, or may be another from now on."""
        return None

    def _mix(self, state: State) -> Finding | str | None:
        """What follows when a vehicle may be another from now on: the same, unless a rule knows better."""
        return self._leave(state)

    def _now(self, moment: Moment) -> None:
        """Called before the looks of a frame, for what a rule needs of it."""
        self._moment = moment

    def refusals(self) -> dict[str, int]:
        """How often a verdict was refused, by reason."""
        return dict(self._refusals)

    def observe(self, tracks: Sequence[Track], moment: Moment) -> list[Event]:
        """Follows the vehicles seen in this frame."""
        if self._reporter.unfit(moment.at, moment.clock):
            return []
        self._now(moment)
        events: list[Event] = []
        for track, looks in self._trails.take(tracks, moment):
            for look in looks:
                events += self._follow(track, look, moment)
        return events

    def forget(self, track: Track, moment: Moment) -> list[Event]:
        """A vehicle is gone."""
        self._now(moment)
        events: list[Event] = []
        followed = self._followed.pop(track.id, None)
        if followed is not None:
            events = self._speak(track, followed, self._leave(followed.state), moment)
        elif track.cls in self._classes:
            self._cannot_say(track, moment)
        self._trails.forget(track.id)
        self._culprits.end(track.id)
        self._refused.pop(track.id, None)
        return events

    def _follow(self, track: Track, look: Look, moment: Moment) -> list[Event]:
        followed = self._followed.get(track.id)
        events: list[Event] = []
        if look.broken:
            if followed is not None:
                events = self._speak(track, followed, self._mix(followed.state), moment)
                del self._followed[track.id]
            self._culprits.lose(track.id)
            return events
        if followed is None:
            followed = self._followed[track.id] = Followed(look.point, self._make(), look)
        followed.last = look
        self._culprits.follow(track.id, look.point)
        return events + self._speak(track, followed, self._see(followed.state, look), moment)

    def _speak(
        self, track: Track, followed: Followed[State], found: Finding | str | None, moment: Moment
    ) -> list[Event]:
        if found is None or track.cls not in self._classes:
            return []
        now = followed.last.point
        known = self._culprits.knows(track.id, followed.first, now)
        if isinstance(found, str):
            if not known:
                self._refuse(track.id, found)
            return []
        if known:
            return []
        self._culprits.add(track.id, now)
        return [self._event(track, found, moment)]

    def _event(self, track: Track, found: Finding, moment: Moment) -> Event:
        x_m, y_m = (float(v) for v in found.at.xy_m)
        return self._reporter.violation(
            track=track.id,
            cls=track.cls,
            at=found.at.at,
            clock=moment.clock,
            rests=moment.rests,
            article=self._profile.law(self.kind).article,
            measured=found.measured,
            threshold=found.threshold,
            moments=[moment_of(name, point) for name, point in found.moments.items()],
            position_m=(x_m, y_m),
            trace=trace_of(found.way),
            facts=found.facts,
        )

    def _refuse(self, track: int, reason: str) -> None:
        """Counts a reason once a vehicle."""
        reasons = self._refused.setdefault(track, set())
        self._refusals[reason] += reason not in reasons
        reasons.add(reason)

    def _cannot_say(self, track: Track, moment: Moment) -> None:
        """A vehicle that was never followed: counted where the camera is at fault, not where it never moved."""
        reason = self._reporter.unfit(track.last_at, moment.clock)
        if reason or track.id not in moment.paths:
            self._refuse(track.id, reason or "no_path")
