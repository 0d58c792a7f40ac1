"""Two backgrounds of one camera: a slow one, as the place is, and a fast one, as it stands at the moment.

After Porikli, Ivanov, Haga: Robust abandoned object detection using dual foregrounds, EURASIP Journal on Advances in
Signal Processing 2008. What differs between both has newly come to stand still; what differs from the fast one moves.
The fast one here is no running average, which everyone who passes would smear, but the value that a cell last kept
for :attr:`BackgroundConfig.settles_s` (a codebook of two words, Kim et al., Real-Time Imaging 11, 2005).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.objects.blobs import TEXTURE

Grid = NDArray[np.float32]
Mask = NDArray[np.bool_]

COLUMNS: Final = 240
"""Cells across the picture: at 1080p a cell is 8 px, and a bag 25 m away still covers three by two of them."""
RESTORED: Final = 0.3
"""Share of a blob's cells that may differ from what was there before where that is back."""


@dataclass(frozen=True, slots=True)
class BackgroundConfig:
    """Thresholds, each with its reason.

    Attributes:
        settles_s: What keeps its value for so long stands still. People who walk are gone from a cell in a second,
            whoever stands shifts their weight within two.
        looks: And was seen so often: a picture a second tells less than ten.
        credit_s: Longest time between two looks that counts: nobody knows what happened in a gap.
        forgets_s: A value that is about to settle is given up when it was not seen for so long.
        slow_s: Time constant of the slow background where nothing has changed: daylight is slower.
        warm_s: For so long at first both are the mean of what is seen.
        luma: Grey levels that are noticed at the least. Compression leaves 3 to 4 in a cell that stands still.
        chroma: The same of the differences of colour, which are quieter.
        sigmas: Beyond the cell's own noise.
        noise_s: Time constant of that noise.
        noise: Least and largest noise believed, grey levels.
        gains: Least and largest gain of the light from look to look that is believed. Beyond it a look shows nothing of
            the place (a black picture, a cut), and it is learnt anew.
        relit: Share of cells that may have changed for light to be told from things; beyond it the place is learnt
            anew, as after a cut or when the camera was moved.
    """

    settles_s: float = 2.0
    looks: int = 3
    credit_s: float = 1.5
    forgets_s: float = 1.2
    slow_s: float = 15.0
    warm_s: float = 2.0
    luma: float = 9.0
    chroma: float = 6.0
    sigmas: float = 4.5
    noise_s: float = 20.0
    noise: tuple[float, float] = (1.0, 8.0)
    gains: tuple[float, float] = (0.2, 5.0)
    relit: float = 0.6


def cells_of(bgr: NDArray[np.uint8]) -> Grid:
    """Luma and two differences of colour, ``(rows, columns, 3)`` float32 (ITU-R BT.601), of ``uint8`` BGR.

    >>> cells_of(np.array([[[0, 0, 255]]], np.uint8)).round(1).tolist()
    [[[76.2, -43.1, 127.4]]]
    """
    b, g, r = (bgr[..., k].astype(np.float32) for k in range(3))
    y = 0.114 * b + 0.587 * g + 0.299 * r
    return np.stack([y, 0.565 * (b - y), 0.713 * (r - y)], axis=-1)


