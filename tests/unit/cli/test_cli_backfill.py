from __future__ import annotations

from pathlib import Path

import pytest

import cluster.backfill
from cluster.backfill import Backfilled
from flows.domain.status import CameraStatus, ResultsStatus
from flows.stream.backfill import Played


@pytest.mark.parametrize(("problems", "status"), [((), 0), (("b.mp4 cannot be read as video",), 1)])
def test_what_was_left_out_is_told_by_the_exit_status(
    dome, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problems: tuple[str, ...], status: int
) -> None:
    status_of = CameraStatus(camera_id="good", state="ended", frames_read=100)
    played = Played(path=tmp_path / "a.mp4", status=status_of)
    done = Backfilled((played,), problems, ResultsStatus())
    monkeypatch.setattr(cluster.backfill, "run_backfill", lambda *_: done)

    result = dome("backfill", site, tmp_path)

    assert result.exit_code == status
    assert all(f"left out: {problem}" in result.stderr for problem in problems)
