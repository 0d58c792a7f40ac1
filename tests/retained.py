"""Stores of results and evidence in which violations are written, decided on and deleted when their days are over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import redis
from evidencestore import store_in
from people import Clock
from violations import AT, package, plate, violation

from flows.casework.adjudication import Decision
from flows.domain.events import DECISION, Event
from flows.domain.review import Export, State
from flows.store.audit import AuditStore
from flows.store.removals import Removals
from flows.store.results import ResultsStore
from flows.store.unconfirmed import Archive, UnconfirmedSweep

DAYS = timedelta(days=1)
FOLDER = "lane-1/2026-09-01/a"


class House:
    """The stores, and a clock that is set on by days: what is written is written now.

    Args:
        url: Of Redis, which is emptied.
        folder: Where packages lie.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.clock = url, Clock()
        self.clock.at = self.now = datetime.now(UTC)
        self.redis = redis.Redis.from_url(url)
        self.redis.flushall()
        self.results, self.audit = ResultsStore(url), AuditStore(url)
        self.evidence, self.folder = store_in(folder), folder
        self.steady_s = 0.0
        self.sweeper = self.sweeper_of(self.results)
        self.removals = Removals(url, self.evidence, lambda: self.steady_s)

    def sweeper_of(self, archive: Archive) -> UnconfirmedSweep:
        """Deletes what nobody confirmed within thirty days."""
        return UnconfirmedSweep(self.url, archive, 30.0, self.clock, lambda: self.steady_s)

    def writes(self, state: str = "stands", ago: timedelta = DAYS / 24, folder: str = FOLDER) -> Event:
        """A violation with its plate and its package."""
        n = round((self.now - ago - AT).total_seconds() / 60)
        made = violation(n, exemptions=(), state=state, evidence=folder)
        self.evidence.write(folder, {"first.jpg": b"picture"}, b"{}")
        self.results.write([made, plate(made), package(made)])
        return made

    def decides(
        self, of: Event, state: State, number: int = 1, after: timedelta = timedelta(), export: Export = ""
    ) -> bool:
        """A person's decision; whether it was written."""
        said = Decision(
            violation=of.id,
            state=state,
            reason="other",
            number=number,
            by="dana",
            decided_at=self.now + after,
            export=export,
        )
        return self.results.write(
            [Event.of(DECISION, camera_id="lane-1", district="alatau", at=of.time, key=(of.id, number),
                      data=said.model_dump(mode="json"))]
        ).fresh == (True,)  # fmt: skip

    def after(self, days: float) -> int:
        """How many violations that nobody confirmed are deleted when so many days are over."""
        self.clock.at = self.now + days * DAYS
        self.steady_s = days * 86_400
        went = self.sweeper.sweep()
        self.removals.sweep()
        return went

    @property
    def has_package(self) -> bool:
        return (self.folder / FOLDER).exists()

    def deleted(self) -> list[str]:
        return [e.subject for e in self.audit.entries() if e.action == "violation.deleted"]

    def close(self) -> None:
        self.audit.close_connections(), self.results.close(), self.redis.close()
