"""What a traffic light's head shows, from the pixels of its region.

A lit lamp adds light to what is there: what counts is the colour of that addition over the dark case, so that a
colour cast, haze and dim lamps do little harm. Where a lamp is so bright that its middle is white, the colour
comes from its halo. Colour alone never decides where there are several lamps, nor does place: red must be in
red's place, green in green's. What fits nothing is ``unknown``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from flows.domain.signals import Phase

Head = Literal["vertical", "horizontal", "arrow", "countdown"]
Array = NDArray[np.float32]

LUMA: Final = np.array([0.114, 0.587, 0.299], np.float32)
"""ITU-R BT.601 luma of blue, green, red."""
GRIDS: Final[dict[Head, tuple[int, int]]] = {
    "vertical": (36, 14),
    "horizontal": (36, 14),
    "arrow": (16, 16),
    "countdown": (16, 16),
}
"""Rows and columns that a head is brought to, whatever its size in the picture; a horizontal one is turned."""


@dataclass(frozen=True, slots=True)
class ReaderConfig:
    """Thresholds, each with its reason. Brightness is in 8-bit levels.

    Attributes:
        least_px: A region narrower than this shows less than three pixels of a lamp's colour.
        weak: Colour added by less than this is the tint of a dark lens, noise or the codec's.
        weak_one: The same where there is one lamp: digits and arrows are thin.
        doubt: From this share of it on it may be a weak lamp all the same: ``unknown``, not ``off``.
        sure: From here on it is none of these.
        stands_out: A lit lamp's colour against the region's other colour (its 60th percentile): foliage and
            walls are coloured all over.
        alike: Two lamps of one colour, as it seems, that are so alike in strength are two all the same.
        red_to_amber: Two lamps differ by so many degrees of hue; a lamp and its own halo do not.
        white: Every channel from here on is the white middle of a lamp too bright for the camera.
        second: A second lamp is at least so strong, against the first: less is the first one's light on a lens.
        flat: Standard deviation of luma below which a region shows nothing: fog, a lid, a wall.
        off_centre: The middle of what is lit lies so near to the region's own where there is one lamp (share of its
            sides): else it is something beside the head.
        bright: A head without a lit lamp is darker than this: a case and dark lenses.
    """

    least_px: float = 4.0
    weak: float = 37.0
    weak_one: float = 24.0
    doubt: float = 0.65
    sure: float = 60.0
    stands_out: tuple[float, float] = (1.4, 3.0)
    red_to_amber: float = 22.0
    alike: float = 0.8
    white: float = 215.0
    second: float = 0.5
    flat: float = 3.0
    bright: float = 170.0
    off_centre: float = 0.2


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at a head.

    Attributes:
        phase: What it shows; ``off`` where a head is seen and no lamp is lit.
        confidence: 0 to 1.
    """

    phase: Phase
    confidence: float


NOTHING: Final = Reading("unknown", 0.0)
Bounds = tuple[float, float, float, float]
"""Where something begins to hold, surely holds, still surely holds, and holds no more."""
RED: Final[Bounds] = (300.0, 322.0, 372.0, 382.0)
AMBER: Final[Bounds] = (378.0, 388.0, 422.0, 436.0)
GREEN: Final[Bounds] = (96.0, 118.0, 198.0, 212.0)
"""Hues in degrees; red's run on beyond 360. Green is from the yellowish one of old lamps to the cyan that cameras
make of diodes; leaves are below."""
RED_ABOVE: Final[Bounds] = (290.0, 305.0, 390.0, 412.0)
AMBER_BETWEEN: Final[Bounds] = (352.0, 368.0, 424.0, 440.0)
"""In their own places, where an overexposed red lamp may look orange and one under a cast magenta."""


@dataclass(frozen=True, slots=True)
class _Lamp:
    """A lamp of a head: where its middle may be along the head (shares of its length), and its hues there."""

    phase: Phase
    along: tuple[float, float]
    hues: Bounds


THREE: Final = (
    _Lamp("red", (0.13, 0.35), RED_ABOVE),
    _Lamp("amber", (0.38, 0.62), AMBER_BETWEEN),
    _Lamp("green", (0.65, 0.87), GREEN),
)
"""Lamps of a head of three. One of two (red above green) has them at a quarter and at three quarters."""
DIGITS: Final = (_Lamp("red", (0, 1), RED), _Lamp("amber", (0, 1), AMBER), _Lamp("green", (0, 1), GREEN))
ARROW: Final = (_Lamp("green", (0, 1), GREEN),)


def read(bgr: NDArray[np.uint8], head: Head, config: ReaderConfig | None = None) -> Reading:
    """Reads one head.

    Args:
        bgr: ``(height, width, 3)`` uint8 pixels of its region.
        head: What kind it is.
        config: Thresholds; the defaults if None.
    """
    config = config or ReaderConfig()
    pixels = bgr.transpose(1, 0, 2) if head == "horizontal" else bgr
    if min(pixels.shape[:2]) < config.least_px:
        return NOTHING
    grid = resized(pixels, *GRIDS[head])
    luma = grid @ LUMA
    if float(luma.std()) < config.flat:
        return NOTHING
    added = grid - _case(grid, luma)
    glow = _glow(added, grid, config)
    if head in ("vertical", "horizontal"):
        lit = _three(glow, added, grid, config)
    else:
        lit = _one(glow, added, grid, ARROW if head == "arrow" else DIGITS, config)
    return lit or _dark(luma, config)


