"""A real scene, rendered by the real renderer in its own process, played as a camera."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from flows.domain.errors import SourceError
from flows.domain.site import CameraConfig, SceneSource
from flows.scenes.opengl import SceneUnavailable, require
from flows.settings import Settings
from flows.sources import open_source
from flows.sources.scene import rendered, scene_calibration


def test_a_scene_becomes_a_camera_with_its_own_survey(tmp_path: Path) -> None:
    try:
        require()
    except SceneUnavailable as error:
        pytest.skip(str(error))
    settings = Settings.from_env({"DOME_HOME": str(tmp_path)})
    options = {"duration_s": 1.0, "width_px": 320, "height_px": 180}
    camera = CameraConfig(id="cam-1", district="d", source=SceneSource(scene="road", seed=1, options=options))
    source = open_source(camera, settings)
    source.open()
    frames = list(source.frames())
    assert len(frames) >= 10
    assert {f.clock.source for f in frames} == {"scene"}
    assert frames[1].at - frames[0].at == timedelta(seconds=1 / 12.5)
    survey = scene_calibration(camera, settings)
    assert survey is not None
    assert survey.picture_px == (320, 180)


def test_a_scene_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="'nosuch' cannot be rendered"):
        rendered(SceneSource(scene="nosuch"), Settings.from_env({"DOME_HOME": str(tmp_path)}))
