"""Cars: sedan, hatchback, estate, off-roader and van, lofted from a handful of cross-sections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from flows.scenes.bodies import cabin
from flows.scenes.bodies.base import (
    BLACK,
    CAR_COLOURS,
    GLASS,
    HEADLIGHT,
    INDICATOR,
    METAL,
    TAILLIGHT,
    Body,
    Mount,
    Outline,
    arch,
    rolling,
    wheel,
)
from flows.scenes.bodies.crew import Crew
from flows.scenes.mesh import MeshBuilder, Paint, Station


@dataclass(frozen=True)
class Shape:
    """A car's side view; lengths along y are shares of its length, from the back (0) to the front (1).

    Attributes:
        length_m: Typical length.
        width_m: Typical width.
        height_m: Typical height.
        belt: Height of the lower edge of the windows, share of the height.
        hood: Height of the hood's front edge, share of the height.
        rear_deck: Where the rear window meets the body.
        roof_back: Back edge of the roof.
        roof_front: Front edge of the roof.
        cowl: Where the windscreen meets the hood.
        windows: Whether the rear side windows are glass (a panel van's are not).
    """

    length_m: float
    width_m: float
    height_m: float
    belt: float
    hood: float
    rear_deck: float
    roof_back: float
    roof_front: float
    cowl: float
    windows: bool = True


SHAPES = {
    "sedan": Shape(4.6, 1.80, 1.46, 0.64, 0.52, 0.14, 0.28, 0.60, 0.74),
    "hatchback": Shape(4.0, 1.74, 1.50, 0.64, 0.54, 0.03, 0.12, 0.60, 0.76),
    "estate": Shape(4.7, 1.82, 1.50, 0.63, 0.52, 0.02, 0.07, 0.60, 0.74),
    "offroad": Shape(4.7, 1.92, 1.82, 0.62, 0.58, 0.015, 0.04, 0.62, 0.73),
    "van": Shape(5.2, 1.98, 2.15, 0.56, 0.46, 0.01, 0.03, 0.68, 0.84, windows=False),
}
TOW_BALL_M, TOW_M, TOW_SEEN = 0.05, 0.13, 0.25
"""Diameter of a tow ball (ISO 1103), how far behind the plate it stands, and how steeply a camera looks down at it:
14 degrees, which a gantry does at 26 m."""
SHARES = {"sedan": 0.36, "hatchback": 0.22, "estate": 0.10, "offroad": 0.24, "van": 0.08}
"""How often each is seen."""


def make(
    rng: np.random.Generator,
    name: str | None = None,
    colour: Paint | None = None,
    adorn: Callable[[MeshBuilder, float, float, float], None] | None = None,
    crew: Crew | None = None,
) -> Body:
    """A car of a random size.

    Args:
        rng: Of all that is random here.
        name: Its shape in :data:`SHAPES`; random if None.
        colour: Its paint; random if None.
        adorn: Adds what else it carries, by its length, width and height.
        crew: Who is seen in front through its windscreen; None for dark glass.
    """
    name = name or str(rng.choice(list(SHARES), p=list(SHARES.values())))
    shape = SHAPES[name]
    length, width, height = (
        v * float(rng.uniform(0.95, 1.06)) for v in (shape.length_m, shape.width_m, shape.height_m)
    )
    paint = Paint(CAR_COLOURS[int(rng.integers(len(CAR_COLOURS)))], gloss=0.35)
    if name == "van" and rng.random() < 0.6:
        paint = Paint((0.92, 0.92, 0.92), gloss=0.25)
    paint = colour or paint
    radius = 0.30 + 0.06 * (height > 1.6)
    builder = MeshBuilder()
    _lower_body(builder, shape, length, width, height, paint, is_open=crew is not None)
    _cabin(builder, shape, length, width, height, paint, is_open=crew is not None)
    _details(builder, shape, length, width, height, paint)
    if adorn is not None:
        adorn(builder, length, width, height)
    room = _room(shape, length, width, height)
    if crew is not None:
        cabin.furnish(builder, room, crew)
    for y in (-0.30 * length, 0.305 * length):
        for side in (-1, 1):
            wheel(builder, side * (width / 2 - 0.09), y, radius, 0.20)
            arch(builder, side * (width / 2 + 0.006), y, radius + 0.07)
    return Body(
        cls="car",
        mesh=builder.build(),
        outline=_outline(shape, length, width, height),
        length_m=length,
        width_m=width,
        height_m=height,
        plates=(
            Mount((0, length / 2 + 0.035, 0.30 * height), (0.52, 0.112), True),
            Mount((0, -length / 2 - 0.035, 0.44 * height), (0.52, 0.112), False),
        ),
        limbs=rolling(radius),
        crew=crew,
        pane=cabin.pane(room, crew.glass) if crew is not None else None,
        screen_m=room.screen_m,
    )


def with_tow_bar(body: Body) -> Body:
    """The same car with a tow ball on a swan's neck behind its rear plate, as cameras from above see it."""
    (rear,) = [mount for mount in body.plates if not mount.forward]
    x, y, z = rear.centre_m
    behind_y, middle_z = y - TOW_M, z + TOW_M * TOW_SEEN - 0.01
    builder = MeshBuilder()
    builder.blob((x, behind_y, middle_z), (TOW_BALL_M / 2,) * 3, METAL)
    builder.cylinder((x, behind_y, middle_z / 2 + 0.15), 0.012, middle_z - 0.3, BLACK, sides=8)
    builder.box((x, y - TOW_M / 2 + 0.1, 0.27), (0.06, TOW_M + 0.2, 0.06), BLACK)
    return replace(body, mesh=body.mesh.joined(builder.build()))


def _lower_body(
    builder: MeshBuilder,
    shape: Shape,
    length: float,
    width: float,
    height: float,
    paint: Paint,
    is_open: bool = False,
) -> None:
    half, belt, hood = width / 2, shape.belt * height, shape.hood * height
    sill = 0.20 + 0.06 * (height > 1.6)

    def at(share: float) -> float:
        return (share - 0.5) * length

    stations = [
        Station(at(0.0), sill + 0.12, belt * 0.93, half * 0.88, half * 0.84),
        Station(at(0.035), sill, belt * 0.99, half * 0.97, half * 0.94),
        Station(at(shape.rear_deck + 0.03), sill, belt, half, half * 0.95),
        Station(at(0.5), sill, belt, half, half * 0.96),
        Station(at(shape.cowl), sill, belt * 0.98, half, half * 0.95),
        Station(at(0.94), sill, hood * 1.04, half * 0.98, half * 0.88),
        Station(at(1.0), sill + 0.08, hood * 0.93, half * 0.86, half * 0.76),
    ]
    n = len(stations) - 1
    tops: list[Paint | None] = [paint.shaded(1.04)] * n
    if is_open:  # below the cabin
        tops[2] = tops[3] = None
    builder.loft(stations, [paint] * n, tops, (paint, paint), BLACK)


def _cabin(
    builder: MeshBuilder,
    shape: Shape,
    length: float,
    width: float,
    height: float,
    paint: Paint,
    is_open: bool = False,
) -> None:
    belt, half = shape.belt * height - 0.01, width / 2
    low, high = half * 0.95, half * 0.74 if shape.windows else half * 0.86

    def at(share: float, top: float, inset: float = 1.0) -> Station:
        return Station((share - 0.5) * length, belt, top, low, low + (high - low) * inset)

    back, front = shape.roof_back, shape.roof_front
    pillar, middle = 0.02, back + 0.52 * (front - back)
    lip = belt + 0.015
    side_rear = GLASS if shape.windows else paint
    stretches: list[tuple[Station, Paint, Paint]] = [
        (at(shape.rear_deck, lip, 0.1), paint, GLASS if shape.windows else paint),
        (at(back, height * 0.985), paint, paint),
        (at(back + pillar, height * 0.99), side_rear, paint),
        (at(middle - pillar / 2, height), paint, paint),
        (at(middle + pillar / 2, height), GLASS, paint),
        (at(front - pillar, height * 0.985), paint, paint),
        (at(front, height * 0.975), paint, GLASS),
        (at(shape.cowl, lip, 0.1), paint, paint),
    ]
    stations = [s for s, _, _ in stretches]
    sides = [s for _, s, _ in stretches[:-1]]
    tops: list[Paint | None] = [t for _, _, t in stretches[:-1]]
    if is_open:
        tops[-1] = None
    builder.loft(stations, sides, tops, (GLASS, GLASS), paint)


def _room(shape: Shape, length: float, width: float, height: float) -> cabin.Room:
    """The inside of the cabin that :func:`_cabin` draws."""
    belt, half = shape.belt * height - 0.01, width / 2
    low, high = half * 0.95, half * 0.74 if shape.windows else half * 0.86
    back, front, cowl = ((share - 0.5) * length for share in (shape.roof_back, shape.roof_front, shape.cowl))
    roof, foot, sill = height * 0.975, low + (high - low) * 0.1, belt + 0.015
    screen = np.array([[foot, cowl, sill], [-foot, cowl, sill], [-high, front, roof], [high, front, roof]])
    return cabin.Room(low, high, belt, roof, back, front, cowl, screen)


def _details(
    builder: MeshBuilder, shape: Shape, length: float, width: float, height: float, paint: Paint
) -> None:
    front, back, half = length / 2, -length / 2, width / 2
    lamp_z, tail_z = 0.40 * height, 0.47 * height
    builder.box((0, front - 0.06, 0.19), (width * 0.88, 0.16, 0.20), paint.shaded(0.75))
    builder.box((0, back + 0.06, 0.24), (width * 0.90, 0.16, 0.22), paint.shaded(0.75))
    builder.box((0, front + 0.005, lamp_z - 0.10), (width * 0.42, 0.03, 0.13), BLACK)
    for side in (-1, 1):
        builder.box((side * half * 0.66, front - 0.02, lamp_z - 0.03), (0.34, 0.09, 0.13), HEADLIGHT)
        builder.box((side * half * 0.86, front - 0.06, lamp_z - 0.03), (0.06, 0.1, 0.10), INDICATOR)
        builder.box((side * half * 0.74, back + 0.01, tail_z), (0.26, 0.07, 0.15), TAILLIGHT)
        mirror = (side * (half + 0.07), (shape.cowl - 0.55) * length, shape.belt * height)
        builder.box(mirror, (0.16, 0.10, 0.13), paint)
        builder.box((side * half * 0.985, -0.02 * length, 0.50 * height), (0.03, 0.16, 0.03), METAL)


def _outline(shape: Shape, length: float, width: float, height: float) -> Outline:
    half, belt = width / 2, shape.belt * height
    outline = Outline()
    outline.block((-half, half), (-length / 2, length / 2), (0.0, shape.hood * height))
    y = [(s - 0.5) * length for s in (shape.rear_deck, shape.cowl, shape.roof_back, shape.roof_front)]
    outline.block((-half, half), (-length / 2, y[1]), (shape.hood * height, belt))
    outline.block(
        (-half * 0.95, half * 0.95), (y[0], y[1]), (belt, height), (y[2], y[3]), (-half * 0.74, half * 0.74)
    )
    return outline
