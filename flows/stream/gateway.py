"""The way from cameras to detectors: one gateway a node, shared by the cameras on it.

Importing ``ray.serve`` costs a process about 100 MB (fastapi, pandas, pyarrow come along) and each router a
long poll to Serve's controller. A camera actor may have 100 MB in all, so it hands its requests, by reference
in the node's object store, to a gateway that has imported it once for all.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Final

import ray

from flows.domain.belts import BeltAnswer
from flows.domain.detections import Detections
from flows.domain.errors import DetectorAway, FacesAway, ReaderAway
from flows.domain.inference import DetectorSpec
from flows.domain.plates import PlateAnswer

if TYPE_CHECKING:
    from ray.serve.handle import DeploymentHandle

    from flows.domain.cases import SearchCase
    from flows.domain.faces import FaceAnswer, FaceRequest

ANSWER_S: Final = 60.0
"""Longest wait for one answer. Eight frames of the largest model on one core take a third of it; whoever
waits longer waits for a replica that hangs or is not there."""
LOOK_S: Final = 2.0
"""After so long without an answer Serve is asked whether the application could be deployed at all."""
PLATES_APP: Final = "plates"
"""The Serve application of the plate reader."""
FACES_APP: Final = "faces"
"""The Serve application of the face search."""
SCOPE_S: Final = 0.5
"""The cameras of a node share an answer about what is searched for so long."""
FACES_ANSWER_S: Final = 5.0
"""A moment that was not looked at by then has passed."""
BELTS_APP: Final = "belts"
"""The Serve application of the belt classifier."""
ROUTES: Final = 256
"""Requests at once: 64 busy cameras with 4 in flight each."""


def app_name(detector: str) -> str:
    """The Serve application of a detector."""
    return f"detector-{detector}"


class DetectorGateway:
    """Passes requests on to Serve and answers back."""

    def __init__(self) -> None:
        from ray import serve  # noqa: F401  seconds of importing: now, while the cameras still start

        from flows.leaks import check_inline, without_dumps

        self._handles: dict[str, DeploymentHandle[Any]] = {}
        self._scope: tuple[float, tuple[SearchCase, ...]] | None = None
        self._looks: dict[str, tuple[float, asyncio.Future[str | None]]] = {}
        check_inline()
        without_dumps()

    async def spec(self, detector: str) -> DetectorSpec:
        """The detector's spec.

        Raises:
            DetectorAway: If it does not run (yet).
        """
        spec: DetectorSpec = await self._ask(app_name(detector), DetectorAway, "spec")
        return spec

    async def detect(self, detector: str, request: list[ray.ObjectRef[Any]]) -> list[Detections]:
        """Detections of a request's pictures, in full-resolution pixels.

        Args:
            detector: Its name.
            request: One reference to a ``DetectRequest``; in a list so that it is passed on, not fetched.

        Raises:
            DetectorAway: If no replica answered; the same request may be sent again.
        """
        found: list[Detections] = await self._ask(app_name(detector), DetectorAway, "detect", request[0])
        return found

    async def read_plate(self, request: list[ray.ObjectRef[Any]]) -> PlateAnswer:
        """The plate of a vehicle.

        Args:
            request: One reference to a ``PlateRequest``; in a list so that it is passed on, not fetched.

        Raises:
            ReaderAway: If no replica answered; the same request may be sent again.
        """
        answer: PlateAnswer = await self._ask(PLATES_APP, ReaderAway, "read", request[0])
        return answer

    async def face_scope(self) -> tuple[SearchCase, ...]:
        """The active cases as cameras may know them.

        Raises:
            FacesAway: If no face search answers.
        """
        if self._scope is None or time.monotonic() - self._scope[0] > SCOPE_S:
            cases = await self._ask(FACES_APP, FacesAway, "scope", answer_s=FACES_ANSWER_S)
            self._scope = time.monotonic(), cases
        return self._scope[1]

    async def look_at_face(self, request: FaceRequest) -> FaceAnswer:
        """Whether a head is that of somebody who is searched for.

        Args:
            request: By value, never by reference: it is small enough to stay out of the object store.

        Raises:
            FacesAway: If no replica answered; the request is not sent again.
        """
        answer: FaceAnswer = await self._ask(FACES_APP, FacesAway, "look", request, answer_s=FACES_ANSWER_S)
        return answer

    async def read_belts(self, request: list[ray.ObjectRef[Any]]) -> BeltAnswer:
        """Who wears a belt in a vehicle.

        Args:
            request: One reference to a ``BeltRequest``; in a list so that it is passed on, not fetched.

        Raises:
            ReaderAway: If no replica answered; the same request may be sent again.
        """
        answer: BeltAnswer = await self._ask(BELTS_APP, ReaderAway, "look", request[0])
        return answer

    async def _ask(
        self,
        app: str,
        away: type[DetectorAway | ReaderAway | FacesAway],
        method: str,
        *args: Any,
        answer_s: float = ANSWER_S,
    ) -> Any:
        from ray.exceptions import RayActorError, RaySystemError, WorkerCrashedError
        from ray.serve.exceptions import DeploymentUnavailableError, RayServeException

        try:
            answer = getattr(self._handle(app), method).remote(*args)
            return await asyncio.wait_for(self._unless_failed(app, away, answer), answer_s)
        except (RayServeException, RayActorError, RaySystemError, WorkerCrashedError) as error:
            # A handle may learn before anybody asks Serve that there will be no replica, and does not know why.
            why = await self._given_up(app) if isinstance(error, DeploymentUnavailableError) else None
            said = (
                f"{app} could not be deployed: {why}"
                if why
                else f"{app}: {type(error).__name__}: {first_line(error)}"
            )
            raise away(said) from None
        except TimeoutError:
            raise away(f"{app}: no answer within {answer_s:g} s") from None

    async def _unless_failed(
        self, app: str, away: type[DetectorAway | ReaderAway | FacesAway], answer: Awaitable[Any]
    ) -> Any:
        """The answer, or ``away`` as soon as Serve has given the application up: a handle would wait on."""
        asked = asyncio.ensure_future(answer)
        try:
            while not (await asyncio.wait({asked}, timeout=LOOK_S))[0]:
                if (why := await self._given_up(app)) is not None:
                    raise away(f"{app} could not be deployed: {why}")
            return asked.result()
        finally:
            asked.cancel()

    async def _given_up(self, app: str) -> str | None:
        """As :func:`given_up`; hundreds of requests that wait share one question to Serve's controller."""
        at_s, look = self._looks.get(app, (-LOOK_S, None))
        if look is None or time.monotonic() - at_s >= LOOK_S:
            look = asyncio.ensure_future(asyncio.to_thread(given_up, app))
            self._looks[app] = time.monotonic(), look
        return await asyncio.shield(look)  # who is tired of waiting does not end it for the others

    def _handle(self, app: str) -> DeploymentHandle[Any]:
        from ray import serve

        if app not in self._handles:
            self._handles[app] = serve.get_app_handle(app)
        return self._handles[app]


def given_up(app: str) -> str | None:
    """Why Serve could not deploy an application, as its own code said it last; None of any that it has not given up.

    Serve itself says only that the deployment failed, and leaves the traceback with the deployment.
    """
    from ray import serve
    from ray.serve.schema import ApplicationStatus

    found = serve.status().applications.get(app)
    if found is None or found.status != ApplicationStatus.DEPLOY_FAILED:
        return None
    failed = ApplicationStatus.DEPLOY_FAILED.value  # deployments have a status of the same name
    messages = [d.message for d in found.deployments.values() if d.status.value == failed] or [found.message]
    return "; ".join(message.strip().rpartition("\n")[2][:300] for message in messages)


def first_line(error: BaseException) -> str:
    """What an error says, short enough for a status row."""
    return (str(error).strip().splitlines() or [""])[0][:200]


def start_gateway(node_id: str) -> Any:
    """A gateway on a node; it ends with whoever starts it."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return (
        ray.remote(DetectorGateway)
        .options(
            num_cpus=0,
            max_restarts=-1,
            max_task_retries=3,
            max_concurrency=ROUTES,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node_id, soft=False),
        )
        .remote()
    )
