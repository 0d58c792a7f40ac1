"""A motorcycle with its rider."""

from __future__ import annotations

import numpy as np

from flows.scenes.bodies.base import (
    BLACK,
    HEADLIGHT,
    METAL,
    RUBBER,
    TAILLIGHT,
    Body,
    Mount,
    Outline,
    rolling,
    wheel,
)
from flows.scenes.bodies.pedestrian import SKINS, TOPS
from flows.scenes.mesh import MeshBuilder, Paint

TANKS = ((0.72, 0.10, 0.10), (0.10, 0.20, 0.50), (0.15, 0.15, 0.16), (0.85, 0.55, 0.10), (0.20, 0.45, 0.25))
RADIUS_M = 0.31


def make(rng: np.random.Generator) -> Body:
    """A motorcycle and rider in random colours."""
    tank = Paint(TANKS[int(rng.integers(len(TANKS)))], gloss=0.35)
    jacket = Paint(TOPS[int(rng.integers(len(TOPS)))])
    trousers = Paint((0.16, 0.17, 0.22))
    helmet = Paint(((0.9, 0.9, 0.9), (0.12, 0.12, 0.12), (0.7, 0.1, 0.1))[int(rng.integers(3))], gloss=0.4)
    builder = MeshBuilder()
    _machine(builder, tank)
    _rider(builder, jacket, trousers, helmet, Paint(SKINS[int(rng.integers(len(SKINS)))]))
    outline = Outline()
    outline.block((-0.20, 0.20), (-1.05, 1.05), (0.0, 0.85))
    outline.block((-0.36, 0.36), (0.15, 0.60), (0.80, 1.10))
    outline.block((-0.26, 0.26), (-0.42, 0.2), (0.80, 1.42), (-0.2, 0.25))
    outline.block((-0.14, 0.14), (-0.03, 0.27), (1.40, 1.72))
    return Body(
        cls="motorcycle",
        mesh=builder.build(),
        outline=outline,
        length_m=2.1,
        width_m=0.75,
        height_m=1.72,
        plates=(Mount((0, -1.08, 0.62), (0.24, 0.17), False),),
        limbs=rolling(RADIUS_M),
    )


def _machine(builder: MeshBuilder, tank: Paint) -> None:
    for y in (-0.70, 0.72):
        wheel(builder, 0.001, y, RADIUS_M, 0.14)
        builder.box((0, y, 2 * RADIUS_M - 0.02), (0.16, 0.42, 0.05), tank.shaded(0.8))
    builder.box((0, 0.0, 0.28), (0.30, 0.62, 0.36), METAL)
    builder.frustum((0, 0.18, 0.66), (0.26, 0.62), (0, 0.16, 0.95), (0.20, 0.40), tank, tank)
    builder.frustum((0, -0.48, 0.70), (0.22, 0.75), (0, -0.50, 0.84), (0.26, 0.80), BLACK, BLACK)
    builder.frustum((0, 0.72, 0.30), (0.10, 0.09), (0, 0.42, 1.0), (0.14, 0.10), METAL, METAL)
    builder.box((0, 0.40, 0.98), (0.70, 0.06, 0.05), BLACK)
    builder.box((0, 0.55, 0.84), (0.22, 0.14, 0.20), tank)
    builder.cylinder((0, 0.63, 0.93), 0.09, 0.05, HEADLIGHT, axis="y")
    builder.box((0, -0.95, 0.78), (0.16, 0.06, 0.08), TAILLIGHT)
    builder.box((0, -1.02, 0.50), (0.26, 0.05, 0.28), RUBBER)
    builder.cylinder((0.20, -0.5, 0.36), 0.06, 0.8, METAL, axis="y")


def _rider(builder: MeshBuilder, jacket: Paint, trousers: Paint, helmet: Paint, skin: Paint) -> None:
    builder.frustum((0, -0.24, 0.82), (0.34, 0.26), (0, 0.02, 1.40), (0.46, 0.26), jacket, jacket)
    for side in (-1, 1):
        builder.frustum(
            (side * 0.33, 0.40, 1.0),
            (0.09, 0.12),
            (side * 0.22, 0.02, 1.36),
            (0.14, 0.16),
            jacket.shaded(0.9),
            jacket,
        )
        builder.box((side * 0.20, -0.02, 0.72), (0.15, 0.50, 0.16), trousers)
        builder.frustum(
            (side * 0.22, 0.02, 0.24),
            (0.12, 0.22),
            (side * 0.21, 0.18, 0.78),
            (0.13, 0.15),
            trousers,
            trousers,
        )
    builder.blob((0, 0.12, 1.56), (0.135, 0.16, 0.165), helmet)
    builder.box((0, 0.25, 1.50), (0.18, 0.04, 0.10), BLACK)
    builder.box((0, 0.10, 1.36), (0.12, 0.12, 0.08), skin)
