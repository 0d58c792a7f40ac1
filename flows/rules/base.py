"""What the pipeline tells a rule, and what it expects of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from flows.domain.detections import Detections
from flows.domain.events import Event
from flows.domain.frames import ClockState
from flows.domain.paths import Path
from flows.domain.signals import SignalState
from flows.domain.site import CameraConfig
from flows.domain.things import PixelLook
from flows.domain.tracks import Track
from flows.jurisdiction import JurisdictionProfile
from flows.pictures.landmarks import Shift
from flows.road.ground import GroundPlane
from flows.road.roadway import Roadway
from flows.rules.culprits import Culprits
from flows.rules.hiding import Occlusion, Rests
from flows.rules.pins import PinBook


@dataclass(frozen=True, slots=True)
class Moment:
    """The circumstances of one pipeline step.

    Attributes:
        at: Capture time of the frame, aware UTC.
        frame_index: The frame's index.
        width_px: Width of the full-resolution picture.
        height_px: Height of the full-resolution picture.
        clock: The camera clock's state.
        paths: The way on the ground of each track, by its number; a track without one has no place on the
            surveyed plane. In ``forget`` it holds the ended track's whole path.
        signals: What the camera's traffic lights show, by name.
        found: What the detector saw in this frame, probable or sure; empty in ``forget``.
        pixels: What newly stands still, if the pixels were looked at since the moment before.
        sure_score: Score from which the detector is believed at once; what it saw below that is only probable.
        rests: What is to be seen of each vehicle now and in the last frames, and of nobody nearer.
        occlusion: Who hides whom in this frame.
        shift: How the picture lies against the one in which landmarks were learnt, px; None if nobody knows.
    """

    at: datetime
    frame_index: int
    width_px: int
    height_px: int
    clock: ClockState
    paths: Mapping[int, Path] = field(default_factory=dict)
    signals: Mapping[str, SignalState] = field(default_factory=dict)
    found: Detections = field(default_factory=Detections.empty)
    pixels: PixelLook | None = None
    sure_score: float = 0.0
    rests: Rests = field(default_factory=Rests)
    occlusion: Occlusion = field(default_factory=Occlusion)
    shift: Shift | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """Where a rule holds.

    Attributes:
        camera: The camera.
        profile: The law of the place.
        ground: The surveyed plane; None where there is no survey.
        road: Zones and lines on the ground; None where they are given in the picture and there is no survey.
        pins: Takes what a rule wants shown later; see :mod:`flows.rules.pins`.
        culprits: Who was reported by any of the camera's rules of a kind: of kinds of offences that go on from one zone
            into the next.
    """

    camera: CameraConfig
    profile: JurisdictionProfile
    ground: GroundPlane | None
    road: Roadway | None
    pins: PinBook = field(default_factory=PinBook)
    culprits: dict[str, Culprits] = field(default_factory=dict)


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
