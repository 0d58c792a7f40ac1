"""Boxes and visibility of a frame, from geometry alone: no rendering, no guess."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from flows.road.geometry import hull
from flows.scenes.bodies.base import bent
from flows.scenes.camera import NEAR_M, PinholeCamera
from flows.scenes.truth import ObjectTruth
from flows.scenes.world import Actor, State

Array = NDArray[np.float64]

MIN_VISIBLE = 0.5
"""Less of a thing than this is not asked of a detector, nor a box lower than ``MIN_HEIGHT`` of the picture.

As benchmarks do: KITTI's moderate level asks for 25 px (of about 375) and a partly hidden thing, Caltech's
reasonable set for 50 px (of 480) and 65 % in sight.
"""
MIN_HEIGHT = 25 / 720
RASTER_PX = 80.0
"""Visibility is counted on a raster on which the thing itself is so large: about 1 % accurate."""


@dataclass(frozen=True, eq=False)
class Solid:
    """A thing on the ground as occlusion sees it.

    Attributes:
        faces: ``(N, 4, 3)`` corners in the world, metres.
        plan_m: ``(M, 2)`` convex plan, counter-clockwise.
    """

    faces: Array
    plan_m: Array


@dataclass(frozen=True, eq=False)
class Still:
    """A tree or pole that may stand before things.

    Attributes:
        parts: ``(N, 3)`` corners of each convex part, metres.
        plan_m: ``(M, 2)`` convex plan of its foot, counter-clockwise.
    """

    parts: tuple[Array, ...]
    plan_m: Array


@dataclass(frozen=True, eq=False)
class Plan:
    """A convex plan on the ground with its edges' half-planes.

    Attributes:
        middle_m: ``(2,)`` mean of the corners.
        corners_m: ``(M, 2)`` counter-clockwise.
        outward: ``(M, 2)`` normal of each edge.
        offset: ``(M,)``: a point is beyond an edge where ``outward @ point > offset``.
    """

    middle_m: Array
    corners_m: Array
    outward: Array
    offset: Array

    @classmethod
    def of(cls, corners_m: Array) -> Plan:
        """The plan with corners ``(M, 2)``, counter-clockwise."""
        edge = np.concatenate([corners_m[1:], corners_m[:1]]) - corners_m
        outward = np.stack([edge[:, 1], -edge[:, 0]], -1)
        return cls(corners_m.mean(0), corners_m, outward, (outward * corners_m).sum(1))


@dataclass(frozen=True, eq=False)
class _Seen:
    """A thing as the camera sees it: polygons in the picture, one after the other."""

    plan: Plan
    corners_px: Array
    ends: list[int]
    """Where in ``corners_px`` each polygon ends."""
    box: Array
    still: bool

    @classmethod
    def of(cls, plan_m: Array, polygons: Sequence[Array], still: bool) -> _Seen | None:
        if not polygons:
            return None
        corners = np.concatenate(polygons)
        ends = np.cumsum([len(polygon) for polygon in polygons]).tolist()
        box = np.concatenate([corners.min(0), corners.max(0)])
        return cls(Plan.of(plan_m), corners, ends, box, still)


class Annotator:
    """Annotates frames of one fixed camera.

    Args:
        camera: Exact pinhole.
        still: Trees and poles that may stand before things.
    """

    def __init__(self, camera: PinholeCamera, still: Sequence[Still] = ()) -> None:
        self._camera = camera
        self._parked: dict[int, tuple[Array, _Seen] | None] = {}
        self._unmoved: dict[int, float] = {}
        self._still = [seen for thing in still if (seen := self._outlined(thing)) is not None]

    def objects(self, states: Sequence[tuple[Actor, State]]) -> tuple[ObjectTruth, ...]:
        """Everything of which at least a corner lies in the picture, in order of track."""
        present: list[tuple[Actor, State, Array, _Seen]] = []
        for actor, state in states:
            found = self._parked.get(actor.track) if actor.parked else self._find(actor, state)
            if actor.parked and actor.track not in self._parked:
                found = self._parked[actor.track] = self._find(actor, state)
            if found is not None:
                present.append((actor, state, *found))
        others = [seen for _, _, _, seen in present] + self._still
        boxes = np.array([seen.box for seen in others]).reshape(-1, 4)
        return tuple(
            self._object(a, s, box, self._visible(seen, others, boxes)) for a, s, box, seen in present
        )

    def _find(self, actor: Actor, state: State) -> tuple[Array, _Seen] | None:
        box = self._box(actor, state)
        seen = self._look(solid_of(actor, state), actor.parked) if box is not None else None
        return (box, seen) if box is not None and seen is not None else None

    def _object(self, actor: Actor, state: State, box: Array, visible: float) -> ObjectTruth:
        low = box[3] - box[1] < MIN_HEIGHT * self._camera.height_px
        x0, y0, x1, y1 = (float(v) for v in box)
        return ObjectTruth(
            track=actor.track,
            cls=actor.body.cls,
            xyxy=(x0, y0, x1, y1),
            visible=visible,
            ignore=bool(low or visible < MIN_VISIBLE),
            x_m=state.x_m,
            y_m=state.y_m,
            speed_kmh=state.speed_mps * 3.6,
            heading_deg=state.heading_deg,
            plate=actor.plate,
        )

    def _box(self, actor: Actor, state: State) -> Array | None:
        """The silhouette's tight box clipped to the picture, or nothing."""
        camera, body, pose = self._camera, actor.body, state.pose
        reach = body.length_m + body.height_m
        if camera.to_camera(pose[:3, 3])[2] < -reach:
            return None
        angles = body.limbs(state.gone_m, state.speed_mps)
        points, limbs = body.shape
        local = camera.to_camera(_above_ground(_moved(bent(points, limbs, angles), pose)))
        if (local[:, 2] < NEAR_M).any():
            ends, end_limbs = body.edges
            local = _before_lens(camera.to_camera(_above_ground(_moved(bent(ends, end_limbs, angles), pose))))
            if not len(local):
                return None
        px = camera.to_pixels(local)
        size = (camera.width_px, camera.height_px)
        low, high = np.clip(px.min(0), 0, size), np.clip(px.max(0), 0, size)
        return np.concatenate([low, high]) if (high - low > 1e-6).all() else None

    def _look(self, solid: Solid, still: bool) -> _Seen | None:
        local = self._camera.to_camera(solid.faces)
        # Faces run counter-clockwise seen from outside; camera axes are right-handed too.
        a, b, c = local[:, 0], local[:, 1], local[:, 2]
        towards = np.linalg.det(np.stack([b - a, c - a, a], 1)) < 0
        local = local[towards]
        behind = (local[..., 2] < NEAR_M).any(1)
        polygons = list(self._camera.to_pixels(local[~behind]))
        for face in local[behind]:
            cut = _cut(face)
            if len(cut) > 2:
                polygons.append(self._camera.to_pixels(cut))
        return _Seen.of(solid.plan_m, polygons, still)

    def _outlined(self, thing: Still) -> _Seen | None:
        views = [self._camera.project(part) for part in thing.parts]
        return _Seen.of(thing.plan_m, [hull(px) for px in views if not np.isnan(px).any()], still=True)

    def _visible(self, seen: _Seen, others: Sequence[_Seen], boxes: Array) -> float:
        camera = self._camera
        size = np.array([camera.width_px, camera.height_px], float)
        low, high = seen.box[:2], seen.box[2:]
        overlap = np.flatnonzero((boxes[:, :2] < high).all(1) & (boxes[:, 2:] > low).all(1)).tolist()
        near = [others[i] for i in overlap if others[i] is not seen]
        eye = camera.position_m[:2]
        moving = [other for other in near if not other.still and in_front(other.plan, seen.plan, eye)]
        if seen.still and not moving and id(seen) in self._unmoved:
            return self._unmoved[id(seen)]
        still = [other for other in near if other.still and in_front(other.plan, seen.plan, eye)]
        share = self._share(seen, moving + still, size)
        if seen.still and not moving:
            self._unmoved[id(seen)] = share
        return share

    def _share(self, seen: _Seen, before: Sequence[_Seen], size: Array) -> float:
        """Share of ``seen`` that is in the picture of ``size`` and not covered by those ``before`` it."""
        low, high = seen.box[:2], seen.box[2:]
        if not before and (low >= 0).all() and (high <= size).all():
            return 1.0
        # Of what lies far outside the picture only the share matters: three pictures' width is enough.
        low, high = np.maximum(low, -3 * size), np.minimum(high, 4 * size)
        scale = RASTER_PX / max(float((high - low).max()), 1e-6)
        cells = np.ceil((high - low) * scale).astype(int) + 1
        image = Image.new("L", (int(cells[0]), int(cells[1])))
        draw = ImageDraw.Draw(image)
        _fill(draw, seen, low, scale, 255)
        total = int(np.count_nonzero(np.asarray(image)))
        for other in before:
            _fill(draw, other, low, scale, 0)
        left = np.asarray(image)
        edges = np.clip(np.round((np.concatenate([np.zeros(2), size]) - np.tile(low, 2)) * scale), 0, 1e6)
        x0, y0, x1, y1 = edges.astype(int)
        return int(np.count_nonzero(left[y0:y1, x0:x1])) / total if total else 0.0


