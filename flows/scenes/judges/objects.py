"""The truth of things left behind: when their owner was too far away, and for how long."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from flows.domain.ruleset import AbandonedObjectRule
from flows.scenes.judges.base import STEP_S, Trail, Verdict, spells
from flows.scenes.layout import Layout
from flows.scenes.scripts import Luggage

CLEAR_S: Final = 6.0
"""A thing that was alone for so much longer than the rule asks is surely to be reported: it takes a moment until
it is known to stand still, and until its owner is missed."""
SEEN: Final = 0.6
"""Share of that time in which it must be to be found."""


@dataclass(frozen=True, slots=True)
class ObjectJudge:
    """See :class:`flows.scenes.judges.base.Judge`."""

    rule: AbandonedObjectRule
    alike: tuple[str, ...] = ()

    def verdicts(self, trails: Mapping[int, Trail], layout: Layout) -> Iterator[Verdict]:
        """Everything that was left alone for long enough to be reported, for sure or not.

        Not for sure where the owner waits out of the camera's sight, behind a pillar or beyond the picture's edge: the
        rule reports that, too. Who did so before they left may be taken to have left then: a thing has a verdict for
        each such time as well.
        """
        for track, trail in trails.items():
            thing = trail.actor
            if isinstance(thing, Luggage) and thing.placed_s is not None:
                yield from self._alone(track, trail, thing, trails)

    def _alone(
        self, track: int, trail: Trail, thing: Luggage, trails: Mapping[int, Trail]
    ) -> Iterator[Verdict]:
        assert thing.placed_s is not None
        until_s = thing.taken_s if thing.taken_s is not None else float(trail.t_s[-1])
        owner = next((t for t in trails.values() if t.actor.role == thing.owner), None)
        lies = (trail.t_s >= thing.placed_s) & (trail.t_s <= until_s)
        away, hidden = lies.copy(), lies.copy()
        if owner is not None:
            x, y = (np.interp(trail.t_s, owner.t_s, owner.xy_m[:, k]) for k in (0, 1))
            there = (trail.t_s >= owner.t_s[0]) & (trail.t_s <= owner.t_s[-1])
            apart = np.hypot(*(np.column_stack([x, y]) - trail.xy_m).T)
            away &= ~there | (apart > self.rule.distance_m)
            hidden &= ~there | (np.interp(trail.t_s, owner.t_s, owner.seen) < 0.5)
        alone = max(spells(away), key=lambda s: s.stop - s.start, default=slice(0, 0))
        lasts_s = (alone.stop - alone.start) * STEP_S
        if lasts_s < min(self.rule.gone_s, self.rule.away_s):
            out_of_sight = max(spells(hidden), key=lambda s: s.stop - s.start, default=slice(0, 0))
            if (out_of_sight.stop - out_of_sight.start) * STEP_S < self.rule.gone_s:
                return
            alone, lasts_s = out_of_sight, 0.0
        sure = lasts_s >= self.rule.away_s + CLEAR_S and float(trail.seen[alone].mean()) >= SEEN
        facts = {
            "placed_s": round(thing.placed_s, 2),
            "taken_s": None if thing.taken_s is None else round(thing.taken_s, 2),
            "outcome": thing.outcome,
        }
        for spell in sorted((*spells(hidden), *spells(away)), key=lambda s: s.start):
            before = slice(spell.start, min(spell.stop, alone.start))
            if (before.stop - before.start) * STEP_S >= self.rule.gone_s:
                from_s, to_s = float(trail.t_s[before][0]), float(trail.t_s[before][-1])
                yield Verdict(track, from_s, to_s, False, facts)
        yield Verdict(track, float(trail.t_s[alone][0]), until_s, sure, facts)
