"""Puts scripted vehicles on a street so that nobody drives through anybody."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from flows.road.geometry import body_corners, polygons_touch
from flows.scenes import bodies, plates
from flows.scenes.bodies.base import Body
from flows.scenes.motion import Arcs, Motion, Piece
from flows.scenes.plan import Street
from flows.scenes.world import Actor

Array = NDArray[np.float64]

STEP_S = 0.2
SPARE_M = 0.6
"""Between bodies, at least."""
HEADWAY_S = 0.6
"""Room before a vehicle, as time at its speed."""
BEHIND_M = -32.0
AHEAD_M = 220.0
"""Where vehicles come from and go to: out of sight."""
TRIES = 10


class Stage:
    """Actors that keep clear of one another.

    Args:
        duration_s: Length of the scene.
        rng: Of plates.
    """

    def __init__(self, duration_s: float, rng: np.random.Generator) -> None:
        self._t_s = np.arange(-2.0, duration_s + 2.0, STEP_S)
        self._rng = rng
        self._places: list[Array] = []
        self.actors: list[Actor] = []

    def add(self, actor: Actor) -> bool:
        """Takes an actor unless it would come too near to one that is there."""
        places = self._states(actor)
        if any(self._meet(actor, places, other, there) for other, there in self._others()):
            return False
        self._places.append(places)
        number = plates.number(self._rng) if actor.body.cls != "person" else ""
        self.actors.append(replace(actor, plate=number))
        return True

    def _others(self) -> list[tuple[Actor, Array]]:
        return list(zip(self.actors, self._places, strict=True))

    def _states(self, actor: Actor) -> Array:
        """``(N, 4)`` x, y, heading in rad, speed; nan while it does not exist."""
        s, v = actor.motion.at(self._t_s)
        out = np.full((len(self._t_s), 4), np.nan)
        for i in np.flatnonzero((self._t_s >= actor.from_s) & (self._t_s <= actor.until_s)):
            x, y, heading = actor.path.at(float(s[i]))
            out[i] = x, y, np.radians(heading), v[i]
        return out

    def _meet(self, a: Actor, pa: Array, b: Actor, pb: Array) -> bool:
        gap = np.hypot(pa[:, 0] - pb[:, 0], pa[:, 1] - pb[:, 1])
        room = 2 * HEADWAY_S * (pa[:, 3] + pb[:, 3])
        reach = (a.body.length_m + b.body.length_m + a.body.width_m + b.body.width_m) / 2 + SPARE_M + room
        with np.errstate(invalid="ignore"):
            near = np.flatnonzero(gap < reach)
        # The nearest moment first: whoever meets at all mostly meets there.
        near = near[np.argsort(gap[near])]
        return any(polygons_touch(_room(a.body, pa[i]), _room(b.body, pb[i])) for i in near)


def _room(body: Body, place: Array) -> Array:
    """The plan of a body with the room that it keeps before itself."""
    x, y, heading, speed = place
    ahead = np.array([np.sin(heading), np.cos(heading)])
    reach = 0.0 if body.cls == "person" else 0.5 * HEADWAY_S * speed
    middle = np.array([x, y]) + ahead * reach
    return body_corners(middle, ahead, body.length_m + SPARE_M + 2 * reach, body.width_m + SPARE_M / 2)


def through(
    x_m: float,
    heading_deg: float,
    pieces: Sequence[Piece] = (),
    from_y_m: float | None = None,
    first_m: float = 0.0,
) -> Arcs:
    """A way along a lane that does something after ``first_m``."""
    start = from_y_m if from_y_m is not None else (BEHIND_M if heading_deg == 0 else AHEAD_M)
    straight = ((first_m, 0.0),) if first_m else ()
    return Arcs(x_m, start, heading_deg, (*straight, *pieces))


def cruise(
    cls: str,
    path: Arcs,
    v_mps: float,
    at_s: float,
    at_m: float,
    rng: np.random.Generator,
    role: str = "",
    body: Body | None = None,
    gone_m: float = 262.0,
) -> Actor:
    """Somebody who drives at a steady speed and is ``at_m`` along its way at ``at_s``."""
    motion = Motion.steady(v_mps).shifted(at_s - at_m / v_mps)
    body = body or bodies.make(cls, rng)
    return Actor(0, body, path, motion, motion.when(0.0), motion.when(gone_m), role=role)


def fill(
    stage: Stage,
    street: Street,
    rng: np.random.Generator,
    *,
    count: int,
    duration_s: float,
    speeds_kmh: tuple[float, float],
    mix: Mapping[str, float],
    lanes: Callable[[float, float], bool] = lambda x_m, heading_deg: True,
    roles: Callable[[Actor], str] = lambda actor: "",
) -> None:
    """Ordinary traffic straight on, in whatever room is left.

    Args:
        stage: Where it is put.
        street: Whose lanes it uses.
        rng: Of all that is random here.
        count: How many vehicles are wanted.
        duration_s: Over which they are spread.
        speeds_kmh: Slowest and fastest.
        mix: Shares of classes.
        lanes: Which lanes are open, by their middle and direction.
        roles: What a vehicle stands for.
    """
    open_ = [lane for lane in street.lanes_m if lanes(*lane)]
    for k in range(count):
        body = bodies.make(str(rng.choice(list(mix), p=list(mix.values()))), rng)
        for _ in range(TRIES):
            x, heading = open_[int(rng.integers(len(open_)))]
            speed = float(rng.uniform(*speeds_kmh)) / 3.6
            at_s = (k + float(rng.uniform(0, 1))) / count * duration_s
            at_m = (24.0 - BEHIND_M) if heading == 0 else (AHEAD_M - 24.0)
            actor = cruise(body.cls, through(x, heading), speed, at_s, at_m, rng, body=body)
            if stage.add(replace(actor, role=roles(actor))):
                break


def cases(options_case: str | None, known: Sequence[str], rng: np.random.Generator, count: int) -> list[str]:
    """Which scripted cases a scene holds: all in turn, in random order, or those that were asked for.

    Args:
        options_case: As in :class:`flows.scenes.options.SceneOptions`.
        known: Cases of the kind, offences and others in turn.
        rng: Of their order.
        count: How many.
    """
    wanted = [name for name in known if options_case is None or name in options_case.split("+")]
    dealt: list[str] = []
    while wanted and len(dealt) < count:
        dealt += [wanted[int(i)] for i in rng.permutation(len(wanted))]
    return dealt[:count]
