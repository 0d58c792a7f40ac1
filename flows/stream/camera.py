"""The camera actor: one a camera, a thin shell round :class:`flows.stream.feed.Feed`.

It may have 100 MB: nothing imported here, directly or not, brings torch, cv2, pandas, scipy or ``ray.serve``.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import numpy as np
import ray
from numpy.typing import NDArray
from ray.exceptions import RayError, RayTaskError

from flows.backoff import Backoff
from flows.domain.belts import BeltAnswer, BeltRequest
from flows.domain.detections import Detections
from flows.domain.errors import (
    DetectorAway,
    DetectorFailed,
    DomeError,
    FacesAway,
    ReaderAway,
    ReaderFailed,
    StoreError,
)
from flows.domain.events import Event
from flows.domain.inference import DetectorSpec, DetectRequest
from flows.domain.plates import PlateAnswer, PlateRequest
from flows.domain.site import CameraConfig
from flows.domain.status import CameraState, CameraStatus, Outlines
from flows.evidence.unfinished import Unfinished
from flows.pipeline import CameraPipeline
from flows.sources import open_source
from flows.store.landmarks import LandmarkStore
from flows.store.spool import Spool
from flows.stream.assembly import Readers, Surroundings, calibrated, evidence_of
from flows.stream.feed import Feed, described
from flows.stream.gateway import first_line
from flows.stream.gauges import Gauges
from flows.stream.outbox import Outbox

if TYPE_CHECKING:
    from flows.domain.cases import SearchCase
    from flows.domain.faces import FaceAnswer, FaceRequest
    from flows.faces.stage import FaceStage
    from flows.sources.base import Source

log = logging.getLogger(__name__)

Request = TypeVar("Request")
Answer = TypeVar("Answer")

NAMESPACE: Final = "dome"
RESULTS: Final = "results"
FLEET: Final = "fleet"
CAMERA_CPUS: Final = 0.02
"""What Ray reserves: a still 640 px camera decodes for so much of a core, a 1080p one for 0.1. No limit;
reservations that add up to more than the machine would keep cameras from starting at all."""
METRICS_S: Final = 5.0
"""Half of Ray's own interval of reporting."""
SUBMIT_S: Final = 30.0
"""Longest wait for the results actor's answer; the events are on disk meanwhile."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a camera tells its fleet.

    Attributes:
        status: How it is doing.
        ids: Ids of events sent since the last report.
        count: Events sent so far by this instance.
        outlines: Zones, lines and lights in its picture; None where they are what it told before.
        node_id: Ray's id of the machine on whose disk its spool and landmarks are.
    """

    status: CameraStatus
    ids: list[str]
    count: int
    outlines: Outlines | None = None
    node_id: str = ""


