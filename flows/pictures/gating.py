"""Which frames deserve a detector: motion on the luma plane at low resolution, no colour conversion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from flows.domain.site import GateConfig

Reason = Literal["off", "motion", "hold", "tracks", "keep-alive", "still", "sampled", "reported"]
"""``sampled``: left out by the camera's ``sample_hz``; ``reported``: there is no picture, a device reports its own
tracks. The pipeline says so, the gate never does."""
Grid = NDArray[np.float32]

_COLUMNS = 160
"""Cells across the picture. At 1080p a cell is 12 px: a pedestrian 60 m away still covers two of them."""
_SAMPLES = 2
"""Each cell averages this many rows and columns of the plane: halves sensor noise for 0.09 ms at 1080p."""
_MOTION_SIGMA = 5.0
"""A cell has changed when it is this far from the background, in its own noise and in that of this very frame
(key frames look different from those between them; a night camera's noise comes at a switch). Two such cells
must touch: pure noise hardly ever does that, while a whole object fills several."""
_NOISE_FLOOR = 1.0
"""Grey levels: compression alone makes this much noise in cells that look perfectly still."""
_NOISE_CEILING = 10.0
"""Grey levels: a busy road must not teach a cell to overlook a pedestrian."""
_BACKGROUND_S = 15.0
"""Time constant of a still cell's background: daylight and cloud edges are slower than what moves."""
_SETTLED_S = 3.0
"""And of a changed cell that has come to rest: a parked car, or the place that one has left."""
_MOVING_S = 60.0
"""And of a cell where something moves now: a queue of traffic is not background."""
_RECENT_S = 0.6
"""Time constant of the recent picture that tells what moves now from what only differs."""
_NOISE_S = 20.0
"""Time constant of a cell's own noise: leaves that start to stir are known within a minute."""
_LOOK = timedelta(seconds=0.06)
"""A frame that follows sooner shares the verdict of the one before: at 25 frames a second every other one is
looked at, which halves the cost and notices motion 40 ms later at most."""
_LEARN_S = 0.2
"""The background is renewed five times a second."""
_WARM_UP_S = 2.0
"""The background learns fast for so long after the first frame."""
_SCENE_CUT = 0.6
"""More of the picture than this changed at once: the camera was moved, or night vision switched."""


@dataclass(frozen=True, slots=True)
class Admission:
    """The gate's verdict on one frame.

    Attributes:
        passes: A detector should look at it.
        reason: Why, or why not.
    """

    passes: bool
    reason: Reason


class Gate:
    """Decides frame by frame; holds a background of 160 x 90 cells and nothing else.

    The brightness of the whole picture may change (exposure, clouds): a gain and an offset are fitted to the
    cells that did not move, and taken out. Equal frames at equal times give equal verdicts.

    Args:
        config: The camera's gate settings.
    """

    def __init__(self, config: GateConfig) -> None:
        self._config = config
        self._hold = timedelta(seconds=config.hold_s)
        self._keep_alive = timedelta(seconds=config.keep_alive_s)
        nothing = np.zeros((0, 0), np.float32)
        self._background: Grid = nothing
        self._recent: Grid = nothing
        self._noise: Grid = nothing
        self._threshold: Grid = nothing
        self._age_s = 0.0
        self._learned_at: datetime | None = None
        self._looked_at: datetime | None = None
        self._moves = False
        self._active_at: datetime | None = None
        self._passed_at: datetime | None = None
        self.counts: Counter[Reason] = Counter()

    @property
    def share(self) -> float:
        """Share of the frames so far that were held back, 0 to 1."""
        total = sum(self.counts.values())
        return self.counts["still"] / total if total else 0.0

    def decide(self, luma: Callable[[], NDArray[np.uint8]], at: datetime, tracks_active: bool) -> Admission:
        """Called once for each frame, in order of capture time.

        Args:
            luma: Gives ``(height, width)`` uint8; asked where the frame is looked at.
            at: Capture time, aware UTC.
            tracks_active: The tracker follows something that moves.
        """
        reason = self._reason(luma, at, tracks_active) if self._config.enabled else "off"
        self.counts[reason] += 1
        passes = reason != "still"
        if passes:
            self._passed_at = at
        return Admission(passes, reason)

    def _reason(self, luma: Callable[[], NDArray[np.uint8]], at: datetime, tracks_active: bool) -> Reason:
        if self._looked_at is None or at - self._looked_at >= _LOOK:
            self._moves, self._looked_at = self._moved(_cells(luma()), at), at
        if self._moves or tracks_active:
            self._active_at = at
            return "motion" if self._moves else "tracks"
        if self._active_at is not None and at - self._active_at <= self._hold:
            return "hold"
        if self._passed_at is None or at - self._passed_at >= self._keep_alive:
            return "keep-alive"
        return "still"

    def _moved(self, cells: Grid, at: datetime) -> bool:
        if self._background.shape != cells.shape or self._learned_at is None or cells.size == 0:
            self._restart(cells, at)
            return True
        dt_s = (at - self._learned_at).total_seconds()
        # Fitting the light is half of a look's cost, and seldom says anything that the picture as it is does not.
        if dt_s < _LEARN_S and np.count_nonzero(np.abs(cells - self._background) > self._threshold) < 2:
            return False
        expected, noise = self._relit(cells)
        difference = np.abs(cells - expected)
        changed = difference > np.maximum(self._threshold, np.float32(_MOTION_SIGMA * noise))
        count = int(np.count_nonzero(changed))
        if noise > _NOISE_CEILING or count > _SCENE_CUT * changed.size:
            self._restart(cells, at)
            return True
        if dt_s >= _LEARN_S:
            self._learn(cells, expected, difference, changed, dt_s)
            self._learned_at = at
        return count >= 2 and _touching(changed)

    def _restart(self, cells: Grid, at: datetime) -> None:
        self._background, self._recent = cells, cells
        self._noise = np.full_like(cells, _NOISE_FLOOR)
        self._threshold = _MOTION_SIGMA * self._noise
        self._age_s, self._learned_at = 0.0, at

    def _relit(self, cells: Grid) -> tuple[Grid, float]:
        """The background in this frame's light, and this frame's noise.

        Gain and offset are fitted to the still ones of a ninth of the cells; what they leave over is noise.
        """
        b, c = self._background[::3, ::3].ravel(), cells[::3, ::3].ravel()
        difference = c - b
        deviation = np.abs(difference - _middle(difference))
        # 1.5 times the median absolute deviation is a sigma that half the cells may not spoil.
        still = deviation < 3 * np.maximum(self._noise[::3, ::3].ravel(), 1.5 * _middle(deviation))
        b, c = b[still], c[still]
        mean_b, mean_c = b.mean(), c.mean()
        b, c = b - mean_b, c - mean_c
        spread = np.dot(b, b)
        # A picture without contrast shows no gain.
        gain = np.dot(b, c) / spread if spread > b.size else np.float32(1)
        left = c - gain * b
        expected: Grid = self._background * gain + (mean_c - gain * mean_b)
        return expected, float(np.sqrt(np.dot(left, left) / left.size))

    def _learn(
        self, cells: Grid, expected: Grid, difference: Grid, changed: NDArray[np.bool_], dt_s: float
    ) -> None:
        self._age_s += dt_s
        moving = np.abs(cells - self._recent) > self._threshold
        still_s = min(_BACKGROUND_S, self._age_s) if self._age_s < _WARM_UP_S else _BACKGROUND_S
        rate = np.where(changed, _rate(dt_s, _SETTLED_S), _rate(dt_s, still_s))
        rate[moving & changed] = _rate(dt_s, _MOVING_S)
        self._background = expected + rate * (cells - expected)
        self._recent = self._recent + _rate(dt_s, _RECENT_S) * (cells - self._recent)
        # The mean absolute deviation of Gaussian noise is 0.8 sigma.
        deviation = np.minimum(difference * np.float32(1.25), 3 * self._noise)
        self._noise = self._noise + _rate(dt_s, _NOISE_S) * (deviation - self._noise)
        np.clip(self._noise, _NOISE_FLOOR, _NOISE_CEILING, out=self._noise)
        self._threshold = _MOTION_SIGMA * self._noise


def _middle(values: Grid) -> np.float32:
    """The upper median; partitioning costs a tenth of np.median."""
    return np.float32(np.partition(values, values.size // 2)[values.size // 2])


def _rate(dt_s: float, constant_s: float) -> np.float32:
    return np.float32(min(1.0, dt_s / constant_s))


def _cells(luma: NDArray[np.uint8]) -> Grid:
    """Grey level of each cell: the mean of 2 x 2 samples, read by stride (0.09 ms at 1080p)."""
    step = max(1, round(luma.shape[1] / (_COLUMNS * _SAMPLES)))
    samples = luma[step // 2 :: step, step // 2 :: step].astype(np.float32)
    samples = samples[: samples.shape[0] // 2 * 2, : samples.shape[1] // 2 * 2]
    rows = samples[0::2] + samples[1::2]
    cells: Grid = (rows[:, 0::2] + rows[:, 1::2]) * np.float32(0.25)
    return cells


def _touching(changed: NDArray[np.bool_]) -> bool:
    """Two changed cells share an edge or a corner."""
    below = changed[1:]
    above = changed[:-1]
    return bool(
        (changed[:, 1:] & changed[:, :-1]).any()
        or (below & above).any()
        or (below[:, 1:] & above[:, :-1]).any()
        or (below[:, :-1] & above[:, 1:]).any()
    )
