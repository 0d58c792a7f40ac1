"""All stores of the searches over this installation's Redis, for commands."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from flows.casework.auditing import LogCut, Seals
from flows.domain.errors import DomeError
from flows.domain.patrol import task_id
from flows.domain.platehash import PlateHasher
from flows.settings import Settings
from flows.store.audit import AuditStore
from flows.store.cases import CaseStore
from flows.store.leads import LeadStore
from flows.store.patrol import PatrolStore
from flows.store.probes import ProbeStore
from flows.store.redis_server import redis_beside
from flows.store.results import ResultsStore
from flows.store.sightings import SightingStore
from flows.store.vault import Vault

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Searching:
    """What a command works with.

    Attributes:
        cases: Cases.
        leads: Leads.
        vault: Opens photos, and knows targets again; None without a key, and where nothing is swept.
        sightings: Routes.
        audit: The log.
        seals: Its seals.
        address: Of Redis.
    """

    cases: CaseStore
    leads: LeadStore
    vault: Vault | None
    sightings: SightingStore
    audit: AuditStore
    seals: Seals
    address: str

    @property
    def probes(self) -> ProbeStore:
        """Photos, for a command that asked for them to be opened."""
        assert self.vault is not None, "searching(sealed=True)"
        return ProbeStore(self.address, self.vault)

    def seal(self, *, first: bool) -> None:
        """Seals the log if it is due, see :meth:`Seals.write_beside`; that it cannot is told, and ends no command."""
        try:
            self.seals.write_beside(self.audit, datetime.now(UTC), first=first)
        except DomeError as error:
            log.warning("%s", error)

    def stop_if_cut(self) -> None:
        """Stops all searching where Redis came back older than the seals here: a case that was rejected since is active
        again there.

        Raises:
            StoreError: If Redis is away.
        """
        try:
            self.seals.check_beside(self.audit)
        except LogCut as cut:
            self.cases.stop_by_itself(str(cut))

    def tell_patrols(self, lead_id: str) -> None:
        """Tells those who listen of the task that a lead became when it was dispatched.

        Raises:
            StoreError: If Redis is away.
        """
        with closing(PatrolStore(self.address)) as patrol, closing(ResultsStore(self.address)) as results:
            task = patrol.one(task_id("lead", lead_id))
            if task is not None:
                results.write([task.told(task.made_at)])


@contextmanager
def searching(
    settings: Settings | None = None, *, sealed: bool = False, sweep: bool = True
) -> Iterator[Searching]:
    """The stores; whatever is over is put away before anybody looks at it, and the log is sealed if it is time to.

    All searching is stopped first where Redis is older than the log's seals.

    Args:
        settings: From the environment if None.
        sweep: False where nothing may come before what the command does: the stop switch, the clock, a check of
            the audit log.
        sealed: Whether pictures are written or opened: without ``DOME_PROBE_KEY`` that is refused at once. Where it is
            set, all but those use it: the target of whatever is rejected is known again.

    Raises:
        FieldError: If a key is missing or none.
        StoreError: If Redis is away.
    """
    settings = settings or Settings.from_env()
    key = settings.probe_key.get_secret_value()
    vault = Vault.of(key) if sealed or (key and sweep) else None
    hasher = PlateHasher.of(settings.plate_key.get_secret_value())
    with redis_beside(settings) as url:
        made = Searching(
            CaseStore(url, vault),
            LeadStore(url, vault),
            vault,
            SightingStore(url, hasher),
            AuditStore(url),
            Seals(settings.audit),
            url,
        )
        try:
            if sweep:
                made.stop_if_cut()
                made.cases.sweep()
            yield made
            if sweep:
                made.seal(first=settings.redis_url is None)
        finally:
            for each in (made.cases, made.leads, made.sightings, made.audit):
                each.close_connections()
