"""What an archive is played without, without Ray."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray

import cluster.backfill
from cluster.backfill import BackfillOptions, _with_weights, run_backfill
from cluster.session import job_runs
from flows.domain.errors import WeightsError
from flows.domain.site import CameraConfig, FileSource, SiteConfig
from flows.domain.status import ResultsStatus
from flows.settings import Settings
from flows.stream.backfill import Recording
from models import weights


def recording(camera_id: str, detector: str) -> Recording:
    source = FileSource(path=Path(f"{camera_id}.mp4"))
    camera = CameraConfig(id=camera_id, district="d", source=source, detector=detector)
    begins = datetime(2026, 9, 14, tzinfo=UTC)
    return Recording(camera=camera, from_at=begins, until_at=begins + timedelta(hours=1))


@pytest.fixture(autouse=True)
def _only_the_embedded_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def get(name: str, _: Settings) -> None:
        if name != "embedded":
            raise WeightsError(f"no weights of {name}")

    monkeypatch.setattr(weights, "get", get)


def test_one_camera_without_weights_leaves_the_others_to_be_played() -> None:
    good, blind = recording("good", "embedded"), recording("blind", "yolox-x")
    found = _with_weights([good, blind, blind], BackfillOptions())
    assert found == ([good], ["blind: no weights of yolox-x"])


def test_where_no_camera_has_any_that_is_said() -> None:
    with pytest.raises(WeightsError, match="no weights of yolox-x"):
        _with_weights([recording("blind", "yolox-x")], BackfillOptions())


class Cluster:
    """Ray, as far as it is asked here: names, and whoever has them does nothing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: set[str] = set()
        monkeypatch.setattr(ray, "remote", lambda _: SimpleNamespace(options=self._options))
        monkeypatch.setattr(ray, "kill", self.names.discard)
        monkeypatch.setattr(ray, "get", lambda answer, **_: answer)
        monkeypatch.setattr(ray, "get_actor", self._named)
        monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 1.0})
        monkeypatch.setattr(ray.util, "list_named_actors", self._listed)

    def _options(self, *, name: str, **_: Any) -> SimpleNamespace:
        self.names.add(name)
        return SimpleNamespace(remote=lambda: name)

    def _named(self, name: str, _: str) -> Any:
        if name == "results":
            return SimpleNamespace(flush=SimpleNamespace(remote=lambda _: ResultsStatus()))
        if name not in self.names:
            raise ValueError
        return name

    def _listed(self, **_: bool) -> list[dict[str, str]]:
        return [{"name": name, "namespace": "dome"} for name in sorted(self.names | {"results"})]


def test_while_an_archive_is_played_no_other_job_replaces_the_results_actor_that_it_relies_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Cluster(monkeypatch).names
    relied: list[bool] = []
    (tmp_path / "archive").mkdir()
    monkeypatch.setattr(cluster.backfill, "redis_for", lambda _: nullcontext("redis://shared"))
    monkeypatch.setattr(cluster.backfill, "ready_evidence", lambda *_: None)
    monkeypatch.setattr(ray, "is_initialized", lambda: True)

    def started(_: Settings, __: str, ___: object, watched: bool) -> None:
        relied.append(watched)

    def played(*_: object) -> list[Any]:
        relied.append(job_runs())
        if len(relied) == 2:
            play()  # a second one beside it
            relied.append(job_runs())
        return []

    def play() -> None:
        options = BackfillOptions(settings=Settings.from_env({"DOME_HOME": str(tmp_path)}))
        run_backfill(SiteConfig(site="town", districts=(), cameras=()), tmp_path / "archive", options)

    monkeypatch.setattr(cluster.backfill, "results_actor", started)
    monkeypatch.setattr(cluster.backfill, "play_all", played)
    play()
    assert relied == [False, True, True, True, True]
    assert not names
    assert not job_runs()
