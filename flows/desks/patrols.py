"""The patrol desk: beside the results actor it ends tasks whose subject is over, says so, and deletes what must go."""

from __future__ import annotations

import logging
from typing import Protocol

from flows.domain.errors import DomeError
from flows.domain.events import Event
from flows.store.lines import Line

log = logging.getLogger(__name__)


class Tasks(Protocol):
    """Patrols' tasks (:class:`flows.store.tasksweep.TaskSweep`)."""

    def sweep(self) -> int: ...
    def untold(self) -> list[Event]: ...


class PatrolDesk:
    """Swept every half minute, as all desks are; it is shown no events.

    Args:
        tasks: Of patrols.
    """

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks

    def wants(self, line: Line) -> bool:
        """None: what has become of a task's subject is looked up."""
        return False

    def take(self, event: Event) -> list[Event]:
        """Never called."""
        return []

    def sweep(self) -> list[Event]:
        """Ends and deletes; whatever of it fails does not keep what ended before from being told.

        Raises:
            StoreError: If Redis is away; what is not told now is told next time.
        """
        try:
            self._tasks.sweep()
        except DomeError as error:
            log.error("%s", error)
        return self._tasks.untold()
