"""A vehicle on its way over a stop line under red: what the rules of the stop line and of the red light share.

One crossing is one of two things, decided once and the same way by both rules: the vehicle *ran* the light (its
middle was surely inside the junction, or had come through it, while the same red went on), or it *stopped* beyond the
line (it did not get there for some seconds, or red ended, or it was gone). So no crossing is reported by both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import numpy as np

from flows.domain.events import Measured
from flows.domain.paths import Waypoint
from flows.domain.ruleset import RedLightRule, StopLineRule
from flows.road.geometry import inside_polygon
from flows.road.roadway import Area
from flows.rules.base import Moment, Site
from flows.rules.body_length import LONG
from flows.rules.certainty import LAG_M, Z95, inside, seconds_between, way_between
from flows.rules.following import Finding, FollowingRule
from flows.rules.front_sight import Body, FrontSight
from flows.rules.signal_log import SignalLog, Spell
from flows.rules.stopping_line import Front, StoppingLine
from flows.rules.trail import Look, TrailConfig

KMH: Final = 3.6
SPEED_SD_MPS: Final = 0.5
"""Standard error of a path's speed at best; here it is only told, nobody is fined for it."""
STRAIGHT: Final = math.cos(math.radians(20.0))
"""Who heads so after the junction as before it has not turned there."""
TRAILS: Final = TrailConfig(
    settle_s=0.2, steady_s=0.6, covered_share=1.1, cut_share=0.5, sides_share=0.01, arrives=LONG
)
"""Who shows half of its lower edge is in plain sight, whatever covers its side: of 277 such looks none made a vehicle
seem farther on by more than 0.2 m. By how much it is shifted aside matters at a line's ends only. Whoever is short may
have come into the picture round a corner: how is told of long vehicles."""
Outcome = Literal["ran", "stopped"]


@dataclass(frozen=True, slots=True)
class CrossingConfig:
    """Thresholds, each with its reason.

    Attributes:
        stands_s: Who has stood beyond the line for so long has stopped there ...
        stands_mps: ... and stands while slower than this: a path trembles.
        creeps_mps: Who is slower than this when it is lost from sight, or mixed up with another, was not running.
        waits_s: So long after the crossing a vehicle that is not in the junction has stopped beyond the line, and
            a light that nothing was heard of is unknown; the evidence ring (20 s) still holds what happened before.
        crosses_s: From surely before the line to surely beyond it; who takes longer may have been over it before.
        stays_s: Surely beyond the line for so long: a box jumps for some frames.
        confirms_s: Judged so long after it happened: a controller's word, or a look at the light, may come late.
        speed_s: The speed at the line is that over so long around it.
        beside_m: Farther beyond the line's ends a vehicle is on another road.
        gains_mps2: Nobody gains speed faster: who comes to the line at speed was well before it some seconds ago.
        long_gains_mps2: Nor so fast who is much longer than its class tells, a lorry with its trailer or an articulated
            bus: an axle that bears less than half of it drives it, and an empty one of 15 t and 350 kW has power for
            2.3 m/s² at 10 m/s.
        off_mps: A path's speed may be too high by so much: 95 % are not, the way that follows tells of the rest.
        leaves_s: So long after the crossing it is known which way a vehicle has left, where an arrow may have
            allowed it to turn.
        through_m: Seen before the line and again beyond the junction, a vehicle went through it if the straight way
            leads so far through it.
        keeps_s: The way is remembered for so long before the crossing and after it: all of it is judged sooner, and who
            stands at the line waits there for as long as it likes.
    """

    stands_s: float = 3.0
    stands_mps: float = 0.8
    creeps_mps: float = 2.0
    waits_s: float = 8.0
    crosses_s: float = 6.0
    stays_s: float = 0.3
    confirms_s: float = 1.0
    speed_s: float = 0.5
    beside_m: float = 6.0
    gains_mps2: float = 5.0
    long_gains_mps2: float = 3.0
    off_mps: float = 2.0
    leaves_s: float = 12.0
    through_m: float = 5.0
    keeps_s: float = 30.0


