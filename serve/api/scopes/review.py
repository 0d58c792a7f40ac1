"""Review in the caller's districts: the queue, and the steps."""

from __future__ import annotations

from flows.casework.review import holder_of
from flows.domain.review import Action, ReviewReason
from flows.store.review import Gone
from serve.api.problems import NO_SUCH, Problem
from serve.api.schemas import ViolationDetail, ViolationRow
from serve.api.scope import Bounds
from serve.api.scopes.violations import Violations
from serve.api.services import Services

QUEUE_ROWS = 50


class Review:
    """Takes steps of the caller."""

    def __init__(self, services: Services, bounds: Bounds) -> None:
        self._services, self._bounds = services, bounds
        self._violations = Violations(services, bounds)
        self._desk = services.review

    def waiting(self) -> int:
        """How many violations wait."""
        return self._services.violations.waiting(self._districts())

    def queue(self, count: int) -> list[ViolationRow]:
        """The head of the queue: the severest first, of equals the oldest."""
        ids = self._services.violations.queued(self._districts(), count)
        return [ViolationRow.of(entry, self._bounds.person) for entry in self._services.results.entries(ids)]

    def next(self, base: str) -> ViolationDetail | None:
        """Claims what presses most, with all that a reviewer needs; None if nothing waits. Asked for again, it is the
        one that they have claimed by that, unless they have it no more."""
        once, person = self._bounds.once, self._bounds.person
        entry = self._services.results.event(once.made) if once.made else None
        if entry is None or holder_of(entry.case) != person.sub:
            entry = self._desk.next(self._districts(), person, self._services.now())
        if entry is None:
            return None
        once.made = entry.event.id
        return self._violations.detail(entry.event.id, f"{base}/{entry.event.id}/files")

    def decide(
        self,
        violation_id: str,
        version: int,
        action: Action,
        reason: ReviewReason | None,
        detail: str,
        plate: str,
        base: str,
    ) -> ViolationDetail:
        """Takes a step on a violation; see :meth:`flows.store.review.Reviews.decide`.

        Raises:
            Problem: 404 if there is none in the caller's districts.
        """
        entry = self._violations.one(violation_id)
        now, person = self._services.now(), self._bounds.person
        try:
            self._desk.decide(entry, version, action, person, now, reason=reason, detail=detail, plate=plate)
        except Gone:
            raise Problem(404, NO_SUCH) from None
        return self._violations.detail(violation_id, f"{base}/{violation_id}/files")

    def _districts(self) -> list[str]:
        return self._bounds.narrow((), self._services.violations.districts)
