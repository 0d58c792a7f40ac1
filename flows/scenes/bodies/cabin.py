"""The inside of a car as it is seen through its windscreen: seats, people, belts, and the glass before them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from flows.scenes.bodies.crew import Colour, Crew, Glass, Occupant
from flows.scenes.mesh import FLOATS, Mesh, MeshBuilder, Paint, Point

Array = NDArray[np.float64]

PANE_CELLS = (8, 5)
"""Of the windscreen, across and up: what it mirrors changes from corner to corner."""
BELT_M = 0.052
"""Width of a belt's webbing."""
STRAP_M = 0.026
"""Width of a bag's strap."""
SHOULDER_M = 0.135
"""Shoulders of an average person above the windows' lower edge."""
HIP_M = 0.40
"""Hips below it."""
SINK_M = 0.10
"""The dashboard lies so far below it."""


@dataclass(frozen=True)
class Room:
    """Where the inside of a car is, in its own axes: x right, y forward, z up.

    Attributes:
        half_m: Half its width at the windows' lower edge.
        top_half_m: The same below the roof.
        belt_m: Height of the windows' lower edge.
        roof_m: Height of the roof.
        rear_y_m: Where the rear window begins.
        front_y_m: Upper edge of the windscreen.
        cowl_y_m: Lower edge of the windscreen.
        screen_m: ``(4, 3)`` corners of the windscreen: lower left, lower right, upper right, upper left as seen
            from the front.
    """

    half_m: float
    top_half_m: float
    belt_m: float
    roof_m: float
    rear_y_m: float
    front_y_m: float
    cowl_y_m: float
    screen_m: Array

    @property
    def chest_y_m(self) -> float:
        """Front of a chest: a little before the windscreen's upper edge."""
        return self.front_y_m - 0.02


def furnish(builder: MeshBuilder, room: Room, crew: Crew) -> None:
    """Everything inside: walls, dashboard, seats, people with their belts."""
    _walls(builder, room, crew)
    _dashboard(builder, room, crew)
    for name, side in seats(crew).items():
        _seat(builder, room, crew, side)
        who = crew.seat(name)
        if who is not None:
            _person(builder, room, crew, who, side, drives=name == "driver")
        else:
            _hanging(builder, room, crew, side)


def seats(crew: Crew) -> dict[str, int]:
    """Side of each seat: -1 on the car's left, 1 on its right."""
    left = -1 if crew.drive == "left" else 1
    return {"driver": left, "passenger": -left}


def pane(room: Room, glass: Glass) -> Mesh:
    """The windscreen, drawn last and let through: see ``GLASS_FRAGMENT`` for what its colours mean."""
    nx, ny = PANE_CELLS
    u, v = np.meshgrid(np.linspace(0, 1, nx + 1), np.linspace(0, 1, ny + 1))
    a, b, c, d = room.screen_m
    low, high = a + (b - a) * u[..., None], d + (c - d) * u[..., None]
    points = low + (high - low) * v[..., None]
    flat = np.cross(b - a, d - a)
    normal = flat / np.linalg.norm(flat)
    if normal[1] < 0:
        normal = -normal
    # Windscreens are bent: towards the sides they look aside.
    normals = np.broadcast_to(normal, points.shape) + np.stack(
        [(0.5 - u) * 0.5, np.zeros_like(u), (v - 0.5) * 0.12], -1
    )
    normals = normals / np.linalg.norm(normals, axis=-1, keepdims=True)
    rows = np.zeros((*u.shape, FLOATS), np.float32)
    rows[..., 0:3], rows[..., 3:6] = points, normals
    rows[..., 6:9] = (*glass.veil_at, glass.veil_size)
    rows[..., 9], rows[..., 10] = u, v
    rows[..., 11:14] = glass.tint, glass.mirror, glass.veil
    a_, b_, c_, d_ = rows[:-1, :-1], rows[:-1, 1:], rows[1:, 1:], rows[1:, :-1]
    # Counter-clockwise seen from the front, where u runs against x.
    return Mesh(np.stack([a_, b_, c_, a_, c_, d_], 2).reshape(-1, FLOATS))


