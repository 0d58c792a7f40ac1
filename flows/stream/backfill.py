"""Archive footage through the same pipeline, to the same results actor: recordings are rows of a Ray Data set.

Each recording is played once, whole, by one of a pool of actors that hold the models themselves: nothing is taken
from the detectors of the live job. Ray Data deals them out, lets the pool grow and shrink, and has a recording
played again whose actor died; its events carry the same ids then and are written once.

Nobody is searched for in an archive, and nobody is accused twice of one deed: an event is left out if its camera had
one of its kind at that time already, from the live job or from another recording, also if that was deleted since,
or one of the same stand: a parked car is one event in however many recordings it stands (:mod:`flows.stream.parked`).
One that nobody can confirm, because its camera ended before its package was made, gives way to the recording's.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shutil
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Generic, TypeVar, cast

from pydantic import BaseModel, ConfigDict

from flows.backoff import Backoff
from flows.casework.adjudication import Finding, decision_event
from flows.casework.review import has_package
from flows.domain.belts import SEAT_BELT, BeltAnswer, BeltRequest, is_candidate
from flows.domain.detections import Detections
from flows.domain.errors import DetectorFailed, DomeError, ReaderFailed, SourceError, StoreError
from flows.domain.events import Event
from flows.domain.inference import DetectorLike, DetectRequest, detect_at_full_size
from flows.domain.plates import PlateAnswer, PlateRequest
from flows.domain.review import DETECTED, MACHINE_STATES
from flows.domain.site import CameraConfig, FileSource, SiteConfig
from flows.domain.status import CameraStatus
from flows.loading import made
from flows.pipeline import CameraPipeline
from flows.rules.prohibited_stopping import STANDING_ENDED
from flows.sources import open_source
from flows.sources.clock import micros, plausible
from flows.sources.container import file_span
from flows.store.deleted import DeletedStore
from flows.store.landmarks import LandmarkStore
from flows.store.lines import VIOLATION
from flows.store.results import Entry, ResultsStore
from flows.store.spool import Spool
from flows.stream.assembly import Readers, Surroundings, calibrated, evidence_of
from flows.stream.feed import Feed, described
from flows.stream.outbox import Outbox, Submit
from flows.stream.parked import REMEMBERED, STOPPING, end_of, same_stand

log = logging.getLogger(__name__)

SUFFIXES: Final = frozenset(
    {
        *(".mp4", ".m4v", ".mov", ".3gp", ".mkv", ".webm", ".avi", ".flv", ".asf", ".mxf"),
        *(".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".dav"),
    }
)
"""What recorders call the containers that are known (``flows.sources.container.FORMATS``) and that hold times."""
SPOOLED: Final = "archive-"
"""Begins the names of recordings' spools."""
RETRIES: Final = 3
"""Times that a recording is played again whose actor died: a machine may go, but some recordings kill decoders."""
SAME_S: Final = 3.0
"""Two events of one kind at one camera nearer in time than this may be one deed, seen twice."""
UNMADE: Final = timedelta(minutes=15)
"""A package is told some seconds after its violation, or two minutes where a reader or a disk was away; later none is
made any more."""
OPEN: Final = (*DETECTED, "undecided", "held_stale_exemptions")
"""States in which nobody has decided on a violation."""
MOST: Final = 10_000
"""Events looked at around one: more than a camera has in that time, passages and lights among them."""
PATIENCE_S: Final = 60.0
"""A Redis that was started again has loaded its data by then."""
FULL_S: Final = timedelta(seconds=1)
"""Recorders cut by key frames: one recording may reach so far into the next."""

Request = TypeVar("Request")
Answer = TypeVar("Answer")
Found = TypeVar("Found")


class Recording(BaseModel):
    """A file of one camera.

    Attributes:
        camera: The camera; its source is the file.
        from_at: Capture time of the first frame.
        until_at: Of the end, by the container.
    """

    model_config = ConfigDict(frozen=True)

    camera: CameraConfig
    from_at: datetime
    until_at: datetime

    @property
    def path(self) -> Path:
        """The file."""
        return cast(FileSource, self.camera.source).path


class Played(BaseModel):
    """What came of a recording.

    Attributes:
        path: The file.
        status: The camera's counts over it.
        known: Events left out because the camera had one of their kind at that time.
        gone: Events left out because such a violation was deleted.
    """

    model_config = ConfigDict(frozen=True)

    path: Path
    status: CameraStatus
    known: int = 0
    gone: int = 0


