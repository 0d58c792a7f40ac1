"""A signal controller's own word: a file of phase changes that may still be growing."""

from __future__ import annotations

import json
import logging
from bisect import bisect_right
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, get_args

from flows.domain.signals import Phase, SignalState

log = logging.getLogger(__name__)

SILENT_S: Final = 300.0
"""A controller that has said nothing for longer is not heard any more: no phase lasts so long."""
KEPT: Final = 2000
"""Changes kept: some hours."""


class PhaseFeed:
    """The phases of one light.

    Each line is ``{"at": "2026-06-01T06:00:00.2Z", "phase": "red"}``; the same phase again says that the
    controller is still there. A line that cannot be read makes the light ``unknown`` until the next one.

    Args:
        path: The file; it may not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self._rest = b""
        self._at: list[datetime] = []
        self._phases: list[Phase] = []

    def state(self, at: datetime) -> SignalState:
        """What the light shows at a moment, as far as the controller has said by now."""
        self._catch_up()
        index = bisect_right(self._at, at) - 1
        if index < 0 or (at - self._at[index]).total_seconds() > SILENT_S:
            since = at if index < 0 else self._at[index]
            return SignalState("unknown", since, at, 0.0)
        phase = self._phases[index]
        first = index
        while first > 0 and self._phases[first - 1] == phase:
            first -= 1
        return SignalState(phase, self._at[first], at)

    def _catch_up(self) -> None:
        try:
            size = self._path.stat().st_size
            if size == self._read:
                return
            if size < self._read:  # begun anew
                self._read, self._rest = 0, b""
            with self._path.open("rb") as file:
                file.seek(self._read)
                fresh = file.read()
        except OSError:
            return
        self._read += len(fresh)
        *lines, self._rest = (self._rest + fresh).split(b"\n")
        for line in lines:
            if line.strip():
                self._take(line)

    def _take(self, line: bytes) -> None:
        at, phase = _parsed(line)
        last = self._at[-1] if self._at else None
        if at is None or (last is not None and at < last):
            log.warning("%s: expected at and phase in time order, got %r", self._path.name, line[:80])
            at = at if last is None else last
            phase = "unknown"
        if at is not None:
            self._at.append(at)
            self._phases.append(phase)
        if len(self._at) > 2 * KEPT:
            del self._at[:KEPT], self._phases[:KEPT]


def _parsed(line: bytes) -> tuple[datetime | None, Phase]:
    try:
        row = json.loads(line)
        at = datetime.fromisoformat(row["at"])
        return (
            (at.astimezone(UTC), row["phase"])
            if row["phase"] in get_args(Phase) and at.tzinfo
            else (None, "unknown")
        )
    except (ValueError, KeyError, TypeError):
        return None, "unknown"