def _paint(colour: Colour, crew: Crew) -> Paint:
    """Inside there is less light."""
    return Paint(colour).shaded(crew.light)


def _quad(builder: MeshBuilder, corners: Sequence[Point], paint: Paint, seen_from: Point) -> None:
    """A face that looks towards a point."""
    middle = np.mean(np.asarray(corners, float), axis=0)
    builder.face(corners, paint, tuple(2 * middle - np.asarray(seen_from, float)))


def _walls(builder: MeshBuilder, room: Room, crew: Crew) -> None:
    """Doors, side windows, roof lining, floor, and what is behind: all seen from inside."""
    lining, behind = _paint(crew.lining, crew), Paint(crew.rear_window)
    inside = (0.0, (room.front_y_m + room.rear_y_m) / 2, room.belt_m)
    low, belt, roof = 0.32, room.belt_m, room.roof_m - 0.03
    back, front, cowl = room.rear_y_m, room.front_y_m, room.cowl_y_m
    w, t = room.half_m - 0.03, room.top_half_m - 0.03
    for s in (-1, 1):
        door = [(s * w, back, low), (s * w, cowl, low), (s * w, cowl, belt), (s * w, back, belt)]
        _quad(builder, door, lining, inside)
        window = [(s * w, back, belt), (s * w, cowl, belt), (s * t, front, roof), (s * t, back, roof)]
        _quad(builder, window, behind, inside)
        middle = (front + back) / 2 - 0.05
        post = [(s * (w - 0.01), middle - 0.09, belt), (s * (w - 0.01), middle + 0.03, belt)]
        post += [(s * (t - 0.01), middle + 0.03, roof), (s * (t - 0.01), middle - 0.09, roof)]
        _quad(builder, post, lining, inside)
    _quad(builder, [(-t, back, roof), (t, back, roof), (t, front, roof), (-t, front, roof)], lining, inside)
    _quad(builder, [(-w, back, low), (w, back, low), (w, cowl, low), (-w, cowl, low)], lining, inside)
    _quad(builder, [(-w, back, low), (w, back, low), (w, back, belt), (-w, back, belt)], lining, inside)
    _quad(builder, [(-w, back, belt), (w, back, belt), (t, back, roof), (-t, back, roof)], behind, inside)
    # The row of seats behind.
    seat = _paint(crew.seats, crew).shaded(0.8)
    y = max(back + 0.15, room.chest_y_m - 1.15)
    builder.box((0, y, low), (1.7 * w, 0.15, belt + 0.06 - low), seat)
    for x in (-0.5 * w, 0.5 * w):
        builder.box((x, y, belt + 0.06), (0.24, 0.10, 0.12), seat)


def _dashboard(builder: MeshBuilder, room: Room, crew: Crew) -> None:
    dash = _paint((0.16, 0.16, 0.17), crew)
    w, top = 2 * room.half_m - 0.1, room.belt_m - SINK_M
    y = (room.cowl_y_m + room.chest_y_m + 0.42) / 2
    builder.box((0, y, top - 0.35), (w, max(0.1, room.cowl_y_m - room.chest_y_m - 0.42), 0.35), dash)
    side = seats(crew)["driver"]
    x, wheel = side * 0.42 * room.half_m, _paint((0.08, 0.08, 0.09), crew)
    turn = np.arange(13) * 2 * np.pi / 12
    for a, b in pairwise(turn):
        p, q = (_on_wheel(room, x, t) for t in (a, b))
        _ribbon(builder, [p, q], 0.035, wheel)
    builder.cylinder((x, room.chest_y_m + 0.36, top + 0.02), 0.06, 0.06, wheel, axis="y", sides=8)
    mirror = (0.0, room.front_y_m + 0.10, room.roof_m - 0.16)
    builder.box(mirror, (0.22, 0.03, 0.07), _paint((0.10, 0.10, 0.11), crew))