@dataclass(frozen=True, slots=True)
class Loaders:
    """Who makes the models, as ``module:function``; flows knows none of them.

    Attributes:
        detector: Makes a detector from its name and the settings.
        plates: Makes a plate reader; empty does without.
        belts: Makes a belt classifier; likewise.
    """

    detector: str = "models.detector:load"
    plates: str = "models.plates.reader:PlateReader"
    belts: str = "models.belts.reader:BeltReader"


def recordings(
    site: SiteConfig, archive: Path, since: datetime | None = None, until: datetime | None = None
) -> tuple[list[Recording], list[str]]:
    """What an archive holds of a site's cameras: ``ARCHIVE/CAMERA/*.mp4``, in order of time.

    A file's name may begin with the capture time of its first frame (``2026-09-14T08-30-00Z.mp4``); otherwise its
    container must tell it.

    Args:
        site: The cameras.
        archive: The folder.
        since: Only what was recorded from then on ...
        until: ... and before then.

    Returns:
        The recordings, and in words what cannot be used.

    Raises:
        SourceError: If there is no such folder.
    """
    if not archive.is_dir():
        raise SourceError(f"archive: expected a folder with one folder a camera, got {archive}")
    try:
        inside = sorted(archive.iterdir())
    except OSError as error:
        raise SourceError(f"archive: expected a folder that can be read, got {error}") from error
    cameras = {camera.id: camera for camera in site.cameras}
    found: list[Recording] = []
    problems = [
        f"{path}: expected a folder of its camera around it ({archive}/CAMERA/{path.name})"
        for path in inside
        if path.suffix.lower() in SUFFIXES and path.is_file()
    ]
    for folder in (path for path in inside if path.is_dir()):
        if folder.name not in cameras:
            problems.append(f"{folder}: the site has no camera {folder.name!r}")
            continue
        there: list[Recording] = []
        for path in _files(folder, problems):
            try:
                there.append(_recording(cameras[folder.name], path))
            except SourceError as error:
                problems.append(str(error))
        kept, overlapping = _apart(there)
        found += kept
        problems += overlapping
    wanted = [
        r for r in found if (since is None or r.until_at > since) and (until is None or r.from_at < until)
    ]
    return sorted(wanted, key=lambda r: (r.from_at, r.camera.id)), problems


def _files(folder: Path, problems: list[str]) -> list[Path]:
    """Video files below a folder, also behind links, each folder once; what cannot be read is told."""
    found: list[Path] = []
    seen: set[str] = set()
    for where, inside, names in os.walk(
        folder, followlinks=True, onerror=lambda error: problems.append(f"cannot be read: {error}")
    ):
        place = os.path.realpath(where)
        if place in seen:  # a link that leads back
            inside.clear()
            continue
        seen.add(place)
        found += [Path(where, name) for name in names if Path(name).suffix.lower() in SUFFIXES]
    return sorted(found)


_TIME: Final = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)[T_ ](\d\d)[-:_]?(\d\d)[-:_]?(\d\d)(?:\.(\d{1,6}))?(Z|[+-]\d\d[-:]?\d\d)"
)


def named_time(name: str) -> datetime | None:
    """The time with its zone that a file's name begins with; None if there is none.

    >>> named_time("20260914T083000+0500-cam.mp4").isoformat()
    '2026-09-14T03:30:00+00:00'
    >>> named_time("2026-09-14T08-30-00.mp4") is None  # of which zone?
    True
    """
    match = _TIME.match(name)
    if match is None:
        return None
    *digits, part, zone = match.groups()
    offset = "+00:00" if zone == "Z" else f"{zone[:3]}:{zone[-2:]}"
    year, month, day, hour, minute, second = digits
    text = f"{year}-{month}-{day}T{hour}:{minute}:{second}.{(part or '0').ljust(6, '0')}{offset}"
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _recording(camera: CameraConfig, path: Path) -> Recording:
    if not camera.sees:
        raise SourceError(f"{path}: camera {camera.id!r} reports tracks and has no pictures")
    said_at, length_s = file_span(path)
    from_at = named_time(path.name) or said_at
    if from_at is None:
        raise SourceError(
            f"{path}: expected a name that begins with the capture time and its zone (2026-09-14T08-30-00Z.mp4), or a "
            "creation time in the file; got neither"
        )
    if not plausible(micros(from_at)):
        raise SourceError(
            f"{path}: expected a capture time between the year 2000 and now, got {from_at.isoformat()}: was its "
            "recorder's clock set? Rename it"
        )
    source = FileSource(path=path.absolute(), started_at=from_at)
    return Recording(
        camera=camera.model_copy(update={"source": source}),
        from_at=from_at,
        until_at=from_at + timedelta(seconds=length_s),
    )


