"""A station hall: tiled floor, walls, pillars, benches, windows, a door, a screen, lamps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from flows.scenes import setting as still
from flows.scenes import textures
from flows.scenes.annotate import Still
from flows.scenes.bodies.base import GLASS, METAL, Body, Outline
from flows.scenes.look import Look
from flows.scenes.mesh import Mesh, MeshBuilder, Paint
from flows.scenes.setting import Setting

FLOORS: Final = ((0.66, 0.64, 0.60), (0.58, 0.58, 0.60), (0.70, 0.66, 0.58), (0.52, 0.54, 0.56))
WALLS: Final = ((0.80, 0.78, 0.72), (0.70, 0.74, 0.76), (0.78, 0.70, 0.60), (0.66, 0.68, 0.66))
DOOR_M: Final = (1.1, 2.2)
"""Width and height of a door leaf."""
SCREEN_M: Final = (2.2, 1.3)
SCREEN_Z_M: Final = 1.9
"""Lower edge of the screen, above people's heads where they stand close."""
PATCH_M: Final = 0.25
"""Cells of the floor on which daylight falls: the width of its soft edge."""


@dataclass(frozen=True)
class Hall:
    """The plan of a hall, metres: x across, y along, its floor at z = 0.

    Attributes:
        half_m: Half its width.
        length_m: From the near wall (y = 0) to the far one.
        height_m: Of the ceiling.
        pillars: Middles of the pillars.
        benches: Middle and direction of each bench: which way somebody sits on it, degrees.
        door_y_m: Middle of the door in the right wall.
        screen_y_m: Middle of the screen on the left wall.
        entry_x_m: Middles of the open passages in the near and the far wall, through which people come and go.
        bay: Marked bay for vehicles at the far end: left, right, near and far edge.
    """

    half_m: float
    length_m: float
    height_m: float
    pillars: tuple[tuple[float, float], ...]
    benches: tuple[tuple[float, float, float], ...]
    door_y_m: float
    screen_y_m: float
    entry_x_m: tuple[float, float]
    bay: tuple[float, float, float, float]


PILLAR_M: Final = 0.62
BENCH_M: Final = (2.0, 0.5)
PASSAGE_M: Final = 3.2


def plan(rng: np.random.Generator) -> Hall:
    """A hall at random."""
    half, length = float(rng.uniform(8.5, 10.5)), float(rng.uniform(24.0, 30.0))
    columns = half * float(rng.uniform(0.60, 0.70))
    pillars = tuple(
        (side * columns, float(y)) for side in (-1, 1) for y in np.linspace(0.36, 0.64, 2) * length
    )
    benches = tuple(
        (side * (half - 1.0), float(y), -90.0 * side)
        for side, y in ((-1, 0.34 * length), (1, 0.30 * length), (-1, 0.62 * length), (1, 0.70 * length))
    )
    return Hall(
        half_m=half,
        length_m=length,
        height_m=float(rng.uniform(5.0, 6.5)),
        pillars=pillars,
        benches=benches,
        door_y_m=0.5 * length,
        screen_y_m=0.48 * length,
        entry_x_m=(float(rng.uniform(-2, 2)), float(rng.uniform(-2, 2))),
        bay=(-half + 0.6, -half + 3.4, length - 5.6, length - 0.8),
    )


def look(rng: np.random.Generator) -> Look:
    """Lamps under a ceiling: soft shadows at people's feet, a little warm or cold."""
    warmth, bright = float(rng.uniform(-0.05, 0.06)), float(rng.uniform(0.85, 1.15))
    return Look(
        sun_from=(0.14, 0.10, 0.985),
        sun=(0.44 * bright * (1 + warmth), 0.44 * bright, 0.42 * bright * (1 - warmth)),
        ambient_sky=(0.66 * bright * (1 + warmth), 0.66 * bright, 0.64 * bright * (1 - warmth)),
        ambient_ground=(0.34, 0.33, 0.31),
        haze=(0.70, 0.74, 0.80),
        zenith=(0.45, 0.58, 0.82),
        haze_per_m=0.0008,
        night=1.0,
        exposure=float(rng.uniform(1.1, 1.4)),
        noise=float(rng.uniform(1.0, 3.0)),
        vignette=float(rng.uniform(0.05, 0.2)),
    )


