"""Trucks: a cab, and behind it a box, a tarpaulin, a tipper or a tank on a chassis."""

from __future__ import annotations

import numpy as np

from flows.scenes.bodies.base import (
    BLACK,
    GLASS,
    HEADLIGHT,
    INDICATOR,
    METAL,
    TAILLIGHT,
    Body,
    Mount,
    Outline,
    rolling,
    wheel,
)
from flows.scenes.mesh import MeshBuilder, Paint, Station

CABS = ((0.92, 0.92, 0.92), (0.72, 0.12, 0.10), (0.14, 0.28, 0.56), (0.92, 0.60, 0.10), (0.30, 0.45, 0.34))
LOADS = ((0.90, 0.90, 0.88), (0.70, 0.72, 0.74), (0.18, 0.34, 0.58), (0.62, 0.24, 0.16), (0.30, 0.42, 0.32))
RADIUS_M = 0.48


def make(rng: np.random.Generator) -> Body:
    """A truck of a random size, cab and load."""
    length, width = float(rng.uniform(6.2, 10.5)), float(rng.uniform(2.2, 2.5))
    cab_length, cab_height = 2.0, float(rng.uniform(2.4, 2.9))
    load_height = float(rng.uniform(max(2.6, cab_height), 3.6))
    cab = Paint(CABS[int(rng.integers(len(CABS)))], gloss=0.3)
    load = Paint(LOADS[int(rng.integers(len(LOADS)))], layer=4, tile_m=1.6)
    kind = str(rng.choice(["box", "tipper", "tank"], p=[0.6, 0.25, 0.15]))
    builder = MeshBuilder()
    _cab(builder, length, width, cab_length, cab_height, cab)
    bed = (-length / 2, length / 2 - cab_length - 0.25)
    top = {"box": load_height, "tipper": 1.95, "tank": 2.75}[kind]
    {"box": _box, "tipper": _tipper, "tank": _tank}[kind](builder, bed, width, top, load)
    _chassis(builder, length, width)
    outline = Outline()
    half = width / 2
    outline.block((-half, half), (length / 2 - cab_length, length / 2), (0.0, cab_height))
    outline.block((-half, half), bed, (0.35, top))
    outline.block((-half, half), (-length / 2 + 0.5, -length / 2 + 2.6), (0.0, 0.9))
    return Body(
        cls="truck",
        mesh=builder.build(),
        outline=outline,
        length_m=length,
        width_m=width,
        height_m=max(top, cab_height),
        plates=(
            Mount((0, length / 2 + 0.075, 0.52), (0.52, 0.112), True),
            Mount((0, -length / 2 - 0.04, 0.72), (0.52, 0.112), False),
        ),
        limbs=rolling(RADIUS_M),
    )


def _cab(
    builder: MeshBuilder, length: float, width: float, cab_length: float, height: float, paint: Paint
) -> None:
    half, front = width / 2, length / 2
    back, belt = front - cab_length, 0.58 * height

    def ring(y: float, low: float, high: float, inset: float = 0.0) -> Station:
        return Station(y, low, high, half * 0.98, half * 0.98 - inset)

    builder.loft(
        [ring(back, 0.5, belt), ring(front - 0.05, 0.42, belt), ring(front, 0.45, belt * 0.97, 0.05)],
        [paint] * 2,
        [paint] * 2,
        (paint, paint),
        BLACK,
    )
    builder.loft(
        [
            ring(back, belt, height * 0.98, 0.10),
            ring(back + 0.7, belt, height, 0.12),
            ring(front - 0.55, belt, height, 0.12),
            ring(front - 0.25, belt, height * 0.97, 0.12),
            ring(front - 0.02, belt, belt + 0.05, 0.08),
        ],
        [paint, GLASS, GLASS, paint],
        [paint, paint, paint, GLASS],
        (paint, GLASS),
    )
    builder.box((0, front + 0.02, 0.36), (width * 0.96, 0.09, 0.34), paint.shaded(0.5))
    builder.box((0, front + 0.01, 0.85), (width * 0.60, 0.03, 0.42), BLACK)
    for side in (-1, 1):
        builder.box((side * half * 0.78, front + 0.05, 0.42), (0.34, 0.06, 0.18), HEADLIGHT)
        builder.box((side * half * 0.94, front + 0.01, 0.78), (0.09, 0.05, 0.16), INDICATOR)
        builder.box((side * (half + 0.14), front - 0.25, belt + 0.05), (0.20, 0.10, 0.55), BLACK)


def _box(builder: MeshBuilder, bed: tuple[float, float], width: float, top: float, paint: Paint) -> None:
    middle, size = (bed[0] + bed[1]) / 2, bed[1] - bed[0]
    builder.box((0, middle, 0.95), (width, size, top - 0.95), paint, paint.shaded(1.05))
    rim = paint.shaded(0.7)
    for z in (0.95, top - 0.08):
        builder.box((0, middle, z), (width + 0.02, size + 0.02, 0.09), rim)
    builder.box((0, bed[0] - 0.005, 1.05), (0.03, 0.02, top - 1.2), BLACK)
    for side in (-1, 1):
        builder.box((side * width * 0.22, bed[0] - 0.008, 1.1), (0.04, 0.02, top - 1.3), METAL)


def _tipper(builder: MeshBuilder, bed: tuple[float, float], width: float, top: float, paint: Paint) -> None:
    middle, size = (bed[0] + bed[1]) / 2, bed[1] - bed[0]
    paint = Paint(paint.rgb, gloss=0.1)
    sand = Paint((0.62, 0.52, 0.36), layer=1, tile_m=1.5)
    builder.frustum(
        (0, middle, 0.95), (width * 0.8, size * 0.94), (0, middle, top), (width, size), paint, sand
    )
    builder.frustum(
        (0, middle, top), (width * 0.9, size * 0.9), (0, middle, top + 0.4), (0.3, size * 0.4), sand, sand
    )
    for y in np.linspace(bed[0] + 0.3, bed[1] - 0.3, 6):
        builder.box((0, float(y), 1.1), (width + 0.01, 0.09, top - 1.12), paint.shaded(0.75))


def _tank(builder: MeshBuilder, bed: tuple[float, float], width: float, top: float, paint: Paint) -> None:
    middle, size = (bed[0] + bed[1]) / 2, bed[1] - bed[0]
    radius = (top - 0.95) / 2
    shiny = Paint((0.80, 0.81, 0.82), gloss=0.35)
    builder.cylinder((0, middle, 0.95 + radius), radius, size, shiny, paint, axis="y", sides=16)
    builder.box((0, middle, top - 0.02), (0.5, 0.6, 0.16), METAL)


def _chassis(builder: MeshBuilder, length: float, width: float) -> None:
    half = width / 2
    builder.box((0, -0.05 * length, 0.62), (width * 0.5, length * 0.86, 0.32), BLACK)
    builder.box((0, -length / 2 + 0.02, 0.55), (width * 0.96, 0.09, 0.14), BLACK)
    axles = [0.5 * length - 1.25, -0.5 * length + 1.5]
    if length > 8.2:
        axles.append(-0.5 * length + 2.7)
    for y in axles:
        for side in (-1, 1):
            wheel(builder, side * (half - 0.17), y, RADIUS_M, 0.32)
    for side in (-1, 1):
        builder.box((side * half * 0.80, -length / 2 - 0.03, 0.62), (0.34, 0.05, 0.14), TAILLIGHT)
        builder.box((side * (half - 0.2), 0.05 * length, 0.5), (0.3, 0.9, 0.42), METAL)
