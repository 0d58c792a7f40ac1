"""Bodies by class: a new one is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from flows.scenes.bodies import bus, car, motorcycle, pedestrian, truck
from flows.scenes.bodies.base import Body

MAKERS: dict[str, Callable[[np.random.Generator], Body]] = {
    "car": car.make,
    "truck": truck.make,
    "bus": bus.make,
    "motorcycle": motorcycle.make,
    "person": pedestrian.make,
}


def make(cls: str, rng: np.random.Generator) -> Body:
    """A body of the COCO class ``cls``, its shape, size and colour drawn from ``rng``."""
    return MAKERS[cls](rng)
