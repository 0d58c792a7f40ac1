"""Prohibited stopping: a vehicle stands in a zone for longer than is allowed.

Time is capture time between sightings: frames may be held back while nothing moves. One vehicle has one violation
however long it stands; how long it stood in the end is told by ``dome.standing.ended.v1`` when it has left.

No time counts in which it may have stood in a queue (:mod:`flows.rules.queueing`): behind another that stands, or with
another close behind, except while others drive past it. Who stands alone, or is driven past, has stopped by themselves.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from flows.domain.events import Event, Measured
from flows.domain.paths import Waypoint
from flows.domain.ruleset import ProhibitedStoppingRule
from flows.domain.signals import SignalState
from flows.domain.tracks import Track
from flows.jurisdiction import JurisdictionProfile
from flows.rules.base import Moment, Site
from flows.rules.certainty import inside, seconds
from flows.rules.clockwatch import ClockWatch
from flows.rules.queueing import QueueConfig, Queues
from flows.rules.reporting import Reporter, doubt, moment_of, trace_of
from flows.rules.standing import Stand, StandingConfig, Standings

VERSION: Final = "6"
"""Of the rule's definition; raise it whenever the same footage could be judged otherwise."""

STANDING_ENDED: Final = "dome.standing.ended.v1"
"""A reported vehicle has left: how long it stood in all, which is how grave it was."""


@dataclass(frozen=True, slots=True)
class ProhibitedStoppingConfig:
    """Thresholds of the rule itself, each with its reason.

    Attributes:
        rolls_s: A vehicle that comes to a stand may still have rolled for so long after it was first still.
        least_score: The detector must be so sure of what stands there, as a mean: shadows on a marking are taken for a
            vehicle in the same way in every frame. In development scenes vehicles had 0.90 and more, such 0.80 at most.
        heard_s: A controller repeats its phase each second: a green that it has not said for longer may be over.
        standing: Thresholds of what standing is.
        queue: Thresholds of what a queue is.
    """

    rolls_s: float = 1.5
    least_score: float = 0.85
    heard_s: float = 3.0
    standing: StandingConfig = field(default_factory=StandingConfig)
    queue: QueueConfig = field(default_factory=QueueConfig)


