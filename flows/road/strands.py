"""Sightings of one track told apart by vehicle: a body on the road cannot jump, a tracker's box can.

Behind a bus the tracker may lose a car and take the next one for it, and take the first one up again when that comes
forth; of what is half hidden, the box ends at what is before it. On the ground both are jumps that no vehicle makes.
Each sighting goes to the strand that a body moving steadily would have reached; what fits none begins a strand of its
own, so a short glitch leaves the strand around it whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ACCELERATES_MPS2: Final = 4.0
"""Standard deviation of what a driver does from one sighting to the next; full braking is twice that."""
ANY_SPEED_MPS: Final = 25.0
"""Of a strand's first sighting the speed is not known: each axis, either way."""
JITTER_M: Final = 0.3
"""The edge that touches the road changes while a body turns in view."""
GAP_S: Final = 2.0
"""For so long a strand may be unseen; a tracker does not hold on to a track for much longer."""
SIGMAS: Final = 5.0
SLACK_M: Final = 1.5
"""What is off by more than both is not that body: so many standard errors, and a third of a car's length."""


@dataclass(slots=True)
class _Strand:
    """One body so far: its sightings, and where it is along each axis with its velocity."""

    members: list[int]
    at_s: float
    state: Array
    spread: Array

    def ahead(self, at_s: float) -> tuple[Array, Array]:
        """State ``(4,)`` and covariance ``(4, 4)`` at a later time, m and m/s."""
        t = at_s - self.at_s
        step = np.eye(4)
        step[0, 2] = step[1, 3] = t
        drive = np.vstack([np.eye(2) * t**2 / 2, np.eye(2) * t]) * ACCELERATES_MPS2
        return step @ self.state, step @ self.spread @ step.T + drive @ drive.T

    def off(self, at_s: float, xy: Array, noise: Array) -> float:
        """How far a place is from where this body would be: 1 is the most that is still believed."""
        state, spread = self.ahead(at_s)
        miss = xy - state[:2]
        sigmas = float(np.sqrt(miss @ np.linalg.solve(spread[:2, :2] + noise, miss)))
        return min(sigmas / SIGMAS, float(np.hypot(miss[0], miss[1])) / SLACK_M)

    def take(self, member: int, at_s: float, xy: Array, noise: Array) -> None:
        """Adds a sighting (one step of a Kalman filter)."""
        state, spread = self.ahead(at_s)
        gain = spread[:, :2] @ np.linalg.inv(spread[:2, :2] + noise)
        self.state, self.spread = state + gain @ (xy - state[:2]), spread - gain @ spread[:2]
        self.at_s = at_s
        self.members.append(member)


def strands(at_s: Array, xy: Array, noise: Array) -> list[list[int]]:
    """Which sightings belong to one body.

    Args:
        at_s: ``(N,)`` seconds, ascending.
        xy: ``(N, 2)`` where each touches the road, m.
        noise: ``(N, 2, 2)`` covariance of each place by itself, m².

    Returns:
        Indices of each body's sightings in time order; bodies in the order in which they were first seen.

    >>> t = np.arange(8) * 0.1
    >>> way = np.column_stack([np.zeros(8), 20 * t])
    >>> way[5:, 1] += 12.0  # from here on the track follows another car
    >>> strands(t, way, np.tile(np.eye(2) * 0.04, (8, 1, 1)))
    [[0, 1, 2, 3, 4], [5, 6, 7]]
    """
    found: list[_Strand] = []
    for member, (t, place, own) in enumerate(
        zip(at_s.tolist(), xy, noise + np.eye(2) * JITTER_M**2, strict=True)
    ):
        near = [(s.off(t, place, own), -len(s.members), s) for s in found if t - s.at_s <= GAP_S]
        off, _, best = min(near, key=lambda each: each[:2], default=(np.inf, 0, None))
        if best is not None and off <= 1.0:
            best.take(member, t, place, own)
            continue
        spread = np.diag([0.0, 0.0, ANY_SPEED_MPS**2, ANY_SPEED_MPS**2])
        spread[:2, :2] = own
        found.append(_Strand([member], t, np.array([*place, 0.0, 0.0]), spread))
    return [s.members for s in found]
