"""What stands still in a street: ground, markings, kerbs, houses, trees, lamps, signs."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from flows.scenes import textures
from flows.scenes.annotate import Still
from flows.scenes.bodies.base import METAL
from flows.scenes.markings import mark
from flows.scenes.mesh import Mesh, MeshBuilder, Paint, grid_size
from flows.scenes.plan import VERGE_M, Crossroad, Street

Array = NDArray[np.float64]

SKY_M = 900.0
ROAD_CELL_M = (0.5, 1.6)
"""Cells of the asphalt, fine enough across for wheel tracks."""

ASPHALTS = ((0.44, 0.44, 0.45), (0.38, 0.38, 0.40), (0.52, 0.51, 0.50), (0.47, 0.46, 0.44))
GRASSES = ((0.42, 0.52, 0.26), (0.50, 0.53, 0.30), (0.36, 0.47, 0.24), (0.56, 0.52, 0.36))
PAVINGS = ((0.68, 0.65, 0.61), (0.62, 0.58, 0.55), (0.70, 0.62, 0.55), (0.60, 0.60, 0.61))
WALLS = (
    (0.86, 0.80, 0.68), (0.78, 0.62, 0.50), (0.72, 0.72, 0.72), (0.88, 0.86, 0.82), (0.66, 0.46, 0.38),
    (0.80, 0.74, 0.56), (0.62, 0.68, 0.72), (0.84, 0.72, 0.66),
)  # fmt: skip
LEAVES = ((0.30, 0.46, 0.20), (0.36, 0.50, 0.22), (0.24, 0.40, 0.20), (0.46, 0.52, 0.22))


@dataclass(eq=False)
class Setting:
    """Everything still: what is drawn, and what may hide something.

    Attributes:
        ground: Sky, ground and markings; throws no shadow.
        things: Houses, trees, lamps; throws shadows.
        solids: Trees and poles as occlusion sees them.
    """

    ground: MeshBuilder = field(default_factory=MeshBuilder)
    things: MeshBuilder = field(default_factory=MeshBuilder)
    solids: list[Still] = field(default_factory=list)

    def meshes(self) -> dict[str, Mesh]:
        """By the renderer's keys."""
        return {"ground": self.ground.build(), "things": self.things.build()}


def lay(setting: Setting, street: Street, rng: np.random.Generator) -> None:
    """Sky, ground, asphalt, pavements, kerbs and markings of a street."""
    sky(setting.ground)
    asphalt, grass, paving = (
        Paint(choices[int(rng.integers(len(choices)))], layer=layer, tile_m=tile)
        for choices, layer, tile in (
            (ASPHALTS, textures.ASPHALT, 3.0),
            (GRASSES, textures.GRASS, 4.0),
            (PAVINGS, textures.PAVERS, 2.4),
        )
    )
    y = (street.from_y_m, street.until_y_m)
    half, front = street.half_m, street.front_m
    ground = setting.ground
    ground.grid((-700, 700), (-300, 900), -0.25, (60.0, 60.0), grass.shaded(0.95))
    for side in (-1, 1):
        x = sorted((side * (front - 0.02), side * 60.0))
        _strip(ground, (x[0], x[1]), y, -0.02, (6.0, 8.0), grass, rng, 0.10)
        x = sorted((side * half, side * (half + VERGE_M)))
        _strip(ground, (x[0], x[1]), y, 0.0, (3.0, 4.0), grass, rng, 0.08)
        x = sorted((side * (half + VERGE_M), side * front))
        _strip(ground, (x[0], x[1]), y, 0.0, (3.0, 4.0), paving, rng, 0.06)
        _kerb(setting.things, side * half, y, street.crossroad)
    shade = _wear(street, rng, y, ROAD_CELL_M)
    ground.grid((-half, half), y, 0.0, ROAD_CELL_M, asphalt, shade)
    if street.crossroad is not None:
        _across(ground, street, street.crossroad, asphalt)
    if street.median_m:
        _median(setting.things, street, grass)
    mark(ground, street)


