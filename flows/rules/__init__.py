"""One rule a file: ``observe(tracks, moment) -> events``; ``forget(track) -> events``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flows.domain.ruleset import FailureToYieldRule, RuleConfig, SectionSpeedRule, SpeedingRule
from flows.domain.site import CameraConfig
from flows.ground import GroundPlane
from flows.jurisdiction import JurisdictionProfile
from flows.roadway import Roadway
from flows.rules import failure_to_yield, section_speed, speeding
from flows.rules.base import Rule, Site
from flows.rules.failure_to_yield import FailureToYield
from flows.rules.section_speed import SectionSpeed
from flows.rules.speeding import Speeding

Builder = Callable[[Any, Site], Rule]

BUILDERS: dict[type[RuleConfig], Builder] = {
    SpeedingRule: Speeding,
    SectionSpeedRule: SectionSpeed,
    FailureToYieldRule: FailureToYield,
}
"""Which class carries out which member of the site file's union of rules."""

DESCRIPTIONS: dict[type[RuleConfig], Callable[[Any, JurisdictionProfile], str]] = {
    SpeedingRule: speeding.describe,
    SectionSpeedRule: section_speed.describe,
    FailureToYieldRule: failure_to_yield.describe,
}
"""One line on what a rule does with these parameters, for ``dome check`` and the README."""


def build_rules(camera: CameraConfig, profile: JurisdictionProfile, ground: GroundPlane | None) -> list[Rule]:
    """The rules of one camera, in the order of the site file.

    Raises:
        CalibrationError: If a zone or line reaches above the survey's horizon.
    """
    site = Site(camera, profile, ground, Roadway.of(camera, ground))
    return [BUILDERS[type(config)](config, site) for config in camera.rules]
