"""What newly stands still in a picture, as pixels alone tell it: nobody knows yet what it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Box = NDArray[np.float32]

Standing = Literal["stands", "hidden", "gone"]
"""It is seen to stand there; something stands before it; its place is as it was before it came."""
Look = Literal["new", "uncovered", "light", "framed", "early"]
"""By its edges: something new, a place that something was taken from, the same surface in another light, or new
contents in an old frame (a screen, a poster). By its time: what came while the place was still being learnt."""


Shift = tuple[float, float, float]
"""Of luma, blue difference and red difference, grey levels."""
Absorbed = Literal["uncovered", "light", "restored"]


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that newly stands still.

    Attributes:
        number: Unique in its camera, from 1.
        xyxy: ``(4,)`` float32 full-resolution px, to the cell.
        since_at: Capture time of the first picture in which it stood as it stands now.
        before_at: Capture time of the last look before that.
        noticed_at: Capture time of the look that made sure that it stands as it does now.
        standing: Whether it is seen now.
        look: What its edges say, and its time.
        contrast: How much it differs from what was there before, in times of what would be noticed.
        shift: By how much its luma and its two differences of colour do, grey levels, in the middle.
        gone_at: When its place was first seen empty; None while it stands.
        instead_of: The thing that it was part of, until the rest of that had gone.
    """

    number: int
    xyxy: Box
    since_at: datetime
    before_at: datetime
    noticed_at: datetime
    standing: Standing
    look: Look
    contrast: float
    shift: Shift = (0.0, 0.0, 0.0)
    gone_at: datetime | None = None
    instead_of: int = 0


@dataclass(frozen=True, slots=True)
class PixelLook:
    """What a look at the pixels showed.

    Attributes:
        at: Capture time of the look.
        things: All that newly stands still, and what has gone since the last look.
        movers: ``(N, 4)`` float32 full-resolution px: upright blobs of what differs and is no such thing, mostly
            people, whom a detector may have missed.
        changed: ``(rows, columns)`` bool: cells that differ from what was there before, whoever or whatever it is.
        absorbed: Looks of what stood still and belongs to the place from now on without having been a thing: what was
            there before something else was absorbed is ``restored``.
        cells: ``(rows, columns, 3)`` uint8: luma and the two differences of colour (128 is none) of each cell.
    """

    at: datetime
    things: tuple[Thing, ...] = ()
    movers: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    changed: NDArray[np.bool_] = field(default_factory=lambda: np.zeros((0, 0), bool))
    cells: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 0, 3), np.uint8))
    absorbed: tuple[Absorbed, ...] = ()

    def share_changed(self, xyxy: Box, width_px: int, height_px: int) -> float:
        """Which share of a box (full-resolution px) differs from what was there before."""
        part = self.changed[self.window(xyxy, width_px, height_px)]
        return float(part.mean()) if part.size else 0.0

    def window(self, xyxy: Box, width_px: int, height_px: int) -> tuple[slice, slice]:
        """The cells of a box."""
        rows, columns = self.changed.shape
        x0, y0, x1, y1 = (float(v) for v in xyxy)
        left, right = (min(max(round(v * columns / width_px), 0), columns) for v in (x0, x1))
        top, bottom = (min(max(round(v * rows / height_px), 0), rows) for v in (y0, y1))
        return slice(top, max(bottom, top + 1)), slice(left, max(right, left + 1))
