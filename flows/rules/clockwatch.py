"""When a camera's clock guessed: frames whose own timestamp was not believed, as when the clock steps.

Times round a guess may be off by frames, always to the same side: a speed measured over them is wrong by some
percent, and no scatter shows it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from flows.rules.base import Moment

REMEMBERED: Final = 64
"""Spells of guessing; no track outlasts so many."""


class ClockWatch:
    """One camera's clock, as a rule sees it from moment to moment."""

    def __init__(self) -> None:
        self._last: tuple[datetime, int] | None = None
        self._spells: list[tuple[datetime, datetime]] = []

    def see(self, moment: Moment) -> None:
        """Called at every moment: frames in between, which nobody looked at, may have been guessed as well."""
        last, self._last = self._last, (moment.at, moment.clock.guesses)
        if last is None or last[1] == moment.clock.guesses:
            return
        if self._spells and self._spells[-1][1] >= last[0]:
            last = (self._spells.pop()[0], 0)
        self._spells = [*self._spells[1 - REMEMBERED :], (last[0], moment.at)]

    def guessed(self, first_at: datetime, last_at: datetime) -> bool:
        """Whether it guessed at any time between two capture times."""
        return any(start <= last_at and end >= first_at for start, end in self._spells)
