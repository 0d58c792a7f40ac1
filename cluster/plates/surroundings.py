"""Where plates are looked for: bodies of vehicles, and all that bears letters without being a plate."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from cluster.plates.fonts import any_name, write

Colour = tuple[int, int, int]
Canvas = tuple[Image.Image, ImageDraw.ImageDraw, np.random.Generator]
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
PAINTS: tuple[Colour, ...] = (
    *((235, 236, 236), (190, 192, 196), (120, 124, 130), (70, 74, 80), (30, 31, 34), (18, 18, 22)),
    *(
        (150, 24, 28),
        (190, 40, 30),
        (28, 50, 110),
        (50, 90, 150),
        (30, 80, 55),
        (180, 160, 120),
        (210, 170, 50),
    ),
)


def scene(size_px: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """A street with (mostly) a vehicle on it and no plate; RGB."""
    picture = texture(size_px, rng)
    canvas = picture, ImageDraw.Draw(picture), rng
    for _ in range(int(rng.integers(0, 5))):
        _building(canvas)
    if rng.random() < 0.85:
        _vehicle(canvas)
    for _ in range(int(rng.integers(0, 4))):
        CLUTTER[int(rng.integers(len(CLUTTER)))](canvas)
    return picture


def texture(size_px: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """Asphalt, foliage, sky, walls: noise of several sizes over a gradient."""
    width, height = size_px
    top, bottom = rng.uniform(20, 235, 3), rng.uniform(20, 200, 3)
    ramp = np.linspace(0, 1, height)[:, None, None]
    values = np.broadcast_to(top * (1 - ramp) + bottom * ramp, (height, width, 3)).astype(np.float32).copy()
    grey = rng.random() < 0.6
    for cells in (3, 12, 48, 128):
        strength = rng.uniform(0, 45) * (rng.random() < 0.7)
        rows = max(2, cells * height // width)
        noise = rng.standard_normal((rows, cells, 1 if grey else 3)) * strength
        values += _grown(np.repeat(noise, 3, 2) if grey else noise, width, height)
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def _grown(noise: np.ndarray, width: int, height: int) -> np.ndarray:
    layers = [
        np.asarray(
            Image.fromarray(noise[..., c].astype(np.float32)).resize(
                (width, height), Image.Resampling.BILINEAR
            )
        )
        for c in range(3)
    ]
    return np.stack(layers, 2)


def _vehicle(canvas: Canvas) -> None:
    """The front or rear of something, filling more or less of the picture."""
    picture, draw, rng = canvas
    width, height = picture.size
    w = float(rng.uniform(0.45, 1.15)) * width
    h = w * float(rng.uniform(0.6, 0.95))
    x0, y0 = float(rng.uniform(-0.1, 1.0)) * (width - w), float(rng.uniform(0.1, 0.9)) * (height - h)
    paint = PAINTS[int(rng.integers(len(PAINTS)))]

    def at(x: float, y: float) -> tuple[float, float]:
        return x0 + x * w, y0 + y * h

    draw.ellipse((*at(0, 0.9), *at(1, 1.1)), fill=(20, 20, 22))
    for x in (0.06, 0.8):
        draw.rectangle((*at(x, 0.75), *at(x + 0.14, 1.02)), fill=(24, 24, 26))
    slope = float(rng.uniform(0.02, 0.2))
    draw.polygon([at(slope, 0), at(1 - slope, 0), at(0.99, 0.42), at(0.01, 0.42)], fill=_shade(paint, 0.9))
    glass = _shade((60, 70, 80), float(rng.uniform(0.3, 2.0)))
    draw.polygon([at(slope + 0.05, 0.04), at(0.95 - slope, 0.04), at(0.92, 0.34), at(0.08, 0.34)], fill=glass)
    draw.rounded_rectangle((*at(0, 0.36), *at(1, 0.94)), 0.05 * w, fill=paint)
    bands = int(rng.integers(1, 5))
    for y in np.sort(rng.uniform(0.38, 0.9, bands)):
        shade = _shade(paint, float(rng.uniform(0.55, 1.3)))
        draw.rectangle((*at(0.01, float(y)), *at(0.99, float(y + rng.uniform(0.01, 0.12)))), fill=shade)
    if rng.random() < 0.5:
        draw.rectangle((*at(0, 0.74), *at(1, 0.93)), fill=_shade((60, 62, 64), float(rng.uniform(0.3, 1.6))))
    _lights(draw, rng, at, w)
    if rng.random() < 0.5:
        y = float(rng.uniform(0.4, 0.65))
        _grille((picture, draw, rng), (*at(0.28, y), *at(0.72, y + float(rng.uniform(0.08, 0.2)))))
    for _ in range(int(rng.integers(0, 4))):
        _badge((picture, draw, rng), at, w)
    if rng.random() < 0.3:
        _sticker((picture, draw, rng), at(float(rng.uniform(0.05, 0.8)), float(rng.uniform(0.05, 0.85))), w)
    if rng.random() < 0.12:
        _lettering((picture, draw, rng), at, w, h)
    if rng.random() < 0.5:
        picture.paste(picture.filter(ImageFilter.GaussianBlur(1.0)))


def _lights(
    draw: ImageDraw.ImageDraw,
    rng: np.random.Generator,
    at: Callable[[float, float], tuple[float, float]],
    w: float,
) -> None:
    rear = rng.random() < 0.6
    colour: Colour = (170, 20, 24) if rear else (225, 228, 230)
    if rng.random() < 0.25:
        colour = (255, 120, 100) if rear else (255, 255, 250)
    y, lamp_w, lamp_h = (
        float(rng.uniform(0.4, 0.6)),
        float(rng.uniform(0.08, 0.24)),
        float(rng.uniform(0.06, 0.2)),
    )
    for x in (0.02, 0.98 - lamp_w):
        draw.rounded_rectangle((*at(x, y), *at(x + lamp_w, y + lamp_h)), 0.02 * w, fill=colour)
        if rng.random() < 0.5:
            draw.rectangle(
                (*at(x + 0.2 * lamp_w, y + 0.3 * lamp_h), *at(x + 0.7 * lamp_w, y + 0.6 * lamp_h)),
                fill=(240, 240, 235),
            )
    if rng.random() < 0.3:  # reflectors and fog lamps in the bumper
        for x in (0.06, 0.8):
            draw.rectangle((*at(x, 0.8), *at(x + 0.13, 0.85)), fill=colour)


def _grille(canvas: Canvas, xyxy: tuple[float, float, float, float]) -> None:
    """Bars: much contrast, many upright strokes, no letters."""
    _, draw, rng = canvas
    left, top, right, bottom = xyxy
    draw.rectangle(xyxy, fill=(26, 26, 28))
    step = float(rng.uniform(3, 14))
    light = _shade((190, 192, 196), float(rng.uniform(0.3, 1.2)))
    if rng.random() < 0.5:
        for x in np.arange(left, right, step):
            draw.line((float(x), top, float(x), bottom), fill=light, width=max(1, round(step / 3)))
    if rng.random() < 0.6:
        for y in np.arange(top, bottom, step):
            draw.line((left, float(y), right, float(y)), fill=light, width=max(1, round(step / 3)))


def _badge(canvas: Canvas, at: Callable[[float, float], tuple[float, float]], w: float) -> None:
    """A maker's name or emblem on bare paint."""
    picture, draw, rng = canvas
    x, y = at(float(rng.uniform(0.1, 0.8)), float(rng.uniform(0.38, 0.7)))
    tone = _shade((205, 207, 210), float(rng.uniform(0.25, 1.2)))
    if rng.random() < 0.4:
        r = float(rng.uniform(0.015, 0.04)) * w
        draw.ellipse((x - r, y - r, x + r, y + r), outline=tone, width=max(1, round(r / 4)))
        return
    height = float(rng.uniform(0.015, 0.06)) * w
    length = height * float(rng.uniform(2.5, 9))
    write(
        picture,
        _text(rng, 3, 10),
        (x, y, x + length, y + height),
        tone,
        any_name(rng),
        2,
        float(rng.uniform(0, 0.8)),
    )


