"""Who sits in front in a car, and what they wear: belts, clothes, and what only looks like a belt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from flows.scenes.bodies.pedestrian import HAIR, SKINS

Colour = tuple[float, float, float]
Drive = Literal["left", "right"]
"""Side of the car on which its driver sits, as the driver sees it."""
Extra = Literal["", "strap", "scarf", "hand"]
"""What looks like a belt, or hides one: a bag's strap, a scarf, a hand at the face."""
Pattern = Literal["", "stripes", "diagonal", "checks"]
SeatName = Literal["driver", "passenger"]
SEATS: tuple[SeatName, ...] = ("driver", "passenger")

CLOTHES: tuple[Colour, ...] = (
    (0.72, 0.16, 0.16), (0.16, 0.30, 0.56), (0.13, 0.13, 0.15), (0.90, 0.90, 0.88), (0.30, 0.44, 0.28),
    (0.82, 0.62, 0.20), (0.46, 0.30, 0.50), (0.60, 0.62, 0.65), (0.85, 0.55, 0.45), (0.42, 0.30, 0.20),
    (0.70, 0.80, 0.90), (0.95, 0.90, 0.75), (0.22, 0.24, 0.30), (0.55, 0.70, 0.62),
)  # fmt: skip
BELTS: tuple[tuple[Colour, float], ...] = (
    ((0.10, 0.10, 0.11), 0.50),
    ((0.20, 0.20, 0.22), 0.18),
    ((0.66, 0.62, 0.55), 0.16),
    ((0.45, 0.46, 0.48), 0.10),
    ((0.62, 0.10, 0.10), 0.06),
)
"""Colours of belts and how often each is met: black, as most are."""
STRAPS: tuple[Colour, ...] = ((0.12, 0.10, 0.09), (0.45, 0.28, 0.16), (0.80, 0.75, 0.62), (0.20, 0.24, 0.40))
PLAIN_SIGHT: float = 0.17
"""Belt and clothes that differ by less (root mean square of sRGB, 0 to 1) cannot be told apart by anyone."""
VEILED: float = 0.55
"""Where the glass mirrors so much more than it lets through, nobody sees who sits behind it."""


@dataclass(frozen=True)
class Occupant:
    """Somebody on a front seat.

    Attributes:
        belted: Whether the belt is worn.
        top: Colour of the clothes.
        skin: Colour of the skin.
        hair: Colour of the hair.
        build: Breadth, 1 is average.
        tall_m: How much higher than average the shoulders are.
        lean_m: How far to the right (of the car) the person leans.
        extra: What else is seen before the chest.
        extra_colour: Its colour.
        pattern: Of the clothes.
        pattern_colour: Its colour.
    """

    belted: bool
    top: Colour
    skin: Colour
    hair: Colour
    build: float = 1.0
    tall_m: float = 0.0
    lean_m: float = 0.0
    extra: Extra = ""
    extra_colour: Colour = (0.3, 0.2, 0.15)
    pattern: Pattern = ""
    pattern_colour: Colour = (0.9, 0.9, 0.9)


@dataclass(frozen=True)
class Glass:
    """How the windscreen looks from outside.

    Attributes:
        tint: Share of the light that it swallows.
        mirror: Strength of what it mirrors, 1 as glass does without a filter before the lens.
        veil: Strength of a glare on it, 0 without; at 1 nothing else is seen in its middle.
        veil_at: Middle of the glare, shares of the glass from its lower left as the camera sees it.
        veil_size: Radius of the glare in shares of the glass.
    """

    tint: float
    mirror: float
    veil: float = 0.0
    veil_at: tuple[float, float] = (0.5, 0.5)
    veil_size: float = 1.0


@dataclass(frozen=True)
class Crew:
    """Who sits in front, behind which glass.

    Attributes:
        driver: None in a car that nobody is seen in.
        passenger: None where the seat is empty.
        belt: Colour of the car's belts.
        seats: Colour of its seats.
        lining: Colour of everything else inside.
        light: Share of the light outside that reaches the inside, as a factor on its colours.
        rear_window: Colour of what is seen through the windows behind them.
        glass: The windscreen.
        drive: Where the driver sits.
    """

    driver: Occupant | None
    passenger: Occupant | None
    belt: Colour
    seats: Colour
    lining: Colour
    light: float
    rear_window: Colour
    glass: Glass
    drive: Drive = "left"

    def seat(self, name: str) -> Occupant | None:
        """Who sits on ``driver`` or ``passenger``."""
        return self.driver if name == "driver" else self.passenger

    def in_sight(self, name: str) -> bool:
        """Whether anybody could see if the belt there is worn: it stands out, and no glare lies before it."""
        who = self.seat(name)
        return who is not None and differ(self.belt, who.top) >= PLAIN_SIGHT and self.veil_over(name) < VEILED

    def veil_over(self, name: str) -> float:
        """Strength of the glare before a seat."""
        glass = self.glass
        on_left = (name == "driver") == (self.drive == "left")
        u = 0.73 if on_left else 0.27  # the car comes towards the camera: its left is on the right
        away = np.hypot(u - glass.veil_at[0], 0.45 - glass.veil_at[1])
        return glass.veil * float(np.exp(-((away / max(glass.veil_size, 1e-6)) ** 2) / 2))