def _on_wheel(room: Room, x_m: float, turn: float) -> tuple[float, float, float]:
    up = 0.18 * np.sin(turn)
    z = room.belt_m - SINK_M + 0.02 + up * 0.85
    return (x_m + 0.18 * float(np.cos(turn)), room.chest_y_m + 0.36 + 0.4 * float(up), float(z))


def _seat(builder: MeshBuilder, room: Room, crew: Crew, side: int) -> None:
    paint = _paint(crew.seats, crew)
    x, y = side * 0.44 * room.half_m, room.chest_y_m - 0.24
    low, high = room.belt_m - HIP_M, room.belt_m + SHOULDER_M + 0.02
    builder.frustum((x, y + 0.05, low), (0.50, 0.14), (x, y - 0.04, high), (0.42, 0.10), paint, paint)
    builder.box((x, y - 0.06, high + 0.03), (0.26, 0.09, 0.17), paint.shaded(0.95))
    for post in (-0.07, 0.07):
        builder.box((x + post, y - 0.05, high), (0.02, 0.02, 0.04), _paint((0.4, 0.4, 0.4), crew))


@dataclass(frozen=True)
class _Figure:
    """Somebody seated: the front of the chest, where belts lie on it, and the shoulders."""

    x_m: float
    y_m: float
    hip_m: float
    shoulder_m: float
    half_m: float

    def on_chest(self, across: float, up: float, off_m: float = 0.0) -> tuple[float, float, float]:
        """A point before the chest: ``across`` from -1 to 1 of its half width, ``up`` from hip (0) to shoulder."""
        # The chest is round: its sides lie farther back.
        y = self.y_m + 0.02 - 0.05 * across * across - 0.06 * max(0.0, up - 0.75) / 0.25 + off_m
        wide = self.half_m * (0.86 + 0.14 * up)
        return (self.x_m + across * wide, y, self.hip_m + up * (self.shoulder_m - self.hip_m))


def _person(builder: MeshBuilder, room: Room, crew: Crew, who: Occupant, side: int, drives: bool) -> None:
    top, skin, hair = (_paint(c, crew) for c in (who.top, who.skin, who.hair))
    shoulder = room.belt_m + SHOULDER_M + who.tall_m
    figure = _Figure(
        side * 0.44 * room.half_m + who.lean_m,
        room.chest_y_m,
        room.belt_m - HIP_M,
        shoulder,
        0.215 * who.build,
    )
    _torso(builder, figure, top)
    _pattern(builder, figure, who, crew)
    head_y = figure.y_m - 0.13
    size = 0.098
    builder.cylinder((figure.x_m, head_y, shoulder + 0.04), 0.055, 0.12, skin, sides=8)
    centre = (figure.x_m, head_y + 0.02, shoulder + 0.05 + size * 1.25)
    builder.blob(centre, (size * 0.80, size, size * 1.22), skin, rings=7, sides=10)
    crown = (centre[0], centre[1] - 0.035, centre[2] + size * 0.34)
    builder.blob(crown, (size * 0.90, size, size * 0.98), hair, rings=7, sides=10)
    if crew.light > 0.5:  # eyes and mouth: a face is not a ball
        for x in (-0.034, 0.034):
            builder.box(
                (centre[0] + x, centre[1] + size - 0.012, centre[2] + 0.008), (0.024, 0.02, 0.012), hair
            )
        builder.box(
            (centre[0], centre[1] + size - 0.02, centre[2] - 0.06), (0.04, 0.02, 0.01), skin.shaded(0.7)
        )
    _arms(builder, room, figure, who, top, skin, side, drives)
    if who.belted:
        _belt(builder, figure, crew, side)
    else:
        _hanging(builder, room, crew, side)
    _extra(builder, figure, who, crew, side)


