"""The one place that wires deployments together: ``serve.app:build``, and who deploys what is missing."""

from __future__ import annotations

import logging
import math
import time
from typing import Any, Final

import ray
from pydantic import BaseModel, ConfigDict, Field
from ray import serve
from ray.serve import Application
from ray.serve.config import ProxyLocation
from ray.serve.context import _get_global_client
from ray.serve.schema import ApplicationStatus

from flows.domain.errors import DomeError
from flows.domain.inference import DetectorSpec
from flows.settings import Settings
from flows.stream.gateway import BELTS_APP, FACES_APP, PLATES_APP, app_name, given_up
from serve.api.config import ApiConfig
from serve.api.proxy import CALLBACK
from serve.deployments.api import ApiDeployment
from serve.deployments.belts import BeltsDeployment
from serve.deployments.detector import Batching, DetectorDeployment
from serve.deployments.engine import HUNG_S
from serve.deployments.faces import FacesDeployment
from serve.deployments.plates import PlatesDeployment

log = logging.getLogger(__name__)

ONGOING: Final = 64
"""Requests that a replica takes in: more than its cameras have under way. What it may not take waits in Serve's
router, which asks replicas again and again whether they have room: on two cores that cost a seventh of the frames."""
ANSWER_S = 60.0
"""A replica that runs answers at once; on a busy machine whoever asks takes a while to start."""


class DetectorArgs(BaseModel):
    """Arguments of :func:`build`; on the command line ``serve run serve.app:build name=yolox-nano``.

    Attributes:
        name: Name in the weights registry; the application becomes ``detector-NAME``.
        loader: ``module:function`` that makes the detector from the name and the settings.
        settings: Where weights lie; from the environment by default.
        min_replicas: Kept even when nothing moves anywhere. One: a first request must not wait for a start.
        initial_replicas: To begin with, where load is known to come; ``min_replicas`` by default.
        max_replicas: As many as the machines have cores (or GPUs) for.
        num_cpus: Of one replica. It runs one thread; a fifth of a core is left for decoding its frames.
        num_gpus: Of one replica; above 0 the requests of several cameras are joined.
        batching: How requests are joined; by default by ``num_gpus``.
        hung_s: A run that takes longer will never end; its replica is replaced within one and a half times that,
            before whoever asked gives up (``flows.stream.gateway.ANSWER_S``).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    loader: str = "models.detector:load"
    settings: Settings = Field(default_factory=Settings.from_env)
    min_replicas: int = Field(default=1, ge=1)
    initial_replicas: int | None = Field(default=None, ge=1)
    max_replicas: int = Field(default=2, ge=1)
    num_cpus: float = Field(default=0.8, gt=0)
    num_gpus: float = Field(default=0.0, ge=0)
    batching: Batching | None = None
    hung_s: float = Field(default=HUNG_S, gt=0)

    def joined(self) -> Batching:
        """How requests are joined: not on CPU; 8 requests of up to 8 frames on a GPU."""
        return self.batching or Batching(requests=8 if self.num_gpus else 1)


def build(args: DetectorArgs) -> Application:
    """One detector as a Serve application."""
    batching = args.joined()
    # Two requests for each that a run takes: one being worked on, one waiting, so that a replica never idles
    # between them and none hoards what another could do.
    ongoing = 2 * batching.requests
    deployment: Any = DetectorDeployment  # the decorator made a Deployment of the class
    app: Application = deployment.options(
        max_ongoing_requests=ONGOING,
        autoscaling_config={
            "min_replicas": args.min_replicas,
            "initial_replicas": args.initial_replicas or args.min_replicas,
            "max_replicas": args.max_replicas,
            "target_ongoing_requests": ongoing,
            # A request takes about 0.1 s: two seconds of a queue are load, not chance. A street fills up in
            # seconds, the default of 30 s would drop its frames meanwhile.
            "upscale_delay_s": 2.0,
            "metrics_interval_s": 1.0,
            "look_back_period_s": 3.0,
            # Starting costs a few CPU seconds: traffic lights come and go within two minutes.
            "downscale_delay_s": 120.0,
        },
        user_config=batching.model_dump(),
        logging_config={"enable_access_log": False, "log_level": "WARNING"},
        # Serve replaces a replica after three failures in a row. One whose run hangs fails at each look from
        # hung_s on, one whose event loop hangs does not answer at all.
        health_check_period_s=args.hung_s / 6,
        health_check_timeout_s=args.hung_s / 2,
        graceful_shutdown_timeout_s=5.0,
        ray_actor_options={"num_cpus": args.num_cpus, "num_gpus": args.num_gpus},
    ).bind(args.name, args.settings, args.loader, args.hung_s)
    return app


class ReaderArgs(BaseModel):
    """Arguments of what looks at the crops of single vehicles.

    Attributes:
        loader: ``module:function`` that makes it.
        min_replicas: Kept when nothing is read. One: starting costs more than a day of its waiting.
        max_replicas: A vehicle a second keeps one busy.
        num_cpus: Of one replica, which works in bursts of half a second: what Ray reserves, no limit.
        checked_s: Between two checks of a replica; one that died is replaced after the next. Who asks asks again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    loader: str
    min_replicas: int = Field(default=1, ge=0)
    max_replicas: int = Field(default=2, ge=1)
    num_cpus: float = Field(default=0.1, gt=0)
    checked_s: float = Field(default=30.0, gt=0)


