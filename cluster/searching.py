"""All stores of the searches over this installation's Redis, for commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from flows.auditing import Seals
from flows.domain.patrol import Task
from flows.domain.platehash import PlateHasher
from flows.settings import Settings
from flows.store.audit import AuditStore
from flows.store.cases import CaseStore
from flows.store.evidence import EvidenceStore
from flows.store.leads import LeadStore
from flows.store.patrol import PatrolStore
from flows.store.probes import ProbeStore
from flows.store.redis_server import redis_beside
from flows.store.results import ResultsStore
from flows.store.sightings import SightingStore
from flows.store.vault import Vault


@dataclass(frozen=True, slots=True)
class Searching:
    """What a command works with.

    Attributes:
        cases: Cases.
        leads: Leads.
        vault: Opens photos, where the command asked for it.
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

    def call_patrols(self, lead_id: str, by: str) -> Task:
        """A dispatched lead as a patrol's task, as the API makes one: those within the case's radius are called.

        Raises:
            TaskRefused: If nobody has dispatched it.
            StoreError: If Redis is away.
        """
        lead = self.leads.raw(lead_id)
        case = self.cases.get(lead.case)
        place = None if lead.latitude is None or lead.longitude is None else (lead.latitude, lead.longitude)
        task = Task.of(
            "lead", lead_id, lead.state, district=lead.district, by=by, at=datetime.now(UTC), camera=lead.camera,
            place=place, radius_m=case.alert_radius_m, first=case.terms.first,
        )  # fmt: skip
        with closing(PatrolStore(self.address)) as patrol, closing(ResultsStore(self.address)) as results:
            kept = patrol.add(task)
            results.write([kept.told(kept.made_at)])
        return kept


@contextmanager
def searching(
    settings: Settings | None = None, *, sealed: bool = False, sweep: bool = True
) -> Iterator[Searching]:
    """The stores; whatever is over is put away before anybody looks at it.

    Args:
        settings: From the environment if None.
        sweep: False where nothing may come before what the command does: the stop switch, a check of the audit log.
        sealed: Whether pictures are written or opened: without ``DOME_PROBE_KEY`` that is refused at once.

    Raises:
        FieldError: If a key is missing or none.
        StoreError: If Redis is away.
    """
    settings = settings or Settings.from_env()
    vault = Vault.of(settings.probe_key.get_secret_value()) if sealed else None
    hasher = PlateHasher.of(settings.plate_key.get_secret_value())
    with redis_beside(settings) as url:
        made = Searching(
            CaseStore(url, vault, EvidenceStore(settings.evidence)),
            LeadStore(url, vault),
            vault,
            SightingStore(url, hasher),
            AuditStore(url),
            Seals(settings.audit),
            url,
        )
        try:
            if sweep:
                made.cases.sweep()
            yield made
        finally:
            for each in (made.cases, made.leads, made.sightings, made.audit):
                each.close_connections()
