"""What the command line's tests share: a runner, a site file, and a live job and cameras that are fakes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cluster.cli import app
from flows.domain.site import CameraConfig, SiteConfig
from flows.domain.status import CameraStatus, ResultsStatus, Summary
from flows.sources.base import Probe

Dome = Callable[..., Result]
AT = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
SITE = "site: town\ncameras:\n  - id: good\n    source: good.mp4\n"


@pytest.fixture
def dome() -> Dome:
    """Runs the command line; stdout and stderr are kept apart."""

    def run(*args: str | Path) -> Result:
        return CliRunner().invoke(app, [str(a) for a in args])

    return run


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site file with one good camera."""
    path = tmp_path / "site.yaml"
    path.write_text(SITE)
    return path


@pytest.fixture
def probe_of() -> Callable[..., Probe]:
    """Makes the probe of a camera that answers well, but for the changes."""
    return _probe_of


def _probe_of(**changes: Any) -> Probe:
    """A camera that answers well."""
    values: dict[str, Any] = {
        "codec": "h264",
        "width_px": 1280,
        "height_px": 720,
        "measured_hz": 25.0,
        "declared_hz": 25.0,
        "jitter_s": 0.001,
        "clock_source": "site",
        "anchored_at": AT,
        "duration_s": 10.0,
        "b_frames": False,
        "key_interval_s": 2.0,
    }
    return Probe(**values | changes)


@pytest.fixture
def probes(monkeypatch: pytest.MonkeyPatch) -> dict[str, Probe | Exception]:
    """What each camera's probe gives, by id; a good one for those that are not named."""
    answers: dict[str, Probe | Exception] = {}

    def probe(camera: CameraConfig, _: object) -> Probe:
        answer = answers.get(camera.id, _probe_of())
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr("cluster.cli.check._probe", probe)
    monkeypatch.setattr("cluster.cli.check._survey", lambda *_: None)  # a scene would be rendered for its own
    return answers


@dataclass
class FakeLive:
    """Stands for :mod:`cluster.live`; remembers what it was asked for."""

    state: str = "ended"
    states: dict[str, str] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    results: ResultsStatus = field(default_factory=lambda: ResultsStatus(written=2))
    calls: list[tuple[SiteConfig, list[str], Any]] = field(default_factory=list)

    def run_live(self, config: SiteConfig, problems: list[str], options: Any, on_progress: Any) -> Summary:
        self.calls.append((config, problems, options))
        cameras = {
            c.id: CameraStatus(
                camera_id=c.id,
                state=self.states.get(c.id, self.state),
                frames_read=250,
                events={"dome.violation.speeding.v1": 2},
                **self.more,
            )
            for c in config.cameras
        }
        on_progress(list(cameras.values()), self.results)
        return Summary(
            site=config.site,
            started_at=AT,
            ended_at=AT,
            cameras=cameras,
            results=self.results,
            problems=problems,
        )


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> FakeLive:
    """A live job without Ray."""
    fake = FakeLive()
    module = SimpleNamespace(run_live=fake.run_live, LiveOptions=lambda **values: SimpleNamespace(**values))
    monkeypatch.setitem(sys.modules, "cluster.live", module)  # type: ignore[arg-type]
    return fake