class PlatesArgs(ReaderArgs):
    """Arguments of :func:`build_plates`; ``serve run serve.app:build_plates``."""

    loader: str = "models.plates.reader:PlateReader"


class BeltsArgs(ReaderArgs):
    """Arguments of :func:`build_belts`; ``serve run serve.app:build_belts``."""

    loader: str = "models.belts.reader:BeltReader"


def build_plates(args: PlatesArgs) -> Application:
    """The plate reader as a Serve application."""
    return _reader(PlatesDeployment, args)


def build_belts(args: BeltsArgs) -> Application:
    """The belt classifier as a Serve application."""
    return _reader(BeltsDeployment, args)


def _reader(deployment: Any, args: ReaderArgs) -> Application:  # the decorator made a Deployment of the class
    app: Application = deployment.options(
        # A request takes half a second and nobody waits for it: a queue of some is no load yet.
        max_ongoing_requests=8,
        autoscaling_config={
            "min_replicas": args.min_replicas,
            "max_replicas": args.max_replicas,
            "target_ongoing_requests": 3,
            "upscale_delay_s": 10.0,
            "downscale_delay_s": 300.0,
        },
        logging_config={"enable_access_log": False, "log_level": "WARNING"},
        health_check_period_s=args.checked_s,
        health_check_timeout_s=30.0,
        graceful_shutdown_timeout_s=5.0,
        ray_actor_options={"num_cpus": args.num_cpus},
    ).bind(args.loader)
    return app


API_APP: Final = "api"


