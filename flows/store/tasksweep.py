"""What must go of patrols' tasks: those whose subject has ended end by themselves, those long over are deleted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol, Self

from flows.domain.events import OBJECT_CLOSED, Event
from flows.domain.patrol import CONFIRMED, Ending, Task, task_id
from flows.store.leads import Fate, LeadStore
from flows.store.patrol import PatrolStore
from flows.store.reports import ReportsStore
from flows.store.results import Entry, ResultsStore

READ: Final = 500
"""Events read at a time."""
MARGIN: Final = timedelta(hours=1)
"""Clocks of those who send patrols and of Redis may differ by so much ..."""
AGAIN_MS: Final = 60_000
"""... and of the closings that were read the latest are read again: a task may have been made at that moment."""


class Archive(Protocol):
    """Where violations and things left behind are (:class:`flows.store.results.ResultsStore`)."""

    def entries(self, ids: Sequence[str]) -> list[Entry]: ...
    def events(self, since: str = ..., *, type: str | None = ..., count: int = ...) -> list[Entry]: ...


class TaskSweep:
    """Ends what is over and deletes what must go.

    Args:
        patrol: The tasks.
        leads: Says what has become of leads.
        archive: Of violations and things left behind.
        reports: Of citizens.
    """

    def __init__(
        self, patrol: PatrolStore, leads: LeadStore, archive: Archive, reports: ReportsStore
    ) -> None:
        self._patrol, self._leads, self._archive, self._reports = patrol, leads, archive, reports
        self._read_ms = 0

    @classmethod
    def of(cls, url: str, kept_days: float) -> Self:
        """With stores of its own."""
        return cls(
            PatrolStore(url, kept_days=kept_days), LeadStore(url), ResultsStore(url), ReportsStore(url)
        )

    def settle(self, tasks: Sequence[Task]) -> list[Task]:
        """Tasks as they are now: those whose lead, violation or report has ended meanwhile end with it, and say why.

        Called by whoever shows tasks or takes a step: the end holds by the clock, whoever has swept.

        Raises:
            StoreError: If Redis is away.
        """
        fates = self._fates(tasks)
        confirmed = self._confirmed(
            [task.about for task in tasks if task.kind == "violation" and not task.over]
        )
        now = self._patrol.now()
        return [self._settled(task, fates.get(task.id), confirmed, now) for task in tasks]

    def sweep(self) -> int:
        """Ends and deletes; how many tasks it was. Called every half minute.

        Raises:
            StoreError: If Redis is away.
        """
        tasks = self._patrol.unresolved()
        went = sum(before != after for before, after in zip(tasks, self.settle(tasks), strict=True))
        went += self._end_closed([task for task in tasks if task.kind == "object"])
        return went + self._empty_gone() + self._patrol.forget()

    def untold(self) -> list[Event]:
        """Events of tasks that ended by themselves, until they are found written: whoever asked writes them.

        Raises:
            StoreError: If Redis is away.
        """
        tasks = self._patrol.untold()
        events = {task.id: task.told(task.made_at) for task in tasks}
        written = {entry.event.id for entry in self._archive.entries([event.id for event in events.values()])}
        self._patrol.note_told([task for task in tasks if events[task.id].id in written])
        return [event for event in events.values() if event.id not in written]

    def _settled(self, task: Task, fate: Fate | None, confirmed: frozenset[str], now: datetime) -> Task:
        gone = fate is not None and fate.gone
        if task.over:
            return self._patrol.empty(task) if gone and (task.text or task.note) else task
        why: Ending | None = None if fate is None else fate.ending
        if task.kind == "violation" and task.about not in confirmed:
            why = "violation_closed"
        if why is None and now >= task.made_at + self._patrol.kept:
            why = "left_open"
        return task if why is None else self._patrol.end(task, why, gone=gone)

    def _empty_gone(self) -> int:
        """Of leads and reports that are deleted no words are kept, and their tasks no longer than people read why they
        ended."""
        over = [task for task in self._patrol.of_forgotten() if task.over]
        fates = self._fates(over)
        gone = [task for task in over if fates[task.id].gone]
        for task in gone:
            self._patrol.empty(task)
        return len(gone)

    def _fates(self, tasks: Sequence[Task]) -> dict[str, Fate]:
        """What has become of the leads and the reports that some tasks are about, by the task's id."""
        told = [task for task in tasks if task.kind == "report"]
        states = {each.id: each.state for each in self._reports.several([task.about for task in told])}
        ended = {task.id: states.get(task.about) not in CONFIRMED["report"] for task in told}
        return self._leads.fates([task for task in tasks if task.kind == "lead"]) | {
            task.id: Fate("report_closed" if ended[task.id] else None, task.about not in states)
            for task in told
        }

    def _confirmed(self, ids: Sequence[str]) -> frozenset[str]:
        """Those of some violations to which a patrol may be sent."""
        found = (entry.case for start in range(0, len(ids), READ)
                 for entry in self._archive.entries(ids[start : start + READ]))  # fmt: skip
        return frozenset(case.violation.id for case in found if case.state in CONFIRMED["violation"])

    def _end_closed(self, tasks: Sequence[Task]) -> int:
        """Ends tasks about things that were taken away, as told since the oldest of them was made, each read once."""
        if not tasks:
            return 0
        waiting = {task.id: task for task in tasks}
        ended = 0
        for event in self._closings(min(task.made_at for task in tasks)):
            about = str(event.data.get("object") or event.id)
            task = waiting.pop(task_id("object", about), None)
            if task is not None:
                ended += self._patrol.end(task, "object_closed") != task
        return ended

    def _closings(self, since: datetime) -> Iterator[Event]:
        first_ms = max(round((since - MARGIN).timestamp() * 1000), self._read_ms - AGAIN_MS)
        place = f"{first_ms}-0"
        while entries := self._archive.events(place, type=OBJECT_CLOSED, count=READ):
            yield from (entry.event for entry in entries)
            place = entries[-1].place
            self._read_ms = int(place.partition("-")[0])
            if len(entries) < READ:
                return