def solid_of(actor: Actor, state: State) -> Solid:
    """The coarse solid of an actor at a moment."""
    body = actor.body
    angles = body.limbs(state.gone_m, state.speed_mps)
    faces = _moved(bent(body.outline.faces, body.outline.limbs, angles), state.pose)
    return Solid(faces, footprint(state, body.length_m, body.width_m))


def footprint(state: State, length_m: float, width_m: float) -> Array:
    """Corners of a body's plan ``(4, 2)``, counter-clockwise, metres."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (width_m / 2, length_m / 2)
    pose = state.pose
    plan: Array = corners @ pose[:2, :2].T + pose[:2, 3]
    return plan


def in_front(a: Plan, b: Plan, eye: Array) -> bool:
    """Whether ``a`` may hide ``b`` from ``eye`` (plan metres).

    Two plans that do not touch have an edge of one of them that parts them; whoever shares the eye's side
    of it cannot be hidden by the other. Where they do touch, the nearer middle is in front.
    """
    for plan, other, flip in ((a, b, False), (b, a, True)):
        parted = (other.corners_m @ plan.outward.T >= plan.offset - 1e-9).all(0)
        if parted.any():
            k = int(parted.argmax())
            own_side = float(plan.outward[k] @ eye) <= float(plan.offset[k])
            return own_side != flip
    return bool(np.linalg.norm(a.middle_m - eye) < np.linalg.norm(b.middle_m - eye))


def _moved(points: Array, pose: Array) -> Array:
    moved: Array = points @ pose[:3, :3].T + pose[:3, 3]
    return moved


def _above_ground(world: Array) -> Array:
    """What the road hides is not part of the silhouette: wheel arches reach a few centimetres below it."""
    seen = world.copy()
    seen[..., 2] = np.maximum(seen[..., 2], 0.0)
    return seen


def _before_lens(ends: Array) -> Array:
    """Of edges ``(2, N, 3)`` in camera axes, the ends before the near plane and where edges pierce it."""
    a, b = ends
    crossing = (a[:, 2] >= NEAR_M) != (b[:, 2] >= NEAR_M)
    p, q = a[crossing], b[crossing]
    share = (NEAR_M - p[:, 2:]) / (q[:, 2:] - p[:, 2:])
    return np.concatenate([a[a[:, 2] >= NEAR_M], p + share * (q - p)])


def _cut(face: Array) -> Array:
    """The part ``(M, 3)`` of a polygon in camera axes that lies before the near plane."""
    kept = []
    for p, q in zip(face, np.roll(face, -1, axis=0), strict=True):
        if p[2] >= NEAR_M:
            kept.append(p)
        if (p[2] >= NEAR_M) != (q[2] >= NEAR_M):
            kept.append(p + (NEAR_M - p[2]) / (q[2] - p[2]) * (q - p))
    return np.array(kept).reshape(-1, 3)


def _fill(draw: ImageDraw.ImageDraw, seen: _Seen, low: Array, scale: float, value: int) -> None:
    flat = ((seen.corners_px - low) * scale).ravel().tolist()
    start = 0
    for end in seen.ends:
        draw.polygon(flat[2 * start : 2 * end], fill=value)
        start = end
