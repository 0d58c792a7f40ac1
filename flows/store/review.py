"""Steps of people on violations: written once, by one person, with their audit entry, or refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from flows.casework.adjudication import Case
from flows.casework.exemptions import Lists
from flows.casework.review import holder_of, is_repeated, lease_over, step, version_of
from flows.domain.errors import DomeError
from flows.domain.people import Person
from flows.domain.review import Action, ReviewReason, StepRefused
from flows.store.results import Entry, ResultsStore
from flows.store.violations import ViolationsStore

LEASE: Final = timedelta(minutes=10)
"""A claim holds so long: a hard case takes a few minutes; a browser that was closed must not keep one for ever."""
LOOKED_AT: Final = 20
"""Violations at the head of the queue that are tried: as many reviewers may ask at once."""


class Overtaken(DomeError):
    """Somebody else decided first; look again."""

    code = "changed"


class Gone(DomeError):
    """It was deleted at that moment: there is none any more."""


class Reviews:
    """Takes people's steps to Redis.

    Args:
        results: Where violations and decisions are.
        violations: Their lists.
        lists: Lists of exempt plates.
    """

    def __init__(self, results: ResultsStore, violations: ViolationsStore, lists: Lists) -> None:
        self._results, self._violations, self._lists = results, violations, lists

    def decide(
        self,
        entry: Entry,
        version: int,
        action: Action,
        person: Person,
        at: datetime,
        *,
        reason: ReviewReason | None = None,
        detail: str = "",
        plate: str = "",
    ) -> Entry:
        """Takes a step; the same one sent twice is taken once.

        Args:
            entry: The violation as it is now.
            version: The number of the decision that the person saw.
            action: The step.
            person: Who takes it.
            at: Now.
            reason: See :func:`flows.casework.review.step`.
            detail: Likewise.
            plate: Likewise.

        Returns:
            The violation as it is then.

        Raises:
            Overtaken: If somebody else decided first, or the same person otherwise.
            Gone: If it was deleted meanwhile; nothing is written of the step then.
            NotTheirs: See :func:`flows.casework.review.step`; so ``StepRefused`` and ``FieldError``.
            StoreError: If Redis is away: it may be taken all the same; send it again.
        """
        case = entry.case
        if version_of(case) != version:
            if is_repeated(case, version, action, person, reason=reason, detail=detail, plate=plate):
                return entry
            raise _overtaken(case, version)
        lists = self._lists.lists() if action in ("confirm", "issue") else {}
        event = step(case, action, person, at, reason=reason, detail=detail, plate=plate, lists=lists)
        (fresh,) = self._results.write([event]).fresh
        after = self._results.event(entry.event.id)
        if after is None:
            raise Gone(f"violation: expected one that exists, got {entry.event.id!r}")
        if not fresh and not is_repeated(
            after.case, version, action, person, reason=reason, detail=detail, plate=plate
        ):
            raise _overtaken(after.case, version)
        return after

    def next(self, districts: Sequence[str], person: Person, at: datetime) -> Entry | None:
        """Claims the violation that presses most: the severest, of equals the oldest; None if none waits.

        Raises:
            StoreError: If Redis is away.
        """
        self.release_stale(at)
        for _ in range(3):  # others may claim what we look at
            for entry in self._results.entries(self._violations.queued(districts, LOOKED_AT)):
                try:
                    return self.decide(entry, version_of(entry.case), "claim", person, at)
                except (Overtaken, Gone, StepRefused):
                    continue
        return None

    def release_stale(self, at: datetime) -> int:
        """Gives back what was claimed too long ago; how many. Called every half minute, and whenever somebody asks for
        the next one.

        Args:
            at: Now, as it is to be written down.

        Raises:
            StoreError: If Redis is away.
        """
        stale = self._results.entries(self._violations.claimed_for(LEASE))
        events = [lease_over(entry.case, at) for entry in stale if holder_of(entry.case)]
        return self._results.write(events).written


def _overtaken(case: Case, version: int) -> Overtaken:
    held = case.decision
    by = f" by {held.by}" if held is not None else ""
    return Overtaken(
        f"version: expected {version_of(case)} ({case.state}{by}), got {version}; look at it again"
    )
