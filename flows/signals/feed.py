"""A signal controller's own word: a file of phase changes that may still be growing."""

from __future__ import annotations

import json
import logging
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Final, get_args

from flows.domain.signals import Phase, SignalState
from flows.domain.times import lasts_s

log = logging.getLogger(__name__)

SILENT_S: Final = 300.0
"""A controller that has said nothing for longer is not heard any more: no phase lasts so long. What it said last
before such a silence is not believed either, once its next word shows how long that was."""
APART_S: Final = 10.0
"""A live controller's word is dated now, as its camera counts; frames and words are on their way for seconds. Farther
apart, one of both clocks is wrong, and nothing is believed; less, and by so much it is uncertain when a phase began."""
LAPSED_S: Final = 5.0
"""A live controller that repeats its phase has been away if it said nothing for longer: between two reds there
is a green and an amber, neither for less than 3 s, and nobody knows whether they were shown meanwhile."""
KEPT: Final = 2000
"""Phases of a live controller that are kept: some hours. Of a recording all are: its camera may be anywhere in it."""


@dataclass(slots=True)
class _Spell:
    """One phase for some time, until the next one.

    Attributes:
        phase: What is shown.
        since: It began after this, by the camera's clock,
        begun_by: and by this.
        until: The newest word that said so.
    """

    phase: Phase
    since: datetime
    begun_by: datetime
    until: datetime


class PhaseFeed:
    """The phases of one light.

    Each line is ``{"at": "2026-06-01T06:00:00.2Z", "phase": "red"}``; the same phase again says that the
    controller is still there. A word proves what was shown up to it, from the word before on, and nothing of what
    comes after it: a line may be dead. So whoever crosses is judged by the next word, and a live controller is to
    repeat its phase each second. Of the time from its last word before a gap (:data:`LAPSED_S`) until the next one
    nothing is known, whatever that says; one that tells of changes only never says the same twice. A line that cannot
    be read makes the light ``unknown`` until the next one; so does one that is older than the line before it, together
    with all that was dated later: one of both clocks was wrong.

    Args:
        path: The file; it may not be there yet.
        live: It is written while the camera looks. Nothing is believed until a word has come meanwhile that is dated
            as the camera's clock says (:data:`APART_S`). Where a word is dated otherwise than it came, by a clock that
            is off or a long way, its phase began somewhere in between: neither is held against anybody.
    """

    def __init__(self, path: Path, live: bool = False) -> None:
        self._path, self._live = path, live
        self._read = 0
        self._rest = b""
        self._repeats = False
        self._spells: list[_Spell] = []
        self._dated: datetime | None = None
        self._asked_at: datetime | None = None
        self._apart_since: datetime | None = None

    def state(self, at: datetime) -> SignalState:
        """What the light shows at a moment, as far as the controller has said by now, and until when that is sure."""
        grew = self._catch_up(at)
        if self._live:
            self._compare(at, grew)
        self._asked_at = at
        if self._apart_since is not None:
            return SignalState("unknown", self._apart_since, at, 0.0)
        index = bisect_right(self._spells, at, key=attrgetter("begun_by")) - 1
        if index < 0:
            return SignalState("unknown", at, at, 0.0)
        spell = self._spells[index]
        is_newest = index + 1 == len(self._spells)
        if spell.phase == "unknown":
            return SignalState("unknown", spell.since, at, 0.0)
        if is_newest and lasts_s(spell.until, at) > SILENT_S:
            return SignalState("unknown", spell.until, at, 0.0)
        until = spell.until if is_newest else self._end(index)
        before = None
        if index:
            old = self._spells[index - 1]
            before = SignalState(old.phase, old.since, self._end(index - 1), begun_by=old.begun_by)
        return SignalState(spell.phase, spell.since, min(at, until), 1.0, spell.begun_by, before)

    def _end(self, index: int) -> datetime:
        """Just before the next phase began."""
        return self._spells[index + 1].since - datetime.resolution

    def _compare(self, at: datetime, grew: bool) -> None:
        """Holds the newest word, which came since the last question, against the camera's clock."""
        asked_at = self._asked_at
        if grew and asked_at is not None and self._dated is not None:
            if max(lasts_s(at, self._dated), lasts_s(self._dated, asked_at)) <= APART_S:
                self._apart_since = None
                return
            if self._apart_since is None:
                log.warning("%s: dated %s, the camera's clock says %s", self._path.name, self._dated, at)
        if grew or asked_at is None:
            self._apart_since = self._apart_since or at

    def _catch_up(self, at: datetime) -> bool:
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
            self._take(line, at)
        return bool(said)

    def _take(self, line: bytes, heard_at: datetime) -> None:
        at, phase = _parsed(line)
        if at is None or (self._dated is not None and at < self._dated):
            log.warning("%s: expected at and phase in time order, got %r", self._path.name, line[:80])
            self._doubt(at)
            return
        self._dated = at
        since, begun_by = self._between(at, heard_at)
        last = self._spells[-1] if self._spells else None
        if last is not None and lasts_s(last.until, since) > self._silent_s(last.phase == phase):
            last = self._add(_Spell("unknown", last.until, last.until, last.until))
        if last is not None and last.phase == phase:
            self._repeats |= last.until < since
            last.until = max(last.until, since)
        else:
            self._add(_Spell(phase, since, begun_by, since))

    def _silent_s(self, again: bool) -> float:
        """After how long without a word a phase is not taken to have lasted until the next one.

        Args:
            again: That says the same phase.
        """
        return LAPSED_S if self._live and (again or self._repeats) else SILENT_S

    def _between(self, at: datetime, heard_at: datetime) -> tuple[datetime, datetime]:
        """From when to when a word may have been true that is dated so, by the camera's clock."""
        if not self._live:
            return at, at
        return min(at, heard_at), max(at, self._asked_at or at)

    def _doubt(self, at: datetime | None) -> None:
        """Nothing is known from the newest word on, or of what was dated after a moment."""
        if at is not None:
            self._dated = at
            while self._spells and self._spells[-1].begun_by > at:
                self._spells.pop()
        if self._spells:
            last = self._spells[-1]
            at = last.until if at is None or last.until <= at else last.begun_by
        if at is not None:
            self._add(_Spell("unknown", at, at, at))

    def _add(self, spell: _Spell) -> _Spell:
        if self._spells:
            spell.begun_by = max(spell.begun_by, self._spells[-1].begun_by)
        self._spells.append(spell)
        if self._live and len(self._spells) > 2 * KEPT:
            del self._spells[:KEPT]
        return spell


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
