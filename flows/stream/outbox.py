"""A camera's events on their way to the results actor: on disk until somebody has them."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from flows.backoff import Backoff
from flows.domain.errors import StoreError
from flows.domain.events import Event
from flows.domain.privacy import PRIVATE
from flows.store.lines import to_json
from flows.store.spool import Spool

log = logging.getLogger(__name__)

BATCH_EVENTS = 200
"""Events in one submit: some hundred kilobytes."""

REMEMBERED_IDS = 10_000
"""Whoever follows the events asks every second; a camera never has so many in one."""


class Answer(Protocol):
    """What the results actor made of a batch (``flows.store.delivery.Ack``)."""

    @property
    def lost(self) -> int: ...
    @property
    def rejected(self) -> int: ...


Submit = Callable[[Sequence[bytes]], Awaitable[Answer]]
"""Hands events over; raises :class:`StoreError` when nobody takes them now."""


class Outbox:
    """At-least-once delivery. Events carry deterministic ids, so a second copy does no harm.

    Each event is on disk before anybody is asked to take it: a camera actor may be killed at any moment.

    Args:
        spool: This camera's own.
        submit: Hands a batch to the results actor.
        backoff: Pauses while it is away.
    """

    def __init__(self, spool: Spool, submit: Submit, backoff: Backoff | None = None) -> None:
        self._spool, self._submit = spool, submit
        self._backoff = backoff or Backoff(0.2, 5.0)
        self._news = asyncio.Event()
        self._empty = asyncio.Event()
        self.lost = 0
        self.problem = ""
        self._ids: deque[str] = deque(maxlen=REMEMBERED_IDS)
        self._count = 0
        self._note()

    def __len__(self) -> int:
        """Events nobody has acknowledged yet."""
        return len(self._spool)

    def put(self, events: Sequence[Event]) -> int:
        """Takes events; what cannot be kept is counted in ``lost``. How many those are, the last ones."""
        kept = self._spool.append([to_json(event) for event in events])
        if kept.lost:
            self.lost += kept.lost
            log.error("outbox: %d events lost: %s", kept.lost, kept.why)
        told = [event.id for event in events if event.type not in PRIVATE]  # nobody can follow the others
        self._ids.extend(told)
        self._count += len(told)
        self._note()
        return kept.lost

    def ids(self, since: int) -> tuple[list[str], int]:
        """Ids of the events put since the count was ``since`` (as far as remembered), and the count now.

        Private ones are not among them: nobody can follow those.
        """
        news = min(self._count - since, len(self._ids))
        return (list(self._ids)[-news:] if news else []), self._count

    async def run(self) -> None:
        """Delivers for ever; cancel it to end."""
        while True:
            await self._news.wait()
            try:
                await self._deliver()
            except Exception as error:  # whatever it is: what waits stays on disk, and is tried again
                if not isinstance(error, StoreError | OSError):  # OSError: this machine's own disk
                    log.exception("outbox: events wait")
                self.problem = str(error) or type(error).__name__
                await asyncio.sleep(self._backoff.next_s())

    async def drained(self, timeout_s: float | None = None) -> bool:
        """Waits until everything was taken, or time runs out."""
        try:
            await asyncio.wait_for(self._empty.wait(), timeout_s)
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """Lets a successor use the spool; what waits stays on disk."""
        self._spool.close()

    async def _deliver(self) -> None:
        lines = self._spool.peek(BATCH_EVENTS)
        answer = await self._submit(lines)
        if answer.lost:
            raise StoreError(f"the results actor could not keep {answer.lost} events")
        self.lost += answer.rejected  # it will never take those
        self._spool.ack(len(lines))
        self._backoff.reset()
        self.problem = ""
        self._note()

    def _note(self) -> None:
        waiting = len(self._spool) > 0
        for event, on in ((self._news, waiting), (self._empty, not waiting)):
            event.set() if on else event.clear()
