"""An ambulance: a white van with a red stripe, a cross and a blue light on its roof. A car to a detector."""

from __future__ import annotations

import numpy as np

from flows.scenes.bodies import car
from flows.scenes.bodies.base import Body
from flows.scenes.mesh import MeshBuilder, Paint

RED = Paint((0.80, 0.08, 0.08))
BLUE = Paint((0.10, 0.25, 0.95), gloss=0.3, glow=14.0)
SIGNAL = Paint((0.95, 0.95, 0.95), gloss=0.2)


def make(rng: np.random.Generator) -> Body:
    """A van of random size in an ambulance's colours."""
    return car.make(rng, "van", Paint((0.96, 0.96, 0.96), gloss=0.25), _marks)


def _marks(builder: MeshBuilder, length: float, width: float, height: float) -> None:
    half = width / 2
    builder.box((0, 0.12 * length, height - 0.01), (width * 0.62, 0.34, 0.14), BLUE)
    for side in (-1, 1):
        builder.box((side * (half + 0.004), -0.06 * length, 0.52 * height), (0.012, length * 0.84, 0.12), RED)
        for size in ((0.012, 0.62, 0.20), (0.012, 0.20, 0.62)):
            middle = 0.78 * height - size[2] / 2
            builder.box((side * half * 0.945, -0.24 * length, middle), size, RED)
    builder.box((0, -length / 2 - 0.01, 0.62 * height), (width * 0.8, 0.02, 0.10), RED)
