"""The results actor, one in a cluster, found by name: a shell around :class:`flows.store.delivery.Results`."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from flows.casework.auditing import Seals
from flows.codehash import code_sha256
from flows.desks.docket import Docket
from flows.desks.patrols import PatrolDesk
from flows.desks.searches import SearchDesk, Sweeps
from flows.desks.sections import SectionDesk
from flows.domain.errors import StoreError
from flows.domain.events import Event
from flows.domain.masking import masked
from flows.domain.platehash import PlateHasher
from flows.domain.status import CameraStatus, Outlines, ResultsStatus
from flows.jurisdiction import JurisdictionProfile
from flows.settings import Settings
from flows.store import keys
from flows.store.audit import AuditStore
from flows.store.cameras import CameraStore
from flows.store.cases import CaseStore
from flows.store.delivery import Ack, Policy, Results
from flows.store.evidence import EvidenceStore
from flows.store.exemptions import ExemptionsStore
from flows.store.owed import STEADILY_S, Owed
from flows.store.pictures import PictureStore
from flows.store.present import Present
from flows.store.removals import Removals
from flows.store.results import ResultsStore, Retention
from flows.store.sightings import SightingStore
from flows.store.spool import Spool
from flows.store.tasksweep import TaskSweep
from flows.store.unconfirmed import UnconfirmedSweep
from flows.store.writer import Writer
from flows.version import software_version

__all__ = ["NAME", "NAMESPACE", "Ack", "Policy", "Results", "ResultsActor", "results_actor"]

log = logging.getLogger(__name__)

NAME = "results"
NAMESPACE = "dome"

CONCURRENCY = 1000
"""Submits that may wait at once: several from each of some hundred cameras."""

GONE_S: Final = 15.0
"""Longest wait for an actor's end."""
FLUSH_S: Final = 30.0
"""Longest wait for a results actor that is to be replaced, to write what it has."""
SHARED: Final = frozenset({"jurisdiction", "DOME_EVIDENCE", "DOME_PLATE_KEY"})
"""Terms that all jobs of a cluster must have in common while they run: otherwise packages are looked for, and plates
compared, where they are not, and things are deleted by another law."""


