"""Red light: the front crosses the stop line under red, and the vehicle goes on into the junction under red.

The front must surely be before the line while the light has surely been red for longer than the grace, then surely
beyond it, and the vehicle's middle surely inside the junction or, where others hid it there, beyond it straight ahead,
all under the same red. Where a green arrow was lit, or may have been, only who did not leave where it points has run
the light. See :mod:`flows.rules.line_crossing`.
"""

from __future__ import annotations

from typing import Final

from flows.domain.ruleset import RedLightRule
from flows.jurisdiction import JurisdictionProfile
from flows.rules.base import Site
from flows.rules.certainty import inside
from flows.rules.following import Finding
from flows.rules.line_crossing import Crossing, CrossingConfig, LineCrossingRule, Outcome
from flows.rules.reporting import doubt

VERSION: Final = "12"
"""Of the rule's definition; raise it whenever the same footage could be judged otherwise."""


class RedLight(LineCrossingRule):
    """The red-light rule of one camera and one stop line.

    Args:
        config: The rule in the site file.
        site: Where it holds.
        thresholds: Thresholds of the rule; the defaults if None.
    """

    kind = "red_light"

    def __init__(self, config: RedLightRule, site: Site, thresholds: CrossingConfig | None = None) -> None:
        super().__init__(config, site, VERSION, config, thresholds)

    def _found(self, state: Crossing, outcome: Outcome) -> Finding | str | None:
        before, past, there = state.came, state.past, state.inside
        if outcome != "ran" or before is None or past is None or there is None or self._junction is None:
            return None
        where = "in_junction" if inside(self._junction, there.point) else "beyond_junction"
        return self._finding(state, {"before": before.point, "past": past.point, where: there.point})


def describe(config: RedLightRule, profile: JurisdictionProfile) -> str:
    """One line on what the rule does there, for ``dome check`` and the documentation."""
    law = profile.law("red_light")
    arrow = ""
    if config.arrow:
        arrow = f"; those who leave through {config.arrow_exit} may while arrow {config.arrow} is green"
    return (
        f"red_light v{VERSION}: {', '.join(config.classes)} whose front surely crosses {config.stop_line} more than "
        f"{config.grace_s:g} s into the red of {config.signal} and that go on into zone {config.junction} under it"
        f"{arrow}; {law.article}{doubt(profile)}"
    )
