"""How a patrol's task stands in Redis: the commands that keep it. They ask nothing of Redis."""

from __future__ import annotations

from datetime import datetime

from flows.domain.patrol import FORGOTTEN, Task
from flows.store import keys
from flows.store.ledger import Change, entry, to_ms


def make(task: Task, change: Change) -> None:
    """Adds to a change that a task begins."""
    change.commands += [*kept(task), ["ZADD", keys.TASKS, str(to_ms(task.made_at)), task.id]]
    change.entries.append(
        entry(task.made_by, "task.made", subject=task.id, why=audited(task, task.text), district=task.district,
              about=f"{task.kind} {task.about}")
    )  # fmt: skip


def unchanged(task: Task) -> tuple[list[str], str | None]:
    """A guard: nobody has taken a step since it was read."""
    return ["HGET", keys.task(task.id), "version"], str(task.version)


def kept(task: Task, forget_at: datetime | None = None) -> list[list[str]]:
    """Commands that keep a task and its place in the indexes.

    Args:
        task: The task.
        forget_at: When it is deleted; None while it is not over.
    """
    record = [["HSET", keys.task(task.id), "json", task.model_dump_json(), "version", str(task.version)]]
    if task.kind in FORGOTTEN:  # also where it was emptied before: somebody has said something again
        record.append(["SADD", keys.TASKS_LEADS, task.id])
    if task.over_at is not None and forget_at is not None:
        return [
            *record,
            ["ZREM", keys.TASKS_OPEN, task.id],
            ["ZADD", keys.TASKS_OVER, str(to_ms(task.over_at)), task.id],
            ["ZADD", keys.TASKS_FORGET, str(to_ms(forget_at)), task.id],
            *(["ZREM", index, task.id] for index in indexes(task)),
        ]
    made = str(to_ms(task.made_at))
    add = ["GEOADD", str(task.longitude), str(task.latitude)] if task.placed else ["ZADD", made]
    return [
        *record,
        ["ZADD", keys.TASKS_OPEN, made, task.id],
        *(["ZREM", index, task.id] for index in (keys.TASKS_OVER, keys.TASKS_FORGET)),
        *([add[0], index, *add[1:], task.id] for index in indexes(task)),
    ]


def audited(task: Task, words: str) -> str:
    """What the audit log keeps of people's words: it forgets nothing, and those about a lead or a report go with it."""
    return "" if task.kind in FORGOTTEN else words


def indexes(task: Task) -> list[str]:
    """Where it stands by its place, with all tasks and with its district's, also with those that call; with those that
    have none if nobody knows its place."""
    of = [keys.tasks_places] if task.placed else [keys.tasks_unplaced]
    if task.placed and task.radius_m is not None:
        of.append(keys.tasks_calling)
    return [index(district) for index in of for district in ("", task.district)]
