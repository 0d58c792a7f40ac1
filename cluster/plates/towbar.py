"""A tow ball on its neck before a plate: a part of one character is hidden, in every picture of the vehicle."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from cluster.plates.looks import Plate

Corners = NDArray[np.float64]

BALL_MM, NECK_MM = 50.0, (18.0, 30.0)
"""Diameter of the ball (ISO 1103), and of the neck below it; plates are drawn one pixel a millimetre."""
TOP = (0.30, 0.75)
"""How far up its line's characters the ball reaches, as a share of their height: below, nearly nothing is hidden."""
ASIDE_MM = 12.0
"""From the middle of a character to the middle of the ball, at most."""
SHIFT_MM = 4.0
"""The ball stands nearer to the camera than the plate: from view to view it shifts against it by about so much."""
CHARACTER_MM = (9, 90)
"""Least and greatest width of a character; what is narrower is a line, what is wider a strip or a flag."""
BELOW_MM = 60.0
"""The neck goes on below the plate's edge."""
TONES = ((28, 28, 30), (70, 70, 72), (170, 172, 175), (190, 40, 35))
"""Black paint, grease, bare steel, a red cap."""


@dataclass(frozen=True, slots=True)
class TowBar:
    """Where a ball stands before a plate, in the plate's own millimetres.

    Attributes:
        at_mm: Middle of the ball.
        neck_mm: Width of its neck.
        tone: Its colour.
    """

    at_mm: tuple[float, float]
    neck_mm: float
    tone: tuple[int, int, int]

    def shifted(self, rng: np.random.Generator) -> TowBar:
        """The same one seen from a little farther on."""
        x, y = self.at_mm
        dx, dy = rng.normal(0, SHIFT_MM, 2)
        return replace(self, at_mm=(x + float(dx), y + float(dy)))

    def draw(self, picture: Image.Image, plate: Plate, corners: Corners) -> None:
        """Draws it over a plate that lies at these corners ``(4, 2)`` px, clockwise from the top left."""
        x, y = self.at_mm
        tall = plate.picture.shape[0]
        half, radius = self.neck_mm / 2, BALL_MM / 2
        neck = np.array(
            [(x - half, y), (x + half, y), (x + half, tall + BELOW_MM), (x - half, tall + BELOW_MM)]
        )
        round_ = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        ball = np.column_stack([x + radius * np.cos(round_), y + radius * np.sin(round_)])
        light = np.array([(x - 0.35 * radius, y - 0.35 * radius)])
        scale = 4  # drawn larger and shrunk, for soft edges
        big = Image.new("RGBA", (picture.width * scale, picture.height * scale))
        draw = ImageDraw.Draw(big)

        def there(points_mm: NDArray[np.float64]) -> list[tuple[float, float]]:
            px = on_picture(points_mm, plate, corners) * scale
            return [(float(u), float(v)) for u, v in px]

        dark = tuple(int(0.7 * c) for c in self.tone)
        draw.polygon(there(neck), fill=(*dark, 255))
        draw.polygon(there(ball), fill=(*self.tone, 255))
        (u, v), spot = there(light)[0], scale * float(np.linalg.norm(corners[1] - corners[0])) / 60
        bright = tuple(min(255, c + 60) for c in self.tone)
        draw.ellipse((u - spot, v - spot, u + spot, v + spot), fill=(*bright, 255))
        small = big.resize(picture.size, Image.Resampling.BOX)
        picture.paste(small, (0, 0), small)


def on_picture(points_mm: NDArray[np.float64], plate: Plate, corners: Corners) -> NDArray[np.float64]:
    """Points of a plate ``(N, 2)``, or of its plane, in a picture's pixels: bilinear in its corners."""
    height, width = plate.picture.shape[:2]
    u, v = (points_mm / (width, height)).T[:, :, None]
    top = corners[0] + u * (corners[1] - corners[0])
    bottom = corners[3] + u * (corners[2] - corners[3])
    return np.asarray(top + v * (bottom - top))


def before(plate: Plate, rng: np.random.Generator) -> TowBar:
    """A tow bar that hides a part of one character of a plate's lowest line.

    Raises:
        ValueError: If no character is found on the plate.
    """
    found = characters(plate)
    if not found:
        raise ValueError("a plate with characters was expected, none was found on this one")
    left, right, top, bottom = found[int(rng.integers(len(found)))]
    x = (left + right) / 2 + float(rng.uniform(-ASIDE_MM, ASIDE_MM))
    y = bottom - float(rng.uniform(*TOP)) * (bottom - top) + BALL_MM / 2
    tone = TONES[int(rng.integers(len(TONES)))]
    return TowBar((x, y), float(rng.uniform(*NECK_MM)), tone)


def characters(plate: Plate) -> list[tuple[int, int, int, int]]:
    """Left, right, top and bottom (mm) of what is written on the lowest line of a plate."""
    grey = plate.picture.astype(np.float64).mean(2)
    height = len(grey)
    first = round(height * (0.54 if len(plate.lines) > 1 else 0.12))
    last = round(height * 0.88)
    line = np.abs(grey[first:last] - np.median(grey[first:last])) > 60
    edges = np.flatnonzero(np.diff(np.concatenate([[0], line.any(0).astype(int), [0]])))
    out = []
    for left, right in edges.reshape(-1, 2):
        rows = np.flatnonzero(line[:, left:right].any(1))
        narrow = CHARACTER_MM[0] <= right - left <= CHARACTER_MM[1]
        if narrow and line[:, left:right].mean() < 0.85 and len(rows) > 0.4 * (last - first):
            out.append((int(left), int(right), first + int(rows[0]), first + int(rows[-1])))
    return out
