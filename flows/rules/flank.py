"""The side of a vehicle's box that is turned to the camera, its flank: what tells how far on its front is at most.

Of whoever drives away aside of a camera one flank is to be seen. Its front corner is in the box, so nothing of the
vehicle is farther on than where the line of sight along the box's edge comes to the flank: its length does not matter.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.domain.paths import Waypoint
from flows.road.motion import BODIES, UNKNOWN_BODY
from flows.rules.certainty import Z95
from flows.rules.crown import LineOfSight

Array = NDArray[np.float64]

EDGE_PX: Final = 4.0
"""Standard error of a side edge in a picture 1280 px wide, in one look."""
CORNER_M: Final = 1.0
"""The corner's lower part reaches farthest aside in a picture; taken for higher up it is rather farther on."""
FARTHEST_M: Final = 50.0
"""Beyond that the flank and the line of sight are all but parallel."""
HEADING_RAD: Final = 0.05
"""Standard error of a heading, by the way of a foot: it lags where a vehicle sets off aslant."""


class FlankSight(LineOfSight):
    """Flanks of vehicles in the pictures of one surveyed camera."""

    def reach(self, point: Waypoint, cls: str, picture_px: tuple[int, int]) -> tuple[Array, Array] | None:
        """Where the line of sight along the box's edge comes to the flank: no front is farther on.

        Of 2266 looks at 92 long vehicles 9 had it nearer than the front by more than 1.96 standard errors, and by two
        looks in a row nobody who was over a stop line was before it.

        Args:
            point: The vehicle; its heading and its box are known.
            cls: What it is taken for.
            picture_px: Width and height of the full-resolution picture.

        Returns:
            ``(1, 2)`` m on the ground and its covariance ``(1, 2, 2)`` m²; None where no flank is surely to be seen.
        """
        assert point.xyxy is not None
        body, camera = BODIES.get(cls, UNKNOWN_BODY), self._camera(picture_px)
        left = np.array([-point.heading[1], point.heading[0]])
        aside_m = float((point.xy_m - self._stands_m) @ left)
        half_m, sd_m = body.width[0] / 2, math.hypot(point.sd_along_m(left), body.width[1] / 2)
        if abs(aside_m) < half_m + Z95 * sd_m:
            return None
        edge_px = point.xyxy[2] if aside_m > 0.0 else point.xyxy[0]
        sight = camera[0] - edge_px * camera[2]  # its product with (x, y, z, 1) is 0 on the line of sight
        flank = point.xy_m - math.copysign(half_m, aside_m) * left
        ahead = float(sight[:2] @ point.heading)
        gone_m = -float(sight @ [*flank, CORNER_M, 1.0]) / ahead if ahead else math.inf
        if not -body.length[0] / 2 < gone_m < FARTHEST_M:
            return None
        place = flank + gone_m * point.heading
        away_m = float(camera[2] @ [*place, CORNER_M, 1.0])
        across_m = math.hypot(sd_m, HEADING_RAD * gone_m) * float(sight[:2] @ left) / ahead
        along_m = math.hypot(EDGE_PX * picture_px[0] / 1280 * away_m / ahead, across_m)
        return place[None], (np.outer(point.heading, point.heading) * along_m**2)[None]
