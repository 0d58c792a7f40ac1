"""What plates look like: Kazakhstan's in all its forms, and looks of neighbours, Europe, the USA and Brazil."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from cluster.plates.fonts import any_name, write
from flows.scenes import plates as kazakh

Colour = tuple[int, int, int]

WHITE, YELLOW, RED, BLACK, BLUE = (242, 242, 238), (240, 200, 40), (190, 30, 35), (25, 25, 28), (35, 70, 160)
LONG_PX, SQUARE_PX, US_PX, MOTO_PX = (520, 112), (280, 170), (305, 152), (245, 180)
"""Pixels a plate is drawn with: one a millimetre."""
LATIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Plate:
    """A drawn plate.

    Attributes:
        picture: ``(h, w, 3)`` uint8 RGB, one pixel a millimetre.
        lines: What stands on it, letters and digits only, top line first.
        country: ISO code, ``EU`` for a European look.
    """

    picture: NDArray[np.uint8]
    lines: tuple[str, ...]
    country: str

    @property
    def text(self) -> str:
        """The number without spaces."""
        return "".join(self.lines)


def kazakhstan(rng: np.random.Generator) -> Plate:
    """The current plate of one line, as rendered vehicles carry it; a fifth of a firm's."""
    text = kazakh.number(rng)
    if rng.random() < 0.2:
        digits, letters, region = text.split()
        return _kazakh_firm(digits, letters[:2], region)
    return Plate(kazakh.picture(text), (text.replace(" ", ""),), "KZ")


def kazakhstan_square(rng: np.random.Generator) -> Plate:
    """The current plate of two lines: digits above; letters and region below."""
    digits, letters, region = kazakh.number(rng).split()
    picture, draw = _blank(SQUARE_PX, WHITE, BLACK)
    draw.rectangle((10, 12, 62, 78), fill=(30, 120, 190))
    write(picture, "KZ", (18, 52, 54, 72), WHITE)
    write(picture, digits, (88, 14, 258, 78), kazakh.INK)
    write(picture, letters, (16, 92, 160, 156), kazakh.INK)
    write(picture, region, (180, 92, 264, 156), kazakh.INK)
    return Plate(np.asarray(picture), (digits, letters + region), "KZ")


def kazakhstan_moto(rng: np.random.Generator) -> Plate:
    """A motorcycle's: two digits and region above, two letters below."""
    digits, letters, region = kazakh.number(rng).split()
    picture, _ = _blank(MOTO_PX, WHITE, BLACK)
    write(picture, digits[:2], (22, 16, 112, 82), kazakh.INK)
    write(picture, region, (140, 16, 224, 82), kazakh.INK)
    write(picture, letters[:2], (60, 98, 190, 164), kazakh.INK)
    return Plate(np.asarray(picture), (digits[:2] + region, letters[:2]), "KZ")


def kazakhstan_older(rng: np.random.Generator) -> Plate:
    """The series of 1993: region's letter, three digits, two or three letters."""
    region = _letters(rng, 1, "ABCDEFHKLMNOPRSTUVWXZ")
    digits, letters = _digits(rng, 3), _letters(rng, int(rng.integers(2, 4)), kazakh.LETTERS)
    picture, _ = _blank(LONG_PX, WHITE, BLACK)
    left = 24 + 29 * (3 - len(letters))
    write(picture, region, (left, 22, left + 54, 92), kazakh.INK)
    write(picture, digits, (left + 96, 16, left + 262, 96), kazakh.INK)
    write(picture, letters, (left + 294, 22, left + 294 + 58 * len(letters), 92), kazakh.INK)
    return Plate(np.asarray(picture), (region + digits + letters,), "KZ")


def kazakhstan_diplomatic(rng: np.random.Generator) -> Plate:
    """White on red: D or T, six digits."""
    kind, digits = _letters(rng, 1, "DT"), _digits(rng, 6)
    picture, _ = _blank(LONG_PX, RED, WHITE)
    write(picture, kind, (36, 20, 92, 94), WHITE)
    write(picture, digits[:3], (126, 20, 290, 94), WHITE)
    write(picture, digits[3:], (322, 20, 488, 94), WHITE)
    return Plate(np.asarray(picture), (kind + digits,), "KZ")


