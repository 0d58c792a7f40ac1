"""Sets a plate upright: its tilt and the slant of its letters are taken from its own edges."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

WORK_PX = 64
"""Height at which edges are looked at."""
MOST_TILT_DEG, MOST_SLANT_DEG = 20.0, 30.0
GAIN = 1.06
"""By so much the edges must agree better than when left alone; less is chance."""
AROUND = 0.30
"""Of the box, added on each side before turning, so that no corner is lost."""


@dataclass(frozen=True, slots=True)
class Tilt:
    """How a plate lies in the picture.

    Attributes:
        rise: Pixels down for each to the right along its lines.
        slant: Pixels to the right for each downwards along its upright strokes.
    """

    rise: float = 0.0
    slant: float = 0.0


def upright(picture: Image, xyxy: tuple[float, float, float, float]) -> tuple[Image, tuple[float, float]]:
    """The plate in a box, straightened, with some of its surroundings.

    Args:
        picture: ``(h, w, 3)`` uint8.
        xyxy: A box tight round the plate's corners.

    Returns:
        A picture whose middle is the plate's, and the plate's width and height in it, px.
    """
    from PIL import Image as Pil

    left, top, right, bottom = xyxy
    width, height = right - left, bottom - top
    tilt = measured(cut(picture, xyxy, 0.06))
    # A box round a tilted plate is larger than the plate: w' = w + h |slant|, h' = h + w |rise|.
    share = max(0.2, 1 - abs(tilt.rise * tilt.slant))
    tall = max(0.45 * height, (height - width * abs(tilt.rise)) / share)
    wide = max(0.6 * width, (width - height * abs(tilt.slant)) / share)
    out = (round(wide * (1 + 2 * AROUND)), round(tall * (1 + 2 * AROUND)))
    cx, cy = (left + right) / 2, (top + bottom) / 2
    a, b, d, e = 1.0, tilt.slant, tilt.rise, 1.0
    c = cx - a * out[0] / 2 - b * out[1] / 2
    f = cy - d * out[0] / 2 - e * out[1] / 2
    turned = Pil.fromarray(picture).transform(
        out, Pil.Transform.AFFINE, (a, b, c, d, e, f), Pil.Resampling.BICUBIC
    )
    return np.asarray(turned), (wide, tall)


def measured(plate: Image) -> Tilt:
    """The tilt at which the plate's edges fall together best."""
    from PIL import Image as Pil

    height, width = plate.shape[:2]
    across = max(16, min(320, round(width * WORK_PX / height)))
    grey = np.asarray(Pil.fromarray(plate).convert("L").resize((across, WORK_PX)), np.float32)
    down, along = np.abs(np.diff(grey, axis=0))[:, :-1], np.abs(np.diff(grey, axis=1))[:-1]
    y, x = np.mgrid[: down.shape[0], : down.shape[1]].astype(np.float32)
    x -= x.mean()
    y -= y.mean()
    rise = _agreed(y, x, down, MOST_TILT_DEG)
    slant = _agreed(x, y - rise * x, along, MOST_SLANT_DEG)
    return Tilt(rise, slant)


def cut(picture: Image, xyxy: tuple[float, float, float, float], margin: float) -> Image:
    """A part of a picture with a margin, as far as the picture goes; at least one pixel."""
    left, top, right, bottom = xyxy
    dx, dy = margin * (right - left), margin * (bottom - top)
    height, width = picture.shape[:2]
    x0, y0 = (int(np.clip(math.floor(v), 0, m - 1)) for v, m in ((left - dx, width), (top - dy, height)))
    x1, y1 = (
        int(np.clip(math.ceil(v), low + 1, m))
        for v, low, m in ((right + dx, x0, width), (bottom + dy, y0, height))
    )
    return picture[y0:y1, x0:x1]


def _agreed(
    across: NDArray[np.float32], along: NDArray[np.float32], weight: NDArray[np.float32], most_deg: float
) -> float:
    """The shear at which edges gather in the fewest rows; 0 where none is clearly better."""
    coarse = np.tan(np.radians(np.linspace(-most_deg, most_deg, 21)))
    best, level = _sharpest(across, along, weight, coarse), _sharpness(across, along, weight, 0.0)
    step = float(coarse[11] - coarse[10])
    best = _sharpest(across, along, weight, np.linspace(best - step, best + step, 9))
    return best if _sharpness(across, along, weight, best) > GAIN * level else 0.0


def _sharpest(
    across: NDArray[np.float32],
    along: NDArray[np.float32],
    weight: NDArray[np.float32],
    shears: NDArray[np.float64],
) -> float:
    return float(max(shears, key=lambda s: _sharpness(across, along, weight, float(s))))


def _sharpness(
    across: NDArray[np.float32], along: NDArray[np.float32], weight: NDArray[np.float32], shear: float
) -> float:
    place = np.rint(across - np.float32(shear) * along).astype(np.intp)
    sums = np.bincount((place - place.min()).ravel(), weight.ravel())
    return float((sums * sums).sum())
