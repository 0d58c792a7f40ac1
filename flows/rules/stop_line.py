"""Stop line: the front crosses the stop line under red.

Where the camera has a red-light rule for the same light, this rule is for those who stop beyond the line: who goes on
into the junction under red has run the light, and one offence has one event. See :mod:`flows.rules.line_crossing`.
"""

from __future__ import annotations

from typing import Final

from flows.domain.ruleset import StopLineRule
from flows.jurisdiction import JurisdictionProfile
from flows.rules.base import Site
from flows.rules.following import Finding
from flows.rules.line_crossing import Crossing, CrossingConfig, LineCrossingRule, Outcome, red_light_at
from flows.rules.reporting import doubt

VERSION: Final = "12"
"""Of the rule's definition; raise it whenever the same footage could be judged otherwise."""


class StopLine(LineCrossingRule):
    """The stop-line rule of one camera and one stop line.

    Args:
        config: The rule in the site file.
        site: Where it holds.
        thresholds: Thresholds of the rule; the defaults if None.
    """

    kind = "stop_line"

    def __init__(self, config: StopLineRule, site: Site, thresholds: CrossingConfig | None = None) -> None:
        super().__init__(config, site, VERSION, red_light_at(site, config), thresholds)

    def _found(self, state: Crossing, outcome: Outcome) -> Finding | str | None:
        before, past = state.came, state.past
        if outcome != "stopped" or before is None or past is None:
            return None
        moments = {"before": before.point, "past": past.point}
        last = state.way[-1].point
        return self._finding(state, moments if last is past.point else {**moments, "last": last})


def describe(config: StopLineRule, profile: JurisdictionProfile) -> str:
    """One line on what the rule does there, for ``dome check`` and the documentation."""
    law = profile.law("stop_line")
    behind = f" towards zone {config.junction}" if config.junction else ""
    return (
        f"stop_line v{VERSION}: {', '.join(config.classes)} whose front surely crosses {config.stop_line}{behind} more "
        f"than {config.grace_s:g} s into the red of {config.signal}, unless they run it and a red_light rule is there; "
        f"{law.article}{doubt(profile)}"
    )
