"""One light over time: readings to a state that does not flutter."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from flows.domain.signals import Phase, SignalState
from flows.signals.reader import Reading

DARK: Final = ("off", "unknown")


@dataclass(frozen=True, slots=True)
class MemoryConfig:
    """Thresholds, each with its reason.

    Attributes:
        least: Readings with less confidence tell nothing.
        looks: A change is believed when it was seen so often in a row: one broken picture is none.
        dark_s: A lamp has gone out after so long: diodes on mains flicker against the camera's shutter.
        stale_s: What has not been seen for so long is unknown, whatever came instead.
        flicker_s: A lamp that is lit again in the same colour after less was never out: no light has a shorter
            phase.
        flash_s: Flashing amber lights up again within this time (once a second, by rule).
    """

    least: float = 0.3
    looks: int = 2
    dark_s: float = 0.3
    stale_s: float = 1.0
    flicker_s: float = 2.0
    flash_s: float = 1.6


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A phase that was seen, and is not believed yet."""

    phase: Phase
    since: datetime
    begun_by: datetime
    looks: int


class Memory:
    """What one light shows, from its readings in time order."""

    def __init__(self, config: MemoryConfig | None = None) -> None:
        self._config = config or MemoryConfig()
        self._state: SignalState | None = None
        self._lit: SignalState | None = None
        self._candidate: _Candidate | None = None
        self._known_at: tuple[Phase, datetime] | None = None
        self._raw: Phase = "unknown"
        self._lit_up: deque[datetime] = deque(maxlen=2)

    @property
    def state(self) -> SignalState | None:
        """The state by the last reading; None before the first."""
        return self._state

    def see(self, at: datetime, reading: Reading) -> SignalState | None:
        """Takes a reading.

        Returns:
            The new state if it has changed.
        """
        phase: Phase = reading.phase if reading.confidence >= self._config.least else "unknown"
        phase = self._unflashed(at, phase)
        state = self._state
        if state is None:
            return self._begin(at, phase, reading.confidence)
        if phase == state.phase and self._gap_s(at) <= self._config.flicker_s:
            self._candidate = None
            self._state = replace(state, at=at, confidence=_smooth(state.confidence, reading.confidence))
            changed = None
        else:
            changed = self._doubt(at, phase, reading.confidence)
        if phase != "unknown":
            self._known_at = phase, at
        return changed

    def _begin(self, at: datetime, phase: Phase, confidence: float) -> SignalState | None:
        """The first look is believed: nothing is known that speaks against it, and time counts from now on."""
        self._state = SignalState(phase, at, at, confidence if phase != "unknown" else 0.0)
        self._known_at = None if phase == "unknown" else (phase, at)
        return None if phase == "unknown" else self._state

    def _gap_s(self, at: datetime) -> float:
        return (at - self._state.at).total_seconds() if self._state else 0.0

    def _doubt(self, at: datetime, phase: Phase, confidence: float) -> SignalState | None:
        """Something else was seen than what is believed."""
        config, candidate = self._config, self._candidate
        if candidate is None or candidate.phase != phase:
            candidate = _Candidate(phase, self._other_until(phase, at), at, 0)
        candidate = self._candidate = replace(candidate, looks=candidate.looks + 1)
        lasts_s = (at - candidate.begun_by).total_seconds()
        if candidate.looks >= config.looks and (phase not in DARK or lasts_s >= config.dark_s):
            return self._believe(candidate, at, confidence)
        if self._gap_s(at) > config.stale_s and self._state is not None and self._state.phase != "unknown":
            kept = self._candidate
            changed = self._believe(_Candidate("unknown", at, at, 1), at, 0.0)
            self._candidate = kept
            return changed
        return None

    def _other_until(self, phase: Phase, at: datetime) -> datetime:
        """The last moment known to show something else than ``phase``, if it was just now."""
        if self._known_at is None or self._known_at[0] == phase:
            return at
        other_at = self._known_at[1]
        return other_at if (at - other_at).total_seconds() <= self._config.stale_s else at

    def _believe(self, candidate: _Candidate, at: datetime, confidence: float) -> SignalState | None:
        old, again = self._state, self._lit
        if old is not None and old.phase not in DARK and candidate.phase in DARK:
            self._lit = old
        elif candidate.phase not in DARK:
            self._lit = None
        self._candidate = None
        was_out_s = (candidate.begun_by - again.at).total_seconds() if again else 0.0
        if again and again.phase == candidate.phase and was_out_s <= self._config.flicker_s:
            self._state = replace(again, at=at)
        else:
            phase, since, by = candidate.phase, candidate.since, candidate.begun_by
            self._state = SignalState(phase, since, at, confidence, by)
        return None if old is not None and old.phase == candidate.phase else self._state

    def _unflashed(self, at: datetime, phase: Phase) -> Phase:
        """Flashing amber is ``off``: it is amber again and again out of the dark."""
        if phase in ("red", "red_amber", "green"):
            self._lit_up.clear()
        if phase == "amber" and self._raw in DARK:
            self._lit_up.append(at)
        self._raw = phase
        limit_s = self._config.flash_s
        flashes = (
            len(self._lit_up) == 2
            and (self._lit_up[1] - self._lit_up[0]).total_seconds() <= limit_s
            and (at - self._lit_up[1]).total_seconds() <= limit_s
        )
        return "off" if flashes and phase in ("amber", *DARK) else phase


def _smooth(old: float, new: float) -> float:
    return round(0.7 * old + 0.3 * new, 3)
