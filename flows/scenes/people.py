"""People on the pavements."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from flows.scenes import bodies, plates
from flows.scenes.motion import Motion, Straight
from flows.scenes.plan import Street
from flows.scenes.world import Actor

SLOT_M = 0.75
"""Width of a row of walkers; within a row all walk alike, so nobody collides."""


def walkers(
    street: Street, count: int, rng: np.random.Generator, y_m: tuple[float, float] = (2.0, 70.0)
) -> list[Actor]:
    """``count`` people who walk along the pavements (tracks are numbered later)."""
    low, high = street.walks_m()
    slots = [side * x for side in (-1, 1) for x in np.arange(low, high, SLOT_M)]
    ways = [(float(rng.choice([0.0, 180.0])), float(rng.uniform(0.9, 1.6))) for _ in slots]
    taken: list[list[float]] = [[] for _ in slots]
    made = []
    for _ in range(count):
        k, y = int(rng.integers(len(slots))), float(rng.uniform(*y_m))
        if any(abs(y - other) < 1.5 for other in taken[k]):
            continue
        taken[k].append(y)
        heading, speed = ways[k]
        body = bodies.make("person", rng)
        # Steps out of phase: everybody has walked a different way before.
        before = float(rng.uniform(0, 2))
        path = Straight(float(slots[k]), y - before * (1 if heading == 0 else -1), heading)
        made.append(Actor(0, body, path, replace(Motion.steady(speed), s_m=np.array([before]))))
    return made


def strollers(street: Street, count: int, rng: np.random.Generator, duration_s: float) -> list[Actor]:
    """People who stand or wander on the verges, out of the walkers' and the traffic's way."""
    made: list[Actor] = []
    for k in range(count):
        side = float(rng.choice([-1, 1]))
        x, y = side * (street.half_m + 0.35), 6.0 + 9.0 * k + float(rng.uniform(0, 4))
        pace = float(rng.choice([0.0, 0.4]))
        if pace * duration_s > 4.0:
            pace = 0.0
        heading = float(rng.uniform(0, 360)) if pace == 0 else float(rng.choice([0.0, 180.0]))
        made.append(Actor(0, bodies.make("person", rng), Straight(x, y, heading), Motion.steady(pace)))
    return made


def parked(street: Street, share: float, rng: np.random.Generator) -> list[Actor]:
    """Cars that stand along the kerbs; ``share`` of the places are taken."""

    made = []
    for side in (-1, 1):
        x = side * (street.drive_half_m + 1.45)
        for y in np.arange(-12.0, 90.0, 6.4):
            crosswalk = street.crosswalk_y_m
            if (crosswalk is not None and abs(y - crosswalk) < 9.0) or rng.random() > share:
                continue
            body = bodies.make("car", rng)
            if body.length_m > 5.3:
                continue
            heading = 0.0 if side > 0 or not street.towards else 180.0
            path = Straight(x, y + float(rng.uniform(-0.3, 0.3)), heading)
            made.append(Actor(0, body, path, Motion.steady(0.0), plate=plates.number(rng)))
    return made
