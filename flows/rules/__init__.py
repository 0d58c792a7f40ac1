"""One rule a file: ``observe(tracks, moment) -> events``; ``forget(track) -> events``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flows.domain.site import CameraConfig, SpeedingRule
from flows.ground import GroundPlane
from flows.jurisdiction import JurisdictionProfile
from flows.rules.base import Rule
from flows.rules.speeding import Speeding

Builder = Callable[[Any, CameraConfig, JurisdictionProfile, GroundPlane | None], Rule]

BUILDERS: dict[type, Builder] = {SpeedingRule: Speeding}
"""Which class carries out which member of the site file's union of rules."""


def build_rules(camera: CameraConfig, profile: JurisdictionProfile, ground: GroundPlane | None) -> list[Rule]:
    """The rules of one camera, in the order of the site file."""
    return [BUILDERS[type(config)](config, camera, profile, ground) for config in camera.rules]
