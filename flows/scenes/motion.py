"""Exact motion: along a path, with a speed that is constant or changes at constant rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Path(Protocol):
    """A curve on the ground by its length."""

    def at(self, s_m: float) -> tuple[float, float, float]:
        """Position ``x_m, y_m`` and heading (degrees clockwise from +y) after ``s_m`` metres."""
        ...


@dataclass(frozen=True)
class Straight:
    """A straight line that goes on for ever both ways.

    >>> Straight(2.0, 10.0, 180.0).at(4.0)
    (2.0, 6.0, 180.0)
    """

    x_m: float
    y_m: float
    heading_deg: float

    def at(self, s_m: float) -> tuple[float, float, float]:
        turn = np.radians(self.heading_deg)
        x, y = self.x_m + s_m * np.sin(turn), self.y_m + s_m * np.cos(turn)
        return (round(float(x), 9), round(float(y), 9), self.heading_deg)


@dataclass(frozen=True)
class Bends:
    """Straight stretches from corner to corner; the last one goes on for ever.

    Attributes:
        corners_m: At least two points ``(x_m, y_m)``.
    """

    corners_m: tuple[tuple[float, float], ...]

    def at(self, s_m: float) -> tuple[float, float, float]:
        """Position and heading, see :class:`Path`."""
        left = s_m
        legs = list(zip(self.corners_m, self.corners_m[1:], strict=False))
        for i, ((x0, y0), (x1, y1)) in enumerate(legs):
            dx, dy = x1 - x0, y1 - y0
            length = float(np.hypot(dx, dy))
            if left <= length or i == len(legs) - 1:
                heading = float(np.degrees(np.arctan2(dx, dy))) % 360
                return (x0 + dx * left / length, y0 + dy * left / length, heading)
            left -= length
        raise AssertionError("unreachable: the last leg takes all that is left")


Piece = tuple[float, float]
"""A stretch of a way: its length in metres, and by how many degrees it turns to the right."""


@dataclass(frozen=True)
class Arcs:
    """Straights and arcs of circles joined without a kink; it goes on straight before and after them.

    Attributes:
        x_m: Where the first piece begins.
        y_m: The same.
        heading_deg: Which way, clockwise from +y.
        pieces: In order.

    >>> Arcs(0.0, 0.0, 0.0, ((10.0, 0.0), (np.pi * 5, 180.0))).at(10 + np.pi * 5 + 2)
    (10.0, 8.0, 180.0)
    """

    x_m: float
    y_m: float
    heading_deg: float
    pieces: tuple[Piece, ...]

    def at(self, s_m: float) -> tuple[float, float, float]:
        """Position and heading, see :class:`Path`."""
        x, y, heading, left = self.x_m, self.y_m, self.heading_deg, s_m
        for length, turn in self.pieces if s_m > 0 else ():
            gone = min(left, length)
            x, y, heading = _along(x, y, heading, gone, turn * gone / length)
            left -= gone
            if left <= 0:
                break
        x, y, heading = _along(x, y, heading, left, 0.0)
        return round(x, 9), round(y, 9), heading % 360

    @property
    def length_m(self) -> float:
        """Of all pieces."""
        return sum(length for length, _ in self.pieces)


def _along(
    x: float, y: float, heading_deg: float, way_m: float, turn_deg: float
) -> tuple[float, float, float]:
    """The end of an arc: its chord lies half the turn off the heading."""
    half = np.radians(turn_deg) / 2
    chord = way_m * np.sinc(half / np.pi)
    bearing = np.radians(heading_deg) + half
    return float(x + chord * np.sin(bearing)), float(y + chord * np.cos(bearing)), heading_deg + turn_deg


def sidestep(aside_m: float, along_m: float) -> tuple[Piece, Piece]:
    """Two arcs that carry a way ``aside_m`` to the right (negative: left) within ``along_m`` ahead.

    >>> x, y, heading = Arcs(0.0, 0.0, 0.0, sidestep(3.5, 20.0)).at(100.0)
    >>> round(x, 6), heading
    (3.5, 0.0)
    """
    turn = 2 * np.arctan2(aside_m, along_m)
    arc = along_m / 2 / np.sinc(turn / np.pi)
    degrees = float(np.degrees(turn))
    return (float(arc), degrees), (float(arc), -degrees)


@dataclass(frozen=True, eq=False)
class Motion:
    """Way over time in stretches of constant acceleration; the first and last speed go on for ever.

    Attributes:
        t_s: ``(N,)`` start of each stretch.
        s_m: ``(N,)`` way at its start.
        v_mps: ``(N,)`` speed at its start.
        a_mps2: ``(N,)`` acceleration in it; the last one is 0.
    """

    t_s: Array
    s_m: Array
    v_mps: Array
    a_mps2: Array

    @classmethod
    def steady(cls, v_mps: float, t_s: float = 0.0, s_m: float = 0.0) -> Motion:
        """Constant speed, being at ``s_m`` at ``t_s``."""
        return cls(np.array([t_s]), np.array([s_m]), np.array([v_mps]), np.zeros(1))

    @classmethod
    def stretches(cls, t_s: float, s_m: float, v_mps: float, parts: list[tuple[float, float]]) -> Motion:
        """From a start, parts of ``(seconds, acceleration)``; speed never goes below zero."""
        rows = []
        for lasts_s, a in parts:
            if a < 0 and v_mps + a * lasts_s < 0:
                stop_s = -v_mps / a
                rows.append((t_s, s_m, v_mps, a))
                s_m, t_s, v_mps = s_m + v_mps * stop_s / 2, t_s + stop_s, 0.0
                lasts_s, a = lasts_s - stop_s, 0.0
            rows.append((t_s, s_m, v_mps, a))
            s_m += v_mps * lasts_s + a * lasts_s**2 / 2
            t_s, v_mps = t_s + lasts_s, v_mps + a * lasts_s
        rows.append((t_s, s_m, v_mps, 0.0))
        return cls(*np.array(rows).T)

    def at(self, t_s: float | Array) -> tuple[Array, Array]:
        """Way and speed at moments ``t_s`` (any shape)."""
        t = np.asarray(t_s, float)
        i = np.clip(np.searchsorted(self.t_s, t, side="right") - 1, 0, None)
        dt = t - self.t_s[i]
        a = np.where(dt >= 0, self.a_mps2[i], 0.0)
        return self.s_m[i] + self.v_mps[i] * dt + a * dt**2 / 2, self.v_mps[i] + a * dt

    def shifted(self, by_s: float) -> Motion:
        """The same motion, ``by_s`` seconds later."""
        return Motion(self.t_s + by_s, self.s_m, self.v_mps, self.a_mps2)

    def when(self, s_m: float) -> float:
        """The first moment at which the way reaches ``s_m``; infinite if it never does."""
        i = max(0, int(np.searchsorted(self.s_m, s_m, side="left")) - 1)
        t, ds, v = float(self.t_s[i]), s_m - float(self.s_m[i]), float(self.v_mps[i])
        a = float(self.a_mps2[i]) if ds > 0 else 0.0
        if abs(a) < 1e-12:
            return t + ds / v if v > 0 else float("inf")
        return t + (float(np.sqrt(max(v * v + 2 * a * ds, 0.0))) - v) / a
