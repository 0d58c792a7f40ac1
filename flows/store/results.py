"""Results in Redis: events once each, their indexes and counters."""

from __future__ import annotations

import itertools
import json
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from flows.casework.adjudication import Case, Decision
from flows.domain.events import PASSAGE, SIGNAL_CHANGED, Event
from flows.domain.masking import masked
from flows.domain.patrol import TASK
from flows.domain.privacy import PRIVATE
from flows.domain.review import IN_HAND, UNDER_APPEAL
from flows.store import keys
from flows.store.compacting import compact
from flows.store.connection import client, script, told
from flows.store.deleted import REMEMBERED
from flows.store.intake import Intake
from flows.store.ledger import Clock, utc_now
from flows.store.lines import Line

Index = Literal["type", "camera", "district"]
STEP = 1000
"""Rows of an index read at once where only some of them are wanted."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as Redis holds it.

    Attributes:
        place: Its id in the stream of all events; later places were written later.
        event: The event.
        evidence: The ``EVIDENCE_STORED`` event of its package, once there is one.
        plate: The event of its plate (``dome.plate.read.v1``), once it was read or could not be.
        decision: The ``DECISION`` event that holds, once there is one.
    """

    place: str
    event: Event
    evidence: Event | None = None
    plate: Event | None = None
    decision: Event | None = None

    @property
    def order(self) -> tuple[int, int]:
        """Its place as numbers: entries sorted by it stand in the order of writing."""
        ms, _, n = self.place.partition("-")
        return int(ms), int(n)

    @property
    def written_at(self) -> datetime:
        """When it was written."""
        return datetime.fromtimestamp(self.order[0] / 1000, UTC)

    @property
    def case(self) -> Case:
        """A violation with what is kept of it, as it is decided on."""
        held = Decision.model_validate(self.decision.data) if self.decision is not None else None
        return Case(self.event, self.evidence, self.plate, held)


@dataclass(frozen=True, slots=True)
class WriteReport:
    """What became of a batch.

    Attributes:
        fresh: For each event, in order, whether it was new.
        gone: The numbers of those that were left out because the violation was deleted before.
    """

    fresh: tuple[bool, ...]
    gone: frozenset[int] = frozenset()

    @property
    def written(self) -> int:
        """Events that were new."""
        return sum(self.fresh)

    @property
    def duplicates(self) -> int:
        """Events that were there already."""
        return len(self.fresh) - self.written - len(self.gone)


@dataclass(frozen=True, slots=True)
class Count:
    """How many events of a type a district had on a day (UTC day of the capture time)."""

    day: str
    district: str
    type: str
    count: int


@dataclass(frozen=True, slots=True)
class Retention:
    """How long results stay in Redis; whichever bound is reached first. Counters are kept for good.

    A violation goes as a whole, when it is due itself: with its decisions, its plate and its package.

    Attributes:
        keep_days: Days since an event was written; of a job the profile's ``violation_days``, in which a decision can
            be appealed. A violation whose appeal still runs, or of which a filing waits, stays as long as that, and
            :data:`SETTLED_DAYS` after the last that was decided on it.
        max_events: About 4 kB each with a measurement trace, so a quarter of a million fit in 1 GB of memory.
            Violations that somebody has in review, or has confirmed, do not go before their days are over: they come
            on top of this, and memory must hold as many as people work on in those days.
        passage_days: Keyed hashes of plates that belong to no violation; profiles say ``plate_hash_days``, and
            after an hour a passage matches nothing any more. Lights' phases as well.
        max_passing: So many of each of these, or the lights of a few junctions, which change 4,000 times a day each,
            would push out violations that wait for a list or a reviewer.
        task_days: What was told of patrols' tasks; profiles say ``task_days``.
        unconfirmed_days: Violations that nobody confirmed; profiles say ``unconfirmed_days``. None: as long as all
            others.
        rules: Of single rules, by kind: other ``keep_days``, and other ``unconfirmed_days``.
    """

    keep_days: float = 90.0
    max_events: int = 250_000
    passage_days: float = 1.0
    max_passing: int = 50_000
    task_days: float = 30.0
    unconfirmed_days: float | None = None
    rules: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long Redis may take.

    Attributes:
        answer_s: A full batch takes about 20 ms; a disk that stalls at fsync holds Redis up for a second or
            two.
        probe_s: The same for asking whether it is back, while producers wait behind the question.
    """

    answer_s: float = 3.0
    probe_s: float = 0.5


FIELDS = ("place", "json", "evidence", "plate", "decision")
"""Of an event's record, in the order of :class:`Entry`."""

