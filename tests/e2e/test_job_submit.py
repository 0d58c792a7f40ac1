"""The live job on a cluster with a dashboard and token authentication, as a platform team submits it."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from cluster.demo.cameras import CAMERAS, Clip
from cluster.demo.clips import PACKAGED
from cluster.sitewriter import write_site
from flows.domain.events import DECISION
from flows.evaluation.events import read_events

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
CAMERA = CAMERAS[0]
CLIP = Clip(CAMERA, PACKAGED / f"{CAMERA.id}.mp4", PACKAGED / f"{CAMERA.id}.json")


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster that asks for a token."""

    dashboard: str
    env: dict[str, str]

    def job(self, *arguments: str, token: str | None = None) -> subprocess.CompletedProcess[str]:
        """Runs ``ray job ...`` against it."""
        env = self.env if token is None else {**self.env, "RAY_AUTH_TOKEN": token}
        command = [str(BIN / "ray"), "job", arguments[0], "--address", self.dashboard, *arguments[1:]]
        return subprocess.run(
            command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=420, check=False
        )

    def ask(self, method: str, path: str = "", **more: Any) -> httpx.Response:
        """What ``ray job ...`` asks, without starting a Python for each question."""
        own = {"Authorization": f"Bearer {self.env['RAY_AUTH_TOKEN']}"}
        url = f"{self.dashboard}/api/jobs/{path}"
        return httpx.request(method, url, headers=own, timeout=60, trust_env=False, **more)

    def takes_jobs(self) -> bool:
        """The dashboard answers before the agent that starts jobs does: a first job tells when both are there."""
        try:
            return self.ask("POST", json={"entrypoint": "true"}).is_success
        except httpx.TransportError:
            return False

    def watches(self, submission_id: str) -> bool:
        """Whether a live job has told how its cameras are."""
        job, log = self.ask("GET", submission_id).json(), self.ask("GET", f"{submission_id}/logs").json()
        assert job["status"] in ("PENDING", "RUNNING"), (job, log)
        return " dropped, " in log["logs"]


def until(true: Callable[[], bool], within_s: float = 120.0) -> bool:
    """Whether it comes to that."""
    deadline_s = time.monotonic() + within_s
    while not (met := true()) and time.monotonic() < deadline_s:
        time.sleep(0.3)
    return met


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Started and ended by its own process, so that no other cluster of this machine is touched."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "DOME_")) and k != "PYTHONPATH"}
    env = keep | {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
    }
    dashboard = free_port()
    log = tmp_path_factory.mktemp("ray") / "head.log"
    command = [
        str(BIN / "ray"), "start", "--head", "--block", "--num-cpus=2", "--node-ip-address=127.0.0.1",
        f"--port={free_port()}", "--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}",
        f"--dashboard-agent-listen-port={free_port()}",  # 52365 may be another Ray's
    ]  # fmt: skip
    with log.open("w") as out:
        head = subprocess.Popen(command, env=env, stdout=out, stderr=subprocess.STDOUT)
    made = Cluster(f"http://127.0.0.1:{dashboard}", env)
    try:
        assert until(lambda: made.takes_jobs() or head.poll() is not None), log.read_text()
        assert head.poll() is None, log.read_text()
        yield made
    finally:
        family = psutil.Process(head.pid).children(recursive=True)
        for process in [*family, psutil.Process(head.pid)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, timeout=30)
        head.wait(30)


def test_a_wrong_token_is_turned_away(cluster: Cluster) -> None:
    refused = cluster.job("list", token=secrets.token_hex(32))
    assert refused.returncode != 0
    assert "auth" in (refused.stdout + refused.stderr).lower()


def test_the_live_job_runs_on_a_cluster(cluster: Cluster, tmp_path: Path) -> None:
    site, events, summary = tmp_path / "site.yaml", tmp_path / "events.jsonl", tmp_path / "summary.json"
    write_site(site, "job", [CLIP.site_camera("embedded")])
    done = cluster.job(
        "submit", "--working-dir", str(ROOT),
        "--runtime-env-json", json.dumps({"env_vars": {"DOME_HOME": str(tmp_path / "home")}}),
        "--", "python", "-m", "cluster.jobs.live", str(site), "--until-end",
        "--events", str(events), "--summary", str(summary),
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    status = json.loads(summary.read_text())["cameras"][CAMERA.id]
    assert status["state"] == "ended"
    assert status["frames_read"] == len(CLIP.truth.frames)
    found = [event for event in read_events(events) if event.type != DECISION]  # clips may be too short
    assert Counter(e.type for e in found) == status["events"]
    assert {e.camera_id for e in found} <= {CAMERA.id}


def test_cameras_of_a_job_on_a_cluster_come_and_go(cluster: Cluster, tmp_path: Path) -> None:
    before, after, summary = tmp_path / "before.yaml", tmp_path / "after.yaml", tmp_path / "summary.json"
    write_site(after, "job", [CLIP.site_camera("embedded")])
    before.write_text(
        f"site: job\ncameras:\n  - {{id: loop, source: {{path: {CLIP.video}, loop: true}}, detector: embedded}}\n"
    )
    home = json.dumps({"env_vars": {"DOME_HOME": str(tmp_path / "home")}})
    common = ("--working-dir", str(ROOT), "--runtime-env-json", home, "--")
    run = ("python", "-m", "cluster.jobs.live", str(before), "--summary", str(summary))
    started = cluster.job("submit", "--no-wait", "--submission-id", "live", *common, *run)
    assert started.returncode == 0, started.stderr[-4000:]
    assert until(lambda: cluster.watches("live")), "until the job is there, nobody takes the file"
    applied = cluster.job("submit", *common, "python", "-m", "cluster.cli", "apply", str(after))
    assert f"added: {CAMERA.id}; removed: loop" in applied.stdout, (applied.stdout + applied.stderr)[-4000:]
    cluster.job("logs", "--follow", "live")  # returns when it has ended
    cameras = json.loads(summary.read_text())["cameras"]
    assert {name: status["state"] for name, status in cameras.items()} == {
        CAMERA.id: "ended",
        "loop": "stopped",
    }
