"""The submitted job's exit status, without Ray."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest

from cluster.jobs import live
from cluster.live import LiveJob, LiveOptions
from flows.domain.errors import DomeError
from flows.jurisdiction import FOLDER
from flows.settings import Settings
from flows.site.sitefile import load_site
from flows.store.results import Retention


@pytest.mark.parametrize(
    "text",
    [
        "cameras: 5\n",
        "site: town\ncameras:\n  - id: bad\n    source: b.mp4\n    latitude: north\n",
    ],
)
def test_a_site_without_a_camera_to_run_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    def start(*_: object) -> NoReturn:
        raise AssertionError("something was started")

    monkeypatch.setattr(live, "run_live", start)
    site = tmp_path / "site.yaml"
    site.write_text(text)
    assert live.main([str(site)]) == 2


@pytest.mark.parametrize(
    ("flags", "api"),
    [
        ((), None),
        (("--api",), ("127.0.0.1", 8000)),
        (("--api", "--host", "::", "--port", "9000"), ("::", 9000)),
    ],
)
def test_it_serves_the_api_where_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...], api: tuple[str, int] | None
) -> None:
    given: list[LiveOptions] = []

    def start(_: object, __: object, options: LiveOptions, ___: object) -> NoReturn:
        given.append(options)
        raise DomeError("enough")

    monkeypatch.setattr(live, "run_live", start)
    (tmp_path / "site.yaml").write_text("site: town\ncameras:\n  - {id: a, source: a.mp4}\n")
    assert live.main([str(tmp_path / "site.yaml"), *flags]) == 1
    assert given[0].api == api


def test_violations_stay_for_as_long_as_the_law_of_the_place_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Started(Exception):
        pass

    def start(_: object, __: str, retention: Retention, ___: bool) -> NoReturn:
        raise Started(retention)

    monkeypatch.setattr("cluster.live.results_actor", start)
    monkeypatch.setattr("cluster.live.job_runs", lambda: False)
    law = (FOLDER / "kz.yaml").read_text(encoding="utf-8")
    assert "violation_days: 365" in law
    law = law.replace("task_days: 30", "task_days: 20")
    (tmp_path / "law.yaml").write_text(law.replace("violation_days: 365", "violation_days: 366"))
    (tmp_path / "site.yaml").write_text(
        "site: town\njurisdiction: law.yaml\ncameras:\n  - {id: a, source: a.mp4}\n"
    )
    site = load_site(tmp_path / "site.yaml").config
    job = LiveJob(site, site.cameras, "unix:none", LiveOptions(settings=Settings.from_env({})))
    with pytest.raises(Started) as started:
        job.start()
    (retention,) = started.value.args
    assert (retention.keep_days, retention.passage_days, retention.task_days) == (366.0, 1.0, 20.0)


def test_a_second_live_job_in_a_cluster_changes_nothing_before_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(_: object) -> NoReturn:
        raise DomeError("another live job runs in this cluster; end it first")

    done: list[str] = []
    for step in ("_tell_places", "_open", "_deploy", "_start_faces"):
        monkeypatch.setattr(LiveJob, step, lambda *_, step=step: done.append(step))
    relied: list[object] = []
    monkeypatch.setattr("cluster.live.results_actor", lambda *given: relied.append(given[-1]))
    monkeypatch.setattr("cluster.live.job_runs", lambda: True)
    monkeypatch.setattr("cluster.live.fleet_actor", taken)
    (tmp_path / "site.yaml").write_text("site: other\ncameras:\n  - {id: a, source: a.mp4}\n")
    site = load_site(tmp_path / "site.yaml").config
    settings = Settings.from_env({"DOME_HOME": str(tmp_path), "DOME_PROBE_KEY": "key"})
    job = LiveJob(site, site.cameras, "redis://shared", LiveOptions(settings=settings))
    with pytest.raises(DomeError, match="another live job runs"):
        job.start()
    assert relied == [True], "the job that runs relies on its results actor"
    assert done == [], "places, Serve, readers and the face search stay those of the job that runs"


def test_a_job_that_would_keep_everything_in_rays_copy_of_its_folder_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    copy = tmp_path / "working_dir_files" / "_ray_pkg_0f"
    copy.mkdir(parents=True)
    monkeypatch.chdir(copy)
    for name in ("DOME_HOME", "DOME_REDIS_URL", "DOME_EVIDENCE", "DOME_SPOOL", "DOME_AUDIT"):
        monkeypatch.delenv(name, raising=False)
    (copy / "site.yaml").write_text("site: town\ncameras:\n  - {id: a, source: a.mp4}\n")
    assert live.main(["site.yaml"]) == 1
    assert "DOME_HOME" in caplog.text
    assert "a folder that outlasts this job" in caplog.text
    assert [path.name for path in copy.iterdir()] == ["site.yaml"]
