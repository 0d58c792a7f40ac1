"""The audit log as one auditor may see it: what was done in their districts."""

from __future__ import annotations

from itertools import islice

from flows.domain.audit import AuditEntry
from flows.domain.errors import FieldError
from flows.domain.people import EVERYWHERE
from serve.api.scope import Bounds
from serve.api.scopes.searches import Searches
from serve.api.services import Services

LOOKED_AT = 20_000
"""Entries looked through for one page: an auditor of a quiet district turns the page more often."""


class Audit:
    """Reads the log."""

    def __init__(self, services: Services, bounds: Bounds) -> None:
        self._services, self._bounds = services, bounds
        self._searches = Searches(services, bounds)
        self._seen: dict[str, bool] = {}

    def page(self, since: int, count: int) -> tuple[list[AuditEntry], int | None]:
        """Entries after a number, in order, and the number to go on from; None at the end of the log."""
        found: list[AuditEntry] = []
        last, looked = since, 0
        for entry in islice(self._services.audit.entries(since), LOOKED_AT):
            last, looked = entry.seq, looked + 1
            if self._shown(entry):
                found.append(entry)
            if len(found) == count:
                return found, last
        return found, last if looked == LOOKED_AT else None

    def _shown(self, entry: AuditEntry) -> bool:
        """What names no district and no case concerns everybody: the stop switch, the clock."""
        person = self._bounds.person
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

    def _of_theirs(self, case_id: str) -> bool:
        try:
            return self._searches.covers(self._services.cases.get(case_id))
        except FieldError:
            return False
