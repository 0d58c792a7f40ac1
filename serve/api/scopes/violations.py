"""Violations as one person may see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flows.casework.adjudication import Decision
from flows.domain.events import ENTRY, Event
from flows.domain.review import DETECTED, STATES, State
from flows.store.results import Entry
from flows.store.violations import Wanted
from serve.api.pages import cursor_of, mark_of
from serve.api.problems import NO_SUCH, Problem
from serve.api.schemas import ViolationDetail, ViolationPage, ViolationRow, detail_of
from serve.api.scope import Bounds
from serve.api.services import Services

VIOLATION = "dome.violation."


@dataclass(frozen=True, slots=True)
class Asked:
    """A question for a list of violations; see :class:`flows.store.violations.Wanted`."""

    districts: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    plate: str = ""
    camera: str = ""


class Violations:
    """Reads violations in the caller's districts."""

    def __init__(self, services: Services, bounds: Bounds) -> None:
        self._services, self._bounds = services, bounds

    def page(self, asked: Asked, cursor: str, count: int) -> ViolationPage:
        """A page of a list.

        Raises:
            Problem: 403 for a plate asked for by somebody who does not see plates, or another's district.
            FieldError: If the cursor is none of this question.
            StoreError: If Redis is away.
        """
        person = self._bounds.person
        if asked.plate and not person.sees_plates:
            raise Problem(403, "plates are not shown to you: leave the filter out")
        after = mark_of(cursor, asked) if cursor else None
        marks = self._services.violations.page(self._wanted(asked), after, count + 1)
        entries = self._services.results.entries([mark.id for mark in marks[:count]])
        return ViolationPage(
            items=[ViolationRow.of(entry, person) for entry in entries],
            next=cursor_of(marks[count - 1], asked) if len(marks) > count else None,
        )

    def count(self, asked: Asked) -> int:
        """How many there are.

        Raises:
            StoreError: If Redis is away.
        """
        return self._services.violations.count(self._wanted(asked))

    def one(self, violation_id: str) -> Entry:
        """A violation.

        Raises:
            Problem: 404 if there is none in the caller's districts.
            StoreError: If Redis is away.
        """
        entry = self._services.results.event(violation_id)
        if entry is None or not entry.event.type.startswith(VIOLATION):
            raise Problem(404, NO_SUCH)
        self._bounds.require(entry.event.subject)
        return entry

    def detail(self, violation_id: str, base: str) -> ViolationDetail:
        """A violation with its decisions and files. See :meth:`one`."""
        entry = self.one(violation_id)
        made = self._services.results.decisions(violation_id)
        decisions = [Decision.model_validate(event.data) for event in made]
        return detail_of(entry, decisions, self._bounds.person, base)

    def file(self, violation_id: str, name: str) -> tuple[Event, bytes]:
        """A file of a violation's package, or of its section's entry, with the event that stored it.

        Raises:
            Problem: 403 for somebody who does not see plates, 404 for a file that it does not hold.
            LostFile: If it should hold it, and does not.
            StoreError: If it cannot be read now.
        """
        if not self._bounds.person.sees_plates:
            raise Problem(403, "pictures show plates and faces, which are not shown to you")
        entry = self.one(violation_id)
        stored = entry.evidence
        if stored is None or name not in _names(stored):
            raise Problem(404, "its package holds no such file")
        side, _, plain = name.rpartition("/")
        folder = stored.data["entry_folder" if side == ENTRY else "folder"]
        return stored, self._services.evidence.read(str(folder), plain)

    def _wanted(self, asked: Asked) -> Wanted:
        districts = self._bounds.narrow(asked.districts, self._services.violations.districts)
        return Wanted(
            tuple(districts), asked.rules, asked.states, asked.since, asked.until, asked.plate, asked.camera
        )


def states_of(names: Sequence[str]) -> tuple[State, ...]:
    """States by name; ``detected`` is all that wait for a reviewer.

    >>> states_of(["detected", "issued"])
    ('needs_review', 'stands', 'issued')
    """
    wide = {*names} - {"detected"} | ({*DETECTED} if "detected" in names else set())
    return tuple(sorted((s for s in STATES if s in wide), key=lambda s: (s not in DETECTED, s)))


def _names(stored: Event) -> list[str]:
    files = stored.data.get("files")
    return [str(name) for name in files] if isinstance(files, list) else []
