"""The upper edge of a box, where the lower one is cut off."""

from __future__ import annotations

from dataclasses import replace

import driving
import numpy as np
import pytest
from roads import outline

from flows.domain.paths import Waypoint
from flows.road.ground import GroundPlane
from flows.rules.crown import CrownSight

PICTURE_PX = driving.WIDTH_PX, driving.HEIGHT_PX


def seen(pose: str, y: float) -> Waypoint:
    """A car at x = 1.75 that drives away, as all of it is seen; its middle is known."""
    rows = outline("car", 4.4, 1.8)
    ahead, left, up = rows.T
    px = driving.camera(pose).project(np.column_stack([1.75 - left, y + ahead, up]))
    x0, y0, x1, y1 = (float(v) for v in (*px.min(0), *px.max(0)))
    return Waypoint(
        driving.START,
        np.array([1.75, y]),
        0.3,
        np.zeros(2),
        np.array([0.0, 1.0]),
        (x0, y0, x1, y1),
        np.eye(2) * 0.09,
    )


@pytest.mark.parametrize("pose", list(driving.POSES))
def test_a_car_whose_foot_is_cut_off_is_where_its_upper_edge_is(pose: str) -> None:
    sight = CrownSight(GroundPlane.fit(driving.survey(driving.camera(pose))))
    heights_m = [sight.height_m(seen(pose, y), PICTURE_PX) for y in (21.0, 22.0, 23.0)]
    assert heights_m == pytest.approx([1.5] * 3, abs=0.35)
    true = seen(pose, 28.0)
    foot = replace(true, xy_m=true.xy_m + np.array([0.0, 3.0]))  # so far on it seems to be
    ahead_m = sight.ahead_m(foot, heights_m[-1], PICTURE_PX)
    told = sight.place(foot, ahead_m, heights_m[-1], PICTURE_PX)
    assert told.xy_m == pytest.approx(true.xy_m, abs=0.6)
    assert abs(told.xy_m[1] - 28.0) < 2 * told.sd_along_m(foot.heading)
    assert told.sd_along_m(foot.heading) > foot.sd_along_m(foot.heading)
    assert told.sd_along_m(np.array([1.0, 0.0])) == pytest.approx(0.3), "aside it knows as much as before"
