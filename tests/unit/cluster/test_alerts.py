"""When Prometheus would call somebody: by its own tool, where that is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

DEPLOY = Path(__file__).parents[3] / "cluster" / "deploy"
PROMTOOL = shutil.which("promtool")


@pytest.mark.slow
@pytest.mark.skipif(PROMTOOL is None, reason="no promtool: it comes with Debian's package prometheus")
@pytest.mark.parametrize(
    "check",
    [
        ("check", "rules", "alerts.yml"),
        ("test", "rules", "alerts_test.yml"),
        ("check", "config", "prometheus.yml"),
    ],
)
def test_prometheus_calls_as_it_should(check: tuple[str, ...]) -> None:
    done = subprocess.run([str(PROMTOOL), *check], cwd=DEPLOY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_each_alert_is_seen_to_call() -> None:
    """And nothing is tested that is no alert: of one that there is none of, it is always true that it does not call."""
    yaml = YAML(typ="safe")
    (group,) = yaml.load(DEPLOY / "alerts.yml")["groups"]
    alerts = {rule["alert"] for rule in group["rules"]}
    asked = [
        row
        for test in yaml.load(DEPLOY / "alerts_test.yml")["tests"]
        for row in test.get("alert_rule_test", ())
    ]
    assert {row["alertname"] for row in asked if row.get("exp_alerts")} == alerts
    assert {row["alertname"] for row in asked} == alerts
