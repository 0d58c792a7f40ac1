"""The command line is told to end: cameras drain, everything is written, the summary says so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.demo.cameras import CAMERAS
from cluster.demo.clips import PACKAGED

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_a_live_job_that_is_told_to_end_drains_and_sums_up(tmp_path: Path, told: signal.Signals) -> None:
    clip = PACKAGED / f"{CAMERAS[0].id}.mp4"
    site, summary = tmp_path / "site.yaml", tmp_path / "summary.json"
    site.write_text(
        f"site: s\ncameras:\n  - {{id: road, source: {{kind: file, path: {clip}, loop: true}}}}\n"
    )
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "DOME_"))}
    env = keep | {"DOME_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "cluster.cli", "run", str(site), "--summary", str(summary)]
    with subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True) as job:
        assert job.stderr is not None
        lines = iter(job.stderr.readline, "")
        assert any("1 running" in line for line in lines)  # the progress, where nobody watches
        job.send_signal(told)
        rest = "".join(lines)
        assert job.wait(120) == 0, rest
    said = json.loads(summary.read_text())
    assert said["cameras"]["road"]["state"] == "stopped"
    assert said["cameras"]["road"]["frames_read"] > 0