def _apart(there: Sequence[Recording]) -> tuple[list[Recording], list[str]]:
    """Without those that show again what another one shows: whoever is in both would be accused twice."""
    kept: list[Recording] = []
    problems = []
    for each in sorted(there, key=lambda r: (r.from_at, r.path)):
        last = kept[-1] if kept else None
        if last and (each.from_at == last.from_at or each.from_at < last.until_at - FULL_S):
            problems.append(f"{each.path}: left out, it begins before {last.path} ends")
        else:
            kept.append(each)
    return kept, problems


def play_all(
    found: Sequence[Recording],
    around: Surroundings,
    redis_url: str,
    loaders: Loaders,
    actors: int,
    cpus: float = 1.0,
    gpus: float = 0.0,
) -> Iterator[Played]:
    """Plays recordings on the cluster; yields what came of each as it is done.

    Args:
        found: The recordings.
        around: What cameras of a job share.
        redis_url: Of the results, to know what is known.
        loaders: Who makes the models.
        actors: Most recordings played at once.
        cpus: Cores that Ray keeps free for each actor.
        gpus: Share of an accelerator for each actor.
    """
    import ray.data
    from ray.util.annotations import RayDeprecationWarning

    if not found:
        return
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    _keep_quiet()
    context.max_errored_blocks = -1  # a recording of which actors die keeps no other from being played
    # One recording an actor at a time, and another actor while all are busy: by default the pool would grow only when
    # each had a second one waiting, that is, never.
    context.autoscaling_config.actor_pool_util_upscaling_threshold = 1.0
    rows = ray.data.from_items(
        [{"recording": each.model_dump_json()} for each in found], override_num_blocks=len(found)
    )
    pool = ray.data.ActorPoolStrategy(
        min_size=1, max_size=max(1, min(actors, len(found))), max_tasks_in_flight_per_actor=1
    )
    with warnings.catch_warnings():  # Ray 2.60 has no other place for retries than the one that it warns of
        warnings.simplefilter("ignore", RayDeprecationWarning)
        played = rows.map(
            Player,
            fn_constructor_args=(around, redis_url, loaders),
            compute=pool,
            num_cpus=cpus,
            num_gpus=gpus or None,
            max_task_retries=RETRIES,
        )
    waiting = {each.path: each for each in found}
    for row in played.iter_rows():
        each = Played.model_validate_json(row["played"])
        del waiting[each.path]
        yield each
    for recording in waiting.values():
        why = f"{1 + RETRIES} processes died of it, the others were played; see Ray's logs"
        yield failed(recording, why)


def _keep_quiet() -> None:
    """Ray Data tells its own log of its plans; whoever watches an archive being played reads of recordings."""
    for handler in logging.getLogger("ray.data").handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setLevel(logging.ERROR)


class Player:
    """An actor of the pool: holds the models, plays one recording at a time.

    Args:
        around: What cameras of a job share.
        redis_url: Of the results.
        loaders: Who makes the models.
        submit: Hands events on; to the results actor by default.
    """

    def __init__(
        self, around: Surroundings, redis_url: str, loaders: Loaders, submit: Submit | None = None
    ) -> None:
        self._around, self._loaders = around, loaders
        self._store, self._deleted = ResultsStore(redis_url), DeletedStore(redis_url)
        self._submit = submit or _to_the_actor()
        self._detectors: dict[str, DetectorLike] = {}
        self._readers = Readers(
            _Local[PlateRequest, PlateAnswer](loaders.plates, "read", "plate reader"),
            _Local[BeltRequest, BeltAnswer](loaders.belts, "look", "belt classifier"),
        )

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Plays a row's recording; what cannot be played says why, and keeps no other from being played."""
        recording = Recording.model_validate_json(row["recording"])
        try:
            played = asyncio.run(self._play(recording))
        except Exception as error:  # whatever one recording brings up, the others are played
            if not isinstance(error, DomeError | OSError):
                log.exception("%s", recording.path)
            played = failed(recording, described(error))
        return {"played": played.model_dump_json()}

    async def _play(self, recording: Recording) -> Played:
        around = self._around
        detector = self._detector(recording.camera.detector)
        source = open_source(recording.camera, around.settings)
        source.open()
        camera = calibrated(recording.camera, around.settings)
        pipeline = CameraPipeline.build(
            camera,
            around.profile,
            detector.spec.names,
            detector.spec.sure_score,
            LandmarkStore(around.settings.landmarks, camera).load(),
        )
        known = Known(self._store, self._deleted, camera.id, from_at=recording.from_at)
        spool = Spool(around.settings.spool, f"{SPOOLED}{_slug(recording)}", around.settings.spool_events)
        outbox = Outbox(spool, self._submit)
        evidence = evidence_of(camera, around, source, detector.spec, self._readers)
        asked = _Asked(detector)
        try:
            feed = Feed(source, pipeline, detector.spec, asked, outbox, evidence, known=known)
            await feed.run()
            await asyncio.to_thread(known.replace)
        except StoreError as error:
            raise StoreError(f"{error}{_waits(len(outbox), spool.folder)}") from error
        finally:
            outbox.close()
        shutil.rmtree(spool.folder, ignore_errors=True)  # all of it was taken
        return Played(path=recording.path, status=feed.status(), known=known.count, gone=known.gone)

    def _detector(self, name: str) -> DetectorLike:
        if name not in self._detectors:
            self._detectors[name] = cast(
                DetectorLike, made(self._loaders.detector, name, self._around.settings)
            )
        return self._detectors[name]


