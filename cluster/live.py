"""The live job: everything a site needs, started in order, watched, and ended in order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import ray
from ray.exceptions import RayError, RayTaskError

from cluster.applying import reachable
from cluster.check import section_notes
from cluster.events_file import EventsFile
from cluster.outputs import check_outputs
from cluster.session import job_runs, ray_for, stopped_by_signal
from flows.domain.errors import DomeError
from flows.domain.places import Places
from flows.domain.site import CameraConfig, SiteConfig
from flows.domain.status import OVER, CameraStatus, ResultsStatus, Summary
from flows.jurisdiction import load_profile
from flows.results import await_gone, results_actor, retention_of
from flows.settings import Settings
from flows.store.mounting import ready_evidence
from flows.store.redis_server import redis_for
from flows.store.reports import ReportsStore
from flows.store.results import ResultsStore
from flows.stream.assembly import Surroundings
from flows.stream.camera import FLEET, RESULTS
from flows.stream.feed import described
from flows.stream.fleet import FleetPolicy, SiteAnswer
from flows.stream.fleet_actor import fleet_actor
from flows.stream.gateway import BELTS_APP, PLATES_APP
from flows.version import software_version

log = logging.getLogger(__name__)

ANSWER_S: Final = 15.0
"""Longest wait for the fleet's or the results actor's answer before the round goes on without."""
DRAINED_S: Final = FleetPolicy().drain_s + ANSWER_S
"""All cameras drain at once."""
FLUSH_S: Final = 30.0
READERS_S: Final = 60.0
"""Longest wait for the plate reader's start; packages made without it say that they are incomplete. Likewise for the
belt classifier: what it was not asked about is counted."""

OnProgress = Callable[[list[CameraStatus], ResultsStatus], None]


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """How a live job runs.

    Attributes:
        until_end: End when every finite source has ended, even if live cameras go on.
        events: File that gets one CloudEvent a line; it goes on where there is one and a camera is live.
        summary: File that gets each camera's counts at the end.
        detector: Detector for all cameras instead of their own.
        dashboard: Start Ray's dashboard (on 127.0.0.1) where Ray is started here.
        address: Ray cluster to join; ``local`` starts one here. ``RAY_ADDRESS`` by default, else ``local``.
        settings: Of the installation; from the environment by default.
        loader: ``module:function`` that makes detectors; for tests and back ends of one's own.
        plates: The same for the plate reader; empty runs without one.
        faces: The same for the eyes of the face search, from a pair's name and the settings.
        belts: The same for the belt classifier, where a camera has the rule.
        on_ready: Called once, when everything has been started; for tests and benches.
        poll_s: Between questions to the fleet.
        api: Host and port of the API; None runs without one, and nothing listens.
    """

    until_end: bool = False
    events: Path | None = None
    summary: Path | None = None
    detector: str | None = None
    dashboard: bool = False
    address: str = ""
    settings: Settings = field(default_factory=Settings.from_env)
    loader: str = ""
    plates: str = "models.plates.reader:PlateReader"
    faces: str = ""
    belts: str = "models.belts.reader:BeltReader"
    on_ready: Callable[[LiveJob], None] | None = None
    poll_s: float = 0.5
    api: tuple[str, int] | None = None


def run_live(
    site: SiteConfig, problems: Sequence[str], options: LiveOptions, on_progress: OnProgress
) -> Summary:
    """Runs a site until its cameras have ended, or somebody stops it (SIGINT, SIGTERM: drain, flush, sum up).

    Args:
        site: The cameras that can be used.
        problems: Why others cannot; they go into the summary.
        options: How to run.
        on_progress: Called about twice a second.

    Raises:
        FieldError: If a file that is to be written cannot be; nothing has been started then.
        DomeError: If something that every camera needs cannot be started, or at the end the summary not be written:
            the counts are in the message then.
    """
    check_outputs({"--events": options.events, "--summary": options.summary})
    started_at = datetime.now(UTC)
    notes = section_notes(site, options.settings)
    for note in notes:
        log.warning("%s", note)
    cameras = [_overridden(camera, options.detector) for camera in site.cameras]
    with ExitStack() as stack:
        redis_url = stack.enter_context(redis_for(options.settings))
        ready_evidence(redis_url, options.settings.evidence)
        stack.enter_context(ray_for(options.address, options.dashboard))
        stop = stack.enter_context(
            stopped_by_signal()
        )  # after Ray, which takes SIGTERM for itself when it starts
        job = LiveJob(site, cameras, redis_url, options)
        job.start()
        stack.enter_context(reachable(options.settings))
        store = ResultsStore(redis_url)
        stack.callback(store.close)
        live = any(camera.live for camera in cameras)  # of what has no end, a restart begins nothing anew
        events = stack.enter_context(EventsFile(options.events, store, [c.id for c in cameras], goes_on=live))
        if options.on_ready is not None:
            options.on_ready(job)
        while not stop.is_set():
            job.look()
            job.heed()
            events.watch(camera.id for camera in job.cameras)
            events.follow(job.sent)
            on_progress(job.statuses, job.results)
            if job.over():
                break
            stop.wait(options.poll_s)
        job.stop()
        events.follow(job.sent)
        on_progress(job.statuses, job.results)
        summary = Summary(
            site=site.site,
            started_at=started_at,
            ended_at=datetime.now(UTC),
            cameras={status.camera_id: status for status in job.statuses},
            results=job.results,
            problems=[*problems, *notes],
        )
    if options.summary is not None:
        _write_summary(options.summary, summary)
    return summary


def _write_summary(path: Path, summary: Summary) -> None:
    try:
        path.write_text(summary.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise DomeError(
            f"--summary: cannot write {path}: {error.strerror}: {summary.model_dump_json()}"
        ) from error


class LiveJob:
    """The actors of a running site. Ray runs already, and so does Redis.

    Args:
        site: The site.
        cameras: Its cameras, as they are to run.
        redis_url: Where results go.
        options: How to run.
    """

    def __init__(
        self, site: SiteConfig, cameras: Sequence[CameraConfig], redis_url: str, options: LiveOptions
    ) -> None:
        self._site, self._redis_url, self._options = site, redis_url, options
        self.cameras = list(cameras)
        self._gone: dict[str, CameraStatus] = {}
        self._unable: list[CameraStatus] = []
        self._alive: list[CameraStatus] = []
        self._count = 0
        self._ended = False
        self.results = ResultsStatus()
        self.sent: list[str] = []
        self.fleet: Any = None
        self.results_actor: Any = None

    @property
    def statuses(self) -> list[CameraStatus]:
        """All cameras of the job, then those that were removed, and those that could not be started."""
        here = {status.camera_id for status in self._alive}
        return self._alive + [s for s in self._gone.values() if s.camera_id not in here] + self._unable

    def start(self) -> None:
        """Results first, then detectors, then cameras: each finds what it needs.

        The fleet's name is taken before anything is changed that a job which has it already relies on.
        """
        settings = self._options.settings
        profile = load_profile(self._site.jurisdiction)
        retention = retention_of(profile)
        self.results_actor = results_actor(settings, self._redis_url, retention, job_runs())
        faces = self._searches(settings)
        around = Surroundings(
            self._site.site,
            profile,
            settings,
            software_version(),
            plates=bool(self._options.plates),
            faces=faces,
            belts=bool(self._options.belts),
        )
        self.fleet = fleet_actor(around)
        self._tell_places(self._site)
        self._open(settings)
        self._deploy(settings)
        if faces:
            self._start_faces(settings)
        ray.get(self.fleet.apply.remote(self.cameras))

    def look(self) -> None:
        """Asks how everybody is; keeps the last answer of whoever does not answer now."""
        try:
            statuses = ray.get(self.fleet.status.remote(), timeout=ANSWER_S)
            if len(statuses) < len(self.cameras):  # the fleet actor was started again and knows of nothing
                ray.get(self.fleet.apply.remote(self.cameras), timeout=ANSWER_S)
                self._count = 0
                return
            self.sent, self._count = ray.get(self.fleet.sent.remote(self._count), timeout=ANSWER_S)
            self._alive = statuses
            self.results = ray.get(self.results_actor.status.remote(), timeout=ANSWER_S)
        except RayError as error:
            log.warning("no answer: %s", _said(error))

    def heed(self) -> None:
        """Takes over a site that was handed in (``dome apply``), and says what came of it."""
        try:
            site = ray.get(self.fleet.handed_in.remote(), timeout=ANSWER_S)
            if site is not None:
                ray.get(self.fleet.answer.remote(self._change(site)), timeout=ANSWER_S)
        except RayError as error:
            log.warning("no answer: %s", _said(error))

    def _change(self, site: SiteConfig) -> SiteAnswer:
        if (site.site, site.jurisdiction) != (self._site.site, self._site.jurisdiction):
            mine = f"site {self._site.site} under {self._site.jurisdiction}"
            return SiteAnswer(refused=f"expected {mine}, got {site.site} under {site.jurisdiction}")
        before, stays = self.cameras, (self._site, self.cameras, self._unable)
        self._site, self._unable = site, []
        self.cameras = [_overridden(camera, self._options.detector) for camera in site.cameras]
        try:
            self._deploy(self._options.settings)
            self._tell_places(site)
        except Exception as error:  # whatever it is: cameras that run have no part in it
            log.exception("the site that was handed in cannot be had")
            self._site, self.cameras, self._unable = stays
            return SiteAnswer(refused=_said(error))
        ended = ray.get(self.fleet.apply.remote(self.cameras), timeout=DRAINED_S)
        self._gone |= {status.camera_id: status for status in ended}
        with _unclean("last statuses"):
            self._tell_statuses(ended)
        return SiteAnswer.of(before, self.cameras, self._unable)

    def end(self) -> None:
        """Nothing more is to be waited for."""
        self._ended = True

    def stop_cameras(self) -> None:
        """Ends all cameras and leaves the rest running."""
        ray.get(self.fleet.apply.remote([]))
        self.cameras = []

    def over(self) -> bool:
        """Whether nothing more is to be waited for."""
        if self._ended:
            return True
        live = {c.id for c in self.cameras if c.live}
        finite = [s for s in self._alive if s.camera_id not in live]
        if len(self._alive) < len(self.cameras) or not all(s.state in OVER for s in finite):
            return False
        return not live or (self._options.until_end and bool(finite))

    def stop(self) -> None:
        """Cameras finish and deliver, then everything is written, then the last counts are taken.

        Whoever does not answer in time keeps the others from nothing.
        """
        with _unclean("cameras"):
            self._alive = ray.get(self.fleet.stop.remote(), timeout=DRAINED_S) or self._alive
        with _unclean("last statuses"):
            self._tell_statuses(self._alive)
        with _unclean("last events"):
            self.sent, self._count = ray.get(self.fleet.sent.remote(self._count), timeout=ANSWER_S)
        with _unclean("results"):
            self.results = ray.get(self.results_actor.flush.remote(FLUSH_S), timeout=FLUSH_S + ANSWER_S)
        self._let_go()

    def _let_go(self) -> None:
        """Ends the job's actors; a results actor whose Redis ends with the job ends with it."""
        ray.kill(self.fleet)  # and with it the cameras and gateways it started
        names = [FLEET]
        if self._redis_url.startswith("unix:"):
            ray.kill(self.results_actor)
            names.append(RESULTS)
        for name in names:
            await_gone(name)

    def _tell_places(self, site: SiteConfig) -> None:
        """Citizens' reports are routed by where cameras and districts are."""
        reports = ReportsStore(self._redis_url)
        try:
            reports.put_places(Places.of(site))
        finally:
            reports.close()

    def _tell_statuses(self, statuses: Sequence[CameraStatus]) -> None:
        """How cameras ended: they report no more, and would be taken for silent."""
        ray.get(self.results_actor.put_statuses.remote(statuses), timeout=ANSWER_S)

    def _start_api(self, settings: Settings) -> None:
        from serve.api.config import ApiConfig
        from serve.app import ApiArgs, ensure_api

        ensure_api(ApiArgs(config=ApiConfig.from_env(self._redis_url, settings)))

    def _open(self, settings: Settings) -> None:
        """Serve, and the API where it is wanted."""
        from serve.app import start_serve

        logging.getLogger("ray.serve").setLevel(logging.WARNING)
        start_serve(self._options.api)  # cameras use handles: without an API nothing listens
        if self._options.api is not None:
            self._start_api(settings)

    def _deploy(self, settings: Settings) -> None:
        """Detectors that are not there yet; cameras whose detector cannot be had are left out."""
        from serve.app import (
            BeltsArgs,
            DetectorArgs,
            PlatesArgs,
            await_reader,
            ensure_app,
            replicas_for,
            start_belts,
            start_plates,
        )

        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        cpus, gpus = resources.get("CPU", 1.0), resources.get("GPU", 0.0)
        bearing = [camera for camera in self.cameras if camera.sees and (camera.rules or camera.read_plates)]
        if self._options.plates and bearing:  # it starts while the detectors do
            start_plates(PlatesArgs(loader=self._options.plates))
        looked_into = [camera for camera in bearing if any(rule.kind == "seat_belt" for rule in camera.rules)]
        if self._options.belts and looked_into:
            start_belts(BeltsArgs(loader=self._options.belts))
        for name in sorted({camera.detector for camera in self.cameras if camera.sees}):
            users = [camera for camera in self.cameras if camera.sees and camera.detector == name]
            finite = sum(not camera.live for camera in users)
            extra = {"loader": self._options.loader} if self._options.loader else {}
            try:
                args = DetectorArgs(name=name, settings=settings, **replicas_for(cpus, gpus, finite), **extra)
                self._fetch(args)
                ensure_app(args)
            except (DomeError, OSError, RayError) as error:
                self._unable += [_unable(camera, _said(error)) for camera in users]
                self.cameras = [camera for camera in self.cameras if camera not in users]
        if self._options.plates and any(not camera.live for camera in bearing):
            await_reader(PLATES_APP, READERS_S)  # a file may be over before a reader has started
        if self._options.belts and any(not camera.live for camera in looked_into):
            await_reader(BELTS_APP, READERS_S)

    def _searches(self, settings: Settings) -> bool:
        """Whether there is a key for what is biometric; without one nobody is searched for."""
        return bool(settings.probe_key.get_secret_value()) and any(camera.sees for camera in self.cameras)

    def _start_faces(self, settings: Settings) -> None:
        from serve.app import FacesArgs, start_faces

        extra = {"loader": self._options.faces} if self._options.faces else {}
        start_faces(FacesArgs(settings=settings, redis_url=self._redis_url, **extra))

    def _fetch(self, args: Any) -> None:
        """Weights are fetched here, where a person sees the progress and the advice."""
        if not self._options.loader:
            from models import weights

            weights.get(args.name, args.settings)


@contextmanager
def _unclean(what: str) -> Iterator[None]:
    """An end that is not clean is told, and goes on."""
    try:
        yield
    except RayError as error:
        log.error("the end was not clean (%s): %s", what, error)


def _said(error: Exception) -> str:
    """An error in words; of one from elsewhere what it was there, without its traceback."""
    return described(error.cause if isinstance(error, RayTaskError) else error)


def _overridden(camera: CameraConfig, detector: str | None) -> CameraConfig:
    return camera.model_copy(update={"detector": detector}) if detector else camera


def _unable(camera: CameraConfig, reason: str) -> CameraStatus:
    return CameraStatus.of(camera, state="failed", message=reason)
