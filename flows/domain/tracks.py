"""An identity in time, as the tracker hands it to the rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from flows.domain.fixes import Fix

Box = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sighting:
    """One frame's observation of a track (detected, never predicted).

    Attributes:
        at: Capture time, aware UTC.
        frame_index: The frame's index.
        xyxy: ``(4,)`` float32 full-resolution px, as detected; nan where a device gave a place instead.
        score: How far the detection is believed, 0 to 1: its score, bent so that detectors compare.
        fix: Where a device that follows objects by itself says it was.
        cls: What it was called in this frame; the track's own class is a vote. Empty where nobody told.
    """

    at: datetime
    frame_index: int
    xyxy: Box
    score: float
    fix: Fix | None = None
    cls: str = ""


@dataclass(slots=True)
class Track:
    """One object followed through a camera's picture.

    The tracker owns and mutates it; rules read it. ``sightings`` holds the newest ones up to the tracker's
    ``memory`` (evenly thinned beyond it, the first and the newest always kept).

    Attributes:
        id: Number unique within a camera's pipeline, from 1.
        cls: Class name by a vote over all sightings.
        sightings: Detections in time order; the last is the newest.
        box: ``(4,)`` float32 filtered box at ``last_at``.
        confirmed: Seen often enough to be believed.
    """

    id: int
    cls: str
    sightings: list[Sighting] = field(default_factory=list)
    box: Box = field(default_factory=lambda: np.zeros(4, np.float32))
    confirmed: bool = False

    @property
    def first_at(self) -> datetime:
        """Capture time of the first sighting."""
        return self.sightings[0].at

    @property
    def last_at(self) -> datetime:
        """Capture time of the newest sighting."""
        return self.sightings[-1].at
