"""One small Ray for the session and a tiny street to watch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import ray
import street
from live_run import Run

from cluster.session import ray_for

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def clusters() -> Iterator[ExitStack]:
    """Every Ray of the session: who must end it (see the canary) starts another one here."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="session")
def cluster(clusters: ExitStack) -> None:
    """Ray with two logical CPUs, whose workers can import this project and the tests' detector."""
    os.environ["PYTHONPATH"] = os.pathsep.join(map(str, (ROOT, ROOT / "tests", ROOT / "tests/integration")))
    if ray.is_initialized():  # another module's, without the tests' own paths
        ray.shutdown()
    clusters.enter_context(ray_for())


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen seconds, five cars, three of them (72, 90 and 65 km/h) too fast for 50."""
    cars = [
        street.Car(72, 55, 0),
        street.Car(40, 62, 1, 2.8),
        street.Car(90, 150, 2),
        street.Car(65, 185, 0),
        street.Car(45, 210, 1),
    ]
    return street.write_street(tmp_path_factory.mktemp("street") / "street.mp4", cars, 16)


@pytest.fixture
def job(cluster: None, tmp_path: Path) -> Run:
    """A job in a folder of its own."""
    return Run(tmp_path)
