"""Delivers what was issued to the electronic proceedings: each filing once, in order, whoever dies meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from flows.backoff import Backoff
from flows.domain.filing import Filing, Receipt, Receiver, ReceiverAway, ReceiverBars, ReceiverRefuses

log = logging.getLogger(__name__)

PAUSES_S: Final = (1.0, 300.0)
"""First and longest pause while the receiver is away: it may be for a night."""
REFUSALS: Final = 3
"""Times that a receiver may refuse a filing before a person must look, and may have it sent again: it may have been its
mistake."""
BARRED_FOR: Final = timedelta(days=7)
"""A wrong path is found and put right within that, also over a long weekend. What is barred still must not wait for
ever: later filings on its violation wait behind it, and the violation is not deleted meanwhile."""


class Outbox(Protocol):
    """What waits (:class:`flows.store.proceedings.ProceedingsStore`)."""

    def my_turn(self) -> bool: ...
    def waiting(self) -> Iterator[tuple[str, str, str]]: ...
    def filing(self, violation_id: str, key: str) -> Filing | None: ...
    def barred_at(self, violation_id: str, key: str) -> datetime | None: ...
    def settle(self, place: str, receipt: Receipt) -> None: ...
    def note(self, receipt: Receipt) -> None: ...


@dataclass(slots=True)
class _Trouble:
    """One filing's."""

    backoff: Backoff = field(default_factory=lambda: Backoff(*PAUSES_S))
    attempts: int = 0
    refusals: int = 0
    due_s: float = 0.0
    barred_at: datetime | None = None


class Courier:
    """Takes filings from the outbox to a receiver.

    Filings on one violation arrive in order: a withdrawal never overtakes what it withdraws. Others do not wait for
    one that is in trouble.

    Args:
        outbox: What waits.
        receiver: Where to.
        now: The present.
    """

    def __init__(
        self, outbox: Outbox, receiver: Receiver, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._outbox, self._receiver, self._now = outbox, receiver, now
        self._trouble: dict[str, _Trouble] = {}
        self._problem = ""

    def deliver(self) -> int:
        """One round; how many were settled. Called every second.

        Raises:
            StoreError: If Redis is away.
        """
        if not self._outbox.my_turn():
            return 0
        settled, held_up = 0, set[str]()
        for place, violation, key in self._outbox.waiting():
            if violation in held_up or not self._due(key):
                held_up.add(violation)
                continue
            filing = self._outbox.filing(violation, key)
            if filing is None:
                log.error("proceedings: what %s was about is gone", place)
                lost = Receipt(
                    key=place, violation="", action="", state="refused", at=self._now(), answer="gone"
                )
                self._outbox.settle(place, lost)
                self._trouble.pop(key, None)
                continue
            if self._attempt(place, filing):
                settled += 1
            else:
                held_up.add(violation)
            if not self._outbox.my_turn():  # a slow receiver must not cost us the turn
                break
        return settled

    def _due(self, key: str) -> bool:
        return key not in self._trouble or self._now().timestamp() >= self._trouble[key].due_s

    def _attempt(self, place: str, filing: Filing) -> bool:
        trouble = self._trouble.setdefault(filing.key, _Trouble())
        trouble.attempts += 1
        try:
            answer = self._receiver.deliver(filing)
        except (ReceiverAway, ReceiverRefuses) as error:
            trouble.refusals += isinstance(error, ReceiverRefuses)
            if trouble.refusals < REFUSALS and not self._barred(filing, trouble, error):
                self._tell(str(error))
                trouble.due_s = self._now().timestamp() + trouble.backoff.next_s()
                self._outbox.note(self._receipt(filing, trouble, "waiting", str(error)))
                return False
            log.error("proceedings: %s is refused: %s", filing.key, error)
            receipt = self._receipt(filing, trouble, "refused", str(error))
        else:
            self._problem = ""
            receipt = self._receipt(filing, trouble, "delivered", answer)
        self._outbox.settle(place, receipt)
        self._trouble.pop(filing.key, None)
        return True

    def _barred(self, filing: Filing, trouble: _Trouble, error: Exception) -> bool:
        """Whether it is barred for so long that it must be the filing."""
        known = trouble.barred_at or self._outbox.barred_at(filing.violation, filing.key)
        bars = isinstance(error, ReceiverBars)
        trouble.barred_at = known or (self._now() if bars else None)
        return bars and trouble.barred_at is not None and self._now() - trouble.barred_at >= BARRED_FOR

    def _tell(self, problem: str) -> None:
        """Once, however many filings meet it: it may last for a night."""
        if problem != self._problem:
            log.warning("proceedings: tried again later: %s", problem)
        self._problem = problem

    def _receipt(self, filing: Filing, trouble: _Trouble, state: str, answer: str) -> Receipt:
        return Receipt.model_validate({
            "key": filing.key, "violation": filing.violation, "district": filing.district, "action": filing.action,
            "state": state, "at": self._now(), "attempts": trouble.attempts, "answer": answer[:300],
            "barred_at": trouble.barred_at,
        })  # fmt: skip
