"""Triangle meshes built of simple parts, with what the renderer needs at each corner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Point = Sequence[float]

VERTEX = {
    "in_position": 3,
    "in_normal": 3,
    "in_colour": 3,
    "in_uv": 2,
    "in_surface": 3,  # texture layer, gloss (negative: unlit), glow at night
    "in_limb": 3,  # limb number, pivot y, pivot z
}
"""Floats of one vertex, in order: the renderer's vertex format."""

FLOATS = sum(VERTEX.values())


@dataclass(frozen=True)
class Paint:
    """How a face looks.

    Attributes:
        rgb: sRGB colour, 0 to 1.
        layer: Texture layer by number (see :mod:`flows.scenes.textures`); 0 is plain.
        tile_m: Size of one repeat of the texture.
        gloss: Strength of the highlight, 0 to 1; negative means unlit (the sky).
        glow: Light given off at night.
    """

    rgb: tuple[float, float, float]
    layer: int = 0
    tile_m: float = 2.0
    gloss: float = 0.0
    glow: float = 0.0

    def shaded(self, factor: float) -> Paint:
        """The same paint, ``factor`` times as bright."""
        r, g, b = (min(1.0, c * factor) for c in self.rgb)
        return replace(self, rgb=(r, g, b))


@dataclass(frozen=True, eq=False)
class Mesh:
    """A triangle soup.

    Attributes:
        vertices: ``(3 * triangles, FLOATS)`` float32 in the order of :data:`VERTEX`; positions in metres.
    """

    vertices: NDArray[np.float32]

    @property
    def positions_m(self) -> NDArray[np.float32]:
        return self.vertices[:, :3]

    @property
    def limbs(self) -> NDArray[np.float32]:
        """``(N, 3)``: limb number, pivot y, pivot z."""
        return self.vertices[:, -3:]

    def joined(self, *others: Mesh) -> Mesh:
        """This mesh and others as one."""
        return Mesh(np.concatenate([self.vertices, *(o.vertices for o in others)]))


@dataclass(frozen=True)
class Station:
    """One cross-section of a lofted body: at ``y_m``, from ``low_m`` to ``high_m``, half widths at both."""

    y_m: float
    low_m: float
    high_m: float
    low_half_m: float
    high_half_m: float

    def ring(self) -> Array:
        """Corners ``(4, 3)``: low left, low right, high right, high left."""
        a, b = self.low_half_m, self.high_half_m
        return np.array(
            [
                [-a, self.y_m, self.low_m],
                [a, self.y_m, self.low_m],
                [b, self.y_m, self.high_m],
                [-b, self.y_m, self.high_m],
            ]
        )


_Face = tuple[Sequence[Point] | Array, Paint, Point, tuple[float, float, float], Array | None]
"""Corners, paint, a point inside, limb, texture coordinates: worked out in bulk when the mesh is built."""


