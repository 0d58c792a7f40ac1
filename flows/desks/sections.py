"""The section desk: passages are shown to it as they are written, and violations of section speed come out.

It sits beside the results actor. What it remembers is in Redis anyway: after a restart it reads the passages
again, in the order in which they came. So it finds what it found before, and what it states again has the same ids.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from flows.casework.sections import Match, SectionBook, violation_of
from flows.domain.errors import EvidenceAway, StoreError
from flows.domain.events import ENTRY, EVIDENCE_STORED, PASSAGE, Event
from flows.domain.passages import Passage
from flows.domain.plates import PlateRecord, plate_event
from flows.evidence.completeness import Completeness, completeness
from flows.evidence.package import Manifest
from flows.store.evidence import MANIFEST
from flows.store.lines import Line
from flows.store.owed import Owed
from flows.store.results import Entry, Index

log = logging.getLogger(__name__)

RESTORED: Final = 50_000
"""Passages read again after a restart: more than both ends of several busy sections see in an hour."""
PATIENCE: Final = timedelta(days=1)
"""A violation waits so long for a package that cannot be read, be it that the disk is not mounted or its rights are
wrong: it is told once, and without its files it can hardly be confirmed. Then it is told with this as its problem."""
EVER: Final = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC))


class Archive(Protocol):
    """Where passages are (:class:`flows.store.results.ResultsStore`)."""

    def captured(
        self, index: Index, name: str, since: datetime, until: datetime, count: int = ...
    ) -> list[Entry]: ...


class Packages(Protocol):
    """Where their packages are (:class:`flows.store.evidence.EvidenceStore`)."""

    def read(self, folder: str, name: str) -> bytes: ...
    def keep(self, folder: str, violation: str) -> None: ...


@dataclass(frozen=True, slots=True)
class _Told:
    """What one side's package holds, None where nobody can tell, and what it lacks, in words."""

    held: Manifest | None = None
    problems: Sequence[str] = ()

    @property
    def files(self) -> list[str]:
        return [file.name for file in self.held.files] if self.held is not None else []

    @property
    def plate(self) -> PlateRecord | None:
        return self.held.plate if self.held is not None else None

    @property
    def detector(self) -> dict[str, Any] | None:
        return self.held.context.detector.model_dump() if self.held is not None else None

    @property
    def shows(self) -> bool:
        """Whether there is a picture of it."""
        return self.held is not None and any(file.kind == "picture" for file in self.held.files)


