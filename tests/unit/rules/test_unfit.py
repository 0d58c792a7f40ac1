"""A camera that cannot vouch for when or where: no rule reports anybody, and every rule says why."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import driving
import numpy as np
import pytest
from quick import first
from roads import Drive, Story, rect, road, straight
from tales import ALL

from flows.domain.ruleset import RedLightRule, RuleConfig, StopLineRule
from flows.road.ground import GroundPlane
from flows.rules import rule_of
from flows.rules.base import Rule, Site

LIGHT: dict[str, RuleConfig] = {
    "red_light": RedLightRule(stop_line="stop", junction="junction", signal="main"),
    "stop_line": StopLineRule(stop_line="stop", signal="main"),
}
UNFIT: list[tuple[dict[str, Any], str]] = [
    ({"clock": "file-time"}, "clock"),
    ({"start": driving.START + timedelta(days=3650)}, "calibration_expired"),
    ({"four": True}, "survey_unchecked"),
]


def offence(kind: str, four: bool = False) -> tuple[Rule, list[Drive], dict[str, Any]]:
    """A rule, who offends against it before a gantry, and how the story is told.

    Args:
        kind: The rule.
        four: The survey has four points, so that nothing would show it if one of them were wrong.
    """
    eye = driving.camera("gantry")
    if kind in LIGHT:
        zones, lines = {"junction": rect(-8, 34, 8, 48)}, {"stop": [(0.0, 30.0), (7.0, 30.0)]}
        site: Site = road(LIGHT[kind], zones=zones, lines=lines, signals=("main",), eye=eye)
        passes = [straight(1, x=1.75, y=(-10, 70), kmh=45)]
        return (
            built(LIGHT[kind], site, four),
            passes,
            {"lights": {"main": [(0, "red")]}, "eye": eye},
        )
    tales = ALL[kind]
    teller = next(iter(tales.offences.values()))
    site = road(tales.config, zones=tales.zones, lines=tales.lines, headings=tales.headings, eye=eye)
    drives = list(teller(np.random.default_rng(6)))
    return built(tales.config, site, four), drives, {"eye": eye, "hz": tales.hz}


def built(config: RuleConfig, site: Site, four: bool) -> Rule:
    if four and site.ground is not None:
        survey = site.ground.config
        corners = tuple(survey.points[i] for i in (0, 1, -2, -1))
        site = replace(site, ground=GroundPlane.fit(survey.model_copy(update={"points": corners})))
    return rule_of(config, site)


@pytest.mark.slow
@pytest.mark.parametrize("kind", first(*ALL, *LIGHT))
def test_who_offends_before_a_fit_camera_is_reported(kind: str) -> None:
    rule, drives, how = offence(kind)
    assert [e for e in Story(drives, **how).tell(rule) if e.type.startswith("dome.violation.")]


@pytest.mark.slow
@pytest.mark.parametrize(("unfit", "reason"), UNFIT, ids=[reason for _, reason in UNFIT])
@pytest.mark.parametrize("kind", first(*ALL, *LIGHT))
def test_an_unfit_camera_reports_nobody_and_says_why(kind: str, unfit: dict[str, Any], reason: str) -> None:
    rule, drives, how = offence(kind, "four" in unfit)
    told = how | {name: value for name, value in unfit.items() if name != "four"}
    assert Story(drives, **told).tell(rule) == []
    assert set(rule.refusals()) == {reason}