class MeshBuilder:
    """Collects faces; every face's normal points away from the part it belongs to."""

    def __init__(self) -> None:
        self._faces: dict[int, list[_Face]] = {}
        self._ready: list[NDArray[np.float32]] = []
        self._limb = (0.0, 0.0, 0.0)

    def build(self) -> Mesh:
        """The mesh of all faces so far."""
        parts = [*self._ready, *(_finished(faces) for faces in self._faces.values())]
        return Mesh(np.concatenate(parts) if parts else np.zeros((0, FLOATS), np.float32))

    @contextmanager
    def limb(self, number: int, pivot_y_m: float, pivot_z_m: float) -> Iterator[None]:
        """Faces added inside turn about the x axis through the pivot, by the limb's angle."""
        before, self._limb = self._limb, (float(number), pivot_y_m, pivot_z_m)
        try:
            yield
        finally:
            self._limb = before

    def face(
        self, corners: Sequence[Point] | Array, paint: Paint, inside: Point, uv: Array | None = None
    ) -> None:
        """A planar convex polygon whose normal points away from ``inside``."""
        limb = self._limb
        self._faces.setdefault(len(corners), []).append((corners, paint, inside, limb, uv))

    def box(
        self, centre: Point, size: Point, paint: Paint, top: Paint | None = None, yaw_deg: float = 0
    ) -> None:
        """A box; ``centre`` is the middle of its bottom, ``size`` is along x, y, z."""
        (x, y, z), (sx, sy, sz) = centre, size
        self.frustum((x, y, z), (sx, sy), (x, y, z + sz), (sx, sy), paint, top or paint, yaw_deg)

    def frustum(
        self,
        low: Point,
        low_size: Point,
        high: Point,
        high_size: Point,
        side: Paint,
        top: Paint,
        yaw_deg: float = 0,
    ) -> None:
        """A box whose top may be smaller than its bottom and moved against it."""
        turn = _yaw(yaw_deg)
        signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) / 2
        bottom = np.column_stack([signs * low_size @ turn.T + low[:2], np.full(4, low[2])])
        lid = np.column_stack([signs * high_size @ turn.T + high[:2], np.full(4, high[2])])
        middle = (bottom.mean(0) + lid.mean(0)) / 2
        for i in range(4):
            j = (i + 1) % 4
            self.face(np.stack([bottom[i], bottom[j], lid[j], lid[i]]), side, middle)
        self.face(lid, top, middle)
        self.face(bottom, side, middle)

    def loft(
        self,
        stations: Sequence[Station],
        side: Sequence[Paint],
        top: Sequence[Paint | None],
        ends: tuple[Paint, Paint],
        bottom: Paint | None = None,
    ) -> None:
        """A hull through cross-sections in order of y; ``side`` and ``top`` name a paint for each stretch.

        Where ``top`` names none, it is open.
        """
        rings = [s.ring() for s in stations]
        for i, (a, b) in enumerate(pairwise(rings)):
            middle = (a.mean(0) + b.mean(0)) / 2
            paints = (bottom or side[i], side[i], top[i], side[i])
            for k, paint in enumerate(paints):
                if paint is None:
                    continue
                m = (k + 1) % 4
                self.face(np.stack([a[k], a[m], b[m], b[k]]), paint, middle)
        middle = (rings[0].mean(0) + rings[-1].mean(0)) / 2
        self.face(rings[0], ends[0], middle)
        self.face(rings[-1], ends[1], middle)

    def cylinder(
        self,
        centre: Point,
        radius_m: float,
        length_m: float,
        side: Paint,
        cap: Paint | None = None,
        *,
        axis: str = "z",
        sides: int = 12,
        top_radius_m: float | None = None,
    ) -> None:
        """A cylinder (or cone) along ``axis``; ``centre`` is its middle."""
        far = radius_m if top_radius_m is None else top_radius_m
        angles = np.arange(sides) * 2 * np.pi / sides + np.pi / sides
        ring = np.column_stack([np.cos(angles), np.sin(angles)])
        k = {"x": 0, "y": 1, "z": 2}[axis]
        ends = []
        for r, offset in ((radius_m, -length_m / 2), (far, length_m / 2)):
            ends.append(np.insert(ring * r, k, offset, axis=1) + centre)
        for i in range(sides):
            j = (i + 1) % sides
            self.face(np.stack([ends[0][i], ends[0][j], ends[1][j], ends[1][i]]), side, centre)
        for end in ends:
            self.face(end, cap or side, centre)

    def blob(
        self,
        centre: Point,
        radii: Point,
        paint: Paint,
        *,
        rings: int = 5,
        sides: int = 8,
        rough: float = 0.0,
        rng: np.random.Generator | None = None,
    ) -> Array:
        """An ellipsoid with smooth normals; ``rough`` jitters its surface and shade (foliage).

        Returns:
            Its corners ``(N, 3)``.
        """
        lat = np.linspace(-np.pi / 2, np.pi / 2, rings + 1)
        lon = np.arange(sides) * 2 * np.pi / sides
        unit = np.stack(
            [
                np.cos(lat)[:, None] * np.cos(lon),
                np.cos(lat)[:, None] * np.sin(lon),
                np.sin(lat)[:, None] * np.ones(sides),
            ],
            -1,
        )
        shade = np.ones(unit.shape[:2])
        reach = np.ones(unit.shape[:2])
        if rng is not None and rough:
            reach += rng.uniform(-rough, rough, reach.shape)
            reach[0], reach[-1] = reach[0, 0], reach[-1, 0]
            shade = 1 + rng.uniform(-rough, rough, shade.shape)
        points = unit * reach[..., None] * np.asarray(radii, float) + np.asarray(centre, float)
        normals = unit / np.asarray(radii, float)
        normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
        rgb = np.clip(shade[..., None] * np.asarray(paint.rgb), 0, 1)
        uv = np.stack(np.broadcast_arrays(lon / np.pi * 4, lat[:, None] / np.pi * 4), -1)
        rows = np.empty((rings + 1, sides, FLOATS), np.float32)
        rows[..., 0:3], rows[..., 3:6], rows[..., 6:9], rows[..., 9:11] = points, normals, rgb, uv
        rows[..., 11:14] = paint.layer, paint.gloss, paint.glow
        rows[..., 14:17] = self._limb
        after = np.roll(rows, -1, axis=1)
        a, b, c, d = rows[:-1], after[:-1], after[1:], rows[1:]
        self._ready.append(np.stack([a, b, c, a, c, d], 2).reshape(-1, FLOATS))
        corners: Array = points.reshape(-1, 3)
        return corners

    def grid(
        self,
        x_m: tuple[float, float],
        y_m: tuple[float, float],
        z_m: float,
        step_m: tuple[float, float],
        paint: Paint,
        shade: NDArray[np.float64] | None = None,
    ) -> None:
        """A level rectangle cut in cells; ``shade`` ``(rows + 1, columns + 1)`` varies its brightness."""
        nx, ny = grid_size(x_m, y_m, step_m)
        gx, gy = np.meshgrid(np.linspace(*x_m, nx + 1), np.linspace(*y_m, ny + 1))
        p = np.stack([gx, gy, np.full_like(gx, z_m)], -1)
        light = np.ones(gx.shape) if shade is None else shade
        rows = np.zeros((*gx.shape, FLOATS), np.float32)
        rows[..., 0:3], rows[..., 5] = p, 1
        rows[..., 6:9] = np.clip(light[..., None] * np.asarray(paint.rgb), 0, 1)
        rows[..., 9:11] = p[..., :2] / paint.tile_m
        rows[..., 11:14] = paint.layer, paint.gloss, paint.glow
        a, b, c, d = rows[:-1, :-1], rows[:-1, 1:], rows[1:, 1:], rows[1:, :-1]
        self._ready.append(np.stack([a, b, c, a, c, d], 2).reshape(-1, FLOATS))


