"""Who drives in a lane for buses, and who stands where nobody may."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flows.domain.ruleset import BusLaneRule, ProhibitedStoppingRule
from flows.scenes.judges.base import Mask, Trail, Verdict, spells
from flows.scenes.judges.lanes import EDGE_M, way_m
from flows.scenes.layout import Layout

STANDS_MPS = 0.1


@dataclass(frozen=True)
class BusLaneJudge:
    """See :class:`flows.domain.ruleset.BusLaneRule`.

    Attributes:
        exempt: Roles whose vehicles are on an exemption list: what becomes of them is not the rule's to say.
    """

    rule: BusLaneRule
    alike: tuple[str, ...] = ()
    exempt: tuple[str, ...] = ("ambulance",)
    more_m: float = 5.0
    less_m: float = 4.0

    def verdicts(self, trails: Mapping[int, Trail], layout: Layout) -> Iterator[Verdict]:
        """See :class:`flows.scenes.judges.base.Judge`."""
        area = layout.areas[self.rule.lane]
        for track, trail in trails.items():
            if trail.actor.body.cls not in self.rule.classes:
                continue
            sure = _longest(
                trail, area.holds(trail.xy_m, -EDGE_M) & trail.seen, self.rule.min_m + self.more_m
            )
            may = _longest(trail, area.holds(trail.xy_m, EDGE_M), self.rule.min_m - self.less_m)
            rows = sure or may
            if rows is None:
                continue
            exempt = trail.actor.role in self.exempt
            facts = {"exempt": True} if exempt else {"way_m": round(way_m(trail, rows), 1)}
            certain = sure is not None and not exempt
            yield Verdict(track, trail.t_s[rows][0], trail.t_s[rows][-1] + 1.0, certain, facts)


@dataclass(frozen=True)
class StoppingJudge:
    """See :class:`flows.domain.ruleset.ProhibitedStoppingRule`."""

    rule: ProhibitedStoppingRule
    alike: tuple[str, ...] = ()
    more_s: float = 2.5
    less_s: float = 2.0

    def verdicts(self, trails: Mapping[int, Trail], layout: Layout) -> Iterator[Verdict]:
        """See :class:`flows.scenes.judges.base.Judge`."""
        area = layout.areas[self.rule.zone]
        for track, trail in trails.items():
            if not trail.is_vehicle:
                continue
            stands = trail.speed_mps < STANDS_MPS
            touches = (
                area.holds(trail.xy_m, 0.5) | area.holds(trail.front_m, 0.3) | area.holds(trail.rear_m, 0.3)
            )
            for rows in spells(stands & touches):
                lasts_s = float(trail.t_s[rows][-1] - trail.t_s[rows][0])
                if lasts_s < self.rule.max_s - self.less_s:
                    continue
                inside = bool(area.holds(trail.xy_m[rows], -1.0).all())
                long = lasts_s >= self.rule.max_s + self.more_s
                sure = inside and long and float(trail.seen[rows].mean()) > 0.7
                facts = {"stood_s": round(lasts_s, 1)}
                yield Verdict(track, trail.t_s[rows][0], trail.t_s[rows][-1] + 5.0, sure, facts)


def _longest(trail: Trail, mask: Mask, least_m: float) -> slice | None:
    """The stretch with the longest way in which the mask holds, if that is long enough."""
    found = max(spells(mask), key=lambda rows: way_m(trail, rows), default=None)
    if found is None or way_m(trail, found) < least_m:
        return None
    return found
