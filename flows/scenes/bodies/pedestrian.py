"""People on foot: legs and arms swing as they walk."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from flows.scenes.bodies.base import LEFT_ARM, LEFT_LEG, RIGHT_ARM, RIGHT_LEG, Body, Outline
from flows.scenes.mesh import MeshBuilder, Paint

TOPS = (
    (0.72, 0.16, 0.16), (0.16, 0.30, 0.56), (0.14, 0.14, 0.16), (0.86, 0.86, 0.84), (0.30, 0.44, 0.28),
    (0.82, 0.62, 0.20), (0.46, 0.30, 0.50), (0.55, 0.57, 0.60), (0.80, 0.42, 0.30), (0.42, 0.30, 0.20),
)  # fmt: skip
TROUSERS = (
    (0.14, 0.17, 0.28),
    (0.12, 0.12, 0.13),
    (0.36, 0.34, 0.32),
    (0.60, 0.54, 0.44),
    (0.24, 0.30, 0.44),
)
SKINS = ((0.86, 0.68, 0.55), (0.78, 0.58, 0.45), (0.68, 0.48, 0.36), (0.90, 0.74, 0.62))
HAIR = ((0.10, 0.08, 0.07), (0.22, 0.14, 0.09), (0.42, 0.30, 0.18), (0.55, 0.54, 0.52))

STRIDE = 0.82
"""Length of a full stride (two steps) as a share of body height: about 1.4 m for an adult."""
SWING_RAD = 0.46
"""Largest angle of a leg at a walking pace."""
PACE_MPS = 1.2
"""The pace from which the legs swing fully."""


def make(rng: np.random.Generator) -> Body:
    """A person of random height, build and clothes."""
    height = float(np.clip(rng.normal(1.70, 0.10), 1.25, 1.95))
    build = float(rng.uniform(0.92, 1.15))
    top = Paint(TOPS[int(rng.integers(len(TOPS)))])
    legs = Paint(TROUSERS[int(rng.integers(len(TROUSERS)))])
    skin, hair = Paint(SKINS[int(rng.integers(len(SKINS)))]), Paint(HAIR[int(rng.integers(len(HAIR)))])
    builder = MeshBuilder()
    hip, shoulder = 0.50 * height, 0.82 * height
    wide, deep = 0.235 * height * build, 0.14 * height * build
    _legs(builder, hip, wide, deep, legs)
    builder.frustum(
        (0, 0, hip - 0.03), (wide * 0.86, deep), (0, 0, shoulder), (wide * 1.04, deep * 1.05), top, top
    )
    if rng.random() < 0.3:
        coat = top.shaded(0.92)
        builder.frustum(
            (0, 0, hip - 0.24),
            (wide * 1.05, deep * 1.25),
            (0, 0, hip + 0.05),
            (wide * 0.94, deep),
            coat,
            coat,
        )
    _arms(builder, shoulder, hip, wide, deep, top, skin)
    _head(builder, height, shoulder, skin, hair)
    if rng.random() < 0.3:
        pack = Paint(TOPS[int(rng.integers(len(TOPS)))]).shaded(0.8)
        builder.box((0, -deep * 0.85, hip + 0.1), (wide * 0.7, deep * 0.7, shoulder - hip - 0.14), pack)
    return Body(
        cls="person",
        mesh=builder.build(),
        outline=_outline(height, hip, shoulder, wide, deep),
        length_m=0.5,
        width_m=wide * 1.3,
        height_m=height,
        limbs=_gait(height),
    )


def _gait(height_m: float) -> Callable[[float, float], tuple[float, ...]]:
    def limbs(distance_m: float, speed_mps: float) -> tuple[float, ...]:
        swing = SWING_RAD * min(1.0, speed_mps / PACE_MPS)
        leg = swing * math.sin(2 * math.pi * distance_m / (STRIDE * height_m))
        return (0.0, 0.0, leg, -leg, -0.8 * leg, 0.8 * leg)

    return limbs


def _legs(builder: MeshBuilder, hip: float, wide: float, deep: float, paint: Paint) -> None:
    shoe = Paint((0.14, 0.12, 0.11))
    for number, side in ((LEFT_LEG, -1), (RIGHT_LEG, 1)):
        x = side * wide * 0.23
        with builder.limb(number, 0.0, hip):
            builder.frustum((x, 0, 0.06), (0.10, 0.12), (x, 0, hip), (wide * 0.42, deep * 0.95), paint, paint)
            builder.box((x, 0.05, 0.0), (0.10, 0.26, 0.08), shoe)


def _arms(
    builder: MeshBuilder, shoulder: float, hip: float, wide: float, deep: float, sleeve: Paint, skin: Paint
) -> None:
    for number, side in ((LEFT_ARM, -1), (RIGHT_ARM, 1)):
        x = side * (wide * 0.52 + 0.045)
        with builder.limb(number, 0.0, shoulder - 0.04):
            builder.frustum(
                (x, 0, hip + 0.05),
                (0.075, 0.09),
                (x - side * 0.02, 0, shoulder - 0.01),
                (0.10, deep * 0.7),
                sleeve.shaded(0.94),
                sleeve,
            )
            builder.box((x, 0.01, hip - 0.07), (0.07, 0.09, 0.13), skin)


def _head(builder: MeshBuilder, height: float, shoulder: float, skin: Paint, hair: Paint) -> None:
    size = 0.066 * height
    centre = height - size * 1.15
    builder.cylinder((0, 0, (shoulder + centre) / 2), 0.055, centre - shoulder, skin, sides=8)
    builder.blob((0, 0.01, centre), (size * 0.86, size, size * 1.15), skin, rings=6)
    builder.blob((0, -0.02, centre + size * 0.28), (size * 0.95, size * 1.02, size * 0.95), hair, rings=6)


def _outline(height: float, hip: float, shoulder: float, wide: float, deep: float) -> Outline:
    outline = Outline()
    outline.block((-wide / 2, wide / 2), (-deep / 2, deep / 2), (hip - 0.03, shoulder))
    outline.block((-0.09, 0.09), (-0.10, 0.10), (shoulder, height))
    for number, side in ((LEFT_LEG, -1), (RIGHT_LEG, 1)):
        x = side * wide * 0.23
        outline.block((x - 0.08, x + 0.08), (-0.08, 0.12), (0.0, hip), limb=(number, 0.0, hip))
    for number, side in ((LEFT_ARM, -1), (RIGHT_ARM, 1)):
        x = side * (wide * 0.52 + 0.045)
        z = shoulder - 0.04
        outline.block((x - 0.05, x + 0.05), (-0.05, 0.05), (hip - 0.07, shoulder), limb=(number, 0.0, z))
    return outline


SEAT_M = 0.45
"""Height of a bench."""


def seated(rng: np.random.Generator) -> Body:
    """Somebody who sits on a bench: the origin is on the floor below the hips."""
    height = float(np.clip(rng.normal(1.70, 0.10), 1.5, 1.95))
    top = Paint(TOPS[int(rng.integers(len(TOPS)))])
    legs = Paint(TROUSERS[int(rng.integers(len(TROUSERS)))])
    skin, hair = Paint(SKINS[int(rng.integers(len(SKINS)))]), Paint(HAIR[int(rng.integers(len(HAIR)))])
    wide, deep, thigh = 0.25 * height, 0.15 * height, 0.25 * height
    shoulder, crown = SEAT_M + 0.34 * height, SEAT_M + 0.53 * height
    builder, outline = MeshBuilder(), Outline()
    for side in (-1, 1):
        x = side * wide * 0.24
        builder.box((x, thigh / 2, SEAT_M), (wide * 0.42, thigh, 0.15), legs)
        builder.frustum((x, thigh, 0.05), (0.10, 0.12), (x, thigh, SEAT_M + 0.13), (0.13, 0.14), legs, legs)
        builder.box((x, thigh + 0.06, 0.0), (0.10, 0.26, 0.08), Paint((0.14, 0.12, 0.11)))
        arm = side * (wide * 0.52 + 0.04)
        builder.frustum(
            (arm, 0.10, SEAT_M + 0.16),
            (0.08, 0.12),
            (arm, 0, shoulder - 0.01),
            (0.10, 0.11),
            top.shaded(0.94),
            top,
        )
    builder.frustum((0, 0, SEAT_M), (wide * 0.9, deep), (0, 0, shoulder), (wide * 1.04, deep), top, top)
    _head(builder, crown, shoulder, skin, hair)
    outline.block((-wide / 2, wide / 2), (-deep / 2, deep / 2), (SEAT_M, shoulder))
    outline.block((-0.1, 0.1), (-0.1, 0.1), (shoulder, crown))
    outline.block((-wide / 2, wide / 2), (0.0, thigh + 0.1), (0.0, SEAT_M + 0.14))
    return Body("person", builder.build(), outline, length_m=0.6, width_m=wide * 1.3, height_m=crown)
