"""The audit log as one auditor may see it: what was done in their districts."""

from __future__ import annotations

from itertools import islice
from typing import Final

from flows.domain.audit import AuditEntry
from flows.domain.errors import FieldError
from flows.domain.leads import UNANSWERED
from flows.domain.people import EVERYWHERE, Role
from serve.api.scope import Bounds
from serve.api.scopes.cases import Cases
from serve.api.services import Services

ANSWERS: Final = frozenset({"lead.confirmed", "lead.rejected"})
ANSWERERS: Final[tuple[Role, ...]] = ("operator", "authoriser")
LOOKED_AT = 20_000
"""Entries looked through for one page: an auditor of a quiet district turns the page more often."""


class Audit:
    """Reads the log."""

    def __init__(self, services: Services, bounds: Bounds) -> None:
        self._services, self._bounds = services, bounds
        self._cases = Cases(services, bounds)
        self._seen: dict[str, bool] = {}

    def page(self, since: int, before: int | None, count: int) -> tuple[list[AuditEntry], int | None]:
        """Entries after a number, in order, or before one, the newest first; and the number to go on from.

        That is None where nothing is left.
        """
        log = self._services.audit
        entries = log.entries(since) if before is None else log.newest(before, since)
        found: list[AuditEntry] = []
        last, looked = since, 0
        for entry in islice(entries, LOOKED_AT):
            last, looked = entry.seq, looked + 1
            if self._shown(entry):
                found.append(entry)
            if len(found) == count:
                return found, last
        return found, last if looked == LOOKED_AT else None

    def _shown(self, entry: AuditEntry) -> bool:
        """What names no district and no case concerns everybody: the stop switch, the clock."""
        person = self._bounds.person
        if entry.action in ANSWERS and person.has(*ANSWERERS) and not self._may_know(entry):
            return False
        if EVERYWHERE in person.districts:
            return True
        if entry.case:
            if entry.case not in self._seen:
                self._seen[entry.case] = self._of_theirs(entry.case)
            return self._seen[entry.case]
        districts = entry.details.get("districts")
        named = [entry.details["district"]] if "district" in entry.details else districts
        if isinstance(named, list):
            return bool(named) and all(isinstance(each, str) and person.covers(each) for each in named)
        return entry.action.startswith(("searching.", "clock."))

    def _may_know(self, entry: AuditEntry) -> bool:
        """Whoever may still answer a lead reads nothing of others' answers here either, as on its own page."""
        if entry.who == self._bounds.person.sub:
            return True
        try:
            lead = self._services.leads.raw(entry.subject)
        except FieldError:
            return True  # it is gone: nobody answers it any more
        return lead.state not in UNANSWERED or lead.answer_of(self._bounds.person.sub) is not None

    def _of_theirs(self, case_id: str) -> bool:
        try:
            return self._cases.covers(self._services.cases.get(case_id))
        except FieldError:
            return False
