"""Vehicles on lanes: who drives how fast and when, so that nobody drives through anybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from flows.scenes import bodies, plates
from flows.scenes.bodies.base import Body
from flows.scenes.motion import Motion, Straight
from flows.scenes.options import SceneOptions
from flows.scenes.world import Actor

CLASSES = {"car": 0.74, "truck": 0.12, "bus": 0.07, "motorcycle": 0.07}
"""How often each class is met on a city road."""
TOP_KMH = {"bus": 80.0, "truck": 100.0}
"""Faster ones are not believable."""
GAP_M = 2.0
"""Between bumpers at a standstill."""
HEADWAY_S = 0.7
"""Between bumpers, at least: closer than the advised two seconds, as on real city roads."""
TRIES = 120
"""Moments tried for one vehicle before it is left out."""


@dataclass(frozen=True)
class Lane:
    """A straight lane along the road.

    Attributes:
        x_m: Its middle.
        heading_deg: 0 goes along +y (away from the camera), 180 comes towards it.
        from_y_m: Where vehicles appear, out of sight.
        until_y_m: Where they are gone.
    """

    x_m: float
    heading_deg: float
    from_y_m: float
    until_y_m: float

    @property
    def path(self) -> Straight:
        return Straight(self.x_m, self.from_y_m, self.heading_deg)

    @property
    def length_m(self) -> float:
        return abs(self.until_y_m - self.from_y_m)

    def way_to(self, y_m: float) -> float:
        """Metres from the lane's start to ``y_m``."""
        return (y_m - self.from_y_m) * (1 if self.heading_deg == 0 else -1)


@dataclass(frozen=True, eq=False)
class Trip:
    """One vehicle's passage through a lane."""

    body: Body
    motion: Motion
    from_s: float
    until_s: float


def schedule(
    lanes: Sequence[Lane],
    rng: np.random.Generator,
    options: SceneOptions,
    *,
    count: int,
    duration_s: float,
    passing_y_m: float,
    classes: Mapping[str, float] = CLASSES,
) -> list[tuple[Lane, Trip]]:
    """Places ``count`` vehicles so that they pass ``passing_y_m`` at even moments of the scene.

    A vehicle for which no lane is free at any of :data:`TRIES` moments is left out.
    """
    placed: list[tuple[Lane, Trip]] = []
    moments = (np.arange(count) + rng.uniform(0.1, 0.9, count)) / max(count, 1) * duration_s
    for k in range(count):
        body = bodies.make(str(rng.choice(list(classes), p=list(classes.values()))), rng)
        speed = _speed(body.cls, rng, options)
        order = rng.permutation(len(lanes))
        for attempt in range(TRIES):
            lane = lanes[int(order[attempt % len(lanes)])]
            t = float(moments[k]) if attempt < len(lanes) else float(rng.uniform(0.02, 0.98) * duration_s)
            trip = _trip(lane, body, speed, t, passing_y_m, rng, options)
            if all(_clear(trip, other) for at, other in placed if at == lane):
                placed.append((lane, trip))
                break
    return placed


def actors(placed: Sequence[tuple[Lane, Trip]], rng: np.random.Generator, first: int = 1) -> list[Actor]:
    """Actors of the trips, numbered by the moment they appear."""
    made = []
    for i, (lane, trip) in enumerate(sorted(placed, key=lambda p: p[1].from_s)):
        number = plates.number(rng)
        actor = Actor(first + i, trip.body, lane.path, trip.motion, trip.from_s, trip.until_s, number)
        made.append(actor)
    return made


def renumbered(groups: Sequence[Sequence[Actor]]) -> tuple[Actor, ...]:
    """All actors of several groups, tracks numbered from 1."""
    everyone = [actor for group in groups for actor in group]
    return tuple(replace(actor, track=i + 1) for i, actor in enumerate(everyone))


def _speed(cls: str, rng: np.random.Generator, options: SceneOptions) -> float:
    low, high = options.speed_range_kmh
    high = max(low, min(high, TOP_KMH.get(cls, high)))
    return float(rng.uniform(low, high)) / 3.6


def _trip(
    lane: Lane,
    body: Body,
    speed_mps: float,
    passes_at_s: float,
    passing_y_m: float,
    rng: np.random.Generator,
    options: SceneOptions,
) -> Trip:
    if rng.random() < options.varying:
        # Gently faster and slower again, at most 0.4 m/s2: what drivers do without noticing.
        a = float(rng.uniform(0.1, 0.4)) * float(rng.choice([-1, 1]))
        a = a if speed_mps > 6 else abs(a)
        base = Motion.stretches(0.0, 0.0, speed_mps, [(3.0, 0.0), (3.0, a), (3.0, 0.0), (3.0, -a)])
    else:
        base = Motion.steady(speed_mps)
    motion = base.shifted(passes_at_s - base.when(lane.way_to(passing_y_m)))
    return Trip(body, motion, motion.when(0.0), motion.when(lane.length_m))


def _clear(a: Trip, b: Trip) -> bool:
    """Whether the gap between two trips of a lane stays safe while both are on it."""
    start, end = max(a.from_s, b.from_s), min(a.until_s, b.until_s)
    if start > end:
        # One leaves before the other appears; its tail must be gone.
        return start - end > (a.body.length_m + b.body.length_m) / 2 / 3
    t = np.linspace(start, end, max(2, int((end - start) / 0.1)))
    (sa, va), (sb, vb) = a.motion.at(t), b.motion.at(t)
    ahead = sa - sb
    follower = np.where(ahead > 0, vb, va)
    gap = np.abs(ahead) - (a.body.length_m + b.body.length_m) / 2
    same_order = bool(np.all(ahead > 0) or np.all(ahead < 0))
    return same_order and bool(np.all(gap >= GAP_M + HEADWAY_S * follower))
