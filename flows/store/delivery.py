"""From submitted events to Redis, over the disk while Redis is away. No Ray here; one thread calls it."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Literal, Protocol, Self

from flows.domain.errors import FieldError, StoreError
from flows.domain.events import Event
from flows.domain.status import ResultsStatus
from flows.store.ledger import utc_now
from flows.store.lines import Line
from flows.store.present import ClockDoubted
from flows.store.results import BATCH, ResultsStore
from flows.store.spool import Spool

log = logging.getLogger(__name__)

Verdict = Literal["written", "duplicate", "gone", "spooled", "lost", "rejected"]
"""What became of one event: in Redis now, there already, of a violation that was deleted before and stays so, safe on
disk, not kept, or no event at all."""

REFUSED_IDS = 100_000
"""Ids of events not kept that are remembered, to see whether their producer brings them again: some 10 MB."""


class Desk(Protocol):
    """Somebody who is shown written events and answers with further ones: decisions, matches.

    Answers carry deterministic ids, so that the same event shown twice does no harm. A desk that fails is shown
    nothing again; its ``sweep`` makes up for it.
    """

    def wants(self, line: Line) -> bool:
        """Whether it is shown this event."""
        ...

    def take(self, event: Event) -> list[Event]:
        """Called after the event was written."""
        ...

    def sweep(self) -> list[Event]:
        """Called when Redis is (again) reached, and every now and then."""
        ...


@dataclass(frozen=True, slots=True)
class Ack:
    """The answer to a submit. All but ``lost`` and ``rejected`` are done with; nobody need send them again.

    Lost ones could not be kept here: a producer that still has them sends them again later. Rejected ones are
    no events and never will be.
    """

    written: int = 0
    duplicates: int = 0
    spooled: int = 0
    lost: int = 0
    rejected: int = 0
    gone: int = 0

    @classmethod
    def of(cls, verdicts: Iterable[Verdict]) -> Self:
        """Counts verdicts."""
        n = Counter(verdicts)
        return cls(n["written"], n["duplicate"], n["spooled"], n["lost"], n["rejected"], n["gone"])

    @property
    def safe(self) -> bool:
        """Whether every event is in Redis or on disk, or is to be in neither."""
        return self.lost == 0 and self.rejected == 0


@dataclass(frozen=True, slots=True)
class Policy:
    """When to try Redis again, and how far to trust it.

    Attributes:
        retry_s: First and longest pause between attempts while Redis is away, doubled each time.
        doubt_s: An append-only file synced every second lets go of up to its last 2 s of answered writes when
            the server is killed during a slow sync, or when its machine fails. Events younger than this are
            written again after a reconnect.
        doubt_events: Most events remembered for that.
        check_s: How often an idle connection is tried while such young events exist.
        prune_s: How often old events are removed.
        sweep_s: How often desks look for what they missed.
    """

    retry_s: tuple[float, float] = (0.2, 5.0)
    doubt_s: float = 3.0
    doubt_events: int = 20_000
    check_s: float = 1.0
    prune_s: float = 600.0
    sweep_s: float = 30.0


class Results:
    """Writes events to Redis once each; while Redis is away keeps them on disk, and writes them afterwards.

    ``submit`` may be called at any time. ``drain`` is called over and over by whoever owns the thread
    (:class:`flows.store.writer.Writer`), after ``wait_s()`` seconds when nothing is submitted.

    Args:
        store: Redis.
        spool: The disk.
        clock: Seconds of a steady clock.
        policy: Pauses and bounds.
        desks: Are shown what was written; what they answer is delivered likewise.
        present: The present, by which old events are removed.
    """

    def __init__(
        self,
        store: ResultsStore,
        spool: Spool,
        clock: Callable[[], float] = time.monotonic,
        policy: Policy | None = None,
        desks: Sequence[Desk] = (),
        present: Callable[[], datetime] = utc_now,
    ) -> None:
        self._store, self._spool, self._clock, self._policy = store, spool, clock, policy or Policy()
        self._present = present
        self._desks = desks
        self._swept_at_s = float("-inf")
        self._tally: Counter[Verdict] = Counter()
        self._refused: dict[str, None] = {}  # a set that knows which is the oldest
        self._forgotten = 0
        self._away = ""  # why Redis is away; empty while it is up
        self._outages, self._outages_s = 0, 0.0  # those that are over, in seconds
        self._went_at_s = 0.0
        self._pause_s = self._policy.retry_s[0]
        self._retry_at_s = 0.0
        self._young: deque[tuple[float, Line]] = deque(maxlen=self._policy.doubt_events)
        self._connections = 0
        self._checked_at_s = self._pruned_at_s = clock()
        self._pruning: Iterator[int] | None = None
        self._pruned = 0  # events, in this round
        try:
            self._check()
        except StoreError as error:
            self._went(error)

    # What producers and operators ask

    def submit(self, events: Sequence[Event | bytes]) -> Ack:
        """Takes events; returns when each is in Redis or on this disk, or counted as lost."""
        return Ack.of(self.take(events))

    def take(self, events: Sequence[Event | bytes]) -> list[Verdict]:
        """Like :meth:`submit`, with a verdict for each event, in order."""
        verdicts: list[Verdict] = ["rejected"] * len(events)
        lines = [(i, line) for i, event in enumerate(events) if (line := _read(event)) is not None]
        for (i, _), verdict in zip(lines, self._deliver([line for _, line in lines]), strict=True):
            verdicts[i] = verdict
        self._note_refused([line.id for _, line in lines], [verdicts[i] for i, _ in lines])
        self._tally.update(verdicts)
        return verdicts

    def status(self, restarts: int = 0) -> ResultsStatus:
        """How it is doing. May be called from another thread.

        Lost are the events refused and not brought again since, and those that were no events.
        """
        return ResultsStatus(
            written=self._tally["written"],
            duplicates=self._tally["duplicate"],
            gone=self._tally["gone"],
            spooled=self.waiting,
            lost=len(self._refused) + self._forgotten + self._tally["rejected"],
            redis=self._away or "up",
            outages=self._outages,
            away_s=round(self._outages_s + (self._clock() - self._went_at_s if self._away else 0.0), 1),
            restarts=restarts,
            deleted=dict(self._store.deleted),
        )

    @property
    def waiting(self) -> int:
        """Events on this disk that Redis does not have yet."""
        return len(self._spool)

    # What the owner of the thread calls

    def wait_s(self) -> float:
        """Seconds until :meth:`drain` has something to do."""
        if self._away:
            return max(0.0, self._retry_at_s - self._clock())
        return 0.0 if self.waiting or self._pruning is not None else self._policy.check_s

    def drain(self) -> None:
        """Does the next piece of work: tries Redis again, prunes a little, writes what waits on disk, checks.

        Pruning comes first: a Redis that is full takes nothing of what waits before it has room.
        """
        try:
            if self._away and not self._is_back():
                return
            if self._pruning is not None or self._due("_pruned_at_s", self._policy.prune_s):
                self._prune()
            if self.waiting:
                self._drain_batch()
            elif self._young and self._due("_checked_at_s", self._policy.check_s):
                self._check()
            elif self._desks and self._due("_swept_at_s", self._policy.sweep_s):
                self._show([desk.sweep for desk in self._desks])
        except StoreError as error:
            self._went(error)

    def close(self) -> None:
        """Writes what it can of the backlog and gives disk and connections back; the rest waits on disk."""
        while self.waiting and not self._away:
            self.drain()
        self._spool.close()
        self._store.close()

    # Inside

    def _deliver(self, lines: list[Line]) -> list[Verdict]:
        if not lines:
            return []
        if not self._away:
            try:
                return self._write(lines)
            except StoreError as error:
                self._went(error)
        kept = self._spool.append([line.json for line in lines])
        if kept.lost:
            log.error("%d events are lost: %s", kept.lost, kept.why)
        verdicts: list[Verdict] = ["spooled"] * kept.kept
        return verdicts + ["lost"] * kept.lost

    def _note_refused(self, ids: list[str], verdicts: list[Verdict]) -> None:
        for event_id, verdict in zip(ids, verdicts, strict=True):
            self._refused.pop(event_id, None)
            if verdict == "lost":
                self._refused[event_id] = None
        while len(self._refused) > REFUSED_IDS:
            del self._refused[next(iter(self._refused))]
            self._forgotten += 1

    def _write(self, lines: list[Line]) -> list[Verdict]:
        report = self._store.write(lines)
        self._reconcile()
        now_s = self._clock()
        self._young.extend((now_s, line) for line in lines)
        shown = ((desk, line) for line in lines for desk in self._desks if desk.wants(line))
        self._show([partial(_shown, desk, line) for desk, line in shown])
        return [
            "written" if is_new else "gone" if n in report.gone else "duplicate"
            for n, is_new in enumerate(report.fresh)
        ]

    def _show(self, asks: Sequence[Callable[[], list[Event]]]) -> None:
        """Asks desks and delivers their answers. What was written stays written, whatever goes wrong here."""
        for ask in asks:
            try:
                answers = ask()
            except StoreError as error:
                log.warning("%s; tried again in the next sweep", error)
                continue
            except Exception:  # a desk's mistake must not keep others' events from being written
                log.exception("a desk failed")
                continue
            self._tally.update(self._deliver([Line.of(event) for event in answers]))

    def _drain_batch(self) -> None:
        raw = self._spool.peek(BATCH)
        lines = [line for each in raw if (line := _read(each)) is not None]
        self._tally.update(self._write(lines))
        self._tally["rejected"] += len(raw) - len(lines)
        self._spool.ack(len(raw))

    def _check(self) -> None:
        self._store.ping()
        self._reconcile()

    def _reconcile(self) -> None:
        """After each answer: what is old enough is believed; after a reconnect nothing young is."""
        if self._store.connections != self._connections:
            again = self._store.write([line for _, line in self._young]).written
            if again:
                log.warning("Redis had lost %d answered events when it went away; written again", again)
            self._connections = self._store.connections
        first_s = self._clock() - self._policy.doubt_s
        while self._young and self._young[0][0] < first_s:
            self._young.popleft()

    def _prune(self) -> None:
        """Removes a little of what is old; events are written in between, however much it is."""
        if self._pruning is None:
            try:
                now_s = self._present().timestamp()
            except ClockDoubted as error:
                log.error("%s", error)
                now_s = 0.0  # nothing is over then; what is too much for Redis goes all the same
            self._pruning, self._pruned = self._store.pruning(now_s), 0
        removed = next(self._pruning, None)
        if removed is not None:
            self._pruned += removed
            return
        self._pruning = None
        if self._pruned:
            log.info("removed %d events past their retention", self._pruned)

    def _is_back(self) -> bool:
        if self._clock() < self._retry_at_s:
            return False
        self._store.probe()
        self._check()
        log.warning("Redis is back; %d events wait on disk", self.waiting)
        self._outages_s += self._clock() - self._went_at_s
        self._away, self._pause_s = "", self._policy.retry_s[0]
        return True

    def _went(self, error: StoreError) -> None:
        if not self._away:
            log.warning("%s", error)
            self._outages += 1
            self._went_at_s = self._clock()
        self._away = str(error)
        self._retry_at_s = self._clock() + self._pause_s
        self._pause_s = min(2 * self._pause_s, self._policy.retry_s[1])

    def _due(self, field: str, every_s: float) -> bool:
        now_s = self._clock()
        if now_s - getattr(self, field) < every_s:
            return False
        setattr(self, field, now_s)
        return True


def _shown(desk: Desk, line: Line) -> list[Event]:
    return desk.take(Event.model_validate_json(line.json))


def _read(event: Event | bytes) -> Line | None:
    """The event's line, or None for what is none: one bad producer must not stop the others."""
    try:
        return Line.of(event)
    except FieldError as error:
        log.error("rejected: %s", error)
        return None
