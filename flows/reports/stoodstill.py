"""That a vehicle stands, told from a picture alone: for clips of citizens, from where nothing was surveyed.

It says nothing of where: whether stopping is prohibited there is the reporter's word, and a person's to decide. It is a
rule for the pipeline (:mod:`flows.rules.base`), so that a camera that moved meanwhile is noticed as it always is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flows.domain.events import Event
from flows.domain.ruleset import VEHICLES
from flows.domain.tracks import Box, Track
from flows.rules.base import Moment
from flows.tracking.boxes import iou

PROPOSAL: Final = "dome.report.proposal.v1"
STILL_IOU: Final = 0.8
"""Overlap with where it stood first: boxes of a standing car of 100 px jitter by 3 to 5 px, which leaves 0.85."""
LEAST_S: Final = 10.0
"""Who lets somebody out has driven on by then; a red light is no excuse that a picture alone could know."""
UNSEEN_S: Final = 3.0
"""Who was hidden for longer may have moved meanwhile."""


@dataclass(slots=True)
class _Stand:
    """Where a track began to stand, and until when it was seen there."""

    box: Box
    since: datetime
    until: datetime

    @property
    def seconds(self) -> float:
        return (self.until - self.since).total_seconds()


class StoodStill:
    """Proposes vehicles that stood in the picture; each once, when it has left or the clip has ended."""

    kind = "prohibited_stopping"

    def __init__(self, least_s: float = LEAST_S) -> None:
        self._least_s = least_s
        self._now: dict[int, _Stand] = {}
        self._longest: dict[int, _Stand] = {}
        self._refusals: Counter[str] = Counter()

    def refusals(self) -> dict[str, int]:
        """How often somebody stood, but not for long enough."""
        return dict(self._refusals)

    def observe(self, tracks: Sequence[Track], moment: Moment) -> list[Event]:
        """Looks at who stands in this frame."""
        for track in tracks:
            if track.cls in VEHICLES and track.last_at == moment.at:
                self._see(track)
        return []

    def forget(self, track: Track, moment: Moment) -> list[Event]:
        """A vehicle has left, or the clip has ended: what is to be said of it."""
        held = self._longest.pop(track.id, None)
        self._now.pop(track.id, None)
        if held is None or held.seconds < self._least_s:
            self._refusals["stood_too_short"] += held is not None and held.seconds >= 2.0
            return []
        data = {
            "rule": self.kind, "track": track.id, "cls": track.cls, "at": held.since.isoformat(),
            "xyxy": [round(float(v), 1) for v in held.box],
            "measured": {"stood at least": f"{held.seconds:.0f} s"},
        }  # fmt: skip
        return [
            Event.of(PROPOSAL, camera_id="report", district="", at=held.since, data=data, key=(track.id,))
        ]

    def _see(self, track: Track) -> None:
        seen = track.sightings[-1]
        stand = self._now.get(track.id)
        lost = stand is None or (seen.at - stand.until).total_seconds() > UNSEEN_S
        if stand is None or lost or iou(stand.box.tolist(), seen.xyxy.tolist()) < STILL_IOU:
            stand = self._now[track.id] = _Stand(seen.xyxy, seen.at, seen.at)
        stand.until = seen.at
        longest = self._longest.get(track.id)
        if longest is None or stand.seconds >= longest.seconds:
            self._longest[track.id] = stand