def grid_size(
    x_m: tuple[float, float], y_m: tuple[float, float], step_m: tuple[float, float]
) -> tuple[int, int]:
    """Columns and rows of a grid whose cells are about ``step_m`` wide and long."""
    return max(1, round((x_m[1] - x_m[0]) / step_m[0])), max(1, round((y_m[1] - y_m[0]) / step_m[1]))


def _yaw(degrees: float) -> Array:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s], [s, c]])


def _finished(faces: Sequence[_Face]) -> NDArray[np.float32]:
    """Triangles of many polygons of equally many corners; normals point away from each one's inside."""
    p = np.array([face[0] for face in faces], float)
    inside = np.array([face[2] for face in faces], float)
    # Newell's method: right for any planar polygon, also where corners coincide.
    after = np.roll(p, -1, axis=1)
    normal = np.cross(p, after).sum(1)
    length = np.linalg.norm(normal, axis=1)
    good = length > 1e-10
    normal[good] /= length[good, None]
    turned = (normal * (p.mean(1) - inside)).sum(1) < 0
    # Corners run counter-clockwise seen from outside: the renderer leaves out what faces away.
    p[turned], normal[turned] = p[turned, ::-1], -normal[turned]
    rows = np.empty((*p.shape[:2], FLOATS), np.float32)
    rows[..., 0:3], rows[..., 3:6] = p, normal[:, None]
    paints = [face[1] for face in faces]
    rows[..., 6:9] = np.array([paint.rgb for paint in paints])[:, None]
    rows[..., 9:11] = _flat_uv(p, normal) / np.array([paint.tile_m for paint in paints])[:, None, None]
    for i, face in enumerate(faces):
        if face[4] is not None:
            rows[i, :, 9:11] = face[4][::-1] if turned[i] else face[4]
    rows[..., 11:14] = np.array([(q.layer, q.gloss, q.glow) for q in paints])[:, None]
    rows[..., 14:17] = np.array([face[3] for face in faces])[:, None]
    fan = np.array([[0, i, i + 1] for i in range(1, p.shape[1] - 1)]).ravel()
    triangles: NDArray[np.float32] = rows[good][:, fan].reshape(-1, FLOATS)
    return triangles


def _flat_uv(p: Array, normal: Array) -> Array:
    """Metres along each face, by its dominant axis: u level, v up (or along the road on the ground)."""
    k = np.argmax(np.abs(normal), axis=1)
    axes = np.array([[1, 2], [0, 2], [0, 1]])[k]
    uv: Array = np.take_along_axis(p, np.broadcast_to(axes[:, None], (*p.shape[:2], 2)), axis=2)
    return uv
