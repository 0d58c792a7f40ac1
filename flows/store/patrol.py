"""Tasks of patrols in Redis: each step together with its audit entry; those open or under way also by place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from flows.domain.audit import Action
from flows.domain.patrol import Kind, Step, Task, TaskRefused, take, taken, task_id
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
        change = Change(
            guards=[(["HGET", keys.task(task.id), "version"], held)],
            commands=[*_kept(task), ["ZADD", keys.TASKS, str(to_ms(task.made_at)), task.id], *_placed(task)],
            entries=[entry(task.made_by, "task.made", subject=task.id, why=task.text, district=task.district,
                           about=f"{task.kind} {task.about}")],
        )  # fmt: skip
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
                *([["ZREM", keys.TASKS_PLACES, task_id]] if after.state == "resolved" else []),
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

    def newest(self, since: datetime) -> list[Task]:
        """Tasks made since then and those that are not resolved, the newest first.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read tasks", self._ledger.address):
            pipe = self._ledger.client.pipeline(transaction=False)
            for index, first in ((keys.TASKS, str(to_ms(since))), (keys.TASKS_OPEN, "-inf")):
                pipe.zrange(
                    index, "+inf", first, desc=True, byscore=True, offset=0, num=MOST, withscores=True
                )  # type: ignore[arg-type]
            recent, still_open = pipe.execute()
        made_ms: dict[bytes, float] = dict([*recent, *still_open])
        return self._read(sorted(made_ms, key=lambda name: made_ms[name], reverse=True))

    def near(self, latitude: float, longitude: float, radius_m: float) -> list[tuple[Task, float]]:
        """Tasks that are not resolved, with the way to them as the crow flies, m; the nearest first.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read tasks near a place", self._ledger.address):
            rows: Any = self._ledger.client.geosearch(
                keys.TASKS_PLACES, longitude=longitude, latitude=latitude, radius=radius_m, unit="m", sort="ASC",
                count=MOST, withdist=True,
            )  # fmt: skip
        away = {name.decode(): float(metres) for name, metres in rows}
        return [(task, away[task.id]) for task in self._read([name for name, _ in rows])]

    def _read(self, ids: list[bytes]) -> list[Task]:
        if not ids:
            return []
        with told("read tasks", self._ledger.address):
            pipe = self._ledger.client.pipeline(transaction=False)
            for each in ids:
                pipe.hget(keys.task(each.decode()), "json")
            texts = pipe.execute()
        return [Task.model_validate_json(text) for text in texts if text is not None]


def _kept(task: Task) -> list[list[str]]:
    made_ms = str(to_ms(task.made_at))
    return [
        ["HSET", keys.task(task.id), "json", task.model_dump_json(), "version", str(task.version)],
        ["ZREM", keys.TASKS_OPEN, task.id]
        if task.state == "resolved"
        else ["ZADD", keys.TASKS_OPEN, made_ms, task.id],
    ]


def _placed(task: Task) -> list[list[str]]:
    if task.latitude is None or task.longitude is None:
        return []
    return [["GEOADD", keys.TASKS_PLACES, str(task.longitude), str(task.latitude), task.id]]
