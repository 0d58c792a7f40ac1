"""Who crosses a stop line under red, and who goes on into the junction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from flows.domain.ruleset import RedLightRule, StopLineRule
from flows.scenes.judges.base import Trail, Verdict
from flows.scenes.layout import Layout
from flows.scenes.lights import Programme

TOUCHES_M = 0.3
"""A front so near behind the line may be taken to be on it."""
PAST_M = 1.7
"""A front so far beyond it is beyond it: a camera behind a vehicle knows 95 % of the fronts to within this, for how
long the body is is not to be seen (``cluster/bench/positions.py``)."""
BEFORE_S, AFTER_S = 0.6, 1.0
"""Around the crossing it must be in sight."""
TURNS_S = 8.0
"""Who is still on the way so long after the line does not turn."""
LATE_S = 1.5
"""An arrow that went out no longer ago may be what somebody set off for."""
DOUBT_S = 0.4
"""Crossings so near to the end of the grace or of the red may be read either way."""


@dataclass(frozen=True)
class _Crossing:
    """A front over the line while the light is, or may be, red."""

    at_s: float
    red_s: tuple[float, float]
    past_m: float
    sure: bool


@dataclass(frozen=True)
class StopLineJudge:
    """See :class:`flows.domain.ruleset.StopLineRule`.

    Attributes:
        rule: As the site file states it.
        alike: See :class:`flows.scenes.judges.base.Judge`.
        until_m: Who goes on for farther has run the light: whether that is this offence too is open.
    """

    rule: StopLineRule
    alike: tuple[str, ...] = ()
    until_m: float = 3.6

    def verdicts(self, trails: Mapping[int, Trail], layout: Layout) -> Iterator[Verdict]:
        """See :class:`flows.scenes.judges.base.Judge`."""
        programme = _programme(layout, self.rule.signal)
        for track, trail in trails.items():
            if not trail.is_vehicle:
                continue
            line = layout.lines[self.rule.stop_line]
            for crossing in _crossings(trail, line, programme, self.rule.grace_s):
                stays = PAST_M <= crossing.past_m <= self.until_m
                sure = crossing.sure and stays and _in_sight(trail, crossing.at_s)
                facts = {
                    "red_for_s": round(crossing.at_s - crossing.red_s[0], 2),
                    "past_m": round(crossing.past_m, 2),
                }
                yield Verdict(track, crossing.at_s - 3.0, crossing.red_s[1] + 1.0, sure, facts)


@dataclass(frozen=True)
class RedLightJudge:
    """See :class:`flows.domain.ruleset.RedLightRule`."""

    rule: RedLightRule
    alike: tuple[str, ...] = ()

    def verdicts(self, trails: Mapping[int, Trail], layout: Layout) -> Iterator[Verdict]:
        """See :class:`flows.scenes.judges.base.Judge`."""
        programme = _programme(layout, self.rule.signal)
        for track, trail in trails.items():
            if not trail.is_vehicle:
                continue
            line = layout.lines[self.rule.stop_line]
            for crossing in _crossings(trail, line, programme, self.rule.grace_s):
                entry = self._entry(trail, layout, crossing)
                if entry is not None:
                    at_s, sure = entry
                    facts = {"red_for_s": round(crossing.at_s - crossing.red_s[0], 2)}
                    yield Verdict(track, crossing.at_s - 3.0, at_s + 6.0, sure, facts)

    def _entry(self, trail: Trail, layout: Layout, crossing: _Crossing) -> tuple[float, bool] | None:
        """When the vehicle is in the junction under red, and whether that is beyond doubt."""
        way = self._has_arrow(trail, layout, crossing.at_s)
        if way == "free":
            return None
        junction = layout.areas[self.rule.junction]
        begin_s, end_s = crossing.at_s - 0.1, crossing.red_s[1]
        under_red = (trail.t_s >= begin_s) & (trail.t_s <= end_s - DOUBT_S)
        deep = under_red & junction.holds(trail.xy_m, -0.5)
        if crossing.sure and way == "shut" and deep.any() and _in_sight(trail, crossing.at_s):
            return float(trail.t_s[deep][0]), True
        late = (trail.t_s >= begin_s) & (trail.t_s <= end_s + DOUBT_S)
        touches = late & junction.holds(trail.front_m, 1.0)
        return (float(trail.t_s[touches][0]), False) if touches.any() else None

    def _has_arrow(self, trail: Trail, layout: Layout, at_s: float) -> str:
        """``free`` to turn on the arrow, ``shut``, or ``doubtful``."""
        if not (self.rule.arrow and self.rule.arrow_exit):
            return "shut"
        leaves = bool(layout.areas[self.rule.arrow_exit].holds(trail.xy_m).any())
        if not leaves and trail.t_s[-1] > at_s + TURNS_S:
            return "shut"
        arrow = _programme(layout, self.rule.arrow)
        green = [arrow.at(at_s + shift)[0] == "green" for shift in (-LATE_S, -DOUBT_S, 0.0, DOUBT_S)]
        return "free" if all(green[1:]) and leaves else "doubtful" if any(green) else "shut"


def _programme(layout: Layout, name: str) -> Programme:
    return next(light.programme for light in layout.lights if light.name == name)


def _crossings(
    trail: Trail, line: tuple[tuple[float, float], tuple[float, float]], programme: Programme, grace_s: float
) -> Iterator[_Crossing]:
    """The front's crossings of a line across the way along +y, by the red in which they happen."""
    (x0, y), (x1, _) = line
    ahead = trail.front_m[:, 1] - y
    there = (trail.front_m[:, 0] > min(x0, x1)) & (trail.front_m[:, 0] < max(x0, x1))
    there &= trail.ahead[:, 1] > 0.7
    for red_s in programme.spells("red", float(trail.t_s[-1])):
        during = there & (trail.t_s >= red_s[0] - DOUBT_S) & (trail.t_s <= red_s[1] + DOUBT_S)
        rows = np.flatnonzero(during)
        if not len(rows) or ahead[rows[0]] >= 0 or ahead[rows].max() < -TOUCHES_M:
            continue
        over = rows[ahead[rows] >= -TOUCHES_M]
        crossed = rows[ahead[rows] >= 0]
        at_s = float(trail.t_s[crossed[0] if len(crossed) else over[0]])
        # Nobody moves while standing on the line's edge: only the moment of reaching it decides.
        if at_s < red_s[0] + grace_s - DOUBT_S and len(crossed):
            continue
        sure = bool(len(crossed)) and red_s[0] + grace_s + DOUBT_S <= at_s <= red_s[1] - DOUBT_S
        in_red = rows[trail.t_s[rows] <= red_s[1]]
        past_m = float(ahead[in_red].max()) if len(in_red) else 0.0
        yield _Crossing(at_s, red_s, past_m, sure)


def _in_sight(trail: Trail, at_s: float) -> bool:
    """Whether it is seen before the line and after it."""
    near = (trail.t_s > at_s - BEFORE_S) & (trail.t_s < at_s + AFTER_S)
    return bool(trail.seen[near].mean() > 0.8)
