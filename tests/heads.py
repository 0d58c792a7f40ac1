"""Traffic light heads drawn in linear light and seen by a poor camera: glow, blur, casts, noise, compression.

Not the project's renderer, and nothing shared with the reader: what is drawn here knows no thresholds.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from flows.domain.signals import Phase

Array = NDArray[np.float64]
Bgr = NDArray[np.uint8]
LIT: dict[Phase, tuple[str, ...]] = {
    "red": ("red",),
    "red_amber": ("red", "amber"),
    "amber": ("amber",),
    "green": ("green",),
    "off": (),
}
LIGHTS = ("day", "dusk", "night", "glare")
FINE = 3
"""Drawn so many times finer than seen."""


@dataclass(frozen=True)
class Head:
    """A head and the camera's view of it.

    Attributes:
        width_px: Of the case.
        kind: As in a site file.
        light: ``day``, ``dusk``, ``night`` or ``glare`` (the sun behind the head, veiled and washed out).
        seed: Of everything that is left to chance.
        lamp: How bright a lamp is, against the usual.
        margin: Of the region around the case, in widths of the case; may be uneven.
        ground: What is behind: ``sky``, ``trees``, ``houses``.
        quality: Of the compression.
    """

    width_px: float = 14.0
    kind: str = "vertical"
    light: str = "day"
    seed: int = 0
    lamp: float = 1.0
    margin: float = 0.1
    ground: str = "houses"
    quality: int = 60
    blur_px: float = 0.6
    noise: float = 2.0
    colours: dict[str, tuple[float, float, float]] = field(default_factory=dict)


RED = ((1.0, 0.02, 0.02), (1.0, 0.05, 0.0), (1.0, 0.0, 0.08))
AMBER = ((1.0, 0.35, 0.0), (1.0, 0.5, 0.02), (1.0, 0.27, 0.0))
GREEN = ((0.0, 0.9, 0.45), (0.0, 0.9, 0.75), (0.05, 1.0, 0.3))
LENS = {"red": (0.09, 0.02, 0.02), "amber": (0.10, 0.06, 0.02), "green": (0.02, 0.07, 0.05)}


def any_head(seed: int, light: str, kind: str = "vertical") -> Head:
    """A head drawn by lot."""
    rng = np.random.default_rng([seed, LIGHTS.index(light), len(kind)])
    pick = lambda choices: choices[int(rng.integers(len(choices)))]  # noqa: E731
    return Head(
        width_px=float(np.exp(rng.uniform(np.log(9), np.log(30)))),
        kind=kind,
        light=light,
        seed=seed,
        lamp=float(np.exp(rng.uniform(np.log(0.6), np.log(2.5)))),
        margin=float(rng.uniform(-0.05, 0.3)),
        ground=pick(("sky", "trees", "houses")),
        quality=int(rng.integers(35, 90)),
        blur_px=float(rng.uniform(0.3, 1.1)),
        noise=float(rng.uniform(0.5, 4.0)) * (2.0 if light == "night" else 1.0),
        colours={"red": pick(RED), "amber": pick(AMBER), "green": pick(GREEN)},
    )


def show(head: Head, phase: Phase, look: int = 0) -> tuple[Bgr, tuple[float, float, float, float]]:
    """The picture around a head, and the head's region in it.

    Args:
        head: Which.
        phase: What it shows.
        look: Number of the frame: noise differs.
    """
    scene = np.random.default_rng([head.seed, 1])
    size = _size_px(head)
    wide, high = size[0] + 4 * head.width_px, size[1] + 3 * head.width_px
    shape = (round(high * FINE), round(wide * FINE))
    left, top = (
        (wide - size[0]) / 2 + scene.uniform(-0.5, 0.5),
        (high - size[1]) / 2 + scene.uniform(-0.5, 0.5),
    )
    box = (left, top, left + size[0], top + size[1])
    ambient, glow, veil = _light(head.light, scene)
    rgb = _ground(head.ground, shape, scene) * ambient
    if head.light == "night":
        rgb *= scene.uniform(0.3, 1.0)
    case = scene.uniform(0.02, 0.09) * np.array([1.0, 1.0, 1.05])
    _fill(rgb, box, case * ambient)
    light = np.zeros_like(rgb)
    for place, (colour, disc) in enumerate(_lamps(head, box)):
        mask = _mask(head, disc, shape, place)
        lens = np.array(LENS[colour]) * scene.uniform(0.6, 1.4)
        rgb += mask[..., None] * (lens * ambient - rgb)
        if colour in LIT[phase]:
            light += mask[..., None] * np.array(head.colours.get(colour, _usual(colour))) * glow * head.lamp
    seen = _seen(rgb) + _bloom(_seen(light), head, scene)
    look_rng = np.random.default_rng([head.seed, 3, look])
    bgr = _camera(seen, veil, head, np.random.default_rng([head.seed, 2]), look_rng)
    uneven = scene.uniform(0.5, 1.5, 4) * head.margin * head.width_px
    region = (box[0] - uneven[0], box[1] - uneven[1], box[2] + uneven[2], box[3] + uneven[3])
    return bgr, tuple(float(v) for v in region)  # type: ignore[return-value]


def ground(seed: int, kind: str, size_px: tuple[int, int], light: str = "day") -> Bgr:
    """A picture without any head: what a knocked camera may look at."""
    head = any_head(seed, light)
    rng = np.random.default_rng([seed, 7])
    ambient, _, veil = _light(light, rng)
    rgb = _ground(kind, (size_px[1] * FINE, size_px[0] * FINE), rng) * ambient
    return _camera(_seen(rgb), veil, head, np.random.default_rng([seed, 2]), rng)


def _usual(colour: str) -> tuple[float, float, float]:
    return {"red": RED, "amber": AMBER, "green": GREEN}[colour][0]


def _size_px(head: Head) -> tuple[float, float]:
    w = head.width_px
    return {"vertical": (w, 2.75 * w), "horizontal": (2.75 * w, w)}.get(head.kind, (w, w))


def _light(light: str, rng: np.random.Generator) -> tuple[float, float, float]:
    """Brightness of what is lit by the day, of a lit lamp, and of the veil over all; a white wall is 1."""
    if light == "day":
        return rng.uniform(0.5, 1.0), float(np.exp(rng.uniform(np.log(0.4), np.log(3.0)))), 0.01
    if light == "dusk":
        return rng.uniform(0.15, 0.4), rng.uniform(1.5, 8.0), 0.005
    if light == "night":
        return rng.uniform(0.01, 0.08), rng.uniform(4.0, 40.0), 0.002
    return rng.uniform(0.4, 0.8), rng.uniform(0.7, 3.0), rng.uniform(0.1, 0.4)


def _ground(kind: str, shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """``(rows, columns, 3)`` reflectances."""
    if kind == "sky":
        fall = np.linspace(rng.uniform(0.8, 1.4), rng.uniform(0.5, 0.9), shape[0])[:, None, None]
        return np.broadcast_to(fall * np.array([0.8, 0.9, 1.05]), (*shape, 3)).copy()
    if kind == "trees":
        leaf = _clouds(shape, rng, 10) * _clouds(shape, rng, 24)
        tint = np.array([0.10, 0.20, 0.05]) * rng.uniform(0.5, 2.0)
        return leaf[..., None] * tint * 2.5 + 0.01
    out = np.full((*shape, 3), 0.3) * rng.uniform(0.5, 1.5)
    for _ in range(26):
        y, x = rng.integers(0, shape[0]), rng.integers(0, shape[1])
        h, w = (
            rng.integers(FINE * 3, max(FINE * 4, shape[0] // 2)),
            rng.integers(FINE * 3, max(FINE * 4, shape[1] // 2)),
        )
        grey = rng.uniform(0.03, 0.8)
        tint = rng.uniform(0.8, 1.2, 3) if rng.random() < 0.75 else rng.dirichlet((0.5, 0.5, 0.5)) * 2
        out[y : y + h, x : x + w] = grey * tint
    return out


def _clouds(shape: tuple[int, int], rng: np.random.Generator, cell: int) -> Array:
    small = rng.uniform(0, 255, (shape[0] // cell + 2, shape[1] // cell + 2)).astype(np.uint8)
    whole = Image.fromarray(small).resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
    return np.asarray(whole, np.float64) / 255


def _fill(rgb: Array, box: Sequence[float], colour: Array) -> None:
    x0, y0, x1, y1 = (round(v * FINE) for v in box)
    rgb[y0:y1, x0:x1] = colour


def _lamps(head: Head, box: Sequence[float]) -> list[tuple[str, tuple[float, float, float]]]:
    """Colour and ``(x, y, radius)`` of each lamp, px."""
    w, r = head.width_px, 0.38 * head.width_px
    if head.kind == "vertical":
        return [(c, (box[0] + w / 2, box[1] + w * (0.5 + 0.875 * k), r)) for k, c in enumerate(LENS)]
    if head.kind == "horizontal":
        return [(c, (box[0] + w * (0.5 + 0.875 * k), box[1] + w / 2, r)) for k, c in enumerate(LENS)]
    if head.kind == "arrow":
        return [("green", (box[0] + w / 2, box[1] + w / 2, r))]
    return [(c, (box[0] + w / 2, box[1] + w / 2, r)) for c in LENS]


def _mask(head: Head, disc: tuple[float, float, float], shape: tuple[int, int], place: int) -> Array:
    x, y, r = (v * FINE for v in disc)
    canvas = Image.new("L", (shape[1], shape[0]))
    pen = ImageDraw.Draw(canvas)
    if head.kind == "arrow":
        pen.rectangle((x - r, y - 0.25 * r, x, y + 0.25 * r), fill=255)
        pen.polygon([(x - 0.1 * r, y - 0.8 * r), (x + r, y), (x - 0.1 * r, y + 0.8 * r)], fill=255)
    elif head.kind == "countdown":
        font = ImageFont.load_default(size=2.2 * r)
        pen.text((x, y), str(10 + head.seed % 89), font=font, fill=255, anchor="mm")
    else:
        pen.ellipse((x - r, y - r, x + r, y + r), fill=255)
    return np.asarray(canvas, np.float64) / 255


def _bloom(light: Array, head: Head, rng: np.random.Generator) -> Array:
    """The lamps' light with what lens and air scatter around it."""
    near = _blurred(light, 0.18 * head.width_px)
    far = _blurred(light, 0.55 * head.width_px)
    share = rng.uniform(0.02, 0.10)
    return (1 - 1.5 * share) * light + share * near + share / 2 * far