class Backgrounds:
    """Both backgrounds; :meth:`see` is called for every look in order of capture time.

    Attributes:
        began_s: When it was begun to learn the place.
        slow: ``(rows, columns, 3)`` the place, in the light of the last look.
        fast: The same as it stands at the moment.
        since_s: ``(rows, columns)`` when the fast one took its value, seconds on the caller's clock.
        before_s: The look before that.
        light: Gain of the luma, and offsets ``(3,)``, of the last look's light against that in which it was begun.
        changed: Cells that differ from the slow one.
        seen: Cells that show the fast one.
    """

    def __init__(self, config: BackgroundConfig | None = None) -> None:
        self.config = config or BackgroundConfig()
        self.slow: Grid = np.zeros((0, 0, 3), np.float32)
        self.began_s = self._at_s = self._age_s = 0.0

    def see(self, cells: Grid, at_s: float) -> bool:
        """Takes a look; False where the place had to be learnt anew and nothing before counts."""
        if cells.shape != self.slow.shape:
            self._begin(cells, at_s)
            return False
        dt_s = at_s - self._at_s
        before_s, self._at_s = self._at_s, at_s
        known = self._relight(cells)
        self.changed = self._differ(cells, self.slow)
        if not known or self.changed.mean() > self.config.relit:
            self._begin(cells, at_s)
            return False
        self._age_s += dt_s
        self._settle(cells, at_s, before_s, min(dt_s, self.config.credit_s))
        self._learn(cells, dt_s)
        return True

    @property
    def standing(self) -> Mask:
        """Cells in which something newly stands still, seen now or hidden by somebody."""
        return self._differ(self.fast, self.slow)

    def in_first_light(self, cells: Grid) -> Grid:
        """A look as it would be in the light in which the place was learnt: a colour is the same in every light.

        Half the light halves the differences of colour as well, which a grey place does not show.
        """
        gain, offset = self.light
        return np.asarray((cells - offset) / np.float32(gain))

    def absorb(self, where: Mask) -> None:
        """What stands there belongs to the place from now on."""
        self._before[where] = self.slow[where]
        self.slow[where] = self.fast[where]

    def restored(self, where: Mask) -> bool:
        """Whether a place looks as it did before something was absorbed there: that has gone, and nothing is new."""
        return not bool(self._differ(self.fast, self._before)[where].mean() > RESTORED)

    def _begin(self, cells: Grid, at_s: float) -> None:
        shape = cells.shape[:2]
        self.slow, self.fast, self._next = cells.copy(), cells.copy(), cells.copy()
        self.since_s, self.before_s = np.full(shape, at_s), np.full(shape, at_s)
        self._next_since_s, self._next_before_s = np.full(shape, at_s), np.full(shape, at_s)
        self._next_seen_s = np.full(shape, at_s)
        self._before = np.full((*shape, 3), -np.inf, np.float32)
        self._credit_s, self._looks = np.zeros(shape, np.float32), np.zeros(shape, np.int16)
        self._noise = np.full(shape, self.config.noise[0], np.float32)
        self.light = 1.0, np.zeros(3, np.float32)
        self.changed, self.seen = np.zeros(shape, bool), np.ones(shape, bool)
        self.began_s = self._at_s = at_s
        self._age_s = 0.0

    def _limits(self) -> tuple[Grid, Grid]:
        spread = self.config.sigmas * self._noise
        return np.maximum(self.config.luma, spread), np.maximum(self.config.chroma, 0.7 * spread)

    def _differ(self, a: Grid, b: Grid) -> Mask:
        """Cells in which two pictures of the place differ noticeably."""
        luma, chroma = self._limits()
        off = np.abs(a - b)
        return np.asarray((off[..., 0] > luma) | (off[..., 1] > chroma) | (off[..., 2] > chroma))

    def _relight(self, cells: Grid) -> bool:
        """All backgrounds in the light of this look: gain and offset of the luma, offsets of the colours.

        Fitted to the still ones of a ninth of the cells, as the motion gate does it. False where it is no light of
        this place.
        """
        least, most = self.config.gains
        for name in ("slow", "fast", "_next"):
            ground = getattr(self, name)
            gain, offset = _light(ground[::3, ::3].reshape(-1, 3), cells[::3, ::3].reshape(-1, 3))
            if not least <= gain <= most:
                return False
            if abs(gain - 1.0) > 0.002 or np.abs(offset).max() > 0.2:
                ground[..., 0] *= gain
                ground += offset
                if name == "slow":
                    self._before[..., 0] *= gain
                    self._before += offset
                    was, by = self.light
                    self.light = was * gain, by * np.array([gain, 1, 1], np.float32) + offset
        return True

    def _settle(self, cells: Grid, at_s: float, before_s: float, credit_s: float) -> None:
        """Moves the fast background to what has kept its value for long enough."""
        config = self.config
        self.seen = ~self._differ(cells, self.fast)
        rate = np.float32(0.2)
        _approach(self.fast, cells, rate * self.seen)
        other = ~self.seen
        again = (
            other
            & ~self._differ(cells, self._next)
            & (at_s - self._next_seen_s <= config.forgets_s + credit_s)
        )
        fresh = other & ~again
        self._next[fresh] = cells[fresh]
        self._next_since_s[fresh], self._next_before_s[fresh] = at_s, before_s
        self._credit_s[fresh], self._looks[fresh] = 0.0, 1
        _approach(self._next, cells, rate * again)
        self._credit_s += np.float32(credit_s) * again
        self._looks += again
        self._next_seen_s[other] = at_s
        settled = again & (self._credit_s >= config.settles_s - 1e-3) & (self._looks >= config.looks)
        self.fast[settled] = self._next[settled]
        self.since_s[settled], self.before_s[settled] = (
            self._next_since_s[settled],
            self._next_before_s[settled],
        )
        self.seen |= settled
        self._looks[settled] = 0
        # Something that goes on standing at the same place is not new each time somebody has passed before it.
        self._looks[self.seen] = 0

    def _learn(self, cells: Grid, dt_s: float) -> None:
        config = self.config
        still = ~self.changed
        warm = self._age_s < config.warm_s
        rate = np.float32(min(1.0, dt_s / (max(self._age_s, dt_s) if warm else config.slow_s)))
        off = np.abs(cells[..., 0] - self.slow[..., 0])
        _approach(self.slow, cells, rate * still)
        # The mean absolute deviation of Gaussian noise is 0.8 sigma.
        pace = np.float32(min(1.0, dt_s / config.noise_s))
        deviation = np.minimum(off * np.float32(1.25), 3 * self._noise)
        _approach(self._noise, deviation, pace * still)
        np.clip(self._noise, *config.noise, out=self._noise)


