"""The metrics that dashboards ask for are those that a running job gives, also of what has not happened yet."""

from __future__ import annotations

import re
import time
from pathlib import Path

import httpx
import ray
import street
from live_run import Run

from cluster.grafana import dashboards

EXPORT_S = 120.0
"""Cameras tell every five seconds, Ray every ten."""


def test_every_metric_of_a_dashboard_is_there(job: Run, clip: Path) -> None:
    asked = {
        name
        for board in dashboards()
        for panel in board["panels"]
        for target in panel["targets"]
        for name in re.findall(r"ray_\w+", target["expr"])
    }
    missing = set(asked)

    def listen(run: Run) -> None:
        run.until(lambda c: c["road"].detected > 50)
        deadline_s = time.monotonic() + EXPORT_S
        while missing and time.monotonic() < deadline_s:
            missing.difference_update(exported())
            time.sleep(0.5)
        assert run.job is not None
        run.job.end()

    job.trouble = listen
    camera = street.camera_yaml("road", clip).replace("source: {path:", "source: {loop: true, path:")
    job.go(f"site: test\ncameras:{camera}", until_end=False)
    assert not missing


def exported() -> set[str]:
    """Names of what Prometheus would be given by the nodes of the cluster."""
    found: set[str] = set()
    for node in ray.nodes():
        address = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
        told = httpx.get(address, timeout=20, trust_env=False).text
        found |= set(re.findall(r"^(ray_\w+)(?:\{| )", told, re.MULTILINE))
    return found
