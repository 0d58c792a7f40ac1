"""Tracks that a device has made by itself, taken over as if our tracker had made them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from flows.domain.fixes import Fix, Fixes
from flows.domain.tracks import Sighting, Track
from flows.tracking.config import TrackerConfig
from flows.tracking.life import Life

MAX_GAP_S: Final = 3.0
"""A name that comes back after a longer silence is another object: devices use their names again."""
MAX_MPS: Final = 70.0
"""A name that jumps faster (252 km/h) has gone over to another object ..."""
JUMP_M: Final = 3.0
"""... if the jump is longer than what a device's own correction of a place may be."""
MOVES_MPS: Final = 0.5
"""Faster than this something moves."""
NO_BOX: Final = np.full(4, np.nan, np.float32)


@dataclass(slots=True)
class _Held:
    """A track and the last that its device said of it."""

    life: Life
    last: Fix
    moves: bool = False


class ReportedTracks:
    """Follows what one device reports; takes the place of :class:`flows.tracking.Tracker`.

    Args:
        config: How much a track remembers and when it is believed; the tracker's defaults if None.
    """

    def __init__(self, config: TrackerConfig | None = None) -> None:
        self._config = config or TrackerConfig()
        self._held: dict[str, _Held] = {}
        self._ended: list[Track] = []
        self._next_id = 1
        self._at: datetime | None = None

    @property
    def active(self) -> list[Track]:
        """Tracks that are alive, by id."""
        return sorted((held.life.track for held in self._held.values()), key=lambda t: t.id)

    def step(self, fixes: Fixes, at: datetime, frame_index: int) -> list[Track]:
        """Takes what the device says of one moment; returns the tracks it names, by id."""
        self.expire(at)
        seen = [self._see(fix, Sighting(at, frame_index, NO_BOX, 1.0, fix, fix.cls)) for fix in fixes]
        return sorted(seen, key=lambda t: t.id)

    def expire(self, at: datetime, still: bool = True) -> None:  # no gate held it back
        """Time goes on; tracks that were not named for long end."""
        self._at = at
        for name, held in list(self._held.items()):
            if (at - held.life.track.last_at).total_seconds() > MAX_GAP_S:
                self._end(name)

    def ended(self) -> list[Track]:
        """The tracks that ended since the last call, in the order they ended."""
        ended, self._ended = self._ended, []
        return ended

    def close(self) -> None:
        """Ends all tracks."""
        for name in list(self._held):
            self._end(name)

    def moving(self) -> bool:
        """True when a track named at the newest moment moves."""
        return any(held.moves and held.life.track.last_at == self._at for held in self._held.values())

    def _see(self, fix: Fix, sighting: Sighting) -> Track:
        held = self._held.get(fix.name)
        if held is not None and _jumped(held, fix, sighting.at):
            self._end(fix.name)
            held = None
        if held is None:
            held = self._held[fix.name] = _Held(Life(Track(self._next_id, fix.cls)), fix)
            self._next_id += 1
        else:
            way_m = math.dist(held.last.xy_m, fix.xy_m)
            gone_s = (sighting.at - held.life.track.last_at).total_seconds()
            held.moves = way_m > MOVES_MPS * gone_s
        held.last = fix
        held.life.see(sighting, fix.cls, self._config)
        return held.life.track

    def _end(self, name: str) -> None:
        self._ended.append(self._held.pop(name).life.track)


def _jumped(held: _Held, fix: Fix, at: datetime) -> bool:
    gone_s = (at - held.life.track.last_at).total_seconds()
    return math.dist(held.last.xy_m, fix.xy_m) > max(JUMP_M, MAX_MPS * gone_s)
