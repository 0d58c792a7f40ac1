"""What every moving thing is made of: a mesh, a coarse outline for occlusion, and how its limbs move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from flows.scenes.mesh import Mesh, MeshBuilder, Paint

if TYPE_CHECKING:
    from flows.scenes.bodies.crew import Crew

Array = NDArray[np.float64]

BLACK = Paint((0.10, 0.10, 0.11))
RUBBER = Paint((0.13, 0.13, 0.14))
METAL = Paint((0.62, 0.63, 0.65), gloss=0.25)
GLASS = Paint((0.14, 0.17, 0.20), gloss=0.7)
HEADLIGHT = Paint((0.95, 0.95, 0.90), gloss=0.3, glow=9.0)
TAILLIGHT = Paint((0.75, 0.08, 0.06), gloss=0.2, glow=3.0)
INDICATOR = Paint((0.92, 0.52, 0.10), gloss=0.2)

WHEELS, LEFT_LEG, RIGHT_LEG, LEFT_ARM, RIGHT_ARM = 1, 2, 3, 4, 5
"""Limbs by number."""

CAR_COLOURS: tuple[tuple[float, float, float], ...] = (
    (0.93, 0.93, 0.93), (0.95, 0.95, 0.93), (0.75, 0.76, 0.78), (0.55, 0.57, 0.60), (0.30, 0.32, 0.35),
    (0.14, 0.14, 0.16), (0.16, 0.17, 0.20), (0.62, 0.10, 0.10), (0.75, 0.16, 0.12), (0.12, 0.22, 0.48),
    (0.20, 0.36, 0.62), (0.16, 0.34, 0.24), (0.72, 0.66, 0.52), (0.85, 0.70, 0.20), (0.45, 0.28, 0.16),
    (0.82, 0.42, 0.12),
)  # fmt: skip


@dataclass(frozen=True)
class Mount:
    """Where a number plate sits: its centre, width and height, and whether it faces forward."""

    centre_m: tuple[float, float, float]
    size_m: tuple[float, float]
    forward: bool


class Outline:
    """Collects the boxes of a coarse silhouette."""

    def __init__(self) -> None:
        self._faces: list[Array] = []
        self._limbs: list[tuple[float, float, float]] = []

    def block(
        self,
        x_m: tuple[float, float],
        y_m: tuple[float, float],
        z_m: tuple[float, float],
        top_y_m: tuple[float, float] | None = None,
        top_x_m: tuple[float, float] | None = None,
        limb: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> None:
        """A box, its top drawn in where ``top_x_m`` or ``top_y_m`` say so."""
        (tx, ty) = (top_x_m or x_m, top_y_m or y_m)
        p = np.array(
            [[x, y, z_m[0]] for x, y in _round(x_m, y_m)] + [[x, y, z_m[1]] for x, y in _round(tx, ty)]
        )
        # Counter-clockwise seen from outside.
        for corners in ((3, 2, 1, 0), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)):
            self._faces.append(p[list(corners)])
            self._limbs.append(limb)

    @cached_property
    def faces(self) -> Array:
        """``(N, 4, 3)``, counter-clockwise seen from outside."""
        return np.stack(self._faces)

    @cached_property
    def limbs(self) -> Array:
        """``(N, 4, 3)``: limb number, pivot y and z of each corner."""
        return np.repeat(np.array(self._limbs)[:, None], 4, axis=1)


@dataclass(frozen=True, eq=False)
class Body:
    """One thing that moves, in its own axes: x right, y forward, z up, origin on the ground below its middle.

    Attributes:
        cls: COCO class name.
        mesh: What is drawn.
        outline: A coarse solid of the same silhouette, for occlusion.
        length_m: Along y.
        width_m: Along x.
        height_m: Along z.
        plates: Where number plates sit.
        limbs: Angles by limb number at a distance gone and a speed; still by default.
        crew: Who is seen through the windscreen; None where it is drawn as dark glass.
        pane: The windscreen that they are seen through.
        screen_m: ``(4, 3)`` its corners, see :class:`flows.scenes.bodies.cabin.Room`.
    """

    cls: str
    mesh: Mesh
    outline: Outline
    length_m: float
    width_m: float
    height_m: float
    plates: tuple[Mount, ...] = ()
    limbs: Callable[[float, float], tuple[float, ...]] = field(default=lambda distance_m, speed_mps: ())
    crew: Crew | None = None
    pane: Mesh | None = None
    screen_m: Array | None = None

    @cached_property
    def shape(self) -> tuple[Array, Array]:
        """Distinct corners ``(N, 3)`` of the mesh and their limbs ``(N, 3)``."""
        rows = np.hstack([self.mesh.positions_m, self.mesh.limbs]).round(4)
        distinct = np.unique(np.ascontiguousarray(rows).view(f"V{rows.itemsize * 6}").ravel())
        table: Array = distinct.view(rows.dtype).reshape(-1, 6).astype(float)
        return table[:, :3], table[:, 3:]

    @cached_property
    def edges(self) -> tuple[Array, Array]:
        """Both ends of every edge ``(2, N, 3)`` and their limbs ``(2, N, 3)``."""
        p, limbs = self.mesh.positions_m.astype(float), self.mesh.limbs.astype(float)
        a = np.arange(len(p))
        b = a.reshape(-1, 3)[:, [1, 2, 0]].ravel()
        return np.stack([p[a], p[b]]), np.stack([limbs[a], limbs[b]])


def bent(points_m: Array, limbs: Array, angles: tuple[float, ...]) -> Array:
    """Local points ``(..., 3)`` with their limbs ``(..., 3)`` turned by ``angles``, as the shader does it."""
    if not angles:
        return points_m
    table = np.zeros(8)
    table[: len(angles)] = angles
    angle = table[limbs[..., 0].astype(int)]
    s, c = np.sin(angle), np.cos(angle)
    y, z = points_m[..., 1] - limbs[..., 1], points_m[..., 2] - limbs[..., 2]
    return np.stack([points_m[..., 0], c * y - s * z + limbs[..., 1], s * y + c * z + limbs[..., 2]], -1)


def _round(x_m: tuple[float, float], y_m: tuple[float, float]) -> list[tuple[float, float]]:
    return [(x_m[0], y_m[0]), (x_m[1], y_m[0]), (x_m[1], y_m[1]), (x_m[0], y_m[1])]


def rolling(radius_m: float) -> Callable[[float, float], tuple[float, ...]]:
    """Wheels of ``radius_m`` that roll without slip."""
    return lambda distance_m, speed_mps: (0.0, -distance_m / radius_m % (2 * np.pi))


def wheel(builder: MeshBuilder, x_m: float, y_m: float, radius_m: float, width_m: float) -> None:
    """A tyre with a rim and spokes that show its turning; ``x_m`` is the middle of the tyre."""
    out = 1 if x_m > 0 else -1
    middle = (x_m, y_m, radius_m)
    with builder.limb(WHEELS, y_m, radius_m):
        builder.cylinder(middle, radius_m, width_m, RUBBER, axis="x", sides=14)
        face = x_m + out * (width_m / 2 + 0.005)
        builder.face(_disc(face, y_m, radius_m, radius_m * 0.62, 10), METAL, middle)
        for angle in np.arange(5) * 2 * np.pi / 5:
            y, z = y_m + 0.38 * radius_m * np.cos(angle), radius_m + 0.38 * radius_m * np.sin(angle)
            builder.face(_disc(face + out * 0.006, y, z, radius_m * 0.13, 4), BLACK, middle)


def arch(builder: MeshBuilder, x_m: float, y_m: float, radius_m: float) -> None:
    """The dark opening around a wheel on a body's side."""
    builder.face(_disc(x_m, y_m, radius_m * 0.9, radius_m, 12), BLACK, (0.0, y_m, radius_m))


def _disc(x_m: float, y_m: float, z_m: float, radius_m: float, sides: int) -> Array:
    turn = np.arange(sides) * 2 * np.pi / sides
    y, z = y_m + radius_m * np.cos(turn), z_m + radius_m * np.sin(turn)
    return np.column_stack([np.full(sides, x_m), y, z])


def plate_mesh(mounts: tuple[Mount, ...]) -> Mesh:
    """The plates as textured rectangles (layer 0 of the plate textures)."""
    builder = MeshBuilder()
    paint = Paint((1.0, 1.0, 1.0), gloss=0.05, glow=0.2)
    uv = np.array([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0], [0.0, 0.0]])
    for mount in mounts:
        (x, y, z), (w, h) = mount.centre_m, mount.size_m
        # Seen from outside, text runs left to right: from -x behind the vehicle, from +x before it.
        side = -1 if mount.forward else 1
        across = np.array([-w / 2, w / 2, w / 2, -w / 2]) * side
        up = np.array([-h / 2, -h / 2, h / 2, h / 2])
        corners = np.column_stack([x + across, np.full(4, y), z + up])
        builder.face(corners, paint, (x, y - 1 if mount.forward else y + 1, z), uv)
    return builder.build()
