"""Whether a light's region still looks at the same place: what surrounds the head, in edges.

A knocked camera, a lorry before the head or a region that was drawn for another picture must give ``unknown`` and
never a colour. On the edges around a head by day, half a lamp of shift is plain: on real footage the same place
agrees by 0.5 and more while traffic passes, a place half a lamp away by 0.3 at most.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.domain.signals import Phase
from flows.signals.reader import LUMA, resized

Array = NDArray[np.float32]
Box = tuple[int, int, int, int]
CELLS: Final = 24
"""Rows and columns that the surroundings are brought to."""


@dataclass(frozen=True, slots=True)
class AnchorConfig:
    """Thresholds, each with its reason.

    Attributes:
        grow: Surroundings reach so far beyond the region, in its shorter sides.
        softens: Levels below which an edge counts less: noise.
        learns_s: What is seen in the first seconds is the place.
        agrees: Correlation of edges from which it is the same place.
        follows_s: Time in which the memory follows changing light.
        energy: Mean square of edges below which there is nothing to hold on to (night, fog, plain sky).
        dark: Upper quarter of the surroundings' luma below which it is night: what is seen of them is mostly the
            lamps' own light, which differs from phase to phase.
    """

    grow: float = 1.0
    softens: float = 8.0
    learns_s: float = 2.0
    agrees: float = 0.35
    follows_s: float = 60.0
    energy: float = 0.004
    dark: float = 60.0


class Anchor:
    """The surroundings of one light.

    Once learnt they are never learnt anew, or a knocked camera would be believed after a while: a light that was
    really moved needs its region drawn again.
    """

    def __init__(self, config: AnchorConfig | None = None) -> None:
        self._config = config or AnchorConfig()
        self._places: dict[Phase, Array] = {}
        self._first_at: datetime | None = None
        self._last_at: datetime | None = None

    def holds(self, bgr: NDArray[np.uint8], head: Box, phase: Phase, at: datetime) -> bool:
        """Whether the surroundings are still those that were learnt; True while there is nothing to hold on to.

        Args:
            bgr: ``(height, width, 3)`` uint8 surroundings.
            head: The head in it, px.
            phase: What the head seems to show.
            at: Capture time.
        """
        luma = resized(bgr, CELLS, CELLS) @ LUMA
        edges = _edges(luma, self._config.softens) * _around(bgr.shape[:2], head)
        if float((edges**2).mean()) < self._config.energy:
            return not self._places or float(np.quantile(luma, 0.75)) < self._config.dark
        self._first_at = self._first_at or at
        if (at - self._first_at).total_seconds() < self._config.learns_s or not self._places:
            self._learn(phase, edges, at)
            return True
        near, alike = max(((k, _agreement(edges, v)) for k, v in self._places.items()), key=lambda p: p[1])
        if alike >= self._config.agrees:
            self._learn(near, edges, at)
            return True
        dark = float(np.quantile(luma, 0.75)) < self._config.dark
        if dark and phase not in self._places and phase != "unknown":
            self._places[phase] = edges
            return True
        return False

    def _learn(self, phase: Phase, edges: Array, at: datetime) -> None:
        old = self._places.get(phase)
        if old is None and self._places:
            phase, old = next(iter(self._places.items()))
        gone_s = (at - self._last_at).total_seconds() if self._last_at else 0.0
        learning = (
            self._first_at is not None and (at - self._first_at).total_seconds() < self._config.learns_s
        )
        share = 0.2 if learning else min(1.0, gone_s / self._config.follows_s)
        self._places[phase] = edges if old is None else old + share * (edges - old)
        self._last_at = at


def _edges(luma: Array, softens: float) -> Array:
    """``(2, rows, columns)`` directions of edges, as long as they are clear."""
    across = luma[1:-1, 2:] - luma[1:-1, :-2]
    down = luma[2:, 1:-1] - luma[:-2, 1:-1]
    return np.asarray(np.stack([across, down]) / (np.hypot(across, down) + softens), np.float32)


def _around(size_px: tuple[int, ...], head: Box) -> Array:
    """``(rows, columns)`` 0 in the head itself, whose lamps change, and 1 around it."""
    rows = (np.arange(1, CELLS - 1) + 0.5) / CELLS * size_px[0]
    columns = (np.arange(1, CELLS - 1) + 0.5) / CELLS * size_px[1]
    x0, y0, x1, y1 = head
    inside = ((rows > y0) & (rows < y1))[:, None] & ((columns > x0) & (columns < x1))
    return np.asarray(~inside, np.float32)


def _agreement(a: Array, b: Array) -> float:
    """Correlation of edges, -1 to 1."""
    return float((a * b).sum() / np.sqrt(max(float((a * a).sum() * (b * b).sum()), 1e-12)))
