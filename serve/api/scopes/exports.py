"""What waits for the electronic proceedings, in the caller's districts."""

from __future__ import annotations

from flows.domain.filing import Receipt
from serve.api.scope import Bounds
from serve.api.scopes.violations import Violations
from serve.api.services import Services


class Exports:
    """Reads the outbox."""

    def __init__(self, services: Services, bounds: Bounds) -> None:
        self._services, self._bounds = services, bounds

    def waiting(self, count: int) -> list[Receipt]:
        """Filings that the receiver does not have yet, the oldest first."""
        waiting = self._services.proceedings.waiting(count, self._bounds.districts)
        return [
            Receipt(key=f.key, violation=f.violation, district=f.district, action=f.action, state="waiting")
            for _, f in waiting
            if f is not None
        ]

    def of(self, violation_id: str) -> list[Receipt]:
        """What became of a violation's filings.

        Raises:
            Problem: 404 if there is no such violation in the caller's districts.
        """
        Violations(self._services, self._bounds).one(violation_id)
        return self._services.proceedings.receipts(violation_id)
