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
"""A controller that has said nothing for longer is not heard any more: no phase lasts so long. What it said last
before such a silence is not believed either, once its next word shows how long that was."""
APART_S: Final = 10.0
"""A live controller's word is dated now, as its camera counts; frames and words are on their way for seconds. Farther
apart, one of both clocks is wrong, and so would be the phase at a crossing."""
KEPT: Final = 2000
"""Changes kept: some hours."""


class PhaseFeed:
    """The phases of one light.

    Each line is ``{"at": "2026-06-01T06:00:00.2Z", "phase": "red"}``; the same phase again says that the
    controller is still there. A line that cannot be read makes the light ``unknown`` until the next one; so does one
    that is older than the line before it, together with all that was dated later: one of both clocks was wrong.

    Args:
        path: The file; it may not be there yet.
        live: It is written while the camera looks. Nothing is believed until a word has come meanwhile that is dated
            as the camera's clock says (:data:`APART_S`).
    """

    def __init__(self, path: Path, live: bool = False) -> None:
        self._path, self._live = path, live
        self._read = 0
        self._rest = b""
        self._at: list[datetime] = []
        self._phases: list[Phase] = []
        self._since: list[datetime] = []  # when the phase of each line began; counting back costs each frame
        self._asked_at: datetime | None = None
        self._apart_since: datetime | None = None

    def state(self, at: datetime) -> SignalState:
        """What the light shows at a moment, as far as the controller has said by now."""
        grew = self._catch_up()
        if self._live:
            self._compare(at, grew)
        self._asked_at = at
        if self._apart_since is not None:
            return SignalState("unknown", self._apart_since, at, 0.0)
        index = bisect_right(self._at, at) - 1
        if index < 0 or self._silent_after(index, at):
            since = at if index < 0 else self._at[index]
            return SignalState("unknown", since, at, 0.0)
        return SignalState(self._phases[index], self._since[index], at)

    def _silent_after(self, index: int, at: datetime) -> bool:
        """Whether a line was followed by nothing for too long: then or, if it is the newest, until now."""
        until = self._at[index + 1] if index + 1 < len(self._at) else at
        return (until - self._at[index]).total_seconds() > SILENT_S

    def _compare(self, at: datetime, grew: bool) -> None:
        """Holds the newest word, which came since the last question, against the camera's clock."""
        asked_at = self._asked_at
        if grew and asked_at is not None and self._at:
            early_s = (self._at[-1] - at).total_seconds()
            late_s = (asked_at - self._at[-1]).total_seconds()
            if max(early_s, late_s) <= APART_S:
                self._apart_since = None
                return
            if self._apart_since is None:
                log.warning("%s: dated %s, the camera's clock says %s", self._path.name, self._at[-1], at)
        if grew or asked_at is None:
            self._apart_since = self._apart_since or at

    def _catch_up(self) -> bool:
        """Reads what was written since; whether there was anything."""
        try:
            size = self._path.stat().st_size
            if size == self._read:
                return False
            if size < self._read:  # begun anew
                self._read, self._rest = 0, b""
            with self._path.open("rb") as file:
                file.seek(self._read)
                fresh = file.read()
        except OSError:
            return False
        self._read += len(fresh)
        *lines, self._rest = (self._rest + fresh).split(b"\n")
        said = [line for line in lines if line.strip()]
        for line in said:
            self._take(line)
        return bool(said)

    def _take(self, line: bytes) -> None:
        at, phase = _parsed(line)
        if at is None or (self._at and at < self._at[-1]):
            log.warning("%s: expected at and phase in time order, got %r", self._path.name, line[:80])
            if at is not None:
                kept = bisect_right(self._at, at)
                del self._at[kept:], self._phases[kept:], self._since[kept:]
            at, phase = self._at[-1] if self._at else at, "unknown"
        if at is not None:
            goes_on = self._phases[-1:] == [phase] and not self._silent_after(len(self._at) - 1, at)
            self._since.append(self._since[-1] if goes_on else at)
            self._at.append(at)
            self._phases.append(phase)
        if len(self._at) > 2 * KEPT:
            del self._at[:KEPT], self._phases[:KEPT], self._since[:KEPT]


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
