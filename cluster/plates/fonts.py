"""Lettering for drawn plates: fonts that come with packages, pressed to the widths that plates use."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

DRAWN_PX = 96
"""Height at which letters are drawn before they are pressed into their place."""
FILES = ("DejaVuSans-Bold.ttf", "DejaVuSans.ttf", "DejaVuSansMono-Bold.ttf")


@lru_cache(maxsize=1)
def names() -> tuple[str, ...]:
    """Fonts on this machine: Pillow's own (the empty name), and those that come with matplotlib."""
    found = find_spec("matplotlib")
    if found is None or found.origin is None:
        return ("",)
    folder = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"
    return ("", *(str(folder / name) for name in FILES if (folder / name).is_file()))


@lru_cache(maxsize=64)
def font(name: str, size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A font of that size."""
    return ImageFont.truetype(name, size_px) if name else ImageFont.load_default(size_px)


def mask(text: str, name: str, bold: int = 0, spacing: float = 0.0) -> Image.Image:
    """The text's ink as a mask (``L``), cut tight.

    Args:
        text: One line.
        name: Of :func:`names`.
        bold: Strokes are widened by so much, px at ``DRAWN_PX``.
        spacing: Between letters, as a share of their height.
    """
    face = font(name, DRAWN_PX)
    wide = Image.new("L", (round(len(text) * DRAWN_PX * (1.1 + spacing)) + 40, 2 * DRAWN_PX), 0)
    draw = ImageDraw.Draw(wide)
    x = 20.0
    for letter in text:
        draw.text((x, DRAWN_PX), letter, fill=255, font=face, anchor="lm", stroke_width=bold)
        x += float(face.getlength(letter)) + 2 * bold + spacing * DRAWN_PX
    box = wide.getbbox()
    return wide.crop(box) if box else wide


def write(
    picture: Image.Image,
    text: str,
    xyxy: tuple[float, float, float, float],
    ink: tuple[int, int, int],
    name: str = "",
    bold: int = 3,
    spacing: float = 0.04,
) -> None:
    """Writes a line so that it fills a box exactly, as a press does."""
    left, top, right, bottom = (round(v) for v in xyxy)
    if right - left < 1 or bottom - top < 1 or not text.strip():
        return
    shape = mask(text, name, bold, spacing).resize((right - left, bottom - top), Image.Resampling.BILINEAR)
    picture.paste(ink, (left, top), shape)


def any_name(rng: np.random.Generator) -> str:
    """Some font."""
    found = names()
    return found[int(rng.integers(len(found)))]
