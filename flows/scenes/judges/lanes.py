"""Who drives against a lane's direction, over a solid line, or turns where that is forbidden."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from flows.domain.ruleset import ProhibitedTurnRule, SolidLineRule, WrongWayRule
from flows.scenes.judges.base import Trail, Verdict, spells
from flows.scenes.layout import Layout

EDGE_M = 0.4
"""Nearer to a zone's edge a body may be taken to be on either side."""
DOUBT_DEG = 10.0
DOUBT_M = 0.5
BEFORE_S = 1.2
"""So long before it crosses a line a vehicle must have been in sight: where it came from has to be known."""


def way_m(trail: Trail, rows: slice) -> float:
    """Length of the way in some rows."""
    steps = np.diff(trail.xy_m[rows], axis=0)
    return float(np.hypot(steps[:, 0], steps[:, 1]).sum())


@dataclass(frozen=True)
class WrongWayJudge:
    """See :class:`flows.domain.ruleset.WrongWayRule`."""

    rule: WrongWayRule
    alike: tuple[str, ...] = ()
    more_s: float = 0.8
    more_m: float = 4.0
    less_s: float = 0.4
    less_m: float = 3.0

    def verdicts(self, trails: Mapping[int, Trail], layout: Layout) -> Iterator[Verdict]:
        """See :class:`flows.scenes.judges.base.Judge`."""
        rule = self.rule
        for track, trail in trails.items():
            if not trail.is_vehicle:
                continue
            sure = self._against(trail, layout, True, rule.min_s + self.more_s, rule.min_m + self.more_m)
            may = self._against(trail, layout, False, rule.min_s - self.less_s, rule.min_m - self.less_m)
            rows = sure or may
            if rows is not None:
                yield Verdict(track, trail.t_s[rows][0], trail.t_s[rows][-1], sure is not None)

    def _against(
        self, trail: Trail, layout: Layout, strict: bool, least_s: float, least_m: float
    ) -> slice | None:
        area = layout.areas[self.rule.lane]
        assert area.heading_deg is not None  # the scene's own lane
        turn = np.radians(area.heading_deg)
        cosine = trail.ahead @ np.array([np.sin(turn), np.cos(turn)])
        angle = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
        against = angle >= self.rule.angle_deg + (DOUBT_DEG if strict else -DOUBT_DEG)
        against &= area.holds(trail.xy_m, -EDGE_M if strict else EDGE_M)
        if strict:
            against &= trail.seen
        for rows in spells(against):
            lasts_s = trail.t_s[rows][-1] - trail.t_s[rows][0]
            if lasts_s >= least_s and way_m(trail, rows) >= least_m:
                return rows
        return None


@dataclass(frozen=True)
class SolidLineJudge:
    """See :class:`flows.domain.ruleset.SolidLineRule`; the line runs along the street."""

    rule: SolidLineRule
    alike: tuple[str, ...] = ()

    def verdicts(self, trails: Mapping[int, Trail], layout: Layout) -> Iterator[Verdict]:
        """See :class:`flows.scenes.judges.base.Judge`."""
        (x, y0), (_, y1) = layout.lines[self.rule.line]
        for track, trail in trails.items():
            if not trail.is_vehicle:
                continue
            along = (trail.xy_m[:, 1] > y0 - 3) & (trail.xy_m[:, 1] < y1 + 3)
            for rows in spells(along):
                side = trail.xy_m[rows, 0] - x
                side = side * np.sign(side[0])  # positive where it came from
                over = np.flatnonzero(side < 0.1)
                if not len(over):
                    continue
                at = rows.start + int(over[0])
                sure = self._sure(trail, rows, side, (y0, y1), at)
                yield Verdict(track, trail.t_s[at] - 2.0, trail.t_s[at] + 4.0, sure)
                break

    def _sure(self, trail: Trail, rows: slice, side: np.ndarray, y_m: tuple[float, float], at: int) -> bool:
        y = trail.xy_m[at, 1]
        near = (trail.t_s > trail.t_s[at] - BEFORE_S) & (trail.t_s < trail.t_s[at] + 1.0)
        beyond = side < -(self.rule.past_m + DOUBT_M)
        stays = beyond & trail.seen[rows]
        stays &= (trail.xy_m[rows, 1] > y_m[0] + 1) & (trail.xy_m[rows, 1] < y_m[1] - 1)
        return bool(
            side[0] > DOUBT_M
            and stays.sum() * 0.04 > 0.6
            and y_m[0] + 2 < y < y_m[1] - 2
            and trail.seen[near].mean() > 0.8
        )


@dataclass(frozen=True)
class TurnJudge:
    """See :class:`flows.domain.ruleset.ProhibitedTurnRule`."""

    rule: ProhibitedTurnRule
    alike: tuple[str, ...] = ()

    def verdicts(self, trails: Mapping[int, Trail], layout: Layout) -> Iterator[Verdict]:
        """See :class:`flows.scenes.judges.base.Judge`."""
        enters, leaves = layout.areas[self.rule.enters], layout.areas[self.rule.leaves]
        for track, trail in trails.items():
            if not trail.is_vehicle:
                continue
            first = np.flatnonzero(enters.holds(trail.xy_m, DOUBT_M))
            last = np.flatnonzero(leaves.holds(trail.xy_m, DOUBT_M))
            if not len(first) or not len(last) or last[-1] < first[0]:
                continue
            deep_in = np.flatnonzero(enters.holds(trail.xy_m, -DOUBT_M) & trail.seen)
            deep_out = np.flatnonzero(leaves.holds(trail.xy_m, -DOUBT_M) & trail.seen)
            long = 0.6 / 0.04  # samples: seen in either zone for so long
            sure = len(deep_in) > long and len(deep_out) > long and deep_in[0] < deep_out[-1]
            if sure:
                sure = bool(trail.seen[deep_in[0] : deep_out[-1]].mean() > 0.85)
            yield Verdict(track, trail.t_s[first[0]] - 1.0, trail.t_s[last[-1]] + 1.0, sure)
