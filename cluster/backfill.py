"""Archives into results: everything that recordings need, started in order and ended in order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import ray

from cluster.live import FLUSH_S
from cluster.session import job_runs, known_as_backfill, ray_for, stopped_by_signal
from flows.domain.errors import DomeError, FieldError
from flows.domain.site import CameraConfig, SiteConfig
from flows.domain.status import ResultsStatus
from flows.jurisdiction import JurisdictionProfile, load_profile
from flows.results import await_gone, results_actor, retention_of, runs
from flows.rules.reporting import standing_of
from flows.settings import Settings
from flows.store.mounting import ready_evidence
from flows.store.redis_server import redis_for
from flows.stream.assembly import Surroundings
from flows.stream.backfill import SPOOLED, Loaders, Played, Recording, play_all, recordings
from flows.stream.camera import NAMESPACE, RESULTS
from flows.version import software_version

log = logging.getLogger(__name__)

ANSWER_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class BackfillOptions:
    """How an archive is played.

    Attributes:
        since: Only what was recorded from then on ...
        until: ... and before then.
        actors: Most recordings played at once; 0: as many as the cluster has cores.
        cpus: Cores that Ray keeps free for each.
        gpus: Share of an accelerator for each.
        detector: For all cameras instead of their own.
        address: Ray cluster to join; ``local`` starts one here.
        settings: Of the installation.
        loaders: Who makes the models.
    """

    since: datetime | None = None
    until: datetime | None = None
    actors: int = 0
    cpus: float = 1.0
    gpus: float = 0.0
    detector: str | None = None
    address: str = ""
    settings: Settings = field(default_factory=Settings.from_env)
    loaders: Loaders = field(default_factory=Loaders)


@dataclass(frozen=True, slots=True)
class Backfilled:
    """What came of an archive.

    Attributes:
        played: Of each recording, as they were done.
        problems: What could not be used, in words.
        results: What became of the events.
        stopped: Somebody stopped it before the end.
    """

    played: tuple[Played, ...]
    problems: tuple[str, ...]
    results: ResultsStatus
    stopped: bool = False


def run_backfill(
    site: SiteConfig,
    archive: Path,
    options: BackfillOptions,
    on_played: Callable[[Played, int], None] = lambda *_: None,
) -> Backfilled:
    """Plays an archive of a site's cameras; what they had is written as if it came from them, once.

    Args:
        site: The cameras.
        archive: One folder a camera, see :func:`flows.stream.backfill.recordings`.
        options: How.
        on_played: Called for each recording with what came of it, and how many there are.

    Raises:
        SourceError: If there is no such folder.
        FieldError: If no machine of the cluster has such an accelerator.
        DomeError: If something that all recordings need cannot be had or started.
    """
    found, problems = recordings(site, archive, options.since, options.until)
    if options.detector:
        found = [_with_detector(each, options.detector) for each in found]
    found, without = _with_weights(found, options)
    problems += without
    with ExitStack() as stack:
        redis_url = stack.enter_context(redis_for(options.settings))
        ready_evidence(redis_url, options.settings.evidence)
        stack.enter_context(ray_for(options.address))
        stop = stack.enter_context(stopped_by_signal())
        if options.gpus > (had := _resource("GPU")):
            raise FieldError("--gpus", f"at most what the cluster has ({had:g})", f"{options.gpus:g}")
        profile = load_profile(site.jurisdiction)
        # An embedded Redis ends with this job, and so does who writes to it.
        mine = not runs(RESULTS) and redis_url.startswith("unix:")
        actor = results_actor(options.settings, redis_url, retention_of(profile), job_runs())
        stack.enter_context(known_as_backfill())
        around = Surroundings(
            site.site,
            profile,
            options.settings,
            software_version(),
            plates=bool(options.loaders.plates),
            belts=bool(options.loaders.belts),
        )
        if found and ray.available_resources().get("CPU", 0.0) < options.cpus:  # type: ignore[no-untyped-call]
            log.warning("no core of the cluster is free: recordings wait until one is")
        for note in notes(found, profile):
            log.warning("%s", note)
        played: list[Played] = []
        try:
            actors = options.actors or _cores()
            for each in play_all(
                found, around, redis_url, options.loaders, actors, options.cpus, options.gpus
            ):
                played.append(each)
                on_played(each, len(found))
                if stop.is_set():
                    break
            newest: Any = ray.get_actor(
                RESULTS, NAMESPACE
            )  # a live job may have replaced the one from before
            results: ResultsStatus = ray.get(newest.flush.remote(FLUSH_S), timeout=FLUSH_S + ANSWER_S)
        finally:
            if mine:
                ray.kill(actor)
                await_gone(RESULTS)
    for folder in unsent(options.settings.spool):
        log.warning("%s: events wait there until their recording is played again", folder)
    return Backfilled(tuple(played), tuple(problems), results, stop.is_set())


def notes(found: Sequence[Recording], profile: JurisdictionProfile) -> list[str]:
    """What an archive does less well than live cameras."""
    gates = {each.camera.id for each in found if any(r.kind == "section_speed" for r in each.camera.rules)}
    told = []
    if gates:
        told.append(
            f"section_speed: what passed {', '.join(sorted(gates))} is paired where both ends are played at about the "
            "same capture time and no live job watches the section; --actors 1 is surest"
        )
    listed = [each.from_at for each in found if _asks_lists(each.camera, profile)]
    if listed:
        told.append(
            f"exemptions: lists of today decide on what was recorded since {min(listed):%Y-%m-%d}; load such "
            "(dome exemptions load) as still name who was exempt then"
        )
    return told


def _asks_lists(camera: CameraConfig, profile: JurisdictionProfile) -> bool:
    return any(standing_of(rule, profile).exemptions for rule in camera.rules)


def unsent(spool: Path) -> list[Path]:
    """Where events of recordings wait whose playing ended early, then or now, on this machine."""
    return sorted({path.parent for path in spool.glob(f"{SPOOLED}*/*.jsonl")})


def _with_detector(recording: Recording, name: str) -> Recording:
    camera = recording.camera.model_copy(update={"detector": name})
    return recording.model_copy(update={"camera": camera})


def _with_weights(found: Sequence[Recording], options: BackfillOptions) -> tuple[list[Recording], list[str]]:
    """Weights are fetched here, where a person sees the progress and the advice; who has none is left out.

    Returns:
        The recordings that can be looked at, and why those of other cameras cannot.

    Raises:
        DomeError: If there are weights for none of them.
    """
    if options.loaders.detector != Loaders().detector:
        return list(found), []
    from models import weights

    missing: dict[str, DomeError] = {}
    for name in sorted({each.camera.detector for each in found}):
        try:
            weights.get(name, options.settings)
        except DomeError as error:
            missing[name] = error
    able = [each for each in found if each.camera.detector not in missing]
    if missing and not able:
        raise next(iter(missing.values()))
    blind = {
        each.camera.id: missing[each.camera.detector] for each in found if each.camera.detector in missing
    }
    return able, [f"{camera}: {error}" for camera, error in blind.items()]


def _cores() -> int:
    return max(1, int(_resource("CPU")))


def _resource(name: str) -> float:
    """So much the cluster has in all."""
    resources: dict[str, Any] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return float(resources.get(name, 0.0))