def _sticker(canvas: Canvas, at: tuple[float, float], w: float) -> None:
    """A bumper sticker: coloured, several lines or a picture, of no plate's proportions or with small letters."""
    picture, draw, rng = canvas
    width = float(rng.uniform(0.06, 0.25)) * w
    height = width * float(rng.uniform(0.25, 1.1))
    x, y = at
    ground, ink = _any(rng), _any(rng)
    if rng.random() < 0.25:
        draw.ellipse((x, y, x + width, y + height), fill=ground)
    else:
        draw.rectangle((x, y, x + width, y + height), fill=ground)
    lines = int(rng.integers(1, 4))
    for line in range(lines):
        top = y + height * (line + float(rng.uniform(0.15, 0.35))) / lines
        size = height / lines * float(rng.uniform(0.25, 0.5))
        left = x + width * float(rng.uniform(0.05, 0.4))
        write(picture, _text(rng, 3, 16), (left, top, x + width * 0.93, top + size), ink, any_name(rng), 2)


def _lettering(canvas: Canvas, at: Callable[[float, float], tuple[float, float]], w: float, h: float) -> None:
    """A firm's name and telephone number across the doors or the boot."""
    picture, _, rng = canvas
    ink = _any(rng)
    for _ in range(int(rng.integers(1, 4))):
        x, y = at(float(rng.uniform(0.02, 0.4)), float(rng.uniform(0.02, 0.6)))
        size = h * float(rng.uniform(0.04, 0.13))
        write(
            picture,
            _text(rng, 6, 16),
            (x, y, x + w * float(rng.uniform(0.2, 0.55)), y + size),
            ink,
            any_name(rng),
        )


