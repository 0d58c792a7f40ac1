"""Violations that nobody confirmed within the days that the law of the place gives: they go, with their packages.

Days count from when a violation was written, or decided on last: whatever came from an archive, or was sent back to
reviewers, has its time. What somebody has in review, has confirmed, or has issued stays, and so does all that came
after that.
"""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, Self

from flows.docket import case_of
from flows.domain.cases import SYSTEM
from flows.domain.errors import StoreError
from flows.domain.masking import masked
from flows.domain.review import State
from flows.store import keys
from flows.store.compacting import compact
from flows.store.connection import client, script, told
from flows.store.evidence import EvidenceStore
from flows.store.ledger import ANSWER_S, Clock, entry, to_ms, utc_now
from flows.store.results import Entry, ResultsStore

log = logging.getLogger(__name__)

UNCONFIRMED: Final[tuple[State, ...]] = (
    "stands", "needs_review", "undecided", "held_stale_exemptions", "dismissed", "rejected",
)  # fmt: skip
"""Nobody has confirmed these, and nobody is about to."""
READ: Final = 500
"""Violations read at a time."""
EVERY: Final = timedelta(minutes=10)
"""Days are counted; looking for what is over costs a walk over all that is old."""
BUSY_S: Final = 1.0
"""Deletes for so long at a time, and removes packages likewise: no event is written meanwhile, and an installation that
has kept everything so far has years to delete, of an object store at a tenth of a second each."""


class Archive(Protocol):
    """Where violations are (:class:`flows.store.results.ResultsStore`)."""

    def entries(self, ids: Sequence[str]) -> list[Entry]: ...


class Packages(Protocol):
    """Where their packages are (:class:`flows.store.evidence.EvidenceStore`)."""

    def discard(self, folder: str, violation: str) -> bool: ...


class UnconfirmedSweep:
    """Deletes them.

    Attributes:
        counts: How many went, by the state that they were in.

    Args:
        url: Of Redis.
        archive: Where violations are.
        packages: Where their packages are.
        kept_days: Days that nobody has confirmed one.
        clock: The present; for tests.
    """

    def __init__(
        self, url: str, archive: Archive, packages: Packages, kept_days: float, clock: Clock = utc_now
    ) -> None:
        self._address, self._redis = masked(url), client(url, ANSWER_S)
        self._archive, self._packages = archive, packages
        self._kept, self._clock = timedelta(days=kept_days), clock
        self._delete = self._redis.register_script(script("sha256", "note", "forget", "unconfirmed"))
        self._due_at: datetime | None = None
        self.counts: Counter[str] = Counter()

    @classmethod
    def of(cls, url: str, evidence: str, kept_days: float) -> Self:
        """With stores of its own."""
        return cls(url, ResultsStore(url), EvidenceStore(evidence), kept_days)

    def sweep(self) -> int:
        """Deletes what is over; how many violations it was. Called every half minute, looks now and then, and goes on
        the next time where there was too much.

        Raises:
            StoreError: If Redis is away.
        """
        now = self._clock()
        if self._due_at is not None and now < self._due_at:
            return 0
        self._due_at = now + EVERY
        until_s, went = time.monotonic() + BUSY_S, 0
        for each in (each for state in UNCONFIRMED for each in self._over(state, now)):
            went += self._go(each, now)
            if time.monotonic() > until_s:
                self._due_at = None
                break
        if went:
            log.info("deleted %d violations that nobody confirmed within %g days", went, self._kept.days)
        compact(self._redis, self._address, bool(went))
        self._remove()
        return went

    def _over(self, state: str, now: datetime) -> Iterator[Entry]:
        """Violations in a state that have been left alone for too long."""
        before = now - self._kept
        with told("look for what nobody confirmed", self._address):
            # None was written before it was captured.
            ids: Any = self._redis.zrangebyscore(keys.state(state), "-inf", to_ms(before))
        for start in range(0, len(ids), READ):
            for each in self._archive.entries([i.decode() for i in ids[start : start + READ]]):
                if _touched_at(each) < before:
                    yield each

    def _go(self, each: Entry, now: datetime) -> bool:
        case, violation = case_of(each), each.event
        if case.state not in UNCONFIRMED:
            return False  # somebody took it at this moment
        number = case.decision.number if case.decision is not None else 0
        folders = [json.dumps({"folder": f, "violation": violation.id}) for f in _folders(each)]
        said = entry(
            SYSTEM,
            "violation.deleted",
            subject=violation.id,
            why="nobody confirmed it for as long as the law allows",
            state=case.state,
            district=violation.subject,
        )
        args: list[str | int] = [
            keys.PREFIX,
            to_ms(now),
            violation.id,
            case.state,
            number,
            json.dumps(folders),
            said,
        ]
        with told("delete a violation that nobody confirmed", self._address):
            gone = bool(self._delete(keys=[keys.EVENTS], args=args))
        self.counts[case.state] += gone
        return gone

    def _remove(self) -> None:
        """Removes their packages; those that cannot be removed now are tried again."""
        with told("read which packages must go", self._address):
            waiting: Any = self._redis.smembers(keys.VIOLATIONS_UNREMOVED)
        until_s = time.monotonic() + BUSY_S
        for each in waiting:
            if time.monotonic() > until_s:
                self._due_at = None
                break
            which = json.loads(each)
            try:
                self._packages.discard(which["folder"], which["violation"])
            except StoreError as error:
                log.warning("%s; tried again later", error)
                continue
            with told("note that a package is gone", self._address):
                self._redis.srem(keys.VIOLATIONS_UNREMOVED, each)


def _touched_at(each: Entry) -> datetime:
    decision = case_of(each).decision
    return each.written_at if decision is None else max(each.written_at, decision.decided_at)


def _folders(each: Entry) -> list[str]:
    """Where its packages lie; of an average speed there are two."""
    stored = each.evidence.data if each.evidence is not None else {}
    named = (each.event.data.get("evidence"), stored.get("folder"), stored.get("entry_folder"))
    return sorted({name for name in named if isinstance(name, str) and name})
