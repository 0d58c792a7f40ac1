"""What people carry and put down: suitcases, rucksacks, bags and boxes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from flows.scenes.bodies.base import BLACK, METAL, Body, Outline
from flows.scenes.mesh import MeshBuilder, Paint

COLOURS = (
    (0.13, 0.13, 0.15), (0.20, 0.24, 0.38), (0.52, 0.12, 0.14), (0.34, 0.36, 0.38), (0.16, 0.34, 0.30),
    (0.66, 0.52, 0.20), (0.40, 0.27, 0.18), (0.30, 0.16, 0.36), (0.80, 0.44, 0.16), (0.12, 0.38, 0.56),
)  # fmt: skip
KINDS = ("suitcase", "backpack", "handbag", "box")
"""The first three are COCO's names; a box is nothing a detector knows."""


def make(kind: str, rng: np.random.Generator) -> Body:
    """One of :data:`KINDS`, its size and colour drawn from ``rng``."""
    paint = Paint(COLOURS[int(rng.integers(len(COLOURS)))], gloss=0.08)
    return MAKERS[kind](paint, rng)


def suitcase(paint: Paint, rng: np.random.Generator) -> Body:
    """A trolley case with its handle drawn out."""
    scale = float(rng.uniform(0.85, 1.15))
    width, depth, height = 0.44 * scale, 0.26 * scale, 0.62 * scale
    builder = MeshBuilder()
    builder.frustum(
        (0, 0, 0.05), (width, depth), (0, 0, height), (width * 0.96, depth * 0.94), paint, paint.shaded(1.1)
    )
    for x in (-width * 0.28, 0.0, width * 0.28):
        builder.box((x, depth / 2, 0.08), (0.02, 0.012, height - 0.12), paint.shaded(0.75))
    for x in (-width * 0.4, width * 0.4):
        builder.box((x, 0, 0.0), (0.05, depth * 0.8, 0.05), BLACK)
        builder.box((x * 0.5, -depth * 0.4, height), (0.018, 0.018, 0.34), METAL)
    builder.box((0, -depth * 0.4, height + 0.34), (width * 0.44, 0.03, 0.03), BLACK)
    return _body("suitcase", builder, width, depth, height + 0.37, height)


def backpack(paint: Paint, rng: np.random.Generator) -> Body:
    """A rucksack that stands upright."""
    scale = float(rng.uniform(0.9, 1.25))
    width, depth, height = 0.34 * scale, 0.22 * scale, 0.46 * scale
    builder = MeshBuilder()
    builder.frustum(
        (0, 0, 0), (width, depth), (0, 0, height), (width * 0.72, depth * 0.6), paint, paint.shaded(0.85)
    )
    builder.frustum(
        (0, depth * 0.55, 0.03), (width * 0.7, depth * 0.3),
        (0, depth * 0.5, height * 0.45), (width * 0.6, depth * 0.2), paint.shaded(1.25), paint,
    )  # fmt: skip
    return _body("backpack", builder, width, depth * 1.5, height, height)


def handbag(paint: Paint, rng: np.random.Generator) -> Body:
    """A hold-all with two handles."""
    scale = float(rng.uniform(0.9, 1.3))
    width, depth, height = 0.48 * scale, 0.24 * scale, 0.27 * scale
    builder = MeshBuilder()
    builder.frustum(
        (0, 0, 0), (width, depth), (0, 0, height), (width * 0.9, depth * 0.5), paint, paint.shaded(0.8)
    )
    for y in (-depth * 0.2, depth * 0.2):
        builder.box((0, y, height), (width * 0.4, 0.025, 0.10), paint.shaded(0.6))
    return _body("handbag", builder, width, depth, height + 0.1, height)


def box(paint: Paint, rng: np.random.Generator) -> Body:
    """A cardboard box with tape across."""
    card = Paint((0.62, 0.47, 0.30))
    width, depth, height = (float(rng.uniform(0.32, 0.5)) for _ in range(3))
    builder = MeshBuilder()
    builder.box((0, 0, 0), (width, depth, height), card, card.shaded(1.1))
    builder.box((0, 0, height), (width * 0.12, depth, 0.004), Paint((0.80, 0.70, 0.48)))
    return _body("box", builder, width, depth, height, height)


def _body(cls: str, builder: MeshBuilder, width: float, depth: float, height: float, solid: float) -> Body:
    outline = Outline()
    outline.block((-width / 2, width / 2), (-depth / 2, depth / 2), (0.0, solid))
    return Body(cls, builder.build(), outline, length_m=depth, width_m=width, height_m=height)


MAKERS: dict[str, Callable[[Paint, np.random.Generator], Body]] = {
    "suitcase": suitcase,
    "backpack": backpack,
    "handbag": handbag,
    "box": box,
}
