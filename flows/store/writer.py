"""One thread writes for all: what many producers submit during one write goes together into the next."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from flows.domain.errors import StoreError
from flows.domain.events import Event
from flows.store.delivery import Ack, Results

BATCH = 1024
"""Most events in one turn: four calls of the script, some 40 ms, so that nobody waits long for an answer."""


@dataclass(slots=True)
class _Submit:
    events: Sequence[Event | bytes]
    ack: Future[Ack] = field(default_factory=Future)


class Writer:
    """Owns :class:`Results` and the thread that may touch it.

    Args:
        results: The logic.
        on_death: Called when the thread dies of a fault of ours, so that the process can end and be started
            again.
    """

    def __init__(self, results: Results, on_death: Callable[[], None] = lambda: None) -> None:
        self.results = results
        self._on_death = on_death
        self._pending: deque[_Submit] = deque()
        self._turn: list[_Submit] = []
        self._closing = False
        self._change = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="results-writer", daemon=True)
        self._thread.start()

    def submit(self, events: Sequence[Event | bytes]) -> Future[Ack]:
        """Queues events; the future holds their :class:`Ack`. May be called from any thread.

        Raises:
            StoreError: If the writer is closed.
        """
        submit = _Submit(events)
        with self._change:
            if self._closing or not self._thread.is_alive():
                raise StoreError("the results writer is closed; submit again when it has been started again")
            self._pending.append(submit)
            self._change.notify_all()
        return submit.ack

    def flush(self, timeout_s: float) -> bool:
        """Waits until everything submitted and spooled is in Redis; False when time ran out first."""
        with self._change:
            return self._change.wait_for(self._is_idle, timeout_s)

    def close(self) -> None:
        """Writes what was submitted, ends the thread and closes the results."""
        with self._change:
            self._closing = True
            self._change.notify_all()
        self._thread.join()

    def _is_idle(self) -> bool:
        return not self._pending and not self._turn and not self.results.waiting

    def _run(self) -> None:
        try:
            while self._next_turn():
                self._commit()
                self.results.drain()
            self.results.close()
        except BaseException as error:
            self._fail(error)
            self._on_death()
            raise

    def _next_turn(self) -> bool:
        """Waits for something to do and picks what is written now; False at the end."""
        with self._change:
            self._turn = []
            self._change.notify_all()
            if not self._pending and not self._closing:
                self._change.wait(self.results.wait_s())
            size = 0
            while self._pending and size < BATCH:
                size += len(self._pending[0].events)
                self._turn.append(self._pending.popleft())
            return bool(self._turn) or not self._closing

    def _commit(self) -> None:
        verdicts = self.results.take([event for submit in self._turn for event in submit.events])
        start = 0
        for submit in self._turn:
            end = start + len(submit.events)
            submit.ack.set_result(Ack.of(verdicts[start:end]))
            start = end

    def _fail(self, error: BaseException) -> None:
        """Nobody may wait for an answer that cannot come."""
        with self._change:
            self._closing = True
            waiting = [*self._turn, *self._pending]
            self._pending.clear()
        for submit in waiting:
            if not submit.ack.done():
                submit.ack.set_exception(StoreError(f"the results writer died: {error!r}; submit again"))