class ProhibitedStopping:
    """The stopping rule of one camera and one zone; see :class:`flows.rules.base.Rule` for when it is called.

    Args:
        config: The rule in the site file.
        site: Where it holds.
        thresholds: Thresholds of the rule; the defaults if None.
    """

    kind = "prohibited_stopping"

    def __init__(
        self, config: ProhibitedStoppingRule, site: Site, thresholds: ProhibitedStoppingConfig | None = None
    ) -> None:
        self._config, self._thresholds = config, thresholds or ProhibitedStoppingConfig()
        self._site, self._profile = site, site.profile
        self._reporter = Reporter(config, VERSION, site.camera, site.profile, site.ground)
        self._zone = site.road.areas[config.zone] if site.road is not None else None
        self._standings = Standings(config.classes, config.lost_s, self._thresholds.standing)
        self._queues = Queues(self._thresholds.queue)
        self._free_s: dict[Stand, float] = {}
        self._queued: set[Stand] = set()
        self._pins = site.pins.open()
        self._watch = ClockWatch()
        self._refusals: Counter[str] = Counter()
        self._clock_s = 0.0
        self._before: Moment | None = None
        self._pinned_at: datetime | None = None

    def refusals(self) -> dict[str, int]:
        """How often a verdict was refused, by reason."""
        return dict(self._refusals)

    def observe(self, tracks: Sequence[Track], moment: Moment) -> list[Event]:
        """Looks at who stands in this frame."""
        self._watch.see(moment)
        if self._reporter.unfit(moment.at, moment.clock):
            return []
        self._count(moment)
        stands = self._standings.observe(tracks, moment, self._clock_s)
        self._queue(tracks, moment)
        events = [event for stand in stands for event in self._judge(stand, moment)]
        self._pin(moment.at)
        return events + [self._ended(stand, moment) for stand in self._standings.ended()]

    def forget(self, track: Track, moment: Moment) -> list[Event]:
        """A number has ended; its vehicle may still stand there."""
        self._standings.forget(track.id)
        reason = self._reporter.unfit(track.last_at, moment.clock)
        if track.cls in self._config.classes and (reason or track.id not in moment.paths):
            self._refusals[reason or "no_path"] += 1
        return []

    def _count(self, moment: Moment) -> None:
        """Lets the clock of countable time go on, unless a queue may be waiting for its light."""
        before, self._before = self._before, moment
        if before is not None and self._counts(before) and self._counts(moment):
            self._clock_s += (moment.at - before.at).total_seconds()

    def _queue(self, tracks: Sequence[Track], moment: Moment) -> None:
        """Who may have stood in a queue for a while has stood for no countable time yet."""
        standing = self._standings.settled()
        self._queues.see(standing, tracks, moment, self._clock_s)
        self._free_s = {s: self._queues.free_s(s, standing) for s in standing if not s.reported}
        flows_s = self._thresholds.queue.flows_s
        self._queued = {s for s, free_s in self._free_s.items() if self._clock_s - free_s > flows_s}
        for stand in self._queued:
            stand.counted_s = self._clock_s

    def _counts(self, moment: Moment) -> bool:
        if self._config.signal is None:
            return True
        light: SignalState | None = moment.signals.get(self._config.signal)
        if light is None or light.phase != "green" or self._hushed(light, moment):
            return False
        return light.shown_for_s(moment.at) >= self._config.queue_s

    def _hushed(self, light: SignalState, moment: Moment) -> bool:
        """Whether that was not said for so long that it may be over: the line is dead or slow, or its clock behind."""
        return (moment.at - light.at).total_seconds() > self._thresholds.heard_s

    def _pin(self, at: datetime) -> None:
        """Keeps the pictures of who came to a stand in the zone, while a verdict may come; looks once a second."""
        zone = self._zone
        if zone is None or (self._pinned_at is not None and (at - self._pinned_at).total_seconds() < 1.0):
            return
        self._pinned_at = at
        here = [s for s in self._standings.candidates() if inside(zone, s.last) is not False]
        self._pins.keep(s.first.at for s in here)

    def _judge(self, stand: Stand, moment: Moment) -> list[Event]:
        counted_s = min(self._clock_s, self._free_s.get(stand, math.inf)) - stand.counted_s
        if stand.reported:
            return []
        if counted_s - self._thresholds.rolls_s <= self._config.max_s:
            self._tell_of_waiting(stand, moment)
            return []
        if self._zone is None or self._standings.excused(stand):
            return []
        if self._watch.guessed(stand.first.at, stand.last.at):
            # Part of that time was a step of the clock. It is counted anew from here.
            self._refusals["clock_step"] += 1
            stand.first, stand.coming_at, stand.counted_s = stand.last, None, self._clock_s
            stand.recent.clear()
            stand.recent.append(stand.last)
            return []
        where = inside(self._zone, stand.last)
        if not where:
            if where is None:
                self._refuse(stand, "uncertain")
            return []
        if stand.believed < self._thresholds.least_score:
            self._refuse(stand, "hardly_a_vehicle")
            return []
        event = self._event(stand, counted_s, moment)
        self._standings.report(stand, event.id)
        return [event]

    def _tell_of_waiting(self, stand: Stand, moment: Moment) -> None:
        """Counts who stood for too long in all, of which nothing counts: in a queue, or while no green is told."""
        light = moment.signals.get(self._config.signal or "")
        hushed = light is not None and light.phase == "green" and self._hushed(light, moment)
        if not hushed and stand not in self._queued:
            return
        too_long = stand.stood_s - self._thresholds.rolls_s > self._config.max_s
        if too_long and self._zone is not None and inside(self._zone, stand.last):
            self._refuse(stand, "signal_unclear" if hushed else "queue")

    def _refuse(self, stand: Stand, reason: str) -> None:
        """Counts a reason once a stand."""
        self._refusals[reason] += reason != stand.refused
        stand.refused = reason

    def _event(self, stand: Stand, counted_s: float, moment: Moment) -> Event:
        first, last = stand.first, stand.last
        x_m, y_m = (float(v) for v in last.xy_m)
        return self._reporter.violation(
            track=stand.owner or 0,
            cls=stand.cls,
            at=last.at,
            clock=moment.clock,
            rests=moment.rests,
            article=self._profile.law(self.kind).article,
            measured={"stood": self._stood(stand, moment)},
            threshold={"max_s": self._config.max_s},
            moments=[moment_of("stands", first), moment_of("still_stands", last)],
            position_m=(x_m, y_m),
            trace=trace_of(_distinct([first, *stand.recent, last])),
            facts={
                "zone": self._config.zone,
                "stands_since": first.at.isoformat(),
                "seen_to_stop": stand.coming_at is not None,
                "unseen_s": round(stand.unseen_s, 1),
                "counted_s": round(counted_s, 1),
            },
        )

    def _stood(self, stand: Stand, moment: Moment) -> Measured:
        """How long it stood: at least since it was surely still, at most since it was last seen moving.

        Where it stood already when it was first seen, the upper end is that of the time in sight.
        """
        seen = seconds(stand.first, stand.last, moment.clock)
        came = stand.coming_at
        longest_s = seen.high if came is None else (stand.last.at - came).total_seconds()
        low, high = max(0.0, seen.low - self._thresholds.rolls_s), max(seen.high, longest_s)
        return Measured.of(seen.value, low, high, "s", 3)

    def _ended(self, stand: Stand, moment: Moment) -> Event:
        camera = self._site.camera
        return Event.of(
            STANDING_ENDED,
            camera_id=camera.id,
            district=camera.district,
            at=stand.last.at,
            key=(stand.reported,),
            data={
                "violation": stand.reported,
                "zone": self._config.zone,
                "stood": self._stood(stand, moment).model_dump(mode="json"),
                "last_seen_at": stand.last.at.isoformat(),
            },
        )


def _distinct(points: Sequence[Waypoint]) -> list[Waypoint]:
    """Waypoints in time order, each moment once."""
    return sorted({p.at: p for p in points}.values(), key=lambda p: p.at)


def describe(config: ProhibitedStoppingRule, profile: JurisdictionProfile) -> str:
    """One line on what the rule does there, for ``dome check`` and the documentation."""
    law = profile.law("prohibited_stopping")
    light = (
        f", while light {config.signal} is green for {config.queue_s:g} s or more" if config.signal else ""
    )
    return (
        f"prohibited_stopping v{VERSION}: {', '.join(config.classes)} that surely stand in zone {config.zone} for more "
        f"than {config.max_s:g} s{light}, not in a queue, out of sight for at most {config.lost_s:g} s; "
        f"{law.article}{doubt(profile)}"
    )