def _case(grid: Array, luma: Array) -> Array:
    """``(3,)`` colour of the case: of what is dark in the region; digits may be darker than the sky beside it."""
    share = 0.35 if grid.shape[0] != grid.shape[1] else 0.15
    dark = luma <= np.quantile(luma, share)
    return np.asarray(np.median(grid[dark], axis=0), np.float32)


def _glow(added: Array, grid: Array, config: ReaderConfig) -> Array:
    """``(rows, columns)`` coloured light added, levels; the brighter, the more it counts.

    A lamp's white middle counts as coloured as its edge, and so is the brightest of it.
    """
    light = np.maximum(added, 0.0)
    high = light.max(axis=2)
    colour = high - light.min(axis=2)
    # What is more blue than anything else is the sky, or a sign.
    colour[light[..., 0] > 1.12 * np.maximum(light[..., 1], light[..., 2])] = 0.0
    # Walls and clouds are grey with a tint; what a lamp adds is nearly all colour.
    colour *= np.clip((colour / np.maximum(high, 1.0) - 0.08) / 0.17, 0.0, 1.0)
    white = grid.min(axis=2) >= config.white
    if white.any():
        for _ in range(7):
            colour = np.where(white, np.maximum(colour, 0.98 * _highest_near(colour)), colour)
    return np.asarray(colour * (1.0 + 3.0 * light.mean(axis=2) / 255.0) * _window(*colour.shape), np.float32)


@lru_cache(maxsize=8)
def _window(rows: int, columns: int) -> Array:
    """Weights: what is at the region's sides is behind the head and not of it."""
    across, along = (np.hanning(n + 2)[1:-1] for n in (columns, rows))
    if rows == columns:
        return np.asarray(0.05 + 0.95 * along[:, None] * across, np.float32)
    return np.asarray(np.broadcast_to(0.3 + 0.7 * across, (rows, columns)), np.float32)


def _highest_near(a: Array) -> Array:
    p = np.pad(a, 1)
    return np.asarray(np.maximum.reduce([p[:-2, 1:-1], p[2:, 1:-1], p[1:-1, :-2], p[1:-1, 2:]]))


def _box_mean(a: Array, n: int) -> Array:
    """``(rows - n + 1, columns - n + 1)`` means over squares of ``n``."""
    total = np.zeros((a.shape[0] + 1, a.shape[1] + 1), np.float32)
    total[1:, 1:] = a.cumsum(0).cumsum(1)
    return np.asarray((total[n:, n:] - total[:-n, n:] - total[n:, :-n] + total[:-n, :-n]) / n**2)


@dataclass(frozen=True, slots=True)
class _Spot:
    """A lamp's place in a head of three.

    Attributes:
        lamp: Which.
        strength: Coloured light over about a lamp, levels.
        hue: Degrees, 90 to 450.
        alone: False if it only brightens towards a stronger neighbour: that one's halo.
    """

    lamp: _Lamp
    strength: float
    hue: float
    alone: bool


LAMP: Final = 8
"""Rows and columns of the grid that a lamp fills at least."""


def _three(glow: Array, added: Array, grid: Array, config: ReaderConfig) -> Reading | None:
    """What a head of three lamps shows; None if none is lit."""
    mean = _box_mean(glow, LAMP)
    spots = sorted((_spot(lamp, mean, added, grid) for lamp in THREE), key=lambda s: -s.strength)
    first, usual = spots[0], float(np.quantile(mean, 0.15))
    if first.strength < config.doubt * config.weak:
        return None
    if first.strength < config.weak:
        return NOTHING
    sure = _sure(first.strength, usual, config.weak, config)
    lit = [s for s in spots[1:] if s.strength >= config.second * first.strength]
    if any(s.alone and {s.lamp.phase, first.lamp.phase} != {"red", "amber"} for s in lit):
        return NOTHING
    fit, second = _named(first), next((s for s in lit if s.lamp.phase != "green"), None)
    if fit > 0 and second is not None and _are_two(first, second, config):
        if first.strength < config.sure:
            return NOTHING  # or two lenses in the sun
        return Reading("red_amber", round(min(fit, _named(second)) * sure, 3))
    return Reading(first.lamp.phase, round(fit * sure, 3)) if fit * sure > 0 else NOTHING


def _are_two(first: _Spot, second: _Spot, config: ReaderConfig) -> bool:
    """Whether red and amber are both lit, or one is the other's halo."""
    by = {s.lamp.phase: s for s in (first, second)}
    if by.keys() != {"red", "amber"} or min(_named(first), _named(second)) <= 0:
        return False
    if first.alone and second.alone and second.strength >= config.alike * first.strength:
        return True
    return by["amber"].hue >= AMBER[0] and by["amber"].hue - by["red"].hue >= config.red_to_amber


