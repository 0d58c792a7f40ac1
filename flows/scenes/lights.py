"""Traffic lights: what they show when, what they look like, and where the camera sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from flows.domain.ruleset import SignalConfig
from flows.domain.signals import Phase
from flows.scenes.camera import PinholeCamera
from flows.scenes.mesh import Mesh, MeshBuilder, Paint

Array = NDArray[np.float64]

LENS_M = 0.15
"""Radius of a lamp: 300 mm lenses, as on wide roads."""
PITCH_M = 0.36
"""Between the middles of two lamps."""
CASE = Paint((0.10, 0.11, 0.11), gloss=0.05)
BOARD = Paint((0.07, 0.07, 0.07))
RIM = Paint((0.92, 0.92, 0.90))
DARK = {"red": (0.20, 0.05, 0.05), "amber": (0.22, 0.15, 0.05), "green": (0.04, 0.16, 0.10)}
LIT = {"red": (1.0, 0.10, 0.06), "amber": (1.0, 0.62, 0.06), "green": (0.10, 0.98, 0.55)}
BRIGHT = 3.0
"""How much brighter than a white wall a lit lamp is in the picture."""
MARGIN_PX = 1.5
"""Between a head and the region that a person draws around it."""
LAMPS: dict[Phase, tuple[str, ...]] = {
    "red": ("red",),
    "red_amber": ("red", "amber"),
    "amber": ("amber",),
    "green": ("green",),
    "off": (),
    "unknown": (),
}


@dataclass(frozen=True)
class Programme:
    """What a light shows over time, again and again.

    Attributes:
        steps: Phases and how long each lasts, s.
        begins_s: Scene time at which the first one begins.
    """

    steps: tuple[tuple[Phase, float], ...]
    begins_s: float = 0.0

    def at(self, t_s: float) -> tuple[Phase, float]:
        """The phase at a scene time, and since which scene time it lasts.

        >>> Programme((("red", 4.0), ("green", 6.0)), begins_s=1.0).at(12.0)
        ('red', 11.0)
        """
        cycle_s = sum(lasts_s for _, lasts_s in self.steps)
        since_s = self.begins_s + (t_s - self.begins_s) // cycle_s * cycle_s
        for phase, lasts_s in self.steps:
            if t_s < since_s + lasts_s:
                return phase, since_s
            since_s += lasts_s
        return self.steps[0][0], since_s  # rounding at the cycle's end

    def spells(self, phase: Phase, until_s: float) -> list[tuple[float, float]]:
        """From when to when it shows ``phase``, as far as that begins before ``until_s``."""
        found, t_s = [], self.begins_s
        cycle_s = sum(lasts_s for _, lasts_s in self.steps)
        while t_s > -cycle_s:
            t_s -= cycle_s
        while t_s < until_s:
            for shown, lasts_s in self.steps:
                if shown == phase and t_s + lasts_s > 0 and t_s < until_s:
                    found.append((t_s, t_s + lasts_s))
                t_s += lasts_s
        return found


@dataclass(frozen=True, eq=False)
class Light:
    """One head that faces the camera's side of the street (towards -y).

    Attributes:
        name: In the site file.
        head: ``vertical`` with three lamps, or ``arrow`` with a green arrow only.
        programme: What it shows.
        at_m: Middle of the head's front.
    """

    name: str
    head: Literal["vertical", "arrow"]
    programme: Programme
    at_m: tuple[float, float, float]

    @property
    def size_m(self) -> tuple[float, float]:
        """Width and height of the case."""
        return (0.42, 1.14) if self.head == "vertical" else (0.42, 0.42)

    def lamps_m(self) -> dict[str, tuple[float, float, float]]:
        """Middle of each lamp, by colour."""
        x, y, z = self.at_m
        if self.head == "arrow":
            return {"green": (x, y - 0.02, z)}
        return {c: (x, y - 0.02, z + PITCH_M * k) for c, k in (("red", 1), ("amber", 0), ("green", -1))}

    def shown(self, t_s: float) -> tuple[str, ...]:
        """Colours that are lit."""
        return LAMPS[self.programme.at(t_s)[0]]

    def build(self, builder: MeshBuilder) -> None:
        """The case with its dark lamps and hoods."""
        (x, y, z), (wide, high) = self.at_m, self.size_m
        if self.head == "vertical":
            builder.box((x, y + 0.16, z - high / 2 - 0.13), (wide + 0.30, 0.03, high + 0.26), BOARD)
            builder.box((x, y + 0.18, z - high / 2 - 0.17), (wide + 0.38, 0.02, high + 0.34), RIM)
        builder.box((x, y + 0.09, z - high / 2), (wide, 0.18, high), CASE)
        for colour, middle in self.lamps_m().items():
            builder.face(_disc(middle, LENS_M), Paint(DARK[colour], gloss=0.15), (x, y + 1, z))
            builder.box((middle[0], y - 0.07, middle[2] + LENS_M), (2.1 * LENS_M, 0.16, 0.02), CASE)

    def lit(self, colour: str, night: float) -> Mesh:
        """A lit lamp of ``colour``, as bright by day as by night (``night`` is the look's)."""
        builder = MeshBuilder()
        x, y, z = self.lamps_m()[colour]
        paint = Paint(LIT[colour], glow=BRIGHT / max(night, 0.02))
        middle = (x, y - 0.015, z)
        if self.head == "arrow":
            for part in _arrow(middle):
                builder.face(part, paint, (x, y + 1, z))
        else:
            builder.face(_disc(middle, LENS_M), paint, (x, y + 1, z))
        return builder.build()

    def config(self, camera: PinholeCamera) -> SignalConfig:
        """As a site file has it: the head's region in the picture."""
        (x, y, z), (wide, high) = self.at_m, self.size_m
        corners = [(x + sx * wide / 2, y, z + sz * high / 2) for sx in (-1, 1) for sz in (-1, 1)]
        px = camera.project(np.array(corners))
        (u0, v0), (u1, v1) = px.min(0) - MARGIN_PX, px.max(0) + MARGIN_PX
        region = tuple(round(float(v), 1) for v in (u0, v0, u1, v1))
        return SignalConfig(name=self.name, region_px=region, head=self.head)  # type: ignore[arg-type]


def mast(builder: MeshBuilder, foot_m: tuple[float, float], height_m: float, reach_m: float) -> None:
    """A post beside the road with an arm over it that carries heads; ``reach_m`` to the left is negative."""
    pole = Paint((0.42, 0.43, 0.44), gloss=0.1)
    x, y = foot_m
    builder.cylinder((x, y, height_m / 2), 0.12, height_m, pole, sides=8, top_radius_m=0.09)
    builder.box((x + reach_m / 2, y, height_m - 0.15), (abs(reach_m), 0.12, 0.12), pole)


def _disc(middle: tuple[float, float, float], radius_m: float, sides: int = 14) -> Array:
    turn = np.arange(sides) * 2 * np.pi / sides
    x, z = middle[0] + radius_m * np.cos(turn), middle[2] + radius_m * np.sin(turn)
    return np.column_stack([x, np.full(sides, middle[1]), z])


def _arrow(middle: tuple[float, float, float]) -> list[Array]:
    """An arrow to the right: its shaft and its head."""
    x, y, z = middle
    shaft = [(-0.13, -0.035), (0.02, -0.035), (0.02, 0.035), (-0.13, 0.035)]
    head = [(0.0, -0.12), (0.14, 0.0), (0.0, 0.12)]
    return [np.array([(x + dx, y, z + dz) for dx, dz in part]) for part in (shaft, head)]