class Known:
    """Which events of a recording tell what is known already.

    Attributes:
        count: Events that the camera had.
        gone: Events that it had, and that were deleted.

    Args:
        store: The results.
        deleted: What was deleted of them.
        camera_id: The camera.
        patience_s: Time for Redis to come back.
        from_at: When the recording began, if that is known.
    """

    def __init__(
        self,
        store: ResultsStore,
        deleted: DeletedStore,
        camera_id: str,
        patience_s: float = PATIENCE_S,
        from_at: datetime | None = None,
    ) -> None:
        self._store, self._deleted = store, deleted
        self._camera_id, self._patience_s, self._from_at = camera_id, patience_s, from_at
        self._mine: set[str] = set()
        self._instead: dict[str, str] = {}  # of the camera's without a package: this recording's
        self._stopped: list[Event] = []  # this recording's
        self._again: dict[
            str, tuple[Event, Event]
        ] = {}  # by its id: what told of its stand before, and what again
        self._ends: list[Event] = []
        self.count = self.gone = 0

    def __call__(self, event: Event, stop: threading.Event) -> bool:
        """Whether the camera had another event of this kind then, which this recording has not given.

        One that is there itself is this recording's, played before: what else of it is there hides nothing, and its
        package, which may not have been made then, is made now. A candidate is known as the violation that it may be:
        nobody looks again at whom the camera has accused, or at whose violation was deleted. One without its package
        is not known: nobody can confirm it (:meth:`replace`).

        Raises:
            StoreError: If Redis stays away, or is still away when the feed stops; the recording is to be played again.
        """
        if is_candidate(event):
            event = event.model_copy(update={"type": SEAT_BELT})
        if event.type == STANDING_ENDED and (pair := self._again.get(str(event.data.get("violation")))):
            self._ends.append(end_of(*pair, event))
            return True
        around = timedelta(seconds=SAME_S)
        there = self._asked(
            lambda: self._store.captured(
                "camera", self._camera_id, event.time - around, event.time + around, MOST
            ),
            stop,
        )
        stand = self._asked(lambda: self._same_stand(event), stop) if event.type == STOPPING else []
        had = {entry.event.id: entry for entry in [*stand, *there] if entry.event.type == event.type}
        bare = {id for id, entry in had.items() if _is_bare(entry)}
        if event.id not in had and had.keys() - bare - self._mine:
            self.count += 1
            if stand:
                self._again[event.id] = stand[0].event, event
            return True
        if event.id not in had and self._asked(lambda: self._deleted.knows(event, SAME_S), stop):
            self.gone += 1
            return True
        self._mine.add(event.id)
        self._instead |= dict.fromkeys(bare, event.id)
        self._stopped += [event] if event.type == STOPPING else []
        return False

    def replace(self) -> int:
        """Dismisses those of the camera that have no package, where this recording's has one; of one stand all but the
        first, where recordings were played at once. Called when all of it was taken; how many events it wrote.

        Raises:
            StoreError: If Redis is away; the recording is to be played again.
        """
        pairs = {bare: mine for bare, mine in self._instead.items() if bare not in self._mine}
        held = {e.event.id: e for e in self._store.entries([*pairs, *pairs.values()])} if pairs else {}
        whole = {id for id, entry in held.items() if has_package(entry.case)}
        said = [
            decision_event(held[bare].case, Finding("dismissed", "duplicate", f"{mine} has the package"))
            for bare, mine in pairs.items()
            if mine in whole and bare in held and _is_bare(held[bare])
        ]
        said += [*self._ends, *self._dismissed()]
        return self._store.write(said).written if said else 0

    def _same_stand(self, event: Event) -> list[Entry]:
        """The camera's violations before this one that tell of the same stand, newest first."""
        there = self._standing(event, event.time - REMEMBERED, event.time)
        events = [entry.event for entry in there.values()]
        return [there[each.id] for each in same_stand(event, events, self._from_at)]

    def _dismissed(self) -> list[Event]:
        """Decisions on those that tell of a stand again: this recording's, or others' that are of later.

        Where a person has decided on the later one, this recording's comes too late.
        """
        said = []
        for mine in self._stopped:
            there = self._standing(mine, mine.time - REMEMBERED, mine.time + REMEMBERED)
            events = [entry.event for entry in there.values()]
            pairs = [(mine, each) for each in same_stand(mine, events, self._from_at)]
            for later in (each for each in events if each.type == STOPPING and each.time > mine.time):
                if mine.id in (each.id for each in same_stand(later, events)):
                    decided = there[later.id].case.state not in MACHINE_STATES
                    pairs.append((mine, later) if decided else (later, mine))
            told = {again.id: by for again, by in pairs if not _is_bare(there[by.id])}
            for id, by in told.items():
                if there[id].case.state in OPEN:
                    finding = Finding("dismissed", "duplicate", f"{by.id} tells of the same stand")
                    said.append(decision_event(there[id].case, finding))
        return said

    def _standing(self, event: Event, since: datetime, until: datetime) -> dict[str, Entry]:
        """The camera's violations of stopping and ends of standing in a time, by id."""
        return {
            entry.event.id: entry
            for kind in (STOPPING, STANDING_ENDED)
            for entry in self._store.captured("type", kind, since, until, MOST, (event.subject,))
            if entry.event.camera_id == self._camera_id
        }

    def _asked(self, ask: Callable[[], Found], stop: threading.Event) -> Found:
        """An answer of Redis; waits for one that starts again, or a recording would be played for nothing."""
        deadline_s, pause = time.monotonic() + self._patience_s, Backoff(0.2, 5.0)
        while True:
            try:
                return ask()
            except StoreError:
                if time.monotonic() > deadline_s or stop.wait(pause.next_s()):
                    raise


