"""Where boxes go: a Kalman filter over all tracks at once, in seconds.

Each of centre x, centre y, width and height moves on its own as an integrated Ornstein-Uhlenbeck process
(R. Singer, 1970, with velocity in place of acceleration): velocity persists but fades with a time constant,
so a prediction over a gap stays bounded. Four independent pairs (value, velocity) need no matrix algebra.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Noise:
    """How boxes move and how well detectors see them; lengths in box scales (the square root of the area).

    Attributes:
        measure: ``(4,)`` standard deviation of a detected centre x, y, width, height.
        start_speed: ``(4,)`` standard deviation of the first velocity, scales/s.
        drive: ``(4,)`` velocity's random walk, scales/s per root second.
        fade_s: ``(4,)`` time constant with which a velocity fades.
        hurry: Change of velocity of what rushes past, a second, in the square of ...
        hurry_from: ... its speed beyond this, scales/s.
    """

    measure: Floats
    start_speed: Floats
    drive: Floats
    fade_s: Floats
    hurry: float = 0.0
    hurry_from: float = 0.0


@dataclass(slots=True)
class Motion:
    """State of all tracks, one row each.

    Attributes:
        value: ``(N, 4)`` centre x, centre y, width, height, px.
        speed: ``(N, 4)`` their velocities, px/s.
        var: ``(N, 4)`` variance of the value, px^2.
        cov: ``(N, 4)`` covariance of value and velocity.
        speed_var: ``(N, 4)`` variance of the velocity.
    """

    value: Floats
    speed: Floats
    var: Floats
    cov: Floats
    speed_var: Floats

    def __len__(self) -> int:
        return len(self.value)

    @classmethod
    def start(cls, boxes: Floats, noise: Noise) -> Motion:
        """Tracks seen once: ``(N, 4)`` boxes as centre and size."""
        scale = box_scale(boxes)
        shape = boxes.shape
        return cls(
            boxes.copy(),
            np.zeros(shape),
            (noise.measure * scale) ** 2,
            np.zeros(shape),
            (noise.start_speed * scale) ** 2,
        )

    def keep(self, index: NDArray[np.intp]) -> Motion:
        """The rows at ``index``."""
        return Motion(
            self.value[index], self.speed[index], self.var[index], self.cov[index], self.speed_var[index]
        )

    def join(self, other: Motion) -> Motion:
        """These rows, then the others."""
        return Motion(
            np.vstack([self.value, other.value]),
            np.vstack([self.speed, other.speed]),
            np.vstack([self.var, other.var]),
            np.vstack([self.cov, other.cov]),
            np.vstack([self.speed_var, other.speed_var]),
        )

    def predict(self, dt_s: float, noise: Noise) -> None:
        """Moves every track ``dt_s`` seconds on."""
        keep = np.exp(-dt_s / noise.fade_s)
        reach = noise.fade_s * (1 - keep)
        scale = box_scale(self.value)
        drive = (noise.drive * scale) ** 2
        beyond = np.maximum(np.abs(self.speed) / scale - noise.hurry_from, 0.0)
        rush = (noise.hurry * beyond**2 * scale) ** 2 * dt_s  # as a density: steady over one step
        self.value += reach * self.speed
        self.value[:, 2:] = np.maximum(self.value[:, 2:], 1.0)
        self.speed *= keep
        # white noise of density drive over dt; the fade's share of it is below the density's own uncertainty
        self.var += 2 * reach * self.cov + reach**2 * self.speed_var + (drive + 0.75 * rush) * dt_s**3 / 3
        self.cov *= keep
        self.cov += keep * reach * self.speed_var + (drive + rush) * dt_s**2 / 2
        self.speed_var *= keep**2
        self.speed_var += (drive + rush) * dt_s

    def update(self, rows: NDArray[np.intp], boxes: Floats, noise: Noise, doubt: Floats) -> None:
        """Corrects ``rows`` by the boxes seen, ``(K, 4)``; ``doubt`` ``(K,)`` multiplies their errors."""
        var, cov = self.var[rows], self.cov[rows]
        total = var + (noise.measure * box_scale(boxes) * doubt[:, None]) ** 2
        gain, speed_gain = var / total, cov / total
        error = boxes - self.value[rows]
        self.value[rows] += gain * error
        self.speed[rows] += speed_gain * error
        self.var[rows] = var - gain * var
        self.cov[rows] = cov - gain * cov
        self.speed_var[rows] -= speed_gain * cov


def box_scale(boxes: Floats) -> Floats:
    """``(N, 1)`` size of each box, px: the square root of its area, so that no class is favoured."""
    return np.asarray(np.sqrt(np.maximum(boxes[:, 2:3] * boxes[:, 3:4], 1.0)))