def sky(builder: MeshBuilder) -> None:
    """The sky: a dome seen from inside."""
    sky = Paint((1.0, 1.0, 1.0), gloss=-1.0)
    heights = (-60.0, 0.0, 30.0, 80.0, 180.0, 400.0, 900.0)
    around = np.arange(17) * np.pi / 8
    for low, high in pairwise(heights):
        for a, b in pairwise(around):
            corners = [
                (SKY_M * np.cos(t), SKY_M * np.sin(t), z)
                for t, z in ((a, low), (b, low), (b, high), (a, high))
            ]
            # The dome is seen from inside, so that inside is out.
            builder.face(corners, sky, tuple(2 * np.mean(corners, axis=0)))


def _strip(
    builder: MeshBuilder,
    x_m: tuple[float, float],
    y_m: tuple[float, float],
    z_m: float,
    step_m: tuple[float, float],
    paint: Paint,
    rng: np.random.Generator,
    patchy: float,
) -> None:
    nx, ny = grid_size(x_m, y_m, step_m)
    shade = 1 + patchy * textures.smooth_noise(rng, (ny + 1, nx + 1), (1.2, 1.2)) if patchy else None
    builder.grid(x_m, y_m, z_m, step_m, paint, shade)


def _wear(
    street: Street, rng: np.random.Generator, y_m: tuple[float, float], step_m: tuple[float, float]
) -> Array:
    """Brightness of the asphalt: patches, and wheel tracks polished by traffic."""
    half = street.half_m
    nx, ny = grid_size((-half, half), y_m, step_m)
    x = np.linspace(-half, half, nx + 1)
    tracks = np.zeros(nx + 1)
    for lane, _ in street.lanes_m:
        for wheel in (-0.85, 0.85):
            tracks += np.exp(-(((x - lane - wheel) / 0.32) ** 2))
    patches = 0.05 * textures.smooth_noise(rng, (ny + 1, nx + 1), (5, 3))
    shade: Array = 1 + patches - 0.09 * tracks[None, :]
    for _ in range(int(rng.integers(2, 7))):  # repairs
        i, j = int(rng.integers(ny)), int(rng.integers(nx))
        shade[i : i + int(rng.integers(3, 8)), j : j + int(rng.integers(3, 8))] *= rng.uniform(0.78, 0.92)
    return shade


def _kerb(
    builder: MeshBuilder, x_m: float, y_m: tuple[float, float], crossroad: Crossroad | None = None
) -> None:
    stone = Paint((0.72, 0.71, 0.68), layer=textures.WALL, tile_m=1.5)
    for y in np.arange(y_m[0], y_m[1], 10.0):
        for low, high in _without(float(y), float(y) + 10, crossroad):
            builder.box(
                (x_m, (low + high) / 2, 0), (0.16, high - low - 0.04, 0.12), stone, stone.shaded(1.08)
            )


def _without(low_m: float, high_m: float, crossroad: Crossroad | None) -> list[tuple[float, float]]:
    """What a crossroad leaves of a stretch along the street."""
    if crossroad is None or high_m <= crossroad.near_m or low_m >= crossroad.far_m:
        return [(low_m, high_m)]
    parts = [(low_m, crossroad.near_m), (crossroad.far_m, high_m)]
    return [(low, high) for low, high in parts if high - low > 0.1]


def _across(builder: MeshBuilder, street: Street, road: Crossroad, asphalt: Paint) -> None:
    """The asphalt of a road across, over the verges and pavements that it cuts, and its middle line."""
    for side in (-1, 1):
        x = sorted((side * (street.half_m - 0.1), side * 160.0))
        builder.grid((x[0], x[1]), (road.near_m, road.far_m), 0.003, (2.0, 2.0), asphalt.shaded(0.97))
        for out in np.arange(street.half_m + 6.0, 150.0, 8.0):
            z, y = 0.006, road.y_m
            ends = sorted((side * out, side * (out + 4.0)))
            corners = [(ends[0], y - 0.06, z), (ends[1], y - 0.06, z), (ends[1], y + 0.06, z)]
            builder.face([*corners, (ends[0], y + 0.06, z)], Paint((0.93, 0.93, 0.90)), (side * out, y, -1))


