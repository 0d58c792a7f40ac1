from __future__ import annotations

import json
import sys
import threading
from datetime import date
from pathlib import Path

import pytest
from media import STARTED_AT, write_video

from flows.domain.errors import SourceError
from flows.domain.site import CalibrationConfig, CameraConfig, SceneSource, SurveyPoint
from flows.settings import Settings
from flows.sources import open_source, probe, scene
from flows.sources.scene import rendered, scene_calibration

POINTS = ((10.0, 200.0), (300.0, 200.0), (250.0, 90.0), (60.0, 90.0), (150.0, 140.0))
CALIBRATION = CalibrationConfig(
    points=tuple(SurveyPoint(px=p, m=(p[0] / 10, p[1] / 10)) for p in POINTS),
    picture_px=(320, 240),
    surveyed_on=date(2026, 1, 1),
    valid_until=date(2027, 1, 1),
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.from_env({"DOME_HOME": str(tmp_path)})


@pytest.fixture
def renders(monkeypatch: pytest.MonkeyPatch) -> list[SceneSource]:
    """A renderer that draws squares; what it was asked for."""
    asked: list[SceneSource] = []

    def run(source: SceneSource, clip: Path, truth: Path) -> None:
        asked.append(source)
        write_video(clip, 10)
        truth.write_text(
            json.dumps(
                {
                    "started_at": STARTED_AT.isoformat(),
                    "calibration": CALIBRATION.model_dump(mode="json"),
                    "frames": [],
                }
            )
        )

    monkeypatch.setattr(scene, "_run_renderer", run)
    return asked


def make_camera(**source: object) -> CameraConfig:
    return CameraConfig(id="cam-1", district="d", source=SceneSource(scene="road", **source))  # type: ignore[arg-type]


def test_a_scene_is_rendered_once_and_played_with_exact_time(
    settings: Settings, renders: list[SceneSource]
) -> None:
    for _ in range(2):
        source = open_source(make_camera(), settings)
        source.open()
        frames = list(source.frames())
        assert [f.clock.source for f in frames] == ["scene"] * 10
        assert frames[0].at == STARTED_AT
        assert frames[-1].clock.scale_error < 1e-5
    assert len(renders) == 1


def test_another_seed_or_option_is_another_scene(settings: Settings, renders: list[SceneSource]) -> None:
    clips = {
        rendered(SceneSource(scene="road", seed=seed, options=options), settings).clip
        for seed, options in [(0, {}), (1, {}), (0, {"n_vehicles": 3})]
    }
    assert len(clips) == len(renders) == 3


def test_cameras_that_start_together_wait_for_one_renderer(
    settings: Settings, renders: list[SceneSource]
) -> None:
    threads = [
        threading.Thread(target=rendered, args=(SceneSource(scene="road"), settings)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(renders) == 1


def test_a_scene_brings_its_calibration_unless_the_camera_has_one(
    settings: Settings, renders: list[SceneSource]
) -> None:
    assert scene_calibration(make_camera(), settings) == CALIBRATION
    own = CALIBRATION.model_copy(update={"id": "own"})
    camera = make_camera().model_copy(update={"calibration": own})
    assert scene_calibration(camera, settings) == own


def test_a_scene_is_probed(settings: Settings, renders: list[SceneSource]) -> None:
    seen = probe(make_camera(), settings)
    assert (seen.clock_source, seen.measured_hz, seen.problems) == ("scene", pytest.approx(25), ())


def test_a_scene_that_cannot_be_rendered_says_why(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    failing = tmp_path / "python"
    failing.write_text("#!/bin/sh\necho 'a warning' >&2\necho 'libEGL.so.1 does not load' >&2\nexit 1\n")
    failing.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(failing))
    with pytest.raises(SourceError, match=r"'road' cannot be rendered: libEGL.so.1 does not load$"):
        rendered(SceneSource(scene="road"), settings)
    assert not list(settings.cache.rglob("*.mp4"))
    assert not list(settings.cache.rglob(".rendering-*"))


def test_a_camera_carries_no_renderer(settings: Settings, renders: list[SceneSource]) -> None:
    before = {m for m in sys.modules if m.split(".")[0] in ("vtk", "pyvista", "moderngl")}
    open_source(make_camera(), settings).open()
    assert {m for m in sys.modules if m.split(".")[0] in ("vtk", "pyvista", "moderngl")} == before
