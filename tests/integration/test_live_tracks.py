"""A camera that sends tracks in metres, through the whole live job."""

from __future__ import annotations

from pathlib import Path

from live_run import Run

YIELD = "dome.violation.failure_to_yield.v1"


def test_tracks_become_violations_without_a_detector(job: Run, tmp_path: Path) -> None:
    rows = []
    for i in range(200):
        t = i / 20
        walked_m = max(0.0, t - 3.0) * 1.4
        rows.append(f"1,{t},person,{min(4.5, -4.5 + walked_m):.3f},0,")
        rows.append(f"2,{t},car,1.75,{-4.25 + 10 * (t - 5.9):.3f},10")
    path = tmp_path / "radar.csv"
    path.write_text("id,time,class,x_m,y_m,speed\n" + "\n".join(rows) + "\n")
    summary = job.go(
        f"""site: test
cameras:
  - id: radar
    source: {{kind: tracks, path: {path}, started_at: 2026-09-01T08:30:00Z, error_m: 0.15}}
    zones: [{{name: crosswalk, polygon_m: [[-3.5, -2], [3.5, -2], [3.5, 2], [-3.5, 2]]}}]
    rules: [{{kind: failure_to_yield, crosswalk: crosswalk}}]
"""
    )
    status = summary.cameras["radar"]
    assert (status.state, status.frames_read, status.detected) == ("ended", 200, 200)
    assert status.errors == {}
    assert status.events == {YIELD: 1}
    assert summary.results.written == 1
    (event,) = job.events()
    assert event.type == YIELD
    assert event.data["evidence"] == "", "there is no picture to package"