def furnish(hall: Hall, rng: np.random.Generator) -> tuple[Setting, Paint]:
    """Everything that stands still, and the floor's paint; the screen's picture and the door's leaf come later."""
    setting = Setting()
    still.sky(setting.ground)
    floor, wall = (
        Paint(choices[int(rng.integers(len(choices)))], layer=layer, tile_m=tile)
        for choices, layer, tile in ((FLOORS, textures.PAVERS, 4.8), (WALLS, textures.WALL, 4.0))
    )
    outside = Paint((0.46, 0.45, 0.44), layer=textures.PAVERS, tile_m=6.0)
    setting.ground.grid((-400, 400), (-400, 400), -0.02, (40, 40), outside)
    for y in (-16.0, hall.length_m + 16.0):  # a house across the square
        setting.things.box((0, y, 0), (70, 2, 9), wall.shaded(0.9))
    setting.ground.grid((-hall.half_m, hall.half_m), (0.0, hall.length_m), 0.0, (1.0, 1.0), floor)
    _shell(setting, hall, wall)
    for x, y in hall.pillars:
        stone = wall.shaded(0.82)
        setting.things.cylinder((x, y, hall.height_m / 2), PILLAR_M / 2, hall.height_m, stone, sides=14)
        setting.things.cylinder((x, y, 0.12), PILLAR_M / 2 + 0.05, 0.24, stone.shaded(0.7), sides=14)
        _solid(setting, x, y, PILLAR_M * 0.48, hall.height_m)
    for bench in hall.benches:
        _bench(setting, *bench)
    _bay(setting.ground, hall)
    return setting, floor


def _shell(setting: Setting, hall: Hall, wall: Paint) -> None:
    half, length, high = hall.half_m, hall.length_m, hall.height_m
    skirting = wall.shaded(0.55)
    things = setting.things
    for side in (-1, 1):
        x = side * (half + 0.15)
        things.box((x, length / 2, 0), (0.3, length + 0.6, high), wall)
        things.box((side * (half - 0.01), length / 2, 0), (0.04, length, 0.14), skirting)
        for y in np.arange(3.0, length - 2, 4.0):  # windows above
            things.box((side * (half - 0.005), float(y), 3.0), (0.02, 2.2, min(1.7, high - 3.3)), GLASS)
    near, far = hall.entry_x_m
    passage = PASSAGE_M / 2
    for y, openings in (
        (-0.15, [(near - passage, near + passage)]),
        (length + 0.15, [hall.bay[:2], (far - passage, far + passage)]),
    ):
        ends = [-half, *(edge for opening in openings for edge in opening), half]
        for a, b in zip(ends[::2], ends[1::2], strict=True):
            things.box(((a + b) / 2, y, 0), (b - a, 0.3, high), wall)
        for a, b in openings:
            things.box(((a + b) / 2, y, 2.6), (b - a, 0.3, high - 2.6), wall)
            things.box(((a + b) / 2, y, 2.55), (b - a, 0.34, 0.08), METAL)
    ceiling = Paint((0.84, 0.84, 0.82), layer=textures.WALL, tile_m=4.0)
    setting.ground.face(
        [(-half, 0, high), (half, 0, high), (half, length, high), (-half, length, high)],
        ceiling,
        (0, 0, high + 1),
    )
    for x in (-half / 2, 0.0, half / 2):
        for y in np.arange(3.0, length, 5.0):
            setting.ground.box(
                (x, float(y), high - 0.1), (0.3, 2.2, 0.08), Paint((0.95, 0.95, 0.92), glow=1.5)
            )
    y = hall.door_y_m
    setting.ground.face(  # what is seen through the open door
        [(half - 0.012, y - DOOR_M[0] / 2, 0), (half - 0.012, y + DOOR_M[0] / 2, 0),
         (half - 0.012, y + DOOR_M[0] / 2, DOOR_M[1]), (half - 0.012, y - DOOR_M[0] / 2, DOOR_M[1])],
        Paint((0.16, 0.15, 0.14)), (half + 1, y, 1),
    )  # fmt: skip


def _bench(setting: Setting, x: float, y: float, heading: float) -> None:
    wood, (along, deep) = Paint((0.46, 0.32, 0.20)), BENCH_M
    builder = setting.things
    builder.box((x, y, 0.38), (deep, along, 0.07), wood)
    for dy in (-along * 0.4, along * 0.4):
        builder.box((x, y + dy, 0.0), (deep * 0.8, 0.06, 0.38), METAL)
    back = x - np.sign(np.sin(np.radians(heading))) * deep / 2
    builder.box((float(back), y, 0.40), (0.05, along, 0.40), wood.shaded(0.9))