PASSING = (PASSAGE, SIGNAL_CHANGED)
"""Events that matter for an hour; there are many of them."""
VIOLATION_OF = "dome.violation.{}.v1"
"""The type of a rule's violations, by its kind."""
BATCH = 256
"""Events in one call of the script: about 10 ms of Redis's time, in which it serves nobody else."""
FRESH, DELETED_BEFORE = 1, 2
"""What the script answers of an event that was new, and of one whose violation was deleted."""
SETTLED_DAYS = 30
"""What was decided late can be told, exported and answered for; to be confirmed by counsel."""
CASE_EVENTS = 7
"""A violation that people have worked on: itself, its plate, its package, claimed, confirmed, issued, closed."""


class ResultsStore:
    """Reads and writes results. Safe to use from several threads; nothing connects before the first call.

    Nothing is sent twice by the client itself (a retry after a stall wrote double entries in trials); whoever
    calls may repeat a write, because ids make it idempotent.

    Attributes:
        deleted: Violations that :meth:`prune` has deleted, by the state that they were in.

    Raises:
        FieldError: If the address is malformed.
    """

    def __init__(
        self,
        url: str,
        *,
        retention: Retention | None = None,
        patience: Patience | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self.address = masked(url)
        self.connections = 0
        """Times the writing side has connected: a change means that Redis may have lost its newest writes."""
        self._retention = retention or Retention()
        self._patience = patience or Patience()
        self._writer = client(url, self._patience.answer_s, redis_connect_func=self._on_connect)
        self._client = client(url, self._patience.answer_s)
        self._probe = client(url, self._patience.probe_s)
        self._write = self._writer.register_script(script("sha256", "note", "forget", "write"))
        self._prune = self._writer.register_script(script("sha256", "note", "forget", "prune"))
        self.deleted: Counter[str] = Counter()
        self._intake = Intake(url, clock)

    def close(self) -> None:
        """Gives the connections back."""
        for each in (self._writer, self._client, self._probe):
            each.close()
        self._intake.close()

    # Writing

    def write(self, events: Sequence[Event | bytes | Line]) -> WriteReport:
        """Writes each event with its indexes and counters unless its id is known; private ones go to their own stores.

        Raises:
            StoreError: If Redis is away, refuses or takes too long: some may be written all the same; repeat
                all.
            FieldError: If bytes are no event.
        """
        lines = [Line.of(event) for event in events]
        private = [line.type in PRIVATE for line in lines]
        public = iter(
            self._write_public([line for line, apart in zip(lines, private, strict=True) if not apart])
        )
        kept = iter(self._intake.write([line for line, apart in zip(lines, private, strict=True) if apart]))
        answers = [int(next(kept if apart else public)) for apart in private]
        gone = frozenset(n for n, answer in enumerate(answers) if answer == DELETED_BEFORE)
        return WriteReport(tuple(answer == FRESH for answer in answers), gone)

    def _write_public(self, lines: Sequence[Line]) -> list[int]:
        answers: list[int] = []
        for start in range(0, len(lines), BATCH):
            args: list[bytes | str | int] = [keys.PREFIX]
            for line in lines[start : start + BATCH]:
                args += [line.id, line.json, line.type, line.camera]
                args += [line.district, line.time_ms, line.day, line.violation, line.state, line.number]
                args += [line.severity, line.plate, line.export]
            with self._told("write events"):
                answer: Any = self._write(keys=[keys.EVENTS], args=args)
            answers += answer
        return answers

    def ping(self) -> None:
        """Asks on the writing connection whether Redis answers.

        Raises:
            StoreError: If it does not.
        """
        with self._told("reach Redis"):
            self._writer.ping()

    def probe(self) -> None:
        """Like :meth:`ping` on a connection of its own and with little patience, for when Redis is away.

        Raises:
            StoreError: If it does not answer.
        """
        with self._told("reach Redis"):
            self._probe.ping()

    def prune(self, now_s: float | None = None, batch: int = BATCH) -> int:
        """Does all of :meth:`pruning` at once; returns how many events went.

        Raises:
            StoreError: If Redis is away.
        """
        return sum(self.pruning(time.time() if now_s is None else now_s, batch))

    def pruning(self, now_s: float, batch: int = BATCH) -> Iterator[int]:
        """Removes what :class:`Retention` no longer keeps, a batch at each step; yields how many events went.

        Packages of violations among them are noted for :class:`flows.store.removals.Removals`.

        Args:
            now_s: Seconds since 1970; 0 where nobody knows: then nothing goes but what is too much.
            batch: Events that one call looks at.

        Raises:
            StoreError: If Redis is away.
        """
        kept, before = self._retention, self.deleted.total()
        passing = [(type, kept.passage_days, kept.max_passing) for type in PASSING]
        rules = [(VIOLATION_OF.format(kind), days, kept.max_events) for kind, (days, _) in kept.rules.items()]
        others = [(TASK, kept.task_days, kept.max_events), ("", kept.keep_days, kept.max_events)]
        firsts = {type: (now_s - days * 86400) * 1000 for type, days, _ in rules}
        for type, days, most in (*passing, *rules, *others):
            asked = {
                "now": now_s * 1000,
                "first": (now_s - days * 86400) * 1000,
                "firsts": firsts,
                "most": most,
                "type": type,
                "batch": batch,
                "stay": IN_HAND if not type or type in firsts else (),
                "hold": UNDER_APPEAL,
                "quiet": (now_s - SETTLED_DAYS * 86400) * 1000,
                "weight": CASE_EVENTS,
                "remember": REMEMBERED,
            }
            yield from self._remove(asked)
        compact(self._writer, self.address, self.deleted.total() > before)

    def _remove(self, asked: dict[str, Any]) -> Iterator[int]:
        place = ""
        while True:
            with self._told("remove old events"):
                answer: Any = self._prune(
                    keys=[keys.EVENTS], args=[keys.PREFIX, json.dumps(asked | {"after": place})]
                )
            self.deleted.update(state.decode() for state in answer[2])
            yield int(answer[1])
            place = answer[0].decode()
            if not place:
                return

    # Reading

    def event(self, event_id: str) -> Entry | None:
        """One event with its evidence, or None.

        Raises:
            StoreError: If Redis is away.
        """
        return next(iter(self.entries([event_id])), None)

    def entries(self, ids: Sequence[str]) -> list[Entry]:
        """Events by id, without those that are not there.

        Raises:
            StoreError: If Redis is away.
        """
        with self._told("read events"):
            pipe = self._client.pipeline(transaction=False)
            for event_id in ids:
                pipe.hmget(keys.event(event_id), *FIELDS)
            rows = pipe.execute() if ids else []
        return [_entry(*row) for row in rows if row[1] is not None]

    def events(
        self,
        since: str = "0-0",
        *,
        type: str | None = None,
        camera: str | None = None,
        district: str | None = None,
        count: int = 100,
    ) -> list[Entry]:
        """Events written after the place ``since``, oldest first, at most ``count``.

        Raises:
            StoreError: If Redis is away.
        """
        wanted = {b"type": type, b"camera": camera, b"district": district}
        name, chunk = keys.stream(type=type, camera=camera), max(count, 500)
        found: list[str] = []
        while len(found) < count:
            with self._told("read events"):
                rows: Any = self._client.xrange(name, min=f"({since}", count=chunk)
            found += [f[b"id"].decode() for _, f in rows if _matches(f, wanted)]
            if len(rows) < chunk:
                break
            since = rows[-1][0].decode()
        return self.entries(found[:count])

    def newest(self) -> str:
        """The place of the newest event, for following from now on; ``0-0`` when there is none.

        Raises:
            StoreError: If Redis is away.
        """
        with self._told("read events"):
            rows: Any = self._client.xrevrange(keys.EVENTS, count=1)
        return rows[0][0].decode() if rows else "0-0"

    def captured(
        self,
        index: Index,
        name: str,
        since: datetime,
        until: datetime,
        count: int = 100,
        within: Collection[str] | None = None,
    ) -> list[Entry]:
        """Events of one type, camera or district by capture time in ``[since, until)``, newest first.

        Args:
            index: Which index is read.
            name: Of the type, camera or district.
            since: First capture time.
            until: First capture time after it.
            count: Most events.
            within: Only of these districts; the index is read on until there are ``count`` of theirs, however many
                others were captured since. None: of all.

        Raises:
            StoreError: If Redis is away.
        """
        low, high = round(since.timestamp() * 1000), f"({round(until.timestamp() * 1000)}"
        step = count if within is None else max(count, STEP)
        found: dict[str, None] = {}  # what is captured meanwhile moves the rest: none is to come twice
        for offset in itertools.count(0, step):
            with self._told("read events by time"):
                rows: Any = self._client.zrange(
                    keys.times(index, name), high, low, desc=True, byscore=True, offset=offset, num=step  # type: ignore[arg-type]
                )  # fmt: skip
            ids = [row.decode() for row in rows]
            found |= dict.fromkeys(ids if within is None else self.those_within(ids, within))
            if len(ids) < step or len(found) >= count:
                break
        return self.entries(list(found)[:count])

    def those_within(self, ids: Sequence[str], districts: Collection[str]) -> list[str]:
        """Those of some events that lie in some districts, in order.

        Raises:
            StoreError: If Redis is away.
        """
        if not ids:
            return []
        with self._told("read events' districts"):
            pipe = self._client.pipeline(transaction=False)
            for district in districts:
                pipe.zmscore(keys.times("district", district), ids)  # type: ignore[arg-type]
            known = pipe.execute()
        return [each for each, *times in zip(ids, *known, strict=True) if any(ms is not None for ms in times)]

    def violations(self, since: datetime, until: datetime) -> Iterator[Entry]:
        """Violations of every kind by capture time in ``[since, until)``, newest day first.

        Raises:
            StoreError: If Redis is away.
        """
        since, until = since.astimezone(UTC), until.astimezone(UTC)  # days are counted in UTC
        types = {c.type for c in self.counters() if c.type.startswith("dome.violation.")}
        days = [date.fromisoformat(day) for day in self.days()]
        for day in sorted((d for d in days if since.date() <= d <= until.date()), reverse=True):
            start = datetime(day.year, day.month, day.day, tzinfo=UTC)
            first, last = max(since, start), min(until, start + timedelta(days=1))
            for type in sorted(types):
                yield from self.captured("type", type, first, last, self._retention.max_events)

    def in_state(self, state: str, count: int | None = 1000) -> list[str]:
        """Ids of violations in a state, oldest capture first; all of them if ``count`` is None.

        Raises:
            StoreError: If Redis is away.
        """
        with self._told("read states"):
            ids: Any = self._client.zrange(keys.state(state), 0, -1 if count is None else count - 1)
        return [i.decode() for i in ids]

    def decisions(self, violation_id: str) -> list[Event]:
        """All decisions on a violation, oldest first; the last one holds.

        Raises:
            StoreError: If Redis is away.
        """
        with self._told("read decisions"):
            ids: Any = self._client.lrange(keys.decisions(violation_id), 0, -1)
        return [entry.event for entry in self.entries([i.decode() for i in ids])]

    def counters(self, day: date | str | None = None, district: str | None = None) -> list[Count]:
        """Counters of one day (UTC day of the capture time) or of all days, sorted.

        Raises:
            StoreError: If Redis is away.
        """
        days = [str(day)] if day is not None else self.days()
        with self._told("read counters"):
            pipe = self._client.pipeline(transaction=False)
            for each in days:
                pipe.hgetall(keys.counts(each))
            rows = zip(days, pipe.execute(), strict=True)
        counts = [_count(d, field, value) for d, table in rows for field, value in table.items()]
        wanted = [c for c in counts if district is None or c.district == district]
        return sorted(wanted, key=lambda c: (c.day, c.district, c.type))

    def days(self) -> list[str]:
        """The days that have counters, in order.

        Raises:
            StoreError: If Redis is away.
        """
        with self._told("read counters"):
            found: Any = self._client.smembers(keys.DAYS)
        return sorted(d.decode() for d in found)

    # Inside

    def _on_connect(self, connection: Any) -> None:
        connection.on_connect()
        self.connections += 1

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Turns Redis's errors into ours, with what to do."""
        with told(what, self.address):
            yield


def _matches(fields: dict[bytes, bytes], wanted: dict[bytes, str | None]) -> bool:
    return all(value is None or fields[name].decode() == value for name, value in wanted.items())


def _count(day: str, field: bytes, value: bytes) -> Count:
    district, _, kind = field.decode().rpartition("|")
    return Count(day, district, kind, int(value))


def _entry(place: bytes, text: bytes, *attached: bytes | None) -> Entry:
    others = (None if each is None else Event.model_validate_json(each) for each in attached)
    return Entry(place.decode(), Event.model_validate_json(text), *others)
