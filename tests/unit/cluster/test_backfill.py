"""What an archive is played without, without Ray."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cluster.backfill import BackfillOptions, _with_weights
from flows.domain.errors import WeightsError
from flows.domain.site import CameraConfig, FileSource
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
