"""City buses: a long box of windows, doors on the right, a route board in front."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from flows.scenes.bodies.base import (
    BLACK,
    GLASS,
    HEADLIGHT,
    INDICATOR,
    TAILLIGHT,
    Body,
    Mount,
    Outline,
    arch,
    rolling,
    wheel,
)
from flows.scenes.mesh import MeshBuilder, Paint, Station

LIVERIES = (
    (0.16, 0.52, 0.28),
    (0.12, 0.36, 0.66),
    (0.90, 0.90, 0.88),
    (0.80, 0.62, 0.14),
    (0.70, 0.16, 0.14),
)
RADIUS_M = 0.48


def make(rng: np.random.Generator) -> Body:
    """A bus of random length and livery."""
    length, width = float(rng.uniform(9.0, 12.2)), 2.52
    height = float(rng.uniform(2.95, 3.25))
    paint = Paint(LIVERIES[int(rng.integers(len(LIVERIES)))], gloss=0.25)
    builder = MeshBuilder()
    _shell(builder, length, width, height, paint)
    _ends(builder, length, width, height)
    for y in (-0.27 * length, 0.30 * length):
        for side in (-1, 1):
            wheel(builder, side * (width / 2 - 0.14), y, RADIUS_M, 0.28)
            arch(builder, side * (width / 2 + 0.006), y, RADIUS_M + 0.09)
    outline = Outline()
    outline.block((-width / 2, width / 2), (-length / 2, length / 2), (0.0, height))
    return Body(
        cls="bus",
        mesh=builder.build(),
        outline=outline,
        length_m=length,
        width_m=width,
        height_m=height,
        plates=(
            Mount((0, length / 2 + 0.02, 0.55), (0.52, 0.112), True),
            Mount((0, -length / 2 - 0.02, 0.75), (0.52, 0.112), False),
        ),
        limbs=rolling(RADIUS_M),
    )


def _shell(builder: MeshBuilder, length: float, width: float, height: float, paint: Paint) -> None:
    half, floor, belt, head = width / 2, 0.32, 1.15, height - 0.42
    front, back = length / 2, -length / 2

    def ring(y: float, low: float, high: float, inset: float = 0.0) -> Station:
        return Station(y, low, high, half - inset, half - inset)

    builder.loft([ring(back, floor, belt), ring(front, floor, belt)], [paint], [paint], (paint, paint), BLACK)
    count = max(6, round(length / 1.45))
    edges = np.linspace(back + 0.05, front - 0.05, count + 1)
    stations, sides = [], []
    for a, b in pairwise(edges):
        stations += [ring(a, belt, head), ring(a + 0.12, belt, head)]
        sides += [paint, GLASS]
        if b == edges[-1]:
            stations.append(ring(b, belt, head))
    builder.loft(stations, sides, [paint] * len(sides), (GLASS, GLASS))
    # Dark liveries have pale roofs against the sun.
    roof = paint.shaded(1.08) if sum(paint.rgb) > 1.5 else Paint((0.85, 0.85, 0.84))
    builder.loft(
        [
            Station(back, head, height, half, half * 0.93),
            Station(front, head, height - 0.05, half, half * 0.93),
        ],
        [paint],
        [roof],
        (paint, paint),
    )
    builder.box((0, -0.18 * length, height - 0.02), (1.7, 2.6, 0.22), Paint((0.80, 0.80, 0.80)))
    for y in (0.40 * length, 0.02 * length, -0.38 * length):
        builder.box((half + 0.004, y, floor + 0.05), (0.012, 1.15, head - floor - 0.15), GLASS)
        builder.box((half + 0.012, y, floor + 0.05), (0.012, 0.06, head - floor - 0.15), BLACK)


def _ends(builder: MeshBuilder, length: float, width: float, height: float) -> None:
    front, back = length / 2, -length / 2
    builder.box((0, front + 0.002, 1.02), (width * 0.92, 0.02, height - 1.55), GLASS)
    board = Paint((0.95, 0.62, 0.12), glow=5.0)
    builder.box((0, front + 0.015, height - 0.42), (width * 0.66, 0.02, 0.24), BLACK)
    builder.box((0.1, front + 0.028, height - 0.37), (width * 0.42, 0.01, 0.14), board)
    builder.box((0, back - 0.002, 1.35), (width * 0.82, 0.02, height - 2.0), GLASS)
    builder.box((0, front + 0.01, 0.30), (width * 0.98, 0.06, 0.28), BLACK)
    builder.box((0, back - 0.01, 0.32), (width * 0.98, 0.06, 0.24), BLACK)
    for side in (-1, 1):
        builder.box((side * width * 0.38, front + 0.01, 0.66), (0.40, 0.05, 0.20), HEADLIGHT)
        builder.box((side * width * 0.47, front + 0.01, 0.66), (0.10, 0.05, 0.16), INDICATOR)
        builder.box((side * width * 0.43, back - 0.01, 0.75), (0.20, 0.05, 0.55), TAILLIGHT)
        builder.box((side * (width / 2 + 0.16), front + 0.05, 2.0), (0.22, 0.10, 0.42), BLACK)