def _blurred(rgb: Array, radius: float) -> Array:
    """Two passes of a moving mean each way: near enough to a Gaussian."""
    n = max(1, round(radius))
    for axis in (0, 1, 0, 1):
        rgb = _moving_mean(rgb, n, axis)
    return rgb


def _moving_mean(a: Array, n: int, axis: int) -> Array:
    pad = [(n + 1, n) if k == axis else (0, 0) for k in range(a.ndim)]
    total = np.cumsum(np.pad(a, pad, mode="edge"), axis=axis)
    rows = np.arange(a.shape[axis])
    return (np.take(total, rows + 2 * n + 1, axis) - np.take(total, rows, axis)) / (2 * n + 1)


def _seen(rgb: Array) -> Array:
    """Light ``(rows, columns, 3)`` at the camera's resolution."""
    rows, columns = rgb.shape[0] // FINE, rgb.shape[1] // FINE
    cells = rgb[: rows * FINE, : columns * FINE].reshape(rows, FINE, columns, FINE, 3)
    return np.asarray(cells.mean(axis=(1, 3)))


def _camera(
    seen: Array, veil: float, head: Head, camera: np.random.Generator, look: np.random.Generator
) -> Bgr:
    """What the camera makes of light ``(rows, columns, 3)``: 8-bit BGR, compressed and decoded."""
    seen = seen + veil
    mix = camera.uniform(0.0, 0.12)
    seen = seen @ ((1 - mix) * np.eye(3) + mix / 3) * camera.uniform(0.85, 1.15, 3)
    levels = 255 * np.clip(seen, 0, 1) ** (1 / 2.2)
    levels = levels + look.normal(0, head.noise, levels.shape)
    picture = Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))
    picture = picture.filter(ImageFilter.GaussianBlur(head.blur_px))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=head.quality, subsampling=2)
    return np.asarray(Image.open(io.BytesIO(file.getvalue())))[..., ::-1].copy()
