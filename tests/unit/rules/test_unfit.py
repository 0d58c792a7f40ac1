"""A camera that cannot vouch for when or where: no rule reports anybody, and every rule says why."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import driving
import numpy as np
import pytest
from quick import first
from roads import Drive, Story, rect, road, straight
from tales import ALL

from flows.domain.ruleset import RedLightRule, RuleConfig, StopLineRule
from flows.rules import BUILDERS
from flows.rules.base import Rule, Site

LIGHT: dict[str, RuleConfig] = {
    "red_light": RedLightRule(stop_line="stop", junction="junction", signal="main"),
    "stop_line": StopLineRule(stop_line="stop", signal="main"),
}
UNFIT: list[tuple[dict[str, Any], str]] = [
    ({"clock": "file-time"}, "clock"),
    ({"start": driving.START + timedelta(days=3650)}, "calibration_expired"),
]


def offence(kind: str) -> tuple[Rule, list[Drive], dict[str, Any]]:
    """A rule, who offends against it before a gantry, and how the story is told."""
    eye = driving.camera("gantry")
    if kind in LIGHT:
        zones, lines = {"junction": rect(-8, 34, 8, 48)}, {"stop": [(0.0, 30.0), (7.0, 30.0)]}
        site: Site = road(LIGHT[kind], zones=zones, lines=lines, signals=("main",), eye=eye)
        passes = [straight(1, x=1.75, y=(-10, 70), kmh=45)]
        return (
            BUILDERS[type(LIGHT[kind])](LIGHT[kind], site),
            passes,
            {"lights": {"main": [(0, "red")]}, "eye": eye},
        )
    tales = ALL[kind]
    teller = next(iter(tales.offences.values()))
    site = road(tales.config, zones=tales.zones, lines=tales.lines, headings=tales.headings, eye=eye)
    drives = list(teller(np.random.default_rng(6)))
    return BUILDERS[type(tales.config)](tales.config, site), drives, {"eye": eye, "hz": tales.hz}


@pytest.mark.slow
@pytest.mark.parametrize("kind", first(*ALL, *LIGHT))
def test_who_offends_before_a_fit_camera_is_reported(kind: str) -> None:
    rule, drives, how = offence(kind)
    assert [e for e in Story(drives, **how).tell(rule) if e.type.startswith("dome.violation.")]


@pytest.mark.slow
@pytest.mark.parametrize(("unfit", "reason"), UNFIT, ids=[reason for _, reason in UNFIT])
@pytest.mark.parametrize("kind", first(*ALL, *LIGHT))
def test_an_unfit_camera_reports_nobody_and_says_why(kind: str, unfit: dict[str, Any], reason: str) -> None:
    rule, drives, how = offence(kind)
    assert Story(drives, **how, **unfit).tell(rule) == []
    assert set(rule.refusals()) == {reason}