def _bay(builder: MeshBuilder, hall: Hall) -> None:
    """Yellow lines round the bay."""
    paint, (left, right, near, far) = Paint((0.86, 0.72, 0.16)), hall.bay
    for x0, x1, y0, y1 in (
        (left, right, near, near + 0.1), (left, right, far - 0.1, far),
        (left, left + 0.1, near, far), (right - 0.1, right, near, far),
    ):  # fmt: skip
        builder.face(
            [(x0, y0, 0.006), (x1, y0, 0.006), (x1, y1, 0.006), (x0, y1, 0.006)], paint, (x0, y0, -1)
        )


def _solid(setting: Setting, x: float, y: float, half: float, high: float) -> None:
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half + (x, y)
    box = np.concatenate([np.column_stack([corners, np.full(4, z)]) for z in (0.0, high)])
    setting.solids.append(Still((box,), corners))


def door(rng: np.random.Generator) -> Body:
    """A door's leaf; its hinge is at the origin, closed it reaches along +y."""
    width, height = DOOR_M
    paint = Paint(((0.44, 0.30, 0.20), (0.30, 0.36, 0.42), (0.60, 0.58, 0.54))[int(rng.integers(3))])
    builder, outline = MeshBuilder(), Outline()
    builder.box((0, width / 2, 0.01), (0.05, width, height - 0.02), paint)
    builder.box((-0.04, width * 0.9, 1.0), (0.05, 0.12, 0.03), METAL)
    outline.block((-0.03, 0.03), (0.0, width), (0.0, height))
    return Body("door", builder.build(), outline, length_m=width, width_m=0.06, height_m=height)


def picture(rng: np.random.Generator) -> Body:
    """What a screen or poster shows: coloured fields and lines, facing +x, its foot at screen height."""
    width, height = SCREEN_M
    builder, outline = MeshBuilder(), Outline()
    back = Paint(tuple(float(v) for v in rng.uniform(0.15, 0.85, 3)), glow=0.25)  # type: ignore[arg-type]
    builder.box((0, 0, SCREEN_Z_M), (0.05, width, height), back)
    for _ in range(int(rng.integers(3, 7))):
        w, h = float(rng.uniform(0.3, 1.2)), float(rng.uniform(0.1, 0.6))
        y, z = (
            float(rng.uniform(-0.5, 0.5)) * (width - w),
            SCREEN_Z_M + float(rng.uniform(0, 1)) * (height - h),
        )
        paint = Paint(tuple(float(v) for v in rng.uniform(0.1, 0.95, 3)), glow=0.25)  # type: ignore[arg-type]
        corners = [
            (0.03, y - w / 2, z),
            (0.03, y + w / 2, z),
            (0.03, y + w / 2, z + h),
            (0.03, y - w / 2, z + h),
        ]
        builder.face(corners, paint, (-1, y, z))
    outline.block((-0.03, 0.03), (-width / 2, width / 2), (SCREEN_Z_M, SCREEN_Z_M + height))
    return Body(
        "screen", builder.build(), outline, length_m=width, width_m=0.06, height_m=SCREEN_Z_M + height
    )


def daylight(hall: Hall, rng: np.random.Generator, paint: Paint) -> Mesh:
    """The floor where windows throw daylight: slanted fields with soft edges, a little above the tiles."""
    builder = MeshBuilder()
    reach, slant = float(rng.uniform(2.0, 4.5)), float(rng.uniform(-1.2, 1.2))
    side = float(rng.choice([-1.0, 1.0]))
    for y in np.arange(3.0, hall.length_m - 2, 4.0):
        x = side * (hall.half_m - reach)
        builder.grid(
            (x - 1.0, x + 1.0),
            (float(y) + slant - 1.3, float(y) + slant + 1.3),
            0.003,
            (PATCH_M, PATCH_M),
            paint,
        )
    mesh = builder.build()
    rows = mesh.vertices.copy()
    centre_x = side * (hall.half_m - reach)
    across = np.clip((1.0 - np.abs(rows[:, 0] - centre_x)) / PATCH_M, 0, 1)
    middle = np.round((rows[:, 1] - slant - 3.0) / 4.0) * 4.0 + 3.0 + slant
    along = np.clip((1.3 - np.abs(rows[:, 1] - middle)) / PATCH_M, 0, 1)
    rows[:, 13] = across * along
    return Mesh(rows)