def differ(a: Colour, b: Colour) -> float:
    """Root mean square difference of two colours.

    >>> round(differ((0, 0, 0), (1, 1, 1)), 2)
    1.0
    """
    return float(np.sqrt(np.mean((np.array(a) - np.array(b)) ** 2)))


def occupant(rng: np.random.Generator, belted: bool) -> Occupant:
    """Somebody in random clothes."""
    top = _one(CLOTHES, rng)
    pattern: Pattern = ""
    if rng.random() < 0.12:
        pattern = ("stripes", "diagonal", "checks")[int(rng.integers(3))]
    return Occupant(
        belted=belted,
        top=_varied(top, rng),
        skin=_one(SKINS, rng),
        hair=_one(HAIR, rng),
        build=float(rng.uniform(0.88, 1.14)),
        tall_m=float(rng.uniform(-0.035, 0.03)),
        lean_m=float(rng.normal(0, 0.02)),
        pattern=pattern,
        pattern_colour=_one(CLOTHES, rng),
    )


def crew(
    rng: np.random.Generator,
    *,
    driver: bool | None = True,
    passenger: bool | None = None,
    drive: Drive = "left",
) -> Crew:
    """A car's front seats.

    Args:
        rng: Of all that is random here.
        driver: Whether the driver wears the belt; None without a driver.
        passenger: Likewise.
        drive: Where the driver sits.
    """
    colours, shares = zip(*BELTS, strict=True)
    dark = rng.random() < 0.75
    shade = float(rng.uniform(0.14, 0.30) if dark else rng.uniform(0.45, 0.70))
    bright_behind = rng.random() < 0.5
    return Crew(
        driver=None if driver is None else occupant(rng, driver),
        passenger=None if passenger is None else occupant(rng, passenger),
        belt=_varied(colours[int(rng.choice(len(colours), p=shares))], rng, 0.02),
        seats=_varied((shade, shade * 0.98, shade * 0.95), rng, 0.03),
        lining=_varied((0.20, 0.20, 0.21), rng, 0.06),
        light=float(rng.uniform(0.62, 0.95)),
        rear_window=_varied((0.62, 0.66, 0.68) if bright_behind else (0.16, 0.18, 0.19), rng, 0.05),
        glass=Glass(tint=float(rng.uniform(0.06, 0.28)), mirror=float(rng.uniform(0.15, 0.8))),
        drive=drive,
    )


def with_extra(who: Occupant, extra: Extra, rng: np.random.Generator) -> Occupant:
    """The same person with something before the chest."""
    colours = STRAPS if extra == "strap" else CLOTHES
    return replace(who, extra=extra, extra_colour=_one(colours, rng))


def with_pattern(who: Occupant, rng: np.random.Generator) -> Occupant:
    """The same person in patterned clothes that stand out."""
    pattern: Pattern = ("stripes", "diagonal", "checks")[int(rng.integers(3))]
    others = [c for c in CLOTHES if differ(c, who.top) > 0.25]
    return replace(who, pattern=pattern, pattern_colour=others[int(rng.integers(len(others)))])


def dazzled(made: Crew, rng: np.random.Generator) -> Crew:
    """The same crew behind a windscreen that mirrors the sky or the sun."""
    glare = replace(
        made.glass,
        veil=float(rng.uniform(0.75, 1.0)),
        veil_at=(float(rng.uniform(0.2, 0.8)), float(rng.uniform(0.3, 0.8))),
        veil_size=float(rng.uniform(0.35, 1.5)),
    )
    return replace(made, glass=glare)


def _one(colours: tuple[Colour, ...], rng: np.random.Generator) -> Colour:
    return colours[int(rng.integers(len(colours)))]


def _varied(colour: Colour, rng: np.random.Generator, by: float = 0.04) -> Colour:
    r, g, b = (float(np.clip(c + rng.uniform(-by, by), 0.02, 1.0)) for c in colour)
    return r, g, b