def _building(canvas: Canvas) -> None:
    picture, draw, rng = canvas
    width, height = picture.size
    x, y = float(rng.uniform(-0.2, 0.9)) * width, float(rng.uniform(-0.3, 0.5)) * height
    w, h = float(rng.uniform(0.1, 0.7)) * width, float(rng.uniform(0.1, 0.6)) * height
    draw.rectangle((x, y, x + w, y + h), fill=_any(rng))
    step = float(rng.uniform(6, 40))
    tone = _any(rng)
    for row in np.arange(y + 3, y + h - step / 2, step):
        for column in np.arange(x + 3, x + w - step / 2, step):
            if rng.random() < 0.7:
                draw.rectangle((column, row, column + step * 0.6, row + step * 0.6), fill=tone)


def _fence(canvas: Canvas) -> None:
    picture, draw, rng = canvas
    width, height = picture.size
    step, y = float(rng.uniform(4, 24)), float(rng.uniform(0, 0.7)) * height
    tone = _any(rng)
    bottom = y + float(rng.uniform(0.1, 0.4)) * height
    for x in np.arange(0, width, step):
        draw.line((float(x), y, float(x), bottom), fill=tone, width=max(1, round(step / 5)))


def _sign(canvas: Canvas) -> None:
    """A traffic sign, a shop's sign, an advertisement: letters on a board, with room round them."""
    picture, draw, rng = canvas
    width, height = picture.size
    w = float(rng.uniform(0.08, 0.5)) * width
    h = w * float(rng.uniform(0.2, 1.3))
    x, y = float(rng.uniform(-0.1, 0.95)) * width, float(rng.uniform(-0.1, 0.7)) * height
    ground, ink = _any(rng), _any(rng)
    draw.rectangle((x, y, x + w, y + h), fill=ground)
    lines = int(rng.integers(1, 5))
    for line in range(lines):
        top = y + h * (line + float(rng.uniform(0.1, 0.4))) / lines
        left, right = x + w * float(rng.uniform(0.03, 0.3)), x + w * float(rng.uniform(0.6, 0.97))
        size = h / lines * float(rng.uniform(0.2, 0.5))
        write(
            picture,
            _text(rng, 3, 14),
            (left, top, right, top + size),
            ink,
            any_name(rng),
            int(rng.integers(0, 5)),
        )


def _clock(canvas: Canvas) -> None:
    """A recorder's line of text, burnt into the picture."""
    picture, _, rng = canvas
    width, height = picture.size
    text = "".join(rng.choice(list("0123456789:-/ "), int(rng.integers(10, 24))))
    size, x = float(rng.uniform(6, 14)), float(rng.uniform(0, 0.5)) * width
    y = 3.0 if rng.random() < 0.6 else height - 4 - size
    write(picture, text, (x, y, x + size * len(text) * 0.55, y + size), (245, 245, 245), any_name(rng), 1)


def _boxes(canvas: Canvas) -> None:
    """Plain rectangles, pale ones too: what is shaped like a plate and bears nothing."""
    picture, draw, rng = canvas
    width, height = picture.size
    for _ in range(int(rng.integers(1, 6))):
        w = float(rng.uniform(0.04, 0.3)) * width
        h = w * float(rng.uniform(0.15, 1.2))
        x, y = float(rng.uniform(0, 1)) * width, float(rng.uniform(0, 1)) * height
        pale = int(rng.integers(150, 250))
        fill: Colour = (pale, pale, pale) if rng.random() < 0.5 else _any(rng)
        draw.rectangle((x, y, x + w, y + h), fill=fill, outline=_any(rng) if rng.random() < 0.5 else None)


def _slats(canvas: Canvas) -> None:
    picture, _, rng = canvas
    width, height = picture.size
    x, y = float(rng.uniform(0, 0.8)) * width, float(rng.uniform(0, 0.8)) * height
    w = float(rng.uniform(0.08, 0.35)) * width
    _grille(canvas, (x, y, x + w, y + w * float(rng.uniform(0.2, 0.6))))


CLUTTER: tuple[Callable[[Canvas], None], ...] = (_fence, _sign, _clock, _boxes, _slats)


def _shade(colour: Colour, by: float) -> Colour:
    r, g, b = (min(255, max(0, round(v * by))) for v in colour)
    return r, g, b


def _any(rng: np.random.Generator) -> Colour:
    r, g, b = (int(v) for v in rng.integers(5, 250, 3))
    return r, g, b


def _text(rng: np.random.Generator, least: int, most: int) -> str:
    return "".join(rng.choice(list(LETTERS), int(rng.integers(least, most))))
