"""One rule a file, and what they share: ``observe(tracks, moment) -> events``; ``forget(track) -> events``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
from flows.jurisdiction import JurisdictionProfile, RuleLaw
from flows.road.ground import GroundPlane
from flows.road.roadway import Roadway
from flows.rules import (
    abandoned_object,
    bus_lane,
    failure_to_yield,
    prohibited_stopping,
    prohibited_turn,
    red_light,
    seat_belt,
    section_speed,
    solid_line,
    speeding,
    stop_line,
    wrong_way,
)
from flows.rules.abandoned_object import AbandonedObjects
from flows.rules.base import Rule, Site
from flows.rules.bus_lane import BusLane
from flows.rules.failure_to_yield import FailureToYield
from flows.rules.pins import PinBook
from flows.rules.prohibited_stopping import ProhibitedStopping
from flows.rules.prohibited_turn import ProhibitedTurn
from flows.rules.red_light import RedLight
from flows.rules.seat_belt import SeatBelt
from flows.rules.section_speed import SectionSpeed
from flows.rules.solid_line import SolidLine
from flows.rules.speeding import Speeding
from flows.rules.stop_line import StopLine
from flows.rules.wrong_way import WrongWay

Builder = Callable[[Any, Site], Rule]

BUILDERS: dict[type[RuleConfig], Builder] = {
    SpeedingRule: Speeding,
    SectionSpeedRule: SectionSpeed,
    FailureToYieldRule: FailureToYield,
    WrongWayRule: WrongWay,
    SolidLineRule: SolidLine,
    ProhibitedTurnRule: ProhibitedTurn,
    BusLaneRule: BusLane,
    ProhibitedStoppingRule: ProhibitedStopping,
    RedLightRule: RedLight,
    StopLineRule: StopLine,
    AbandonedObjectRule: AbandonedObjects,
    SeatBeltRule: SeatBelt,
}
"""Which class carries out which member of the site file's union of rules."""

DESCRIPTIONS: dict[type[RuleConfig], Callable[[Any, JurisdictionProfile], str]] = {
    SpeedingRule: speeding.describe,
    SectionSpeedRule: section_speed.describe,
    FailureToYieldRule: failure_to_yield.describe,
    WrongWayRule: wrong_way.describe,
    SolidLineRule: solid_line.describe,
    ProhibitedTurnRule: prohibited_turn.describe,
    BusLaneRule: bus_lane.describe,
    ProhibitedStoppingRule: prohibited_stopping.describe,
    RedLightRule: red_light.describe,
    StopLineRule: stop_line.describe,
    AbandonedObjectRule: abandoned_object.describe,
    SeatBeltRule: seat_belt.describe,
}
"""One line on what a rule does with these parameters, for ``dome check`` and the README."""


def describe(config: RuleConfig, profile: JurisdictionProfile) -> str:
    """One line on what a rule of the site file does with its parameters."""
    kind = kind_of(type(config))
    if type(config) not in DESCRIPTIONS:
        return f"{kind}: no rule of this version carries it out"
    return DESCRIPTIONS[type(config)](config, profile) + _exempting(config, profile.law(kind))


def _exempting(config: RuleConfig, law: RuleLaw) -> str:
    """Which lists of exempt plates are asked before a violation of the rule stands; see
    :func:`flows.rules.reporting.standing_of`.
    """
    if not config.exemptions and law.exemptions_max_age_h is None:
        return ""
    named = ", ".join(config.exemptions) or "all that there are"
    age = (
        "of any age"
        if law.exemptions_max_age_h is None
        else f"issued at most {law.exemptions_max_age_h:g} h before"
    )
    return f"; exempt plates by lists: {named}, {age}"


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
    return [BUILDERS[type(config)](config, site) for config in camera.rules]
