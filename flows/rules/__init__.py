"""One rule a file, and what they share: ``observe(tracks, moment) -> events``; ``forget(track) -> events``."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Final

from flows.domain.ruleset import (
    AbandonedObjectRule,
    BusLaneRule,
    FailureToYieldRule,
    ProhibitedStoppingRule,
    ProhibitedTurnRule,
    RedLightRule,
    RuleConfig,
    SeatBeltRule,
    SectionSpeedRule,
    SolidLineRule,
    SpeedingRule,
    StopLineRule,
    WrongWayRule,
    kind_of,
)
from flows.domain.site import CameraConfig
from flows.jurisdiction import JurisdictionProfile
from flows.road.ground import GroundPlane
from flows.road.roadway import Roadway
from flows.rules.base import Rule, Site
from flows.rules.pins import PinBook
from flows.rules.reporting import standing_of

BUILDERS: Final[dict[type[RuleConfig], str]] = {
    SpeedingRule: "Speeding",
    SectionSpeedRule: "SectionSpeed",
    FailureToYieldRule: "FailureToYield",
    WrongWayRule: "WrongWay",
    SolidLineRule: "SolidLine",
    ProhibitedTurnRule: "ProhibitedTurn",
    BusLaneRule: "BusLane",
    ProhibitedStoppingRule: "ProhibitedStopping",
    RedLightRule: "RedLight",
    StopLineRule: "StopLine",
    AbandonedObjectRule: "AbandonedObjects",
    SeatBeltRule: "SeatBelt",
}
"""Which class carries out which member of the site file's union of rules; it stands in the module of that kind.

By name, for a camera need not carry the rules that it has not: together they are 2 MB.
"""


def describe(config: RuleConfig, profile: JurisdictionProfile) -> str:
    """One line on what a rule of the site file does with its parameters."""
    kind = kind_of(type(config))
    if type(config) not in BUILDERS:
        return f"{kind}: no rule of this version carries it out"
    said: str = _module(config).describe(config, profile)
    return said + _exempting(config, profile)


def _exempting(config: RuleConfig, profile: JurisdictionProfile) -> str:
    """Which lists of exempt plates are asked before a violation of the rule stands."""
    asked = standing_of(config, profile)
    if not asked.exemptions:
        return ""
    every = "those that are loaded, and then a person decides"
    named = ", ".join(every if name == "*" else name for name in asked.exemptions)
    return f"; exempt plates by lists: {named}, issued at most {asked.exemptions_max_age_h:g} h before"


def build_rules(
    camera: CameraConfig,
    profile: JurisdictionProfile,
    ground: GroundPlane | None,
    pins: PinBook | None = None,
) -> list[Rule]:
    """The rules of one camera, in the order of the site file.

    Args:
        camera: The camera.
        profile: The law of the place.
        ground: The surveyed plane; None where there is no survey.
        pins: Takes what the rules want shown later; None where nobody keeps it.

    Raises:
        CalibrationError: If a zone or line reaches above the survey's horizon.
    """
    site = Site(camera, profile, ground, Roadway.of(camera, ground), pins or PinBook())
    return [rule_of(config, site) for config in camera.rules]


def rule_of(config: RuleConfig, site: Site) -> Rule:
    """What carries out one rule of the site file."""
    rule: Rule = getattr(_module(config), BUILDERS[type(config)])(config, site)
    return rule


def _module(config: RuleConfig) -> ModuleType:
    return import_module(f"{__name__}.{kind_of(type(config))}")