class CameraActor:
    """One camera. The fleet creates it, calls :meth:`start`, asks for reports, and ends it.

    Args:
        camera: The camera.
        around: What it shares with the others.
    """

    def __init__(self, camera: CameraConfig, around: Surroundings) -> None:
        self._camera, self._around = camera, around
        self._state: CameraState = "starting"
        self._message = ""
        self._feed: Feed | None = None
        self._source: Source | None = None
        self._stopping = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins; returns at once."""
        if self._running is None:
            self._running = asyncio.create_task(self._run())
            self._running.add_done_callback(_die_of_surprise)

    async def status(self) -> CameraStatus:
        """A snapshot; answers in every state."""
        if self._feed is not None:
            return self._feed.status()
        return CameraStatus.of(self._camera, state=self._state, message=self._message)

    async def report(self, since: int) -> Report:
        """The status, and the ids of the events sent since the count was ``since``."""
        node_id = ray.get_runtime_context().get_node_id()
        if self._feed is None:
            return Report(await self.status(), [], since, node_id=node_id)
        return Report(self._feed.status(), *self._outbox.ids(since), self._feed.redrawn(), node_id)

    async def look(self) -> tuple[datetime, NDArray[np.uint8]] | None:
        """A small picture for somebody who looks; see :meth:`flows.stream.feed.Feed.look`."""
        return self._feed.look() if self._feed is not None else None

    async def stop(self) -> CameraStatus:
        """Reads no more, finishes what is under way, delivers, and says how it went."""
        self._stopping.set()
        if self._feed is not None:
            self._feed.stop()
        if self._running is not None:
            await asyncio.wait([self._running])
        return await self.status()

    async def _run(self) -> None:
        try:
            feed = await self._prepared()
        except DomeError as error:
            self._state, self._message = "failed", str(error)
            return
        if feed is None:
            self._state = "stopped"
            return
        self._feed = feed
        telling = asyncio.create_task(self._tell_metrics())
        try:
            await feed.run()
        finally:
            telling.cancel()

    async def _tell_metrics(self) -> None:
        gauges = Gauges(self._camera.id, self._camera.district)
        while True:
            gauges.tell(await self.status())
            await asyncio.sleep(METRICS_S)

    async def _prepared(self) -> Feed | None:
        """Everything a feed needs; None if stopped before it could begin."""
        self._gateway = Gateway()
        detector = Detector(self._camera.detector, self._gateway) if self._camera.sees else None
        spec = await self._spec(detector) if detector is not None else None
        if detector is not None and spec is None:
            return None
        source = open_source(self._camera, self._around.settings)
        self._message = "opening the source"
        await asyncio.to_thread(source.open)
        camera = await asyncio.to_thread(calibrated, self._camera, self._around.settings)
        store = LandmarkStore(self._around.settings.landmarks, camera)
        pipeline = CameraPipeline.build(
            camera,
            self._around.profile,
            spec.names if spec else (),
            spec.sure_score if spec else 0.6,
            # A recording is always played from its beginning, and says the same every time.
            await asyncio.to_thread(store.load) if camera.live else None,
            store.save if camera.live else None,
        )
        spool = await asyncio.to_thread(self._spool)
        self._outbox = Outbox(spool, submit)
        loop = asyncio.get_running_loop()
        readers = Readers(
            Reader[PlateRequest, PlateAnswer](self._gateway, loop, "read_plate", "plate reader"),
            Reader[BeltRequest, BeltAnswer](self._gateway, loop, "read_belts", "belt classifier"),
        )
        unfinished = Unfinished(spool.folder / "packages")  # the spool's lock is theirs, too
        evidence = (
            evidence_of(camera, self._around, source, spec, readers, unfinished) if spec is not None else None
        )
        faces = self._faces(self._outbox, pipeline) if self._around.faces and spec is not None else None
        return Feed(source, pipeline, spec, detector, self._outbox, evidence, faces)

    def _faces(self, outbox: Outbox, pipeline: CameraPipeline) -> FaceStage:
        # Imported here: a camera where nobody can be searched for need not carry it.
        from flows.faces.stage import FaceStage
        from flows.leaks import without_dumps

        def publish(events: list[Event]) -> None:
            pipeline.counts.events.update(event.type for event in events)
            outbox.put(events)

        without_dumps()
        return FaceStage(self._camera, Faces(self._gateway), publish, lambda: datetime.now(UTC))

    def _spool(self) -> Spool:
        settings = self._around.settings
        return Spool(settings.spool, f"camera-{self._camera.id}", settings.spool_events)

    async def _spec(self, detector: Detector) -> DetectorSpec | None:
        pause = Backoff(0.2, 5.0)
        while not self._stopping.is_set():
            try:
                return await detector.spec()
            except (DetectorAway, DetectorFailed) as error:
                self._message = f"waiting for {error}"
                await asyncio.sleep(pause.next_s())
        return None


class Gateway:
    """This node's gateway to Serve, found again whenever it is gone; shared by what a camera asks."""

    def __init__(self) -> None:
        self._actor: Any = None

    async def ask(self, method: str, *args: Any) -> Any:
        """Calls the gateway.

        Raises:
            RayTaskError: What the other side raised.
            RayError: If the gateway is gone; it is looked for again the next time.
            ValueError: If there is no fleet at this moment.
        """
        try:
            if self._actor is None:
                fleet = await asyncio.to_thread(ray.get_actor, FLEET, NAMESPACE)
                self._actor = await fleet.gateway.remote(ray.get_runtime_context().get_node_id())
            return await getattr(self._actor, method).remote(*args)
        except RayTaskError:
            raise
        except (RayError, ValueError):
            self._actor = None
            raise


