"""The command line is told to end: cameras drain, everything is written, the summary says so."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from PIL import Image

from cluster.demo.cameras import CAMERAS
from cluster.demo.clips import PACKAGED

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_a_live_job_that_is_told_to_end_drains_and_sums_up(tmp_path: Path, told: signal.Signals) -> None:
    """The second is told while it also serves the API: models answer there, and end with it."""
    clip = PACKAGED / f"{CAMERAS[0].id}.mp4"
    site, summary = tmp_path / "site.yaml", tmp_path / "summary.json"
    site.write_text(
        f"site: s\ncameras:\n  - {{id: road, source: {{kind: file, path: {clip}, loop: true}}}}\n"
    )
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "DOME_"))}
    env = keep | {"DOME_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    dome = [sys.executable, "-m", "cluster.cli"]
    port = free_port() if told == signal.SIGINT else None
    command = [*dome, "run", str(site), "--summary", str(summary)]
    command += ["--api", "--port", str(port)] if port else []
    with subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True) as job:
        assert job.stderr is not None
        lines = iter(job.stderr.readline, "")
        assert any("1 running" in line for line in lines)  # the progress, where nobody watches
        if port:
            sign = [*dome, "token", "--role", "operator"]
            token = subprocess.run(sign, cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout
            assert detects(f"http://127.0.0.1:{port}/api/v1/models/detect", token.strip())
        job.send_signal(told)
        rest = "".join(lines)
        assert job.wait(120) == 0, rest
    said = json.loads(summary.read_text())
    assert said["cameras"]["road"]["state"] == "stopped"
    assert said["cameras"]["road"]["frames_read"] > 0


def free_port() -> int:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port: int = place.getsockname()[1]
        return port


def detects(url: str, token: str) -> bool:
    """Whether the model behind the API answers, and sees nothing for sure in a grey picture."""
    grey = io.BytesIO()
    Image.new("RGB", (640, 360), (90, 90, 90)).save(grey, "PNG")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "image/png"}
    answer = httpx.post(url, content=grey.getvalue(), headers=headers, timeout=60).raise_for_status().json()
    sure = [item for item in answer["items"] if item["score"] > 0.5]
    return (answer["detector"], answer["width_px"], sure) == ("embedded", 640, [])
