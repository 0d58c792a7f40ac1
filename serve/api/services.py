"""What the routes work with: stores and the like, opened once a replica."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from flows.casework.auditing import LogCut, Seals
from flows.casework.proceedings import Courier
from flows.casework.receivers import receiver_for
from flows.casework.webhooks import Sender
from flows.domain.people import EVERYWHERE
from flows.domain.platehash import PlateHasher
from flows.domain.webhook import Webhook
from flows.jurisdiction import load_profile
from flows.reports.nearby import Nearby
from flows.reports.reception import Reception
from flows.reports.work import ReportWork
from flows.store.audit import AuditStore
from flows.store.cameras import CameraStore
from flows.store.cases import CaseStore
from flows.store.channels import ChannelBook
from flows.store.evidence import EvidenceStore
from flows.store.exemptions import ExemptionsStore
from flows.store.leads import LeadStore
from flows.store.patrol import PatrolStore
from flows.store.pictures import PictureStore
from flows.store.present import Present
from flows.store.proceedings import ProceedingsStore
from flows.store.reports import ReportsStore
from flows.store.results import ResultsStore
from flows.store.review import Reviews
from flows.store.sessions import SessionStore
from flows.store.sightings import SightingStore
from flows.store.tasksweep import TaskSweep
from flows.store.uploads import UploadShelf
from flows.store.vault import Vault
from flows.store.violations import ViolationsStore
from flows.store.webhooks import WebhookStore
from flows.uploads.inspector import Inspector
from serve.api.alerts import SEEN_BY, AlertHub, slim
from serve.api.background import ended, repeat
from serve.api.config import ApiConfig
from serve.api.idempotency import Answers
from serve.api.identity import Identity, keys_for
from serve.api.provider import provider_for
from serve.api.seers import Seers
from serve.api.sessions import Sessions
from serve.api.signatures import Signatures
from serve.clips import ClipLooker

DELIVER_S = 1.0
"""Between rounds of deliveries while nothing waits."""
CLAIMS_S = 30.0
"""Between rounds of giving back what was claimed too long ago: little beside ten minutes."""
SEAL_S = 30.0
"""Between looks at whether the log holds what was sealed: where it does not, searching stops within half a minute."""
FORGET_S = 600.0
"""Between rounds of removing what has been kept for as long as it may be."""


@dataclass
class Services:
    """Open stores of one replica. Routes never touch them: their scopes do (:mod:`serve.api.scope`).

    Attributes:
        config: Of the API.
        identity: Reads tokens.
        sessions: Of browsers.
        results: Events, counters.
        cameras: How the cameras are doing.
        violations: Lists of violations.
        exemptions: Lists of exempt plates.
        evidence: Evidence packages.
        alerts: The live stream of events.
        proceedings: What waits for the electronic proceedings.
        webhooks: Services that are told of events.
        answers: What is known of writes by their keys.
        cases: Search cases.
        leads: Their leads.
        sightings: Their routes.
        audit: The audit log.
        patrol: Tasks of patrols.
        tasks: Ends those whose subject has ended.
        review: Takes reviewers' steps.
        pictures: Cameras' newest pictures.
        seers: Models behind Serve.
        signatures: Checks what channels sign.
        reports: Citizens' reports.
        uploads: Their files on the way.
        reception: Takes them in and moves them.
        nearby: What cameras told of the same.
        work: What the machine does with them.
        now: The present, aware UTC.
    """

    config: ApiConfig
    identity: Identity
    sessions: Sessions
    results: ResultsStore
    cameras: CameraStore
    violations: ViolationsStore
    exemptions: ExemptionsStore
    evidence: EvidenceStore
    alerts: AlertHub
    proceedings: ProceedingsStore
    webhooks: WebhookStore
    answers: Answers
    cases: CaseStore
    leads: LeadStore
    sightings: SightingStore
    audit: AuditStore
    patrol: PatrolStore
    tasks: TaskSweep
    review: Reviews
    pictures: PictureStore
    seers: Seers
    signatures: Signatures
    reports: ReportsStore
    uploads: UploadShelf
    reception: Reception
    nearby: Nearby
    work: ReportWork
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _sender: Sender | None = None

    @classmethod
    def open(cls, config: ApiConfig) -> Services:
        """Opens what a configuration names; nothing connects yet.

        Raises:
            FieldError: If an address or a key is malformed.
            StoreError: If no driver for the evidence's address is there.
        """
        url, settings = config.redis_url, config.settings
        results, evidence = ResultsStore(url), EvidenceStore(settings.evidence)
        violations, exemptions = ViolationsStore(url), ExemptionsStore(url)
        probe_key = settings.probe_key.get_secret_value()
        vault = Vault.of(probe_key) if probe_key else None
        reports, inspector = ReportsStore(url), Inspector()
        looker = ClipLooker(config.detector, settings, config.jurisdiction)
        reception = Reception(reports, evidence, surely_now=Present(url).now)
        leads = LeadStore(url, vault)
        patrol = PatrolStore(url, kept_days=load_profile(config.jurisdiction).retention.task_days)
        nearby = Nearby(violations, results)
        work = ReportWork(
            reports, evidence, results, nearby, inspector, looker, config.timezone, busy=reception.busy
        )
        identity = Identity(config.oidc, keys_for(config.oidc, settings.home))
        return cls(
            config=config,
            identity=identity,
            sessions=Sessions(SessionStore(url), identity, provider_for(config.oidc, identity)),
            results=results,
            cameras=CameraStore(url),
            violations=violations,
            exemptions=exemptions,
            evidence=evidence,
            alerts=AlertHub(url, config.listeners),
            proceedings=ProceedingsStore(url, results),
            webhooks=WebhookStore(url, shown_to),
            answers=Answers(url),
            cases=CaseStore(url, vault),
            leads=leads,
            sightings=SightingStore(url, PlateHasher.of(settings.plate_key.get_secret_value())),
            audit=AuditStore(url),
            patrol=patrol,
            tasks=TaskSweep(patrol, leads, results, reports),
            review=Reviews(results, violations, exemptions),
            pictures=PictureStore(url),
            seers=Seers(config),
            signatures=Signatures(ChannelBook(config.channels_path), reports.unseen),
            reports=reports,
            uploads=UploadShelf(url, evidence),
            reception=reception,
            nearby=nearby,
            work=work,
        )

    async def start(self) -> None:
        """Called once, in the replica's event loop."""
        await self.alerts.start()
        receiver = receiver_for(self.config.proceedings, self.config.proceedings_key.get_secret_value())
        if receiver is not None:
            courier = Courier(self.proceedings, receiver, lambda: self.now())
            self._tasks.append(asyncio.create_task(repeat("proceedings", courier.deliver, DELIVER_S)))
        if self.config.webhook_hosts:
            self._sender = Sender(self.webhooks, now=lambda: self.now())
            self._tasks.append(asyncio.create_task(repeat("webhooks", self._sender.deliver, DELIVER_S)))
        self._tasks.append(asyncio.create_task(repeat("claims", self.release_claims, CLAIMS_S)))
        self._tasks.append(asyncio.create_task(repeat("reports", self.work.work, DELIVER_S)))
        self._tasks.append(asyncio.create_task(repeat("old reports", self.reception.forget, FORGET_S)))
        self._tasks.append(asyncio.create_task(repeat("patrols' tasks", self.sweep_tasks, FORGET_S)))
        self._tasks.append(asyncio.create_task(repeat("searches", self.cases.sweep, FORGET_S)))
        self._tasks.append(asyncio.create_task(repeat("audit log", self.seal, SEAL_S)))

    def release_claims(self) -> int:
        """Gives violations back whose reviewer has gone away; how many.

        Raises:
            StoreError: If Redis is away.
        """
        return self.review.release_stale(self.now())

    def sweep_tasks(self) -> int:
        """As the results actor's desk does: patrols' tasks end and are deleted where no job runs, too; how many.

        Raises:
            StoreError: If Redis is away.
        """
        went = self.tasks.sweep()
        self.results.write(self.tasks.untold())
        return went

    def seal(self) -> int:
        """As the results actor's desk does: what is done here is sealed where no job runs, too; how many seals.

        Raises:
            StoreError: If Redis is away, or the seal cannot be written.
            LogCut: If Redis is older than its seals: all searching is stopped then.
        """
        settings = self.config.settings
        try:
            sealed = Seals(settings.audit).write_beside(
                self.audit, self.now(), first=settings.redis_url is None
            )
        except LogCut as cut:
            self.cases.stop_by_itself(str(cut))
            raise
        return sealed is not None

    async def close(self) -> None:
        """Ends what runs and gives the connections back."""
        await ended(self._tasks)
        if self._sender is not None:
            await asyncio.to_thread(self._sender.close)
        await self.alerts.close()
        for each in (self.results, self.cameras, self.violations, self.exemptions, self.proceedings, self.webhooks,
                     self.answers, self.sessions, self.pictures, self.patrol, self.reports, self.uploads,
                     self.work.inspector, self.work.looker):  # fmt: skip
            each.close()
        for searching in (self.cases, self.leads, self.sightings, self.audit):
            searching.close_connections()


def shown_to(hook: Webhook, event: dict[str, Any], type: str, district: str) -> dict[str, Any] | None:
    """An event as a webhook gets it: of its districts and types, of those that control rooms see, without plates."""
    if EVERYWHERE not in hook.districts and district not in hook.districts:
        return None
    if not type.startswith(tuple(SEEN_BY)) or (hook.types and not type.startswith(hook.types)):
        return None
    return slim(event, type, plates=False)