class SectionDesk:
    """Matches passages and looks after their packages.

    Args:
        archive: Where passages are.
        packages: Where their evidence is.
        owed: Removes it of passages that did nothing.
        book: Pairs passages; an empty one if None.
        now: The present.
    """

    def __init__(
        self,
        archive: Archive,
        packages: Packages,
        owed: Owed,
        book: SectionBook | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._archive, self._packages, self._owed, self._now = archive, packages, owed, now
        self.book = book or SectionBook()
        self._restored = False
        self._waiting: deque[tuple[Match, datetime]] = deque()  # and when they came
        self._unread = False
        self._freed: list[str] = []

    def wants(self, line: Line) -> bool:
        """Whether an event is a passage."""
        return line.type == PASSAGE

    def take(self, event: Event) -> list[Event]:
        """Called when a passage was written: the violation that it completes, with its evidence.

        Raises:
            StoreError: If Redis is away after a restart; :meth:`sweep` makes up for it.
        """
        return [*self._restore(), *self._take(event, self._now())]

    def _take(self, event: Event, came_at: datetime) -> list[Event]:
        try:
            match = self.book.take(Passage.of(event), came_at)
        except Exception:  # one that cannot be understood takes no other's violation along
            log.exception("passage %s", event.id)
            return []
        return self._state(match, came_at) if match is not None and match.exceeds else []

    def sweep(self) -> list[Event]:
        """Reads the passages again after a restart; lets go of old ones; states what waited for its packages.

        Raises:
            StoreError: If Redis is away.
        """
        self.book.sweep(self._now())
        self._remove()
        self._unread = False
        found = self._restore()  # last of what may fail: what was found once is not found again
        return [*found, *self._told()]

    def _restore(self) -> list[Event]:
        """What those before a restart make, each once."""
        if self._restored:
            return []
        entries = self._archive.captured("type", PASSAGE, *EVER, RESTORED)
        self._restored, now = True, self._now()
        return [
            made
            for entry in sorted(entries, key=lambda entry: entry.order)
            for made in self._take(entry.event, min(now, entry.written_at))
        ]

    def _state(self, match: Match, came_at: datetime) -> list[Event]:
        """What is told of a match; none as long as its packages, or others' before them, cannot be read."""
        self._waiting.appendleft((match, came_at))  # before those whose packages were asked for in vain
        return self._told()

    def _told(self) -> list[Event]:
        """What is told of those that wait, up to the first of which a package cannot be read.

        Until the next sweep nobody else asks: a store that is away answers slowly. Then the others are first.
        """
        told: list[Event] = []
        while self._waiting and not self._unread:
            match, came_at = self._waiting.popleft()
            patient = self._now() - came_at < PATIENCE
            try:
                told += list(self._stated(match, patient))
            except EvidenceAway as error:
                log.warning("the violation of passage %s waits: %s", match.exit.id, error)
                self._waiting.append((match, came_at))
            except Exception:  # nor does its package
                log.exception("the violation of passage %s", match.exit.id)
        return told

    def _stated(self, match: Match, patient: bool) -> Iterator[Event]:
        """The violation, its packages, stored when the vehicle passed, and its plate, read then."""
        told: dict[str, _Told] = {s.role: self._told_by(s, patient) for s in (match.entry, match.exit)}
        complete = _completeness(told)
        plates = {role: side.plate.model_dump(mode="json") for role, side in told.items() if side.plate}
        violation = violation_of(match, plates, complete.missing)
        for side in (match.entry, match.exit):
            self._keep(side, violation)
        yield violation
        exit = told["exit"]
        yield Event.of(
            EVIDENCE_STORED,
            camera_id=violation.camera_id,
            district=violation.subject,
            at=violation.time,
            key=(violation.id,),
            data={
                "violation": violation.id,
                "folder": match.exit.evidence,
                "entry_folder": match.entry.evidence,
                "manifest_sha256": match.exit.manifest_sha256,
                "entry_manifest_sha256": match.entry.manifest_sha256,
                "files": [*exit.files, *(f"{ENTRY}/{name}" for name in told["entry"].files)],
                "completeness": complete.model_dump(mode="json"),
                "problems": [problem for side in told.values() for problem in side.problems],
                "detector": exit.detector,
                "entry_detector": told["entry"].detector,
            },
        )
        if exit.plate:
            yield plate_event(violation, exit.plate)

    def _told_by(self, passage: Passage, patient: bool) -> _Told:
        """What its package says; without it the violation has no plate in words, and a person looks.

        Raises:
            EvidenceAway: If it cannot be read now, and may be waited for.
        """
        try:
            found = json.loads(self._packages.read(passage.evidence, MANIFEST))
        except (StoreError, ValueError) as error:
            if isinstance(error, EvidenceAway):
                self._unread = True
                if patient:
                    raise
            log.warning("passage %s: %s", passage.id, error)
            return _Told(problems=[f"{passage.role}: its package cannot be read"])
        problems = []
        try:
            PlateRecord.model_validate(found.get("plate") or {"outcome": "unread"})
        except (ValueError, AttributeError) as error:
            log.warning("passage %s: %s", passage.id, error)
            problems = [f"{passage.role}: what its package says of the plate cannot be understood"]
            found = {**found, "plate": None} if isinstance(found, dict) else found
        try:
            held = Manifest.model_validate(found)
        except ValueError as error:
            log.warning("passage %s: %s", passage.id, error)
            return _Told(problems=[f"{passage.role}: its package cannot be understood"])
        return _Told(held, [*held.problems, *problems])

    def _keep(self, passage: Passage, violation: Event) -> None:
        try:
            self._packages.keep(passage.evidence, violation.id)
        except StoreError as error:
            log.error("passage %s: %s", passage.id, error)

    def _remove(self) -> None:
        """Removes packages of passages that did nothing; those that cannot be removed now are tried again."""
        self._freed += [p.evidence for p in self.book.released() if p.evidence]
        self._owed.owe(self._freed)
        self._freed = []
        self._owed.pay()


def _completeness(sides: Mapping[str, _Told]) -> Completeness:
    """What the law asks of both packages together; of each side there must be a picture."""
    held = [side.held for side in sides.values() if side.held is not None]
    profile = next((manifest.context.profile for manifest in reversed(held)), None)
    found = completeness(held, profile.evidence_for("section_speed") if profile is not None else None)
    unseen = [f"{role}_package" for role, side in sides.items() if not side.shows]
    return found.model_copy(update={"missing": (*unseen, *found.missing)})
