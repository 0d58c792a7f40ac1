from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
import street

from flows.domain.site import CameraConfig, StreamSource
from flows.pictures.landmarks import Landmarks
from flows.store.landmarks import LandmarkStore


def camera(**survey: object) -> CameraConfig:
    calibration = street.SURVEY.model_copy(update={"id": "A/17 b"} | survey)
    return CameraConfig(
        id="cam-1", district="d", source=StreamSource(url="rtsp://x/y"), calibration=calibration
    )


def some(level: float = 100.0) -> Landmarks:
    rng = np.random.default_rng(1)
    patches = (level + rng.normal(0, 20, (6, 32, 32))).astype(np.float32)
    return Landmarks((640, 360), np.arange(12).reshape(6, 2), patches, np.full((45, 80), level, np.float32))


def test_what_was_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    store = LandmarkStore(tmp_path / "landmarks", camera())
    assert store.load() is None
    store.save(some())
    found = LandmarkStore(tmp_path / "landmarks", camera()).load()
    assert found is not None
    assert found.patches == pytest.approx(some().patches, abs=0.1)
    assert "cam-1-A-17-b-" in store.path.name
    assert [p.name for p in store.path.parent.iterdir()] == [store.path.name]


def test_a_new_survey_begins_anew(tmp_path: Path) -> None:
    LandmarkStore(tmp_path, camera()).save(some())
    assert LandmarkStore(tmp_path, camera(id="A/18")).load() is None
    assert LandmarkStore(tmp_path, camera(surveyed_on=date(2026, 5, 1))).load() is None


def test_a_broken_file_is_learnt_again_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = LandmarkStore(tmp_path, camera())
    store.path.write_bytes(b"half a file")
    assert store.load() is None
    assert "learnt again" in caplog.text


def test_a_full_disk_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    LandmarkStore(tmp_path / "file", camera()).save(some())
    assert "cannot be kept" in caplog.text
