"""Motion at a constant velocity that chance accelerations disturb: one step of it, and a whole way known afterwards.

States are ``(x_m, y_m, vx_mps, vy_mps)``. A filter (:mod:`flows.road.paths`) knows at each moment what was seen until
then; rules that judge a passage when it is over know the rest as well. What comes later corrects what was believed
before: a newcomer's first places tell its speed hardly at all, its next second does. That is the fixed-interval
smoother of Rauch, Tung & Striebel (1965; Bar-Shalom, Li, Kirubarajan 2001, 8.6).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.domain.paths import Waypoint

Array = NDArray[np.float64]

NEWCOMER_MPS: Final = 15.0
"""Standard deviation of a velocity of which nothing is known: any city speed."""


def step(seconds: float) -> Array:
    """``(4, 4)`` transition of a state over a time.

    >>> (step(2.0) @ np.array([0.0, 0.0, 1.0, 3.0])).tolist()
    [2.0, 6.0, 1.0, 3.0]
    """
    matrix = np.eye(4)
    matrix[0, 2] = matrix[1, 3] = seconds
    return matrix


def disturbance(seconds: float, accelerates_mps2: float) -> Array:
    """``(4, 4)`` covariance that chance accelerations add over a time."""
    t, q = seconds, accelerates_mps2**2
    noise = np.zeros((4, 4))
    noise[0, 0] = noise[1, 1] = q * t**4 / 4
    noise[0, 2] = noise[2, 0] = noise[1, 3] = noise[3, 1] = q * t**3 / 2
    noise[2, 2] = noise[3, 3] = q * t**2
    return noise


def velocities(points: Sequence[Waypoint], accelerates_mps2: float) -> tuple[Array, Array]:
    """``(N, 2)`` velocities of a way known to its end, m/s, and their ``(N, 2, 2)`` covariances.

    Args:
        points: In time order, as a filter left them, each with its ``own`` covariance.
        accelerates_mps2: Standard deviation of the acceleration between two sightings.
    """
    state = np.array([[*p.xy_m, *p.velocity_mps] for p in points]).reshape(-1, 4)
    spread = np.array([_own(p) for p in points]).reshape(-1, 4, 4)
    for i in range(len(points) - 2, -1, -1):
        if _begins(points[i + 1]):
            continue  # the filter began anew there: what comes after tells nothing of what was before
        seconds = (points[i + 1].at - points[i].at).total_seconds()
        move = step(seconds)
        expected = move @ spread[i] @ move.T + disturbance(seconds, accelerates_mps2)
        gain = np.linalg.solve(expected, move @ spread[i]).T
        state[i] += gain @ (state[i + 1] - move @ state[i])
        spread[i] += gain @ (spread[i + 1] - expected) @ gain.T
    return state[:, 2:], spread[:, 2:, 2:]


def _own(point: Waypoint) -> Array:
    """What is known of a waypoint; of one that only says where it is, its velocity is its own word."""
    if point.own is not None:
        return point.own
    return np.diag([point.sd_m**2] * 2 + [NEWCOMER_MPS**2] * 2)


def _begins(point: Waypoint) -> bool:
    """Whether the filter began with this one: it has seen no motion yet."""
    return not point.velocity_mps.any()