@dataclass(slots=True)
class Crossing:
    """One vehicle at the line.

    Attributes:
        way: Where its front was, from before the line on.
        arrived: How it came into the picture, if it surely was before the line then.
        early: The first look, if it was before the line as it seems.
        before: The last look surely before the line.
        past: The first look surely beyond it, of those that go on until now.
        stands: The first look standing there, of those that go on until now.
        inside: The first look surely inside the junction, or beyond it if it must have come through.
        red: The red under which it crossed.
        out: It was surely outside the junction again after it was in it.
        done: Judged.
        body: What is known of its body.
    """

    way: list[Front] = field(default_factory=list)
    arrived: Front | None = None
    early: Front | None = None
    before: Front | None = None
    stands: Front | None = None
    past: Front | None = None
    inside: Front | None = None
    red: Spell | None = None
    out: bool = False
    done: bool = False
    body: Body = field(default_factory=Body)

    @property
    def came(self) -> Front | None:
        """Where it was before the line: surely and last, or as it seemed, or as it came into the picture."""
        return self.before or self.early or self.arrived


class LineCrossingRule(FollowingRule[Crossing]):
    """Follows vehicles over one stop line.

    Args:
        config: The rule in the site file.
        site: Where it holds.
        version: Of the rule's definition.
        light: The red-light rule for the same light, where there is one.
        thresholds: Thresholds; the defaults if None.
    """

    def __init__(
        self,
        config: StopLineRule | RedLightRule,
        site: Site,
        version: str,
        light: RedLightRule | None,
        thresholds: CrossingConfig | None = None,
    ) -> None:
        super().__init__(config, site, version, Crossing, TRAILS)
        self._thresholds, self._grace_s = thresholds or CrossingConfig(), config.grace_s
        self._signal = SignalLog(config.signal)
        # A stop line of its own is that of the lanes that have no arrow.
        has_arrow = light is not None and light.arrow is not None and light.stop_line == config.stop_line
        self._arrow = SignalLog(light.arrow) if light is not None and light.arrow and has_arrow else None
        self._junction: Area | None = None
        self._exit: Area | None = None
        self._sight: FrontSight | None = None
        if site.road is None:
            return
        behind = config.junction or (light.junction if light else None)
        self._junction = site.road.areas[light.junction] if light else None
        self._exit = site.road.areas[light.arrow_exit] if light and light.arrow_exit else None
        ground = site.ground if site.camera.source.kind != "tracks" else None
        line = StoppingLine(
            site.road.lines[config.stop_line],
            site.road.areas[behind] if behind else None,
            ground.camera_m[0] if ground is not None else None,
        )
        self._sight = FrontSight(line, ground)

    def _now(self, moment: Moment) -> None:
        super()._now(moment)
        self._signal.see(moment.signals.get(self._signal.name))
        if self._arrow is not None:
            self._arrow.see(moment.signals.get(self._arrow.name))

    def _see(self, state: Crossing, look: Look) -> Finding | str | None:
        sight, body = self._sight, state.body
        if sight is None:
            return None
        red = self._signal.now is not None and self._signal.now.phase == "red"
        front = sight.front(body, look, self._picture_px, red)
        if look.arrival:
            state.arrived = sight.arrived(look, self._picture_px)
        beside = state.past is None and front.inside_m < -self._thresholds.beside_m
        if look.clear:
            sight.learn(body, look, self._picture_px)
        if beside:
            return self._covered(state)
        # Whatever may hide its foot, as long as a detector does not make it up.
        safe = look.crown and ((front.away and front.before) or (front.facing and front.past))
        if not (look.clear or safe):
            known = sight.by_crown(body, look, front, self._picture_px) if front.away else None
            if known is None or not known.past:
                return self._unproven(state)
            front = known
        if front.before:
            self._approach(state, front)
            return None
        if state.before is None and state.early is None and front.past_m < 0.0:
            state.early = front
        if state.came is None or state.done:
            return None
        self._walk(state, front)
        if not front.past:
            # A box that jumped, or plain sight after one whose foot was covered.
            if state.red is None or (state.past is not None and state.past.covered):
                state.past = state.inside = state.red = None
                state.out = False
            return None
        state.past = (
            replace(state.past, covered=state.past.covered and front.covered) if state.past else front
        )
        slow = front.point.speed_mps < self._thresholds.stands_mps
        state.stands = (state.stands or front) if slow else None
        if self._junction is not None:
            held = inside(self._junction, front.point)
            if state.inside is None and (held or (held is False and self._through(state, front))):
                state.inside = front
            state.out = state.out or (state.inside is not None and held is False)
        if seconds_between(state.past.point, front.point) < self._thresholds.stays_s:
            return None
        return self._beyond(state, front)

    def _walk(self, state: Crossing, front: Front) -> None:
        """Remembers where it was round the crossing, if there is one yet, and where it is."""
        way, keeps_s = state.way, self._thresholds.keeps_s
        crossed = (state.past or front).point
        if way and seconds_between(crossed, way[-1].point) > keeps_s:
            way.pop()
        way.append(front)
        while seconds_between(way[0].point, crossed) > keeps_s:
            del way[0]

    def _holds(self, state: Crossing) -> bool:
        """Whether it came over the line by all that was seen of its length, too: of several measurements one is off."""
        sight, body, past, before = self._sight, state.body, state.past, state.before
        assert sight is not None
        assert past is not None
        if body.length is None:
            return True
        cls = body.length.cls
        if body.fresh:
            sight.measure(body, cls, past.point, self._picture_px)
        state.past = sight.again(past, cls, body)
        if before is not None:
            state.before = sight.again(before, cls, body)
        if state.before is None:
            known = (sight.again(front, cls, body) for front in reversed(state.way) if not front.covered)
            state.before = next((front for front in known if front.before), None)
        if state.past.past and (state.before is None or state.before.before):
            return True
        state.past = state.inside = state.stands = None
        state.before = before if state.before is not None and state.before.before else None
        return False

    @property
    def _picture_px(self) -> tuple[int, int]:
        return self._moment.width_px, self._moment.height_px

    def _unproven(self, state: Crossing) -> Finding | str | None:
        """In part covered, and not surely beyond the line now: neither was it before, if that was covered as well."""
        if state.red is None and state.past is not None and state.past.covered:
            state.past = state.inside = None
        return self._covered(state)

    def _covered(self, state: Crossing) -> Finding | str | None:
        """Where it is cannot be told; that it did not get into the junction before its red was over can."""
        waits = (
            state.red is not None and state.inside is None and not state.done and not self._may_turn(state)
        )
        return self._decide(state, "stopped") if waits and self._signal.now is not state.red else None

    def _through(self, state: Crossing, front: Front) -> bool:
        """Whether it went straight through the junction, where others hid it: it came from before the line."""
        assert self._junction is not None
        came = (state.came or front).point
        if float(came.heading @ front.point.heading) < STRAIGHT:
            return False
        way = front.point.xy_m - came.xy_m
        steps = np.linspace(0.0, 1.0, 65)[:, None]
        share = float(inside_polygon(came.xy_m + steps * way, self._junction.polygon_m).mean())
        return share * float(np.hypot(way[0], way[1])) >= self._thresholds.through_m

    def _leave(self, state: Crossing) -> Finding | str | None:
        """Gone: whoever is not in the junction by now was not seen to get there."""
        if state.done or state.past is None:
            return None
        if state.red is None:
            if not self._holds(state):
                return None
            reason = self._judge(state)
            if reason is not None or state.red is None:
                return self._end(state, reason)
        if self._may_turn(state):
            return self._end(state, "turn_unknown")
        return self._decide(state, "ran" if self._ran(state) else "stopped")

    def _mix(self, state: Crossing) -> Finding | str | None:
        """From now on it may be another: what was sure of a slow one stays so."""
        if state.done or state.past is None:
            return None
        slow = state.way[-1].point.speed_mps < self._thresholds.creeps_mps
        return self._leave(state) if slow else self._end(state, "mixed_up")

    def _approach(self, state: Crossing, front: Front) -> None:
        """Before the line; who comes back to it begins anew."""
        if state.past is not None or state.done:
            state.way, state.past, state.inside, state.red, state.stands = [], None, None, None, None
            state.out = state.done = False
        state.before = front
        state.way = [*state.way[-100:], front]

    def _beyond(self, state: Crossing, front: Front) -> Finding | str | None:
        """Surely beyond the line."""
        assert state.past is not None
        gone_s = seconds_between(state.past.point, front.point)
        if gone_s < self._thresholds.confirms_s:
            return None
        if state.red is None:
            if self._awaits(state.past, gone_s) or not self._holds(state):
                return None
            reason = self._judge(state)
            if reason is not None or state.red is None:
                return self._end(state, reason)
        if self._may_turn(state):
            return self._turned(state, front, gone_s)
        return self._outcome(state, front, gone_s)

    def _awaits(self, front: Front, gone_s: float) -> bool:
        """Whether it is still to be told what the light showed when a vehicle was there."""
        return gone_s <= self._thresholds.waits_s and self._signal.awaits(front.point.at)

    def _judge(self, state: Crossing) -> str | None:
        """Finds the red under which it crossed; without one, why that cannot be told, or None for the innocent."""
        before = state.came
        assert before is not None
        if before is state.arrived:
            state.before = before  # whatever it seems to be later
        reason = self._judge_from(before, state)
        if reason != "seen_late" or state.arrived is None:
            return reason
        # When its foot was first seen it was on its way over, as far as its length is known; it had been seen before.
        state.before = state.arrived
        return self._judge_from(state.arrived, state)

    def _judge_from(self, before: Front, state: Crossing) -> str | None:
        """See :meth:`_judge`; ``before``: where it was before the line, or seemed to be."""
        past = state.past
        assert past is not None
        if not past.over or past.inside_m < -self._beside_m(past):
            return None
        early, late = self._signal.at(before.point.at), self._signal.at(past.point.at)
        phases = [s.phase if s is not None else "unknown" for s in (early, late)]
        if "red" not in phases:
            return "signal_unknown" if phases == ["unknown", "unknown"] else None
        if early is None or late is None or early is not late:
            return "signal_unknown" if "unknown" in phases else "signal_changed"
        if (before.point.at - early.begun_by).total_seconds() <= self._grace_s:
            return "within_grace"
        if not before.before and not self._was_before(before, early, state.way):
            return "seen_late"
        if seconds_between(before.point, past.point) > self._thresholds.crosses_s:
            return "too_long"
        if past.inside_m < self._beside_m(past):
            return "line_end"
        state.red = early
        return None

    def _may_turn(self, state: Crossing) -> bool:
        """Whether an arrow may have allowed the crossing to who leaves where it points, as far as is known by now."""
        came, past = state.came, state.past
        if self._arrow is None or came is None or past is None:
            return False
        return self._arrow.showed("green", came.point.at, past.point.at)

    def _was_before(self, front: Front, red: Spell, way: Sequence[Front]) -> bool:
        """Whether who is seen first at the line was surely before it when the grace ended: by its speed.

        No longer than its class tells, and quick at best, or longer and slow.
        """
        limits = self._thresholds
        ago_s = (front.point.at - red.begun_by).total_seconds() - self._grace_s
        speed_mps = max(0.0, min(front.point.speed_mps - limits.off_mps, self._went_mps(front, way)))
        quick_m, slow_m = (_came_m(speed_mps, g, ago_s) for g in (limits.gains_mps2, limits.long_gains_mps2))
        return front.usual_m < quick_m and front.most_m < slow_m

    def _went_mps(self, front: Front, way: Sequence[Front]) -> float:
        """How fast it went on from there: the first speed of a path is a guess, by up to 20 m/s too high."""
        near_s = self._thresholds.speed_s
        near = [f.point for f in way if 0.0 < seconds_between(front.point, f.point) <= near_s]
        if not near:
            return math.inf
        return way_between(front.point, near[-1])[0] / seconds_between(front.point, near[-1])

    @staticmethod
    def _beside_m(front: Front) -> float:
        return Z95 * front.inside_sd_m + LAG_M

    def _outcome(self, state: Crossing, front: Front, gone_s: float) -> Finding | str | None:
        if self._junction is None:
            return self._decide(state, "stopped")
        if state.inside is not None:
            inside_s = seconds_between(state.inside.point, front.point)
            if inside_s < self._thresholds.confirms_s or self._awaits(state.inside, gone_s):
                return None
            return self._decide(state, "ran" if self._ran(state) else "stopped")
        stood_s = seconds_between(state.stands.point, front.point) if state.stands is not None else 0.0
        late = gone_s > self._thresholds.waits_s or stood_s > self._thresholds.stands_s
        if late or self._signal.now is not state.red:
            return self._decide(state, "stopped")
        return None

    def _turned(self, state: Crossing, front: Front, gone_s: float) -> Finding | str | None:
        """An arrow was green, or may have been: allowed to those who leave where it points."""
        leaves = inside(self._exit, front.point) if self._exit is not None else False
        if leaves:
            return self._end(state, None)
        if leaves is False and state.out:
            return self._decide(state, "ran" if self._ran(state) else "stopped")
        return self._end(state, "turn_unknown") if gone_s > self._thresholds.leaves_s else None

    def _ran(self, state: Crossing) -> bool:
        """Whether it was surely in the junction while the red under which it crossed went on."""
        return state.red is not None and state.inside is not None and state.inside.point.at <= state.red.until

    def _end(self, state: Crossing, reason: str | None) -> str | None:
        state.done = True
        return reason

    def _decide(self, state: Crossing, outcome: Outcome) -> Finding | str | None:
        state.done = True
        return self._found(state, outcome)

    def _found(self, state: Crossing, outcome: Outcome) -> Finding | str | None:
        """What this rule makes of how it ended."""
        raise NotImplementedError

    def _finding(self, state: Crossing, moments: Mapping[str, Waypoint]) -> Finding:
        before, past, red = state.came, state.past, state.red
        assert before is not None
        assert past is not None
        assert red is not None
        facts: dict[str, Any] = {
            "signal": self._signal.name,
            "red_since": red.since.isoformat(),
            "red_begun_by": red.begun_by.isoformat(),
            "signal_confidence": round(red.confidence, 3),
        }
        if (length := state.body.length) is not None:
            facts["length_m"] = round(length.value_m, 2)
            facts["length_sd_m"] = round(length.sd_m, 2)
        return Finding(
            at=past.point,
            measured={
                "red_for": self._red_for(before, state.early, past, red),
                "speed_at_line": self._speed(state, past),
                "past_line": _past_line(past),
            },
            threshold={"grace_s": self._grace_s},
            moments=moments,
            way=[f.point for f in state.way],
            facts=facts,
        )

    def _red_for(self, before: Front, early: Front | None, past: Front, red: Spell) -> Measured:
        """For how long the light had been red when the front was at the line.

        Its beginning lies between two looks at the light, the crossing between two looks at the vehicle.
        """
        near = max((f for f in (early, before) if f is not None), key=lambda f: f.point.at)
        share = -near.past_m / max(past.past_m - near.past_m, 1e-6)
        crossed_s = share * seconds_between(near.point, past.point)
        began_s = (red.begun_by - red.since).total_seconds() / 2
        clock = self._moment.clock
        low = (before.point.at - red.begun_by).total_seconds()
        if not before.before:  # only before it as it seems
            speed_mps = max(before.point.speed_mps - self._thresholds.off_mps, 1.0)
            low = max(self._grace_s, low - before.most_m / speed_mps)
        value = (near.point.at - red.begun_by).total_seconds() + began_s + crossed_s
        high = (past.point.at - red.since).total_seconds()
        off = Z95 * math.hypot(math.sqrt(2) * clock.time_error_s, clock.scale_error * high)
        return Measured.of(value, max(0.0, low - off), high + off, "s", 3)

    def _speed(self, state: Crossing, past: Front) -> Measured:
        """How fast it went over the line."""
        span_s = self._thresholds.speed_s
        near = [f for f in state.way if abs(seconds_between(f.point, past.point)) <= span_s]
        first, last = near[0], near[-1]
        lasts_s = seconds_between(first.point, last.point)
        if lasts_s <= 0.0:
            speed = KMH * past.point.speed_mps
            return Measured.of(speed, 0.0, 2 * speed, "km/h", 1)
        value = (last.past_m - first.past_m) / lasts_s * KMH
        # A path's places are smoothed and err together for a while: their own errors are not all there is.
        sd = math.hypot(first.point.sd_m / lasts_s, last.point.sd_m / lasts_s, SPEED_SD_MPS) * KMH
        return Measured.of(value, max(0.0, value - Z95 * sd), value + Z95 * sd, "km/h", 1)


def red_light_at(site: Site, rule: StopLineRule) -> RedLightRule | None:
    """The camera's red-light rule for the same light; one for the same line, if there are several."""
    same = [r for r in site.camera.rules if isinstance(r, RedLightRule) and r.signal == rule.signal]
    return min(same, key=lambda r: r.stop_line != rule.stop_line, default=None)


def _came_m(speed_mps: float, gains_mps2: float, lasts_s: float) -> float:
    """How far one came at least that is so fast now: faster and faster, from standing at worst.

    >>> _came_m(10.0, 5.0, 1.0), _came_m(10.0, 5.0, 9.0)
    (7.5, 10.0)
    """
    gained_s = min(lasts_s, speed_mps / gains_mps2)
    return speed_mps * gained_s - gains_mps2 * gained_s**2 / 2


def _past_line(past: Front) -> Measured:
    """How far beyond the line the front was."""
    low = past.past_m - Z95 * past.sd_m - past.shorter_m
    high = past.past_m + Z95 * past.sd_m + past.longer_m
    return Measured.of(past.past_m, low, high, "m", 3)
