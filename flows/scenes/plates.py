"""Number plates as vehicles of Kazakhstan carry them: ``123 ABC 02`` with the KZ strip."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

LETTERS = "ABCDEFHKLMNOPRSTUXYZ"
"""Latin letters that are issued."""
REGIONS = tuple(f"{n:02d}" for n in range(1, 21))
SIZE_PX = (512, 112)
"""Of the texture of a plate of 520 x 112 mm."""

INK = (22, 22, 26)
GROUND = (244, 244, 240)
BLUE = (30, 120, 190)


def number(rng: np.random.Generator) -> str:
    """A random number such as ``123 ABC 02``."""
    letters = "".join(rng.choice(list(LETTERS), 3))
    return f"{int(rng.integers(1, 1000)):03d} {letters} {REGIONS[int(rng.integers(len(REGIONS)))]}"


def picture(text: str) -> NDArray[np.uint8]:
    """The plate with ``text``, ``(112, 512, 3)`` uint8 RGB; an empty text gives a blank plate."""
    width, height = SIZE_PX
    image = Image.new("RGB", SIZE_PX, GROUND)
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((2, 2, width - 3, height - 3), 10, outline=INK, width=4)
    draw.rectangle((8, 8, 50, height - 9), fill=BLUE)
    draw.ellipse((18, 18, 40, 40), fill=(250, 205, 60))
    _write(draw, "KZ", (29, 78), 28, (255, 255, 255), 1)
    if text:
        digits, letters, region = text.split()
        _write(draw, digits, (126, 58), 84, INK, 2)
        _write(draw, letters, (288, 58), 84, INK, 2)
        draw.line((392, 10, 392, height - 11), fill=INK, width=4)
        _write(draw, region, (448, 58), 84, INK, 2)
    return np.asarray(image)


def stack(texts: list[str]) -> NDArray[np.uint8]:
    """Plates of ``texts`` as ``(N, 112, 512, 3)`` uint8, at least one."""
    return np.stack([picture(text) for text in texts or [""]])


def _write(
    draw: ImageDraw.ImageDraw, text: str, at: tuple[int, int], size: int, ink: tuple[int, int, int], bold: int
) -> None:
    # Pillow brings this font with it, so plates look the same on every machine.
    font = ImageFont.load_default(size)
    draw.text(at, text, fill=ink, font=font, anchor="mm", stroke_width=bold, stroke_fill=ink)
