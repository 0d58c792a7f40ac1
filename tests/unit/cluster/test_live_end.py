"""How a live job ends, without Ray: actors that answer, and one that does not."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import GetTimeoutError

from cluster import live
from cluster.live import DRAINED_S, LiveJob, LiveOptions
from flows.domain.site import SiteConfig
from flows.domain.status import CameraStatus, ResultsStatus
from flows.stream.fleet import FleetPolicy


def answering(answer: Callable[[], Any]) -> SimpleNamespace:
    """A remote method; what it returns is asked for with ``ray.get``."""
    return SimpleNamespace(remote=lambda *_: answer)


def test_results_are_flushed_whatever_the_cameras_do(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    def get(answer: Callable[[], Any], timeout: float) -> Any:
        waited.append(timeout)
        return answer()

    def hang() -> None:
        raise GetTimeoutError("the fleet hangs")

    monkeypatch.setattr(live.ray, "get", get)
    monkeypatch.setattr(LiveJob, "_let_go", lambda _: None)
    job = LiveJob(SiteConfig(site="s", districts=(), cameras=()), (), "redis://x", LiveOptions())
    job._alive = [CameraStatus(camera_id="c")]
    job.fleet = SimpleNamespace(stop=answering(hang), sent=answering(lambda: (["event"], 1)))
    told: list[list[CameraStatus]] = []
    job.results_actor = SimpleNamespace(
        flush=answering(lambda: ResultsStatus(written=1)),
        put_statuses=SimpleNamespace(remote=lambda statuses: lambda: told.append(statuses)),
    )
    job.stop()
    assert (job.sent, job.results.written) == (["event"], 1)
    assert told == [job.statuses], "how they ended is told once more: they report no more"
    assert [status.camera_id for status in job.statuses] == ["c"]
    assert waited[0] == DRAINED_S > FleetPolicy().drain_s
