"""Another site for a live job that runs: handed to its fleet, taken over by the job."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import ray
from ray.exceptions import GetTimeoutError, RayActorError

from flows.domain.errors import DomeError
from flows.domain.site import SiteConfig
from flows.settings import Settings
from flows.stream.camera import FLEET, NAMESPACE
from flows.stream.fleet import SiteAnswer

ANSWER_S: Final = 300.0
"""A detector that nobody has used yet may have to be started, and cameras that go need time to finish."""
REACH_S: Final = 5.0
NO_JOB: Final = "no live job runs {where}; start one: dome run SITE.yaml"


@contextmanager
def reachable(settings: Settings) -> Iterator[None]:
    """While a job runs, the address of its Ray lies below ``DOME_HOME``, as its Redis does.

    Entered once the job runs: one that cannot start here leaves the address of the one that does.
    """
    path, mine = _address_file(settings), ray.get_runtime_context().gcs_address
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(mine, encoding="ascii")
    try:
        yield
    finally:
        if path.is_file() and path.read_text(encoding="ascii") == mine:  # not that of a job begun since
            path.unlink()


def hand_in(site: SiteConfig, settings: Settings, address: str = "") -> SiteAnswer:
    """Hands a site in, and waits for what the job says to it.

    Args:
        site: As it is to be now.
        settings: Where the job's home is.
        address: Of the job's Ray; ``RAY_ADDRESS`` by default, else of the job with the same home.

    Raises:
        DomeError: If no live job runs there, or it does not answer.
    """
    from cluster.session import ray_for

    address = address or os.environ.get("RAY_ADDRESS") or _address_of(settings)
    with ray_for(address):
        try:
            said: SiteAnswer = ray.get(ray.get_actor(FLEET, NAMESPACE).hand_in.remote(site), timeout=ANSWER_S)
        except ValueError:
            raise DomeError(NO_JOB.format(where=f"in the cluster {address}")) from None
        except (RayActorError, GetTimeoutError) as error:
            raise DomeError(f"the job has not answered: {error}") from error
        return said


def _address_of(settings: Settings) -> str:
    """Where the job of this home is, if it still is: Ray would look for a dead one for minutes."""
    path = _address_file(settings)
    nobody = DomeError(NO_JOB.format(where=f"with DOME_HOME {settings.home}"))
    try:
        address = path.read_text(encoding="ascii")
        host, _, port = address.rpartition(":")
        socket.create_connection((host, int(port)), REACH_S).close()
    except (OSError, ValueError):
        raise nobody from None
    return address


def _address_file(settings: Settings) -> Path:
    return settings.home / "ray-address"