def _torso(builder: MeshBuilder, figure: _Figure, paint: Paint) -> None:
    """Rings round the chest, closed at the shoulders."""
    ups = (0.0, 0.4, 0.75, 0.92, 1.0)
    across = (-1.0, -0.6, 0.0, 0.6, 1.0)
    middle = (figure.x_m, figure.y_m - 0.12, (figure.hip_m + figure.shoulder_m) / 2)
    slope = {0.92: 0.93, 1.0: 0.62}

    def at(a: float, u: float) -> tuple[float, float, float]:
        x, y, z = figure.on_chest(a * slope.get(u, 1.0), u)
        return (x, y, z + (0.0 if u < 1.0 else 0.03 * (1 - a * a)))

    for low, high in pairwise(ups):
        for a, b in pairwise(across):
            shade = 1.0 - 0.10 * abs(a + b) / 2
            builder.face([at(a, low), at(b, low), at(b, high), at(a, high)], paint.shaded(shade), middle)
        for a in (-1.0, 1.0):
            p, q = at(a, low), at(a, high)
            back = [(p[0], p[1] - 0.16, p[2]), (q[0], q[1] - 0.14, q[2])]
            builder.face([p, q, back[1], back[0]], paint.shaded(0.8), middle)
    lid = [at(a, 1.0) for a in across]
    rear = [(x, y - 0.14, z) for x, y, z in lid]
    for i in range(len(lid) - 1):
        builder.face([lid[i], lid[i + 1], rear[i + 1], rear[i]], paint.shaded(1.05), middle)


def _arms(
    builder: MeshBuilder,
    room: Room,
    figure: _Figure,
    who: Occupant,
    top: Paint,
    skin: Paint,
    side: int,
    drives: bool,
) -> None:
    sleeve = top.shaded(0.92)
    wheel_x = side * 0.42 * room.half_m
    for arm in (-1, 1):
        shoulder = figure.on_chest(arm * 1.02, 0.93, -0.06)
        if who.extra == "hand" and arm == side:
            elbow = figure.on_chest(arm * 1.15, 0.45, 0.12)
            hand = (figure.x_m + arm * 0.08, figure.y_m + 0.02, figure.shoulder_m + 0.12)
        elif drives:
            elbow = figure.on_chest(arm * 1.25, 0.45, 0.12)
            hand = (wheel_x + arm * 0.17, room.chest_y_m + 0.34, room.belt_m - SINK_M + 0.06)
        else:
            elbow = figure.on_chest(arm * 1.2, 0.35, 0.02)
            hand = figure.on_chest(arm * 0.3, 0.05, 0.18)
        _limb(builder, shoulder, elbow, 0.055, sleeve)
        _limb(builder, elbow, hand, 0.042, sleeve)
        builder.blob(hand, (0.045, 0.045, 0.05), skin, rings=4, sides=6)


