"""Ray for as long as a job lasts, and the signals that end it."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import ray

from flows.domain.errors import DomeError
from flows.results import await_gone
from flows.stream.camera import FLEET, NAMESPACE

log = logging.getLogger(__name__)

ROOT: Final = Path(__file__).resolve().parent.parent
INIT_ATTEMPTS: Final = 3
BACKFILL: Final = "backfill-"
"""How the names begin by which back-fills are known in a cluster."""


@contextmanager
def ray_for(address: str = "", dashboard: bool = False) -> Iterator[None]:
    """Ray, as long as a job lasts: the one that runs, the one at the address, or one of its own.

    Args:
        address: Cluster to join; ``local`` starts one here. ``RAY_ADDRESS`` by default, else ``local``.
        dashboard: Start Ray's dashboard (on 127.0.0.1) where Ray is started here.

    Raises:
        DomeError: If it cannot be started or joined.
    """
    if ray.is_initialized():
        yield
        return
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    common: dict[str, Any] = {
        "namespace": NAMESPACE,
        "log_to_driver": False,
        "logging_level": logging.WARNING,
    }
    if address == "local":
        # Workers inherit it, so that they find this code wherever the command was given.
        before = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *([before] if before else [])])
        # Serve's controller looks ten times a second by default: a thirtieth of a core, whatever there is to do.
        os.environ.setdefault("RAY_SERVE_CONTROL_LOOP_INTERVAL_S", "0.5")
        common |= {"include_dashboard": dashboard, "dashboard_host": "127.0.0.1"}
    _init(address, common)
    try:
        yield
    finally:
        ray.shutdown()


def _unasked(record: logging.LogRecord) -> bool:
    """Ray advises at every start how to switch its authentication off; that it is off, where it is, it still says."""
    return not record.getMessage().startswith("Token authentication is enabled")


def _init(address: str, arguments: dict[str, Any]) -> None:
    """Starts or joins Ray. Its node gives its own agent 15 s to come up (ray-project/ray#65983), which a slow
    disk or a busy machine exceeds the first time; the second time the files are in memory."""
    logging.getLogger("ray._private.authentication.authentication_token_setup").addFilter(_unasked)
    for attempt in range(INIT_ATTEMPTS):
        try:
            ray.init(address, **arguments)
            return
        except Exception as error:  # Ray raises nothing more specific
            ray.shutdown()
            if "timed out during startup" not in str(error) or attempt == INIT_ATTEMPTS - 1:
                raise DomeError(f"Ray cannot be used ({address}): {error}") from error
            log.warning("Ray did not start in time, trying again")


@contextmanager
def stopped_by_signal() -> Iterator[threading.Event]:
    """An event that SIGINT or SIGTERM sets; a second signal acts as it would have without."""
    stop = threading.Event()
    before: dict[signal.Signals, Any] = {}

    def heed(number: int, _: object) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    if threading.current_thread() is threading.main_thread():
        for each in (signal.SIGINT, signal.SIGTERM):
            before[each] = signal.signal(each, heed)
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def job_runs() -> bool:
    """Whether a live job or a back-fill of the cluster relies on its results actor."""
    named = ray.util.list_named_actors(all_namespaces=True)
    return any(
        each["namespace"] == NAMESPACE and (each["name"] == FLEET or each["name"].startswith(BACKFILL))
        for each in named
    )


class Named:
    """Does nothing: its name says that somebody is there."""


@contextmanager
def known_as_backfill() -> Iterator[None]:
    """Other jobs of the cluster know that a back-fill runs, until its end or its process's."""
    name = BACKFILL + secrets.token_hex(4)
    actor = ray.remote(Named).options(name=name, namespace=NAMESPACE, num_cpus=0, max_restarts=-1).remote()
    try:
        yield
    finally:
        ray.kill(actor)
        await_gone(name)
