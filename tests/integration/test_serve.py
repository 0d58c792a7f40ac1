"""The detector behind Serve, asked the way cameras ask: through a gateway."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import ray
import street
from numpy.typing import NDArray
from ray import serve

from cluster.bench.processes import workers
from flows.domain.detections import Detections
from flows.domain.errors import DetectorAway, DomeError
from flows.domain.inference import DetectorSpec, DetectRequest
from flows.settings import Settings
from flows.stream.gateway import app_name, start_gateway
from serve.app import DetectorArgs, ensure_app
from serve.deployments.detector import Batching

JOINED = "joined"
SCALING = "scaling"
HANGING = "hanging"


class Counting:
    """Says in each box's score how many pictures it was given at once."""

    def __init__(self) -> None:
        self.spec = DetectorSpec(JOINED, (32, 32), ("car",), "1" * 64)

    def detect(self, pictures: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        n = np.array([len(pictures)], np.float32)
        box = np.array([[1, 2, 3, 4]], np.float32)
        return [Detections(box, n, np.zeros(1, np.int32), ("car",)) for _ in pictures]


class Named:
    """Says in each box's score which process it is; each run lasts a while, and the first one of all for ever.

    Args:
        name: Of the detector.
        run_s: How long a run lasts.
        first: File that the first run of all makes, and then never ends; None where none is to hang.
    """

    def __init__(self, name: str, run_s: float, first: Path | None = None) -> None:
        self.spec = DetectorSpec(name, (32, 32), ("car",), "2" * 64)
        self._run_s, self._first = run_s, first

    def detect(self, pictures: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        if (
            self._first is not None and pictures[0].any() and not self._first.exists()
        ):  # health checks are blank
            self._first.touch()
            threading.Event().wait()
        time.sleep(self._run_s)
        box, pid = np.array([[1, 2, 3, 4]], np.float32), np.array([os.getpid()], np.float32)
        return [Detections(box, pid, np.zeros(1, np.int32), ("car",)) for _ in pictures]


def load_slow(name: str, settings: object) -> Named:
    return Named(name, 0.2)


def load_hanging(name: str, settings: Settings) -> Named:
    return Named(name, 0.0, settings.home / "hung")


def load_counting(name: str, settings: object) -> Counting:
    return Counting()


@pytest.fixture(scope="module")
def gateway(cluster: None) -> Iterator[object]:
    serve.start(proxy_location="Disabled")
    ensure_app(DetectorArgs(name="colour", loader="street:load"))
    gateway = start_gateway(ray.get_runtime_context().get_node_id())
    yield gateway
    ray.kill(gateway)


def ask(gateway: object, name: str, request: object) -> list[Detections]:
    found: list[Detections] = ray.get(gateway.detect.remote(name, [ray.put(request)]), timeout=120)  # type: ignore[attr-defined]
    return found


def test_boxes_come_back_in_full_resolution_pixels(gateway: object) -> None:
    bgr = np.asarray(street.draw([street.Car(60, 20)], 0.0))[:, :, ::-1]
    small = ask(gateway, "colour", DetectRequest(np.stack([bgr, bgr]), street.SIZE_PX))
    large = ask(gateway, "colour", DetectRequest(np.stack([bgr]), (1920, 1080)))
    assert [len(found) for found in small] == [1, 1]
    np.testing.assert_allclose(large[0].xyxy, small[0].xyxy * 3, rtol=1e-5)


def test_the_spec_tells_what_a_camera_must_know(gateway: object) -> None:
    spec = ray.get(gateway.spec.remote("colour"), timeout=120)  # type: ignore[attr-defined]
    assert (spec.name, spec.names, len(spec.version)) == ("colour", ("car",), 64)


def test_a_wrong_request_fails_with_what_came(gateway: object) -> None:
    with pytest.raises(ValueError, match=r"expected \(N, h, w, 3\) uint8"):
        ask(gateway, "colour", DetectRequest(np.zeros((1, 8, 8, 3), np.float32), (8, 8)))  # type: ignore[arg-type]


def test_a_detector_that_does_not_run_is_away(gateway: object) -> None:
    with pytest.raises(DetectorAway, match="detector-nothing"):
        ask(gateway, "nothing", DetectRequest(np.zeros((1, 8, 8, 3), np.uint8), (8, 8)))


def broken(name: str, settings: object) -> Counting:
    raise RuntimeError("no weights")


def test_a_detector_that_cannot_be_deployed_is_away_at_once_with_its_reason(gateway: object) -> None:
    """Its handle would wait for a replica for as long as it is let."""
    # Other tests' detectors still run and leave it no whole core.
    args = DetectorArgs(name="broken", loader="test_serve:broken", num_cpus=0.05)
    try:
        with pytest.raises(DomeError, match="no weights"):
            ensure_app(args)
        with pytest.raises(DetectorAway, match=r"detector-broken could not be deployed: .*no weights"):
            ask(gateway, "broken", DetectRequest(np.zeros((1, 8, 8, 3), np.uint8), (8, 8)))
    finally:
        serve.delete(app_name("broken"))


def test_deploying_again_changes_nothing(gateway: object) -> None:
    title = f"ray::ServeReplica:{app_name('colour')}"
    before = [process.pid for process in workers(title)]
    ensure_app(DetectorArgs(name="colour", loader="street:load"))
    assert [process.pid for process in workers(title)] == before


async def test_requests_of_several_cameras_are_joined_where_it_pays(gateway: object) -> None:
    args = DetectorArgs(
        name=JOINED,
        loader="test_serve:load_counting",
        num_cpus=0.1,
        batching=Batching(requests=4, wait_s=1.0),
    )
    await asyncio.to_thread(ensure_app, args)
    request = ray.put(DetectRequest(np.zeros((2, 32, 32, 3), np.uint8), (64, 64)))
    answers = await asyncio.gather(*(gateway.detect.remote(JOINED, [request]) for _ in range(4)))  # type: ignore[attr-defined]
    assert max(float(found[0].score[0]) for found in answers) > 2
    assert all(len(found) == 2 for found in answers)
    np.testing.assert_allclose(answers[0][0].xyxy, [[2, 4, 6, 8]])
    serve.delete(app_name(JOINED))


async def test_replicas_are_added_while_requests_queue(gateway: object) -> None:
    args = DetectorArgs(name=SCALING, loader="test_serve:load_slow", num_cpus=0.05, max_replicas=2)
    await asyncio.to_thread(ensure_app, args)
    request = ray.put(DetectRequest(np.ones((1, 32, 32, 3), np.uint8), (32, 32)))
    replicas: set[float] = set()

    async def press() -> None:
        """One of six cameras: three times what a replica is to have."""
        while len(replicas) < 2:
            found = await gateway.detect.remote(SCALING, [request])  # type: ignore[attr-defined]
            replicas.add(float(found[0].score[0]))

    try:
        await asyncio.wait_for(asyncio.gather(*(press() for _ in range(6))), 120)
    finally:
        await asyncio.to_thread(serve.delete, app_name(SCALING))
    assert len(replicas) == 2


def test_a_replica_that_hangs_is_given_up_by_whoever_asks_and_replaced(
    gateway: object, tmp_path: Path
) -> None:
    settings = Settings.from_env({"DOME_HOME": str(tmp_path)})
    ensure_app(
        DetectorArgs(
            name=HANGING, loader="test_serve:load_hanging", settings=settings, num_cpus=0.05, hung_s=2.0
        )
    )
    request = DetectRequest(np.ones((1, 32, 32, 3), np.uint8), (32, 32))
    body = [ray.put(request)]
    try:
        title = f"ray::ServeReplica:{app_name(HANGING)}"
        before = workers(title)[0].pid
        given_up: list[str] = []
        while not (given_up and (tmp_path / "hung").exists()):  # it may be given up before it has come
            impatient = gateway._ask.remote(  # type: ignore[attr-defined]
                app_name(HANGING), DetectorAway, "detect", body[0], answer_s=0.2
            )
            try:
                ray.get(impatient, timeout=120)
            except DetectorAway as error:
                given_up.append(str(error))
        assert "no answer within 0.2 s" in given_up[0]
        found: list[Detections] = []
        while not found:  # as a feed does; the router may still know the old one
            with suppress(DetectorAway):
                found = ask(gateway, HANGING, request)
        assert int(found[0].score[0]) != before
    finally:
        serve.delete(app_name(HANGING))
