"""Who drives over a crosswalk before somebody who has the way there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flows.domain.ruleset import FailureToYieldRule
from flows.scenes.judges.base import Trail, Verdict
from flows.scenes.layout import Area, Layout

Array = NDArray[np.float64]

STEPPED_OUT_M = 0.4
"""So far from the kerb somebody is on the road."""
KERB_M = 0.3
"""So near to it they may be taken to be."""
MEETS_S = 2.5
"""Who would reach the vehicle's way within this has to slow down for it."""
PAST_M = 2.5
"""Who is so far beyond it is past it: half a lane and what the camera does not know."""
CRAWL_MPS = 2.0
REACTS_S, BRAKES_MPS2 = 1.8, 3.0
"""Who steps out so late that a driver cannot react and brake like this is not before a driver at fault; the moment
in which somebody steps out is seen to half a second, which is in it."""


@dataclass(frozen=True)
class YieldJudge:
    """See :class:`flows.domain.ruleset.FailureToYieldRule`; vehicles go along the street, people across."""

    rule: FailureToYieldRule
    alike: tuple[str, ...] = ()

    def verdicts(self, trails: Mapping[int, Trail], layout: Layout) -> Iterator[Verdict]:
        """See :class:`flows.scenes.judges.base.Judge`."""
        walkers = [trail for trail in trails.values() if not trail.is_vehicle]
        for track, trail in trails.items():
            inside = self._inside(trail, layout) if trail.is_vehicle else None
            if inside is None:
                continue
            found = [self._meets(trail, inside, walker, layout) for walker in walkers]
            sure = [f for f in found if f == "before"]
            if sure or "perhaps" in found:
                begin_s, end_s = inside
                yield Verdict(track, begin_s - 3.0, end_s + 3.0, bool(sure))

    def _inside(self, trail: Trail, layout: Layout) -> tuple[float, float] | None:
        """From when to when the vehicle's body is over the crosswalk."""
        area = layout.areas[self.rule.crosswalk]
        ends = np.stack([trail.front_m[:, 1], trail.rear_m[:, 1]])
        over = (ends.max(0) > area.y_m[0]) & (ends.min(0) < area.y_m[1])
        if not over.any() or over[0]:
            return None
        rows = np.flatnonzero(over)
        return float(trail.t_s[rows[0]]), float(trail.t_s[rows[-1]])

    def _meets(self, trail: Trail, inside: tuple[float, float], walker: Trail, layout: Layout) -> str | None:
        """``before`` somebody who has the way, ``perhaps``, or None."""
        begin_s, end_s = inside
        area = layout.areas[self.rule.crosswalk]
        islands = [layout.areas[name] for name in self.rule.medians]
        then = (walker.t_s >= begin_s - 0.6) & (walker.t_s <= end_s + 0.3)
        if not then.any():
            return None
        left, right = self._strip(trail, begin_s)
        side = Area((min(area.x_m), max(area.x_m)), area.y_m)
        for island in islands:  # only the roadway that the vehicle is on
            if left > island.x_m[1]:
                side = Area((island.x_m[1], side.x_m[1]), side.y_m)
            elif right < island.x_m[0]:
                side = Area((side.x_m[0], island.x_m[0]), side.y_m)
        xy = walker.xy_m[then]
        maybe = self._on(side, xy, KERB_M) & (self._past_m(walker, then, left, right) < PAST_M)
        if not maybe.any():
            return None
        entry = int(np.argmin(np.abs(walker.t_s - begin_s)))
        return "before" if self._clearly(trail, walker, entry, begin_s, side, (left, right)) else "perhaps"

    def _clearly(
        self,
        trail: Trail,
        walker: Trail,
        row: int,
        begin_s: float,
        side: Area,
        strip: tuple[float, float],
    ) -> bool:
        """Whether the vehicle's front came over the edge right before somebody who walks into its way."""
        if not self._on(side, walker.xy_m[row : row + 1], -STEPPED_OUT_M)[0] or not walker.seen[row]:
            return False
        speed = float(np.interp(begin_s, trail.t_s, trail.speed_mps))
        near = np.abs(trail.t_s - begin_s) < 0.6
        stepped = np.flatnonzero(~self._on(side, walker.xy_m[: row + 1], -STEPPED_OUT_M))
        on_road_s = begin_s - float(walker.t_s[stepped[-1]] if len(stepped) else walker.t_s[0])
        fair = on_road_s >= REACTS_S + speed / (2 * BRAKES_MPS2)
        pace = float(walker.ahead[row, 0] * walker.speed_mps[row])
        x = float(walker.xy_m[row, 0])
        to_go = strip[0] - x if pace > 0 else x - strip[1]
        beyond = x - strip[1] if pace > 0 else strip[0] - x
        meets = abs(pace) > 0.5 and beyond < 0 and to_go / abs(pace) <= MEETS_S
        return bool(fair and meets and speed > CRAWL_MPS and trail.seen[near].mean() > 0.8)

    def _strip(self, trail: Trail, at_s: float) -> tuple[float, float]:
        """Left and right edge of the vehicle's way over the crosswalk."""
        x = float(np.interp(at_s, trail.t_s, trail.xy_m[:, 0]))
        half = trail.actor.body.width_m / 2
        return x - half, x + half

    def _on(self, side: Area, xy_m: Array, grown_m: float) -> NDArray[np.bool_]:
        """Which points are on a roadway of the crosswalk; along the street there is more leave."""
        (x0, x1), (y0, y1) = side.x_m, side.y_m
        wide = Area((x0 - grown_m, x1 + grown_m), (y0 - 0.8, y1 + 0.8))
        return wide.holds(xy_m)

    def _past_m(self, walker: Trail, then: NDArray[np.bool_], left: float, right: float) -> Array:
        """How far somebody is beyond the vehicle's way; negative while it lies ahead."""
        x, goes = walker.xy_m[then, 0], walker.ahead[then, 0] * walker.speed_mps[then]
        ahead = np.where(goes > 0, x - right, left - x)
        # Who stands has no way: only the distance to either side counts.
        return np.where(np.abs(goes) > 0.2, ahead, -1.0)
