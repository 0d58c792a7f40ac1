"""What a traffic light was showing when: a crossing is judged some seconds after it happened."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from operator import attrgetter
from typing import Final

from flows.domain.signals import Phase, SignalState
from flows.domain.times import lasts_s

SPELLS: Final = 64
"""Phases remembered: more than pass while any vehicle is judged."""
BLINK_S: Final = 1.0
"""What cannot be told for less, between looks at one phase, was that phase: no other is shown for less than 3 s ..."""
HOLDS_S: Final = 1.0
"""... but for the halves of what flashes. It flashes once a second, so whoever shows a phase for so long before and
after does not."""


@dataclass(slots=True)
class Spell:
    """One phase for some time.

    Attributes:
        phase: What was shown.
        since: It began after this,
        begun_by: and by this.
        until: The last look that showed it.
        confidence: Of the newest look.
    """

    phase: Phase
    since: datetime
    begun_by: datetime
    until: datetime
    confidence: float


class SignalLog:
    """One light as a rule has seen it.

    Args:
        name: The light.
        spells: How many phases are remembered; None for all.
    """

    def __init__(self, name: str, spells: int | None = SPELLS) -> None:
        self.name = name
        self._spells: deque[Spell] = deque(maxlen=spells)

    def see(self, state: SignalState | None) -> None:
        """What it shows, told at every moment in order; None if nothing is told of it."""
        if state is None:
            return
        begun_by = state.begun_by or state.since
        again = next((s for s in self._spells if (s.phase, s.since) == (state.phase, state.since)), None)
        if again is not None:  # the same phase goes on; what was thought in between was a flicker
            while self._spells[-1] is not again:
                self._spells.pop()
            again.until, again.confidence = max(again.until, state.at), state.confidence
            return
        if state.before is not None:
            self.see(state.before)
        # A controller's word may come late: what it says now began before what was believed has ended.
        while self._spells and self._spells[-1].begun_by > begun_by:
            self._spells.pop()
        for spell in self._spells:
            spell.until = min(spell.until, max(state.since, spell.begun_by))
        spell = Spell(state.phase, state.since, begun_by, max(begun_by, state.at), state.confidence)
        self._spells.append(spell)

    def awaits(self, when: datetime) -> bool:
        """Whether the next look, or the controller's next word, is still to tell what it showed then."""
        return self.now is not None and self.now.until < when

    @property
    def now(self) -> Spell | None:
        """What it shows as of the newest look."""
        return self._spells[-1] if self._spells else None

    def at(self, when: datetime) -> Spell | None:
        """What it surely showed then: looks before and after agree. None if that is not known."""
        return next((s for s in reversed(self._spells) if s.begun_by <= when <= s.until), None)

    def showed(self, phase: Phase, first_at: datetime, last_at: datetime) -> bool:
        """Whether it may have shown a phase at any time in between; what is not known may have been it."""
        spells = _bridged(self._around(first_at, last_at))
        here = [s for s in spells if s.until >= first_at and s.since <= last_at]
        known = all(any(s.begun_by <= when <= s.until for s in spells) for when in (first_at, last_at))
        return not known or any(s.phase in (phase, "unknown") for s in here)

    def _around(self, first_at: datetime, last_at: datetime) -> Iterator[Spell]:
        """The phases in between, and two on either side: they tell what was shown for a blink at the ends."""
        first, last = (
            bisect_right(self._spells, at, key=attrgetter("begun_by")) for at in (first_at, last_at)
        )
        return islice(self._spells, max(0, first - 3), last + 2)


def _bridged(spells: Iterable[Spell]) -> list[Spell]:
    """The phases, with what could not be told for a blink in one: the lamp was hidden, or hardly to be seen."""
    bridged: list[Spell] = []
    for spell in spells:
        if len(bridged) > 1 and _blinks(bridged[-2], bridged[-1], spell):
            bridged[-2:] = [replace(bridged[-2], until=spell.until)]
        else:
            bridged.append(spell)
    return bridged


def _blinks(before: Spell, between: Spell, after: Spell) -> bool:
    """Whether one phase went on while it could not be told for a moment."""
    if between.phase != "unknown" or before.phase != after.phase:
        return False
    holds = all(lasts_s(spell.begun_by, spell.until) >= HOLDS_S for spell in (before, after))
    return holds and lasts_s(before.until, after.begun_by) < BLINK_S