def russia(rng: np.random.Generator) -> Plate:
    """Letter, three digits, two letters, region at the right."""
    letters, digits = _letters(rng, 3, "ABEKMHOPCTYX"), _digits(rng, 3)
    region = _digits(rng, int(rng.integers(2, 4)))
    picture, draw = _blank(LONG_PX, WHITE, BLACK)
    draw.line((392, 6, 392, 106), fill=BLACK, width=4)
    write(picture, letters[0], (28, 38, 82, 94), BLACK)
    write(picture, digits, (98, 18, 258, 94), BLACK)
    write(picture, letters[1:], (274, 38, 380, 94), BLACK)
    write(picture, region, (404, 16, 504, 70), BLACK)
    write(picture, "RUS", (420, 80, 470, 100), BLACK)
    return Plate(np.asarray(picture), (letters[0] + digits + letters[1:] + region,), "RU")


def european(rng: np.random.Generator) -> Plate:
    """A blue strip at the left and some mixture of letters and digits, often in groups."""
    ground = YELLOW if rng.random() < 0.15 else WHITE
    picture, draw = _blank(LONG_PX, ground, BLACK)
    draw.rectangle((6, 6, 48, 105), fill=BLUE)
    write(picture, _letters(rng, int(rng.integers(1, 3)), LATIN), (14, 68, 42, 94), WHITE)
    groups = [_group(rng) for _ in range(int(rng.integers(2, 4)))][:3]
    gap = float(rng.uniform(16, 40))
    _spread(picture, groups, (64, 16, 500, 96), gap, BLACK, any_name(rng))
    return Plate(np.asarray(picture), ("".join(groups),), "EU")


def american(rng: np.random.Generator) -> Plate:
    """A state's name above, a motto below, the number between them, a picture behind or amid."""
    pale = tuple(int(v) for v in rng.integers(200, 256, 3))
    ground: Colour = (pale[0], pale[1], pale[2]) if rng.random() < 0.85 else _any_colour(rng)
    dark = sum(ground) < 330
    ink: Colour = WHITE if dark else (BLACK, (30, 40, 110), (120, 20, 30), (20, 80, 50))[int(rng.integers(4))]
    picture, draw = _blank(US_PX, ground, ink if rng.random() < 0.4 else ground)
    _state_art(draw, rng, ground)
    name = any_name(rng)
    half = float(rng.uniform(30, 62))
    write(picture, _word(rng, 4, 12), (152 - half, 8, 152 + half, 26), _any_colour(rng), any_name(rng))
    if rng.random() < 0.8:
        write(picture, _word(rng, 8, 18), (80, 130, 225, 143), _any_colour(rng), any_name(rng))
    groups = [_group(rng) for _ in range(int(rng.integers(1, 3)))]
    groups = groups if len("".join(groups)) >= 4 else [*groups, _digits(rng, 3)]
    _spread(picture, groups, (14, 36, 291, 122), float(rng.uniform(8, 34)), ink, name)
    return Plate(_framed(picture, rng), ("".join(groups),), "US")


def brazilian(rng: np.random.Generator) -> Plate:
    """The grey plate of 1990, or Mercosur's with a blue band above."""
    letters = _letters(rng, 3, LATIN)
    if rng.random() < 0.5:
        picture, _ = _blank((400, 130), (170, 172, 172), BLACK)
        write(picture, _word(rng, 6, 16), (120, 10, 280, 28), BLACK)
        groups = [letters, _digits(rng, 4)]
        _spread(picture, groups, (20, 40, 380, 118), 24, BLACK, any_name(rng))
        return Plate(np.asarray(picture), ("".join(groups),), "BR")
    picture, draw = _blank((400, 130), WHITE, BLACK)
    draw.rectangle((4, 4, 395, 32), fill=BLUE)
    write(picture, "BRASIL", (150, 10, 250, 26), WHITE)
    text = letters + _digits(rng, 1) + _letters(rng, 1, LATIN) + _digits(rng, 2)
    write(picture, text, (24, 42, 376, 120), BLACK, any_name(rng))
    return Plate(np.asarray(picture), (text,), "BR")