class ResultsActor:
    """Takes events from all cameras and answers when they are safe.

    Ray starts it again when it dies and sends unanswered calls again; what it had not yet written lies in its
    spool, what was written twice is written once.
    """

    def __init__(self, settings: Settings, redis_url: str, retention: Retention | None = None) -> None:
        self._redis_url, self._terms = redis_url, terms(settings, retention)
        self._store = ResultsStore(redis_url)
        self._cameras, self._pictures = CameraStore(redis_url), PictureStore(redis_url)
        spool = Spool(settings.spool, NAME, settings.spool_events)
        self._restarts = _count_start(settings)
        packages = EvidenceStore(settings.evidence)
        owed = Owed.of(redis_url, keys.PASSAGES_UNREMOVED, packages.remove, busy_s=STEADILY_S)
        self._sections = SectionDesk(self._store, packages, owed)
        self._docket = Docket(self._store, ExemptionsStore(redis_url))
        kept = retention or Retention()
        patrol = PatrolDesk(TaskSweep.of(redis_url, kept.task_days))
        self._present = Present(redis_url)
        rules = {kind: days for kind, (_, days) in kept.rules.items()}
        self._unconfirmed = (
            UnconfirmedSweep.of(redis_url, kept.unconfirmed_days, self._present.now, rules)
            if kept.unconfirmed_days
            else None
        )
        also = (self._unconfirmed,) if self._unconfirmed is not None else ()
        searches = _search_desk(settings, redis_url, (*also, Removals.of(redis_url, settings.evidence)))
        desks = (self._sections, self._docket, searches, patrol)
        store = ResultsStore(redis_url, retention=retention)
        results = Results(store, spool, desks=desks, present=self._present.now)
        self._writer = Writer(results, on_death=lambda: os._exit(1))  # an exit that Ray counts as a crash

    async def submit(self, events: Sequence[Event] | Sequence[bytes]) -> Ack:
        """Takes events, best as the JSON bytes made at the camera (``flows.store.lines.to_json``)."""
        return await asyncio.wrap_future(self._writer.submit(events))

    async def status(self) -> ResultsStatus:
        """How it is doing."""
        known = self._writer.results.status(self._restarts)
        refused = {f"section_speed.{why}": n for why, n in dict(self._sections.book.refusals).items()}
        deleted = Counter(known.deleted)
        if self._unconfirmed is not None:
            deleted.update(self._unconfirmed.counts)
        return known.model_copy(
            update={
                "refusals": refused,
                "decisions": dict(self._docket.counts),
                "deleted": dict(deleted),
                "doubted": self._present.doubted,
            }
        )

    async def put_statuses(
        self, statuses: Sequence[CameraStatus], outlines: Mapping[str, Outlines] | None = None
    ) -> bool:
        """Passes the cameras' statuses on to Redis, and new outlines; False while it is away: repeat the outlines."""
        try:
            await asyncio.to_thread(self._cameras.put, statuses, outlines)
        except StoreError as error:
            log.debug("%s", error)
            return False
        return True

    async def wanted_pictures(self, camera_ids: Sequence[str]) -> list[str]:
        """Those cameras that somebody looks at now; none while Redis is away."""
        try:
            return await asyncio.to_thread(self._pictures.wanted, camera_ids)
        except StoreError as error:
            log.debug("%s", error)
            return []

    async def put_pictures(self, pictures: Mapping[str, tuple[datetime, bytes]]) -> None:
        """Passes small pictures on to whoever looks; lost while Redis is away, new ones follow soon."""
        try:
            await asyncio.to_thread(self._pictures.put, pictures)
        except StoreError as error:
            log.debug("%s", error)

    async def flush(self, timeout_s: float = 30.0) -> ResultsStatus:
        """Waits until everything is in Redis or time runs out, then says how things are."""
        await asyncio.to_thread(self._writer.flush, timeout_s)
        return await self.status()

    async def redis_url(self) -> str:
        """The Redis it writes to."""
        return self._redis_url

    async def other_terms(self, wanted: Mapping[str, str]) -> list[str]:
        """Those of :func:`terms` in which it differs from what a job wants."""
        return sorted(name for name, value in wanted.items() if self._terms.get(name) != value)


def retention_of(profile: JurisdictionProfile) -> Retention:
    """How long results stay by the law of a place: violations until their decision can no longer be appealed."""
    usual, law = Retention(), profile.retention
    rules = {kind: said.retention for kind, said in profile.rules.items() if said.retention is not None}
    return Retention(
        keep_days=float(law.violation_days),
        passage_days=min(usual.passage_days, float(law.plate_hash_days)),
        task_days=float(law.task_days),
        unconfirmed_days=float(law.unconfirmed_days),
        rules={
            kind: (float(said.violation_days), float(said.unconfirmed_days)) for kind, said in rules.items()
        },
    )


def terms(settings: Settings, retention: Retention | None = None) -> dict[str, str]:
    """What a results actor goes by as long as it runs, by the names that people know it by; no key is in it."""
    return {
        "jurisdiction": repr(retention or Retention()),
        "DOME_EVIDENCE": settings.evidence,
        "DOME_PLATE_KEY": hashlib.sha256(settings.plate_key.get_secret_value().encode()).hexdigest(),
        "DOME_AUDIT": str(settings.audit),
        "DOME_SPOOL": str(settings.spool),
        "DOME_SPOOL_EVENTS": str(settings.spool_events),
        "software": f"{software_version()} {code_sha256()}",
    }


