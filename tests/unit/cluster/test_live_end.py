"""How a live job ends, and takes another site over, without Ray: actors that answer, and one that does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from ray.exceptions import GetTimeoutError, RayTaskError

from cluster import live
from cluster.live import DRAINED_S, LiveJob, LiveOptions
from flows.domain.site import CameraConfig, District, FileSource, SiteConfig, TracksSource
from flows.domain.status import CameraStatus, ResultsStatus
from flows.stream.fleet import FleetPolicy, SiteAnswer


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


CAMERA = CameraConfig(id="c", district="d", source=FileSource(path=Path("x.mp4")))
DISTRICTS = (District(id="d"),)


def running(
    monkeypatch: pytest.MonkeyPatch, handed_in: SiteConfig
) -> tuple[LiveJob, list[SiteAnswer], list[CameraConfig]]:
    """A job with one camera and a site that waits for its answer; its answers, and the cameras that run."""
    said: list[SiteAnswer] = []
    cameras = [CAMERA]

    def apply(wanted: list[CameraConfig]) -> Callable[[], list[CameraStatus]]:
        cameras[:] = wanted
        return list

    monkeypatch.setattr(live.ray, "get", lambda answer, timeout: answer())
    monkeypatch.setattr(live.ray, "cluster_resources", lambda: {"CPU": 2.0})
    monkeypatch.setattr(LiveJob, "_tell_places", lambda *_: None)
    site = SiteConfig(site="s", districts=DISTRICTS, cameras=(CAMERA,))
    job = LiveJob(site, [CAMERA], "redis://x", LiveOptions(loader="own:detector", plates="", belts=""))
    job.fleet = SimpleNamespace(
        handed_in=answering(lambda: handed_in),
        answer=SimpleNamespace(remote=lambda answer: lambda: said.append(answer)),
        apply=SimpleNamespace(remote=apply),
    )
    job.results_actor = SimpleNamespace(put_statuses=answering(lambda: None))
    return job, said, cameras


@pytest.mark.parametrize(
    "error",
    [
        RayTaskError("ask", "a traceback", TimeoutError("no answer in 60 s")).as_instanceof_cause(),
        NotADirectoryError("a cache that cannot be written"),
    ],
)
def test_a_detector_that_cannot_be_had_is_an_answer_and_not_the_end_of_the_job(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def ensure(_: object) -> NoReturn:
        raise error

    monkeypatch.setattr("serve.app.ensure_app", ensure)
    other = CAMERA.model_copy(update={"id": "other"})
    radar = CAMERA.model_copy(update={"id": "radar", "source": TracksSource(path=Path("x.csv"))})
    site = SiteConfig(site="s", districts=DISTRICTS, cameras=(other, radar))
    job, said, cameras = running(monkeypatch, site)
    job.heed()
    assert (said[0].added, said[0].removed, said[0].refused) == (("radar",), ("c",), "")
    words = {"no answer in 60 s", "a cache that cannot be written"}
    assert any(f"{word})" in said[0].unable[0] for word in words)
    assert "a traceback" not in said[0].unable[0]
    assert cameras == [radar]


def test_a_site_that_nobody_can_deploy_changes_nothing_and_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ensure(_: object) -> NoReturn:
        raise ValueError("of a kind nobody thought of")

    monkeypatch.setattr("serve.app.ensure_app", ensure)
    other = CAMERA.model_copy(update={"id": "other"})
    job, said, cameras = running(monkeypatch, SiteConfig(site="s", districts=DISTRICTS, cameras=(other,)))
    job.heed()
    assert "of a kind nobody thought of" in said[0].refused
    assert job.cameras == cameras == [CAMERA]
    assert job._site.cameras == (CAMERA,)