def _median(builder: MeshBuilder, street: Street, grass: Paint) -> None:
    """The island between both directions, open where people cross."""
    stone = Paint((0.72, 0.71, 0.68), layer=textures.WALL, tile_m=1.5)
    gap = street.crosswalk_y_m
    for y in np.arange(street.from_y_m, street.until_y_m, 4.0):
        if gap is None or abs(y + 2 - gap) > 4.5:
            size = (street.median_m - 0.1, 3.98, 0.13)
            builder.box((street.divide_m, y + 2, 0), size, stone, grass if street.median_m > 1.5 else stone)
    if gap is not None:  # a refuge, level with the road, its ends marked
        for end in (-2.4, 2.4):
            builder.box((street.divide_m, gap + end, 0), (street.median_m - 0.1, 0.3, 0.13), stone)


def tree(setting: Setting, x_m: float, y_m: float, rng: np.random.Generator) -> None:
    """A broad-leaved tree or a poplar."""
    paint = Paint(LEAVES[int(rng.integers(len(LEAVES)))], layer=textures.LEAVES, tile_m=1.0)
    bark = Paint((0.36, 0.28, 0.21), layer=textures.WALL, tile_m=0.5)
    height = float(rng.uniform(5.0, 9.5))
    poplar = bool(rng.random() < 0.35)
    spread = height * (0.14 if poplar else float(rng.uniform(0.26, 0.36)))
    stem = height * (0.18 if poplar else 0.32)
    builder = setting.things
    builder.cylinder((x_m, y_m, stem * 0.6), 0.17, stem * 1.2, bark, sides=7, top_radius_m=0.11)
    if poplar:
        middle = (height + stem) / 2
        radii = (spread, spread, (height - stem) / 2)
        crown = [builder.blob((x_m, y_m, middle), radii, paint, rings=7, rough=0.12, rng=rng)]
    else:
        crown = []
        for _ in range(4):
            at = rng.uniform(-0.45, 0.45, 3) * (spread, spread, height * 0.22)
            size = spread * float(rng.uniform(0.62, 0.85))
            centre = (x_m + at[0], y_m + at[1], height * 0.66 + at[2])
            leaves = paint.shaded(float(rng.uniform(0.9, 1.1)))
            crown.append(builder.blob(centre, (size, size, size * 0.85), leaves, rough=0.14, rng=rng))
    trunk = _box_corners(x_m, y_m, 0.14, 0.0, stem * 1.2)
    setting.solids.append(Still((trunk, *crown), _square(x_m, y_m, 0.4)))


def lamp(setting: Setting, x_m: float, y_m: float, reach_m: float) -> None:
    """A street lamp whose arm reaches ``reach_m`` over the road (negative: to the left)."""
    pole = Paint((0.45, 0.46, 0.47), gloss=0.1)
    builder = setting.things
    builder.cylinder((x_m, y_m, 4.0), 0.09, 8.0, pole, sides=8, top_radius_m=0.06)
    builder.box((x_m + reach_m / 2, y_m, 7.9), (abs(reach_m), 0.08, 0.08), pole)
    builder.box((x_m + reach_m, y_m, 7.84), (0.7, 0.26, 0.12), Paint((0.95, 0.92, 0.80), glow=12.0), pole)
    _post_solid(setting, x_m, y_m, 8.0)


def sign(setting: Setting, x_m: float, y_m: float, faces_camera: bool = True) -> None:
    """A round speed limit sign."""
    builder = setting.things
    builder.cylinder((x_m, y_m, 1.4), 0.035, 2.8, METAL, sides=6)
    front = -1 if faces_camera else 1
    builder.cylinder(
        (x_m, y_m + front * 0.05, 2.55), 0.35, 0.03, Paint((0.80, 0.10, 0.10)), axis="y", sides=18
    )
    builder.cylinder(
        (x_m, y_m + front * 0.07, 2.55), 0.27, 0.02, Paint((0.95, 0.95, 0.95)), axis="y", sides=18
    )
    for x in (-0.10, 0.08):
        builder.box((x_m + x, y_m + front * 0.09, 2.43), (0.11, 0.01, 0.24), Paint((0.08, 0.08, 0.08)))
    _post_solid(setting, x_m, y_m, 2.8)


def _post_solid(setting: Setting, x_m: float, y_m: float, height_m: float) -> None:
    setting.solids.append(Still((_box_corners(x_m, y_m, 0.05, 0.0, height_m),), _square(x_m, y_m, 0.1)))