class ApiArgs(BaseModel):
    """Arguments of :func:`build_api`.

    Attributes:
        config: Of the API.
        max_replicas: While many ask; no fewer than the configuration keeps running. State is in Redis, so any of
            them can answer.
        num_cpus: Of one replica: what Ray reserves, no limit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    config: ApiConfig
    max_replicas: int = Field(default=1, ge=1)
    num_cpus: float = Field(default=0.1, gt=0)


def build_api(args: ApiArgs) -> Application:
    """The API as a Serve application; its ingress."""
    deployment: Any = ApiDeployment  # the decorator made a Deployment of the class
    app: Application = deployment.options(
        # Each live stream is a request that never ends; answers to others must find a place beside them.
        max_ongoing_requests=args.config.listeners + 100,
        autoscaling_config={
            "min_replicas": args.config.replicas,
            "max_replicas": max(args.max_replicas, args.config.replicas),
            "target_ongoing_requests": args.config.listeners / 2,
            "upscale_delay_s": 10.0,
            "downscale_delay_s": 300.0,
        },
        logging_config={"enable_access_log": False, "log_level": "WARNING"},
        # One that died is replaced only after the next check, and while it is the only one everybody waits.
        health_check_period_s=2.0,
        health_check_timeout_s=30.0,
        graceful_shutdown_timeout_s=2.0,  # streams never end by themselves
        ray_actor_options={"num_cpus": args.num_cpus},
    ).bind(args.config)
    return app


def start_serve(http: tuple[str, int] | None = None) -> None:
    """Starts Serve on this cluster, or joins it where it runs. Nothing listens unless an address is given.

    Args:
        http: Host and port of the proxy.

    Raises:
        DomeError: If Serve runs already and listens elsewhere, or nowhere.
    """
    if http is None:
        serve.start(proxy_location="Disabled")
        return
    host, port = http
    options = {"host": host, "port": port, "location": "HeadOnly"}
    # Its proxies inherit the controller's environment.
    controller = {"runtime_env": {"env_vars": CALLBACK}}
    serve.start(proxy_location="HeadOnly", http_options=options, controller_options=controller)
    if (found := _listens()) != http:  # where Serve runs already, Ray leaves it as it is
        where = f"at {found[0]}:{found[1]}" if found else "nowhere"
        raise DomeError(
            f"Serve runs already in this cluster and listens {where}, not at {host}:{port}; "
            f"{'use that address, or ' if found else ''}end its jobs, then Serve (serve shutdown), "
            "and start the first job with --api"
        )


def _listens() -> tuple[str, int] | None:
    """Where the running Serve's proxies listen; None where it was started without any."""
    client: Any = _get_global_client()
    if client.get_serve_details().get("proxy_location") in (None, ProxyLocation.Disabled):
        return None
    return client.http_config.host, client.http_config.port


def ensure_api(args: ApiArgs) -> None:
    """Deploys the API and waits until it answers.

    Raises:
        DomeError: If it cannot be started; names the reason that Serve gives.
    """
    try:
        serve.run(build_api(args), name=API_APP, route_prefix="/")
    except RuntimeError as error:
        raise DomeError(f"{API_APP} did not start: {given_up(API_APP) or error}") from error