def two_line(rng: np.random.Generator) -> Plate:
    """A square plate of anywhere: motorcycles, lorries, imports."""
    upper, lower = _group(rng), _group(rng)
    ground = YELLOW if rng.random() < 0.15 else WHITE
    picture, _ = _blank(SQUARE_PX if rng.random() < 0.6 else MOTO_PX, ground, BLACK)
    width, height = picture.size
    name = any_name(rng)
    write(picture, upper, (40, 14, width - 40, height // 2 - 6), BLACK, name)
    write(picture, lower, (24, height // 2 + 6, width - 24, height - 14), BLACK, name)
    return Plate(np.asarray(picture), (upper, lower), "EU")


SHARES: tuple[tuple[Callable[[np.random.Generator], Plate], float], ...] = (
    *((kazakhstan, 0.20), (kazakhstan_square, 0.05), (kazakhstan_moto, 0.03), (kazakhstan_older, 0.05)),
    *((kazakhstan_diplomatic, 0.03), (russia, 0.07), (european, 0.19), (american, 0.26)),
    *((brazilian, 0.07), (two_line, 0.05)),
)


def any_plate(rng: np.random.Generator) -> Plate:
    """Some plate, from anywhere."""
    shares = np.array([share for _, share in SHARES])
    maker, _ = SHARES[int(rng.choice(len(SHARES), p=shares / shares.sum()))]
    return maker(rng)


def _kazakh_firm(digits: str, letters: str, region: str) -> Plate:
    picture = Image.fromarray(kazakh.picture(f"{digits} - {region}").copy())
    ImageDraw.Draw(picture).rectangle((205, 12, 384, 100), fill=kazakh.GROUND)
    write(picture, letters, (222, 29, 356, 88), kazakh.INK)
    return Plate(np.asarray(picture), (digits + letters + region,), "KZ")


def _blank(size: tuple[int, int], ground: Colour, border: Colour) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    picture = Image.new("RGB", size, ground)
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle((2, 2, size[0] - 3, size[1] - 3), 10, outline=border, width=4)
    return picture, draw


def _spread(
    picture: Image.Image,
    groups: list[str],
    xyxy: tuple[float, float, float, float],
    gap: float,
    ink: Colour,
    name: str,
) -> None:
    """Writes groups of letters side by side into a box, at most as wide as letters of that height are."""
    left, top, right, bottom = xyxy
    count = sum(map(len, groups))
    letter = min((right - left - gap * (len(groups) - 1)) / count, 0.75 * (bottom - top))
    x = (left + right - letter * count - gap * (len(groups) - 1)) / 2
    for group in groups:
        write(picture, group, (x, top, x + letter * len(group) - 0.12 * letter, bottom), ink, name)
        x += letter * len(group) + gap


def _state_art(draw: ImageDraw.ImageDraw, rng: np.random.Generator, ground: Colour) -> None:
    """Bands, a hill or a seal, pale enough to leave the number legible."""

    def pale() -> Colour:
        mixed = [int(0.6 * g + 0.4 * c) for g, c in zip(ground, _any_colour(rng), strict=True)]
        return mixed[0], mixed[1], mixed[2]

    if rng.random() < 0.4:
        draw.rectangle((4, 4, 300, int(rng.integers(20, 34))), fill=_any_colour(rng))
    if rng.random() < 0.4:
        draw.rectangle((4, int(rng.integers(122, 135)), 300, 147), fill=_any_colour(rng))
    if rng.random() < 0.4:
        xs = rng.uniform(0, 305, 3)
        draw.polygon([(float(x), float(y)) for x, y in zip(xs, (146, 60, 146), strict=True)], fill=pale())
    if rng.random() < 0.5:
        x, y, r = float(rng.uniform(120, 180)), 78.0, float(rng.uniform(10, 24))
        draw.ellipse((x - r, y - r, x + r, y + r), fill=pale())
    for x in (60, 245):  # screws
        if rng.random() < 0.5:
            draw.ellipse((x - 6, 10, x + 6, 22), fill=(90, 90, 92))


def _framed(picture: Image.Image, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Some dealers put a frame round the plate, with their name."""
    if rng.random() < 0.7:
        return np.asarray(picture)
    colour: Colour = BLACK if rng.random() < 0.7 else (180, 182, 186)
    framed = Image.new("RGB", (325, 180), colour)
    framed.paste(picture.crop((4, 10, 301, 140)).resize((301, 136)), (12, 20))
    write(framed, _word(rng, 6, 14), (80, 160, 245, 175), WHITE if colour == BLACK else BLACK)
    return np.asarray(framed)


def _digits(rng: np.random.Generator, count: int) -> str:
    return "".join(str(d) for d in rng.integers(0, 10, count))


def _letters(rng: np.random.Generator, count: int, of: str) -> str:
    return "".join(rng.choice(list(of), count))


def _group(rng: np.random.Generator) -> str:
    count = int(rng.integers(2, 5))
    return _digits(rng, count) if rng.random() < 0.5 else _letters(rng, min(count, 3), LATIN)


def _word(rng: np.random.Generator, least: int, most: int) -> str:
    return _letters(rng, int(rng.integers(least, most)), LATIN + "AEIOU AEIOU ")


def _any_colour(rng: np.random.Generator) -> Colour:
    r, g, b = (int(v) for v in rng.integers(10, 230, 3))
    return r, g, b