def _box_corners(x_m: float, y_m: float, half_m: float, low_m: float, high_m: float) -> Array:
    plan = _square(x_m, y_m, half_m)
    return np.concatenate([np.column_stack([plan, np.full(4, z)]) for z in (low_m, high_m)])


def _square(x_m: float, y_m: float, half_m: float) -> Array:
    corners: Array = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half_m + (x_m, y_m)
    return corners


def house(
    setting: Setting, x_m: float, y_m: float, rng: np.random.Generator, along_m: float, floors: int
) -> None:
    """A house whose near wall stands at ``x_m`` (its other side is farther from the road)."""
    wall = Paint(WALLS[int(rng.integers(len(WALLS)))], layer=textures.WALL, tile_m=4.0)
    builder, depth, storey = setting.things, float(rng.uniform(10, 14)), 3.0
    out = 1 if x_m > 0 else -1
    centre_x, height = x_m + out * depth / 2, floors * storey + 0.8
    builder.box((centre_x, y_m, -0.3), (depth, along_m, height + 0.3), wall, wall.shaded(0.7))
    builder.box((centre_x, y_m, 0.0), (depth + 0.12, along_m + 0.12, 0.7), wall.shaded(0.6))
    if floors <= 3:
        _gable(builder, centre_x, y_m, depth, along_m, height, rng)
    else:
        builder.box((centre_x, y_m, height), (depth + 0.3, along_m + 0.3, 0.35), wall.shaded(0.8))
    _windows(builder, x_m - out * 0.02, y_m, along_m, floors, storey, out, rng)
    _end_windows(builder, centre_x, y_m - along_m / 2 - 0.02, depth, floors, storey, rng)


def _gable(
    builder: MeshBuilder, x: float, y: float, depth: float, along: float, z: float, rng: np.random.Generator
) -> None:
    reds = ((0.55, 0.24, 0.18), (0.40, 0.22, 0.18), (0.34, 0.36, 0.40), (0.30, 0.42, 0.34))
    tiles = Paint(reds[int(rng.integers(len(reds)))], layer=textures.ROOF, tile_m=2.0)
    rise = float(rng.uniform(2.0, 3.4))
    low, size = (x, y, z), (depth + 0.8, along + 0.8)
    builder.frustum(low, size, (x, y, z + rise), (0.1, along + 0.4), tiles, tiles)


def _pane(rng: np.random.Generator) -> Paint:
    lit = float(rng.random()) < 0.35
    if lit:
        return Paint((0.70, 0.60, 0.40), gloss=0.25, glow=float(rng.uniform(0.8, 2.2)))
    return Paint((0.22, 0.26, 0.31), gloss=0.45)


def _windows(
    builder: MeshBuilder,
    x: float,
    y: float,
    along: float,
    floors: int,
    storey: float,
    out: int,
    rng: np.random.Generator,
) -> None:
    frame = Paint((0.88, 0.88, 0.86))
    count = max(2, int(along / 2.8))
    shop = bool(rng.random() < 0.35)
    for i in range(count):
        at = y + (i + 0.5) / count * along - along / 2
        for floor in range(floors):
            z = 1.0 + floor * storey
            size = (2.2, 2.0) if shop and floor == 0 else (1.3, 1.5)
            _upright(builder, x, at, z, (size[0] + 0.2, size[1] + 0.2), out, frame)
            _upright(builder, x - out * 0.02, at, z + 0.1, size, out, _pane(rng))


def _upright(
    builder: MeshBuilder, x: float, y: float, z: float, size: tuple[float, float], out: int, paint: Paint
) -> None:
    w, h = size[0] / 2, size[1]
    corners = [(x, y - w, z), (x, y + w, z), (x, y + w, z + h), (x, y - w, z + h)]
    builder.face(corners, paint, (x + out, y, z))


def _end_windows(
    builder: MeshBuilder,
    x: float,
    y: float,
    depth: float,
    floors: int,
    storey: float,
    rng: np.random.Generator,
) -> None:
    for i in range(3):
        at = x + (i - 1) * depth / 3.4
        for floor in range(floors):
            z = 1.1 + floor * storey
            corners = [
                (at - 0.6, y, z),
                (at + 0.6, y, z),
                (at + 0.6, y, z + 1.4),
                (at - 0.6, y, z + 1.4),
            ]
            builder.face(corners, _pane(rng), (at, y + 1, z))
