"""What is remembered of a body by which its front is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from flows.domain.paths import Waypoint
from flows.rules.body_length import STEP_M
from flows.rules.front_sight import Body

START = datetime(2026, 6, 1, tzinfo=UTC)


def test_who_waits_at_the_line_for_hours_is_measured_by_the_way_it_came() -> None:
    """Its path trembles: looks at one place are no more knowledge, and there would be no end of them."""
    body, ahead = Body(), np.array([0.0, 1.0])
    came_m = np.arange(0.0, 10.0, STEP_M + 0.1)
    waits_m = came_m[-1] + np.random.default_rng(1).normal(0.0, 0.3, 5000)
    for k, y_m in enumerate([*came_m, *waits_m, *(came_m + 12.0)]):
        at = START + timedelta(seconds=k / 8)
        body.add(Waypoint(at, np.array([1.75, y_m]), 0.1, np.zeros(2), ahead))
    at_line = [p for p in body.whole if came_m[-1] < p.xy_m[1] < 12.0]
    assert len(at_line) <= 3
    assert len(body.whole) == 2 * len(came_m) + len(at_line)
