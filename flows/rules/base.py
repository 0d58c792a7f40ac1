"""What the pipeline tells a rule, and what it expects of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from flows.domain.events import Event
from flows.domain.frames import ClockState
from flows.domain.tracks import Track


@dataclass(frozen=True, slots=True)
class Moment:
    """The circumstances of one pipeline step.

    Attributes:
        at: Capture time of the frame, aware UTC.
        frame_index: The frame's index.
        width_px: Width of the full-resolution picture.
        height_px: Height of the full-resolution picture.
        clock: The camera clock's state.
    """

    at: datetime
    frame_index: int
    width_px: int
    height_px: int
    clock: ClockState


class Rule(Protocol):
    """A rule of the road for one camera; holds state by track id only."""

    @property
    def kind(self) -> str:
        """The tag in the site file, for example ``speeding``."""
        ...

    def refusals(self) -> dict[str, int]:
        """How often a verdict was refused, by reason; grows over the camera's life."""
        ...

    def observe(self, tracks: Sequence[Track], moment: Moment) -> list[Event]:
        """Called after each tracker step with the confirmed tracks seen in this frame."""
        ...

    def forget(self, track: Track, moment: Moment) -> list[Event]:
        """Called once when a confirmed track has ended; the last chance to speak of it."""
        ...