class FacesArgs(BaseModel):
    """Arguments of :func:`build_faces`.

    Attributes:
        settings: The pair of models, where weights lie, the key of what is biometric.
        redis_url: Where cases are.
        loader: ``module:function`` that makes the eyes.
        min_replicas: Kept though nobody is searched for: an urgent case must not wait for a start.
        max_replicas: As many as there are cores to spare.
        num_cpus: Of one replica, which is idle while nobody is searched for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: Settings = Field(default_factory=Settings.from_env)
    redis_url: str
    loader: str = "models.faces.looker:make"
    min_replicas: int = Field(default=1, ge=1)
    max_replicas: int = Field(default=2, ge=1)
    num_cpus: float = Field(default=0.1, gt=0)


def build_faces(args: FacesArgs) -> Application:
    """The face search as a Serve application."""
    deployment: Any = FacesDeployment  # the decorator made a Deployment of the class
    app: Application = deployment.options(
        # A look takes 0.2 s on a core. Eight that wait are a second and a half, after which an alert would be late.
        max_ongoing_requests=16,
        autoscaling_config={
            "min_replicas": args.min_replicas,
            "max_replicas": args.max_replicas,
            "target_ongoing_requests": 3,
            "upscale_delay_s": 2.0,
            "metrics_interval_s": 1.0,
            "look_back_period_s": 3.0,
            "downscale_delay_s": 120.0,
        },
        logging_config={"enable_access_log": False, "log_level": "WARNING"},
        health_check_period_s=5.0,
        health_check_timeout_s=15.0,
        graceful_shutdown_timeout_s=2.0,
        ray_actor_options={"num_cpus": args.num_cpus},
    ).bind(args.settings, args.redis_url, args.loader)
    return app


def start_faces(args: FacesArgs) -> None:
    """Deploys the face search, and waits until it answers: a file may be over before it has started.

    Raises:
        DomeError: If it cannot be started; names the reason that Serve gives.
    """
    try:
        serve.run(build_faces(args), name=FACES_APP, route_prefix=None)
    except RuntimeError as error:
        raise DomeError(f"the face search did not start: {given_up(FACES_APP) or error}") from error


def start_plates(args: PlatesArgs) -> None:
    """Deploys the plate reader unless it runs; see :func:`_start`."""
    _start(PLATES_APP, build_plates(args))


def start_belts(args: BeltsArgs) -> None:
    """Deploys the belt classifier unless it runs; see :func:`_start`."""
    _start(BELTS_APP, build_belts(args))


def _start(name: str, app: Application) -> None:
    """Deploys what looks at crops unless it runs; nobody waits for it: who asks too early asks again."""
    running = serve.status().applications.get(name)
    if running is not None and running.status in (ApplicationStatus.RUNNING, ApplicationStatus.DEPLOYING):
        return
    target = serve.RunTarget(app, name=name, route_prefix=None)
    serve.run_many([target], wait_for_ingress_deployment_creation=False, wait_for_applications_running=False)


def await_reader(name: str, timeout_s: float) -> bool:
    """Waits until an application that looks at crops answers; False if it does not in time."""
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        status = serve.status().applications[name]
        if status.status == ApplicationStatus.RUNNING:
            return True
        if status.status == ApplicationStatus.DEPLOY_FAILED:
            break
        time.sleep(0.2)
    log.warning("application %s does not run (yet): %s", name, given_up(name) or status.message)
    return False


def replicas_for(cpus: float, gpus: float, busy: int) -> dict[str, Any]:
    """Replica counts and resources for a detector on a cluster of that size.

    Args:
        cpus: CPU cores of the cluster.
        gpus: GPUs of the cluster.
        busy: Cameras that will keep a detector busy from the first moment (files).

    >>> replicas_for(2, 0, busy=4)
    {'max_replicas': 2, 'initial_replicas': 2, 'num_cpus': 0.8, 'num_gpus': 0.0}
    >>> replicas_for(16, 1, busy=0)
    {'max_replicas': 2, 'initial_replicas': 1, 'num_cpus': 1.0, 'num_gpus': 0.5}
    """
    # Two replicas share a GPU: one prepares its batch on the CPU while the other computes.
    most = max(1, math.floor(gpus * 2 if gpus else cpus))
    first = min(most, 2 * busy) or 1  # a file fills two replicas by itself
    parts = (1.0, 0.5) if gpus else (0.8, 0.0)
    return {"max_replicas": most, "initial_replicas": first, "num_cpus": parts[0], "num_gpus": parts[1]}


def ensure_app(args: DetectorArgs) -> None:
    """Deploys a detector, unless it runs with the same weights already, and waits until it answers.

    Raises:
        DomeError: If it cannot be started; names the reason that Serve gives.
    """
    name = app_name(args.name)
    running = serve.status().applications.get(name)
    if running is not None and running.status == ApplicationStatus.RUNNING:
        wanted = _version(args)
        if not wanted:
            return  # whatever runs would do: asking it costs a process
        found = _running_version(name)
        if wanted == found:
            return
        log.info("%s runs with weights %.12s, deploying %.12s", name, found, wanted)
    try:
        serve.run(build(args), name=name, route_prefix=None)
    except RuntimeError as error:
        raise DomeError(f"{name} did not start: {given_up(name) or error}") from error


def _version(args: DetectorArgs) -> str:
    """sha256 of the weights on this machine; empty where they are elsewhere or of another loader."""
    if args.loader != DetectorArgs.model_fields["loader"].default:
        return ""
    from models import weights

    found = weights.find(args.name, args.settings)
    return found.sha256 if found else ""


def _running_version(name: str) -> str:
    # In a worker: a handle here would leave a thread behind that calls Ray after its shutdown.
    asked: str = ray.get(ray.remote(_ask_version).options(num_cpus=0).remote(name))
    return asked


def _ask_version(name: str) -> str:
    spec: DetectorSpec = serve.get_app_handle(name).spec.remote().result(timeout_s=ANSWER_S)
    return spec.version
