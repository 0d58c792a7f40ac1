"""The fleet actor ``fleet``: a shell round :class:`flows.stream.fleet.Fleet` that starts camera actors on Ray."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from flows import lean
from flows.domain.errors import DomeError
from flows.domain.site import CameraConfig, SiteConfig
from flows.domain.status import CameraStatus
from flows.pictures.jpeg import jpeg
from flows.stream.assembly import Surroundings
from flows.stream.camera import CAMERA_CPUS, FLEET, NAMESPACE, RESULTS, CameraActor, Report
from flows.stream.fleet import CameraGone, Fleet, FleetPolicy, Look, SiteAnswer
from flows.stream.gateway import first_line, start_gateway
from flows.stream.gauges import FleetGauges

log = logging.getLogger(__name__)

HEALTH_S: Final = 2.0
"""How often the cameras' statuses go to Redis, and pictures of those that somebody looks at."""
LOOK_QUALITY: Final = 70


class RayCamera:
    """A camera actor as the fleet sees it.

    Attributes:
        node_id: The machine it runs on, or ran on before; empty until that is known.
    """

    def __init__(self, actor: Any, node_id: str = "") -> None:
        self._actor, self.node_id = actor, node_id

    async def report(self, since: int) -> Report:
        report: Report = await _asked(self._actor.report.remote(since))
        self.node_id = report.node_id
        return report

    async def stop(self) -> CameraStatus:
        status: CameraStatus = await _asked(self._actor.stop.remote())
        return status

    async def look(self) -> Look | None:
        look: Look | None = await _asked(self._actor.look.remote())
        return look

    def kill(self) -> None:
        ray.kill(self._actor, no_restart=True)


