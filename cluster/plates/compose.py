"""Puts drawn plates into surroundings, in perspective, with the box that a finder should give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from cluster.plates.looks import Plate, any_plate
from cluster.plates.surroundings import scene
from cluster.plates.towbar import TowBar
from cluster.plates.wear import Wear, worn

Corners = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Placing:
    """How plates lie in a picture.

    Attributes:
        width_px: Least and greatest width.
        turn_deg: Standard deviation of the rotation in the picture.
        slant: Standard deviation of the shear of upright strokes.
        narrow: Least share of its width that a plate seen from the side keeps.
        perspective: Most difference of the two sides' heights, as a share.
    """

    width_px: tuple[float, float] = (26.0, 190.0)
    turn_deg: float = 5.0
    slant: float = 0.10
    narrow: float = 0.55
    perspective: float = 0.12


@dataclass(frozen=True, slots=True)
class Composed:
    """A picture with plates.

    Attributes:
        picture: ``(h, w, 3)`` uint8 RGB.
        xyxy: ``(N, 4)`` float32 px, tight round each plate's corners.
        plates: The N plates.
    """

    picture: NDArray[np.uint8]
    xyxy: NDArray[np.float32]
    plates: tuple[Plate, ...]


def compose(
    size_px: tuple[int, int],
    rng: np.random.Generator,
    placing: Placing | None = None,
    wear: Wear | None = None,
) -> Composed:
    """A training picture: mostly one plate, sometimes two or none."""
    placing, wear = placing or Placing(), wear or Wear()
    picture = scene(size_px, rng)
    boxes: list[NDArray[np.float64]] = []
    plates: list[Plate] = []
    for _ in range(int(rng.choice([0, 1, 2], p=[0.12, 0.68, 0.20]))):
        plate = any_plate(rng)
        corners = place(plate, size_px, rng, placing)
        box = box_of(corners)
        if any(_overlap(box, other) for other in boxes):
            continue
        if rng.random() < 0.5:
            _recess(picture, corners, rng)
        paste(picture, plate, corners)
        boxes.append(box)
        plates.append(plate)
    xyxy = np.array(boxes, np.float32).reshape(-1, 4)
    return Composed(worn(np.asarray(picture), rng, wear), xyxy, tuple(plates))


def vehicle(
    plate: Plate,
    size_px: tuple[int, int],
    rng: np.random.Generator,
    placing: Placing,
    wear: Wear,
    covered: TowBar | None = None,
) -> Composed:
    """A picture of a vehicle that bears just this plate, maybe behind a tow bar."""
    picture = scene(size_px, rng)
    corners = place(plate, size_px, rng, placing)
    if rng.random() < 0.5:
        _recess(picture, corners, rng)
    paste(picture, plate, corners)
    if covered is not None:
        covered.draw(picture, plate, corners)
    box = np.array([box_of(corners)], np.float32)
    return Composed(worn(np.asarray(picture), rng, wear), box, (plate,))


def place(plate: Plate, size_px: tuple[int, int], rng: np.random.Generator, placing: Placing) -> Corners:
    """Corners ``(4, 2)`` px, clockwise from the top left, wholly inside the picture."""
    low, high = np.log(placing.width_px)
    height, width = plate.picture.shape[:2]
    across = float(np.exp(rng.uniform(low, high)))
    across = min(across, 0.8 * size_px[0], 0.6 * size_px[1] * width / height)
    corners = skewed(across, across * height / width, rng, placing)
    corners -= corners.min(0)
    room = np.maximum(np.array(size_px) - corners.max(0) - 4, 1)
    return np.asarray(corners + 2 + rng.uniform(0, 1, 2) * room)


def skewed(across: float, tall: float, rng: np.random.Generator, placing: Placing) -> Corners:
    """Corners of a plate of that size seen from somewhere, round the origin."""
    half = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * np.array([across, tall]) / 2
    aside = float(rng.uniform(placing.narrow, 1)) if rng.random() < 0.5 else 1.0
    lean = float(rng.uniform(-placing.perspective, placing.perspective)) * (1.5 - aside)
    half[:, 1] *= 1 + lean * half[:, 0] / across
    shear = np.array([[aside, 0], [float(rng.normal(0, placing.slant)), 1]])
    turn = np.radians(float(rng.normal(0, placing.turn_deg)))
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return np.asarray(half @ shear @ rotation)


def box_of(corners: Corners) -> NDArray[np.float64]:
    """``xyxy`` round corners."""
    return np.concatenate([corners.min(0), corners.max(0)])


def paste(picture: Image.Image, plate: Plate, corners: Corners) -> None:
    """Draws a plate with its corners there."""
    left, top, right, bottom = box_of(corners)
    x0, y0 = int(np.floor(left)) - 2, int(np.floor(top)) - 2
    size = (int(np.ceil(right)) + 2 - x0, int(np.ceil(bottom)) + 2 - y0)
    scale = 2  # drawn at twice the size and shrunk: edges as fine as a lens gives
    source = _shrunk(plate.picture, scale * (right - left))
    target = (corners - (x0, y0)) * scale
    coefficients = _perspective(target, source.size)
    big = (size[0] * scale, size[1] * scale)
    drawn = source.transform(big, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BICUBIC)
    whole = Image.new("L", source.size, 255)
    shape = whole.transform(big, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BILINEAR)
    picture.paste(
        drawn.resize(size, Image.Resampling.BOX), (x0, y0), shape.resize(size, Image.Resampling.BOX)
    )


def _shrunk(picture: NDArray[np.uint8], width_px: float) -> Image.Image:
    """At about the size it will have, so that sampling it does not skip strokes."""
    image = Image.fromarray(picture)
    if width_px >= image.width:
        return image
    height = max(2, round(image.height * width_px / image.width))
    return image.resize((max(2, round(width_px)), height), Image.Resampling.BOX)


def _perspective(corners: Corners, size: tuple[int, int]) -> list[float]:
    """Coefficients for Pillow: picture to plate."""
    width, height = size
    rows, wanted = [], []
    for (x, y), (u, v) in zip(corners, [(0, 0), (width, 0), (width, height), (0, height)], strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        wanted += [u, v]
    solved: list[float] = np.linalg.solve(np.array(rows), np.array(wanted, float)).tolist()
    return solved


def _recess(picture: Image.Image, corners: Corners, rng: np.random.Generator) -> None:
    """The hollow, frame or shadow that a plate sits in."""
    left, top, right, bottom = box_of(corners)
    dx, dy = rng.uniform(0.02, 0.3, 2) * ((right - left), (bottom - top))
    x0, y0, x1, y1 = (round(v) for v in (left - dx, top - dy, right + dx, bottom + dy))
    tone = int(rng.integers(10, 120)) if rng.random() < 0.8 else int(rng.integers(120, 240))
    patch = Image.new("RGB", (max(1, x1 - x0), max(1, y1 - y0)), (tone, tone, tone + 2))
    soft = Image.new("L", patch.size, 0)
    soft.paste(int(rng.integers(120, 255)), (2, 2, max(3, patch.width - 2), max(3, patch.height - 2)))
    picture.paste(patch, (x0, y0), soft.filter(ImageFilter.GaussianBlur(float(rng.uniform(0, 3)))))


def _overlap(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    return bool((np.minimum(a[2:], b[2:]) > np.maximum(a[:2], b[:2])).all())
