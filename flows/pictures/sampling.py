"""Which frames are looked at where not all of them need to be."""

from __future__ import annotations

from datetime import datetime, timedelta


class Sampler:
    """Takes ``rate_hz`` frames a second by capture time, evenly, whatever the camera's own rate is."""

    def __init__(self, rate_hz: float | None) -> None:
        self._every = timedelta(seconds=1 / rate_hz) if rate_hz else None
        self._due: datetime | None = None

    def takes(self, at: datetime) -> bool:
        """Whether the frame captured then is looked at; called for every frame in order."""
        if self._every is None:
            return True
        if self._due is not None and at < self._due:
            return False
        # From the moment it was due, not from this frame: else every interval would round up to whole frames.
        # After a gap start anew, or a burst would make up for what was missed.
        late = self._due is None or at - self._due > self._every
        self._due = (at if late or self._due is None else self._due) + self._every
        return True