def lean_environment() -> dict[str, str]:
    """What keeps a camera actor's process small: 51 MB before it decodes anything, instead of 68."""
    path = [str(Path(lean.__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        "PYTHONPATH": os.pathsep.join(path),
        # The C library gives freed pictures back at once, instead of keeping a heap for each of 25 threads.
        "MALLOC_ARENA_MAX": "1",
        "MALLOC_MMAP_THRESHOLD_": "131072",
        # Four numbers at a time: a thread of OpenBLAS for each core would hold buffers for nothing.
        "OPENBLAS_NUM_THREADS": "1",
        # Nobody reads docstrings there; without them, and the columns of tracebacks, code is 3.6 MB smaller.
        "PYTHONOPTIMIZE": "2",
        "PYTHONNODEBUGRANGES": "1",
        # Pydantic would look through everything that is installed for plugins, of which there are none.
        "PYDANTIC_DISABLE_PLUGINS": "1",
        # Containers often forbid it; then every camera compiles all of this anew, 1.5 CPU seconds and 1.5 MB.
        "PYTHONDONTWRITEBYTECODE": "",
    }


async def _asked(answer: Any) -> Any:
    try:
        return await answer
    except RayError as error:
        raise CameraGone(f"{type(error).__name__}: {first_line(error)}") from None


class FleetActor:
    """Has cameras come, change and go while the others run, and starts again those that die.

    Args:
        around: What all cameras share.
        policy: When to do what.
    """

    def __init__(self, around: Surroundings, policy: FleetPolicy | None = None) -> None:
        self._around = around
        self._gateways: dict[str, Any] = {}
        self._launched: dict[str, RayCamera] = {}
        self._fleet = Fleet(self._launch, policy)
        self._tasks: list[asyncio.Task[None]] = []
        self._handed_in: deque[tuple[SiteConfig, asyncio.Future[SiteAnswer]]] = deque()

    async def apply(self, cameras: Sequence[CameraConfig]) -> list[CameraStatus]:
        """Makes these the fleet; see :meth:`flows.stream.fleet.Fleet.apply`."""
        self._keep_going()
        await self.gateway(ray.get_runtime_context().get_node_id())  # it starts while the cameras do
        ended = await self._fleet.apply(cameras)
        self._fleet.tick()
        return ended

    async def hand_in(self, site: SiteConfig) -> SiteAnswer:
        """Hands the job another site (``dome apply``), and waits for what it says to it."""
        answer: asyncio.Future[SiteAnswer] = asyncio.get_running_loop().create_future()
        self._handed_in.append((site, answer))
        return await answer

    async def handed_in(self) -> SiteConfig | None:
        """The site that waits for the job's answer; it asks twice a second."""
        return self._handed_in[0][0] if self._handed_in else None

    async def answer(self, said: SiteAnswer) -> None:
        """What the job says to the site that was handed in; whoever gave up does not hear it."""
        if self._handed_in:
            _, waits = self._handed_in.popleft()
            if not waits.done():
                waits.set_result(said)

    async def stop(self) -> list[CameraStatus]:
        """Drains and ends all cameras; returns their last statuses."""
        await self._fleet.stop()
        return self._fleet.status()

    async def status(self) -> list[CameraStatus]:
        """All cameras, also the dead ones."""
        return self._fleet.status()

    async def sent(self, since: int) -> tuple[list[str], int]:
        """Ids of events that cameras sent since the count was ``since``, and the count now."""
        return self._fleet.sent(since)

    async def gateway(self, node_id: str) -> Any:
        """The way to the detectors from a node, shared by its cameras."""
        if node_id not in self._gateways:
            self._gateways[node_id] = start_gateway(node_id)
        return self._gateways[node_id]

    def _keep_going(self) -> None:
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._fleet.run()), asyncio.create_task(self._tell_health())]

    async def _tell_health(self) -> None:
        gauges = FleetGauges()
        while True:
            await asyncio.sleep(HEALTH_S)
            gauges.tell(self._fleet.expected())
            try:
                results = await asyncio.to_thread(ray.get_actor, RESULTS, NAMESPACE)
                statuses, outlines = self._fleet.status(), dict(self._fleet.redrawn)
                if await results.put_statuses.remote(statuses, outlines):
                    self._fleet.passed_on(outlines)
                wanted = await results.wanted_pictures.remote([s.camera_id for s in statuses])
                if looks := await self._fleet.look(wanted):
                    pictures = await asyncio.to_thread(_jpegs, looks)
                    await results.put_pictures.remote(pictures)
            except (RayError, ValueError) as error:  # ValueError: there is no results actor
                log.debug("statuses were not taken: %s", error)

    def _launch(self, camera: CameraConfig) -> RayCamera:
        before = self._launched.get(camera.id)
        node_id = before.node_id if before else ""
        # No restarts by Ray: only the fleet knows when, and keeps the counts.
        actor = ray.remote(CameraActor).options(
            num_cpus=CAMERA_CPUS,
            max_restarts=0,
            runtime_env={"env_vars": lean_environment()},
            scheduling_strategy=_near(node_id),
        )
        started: Any = actor.remote(camera, self._around)
        started.start.remote()
        self._launched[camera.id] = RayCamera(started, node_id)
        return self._launched[camera.id]


def _near(node_id: str) -> Any:
    """Where a camera was before, which has its spool and its landmarks; elsewhere rather than not at all."""
    if not node_id:
        return "DEFAULT"
    return NodeAffinitySchedulingStrategy(node_id, soft=True, _spill_on_unavailable=True)


def _jpegs(looks: Mapping[str, Look]) -> dict[str, tuple[datetime, bytes]]:
    return {id: (at, jpeg(bgr, LOOK_QUALITY, whole_colour=False)) for id, (at, bgr) in looks.items()}


def fleet_actor(around: Surroundings, policy: FleetPolicy | None = None) -> Any:
    """Starts the fleet actor; it and its cameras end with the job that started it.

    Raises:
        DomeError: If another job in this cluster has one.
    """
    actor = ray.remote(FleetActor).options(
        name=FLEET, namespace=NAMESPACE, num_cpus=0, max_restarts=-1, max_concurrency=1000
    )
    try:
        return actor.remote(around, policy)
    except ValueError as error:
        raise DomeError(f"another live job runs in this cluster ({error}); end it first") from None
