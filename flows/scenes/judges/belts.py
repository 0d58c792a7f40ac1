"""Who sits in front without a belt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from flows.domain.ruleset import SeatBeltRule
from flows.scenes.judges.base import STEP_S, Trail, Verdict
from flows.scenes.layout import Layout

SEEN_S = 0.8
"""In sight for so long while it comes towards the camera."""


@dataclass(frozen=True)
class SeatBeltJudge:
    """See :class:`flows.domain.ruleset.SeatBeltRule`. Belts that nobody could see are borderline."""

    rule: SeatBeltRule
    alike: tuple[str, ...] = ()

    def verdicts(self, trails: Mapping[int, Trail], layout: Layout) -> Iterator[Verdict]:
        """See :class:`flows.scenes.judges.base.Judge`."""
        for track, trail in trails.items():
            crew = trail.actor.body.crew
            if crew is None or not trail.seen.any():
                continue
            people = {name: crew.seat(name) for name in self.rule.seats}
            bare = [name for name, who in people.items() if who is not None and not who.belted]
            if not bare:
                continue
            rows = np.flatnonzero(trail.seen)
            sure = len(rows) * STEP_S >= SEEN_S and any(crew.in_sight(name) for name in bare)
            yield Verdict(
                track,
                float(trail.t_s[rows[0]]) - 0.5,
                float(trail.t_s[rows[-1]]) + 1.0,
                sure,
                {"seats": bare},
            )
