"""Where a smart camera, a radar or a drone says objects are, in metres: what it sends instead of a picture."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fix:
    """One object at one moment.

    Attributes:
        name: The device's own name for the object, unique while it is in sight.
        cls: Class name, in our words.
        xy_m: Middle of its plan on the ground.
        speed_mps: As the device measured it; None if it does not say.
        heading: Unit vector ``(x, y)`` that the body points along; None if it does not say.
    """

    name: str
    cls: str
    xy_m: tuple[float, float]
    speed_mps: float | None = None
    heading: tuple[float, float] | None = None


Fixes = tuple[Fix, ...]
"""All objects of one moment."""
