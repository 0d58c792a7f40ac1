"""What waits for the electronic proceedings, in the caller's districts."""

from __future__ import annotations

from flows.domain.filing import Receipt
from serve.api.scope import Bounds
from serve.api.scopes.violations import Violations
from serve.api.services import Services


class Exports:
    """Reads the outbox, and puts back what was refused."""

    def __init__(self, services: Services, bounds: Bounds) -> None:
        self._services, self._bounds = services, bounds

    def open(self, count: int) -> list[Receipt]:
        """Filings that the receiver does not have: those that it refused, then those that wait; the oldest first."""
        refused = self._services.proceedings.refused(count, self._bounds.districts)
        return refused + self._services.proceedings.pending(count - len(refused), self._bounds.districts)

    def of(self, violation_id: str) -> list[Receipt]:
        """What became of a violation's filings.

        Raises:
            Problem: 404 if there is no such violation in the caller's districts.
        """
        Violations(self._services, self._bounds).one(violation_id)
        return self._services.proceedings.receipts(violation_id)

    def again(self, violation_id: str) -> list[Receipt]:
        """Sends a violation's refused filing again; what became of its filings. See :meth:`of`.

        Raises:
            StepRefused: If its last filing was not refused.
        """
        found = self.of(violation_id)
        if self._bounds.once.again:
            return found
        self._services.proceedings.again(violation_id, self._bounds.person.sub)
        return self.of(violation_id)