def results_actor(
    settings: Settings, redis_url: str, retention: Retention | None = None, watched: bool = False
) -> Any:
    """The cluster's results actor, started unless there is one.

    With an embedded Redis (``unix:``) it belongs to the run that started it and stays on its machine, where
    the socket is. With a Redis of its own it outlives the run, so that jobs in one cluster share it; while that
    machine is there it is started again on it, where its spool lies. One that an earlier job left behind, of another
    law, other keys, folders or software, is replaced once it has written all that it has.

    Args:
        settings: Of this installation.
        redis_url: Where it writes to.
        retention: How long what is written stays.
        watched: Cameras of a live job, or a back-fill, rely on the one that runs: it is not replaced.

    Raises:
        StoreError: If one runs already and writes to another Redis, is watched and does not go by what all jobs must
            have in common, or cannot be replaced because events wait for Redis in its spool.
    """
    import ray

    actor = _started(settings, redis_url, retention)
    found = ray.get(actor.redis_url.remote())
    if found != redis_url:
        raise StoreError(
            f"a results actor runs already and writes to {masked(found)}, not to {masked(redis_url)}; "
            "use that Redis (DOME_REDIS_URL), or end the other job first"
        )
    known = hasattr(actor, "other_terms")  # of one of an older version it cannot be asked
    other = ray.get(actor.other_terms.remote(terms(settings, retention))) if known else ["software"]
    if watched and not SHARED.isdisjoint(other):
        raise StoreError(
            f"a job runs in this cluster with another {', '.join(n for n in other if n in SHARED)}; use the same, "
            "or end it first"
        )
    if watched and other:
        log.warning("the results actor that runs keeps its own %s", ", ".join(other))
    if watched or not other:
        return actor
    waiting = ray.get(actor.flush.remote(FLUSH_S)).spooled
    if waiting:
        raise StoreError(
            f"{waiting} events of an earlier job wait for Redis in the spool of the results actor that runs, which has "
            f"another {', '.join(other)}; try again once Redis has taken them"
        )
    log.warning("the results actor that ran had another %s; it is replaced", ", ".join(other))
    ray.kill(actor)
    await_gone(NAME)
    return _started(settings, redis_url, retention)


def await_gone(name: str) -> None:
    """Waits until an actor's name is free, so that the next job in this process or cluster can have it."""
    deadline_s = time.monotonic() + GONE_S
    while runs(name) and time.monotonic() < deadline_s:
        time.sleep(0.1)


def runs(name: str) -> bool:
    """Whether there is an actor of that name."""
    import ray

    try:
        ray.get_actor(name, NAMESPACE)
    except ValueError:
        return False
    return True


def _started(settings: Settings, redis_url: str, retention: Retention | None) -> Any:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    bound = redis_url.startswith("unix:")
    here = ray.get_runtime_context().get_node_id()
    options: dict[str, Any] = {} if bound else {"lifetime": "detached"}
    return (
        ray.remote(ResultsActor)
        .options(
            name=NAME,
            namespace=NAMESPACE,
            get_if_exists=True,
            num_cpus=0,  # results must find a place however full the machine is with detectors
            memory=1,  # an actor that asks for nothing at all is started anywhere, whatever is asked about where
            max_restarts=-1,
            max_task_retries=-1,
            max_concurrency=CONCURRENCY,
            scheduling_strategy=NodeAffinitySchedulingStrategy(here, soft=not bound),
            **options,
        )
        .remote(settings, redis_url, retention)
    )


def _search_desk(settings: Settings, redis_url: str, also: tuple[Sweeps, ...]) -> SearchDesk:
    cases = CaseStore(redis_url)
    hasher = PlateHasher.of(settings.plate_key.get_secret_value())
    sightings = SightingStore(redis_url, hasher)
    audit, seals = AuditStore(redis_url), Seals(settings.audit)
    return SearchDesk((cases, sightings, *also), audit, seals, cases.stop_by_itself)


def _count_start(settings: Settings) -> int:
    """Times that Ray started this actor again, kept beside the spool because the process itself forgets."""
    import ray

    path = settings.spool / f"{NAME}.restarts"
    if not ray.get_runtime_context().was_current_actor_reconstructed:
        path.unlink(missing_ok=True)
        return 0
    count = 1 + (int(path.read_text(encoding="ascii")) if path.exists() else 0)
    path.write_text(str(count), encoding="ascii")
    return count