class Detector:
    """A detector as a camera sees it: through this node's gateway, whatever happens to that.

    Args:
        name: The detector's name.
        gateway: The way to it.
    """

    def __init__(self, name: str, gateway: Gateway) -> None:
        self._name, self._gateway = name, gateway

    async def spec(self) -> DetectorSpec:
        """The detector's spec.

        Raises:
            DetectorAway: If it does not run (yet).
        """
        spec: DetectorSpec = await self._ask("spec")
        return spec

    def put(self, request: DetectRequest) -> object:
        """Puts the pictures into the node's object store, where the detector reads them without a copy.

        Raises:
            DetectorAway: If the store does not take them now; try again.
        """
        try:
            return ray.put(request)
        except RayError as error:
            raise DetectorAway(f"object store: {type(error).__name__}: {first_line(error)}") from None

    async def detect(self, request: object) -> list[Detections]:
        """Detections of pictures in the object store.

        Raises:
            DetectorAway: If nobody answers; ask again.
            DetectorFailed: If the detector fails on these pictures.
        """
        found: list[Detections] = await self._ask("detect", [request])
        return found

    async def _ask(self, method: str, *args: Any) -> Any:
        try:
            return await self._gateway.ask(method, self._name, *args)
        except DetectorAway:
            raise
        except RayTaskError as error:
            raise DetectorFailed(f"detector {self._name}: {first_line(error.cause)}") from None
        except (RayError, ValueError) as error:
            raise DetectorAway(f"gateway: {type(error).__name__}: {first_line(error)}") from None


class Faces:
    """The face search as a camera sees it.

    Args:
        gateway: The way to it.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def scope(self) -> Sequence[SearchCase]:
        """The active cases.

        Raises:
            FacesAway: If nobody answers.
        """
        cases: Sequence[SearchCase] = await self._ask("face_scope")
        return cases

    async def look(self, request: FaceRequest) -> FaceAnswer:
        """Whether a head is that of somebody who is searched for. By value: never ``ray.put`` a person.

        Raises:
            FacesAway: If nobody answers, or the search fails on it.
        """
        answer: FaceAnswer = await self._ask("look_at_face", request)
        return answer

    async def _ask(self, method: str, *args: Any) -> Any:
        try:
            return await self._gateway.ask(method, *args)
        except FacesAway:
            raise
        except (RayError, ValueError) as error:
            raise FacesAway(f"face search: {type(error).__name__}") from None


class Reader(Generic[Request, Answer]):
    """A model that reads pictures of vehicles, as evidence sees it: called in the thread that makes packages.

    Args:
        gateway: The way to it.
        loop: The event loop of the actor.
        method: The gateway's.
        whom: Its name for people.
    """

    def __init__(self, gateway: Gateway, loop: asyncio.AbstractEventLoop, method: str, whom: str) -> None:
        self._gateway, self._loop, self._method, self._whom = gateway, loop, method, whom

    def __call__(self, request: Request) -> Answer:
        """What it reads.

        Raises:
            ReaderAway: If nobody answers; ask again later.
            ReaderFailed: If it fails on these pictures.
        """
        asked = ask_about(self._gateway, self._method, request, self._whom)
        answer: Answer = asyncio.run_coroutine_threadsafe(asked, self._loop).result()
        return answer


async def ask_about(gateway: Gateway, method: str, request: object, whom: str) -> Any:
    """Asks about pictures, which lie in the node's object store meanwhile.

    Raises:
        ReaderAway: If nobody answers; ask again later.
        ReaderFailed: If whoever is asked fails on these pictures.
    """
    try:
        return await gateway.ask(method, [ray.put(request)])
    except ReaderAway:
        raise
    except RayTaskError as error:
        raise ReaderFailed(f"{whom}: {first_line(error.cause)}") from None
    except (RayError, ValueError) as error:
        raise ReaderAway(f"gateway: {type(error).__name__}: {first_line(error)}") from None


async def submit(lines: Sequence[bytes]) -> Any:
    """Hands events to the results actor, found by name each time: it may be another one by now.

    Raises:
        StoreError: If it does not take them now.
    """
    try:
        results = await asyncio.to_thread(ray.get_actor, RESULTS, NAMESPACE)
        return await asyncio.wait_for(results.submit.remote(lines), SUBMIT_S)
    except ValueError:
        raise StoreError("there is no results actor") from None
    except TimeoutError:
        raise StoreError(f"the results actor has not answered for {SUBMIT_S:g} s") from None
    except RayError as error:
        raise StoreError(f"results actor: {type(error).__name__}: {first_line(error)}") from None


def _die_of_surprise(task: asyncio.Task[None]) -> None:
    """An error nobody foresaw ends the process: the fleet sees it, and starts the camera afresh."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.error("camera ends: %s", described(error), exc_info=error)
        os._exit(1)
