"""Who is where at which moment: actors on paths, nothing of how they look."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flows.scenes.bodies.base import Body
from flows.scenes.motion import Motion, Path

Array = NDArray[np.float64]


@dataclass(frozen=True)
class State:
    """One actor at one moment.

    Attributes:
        x_m: Ground position of the body's middle.
        y_m: The same, along the road.
        heading_deg: Clockwise from +y.
        speed_mps: Along the heading, never negative.
        gone_m: Way since its start; turns wheels and swings legs.
        z_m: Height of the body's lowest point above the floor: a bag in somebody's hand.
    """

    x_m: float
    y_m: float
    heading_deg: float
    speed_mps: float
    gone_m: float
    z_m: float = 0.0

    @property
    def pose(self) -> Array:
        """Body axes to world, ``(4, 4)``."""
        turn = np.radians(self.heading_deg)
        c, s = np.cos(turn), np.sin(turn)
        matrix = np.eye(4)
        matrix[:2, :2] = [[c, s], [-s, c]]
        matrix[:3, 3] = self.x_m, self.y_m, self.z_m
        return matrix


@dataclass(frozen=True, eq=False)
class Actor:
    """Something that moves (or is parked).

    Attributes:
        track: Number in the truth, 1-based.
        body: What it looks like.
        path: Where it goes.
        motion: How fast.
        from_s: First moment at which it exists.
        until_s: Last moment.
        plate: Number plate, empty for people.
        role: What it was put there to do, for example ``runs_red``; empty for ordinary traffic.
    """

    track: int
    body: Body
    path: Path
    motion: Motion
    from_s: float = -np.inf
    until_s: float = np.inf
    plate: str = ""
    role: str = ""

    @property
    def parked(self) -> bool:
        """Whether it stands still throughout."""
        return not (self.motion.v_mps.any() or self.motion.a_mps2.any())

    def state_at(self, t_s: float) -> State:
        """Exact state at ``t_s`` seconds of scene time."""
        s, v = self.motion.at(t_s)
        x, y, heading = self.path.at(float(s))
        return State(x, y, heading, float(v), float(s))

    def places(self, t_s: Array) -> Array:
        """``(N, 4)`` x and y in m, heading in degrees, speed in m/s at moments ``(N,)``."""
        s, v = self.motion.at(t_s)
        ways = np.array([self.path.at(float(way)) for way in s]).reshape(-1, 3)
        return np.column_stack([ways, np.asarray(v, float)])


@dataclass(frozen=True, eq=False)
class World:
    """All actors of a scene."""

    actors: tuple[Actor, ...]

    def state_at(self, t_s: float) -> list[tuple[Actor, State]]:
        """Those who exist at ``t_s`` with their states, in order of track."""
        return [(a, a.state_at(t_s)) for a in self.actors if a.from_s <= t_s <= a.until_s]
