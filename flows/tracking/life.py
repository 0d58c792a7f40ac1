"""One track's life beside its motion: what it was seen as, how sure that is, and what is remembered of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from flows.domain.tracks import Sighting, Track
from flows.tracking.config import TrackerConfig


@dataclass(slots=True)
class Life:
    """A track and what only the tracker needs to know of it.

    Attributes:
        track: What the rules see.
        votes: Scores added up by class name.
        evidence: How much its sightings say that it is there.
        seen: Sightings ever.
        stride: One in so many sightings is remembered.
    """

    track: Track
    votes: dict[str, float] = field(default_factory=dict)
    evidence: float = 0.0
    seen: int = 0
    stride: int = 1

    def see(self, sighting: Sighting, cls: str, config: TrackerConfig) -> None:
        """Takes a sighting: votes, believes and remembers."""
        track = self.track
        self.votes[cls] = self.votes.get(cls, 0.0) + sighting.score
        if self.votes[cls] > self.votes.get(track.cls, 0.0):
            track.cls = cls  # only the class just seen can have overtaken
        if not track.confirmed:
            self.evidence += sighting.score**config.evidence_power
            track.confirmed = (
                self.seen + 1 >= config.confirm_sightings and self.evidence >= config.confirm_evidence
            )
        self._remember(sighting, config.memory)

    def _remember(self, sighting: Sighting, memory: int) -> None:
        """Keeps the first, each ``stride``-th and the newest; the stride doubles when memory is full."""
        sightings = self.track.sightings
        if self.seen and (self.seen - 1) % self.stride:
            sightings[-1] = sighting  # the newest so far was there only as such
        else:
            sightings.append(sighting)
        if len(sightings) > memory:
            self.stride *= 2
            sightings[:] = [*sightings[:-1:2], sighting]
        self.seen += 1