def _limb(builder: MeshBuilder, a: Point, b: Point, radius_m: float, paint: Paint) -> None:
    """A square rod from one point to another."""
    p, q = np.asarray(a, float), np.asarray(b, float)
    along = (q - p) / max(float(np.linalg.norm(q - p)), 1e-6)
    aside = np.cross(along, (0.0, 1.0, 0.2))
    aside /= np.linalg.norm(aside)
    up = np.cross(aside, along)
    ring = [radius_m * (s * aside + t * up) for s, t in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    middle = (p + q) / 2
    for i in range(4):
        j = (i + 1) % 4
        builder.face(np.stack([p + ring[i], p + ring[j], q + ring[j], q + ring[i]]), paint, middle)
    builder.face(np.stack([q + r for r in ring]), paint, middle)
    builder.face(np.stack([p + r for r in ring]), paint, middle)


def _ribbon(
    builder: MeshBuilder, line: Sequence[tuple[float, float, float]], width_m: float, paint: Paint
) -> None:
    """A band along a line that lies flat towards the front."""
    points = np.array(line, float)
    step = np.gradient(points, axis=0)
    aside = np.cross(step, (0.0, 1.0, 0.0))
    aside *= width_m / 2 / np.maximum(np.linalg.norm(aside, axis=1, keepdims=True), 1e-9)
    for i in range(len(points) - 1):
        corners = [points[i] - aside[i], points[i] + aside[i], points[i + 1] + aside[i + 1]]
        corners.append(points[i + 1] - aside[i + 1])
        middle = np.mean(corners, axis=0)
        builder.face(np.stack(corners), paint, (middle[0], middle[1] - 1, middle[2] - 0.3))


def _belt(builder: MeshBuilder, figure: _Figure, crew: Crew, side: int) -> None:
    """From the door's post over the outer shoulder across the chest to the buckle at the inner hip."""
    post = (figure.x_m + side * 0.27, figure.y_m - 0.20, figure.shoulder_m + 0.13)
    over = figure.on_chest(side * 0.50, 1.0, -0.02)
    line = [post, (over[0], over[1], over[2] + 0.045)]
    ways = np.linspace(0.93, 0.0, 7)
    line += [figure.on_chest(side * (0.45 - 1.25 * (0.93 - up) / 0.93), float(up), 0.022) for up in ways]
    _ribbon(builder, line, BELT_M, _paint(crew.belt, crew))


def _hanging(builder: MeshBuilder, room: Room, crew: Crew, side: int) -> None:
    """A belt that is not worn hangs down beside the seat."""
    x, y = side * (0.44 * room.half_m + 0.30), room.chest_y_m - 0.20
    top = room.belt_m + SHOULDER_M + 0.13
    line = [(x, y, top), (x + side * 0.01, y + 0.01, room.belt_m - HIP_M)]
    _ribbon(builder, line, BELT_M * 0.7, _paint(crew.belt, crew))


def _extra(builder: MeshBuilder, figure: _Figure, who: Occupant, crew: Crew, side: int) -> None:
    paint = _paint(who.extra_colour, crew)
    if who.extra == "strap":
        # Of a bag: from the neck, thin, mostly over the inner shoulder; nothing leads to the door's post.
        way = -side if who.lean_m >= -0.012 * side else side
        ways = np.linspace(0.99, 0.0, 6)
        line = [figure.on_chest(way * (0.34 - 0.95 * (0.99 - up)), float(up), 0.02) for up in ways]
        _ribbon(builder, line, STRAP_M, paint)
    if who.extra == "scarf":
        neck = figure.shoulder_m + 0.035
        builder.cylinder((figure.x_m, figure.y_m - 0.10, neck), 0.085, 0.07, paint, sides=10)
        for x in (-0.045, 0.05):
            end = figure.on_chest(x / figure.half_m * 1.6, 0.35, 0.02)
            _ribbon(builder, [(figure.x_m + x, figure.y_m - 0.01, neck), end], 0.075, paint)


def _pattern(builder: MeshBuilder, figure: _Figure, who: Occupant, crew: Crew) -> None:
    if not who.pattern:
        return
    paint = _paint(who.pattern_colour, crew)
    if who.pattern in ("stripes", "checks"):
        for up in np.linspace(0.12, 0.88, 7):
            line = [figure.on_chest(a, float(up), 0.008) for a in (-0.98, -0.5, 0.0, 0.5, 0.98)]
            _ribbon(builder, line, 0.024, paint)
    if who.pattern == "checks":
        for a in (-0.75, -0.38, 0.0, 0.38, 0.75):
            line = [figure.on_chest(a, float(up), 0.008) for up in np.linspace(0.02, 0.93, 4)]
            _ribbon(builder, line, 0.020, paint)
    if who.pattern == "diagonal":
        for start in np.linspace(-0.9, 1.9, 8):
            ups = [float(up) for up in np.linspace(0.05, 0.92, 5)]
            places = [(float(start) - (1 - up), up) for up in ups]
            shown = [figure.on_chest(a, up, 0.008) for a, up in places if -0.98 <= a <= 0.98]
            if len(shown) > 1:
                _ribbon(builder, shown, 0.028, paint)