def _spot(lamp: _Lamp, mean: Array, added: Array, grid: Array) -> _Spot:
    low, high = (round(share * grid.shape[0] - LAMP / 2) for share in lamp.along)
    within = mean[low : high + 1]
    row, column = (int(v) for v in np.unravel_index(int(within.argmax()), within.shape))
    row += low
    here = slice(max(0, row - 1), row + LAMP + 1), slice(max(0, column - 1), column + LAMP + 1)
    _, halo = _hues(added[here], grid[here])
    around = float(mean[max(0, row - 2) : row + 3].max())
    strength = float(mean[row, column])
    return _Spot(lamp, strength, halo, alone=around <= 1.02 * strength)


def _one(
    glow: Array, added: Array, grid: Array, lamps: Sequence[_Lamp], config: ReaderConfig
) -> Reading | None:
    """What a head of one lamp region shows, by colour alone; None if nothing is lit."""
    ordered = np.sort(glow, axis=None)
    strength = float(ordered[-len(ordered) // 6 :].mean())
    if strength < config.doubt * config.weak_one:
        return None
    if strength < config.weak_one:
        return NOTHING
    bright = glow >= 0.5 * strength
    if max(abs(np.argwhere(bright).mean(axis=0) / (np.array(glow.shape) - 1) - 0.5)) > config.off_centre:
        return NOTHING
    hues = _hues(added[bright], grid[bright])
    fits = [max((_trapeze(hue, lamp.hues), lamp.phase) for lamp in lamps) for hue in hues]
    fit, phase = min(fits)
    if fit == 0.0 or len({phase for _, phase in fits}) > 1:
        return NOTHING
    sure = _sure(strength, float(ordered[len(ordered) // 5]), config.weak_one, config)
    return Reading(phase, round(fit * sure, 3))


CLIPPED: Final = 250.0
"""A channel from here on was brighter than it says, and the hue is wrong."""


def _sure(strength: float, usual: float, weak: float, config: ReaderConfig) -> float:
    """How surely something is lit, by its strength and by how it stands out."""
    contrast = _ramp(strength / max(usual, 3.0), *config.stands_out)
    return float(np.sqrt(_ramp(strength, weak / 2, config.sure) * contrast))


def _named(spot: _Spot) -> float:
    return _trapeze(spot.hue, spot.lamp.hues)


def _hues(added: Array, grid: Array) -> tuple[float, float]:
    """Hues of light as a whole, and of its halo: of what the camera does not clip."""
    light = np.maximum(added.reshape(-1, 3), 0.0)
    colour = light - light.min(axis=1, keepdims=True)
    whole, halo = colour.sum(axis=0), colour[grid.reshape(-1, 3).max(axis=1) < CLIPPED].sum(axis=0)
    return _hue(whole), _hue(halo if halo.max() >= 0.2 * whole.max() else whole)


def _hue(bgr: Array) -> float:
    """Degrees of a colour, 90 to 450: red is about 360."""
    b, g, r = (float(v) for v in bgr)
    high, low = max(b, g, r), min(b, g, r)
    if high == low:
        return 270.0  # blue: no lamp's colour
    span = high - low
    hue = (g - b) / span if high == r else 2 + (b - r) / span if high == g else 4 + (r - g) / span
    degrees = (hue * 60.0) % 360.0
    return degrees + 360.0 if degrees < 90.0 else degrees


def _trapeze(value: float, bounds: tuple[float, float, float, float]) -> float:
    """How much a value lies within bounds: 0 outside the outer, 1 inside the inner ones."""
    a, b, c, d = bounds
    return max(0.0, min(1.0, (value - a) / (b - a), (d - value) / (d - c)))


def _ramp(value: float, low: float, high: float) -> float:
    return max(0.0, min(1.0, (value - low) / (high - low)))


def _dark(luma: Array, config: ReaderConfig) -> Reading:
    """A head without a lit lamp, if it is one: mostly dark."""
    return NOTHING if float(np.median(luma)) > config.bright else Reading("off", 0.9)


@lru_cache(maxsize=64)
def _weights(size: int, cells: int) -> Array:
    """``(cells, size)`` shares of pixels in cells: means where there are more pixels, linear in between."""
    if size >= cells:
        edges = np.linspace(0, size, cells + 1)
        pixel = np.arange(size)
        over = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
        shares = np.maximum(over, 0.0)
    else:
        middle = (np.arange(cells) + 0.5) * size / cells - 0.5
        shares = np.maximum(0.0, 1.0 - np.abs(np.clip(middle, 0, size - 1)[:, None] - np.arange(size)))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float32)


def resized(pixels: NDArray[np.uint8], rows: int, columns: int) -> Array:
    """``(rows, columns, ...)`` float32 of pixels ``(height, width, ...)``, by area or linearly."""
    made = np.tensordot(_weights(pixels.shape[0], rows), pixels.astype(np.float32), (1, 0))
    return np.asarray(np.moveaxis(np.tensordot(_weights(pixels.shape[1], columns), made, (1, 1)), 0, 1))
