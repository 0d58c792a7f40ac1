"""Violations that nobody confirmed within the days that the law of the place gives: they go.

Their packages go with them (:mod:`flows.store.removals`).

Days count from when a violation was written, or decided on last: whatever came from an archive, or was sent back to
reviewers, has its time. What somebody has in review, has confirmed, or has issued stays, and so does all that came
after that.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, Self

from flows.domain.masking import masked
from flows.domain.review import UNCONFIRMED
from flows.store import keys
from flows.store.compacting import compact
from flows.store.connection import client, script, told
from flows.store.ledger import ANSWER_S, Clock, to_ms, utc_now
from flows.store.results import Entry, ResultsStore

log = logging.getLogger(__name__)

READ: Final = 500
"""Violations read at a time."""
EVERY_S: Final = 600.0
"""Days are counted; looking for what is over costs a walk over all that is old."""
BUSY_S: Final = 1.0
"""Deletes for so long at a time: no event is written meanwhile, and an installation that has kept everything so far
has years to delete."""


class Archive(Protocol):
    """Where violations are (:class:`flows.store.results.ResultsStore`)."""

    def entries(self, ids: Sequence[str]) -> list[Entry]: ...


class UnconfirmedSweep:
    """Deletes them.

    Attributes:
        counts: How many went, by the state that they were in.

    Args:
        url: Of Redis.
        archive: Where violations are.
        kept_days: Days that nobody has confirmed one.
        clock: The present.
        steady_s: Seconds of a clock that nobody sets.
        rule_days: The same days of single rules, by kind, where they are others.
    """

    def __init__(
        self,
        url: str,
        archive: Archive,
        kept_days: float,
        clock: Clock = utc_now,
        steady_s: Callable[[], float] = time.monotonic,
        rule_days: Mapping[str, float] | None = None,
    ) -> None:
        self._address, self._redis = masked(url), client(url, ANSWER_S)
        self._archive, self._kept, self._clock = archive, timedelta(days=kept_days), clock
        self._of_rules = {kind: timedelta(days=days) for kind, days in (rule_days or {}).items()}
        self._steady_s, self._due_s = steady_s, float("-inf")
        self._delete = self._redis.register_script(script("sha256", "note", "forget", "unconfirmed"))
        self.counts: Counter[str] = Counter()

    @classmethod
    def of(
        cls, url: str, kept_days: float, clock: Clock, rule_days: Mapping[str, float] | None = None
    ) -> Self:
        """With a store of its own."""
        return cls(url, ResultsStore(url), kept_days, clock, rule_days=rule_days)

    def sweep(self) -> int:
        """Deletes what is over; how many violations it was. Called every half minute, looks now and then, and goes on
        the next time where there was too much.

        Raises:
            ClockDoubted: If the clock does not know the present (:class:`flows.store.present.Present`).
            StoreError: If Redis is away.
        """
        began_s, went = self._steady_s(), 0
        if began_s < self._due_s:
            return 0
        self._due_s = began_s + EVERY_S
        now = self._clock()
        for each in (each for state in UNCONFIRMED for each in self._over(state, now)):
            went += self._go(each, now)
            if self._steady_s() - began_s >= BUSY_S:
                self._due_s = began_s
                break
        if went:
            log.info("deleted %d violations that nobody confirmed within their days", went)
        compact(self._redis, self._address, bool(went))
        return went

    def _over(self, state: str, now: datetime) -> Iterator[Entry]:
        """Violations in a state that have been left alone for too long."""
        before = now - min((self._kept, *self._of_rules.values()))
        with told("look for what nobody confirmed", self._address):
            # None was written before it was captured.
            ids: Any = self._redis.zrangebyscore(keys.state(state), "-inf", to_ms(before))
        for start in range(0, len(ids), READ):
            for each in self._archive.entries([i.decode() for i in ids[start : start + READ]]):
                if _touched_at(each) < now - self._of_rules.get(str(each.event.data.get("rule")), self._kept):
                    yield each

    def _go(self, each: Entry, now: datetime) -> bool:
        case = each.case
        if case.state not in UNCONFIRMED:
            return False  # somebody took it at this moment
        number = case.decision.number if case.decision is not None else 0
        why = "nobody confirmed it for as long as the law allows"
        args: list[str | int] = [keys.PREFIX, to_ms(now), each.event.id, case.state, number, why]
        with told("delete a violation that nobody confirmed", self._address):
            gone = bool(self._delete(keys=[keys.EVENTS], args=args))
        self.counts[case.state] += gone
        return gone


def _touched_at(each: Entry) -> datetime:
    decision = each.case.decision
    return each.written_at if decision is None else max(each.written_at, decision.decided_at)
