from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import av
import numpy as np
import pytest

from flows import scenes
from flows.domain.errors import FieldError
from flows.scenes import clip
from flows.scenes.truth import SceneTruth

pytestmark = pytest.mark.usefixtures("drawn")


@pytest.mark.slow
def test_a_clip_and_its_truth_agree(tmp_path: Path) -> None:
    started_at = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
    scene = scenes.build(
        "road", 3, duration_s=2.4, fps=5, width_px=320, height_px=180, started_at=started_at, pose="gantry"
    )
    calls: list[tuple[int, int]] = []
    truth = clip.write(scene, tmp_path / "road.mp4", on_frame=lambda done, all_: calls.append((done, all_)))
    assert calls[-1] == (12, 12)
    with av.open(str(tmp_path / "road.mp4")) as container:
        stream = container.streams.video[0]
        stamp = datetime.fromisoformat(container.metadata["creation_time"].replace("Z", "+00:00"))
        keys, times, pictures = [], [], []
        for frame in container.decode(stream):
            keys.append(frame.key_frame)
            times.append(frame.time)
            pictures.append(frame.to_ndarray(format="rgb24"))
    assert stamp == truth.started_at == started_at
    np.testing.assert_allclose(times, [(f.at - started_at).total_seconds() for f in truth.frames], atol=1e-6)
    assert [i for i, key in enumerate(keys) if key] == [0, 10], "a key frame every two seconds"
    first = next(scene.frames()).rgb.astype(int)
    assert np.abs(pictures[0] - first).mean() < 8
    assert SceneTruth.model_validate_json(
        (tmp_path / "road.json").read_text()
    ) == SceneTruth.model_validate_json(truth.model_dump_json())


def test_a_start_that_the_container_cannot_hold_is_refused(tmp_path: Path) -> None:
    scene = scenes.build("empty", 0, started_at=datetime(2026, 5, 4, 3, 2, 1, 500000, tzinfo=UTC))
    with pytest.raises(FieldError, match=r"started_at.*mkv"):
        clip.write(scene, tmp_path / "empty.mp4")
