"""Solid line: the middle of a vehicle crosses a marked line and stays beyond it.

A wheel, a mirror or the load of a wide truck over the line is no crossing. The middle must surely be on the one
side for some way, and then for some way surely beyond the line by more than is allowed; what a box that is
always off, or shifts because part of the vehicle is hidden, would make of somebody who keeps to his lane is less.
Beside whom it overtakes a vehicle is soon within a nearer box: that it stays beyond is then told by what is seen of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np

from flows.domain.paths import Waypoint
from flows.domain.ruleset import SolidLineRule
from flows.jurisdiction import JurisdictionProfile
from flows.median import median
from flows.road.geometry import along_and_across
from flows.rules.base import Moment, Site
from flows.rules.certainty import LAG_M, Z95, metres, seconds, seconds_between, way_between
from flows.rules.following import Finding, FollowingRule
from flows.rules.reporting import doubt
from flows.rules.shape import Shapes, headings
from flows.rules.trail import Look, TrailConfig

VERSION: Final = "4"
"""Of the rule's definition; raise it whenever the same footage could be judged otherwise."""


@dataclass(frozen=True, slots=True)
class SolidLineConfig:
    """Thresholds of the rule itself, each with its reason.

    Attributes:
        sure_s: Surely beyond the line for so long: a box jumps for some frames. Who overtakes a bus is soon within
            its box, though hardly hidden: what is seen of it then tells that it stays there.
        from_s: In plain sight for so long on either side, in three looks or more: who overtakes may do so as soon as
            he comes into sight.
        sure_m: And for so much way on either side: a standing vehicle crosses nothing.
        reach_m: Beyond the line's ends so much way counts for where a vehicle came from and went to.
        beside_m: Farther across the line a vehicle is on another road.
        end_m: A crossing so near to an end of the line, beyond its error, may be round it: paths cut corners.
        crosses_s: From surely on one side to surely beyond; who takes longer rides on the line.
        straight_s: Between two looks so far apart its path is as good as straight; in longer gaps it may have crossed
            anywhere between them, round the line's end, too.
        judged_by_s: The shape of the box is compared over so long before and after.
    """

    sure_s: float = 0.6
    from_s: float = 0.2
    sure_m: float = 2.0
    reach_m: float = 12.0
    beside_m: float = 15.0
    end_m: float = 2.0
    crosses_s: float = 6.0
    straight_s: float = 1.0
    judged_by_s: float = 0.8


@dataclass(frozen=True, slots=True)
class _Mark:
    """A vehicle beside the line.

    Attributes:
        point: Where it was.
        cls: What it was taken for.
        clear: No nearer box lies over its own.
        along_m: Along the line.
        across_m: From the line, positive on its left.
        sd_m: Standard error of that.
    """

    point: Waypoint
    cls: str
    clear: bool
    along_m: float
    across_m: float
    sd_m: float

    @property
    def margin_m(self) -> float:
        """How far off it may be across the line."""
        return Z95 * self.sd_m + LAG_M

    @property
    def side(self) -> int:
        """1 surely on the left of the line, -1 on its right, 0 if neither is sure."""
        return 0 if abs(self.across_m) <= self.margin_m else int(math.copysign(1, self.across_m))


@dataclass(slots=True)
class _Beside:
    """What is known of one vehicle.

    Attributes:
        before: Marks surely on the side that it came from.
        between: Marks since, sure of nothing.
        after: Marks surely beyond the line on the other side, the first of them in plain sight.
        hidden: The first mark there that was not, before any that was.
    """

    before: list[_Mark] = field(default_factory=list)
    between: list[_Mark] = field(default_factory=list)
    after: list[_Mark] = field(default_factory=list)
    hidden: _Mark | None = None

    def turn(self, before: list[_Mark]) -> None:
        """From here on it comes from where these marks are."""
        self.before, self.between, self.after, self.hidden = before, [], [], None


