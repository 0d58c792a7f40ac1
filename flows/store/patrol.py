"""Tasks of patrols in Redis: each step together with its audit entry; those that are not over also by place."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from flows.domain.audit import Action
from flows.domain.cases import SYSTEM
from flows.domain.errors import ChangedMeanwhile
from flows.domain.patrol import (
    SHOWN,
    Ending,
    Kind,
    Step,
    Task,
    TaskRefused,
    end,
    pressing,
    require_on_the_way,
    take,
    taken,
    task_id,
    wordless,
)
from flows.store import keys
from flows.store.compacting import compact
from flows.store.connection import told
from flows.store.ledger import Change, Clock, Ledger, Refused, entry, to_ms, utc_now
from flows.store.taskrecord import audited, kept, make, unchanged

SAID: Final[dict[Step, Action]] = {
    "accept": "task.accepted",
    "arrive": "task.arrived",
    "resolve": "task.resolved",
    "hand_over": "task.handed_over",
}
MOST: Final = 500
"""Tasks in a list, and those read at once: of whoever asks, however many there are elsewhere."""
FARTHEST_M: Final = 100_000.0
"""No case calls patrols from farther away (:class:`flows.domain.cases.SearchCase`)."""


class PatrolStore:
    """Safe to use from several threads; nothing connects before the first call.

    Args:
        url: Of Redis.
        clock: The present; for tests.
        kept_days: What is over is deleted after so many days, and what nobody resolves ends after as many: the
            profile's ``task_days``. A task keeps to those under which it came to its end.
    """

    def __init__(self, url: str, clock: Clock = utc_now, kept_days: float = 30.0) -> None:
        self._ledger, self.kept = Ledger(url, clock), timedelta(days=kept_days)

    def now(self) -> datetime:
        """The present, which never goes back: a task that ends does not begin again, so Redis's clock bears it out."""
        return self._ledger.surely_now()

    def close(self) -> None:
        """Gives the connections back."""
        self._ledger.close()

    def add(self, task: Task) -> Task:
        """Keeps a task; one that is there already is returned as it is, one that is over begins anew.

        Raises:
            StoreError: If Redis is away.
        """
        before = self.one(task.id)
        if before is not None:
            if not before.over:
                return before
            task = task.model_copy(update={"version": before.version + 1})
        held = None if before is None else str(before.version)
        change = Change(guards=[(["HGET", keys.task(task.id), "version"], held)])
        make(task, change)
        try:
            self._ledger.commit(change, "make a task")
        except Refused:
            return self.one(task.id) or task
        return task

    def one(self, task_id: str) -> Task | None:
        """A task, or None.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read a task", self._ledger.address):
            text: Any = self._ledger.client.hget(keys.task(task_id), "json")
        return None if text is None else Task.model_validate_json(text)

    def about(self, kind: Kind, things: Sequence[str]) -> dict[str, Task]:
        """The task of each of some things that has one, by the thing's id.

        Raises:
            StoreError: If Redis is away.
        """
        tasks = self._read([task_id(kind, thing).encode() for thing in things])
        return {task.about: task for task in tasks}

    def step(self, task_id: str, step: Step, by: str, version: int, note: str = "") -> Task:
        """Takes a step; of two that were asked for at the same moment one is done, and one sent again is done once.

        Raises:
            TaskRefused: See :func:`flows.domain.patrol.take`.
            StoreError: If Redis is away.
        """
        task = self.one(task_id)
        if task is None:
            raise TaskRefused(f"task: expected one that exists, got {task_id!r}")
        if taken(task, step, by, version, note):
            return task
        after = take(task, step, by, version, note, self.now())
        change = Change(guards=[unchanged(task)], commands=kept(after, self._forget_at(after)))
        said = audited(task, note)
        change.entries = [entry(by, SAID[step], subject=task_id, why=said, district=task.district)]
        try:
            self._ledger.commit(change, f"{step} a task")
        except Refused:
            # Somebody was faster, and it says so now; or it ended at this moment, and takes it all the same.
            return self.step(task_id, step, by, version, note)
        return after

    def look(self, task: Task, by: str) -> None:
        """Writes down that somebody sees what a task of theirs is about, if it is as it was read.

        Raises:
            TaskRefused: If they are not on the way.
            ChangedMeanwhile: If somebody took a step at this moment: look again.
            StoreError: If Redis is away.
        """
        require_on_the_way(task, by)
        change = Change(guards=[unchanged(task)])
        change.entries = [entry(by, "task.viewed", subject=task.id, district=task.district,
                                about=f"{task.kind} {task.about}")]  # fmt: skip
        try:
            self._ledger.commit(change, "see what a task is about")
        except Refused:
            raise ChangedMeanwhile(f"task {task.id}: it has changed at this moment; look again") from None

    def end(self, task: Task, why: Ending, *, gone: bool = False) -> Task:
        """Ends a task by itself, with its audit entry; whoever took a step at this moment was faster.

        Args:
            task: As it was looked at.
            why: Why.
            gone: What it is about is deleted: so are the words of people about it.

        Raises:
            TaskRefused: If it is over.
            StoreError: If Redis is away.
        """
        after = end(task, why, self.now())
        after = wordless(after) if gone else after
        change = Change(guards=[unchanged(task)])
        change.commands = [
            *kept(after, self._forget_at(after, gone=gone)),
            ["SADD", keys.TASKS_UNTOLD, task.id],
        ]
        change.entries = [entry(SYSTEM, "task.ended", subject=task.id, why=why, district=task.district)]
        try:
            self._ledger.commit(change, "end a task")
        except Refused:
            return self.one(task.id) or after
        if gone:
            self._compact()
        return after

    def empty(self, task: Task) -> Task:
        """Takes the words out of a task that is over, because what it is about is deleted; it goes itself soon.

        Raises:
            StoreError: If Redis is away.
        """
        after = wordless(task)
        forget_at = self._forget_at(after, gone=True)
        assert forget_at is not None, "it is over"
        change = Change(guards=[unchanged(task)])
        change.commands = [
            ["HSET", keys.task(task.id), "json", after.model_dump_json()],
            ["ZADD", keys.TASKS_FORGET, "LT", str(to_ms(forget_at)), task.id],
            ["SREM", keys.TASKS_LEADS, task.id],
        ]
        try:
            self._ledger.commit(change, "empty a task")
        except Refused:  # sent again at this moment
            return self.one(task.id) or after
        self._compact()
        return after

    def forget(self) -> int:
        """Deletes tasks that have been over for as long as they may be kept; how many went.

        Raises:
            StoreError: If Redis is away.
        """
        with told("look for tasks to delete", self._ledger.address):
            rows: Any = self._ledger.client.zrangebyscore(
                keys.TASKS_FORGET, "-inf", to_ms(self.now()), withscores=True
            )
        went = sum(self._deleted(name.decode(), due) for name, due in rows)
        if went:
            self._compact()
        return went

    def _compact(self) -> None:
        compact(self._ledger.client, self._ledger.address)

    def _deleted(self, task_id: str, due_ms: float) -> int:
        task = self.one(task_id)
        change = Change(guards=[(["ZSCORE", keys.TASKS_FORGET, task_id], f"{due_ms:.0f}")])
        sorted_sets = (keys.TASKS, keys.TASKS_OPEN, keys.TASKS_OVER, keys.TASKS_FORGET)
        change.commands = [
            ["DEL", keys.task(task_id)],
            *(["ZREM", index, task_id] for index in sorted_sets),
            *(["SREM", index, task_id] for index in (keys.TASKS_LEADS, keys.TASKS_UNTOLD)),
        ]
        change.entries = [entry(SYSTEM, "task.deleted", subject=task_id, why="kept for as long as the law allows",
                                district=task.district if task is not None else "")]  # fmt: skip
        try:
            self._ledger.commit(change, "delete a task")
        except Refused:  # sent again at this moment
            return 0
        return 1

    def _forget_at(self, task: Task, *, gone: bool = False) -> datetime | None:
        """When a task that is over is deleted; of what is gone nothing is kept but for the day in which it is shown."""
        if task.over_at is None:
            return None
        return task.over_at + (min(self.kept, SHOWN) if gone else self.kept)

    def unresolved(self) -> list[Task]:
        """All tasks that are not over, the newest first: for machines.

        Raises:
            StoreError: If Redis is away.
        """
        return list(self._walk(keys.TASKS_OPEN, "-inf"))

    def of_forgotten(self) -> list[Task]:
        """All tasks that are about leads and reports, over or not, but those that are emptied: for machines.

        Raises:
            StoreError: If Redis is away.
        """
        return self._members(keys.TASKS_LEADS)

    def untold(self) -> list[Task]:
        """Tasks that ended by themselves of which nobody has said yet that their event is written.

        Raises:
            StoreError: If Redis is away.
        """
        return self._members(keys.TASKS_UNTOLD)

    def note_told(self, tasks: Sequence[Task]) -> None:
        """Notes that the events of their end are written.

        Raises:
            StoreError: If Redis is away.
        """
        if tasks:
            with told("note that tasks are told", self._ledger.address):
                self._ledger.client.srem(keys.TASKS_UNTOLD, *(task.id for task in tasks))

    def newest(self, since: datetime, within: Collection[str] | None = None) -> list[Task]:
        """Tasks made since then, those that came to their end since then and those that are not over, the newest first
        (before them those that press); of some districts, or of all.

        Raises:
            StoreError: If Redis is away.
        """
        found: dict[str, Task] = {}
        first = str(to_ms(since))
        for index, low in ((keys.TASKS, first), (keys.TASKS_OVER, first), (keys.TASKS_OPEN, "-inf")):
            wanted = (task for task in self._walk(index, low) if within is None or task.district in within)
            found |= {task.id: task for task in itertools.islice(wanted, MOST)}
        return sorted(found.values(), key=lambda t: (pressing(t), t.made_at, t.id), reverse=True)

    def ended(self, since: datetime, holder: str, within: Collection[str] | None = None) -> list[Task]:
        """Tasks that somebody was on the way for when they ended by themselves since then, the newest end first.
        Likewise.

        Raises:
            StoreError: If Redis is away.
        """
        over = self._walk(keys.TASKS_OVER, str(to_ms(since)))
        own = (task for task in over if task.state == "ended" and task.holder == holder)
        return list(
            itertools.islice((task for task in own if within is None or task.district in within), MOST)
        )

    def _members(self, index: str) -> list[Task]:
        with told("read tasks", self._ledger.address):
            ids: Any = self._ledger.client.smembers(index)
        return self._read(sorted(ids))

    def near(
        self, latitude: float, longitude: float, radius_m: float, within: Collection[str] | None = None
    ) -> list[tuple[Task, float]]:
        """The nearest tasks that are not over, with the way to them as the crow flies, m; the nearest first.

        Within the radius, and beside them leads from farther away, which may call whoever is there. However many there
        are elsewhere, the :data:`MOST` nearest of either are read and no others: each district has its own index.

        Raises:
            StoreError: If Redis is away.
        """
        districts = [""] if within is None else sorted(within)
        places = [(keys.tasks_places(each), radius_m) for each in districts]
        calling = [(keys.tasks_calling(each), FARTHEST_M) for each in districts]
        with told("read tasks near a place", self._ledger.address):
            pipe = self._ledger.client.pipeline(transaction=False)
            for index, reach_m in (*places, *calling):
                pipe.geosearch(index, longitude=longitude, latitude=latitude, radius=reach_m, unit="m", sort="ASC",
                               count=MOST, withdist=True)  # fmt: skip
            found = pipe.execute()
        away_m = _nearest(found[: len(places)]) | _nearest(found[len(places) :])
        near = [(task, away_m[task.id]) for task in self._read([name.encode() for name in away_m])]
        return sorted(near, key=lambda row: row[1])

    def unplaced(self, within: Collection[str] | None = None) -> list[Task]:
        """Tasks that are not over of which nobody knows where it is, the newest first: near nobody, and so not far from
        anybody either. Likewise.

        Raises:
            StoreError: If Redis is away.
        """
        of = [keys.tasks_unplaced(each) for each in ([""] if within is None else sorted(within))]
        found = (task for index in of for task in itertools.islice(self._walk(index, "-inf"), MOST))
        return sorted(found, key=lambda t: (t.made_at, t.id), reverse=True)[:MOST]

    def _walk(self, index: str, first: str) -> Iterator[Task]:
        """The tasks of an index from the newest back to a score, read some at a time."""
        for offset in itertools.count(0, MOST):
            with told("read tasks", self._ledger.address):
                names: Any = self._ledger.client.zrange(
                    index, "+inf", first, desc=True, byscore=True, offset=offset, num=MOST  # type: ignore[arg-type]
                )  # fmt: skip
            yield from self._read(names)
            if len(names) < MOST:
                return

    def _read(self, ids: list[bytes]) -> list[Task]:
        if not ids:
            return []
        with told("read tasks", self._ledger.address):
            pipe = self._ledger.client.pipeline(transaction=False)
            for each in ids:
                pipe.hget(keys.task(each.decode()), "json")
            texts = pipe.execute()
        return [Task.model_validate_json(text) for text in texts if text is not None]


def _nearest(found: Sequence[Any]) -> dict[str, float]:
    """The nearest of what several indexes gave: m by task."""
    rows = sorted((float(metres), name.decode()) for rows in found for name, metres in rows)
    return {name: metres for metres, name in rows[:MOST]}