def _is_bare(entry: Entry) -> bool:
    """Whether it is a violation whose package will not be made any more, and on which nobody has decided."""
    return (
        entry.event.type.startswith(VIOLATION)
        and bool(entry.event.data.get("evidence"))
        and entry.evidence is None
        and entry.case.state in OPEN
        and datetime.now(UTC) - entry.written_at > UNMADE
    )


class _Asked:
    """A detector of this process, as a feed asks one. It answers one request after the other: engines reuse buffers."""

    def __init__(self, detector: DetectorLike) -> None:
        self._detector = detector
        self._turn = asyncio.Lock()

    def put(self, request: DetectRequest) -> object:
        return request

    async def detect(self, request: object) -> list[Detections]:
        try:
            async with self._turn:
                answers = await asyncio.to_thread(
                    detect_at_full_size, self._detector, [cast(DetectRequest, request)]
                )
        except Exception as error:
            raise DetectorFailed(f"detector {self._detector.spec.name}: {described(error)}") from error
        return answers[0]


class _Local(Generic[Request, Answer]):
    """A reader of this process, made when it is first asked: most recordings hold no violation."""

    def __init__(self, loader: str, method: str, whom: str) -> None:
        self._loader, self._method, self._whom = loader, method, whom
        self._ask: Callable[[Request], Answer] | None = None

    def __call__(self, request: Request) -> Answer:
        try:
            if self._ask is None:
                self._ask = getattr(made(self._loader), self._method)
            return self._ask(request)
        except Exception as error:
            raise ReaderFailed(f"{self._whom}: {described(error)}") from error


def failed(recording: Recording, why: str) -> Played:
    """What came of one that could not be played."""
    status = CameraStatus.of(recording.camera, state="failed", message=why)
    return Played(path=recording.path, status=status)


def _waits(events: int, folder: Path) -> str:
    return f"; {events} of its events wait in {folder} until it is played again" if events else ""


def _to_the_actor() -> Submit:
    from flows.stream.camera import submit

    return submit


def _slug(recording: Recording) -> str:
    return f"{recording.camera.id}-{recording.from_at:%Y%m%dT%H%M%S%f}"
