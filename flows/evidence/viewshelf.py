"""Keeps vehicles that rules may want looked at closely, cut out of frames as they come: :mod:`flows.rules.pins`."""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Final

import numpy as np

from flows.domain.events import KeyMoment, View, Xyxy
from flows.domain.frames import Cutout, Picture
from flows.sources.reel import Part

MAX_VIEW_BYTES: Final = 12 << 20
"""12 MiB a camera: in 1080p a car that fills a sixth of the width is 0.2 MB, and 15 looks at it are kept of 1.2 s."""
MARGIN: Final = 0.12
"""Of the vehicle's width, kept on each side and below."""
REACH: Final = 1.45
"""Of the vehicle's width, kept above its lower edge: a detector's box may end at the bonnet, where the glass begins."""


class ViewShelf:
    """Views of vehicles, of one camera.

    What is not wanted any more is let go at once. What was not cut in time, or finds no room, is decoded from the
    recording if it is asked for.

    Args:
        max_bytes: Most bytes kept here.
    """

    def __init__(self, max_bytes: int = MAX_VIEW_BYTES) -> None:
        self._max_bytes = max_bytes
        self._kept: dict[View, Cutout] = {}

    @property
    def held_bytes(self) -> int:
        """Bytes kept here."""
        return sum(cutout.nbytes for cutout in self._kept.values())

    def take(self, picture: Picture, views: Iterable[View]) -> None:
        """Cuts views out of their frame.

        Args:
            picture: The frame's pixels.
            views: All of that frame.
        """
        for view in views:
            if view not in self._kept and self.held_bytes < self._max_bytes:
                self._kept[view] = picture.cut(*part_of(view[1]))

    def keep(self, wanted: Set[View]) -> None:
        """Lets go of what is not wanted any more."""
        if self._kept.keys() - wanted:
            self._kept = {view: cutout for view, cutout in self._kept.items() if view in wanted}

    def of(self, moments: Iterable[KeyMoment]) -> dict[View, Cutout]:
        """What is kept of some moments; whoever holds it keeps it when it is let go here."""
        return {m.view: self._kept[m.view] for m in moments if m.view is not None and m.view in self._kept}


def part_of(xyxy: Xyxy) -> Part:
    """What a view shows of a frame where a vehicle has a box, px; it may reach beyond the picture.

    >>> part_of((100.0, 150.0, 200.0, 300.0))
    (88, 150, 212, 312)
    """
    left, top, right, bottom = xyxy
    width = right - left
    high = min(top, bottom - REACH * width)
    x0, y0 = np.maximum(np.floor([left - MARGIN * width, high]), 0).astype(int)
    x1, y1 = np.ceil([right + MARGIN * width, bottom + MARGIN * width]).astype(int)
    return int(x0), int(y0), int(x1), int(y1)
