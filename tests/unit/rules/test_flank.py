"""How far on a long vehicle's front is at most, by the flank that is to be seen of it."""

from __future__ import annotations

import driving
import numpy as np
import pytest
from roads import outline

from flows.domain.paths import Waypoint
from flows.road.ground import GroundPlane
from flows.rules.flank import FlankSight

PICTURE_PX = driving.WIDTH_PX, driving.HEIGHT_PX


def driving_away(pose: str, length_m: float, x: float, front_y: float) -> Waypoint:
    """A truck whose front is so far along the road; its path takes it for 8 m long."""
    eye = driving.camera(pose)
    ahead, left, up = outline("truck", length_m, 2.4).T
    px = eye.project(np.column_stack([x - left, front_y - length_m / 2 + ahead, up]))
    x0, y0, x1, y1 = (float(v) for v in np.concatenate([px.min(0), px.max(0)]))
    north, seen_m = np.array([0.0, 1.0]), np.array([x, front_y - length_m + 4.0])
    return Waypoint(driving.START, seen_m, 0.2, 6 * north, north, (x0, y0, x1, y1))


def reach_m(pose: str, point: Waypoint) -> tuple[float, float] | None:
    """How far along the road its front is at most, and the standard error."""
    ground = GroundPlane.fit(driving.survey(driving.camera(pose)))
    found = FlankSight(ground).reach(point, "truck", PICTURE_PX)
    return None if found is None else (float(found[0][0, 1]), float(np.sqrt(found[1][0, 1, 1])))


@pytest.mark.parametrize("pose", ["roadside", "high"])
@pytest.mark.parametrize("length_m", [6.0, 10.0, 18.0])
@pytest.mark.parametrize("front_y", [22.0, 26.0, 30.0])
def test_no_front_is_farther_on_than_its_flank_is_to_be_seen(
    pose: str, length_m: float, front_y: float
) -> None:
    found = reach_m(pose, driving_away(pose, length_m, 1.75, front_y))
    assert found is not None
    at_m, sd_m = found
    assert front_y - 1.96 * sd_m < at_m < front_y + 2.0
    assert sd_m < 3.0


def test_of_who_drives_straight_ahead_no_flank_is_to_be_seen() -> None:
    assert reach_m("gantry", driving_away("gantry", 10.0, 0.4, 26.0)) is None
