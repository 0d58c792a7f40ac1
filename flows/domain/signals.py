"""What a traffic light shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Phase = Literal["red", "red_amber", "amber", "green", "off", "unknown"]
"""``off``: dark or flashing amber, the light rules nothing; ``unknown``: it cannot be told, and nothing follows."""


@dataclass(frozen=True, slots=True)
class SignalState:
    """A light at one moment.

    Attributes:
        phase: What it shows.
        since: When it began to, aware UTC: the last moment known to show something else, or the first look.
        at: The last look that showed it.
        confidence: 0 to 1; 1 for a controller's feed.
        begun_by: The first look that showed it: it began between ``since`` and then. None: at ``since``.
        before: What a controller said it showed until then, and until when; None where nobody tells.
    """

    phase: Phase
    since: datetime
    at: datetime
    confidence: float = 1.0
    begun_by: datetime | None = None
    before: SignalState | None = None

    def shown_for_s(self, at: datetime) -> float:
        """For how long it has shown this, at most."""
        return (at - self.since).total_seconds()
