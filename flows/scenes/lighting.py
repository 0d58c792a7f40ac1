"""Light that changes while a camera looks: lamps and exposure over the whole picture, daylight on the floor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flows.scenes.mesh import Mesh


@dataclass(frozen=True, eq=False)
class Lighting:
    """How the light of a scene changes; straight lines from point to point.

    Attributes:
        floor: What daylight falls on: cells of the floor whose glow says how much.
        gains: ``(seconds, factor)`` on the whole picture.
        daylights: ``(seconds, strength)`` of the daylight.
    """

    floor: Mesh
    gains: Sequence[tuple[float, float]] = ((0.0, 1.0),)
    daylights: Sequence[tuple[float, float]] = ((0.0, 0.0),)

    def gain(self, t_s: float) -> float:
        """The factor on the whole picture."""
        return _at(self.gains, t_s)

    def daylight(self, t_s: float) -> float:
        """How strong the daylight is, 0 without."""
        return _at(self.daylights, t_s)


def _at(points: Sequence[tuple[float, float]], t_s: float) -> float:
    times, values = zip(*points, strict=True)
    return float(np.interp(t_s, times, values))
