"""Tasks of patrols in Redis: each step together with its audit entry; those open or under way also by place."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from flows.domain.audit import Action
from flows.domain.patrol import Kind, Step, Task, TaskRefused, pressing, take, taken, task_id
from flows.store import keys
from flows.store.connection import told
from flows.store.ledger import Change, Clock, Ledger, Refused, entry, to_ms, utc_now

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
    """

    def __init__(self, url: str, clock: Clock = utc_now) -> None:
        self._ledger = Ledger(url, clock)

    def close(self) -> None:
        """Gives the connections back."""
        self._ledger.close()

    def add(self, task: Task) -> Task:
        """Keeps a task; one that is there already is returned as it is, one that was resolved begins anew.

        Raises:
            StoreError: If Redis is away.
        """
        before = self.one(task.id)
        if before is not None:
            if before.state != "resolved":
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
        after = take(task, step, by, version, note)
        change = Change(
            guards=[(["HGET", keys.task(task_id), "version"], str(version))],
            commands=[
                *_kept(after),
                *(
                    [["ZREM", index, task_id] for index in _indexes(after)]
                    if after.state == "resolved"
                    else []
                ),
            ],
            entries=[entry(by, SAID[step], subject=task_id, why=note, district=task.district)],
        )
        try:
            self._ledger.commit(change, f"{step} a task")
        except Refused as refused:
            raise TaskRefused(
                f"{step}: expected version {refused.got}, got {version}: somebody was faster, look again"
            ) from None
        return after

    def newest(self, since: datetime, within: Collection[str] | None = None) -> list[Task]:
        """Tasks made since then and those that are not resolved, the newest first (before them those that
        press); of some districts, or of all.

        Raises:
            StoreError: If Redis is away.
        """
        found: dict[str, Task] = {}
        for index, first in ((keys.TASKS, str(to_ms(since))), (keys.TASKS_OPEN, "-inf")):
            wanted = (task for task in self._walk(index, first) if within is None or task.district in within)
            found |= {task.id: task for task in itertools.islice(wanted, MOST)}
        return sorted(found.values(), key=lambda t: (pressing(t), t.made_at, t.id), reverse=True)

    def near(
        self, latitude: float, longitude: float, radius_m: float, within: Collection[str] | None = None
    ) -> list[tuple[Task, float]]:
        """The nearest tasks that are not resolved, with the way to them as the crow flies, m; the nearest first.

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


def make(task: Task, change: Change) -> None:
    """Adds to a change that a task begins."""
    change.commands += [*_kept(task), ["ZADD", keys.TASKS, str(to_ms(task.made_at)), task.id], *_placed(task)]
    change.entries.append(
        entry(task.made_by, "task.made", subject=task.id, why=task.text, district=task.district,
              about=f"{task.kind} {task.about}")
    )  # fmt: skip


def _kept(task: Task) -> list[list[str]]:
    made_ms = str(to_ms(task.made_at))
    return [
        ["HSET", keys.task(task.id), "json", task.model_dump_json(), "version", str(task.version)],
        ["ZREM", keys.TASKS_OPEN, task.id]
        if task.state == "resolved"
        else ["ZADD", keys.TASKS_OPEN, made_ms, task.id],
    ]


def _placed(task: Task) -> list[list[str]]:
    place = [str(task.longitude), str(task.latitude), task.id]
    return [["GEOADD", index, *place] for index in _indexes(task)]


def _indexes(task: Task) -> list[str]:
    """Where it stands by its place, if that is known: with all tasks, with its district's, and with those that call."""
    if task.latitude is None or task.longitude is None:
        return []
    of = [keys.tasks_places] if task.radius_m is None else [keys.tasks_places, keys.tasks_calling]
    return [index(district) for index in of for district in ("", task.district)]


def _nearest(found: Sequence[Any]) -> dict[str, float]:
    """The nearest of what several indexes gave: m by task."""
    rows = sorted((float(metres), name.decode()) for rows in found for name, metres in rows)
    return {name: metres for metres, name in rows[:MOST]}
