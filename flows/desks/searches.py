"""The search desk: beside the results actor it ends what is over, deletes what must go, and seals the audit log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from flows.casework.auditing import Log, LogCut, Seals
from flows.domain.errors import DomeError
from flows.domain.events import Event
from flows.store.lines import Line

log = logging.getLogger(__name__)


class Sweeps(Protocol):
    """Whoever has something to put away (cases, sightings)."""

    def sweep(self) -> int: ...


class SearchDesk:
    """Swept every half minute, as all desks are; it is shown no events.

    Args:
        sweeps: Cases first: what they delete is not collected.
        audit: The log.
        seals: Where its seals are written.
        stop: Stops all searching, with a reason, unless it is stopped: where the log does not hold what was sealed,
            cases that were rejected may be active again.
        now: The present.
    """

    def __init__(
        self,
        sweeps: tuple[Sweeps, ...],
        audit: Log,
        seals: Seals,
        stop: Callable[[str], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._sweeps, self._audit, self._seals = sweeps, audit, seals
        self._stop, self._now = stop, now

    def wants(self, line: Line) -> bool:
        """None: leads and sightings go to their stores by themselves."""
        return False

    def take(self, event: Event) -> list[Event]:
        """Never called."""
        return []

    def sweep(self) -> list[Event]:
        """Puts away and seals; whatever of it fails does not keep the rest from being done."""
        for each in (*(s.sweep for s in self._sweeps), self._seal):
            try:
                each()
            except DomeError as error:
                log.error("%s", error)
            except Exception:  # what one cannot read must not keep the log from being sealed
                log.exception("a sweep failed")
        return []

    def _seal(self) -> int:
        try:
            return self._seals.write_if_due(self._audit, self._now()) is not None
        except LogCut as cut:
            self._stop(str(cut))
            raise
