from __future__ import annotations

import subprocess
import sys
from functools import cache

import numpy as np
import pytest

from flows import scenes
from flows.scenes import opengl

pytestmark = pytest.mark.usefixtures("drawn")
SMALL = {"width_px": 320, "height_px": 180, "duration_s": 0.4}


@cache
def pictures(name: str, light: str = "day", noise: float = 0.0) -> tuple[np.ndarray, ...]:
    scene = scenes.build(name, 4, light=light, noise=noise, pose="gantry", **SMALL)
    return tuple(frame.rgb.astype(int) for frame in scene.frames())


@pytest.mark.slow
def test_an_empty_street_stands_still_but_for_the_sensor() -> None:
    still = pictures("empty")
    assert all((frame == still[0]).all() for frame in still)
    noisy = pictures("empty", noise=1.0)
    assert 0.3 < np.abs(noisy[1] - noisy[0]).mean() < 6


@pytest.mark.slow
def test_traffic_changes_the_picture_where_it_is() -> None:
    first, *_, last = pictures("road")
    changed = np.abs(first - last).sum(-1) > 30
    assert 0.001 < changed.mean() < 0.5


@pytest.mark.slow
def test_dusk_is_darker_than_day() -> None:
    assert pictures("empty", "dusk")[0].mean() < 0.8 * pictures("empty")[0].mean()


@pytest.mark.slow
def test_without_opengl_the_error_names_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr("ctypes.CDLL", missing)
    opengl.require.cache_clear()
    try:
        with pytest.raises(opengl.SceneUnavailable, match="libegl1"):
            next(scenes.build("empty", 0, **SMALL).frames())
    finally:
        opengl.require.cache_clear()


@pytest.mark.slow
def test_torchvision_can_be_imported_after_a_scene_was_rendered() -> None:
    code = (
        "from flows import scenes\n"
        "next(iter(scenes.build('empty', seed=1, duration_s=0.1, width_px=64, height_px=64).frames()))\n"
        "import torchvision.models\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