class SolidLine(FollowingRule[_Beside]):
    """The solid-line rule of one camera and one line.

    Args:
        config: The rule in the site file.
        site: Where it holds.
        thresholds: Thresholds of the rule; the defaults if None.
    """

    kind = "solid_line"

    def __init__(self, config: SolidLineRule, site: Site, thresholds: SolidLineConfig | None = None) -> None:
        # Places are known at once; only velocities, of which nothing is asked here, have to settle.
        super().__init__(config, site, VERSION, _Beside, TrailConfig(settle_s=0.2, steady_s=0.6))
        self._config, self._thresholds = config, thresholds or SolidLineConfig()
        self._line = site.road.lines[config.line].points_m if site.road is not None else None
        self._length_m = 0.0
        if self._line is not None:
            self._length_m = float(np.linalg.norm(np.diff(self._line, axis=0), axis=1).sum())
        self._shapes = Shapes(site.ground)

    def _now(self, moment: Moment) -> None:
        super()._now(moment)
        self._shapes.look_at(moment.width_px, moment.height_px)

    def _see(self, state: _Beside, look: Look) -> Finding | str | None:
        mark = self._mark(look)
        if mark is None:
            gone = self._leave(state)
            state.turn([])
            return gone
        if not look.clear:
            if not self._is_beyond(mark, state):
                return None
            if state.after:
                state.after.append(mark)
                return self._judge(state)
            state.hidden = state.hidden or mark
            return None
        if not state.before or mark.side == state.before[-1].side:
            back = self._leave(state)
            state.turn(state.before)
            if mark.side:
                state.before.append(mark)
                del state.before[:-200]
            return back
        if self._is_beyond(mark, state):
            state.after.append(mark)
            return self._judge(state)
        state.between.append(mark)
        del state.between[:-200]
        return None

    def _leave(self, state: _Beside) -> Finding | str | None:
        """Who goes, or comes back, and was beyond the line, but not for long enough in plain sight, is let go."""
        over = state.after[0] if state.after else state.hidden
        if over is None or self._stays(state):
            return None  # never beyond, or judged
        if not self._lasts(state.before, self._thresholds.from_s):
            return "unseen_before"
        crossed = self._crossed(state, over)
        return "not_seen_beyond" if crossed is True else crossed or None

    def _is_beyond(self, mark: _Mark, state: _Beside) -> bool:
        """Whether it is surely farther beyond the line than is allowed."""
        far = abs(mark.across_m) > self._config.past_m + mark.margin_m
        return far and bool(state.before) and mark.side == -state.before[-1].side

    def _mark(self, look: Look) -> _Mark | None:
        """Where a vehicle is beside the line; None where it is not beside it."""
        if self._line is None:
            return None
        point, reach_m = look.point, self._thresholds.reach_m
        along_m, across_m, left = along_and_across(point.xy_m, self._line)
        if not -reach_m <= along_m <= self._length_m + reach_m or abs(across_m) > self._thresholds.beside_m:
            return None
        return _Mark(point, look.cls, look.clear, along_m, across_m, point.sd_along_m(left))

    def _judge(self, state: _Beside) -> Finding | str | None:
        if not self._stays(state):
            return None
        before, after = state.before, state.after
        verdict = self._verdict(state) if self._lasts(before, self._thresholds.from_s) else "unseen_before"
        if verdict != "shape" or seconds_between(after[0].point, after[-1].point) > 3.0:
            state.turn(_in_plain_sight(after))
        return verdict

    def _stays(self, state: _Beside) -> bool:
        """Whether it was beyond the line for long enough."""
        plain, limits = _in_plain_sight(state.after), self._thresholds
        return self._lasts(plain, limits.from_s) and self._lasts(state.after, limits.sure_s)

    def _lasts(self, marks: list[_Mark], least_s: float) -> bool:
        if len(marks) < 3:
            return False
        first, last = marks[0].point, marks[-1].point
        return (
            seconds_between(first, last) >= least_s and way_between(first, last)[0] >= self._thresholds.sure_m
        )

    def _verdict(self, state: _Beside) -> Finding | str | None:
        crossed = self._crossed(state, state.after[0])
        if crossed is not True:
            return crossed or None
        plain = _in_plain_sight(state.after)
        past_m = median([abs(m.across_m) for m in plain])
        sd_m = math.hypot(max(m.sd_m for m in plain), LAG_M / Z95)
        if past_m - self._shifted_m(state) - Z95 * sd_m <= self._config.past_m:
            return "shape"
        at_m = _at_m(*_crossings([state.before[-1], *state.between, state.after[0]])[-1])
        return self._finding(state, past_m, sd_m, at_m)

    def _crossed(self, state: _Beside, over: _Mark) -> bool | str:
        """Whether it came over the line itself from where nobody may, or why that is not sure."""
        out = state.before[-1]
        if seconds_between(out.point, over.point) > self._thresholds.crosses_s:
            return "rides_on_line"
        if self._config.allowed_from == ("left" if out.across_m > 0 else "right"):
            return False
        crossings = _crossings([out, *state.between, over])
        inside_m = min(self._inside_m(near, far) for near, far in crossings)
        end_m = self._thresholds.end_m + Z95 * max(out.point.sd_m, over.point.sd_m)
        if inside_m >= end_m:
            return True
        return "line_end" if inside_m > -end_m or not self._is_seen(*crossings[-1]) else False

    def _is_seen(self, near: _Mark, far: _Mark) -> bool:
        return seconds_between(near.point, far.point) <= self._thresholds.straight_s

    def _inside_m(self, near: _Mark, far: _Mark) -> float:
        """How far inside the line's ends it came over it, at least; negative where it may have been beyond them."""
        seen = self._is_seen(near, far)
        where_m = [_at_m(near, far)] if seen else [near.along_m, far.along_m]
        inside_m = min(min(m, self._length_m - m) for m in where_m)
        if seen or float(near.point.heading @ far.point.heading) >= 0.0:
            return inside_m
        # It has turned round, perhaps at the line's end: to there and back.
        speed_mps = max(near.point.speed_mps, far.point.speed_mps)
        return inside_m - speed_mps * seconds_between(near.point, far.point) / 2

    def _shifted_m(self, state: _Beside) -> float:
        """By how much the box's middle may have shifted: half of what its width changed without reason."""
        before, after = self._newest(state.before), self._newest(_in_plain_sight(state.after))
        way = [*before, *state.between, *state.after]
        ahead = dict(zip(map(id, way), headings([mark.point for mark in way]), strict=True))

        def known(marks: list[_Mark]) -> list[float]:
            # One class for all of them: while the vote over it changes, a box would seem to.
            told = (self._shapes.excess_m(m.point, after[-1].cls, ahead[id(m)]) for m in marks)
            return [excess_m for excess_m in told if excess_m is not None]

        known_before, known_after = known(before), known(after)
        if not known_before or not known_after:
            return 0.0
        return abs(median(known_after) - median(known_before)) / 2

    def _newest(self, marks: list[_Mark]) -> list[_Mark]:
        """Those by which a box's shape is judged."""
        last, lasts_s = marks[-1].point, self._thresholds.judged_by_s
        return [m for m in marks if seconds_between(m.point, last) <= lasts_s]

    def _finding(self, state: _Beside, past_m: float, sd_m: float, at_m: float) -> Finding:
        way = [*state.before[-25:], *state.between, *state.after]
        on_line = min(way, key=lambda m: abs(m.across_m))
        last = _in_plain_sight(state.after)[-1].point
        return Finding(
            at=last,
            measured={
                "past": metres(past_m, sd_m),
                "beyond": seconds(state.after[0].point, state.after[-1].point, self._moment.clock),
            },
            threshold={"past_m": self._config.past_m},
            moments={"before": state.before[-1].point, "on_line": on_line.point, "past": last},
            way=[m.point for m in way],
            facts={"line": self._config.line, "crossed_at_m": round(at_m, 1)},
        )


def _in_plain_sight(marks: list[_Mark]) -> list[_Mark]:
    return [m for m in marks if m.clear]


def _crossings(way: list[_Mark]) -> list[tuple[_Mark, _Mark]]:
    """Looks on the side that it came from with the next one, if that is beyond: who goes to and fro has several."""
    came = math.copysign(1, way[0].across_m)
    return [(a, b) for a, b in pairwise(way) if a.across_m * came >= 0 > b.across_m * came]


def _at_m(near: _Mark, far: _Mark) -> float:
    """Where along the line it crossed between two looks."""
    share = abs(near.across_m) / max(abs(near.across_m) + abs(far.across_m), 1e-6)
    return near.along_m + share * (far.along_m - near.along_m)


def describe(config: SolidLineRule, profile: JurisdictionProfile) -> str:
    """One line on what the rule does there, for ``dome check`` and the documentation."""
    law = profile.law("solid_line")
    freely = f", allowed from the {config.allowed_from}" if config.allowed_from else ""
    return (
        f"solid_line v{VERSION}: {', '.join(config.classes)} whose middle surely comes more than {config.past_m:g} m "
        f"beyond line {config.line}{freely}; {law.article}{doubt(profile)}"
    )
