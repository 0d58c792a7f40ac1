"""Light, air and sensor of a scene: all that changes colours and nothing that changes geometry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Look:
    """What the light is like and what the sensor adds.

    Attributes:
        sun_from: Unit vector towards the sun.
        sun: Linear colour of direct light.
        ambient_sky: Linear light from above.
        ambient_ground: Linear light from below.
        haze: Linear colour of far air (and of the sky's edge).
        zenith: Linear colour of the sky overhead.
        haze_per_m: Share of the light lost a metre.
        night: 0 by day, 1 when lamps and windows are lit.
        exposure: Factor on all light.
        noise: Standard deviation of sensor noise at mid-grey, in 8-bit steps.
        vignette: Share of light lost in the corners.
        rain: Strength of the streaks of falling rain, 0 without.
    """

    sun_from: tuple[float, float, float]
    sun: Colour
    ambient_sky: Colour
    ambient_ground: Colour
    haze: Colour
    zenith: Colour
    haze_per_m: float
    night: float
    exposure: float
    noise: float
    vignette: float
    rain: float = 0.0


def _sun(azimuth_deg: float, elevation_deg: float) -> tuple[float, float, float]:
    a, e = np.radians(azimuth_deg), np.radians(elevation_deg)
    return (float(np.cos(e) * np.sin(a)), float(np.cos(e) * np.cos(a)), float(np.sin(e)))


def _tint(colour: Colour, factor: float) -> Colour:
    r, g, b = colour
    return (r * factor, g * factor, b * factor)


def day(rng: np.random.Generator) -> Look:
    """Between a clear morning and a pale noon; the sun stands anywhere but straight overhead."""
    overcast = float(rng.uniform(0, 0.75)) ** 2
    warmth = float(rng.uniform(-0.06, 0.06))
    sun = _tint((1.0 + warmth, 0.96, 0.88 - warmth), 2.1 * (1 - overcast))
    sky = _tint((0.42 + 0.2 * overcast, 0.5 + 0.16 * overcast, 0.62), 0.85 + 0.6 * overcast)
    return Look(
        sun_from=_sun(float(rng.uniform(0, 360)), float(rng.uniform(28, 62))),
        sun=sun,
        ambient_sky=sky,
        ambient_ground=(0.24, 0.22, 0.19),
        haze=(0.62, 0.68, 0.74),
        zenith=_tint((0.20 + 0.3 * overcast, 0.38 + 0.18 * overcast, 0.72), 1.0),
        haze_per_m=float(rng.uniform(0.0006, 0.003)),
        night=0.06,
        exposure=float(rng.uniform(0.62, 0.82)),
        noise=float(rng.uniform(1.0, 3.0)),
        vignette=float(rng.uniform(0.05, 0.2)),
    )


def dusk(rng: np.random.Generator) -> Look:
    """A low warm sun or none, lamps lit, more sensor noise."""
    glow = float(rng.uniform(0.25, 1.0))
    return Look(
        sun_from=_sun(float(rng.uniform(0, 360)), float(rng.uniform(9, 20))),
        sun=_tint((1.0, 0.62, 0.36), 0.75 * glow),
        ambient_sky=_tint((0.30, 0.32, 0.46), 0.6),
        ambient_ground=(0.10, 0.09, 0.09),
        haze=_tint((0.55, 0.42, 0.38), 0.75),
        zenith=(0.10, 0.14, 0.30),
        haze_per_m=float(rng.uniform(0.001, 0.003)),
        night=1.0,
        exposure=float(rng.uniform(0.85, 1.15)),
        noise=float(rng.uniform(2.5, 5.0)),
        vignette=float(rng.uniform(0.1, 0.25)),
    )


def night(rng: np.random.Generator) -> Look:
    """No sun: street lamps' warm light from above, lamps lit, a noisy sensor."""
    lamps = float(rng.uniform(0.75, 1.15))
    return Look(
        sun_from=_sun(float(rng.uniform(0, 360)), float(rng.uniform(55, 75))),
        sun=_tint((0.30, 0.24, 0.16), 0.5 * lamps),
        ambient_sky=_tint((0.30, 0.25, 0.18), 0.55 * lamps),
        ambient_ground=(0.05, 0.045, 0.04),
        haze=(0.030, 0.030, 0.040),
        zenith=(0.008, 0.010, 0.022),
        haze_per_m=float(rng.uniform(0.001, 0.004)),
        night=1.0,
        exposure=float(rng.uniform(1.0, 1.3)),
        noise=float(rng.uniform(4.0, 7.0)),
        vignette=float(rng.uniform(0.15, 0.3)),
    )


def rain(rng: np.random.Generator) -> Look:
    """An overcast day in the rain: no shadows, grey air, streaks, lamps lit."""
    grey = float(rng.uniform(0.9, 1.1))
    return Look(
        sun_from=_sun(float(rng.uniform(0, 360)), 60.0),
        sun=(0.05, 0.05, 0.05),
        ambient_sky=_tint((0.50, 0.54, 0.58), 0.95 * grey),
        ambient_ground=(0.15, 0.15, 0.15),
        haze=_tint((0.50, 0.53, 0.56), grey),
        zenith=_tint((0.42, 0.45, 0.50), grey),
        haze_per_m=float(rng.uniform(0.005, 0.011)),
        night=0.35,
        exposure=float(rng.uniform(0.75, 0.95)),
        noise=float(rng.uniform(2.5, 4.5)),
        vignette=float(rng.uniform(0.1, 0.25)),
        rain=float(rng.uniform(0.5, 1.0)),
    )


def make(light: str, rng: np.random.Generator) -> Look:
    """The look named ``day``, ``dusk``, ``night`` or ``rain``."""
    return {"day": day, "dusk": dusk, "night": night, "rain": rain}[light](rng)