def _approach(grid: Grid, to: Grid, share: Grid) -> None:
    """Moves each cell by its share towards ``to``, in place: with 0 for the rest faster than picking cells out."""
    off = to - grid
    off *= share[..., None] if grid.ndim > share.ndim else share
    grid += off


def _light(ground: Grid, cells: Grid) -> tuple[float, Grid]:
    """Gain of the luma, and offsets ``(3,)``, that carry ``ground`` to ``cells`` where nothing has changed.

    Row by row of a channel each: numpy takes the means and medians of three columns five times as long.
    """
    a, b = np.ascontiguousarray(ground.T), np.ascontiguousarray(cells.T)
    off = b - a
    off -= _middle(off)
    np.abs(off, out=off)
    # 1.5 times the median absolute deviation is a sigma that half the cells may not spoil.
    near = off <= 3 * np.maximum(1.5 * _middle(off), 1.0)
    still = near[0] & near[1] & near[2]
    a, b = a[:, still], b[:, still]
    if a.shape[1] < 20:
        return 1.0, np.zeros(3, np.float32)
    mean_a, mean_b = a.mean(axis=1), b.mean(axis=1)
    luma, to = a[0] - mean_a[0], b[0] - mean_b[0]
    spread = float(luma @ luma)
    if spread > a.shape[1]:
        gain = float(luma @ to) / spread
    else:  # a ground without a pattern: there is none to brighten, and none may come with another light
        gain = 1.0 if float(to @ to) <= TEXTURE**2 * a.shape[1] else np.inf
    offset = (mean_b - mean_a).astype(np.float32)
    if np.isfinite(gain):
        offset[0] = mean_b[0] - gain * mean_a[0]
    return gain, offset


def _middle(rows: Grid) -> Grid:
    """``(N, 1)`` the upper median of each row, in a tenth of the time of ``np.median``."""
    half = rows.shape[1] // 2
    return np.asarray(np.partition(rows, half, axis=1)[:, half, None], np.float32)
