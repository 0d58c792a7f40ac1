from __future__ import annotations

import io

import pytest
from rich.console import Console

from cluster.cli.progress import LiveProgress, Rates, camera_table, progress_line, unfitness, worst_first
from flows.domain.status import CameraStatus, ResultsStatus


def status(camera: str, **values: object) -> CameraStatus:
    return CameraStatus.model_validate({"camera_id": camera, "state": "running", **values})


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def rendered(statuses: list[CameraStatus], rows: int) -> str:
    console = Console(file=io.StringIO(), width=160)
    console.print(camera_table(statuses, Rates().update(statuses), ResultsStatus(), rows))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_cameras_in_trouble_come_first() -> None:
    statuses = [
        status("fine"),
        status("late", lag_s=9.0),
        status("gone", state="reconnecting"),
        status("dead", state="failed"),
        status("done", state="ended"),
    ]

    assert [s.camera_id for s in worst_first(statuses)] == ["dead", "gone", "late", "fine", "done"]


def test_hundreds_of_cameras_show_the_worst_and_the_totals() -> None:
    statuses = [status(f"c{i}", frames_read=1000, gated=250) for i in range(300)]
    statuses.append(status("broken", state="failed", message="no route to host"))

    text = rendered(statuses, rows=10)

    assert len(text.splitlines()) < 20
    assert "no route to host" in text
    assert "301 cameras (291 more)" in text
    assert "1 failed, 300 running" in text
    assert "300,000" in text
    assert "25%" in text


def test_rates_come_from_the_last_seconds() -> None:
    clock = Clock()
    rates = Rates(clock)
    rates.update([status("a", frames_read=0, detections=0)])
    clock.now_s += 2

    rate = rates.update([status("a", frames_read=50, detections=10)])["a"]

    assert (rate.frames_hz, rate.detections_hz) == (25.0, 5.0)
    for _ in range(10):
        clock.now_s += 1
        rate = rates.update([status("a", frames_read=50, detections=10)])["a"]
    assert rate.frames_hz == 0, "what it did long ago no longer counts"


def test_a_restarted_camera_never_has_a_negative_rate() -> None:
    clock = Clock()
    rates = Rates(clock)
    rates.update([status("a", frames_read=500)])
    clock.now_s += 1

    assert rates.update([status("a", frames_read=3)])["a"].frames_hz == 0


def test_the_line_names_the_worst_camera_and_what_was_lost() -> None:
    statuses = [status("a", frames_read=100, gated=50), status("b", state="failed", message="file is empty")]

    line = progress_line(statuses, Rates().update(statuses), ResultsStatus(redis="away", spooled=7, lost=2))

    assert "1 failed, 1 running" in line
    assert "50% gated" in line
    assert "Redis away" in line
    assert "7 spooled" in line
    assert "2 LOST" in line
    assert line.endswith("b failed: file is empty")


@pytest.mark.parametrize(("passed_s", "lines"), [(1.0, 1), (6.0, 2)])
def test_without_a_terminal_it_prints_a_line_now_and_then(passed_s: float, lines: int) -> None:
    clock, out = Clock(), io.StringIO()
    with LiveProgress(Console(file=out, width=200), clock) as progress:
        progress.update([status("a")], ResultsStatus())
        clock.now_s += passed_s
        progress.update([status("a")], ResultsStatus())

    assert out.getvalue().startswith("starting ")
    assert out.getvalue().count("1 running") == lines


def test_a_site_without_cameras_is_no_crash() -> None:
    assert progress_line([], {}, ResultsStatus()).startswith(": 0 frames") or progress_line(
        [], {}, ResultsStatus()
    )
    assert "0 cameras" in rendered([], rows=5)


def test_a_camera_that_was_knocked_is_said_to_be_unfit() -> None:
    knocked = CameraStatus(camera_id="a", state="running", fitness="moved", moved_px=6.7)
    turned = CameraStatus(camera_id="b", state="running", fitness="moved")
    fine = CameraStatus(camera_id="c", state="running", fitness="fit", moved_px=0.1)
    assert unfitness(knocked) == "UNFIT: the camera has moved by 6.7 px"
    assert unfitness(turned) == "UNFIT: the camera has moved"
    assert unfitness(fine) == ""
    line = progress_line([knocked, fine], {}, ResultsStatus())
    assert "a UNFIT" in line
    assert "c UNFIT" not in line
