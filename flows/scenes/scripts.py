"""Actors that follow a script: walk there, stand, sit, carry something, put it down, take it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.scenes.bodies.base import Body
from flows.scenes.motion import Motion, Straight
from flows.scenes.world import Actor, State

Array = NDArray[np.float64]

STEP_S: Final = 0.05
"""Between two places of a script; straight lines in between."""
TURN_S: Final = 0.6
"""In which somebody turns on the spot, or round a corner."""
HAND_S: Final = 0.8
"""In which a thing goes from hand to floor."""


@dataclass(frozen=True, eq=False)
class Scripted(Actor):
    """An actor whose places are given moment by moment.

    Attributes:
        rows: ``(N, 6)`` seconds, x m, y m, height m, heading degrees (unwrapped), way gone m.
    """

    rows: Array = field(default_factory=lambda: np.zeros((0, 6)))

    @property
    def parked(self) -> bool:
        return False

    def state_at(self, t_s: float) -> State:
        """The state at ``t_s`` seconds of scene time; before and after the script it stays where it is."""
        x, y, z, heading, gone = (
            float(np.interp(t_s, self.rows[:, 0], self.rows[:, k])) for k in range(1, 6)
        )
        return State(x, y, heading % 360, self._speed(t_s), gone, z)

    def places(self, t_s: Array) -> Array:
        """See :meth:`flows.scenes.world.Actor.places`."""
        x, y, heading = (np.interp(t_s, self.rows[:, 0], self.rows[:, k]) for k in (1, 2, 4))
        return np.column_stack([x, y, heading % 360, [self._speed(float(t)) for t in t_s]])

    def _speed(self, t_s: float) -> float:
        gone = np.interp([t_s - STEP_S, t_s + STEP_S], self.rows[:, 0], self.rows[:, 5])
        return float(gone[1] - gone[0]) / (2 * STEP_S)


def actor(body: Body, rows: Array, role: str = "") -> Scripted:
    """An actor that exists for as long as its script lasts."""
    first = rows[0]
    path = Straight(float(first[1]), float(first[2]), float(first[4]))
    return Scripted(
        0, body, path, Motion.steady(0.0), float(first[0]), float(rows[-1, 0]), role=role, rows=rows
    )


@dataclass(frozen=True, eq=False)
class Luggage(Scripted):
    """A thing that is carried, put down and maybe taken.

    Attributes:
        owner: Role of the one who brought it.
        placed_s: When it was put down; None if it has been there since the start.
        taken_s: When it was taken; None if it stays.
        outcome: ``reclaimed`` by the owner, ``removed`` by another, empty if it stays.
    """

    owner: str = ""
    placed_s: float | None = None
    taken_s: float | None = None
    outcome: str = ""


class Walk:
    """Writes the script of somebody on foot.

    Args:
        x_m: Where they appear.
        y_m: The same.
        at_s: When.
        pace_mps: How fast they walk.
        heading_deg: Which way they look at first.
    """

    def __init__(
        self, x_m: float, y_m: float, at_s: float, pace_mps: float = 1.3, heading_deg: float = 0.0
    ) -> None:
        self.pace_mps = pace_mps
        self._t = [at_s]
        self._xy = [(x_m, y_m)]
        self._heading = [heading_deg]

    @property
    def now_s(self) -> float:
        """When what is written so far ends."""
        return self._t[-1]

    @property
    def here_m(self) -> tuple[float, float]:
        """Where."""
        return self._xy[-1]

    @property
    def heading_deg(self) -> float:
        """Which way they look."""
        return self._heading[-1]

    def to(self, x_m: float, y_m: float) -> Walk:
        """They walk straight there."""
        x, y = self.here_m
        way = float(np.hypot(x_m - x, y_m - y))
        if way < 0.05:
            return self
        heading = float(np.degrees(np.arctan2(x_m - x, y_m - y)))
        self._turn(heading)
        steps = max(1, round(way / self.pace_mps / STEP_S))
        for k in range(1, steps + 1):
            share = k / steps
            self._add(x + (x_m - x) * share, y + (y_m - y) * share)
        return self

    def stand(self, lasts_s: float, heading_deg: float | None = None, sway_m: float = 0.03) -> Walk:
        """They stand, as people do: shifting their weight a little."""
        if heading_deg is not None:
            self._turn(heading_deg, moving=False)
        x, y = self.here_m
        heading = self._heading[-1]
        began_s, phase = self.now_s, (x * 7.3 + y * 3.1) % 6.28
        for _ in range(max(1, round(lasts_s / STEP_S))):
            t = self.now_s - began_s
            fade = min(1.0, t / 0.5, max(0.0, (lasts_s - t) / 0.5))
            swing = sway_m * fade * float(np.sin(0.9 * t + phase) - np.sin(phase))
            self._add(x + swing, y + 0.6 * swing, heading + 120 * swing)
        self._xy[-1], self._heading[-1] = (x, y), heading
        return self

    def _turn(self, heading_deg: float, moving: bool = True) -> None:
        now = self._heading[-1]
        target = now + (heading_deg - now + 180) % 360 - 180
        steps = max(1, round(TURN_S * min(1.0, abs(target - now) / 90) / STEP_S))
        for k in range(1, steps + 1):
            self._add(*self.here_m, now + (target - now) * k / steps)

    def _add(self, x_m: float, y_m: float, heading_deg: float | None = None) -> None:
        self._t.append(self._t[-1] + STEP_S)
        self._xy.append((x_m, y_m))
        self._heading.append(self._heading[-1] if heading_deg is None else heading_deg)

    def rows(self) -> Array:
        """The script, see :class:`Scripted`."""
        xy = np.array(self._xy)
        steps = np.hypot(*np.diff(xy, axis=0).T) if len(xy) > 1 else np.zeros(0)
        gone = np.concatenate([[0.0], np.cumsum(np.where(steps > 0.01, steps, 0.0))])
        heading = np.degrees(np.unwrap(np.radians(self._heading)))
        return np.column_stack([self._t, xy, np.zeros(len(xy)), heading, gone])


@dataclass(frozen=True)
class Hold:
    """How a thing is carried: beside the carrier, in metres to the right, ahead, and above the floor."""

    right_m: float
    ahead_m: float
    up_m: float


def carried(
    owner: Array, hold: Hold, put_s: float, taker: Array | None = None, take_s: float | None = None
) -> Array:
    """The script of a thing: in its owner's hand, put down at ``put_s``, taken by somebody at ``take_s``."""
    until_s = float(owner[-1, 0]) if taker is None else float(taker[-1, 0])
    until_s = max(until_s, put_s + HAND_S) if taker is not None else 1e6
    begins_s = float(owner[0, 0])
    brought = np.arange(begins_s, put_s + HAND_S, STEP_S)
    rows = [_held(owner, brought, hold, lambda t: np.clip((put_s + HAND_S - t) / HAND_S, 0, 1), stop_s=put_s)]
    if taker is None or take_s is None:
        last = rows[0][-1].copy()
        last[0] = until_s
        return np.vstack([rows[0], last])
    gone = np.arange(take_s, until_s, STEP_S)
    away = _held(taker, gone, hold, lambda t: np.clip((t - take_s) / HAND_S, 0, 1))
    # From where it lies into the taker's hand.
    share = np.clip((gone - take_s) / HAND_S, 0, 1)[:, None]
    here = rows[0][-1]
    away[:, 1:3] = here[1:3] + share * (away[:, 1:3] - here[1:3])
    still = here.copy()
    still[0] = take_s - STEP_S
    return np.vstack([rows[0], still, away])


def _held(carrier: Array, t_s: Array, hold: Hold, lifted: object, stop_s: float = np.inf) -> Array:
    """``(N, 6)`` rows of a thing beside its carrier; after ``stop_s`` it does not follow any more."""
    assert callable(lifted)
    at = np.minimum(t_s, stop_s)
    x, y, heading, gone = (np.interp(at, carrier[:, 0], carrier[:, k]) for k in (1, 2, 4, 5))
    turn = np.radians(heading)
    right, ahead = np.array([np.cos(turn), -np.sin(turn)]), np.array([np.sin(turn), np.cos(turn)])
    place = np.array([x, y]) + hold.right_m * right + hold.ahead_m * ahead
    return np.column_stack([t_s, place.T, hold.up_m * lifted(t_s), heading, gone])
