"""What a scene is known to contain: the models of the truth file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer

from flows.domain.ruleset import Rule, SignalConfig
from flows.domain.signals import Phase
from flows.domain.site import CalibrationConfig, RoadLine, Zone

Px = Annotated[float, PlainSerializer(lambda v: round(v, 3), return_type=float)]
Metres = Annotated[float, PlainSerializer(lambda v: round(v, 4), return_type=float)]


class Model(BaseModel):
    """Base of the truth's models."""

    model_config = ConfigDict(frozen=True)


class ObjectTruth(Model):
    """One thing in one frame.

    Attributes:
        track: Its number throughout the scene, from 1.
        cls: COCO class name.
        xyxy: Tight box of its silhouette (no shadow), clipped to the picture, continuous px.
        visible: Share of its silhouette that is in the picture and not hidden by something nearer.
        ignore: Too small or too hidden to be asked for: neither a hit nor a miss.
        x_m: Ground position of its middle.
        y_m: The same, along the road.
        speed_kmh: Exact speed at this moment.
        heading_deg: Clockwise from +y.
        plate: Number plate, empty where it has none.
    """

    track: int
    cls: str
    xyxy: tuple[Px, Px, Px, Px]
    visible: Metres
    ignore: bool
    x_m: Metres
    y_m: Metres
    speed_kmh: Metres
    heading_deg: Metres
    plate: str = ""


class FrameTruth(Model):
    """All that one frame shows.

    Attributes:
        index: From 0.
        at: Capture time.
        objects: Everything that moves or may move.
        signals: What each traffic light shows.
    """

    index: int
    at: AwareDatetime
    objects: tuple[ObjectTruth, ...] = ()
    signals: dict[str, Phase] = Field(default_factory=dict)


class EventTruth(Model):
    """Something that a rule ought to find.

    Attributes:
        type: CloudEvents type, for example ``dome.violation.speeding.v1``.
        track: Whose.
        cls: Its class.
        from_at: When it begins.
        until_at: When it is over.
        speed_kmh: Speeding: median speed in between.
        limit_kmh: Speeding: limit there.
        plate: Number plate.
        ignore: Borderline, hidden or exempt: to report it is not wrong, not to report it no miss.
        facts: What else the truth knows of it, for example ``red_for_s`` or ``exempt``.
    """

    type: str
    track: int
    cls: str
    from_at: AwareDatetime
    until_at: AwareDatetime
    speed_kmh: Metres | None = None
    limit_kmh: float | None = None
    plate: str = ""
    ignore: bool = False
    facts: dict[str, Any] = Field(default_factory=dict)


class InnocentTruth(Model):
    """Somebody who does what looks like an offence and is none.

    Attributes:
        type: CloudEvents type that must not be reported of them.
        track: Who.
        cls: Class.
        role: What they do, for example ``stops_in_time``.
    """

    type: str
    track: int
    cls: str
    role: str


class SeatTruth(Model):
    """Who sits on a front seat of a car.

    Attributes:
        track: The car.
        seat: ``driver`` or ``passenger``.
        person: Whether anybody sits there.
        belted: Whether the belt is worn.
        in_sight: Whether anybody could see that: it stands out from the clothes, and no glare lies before it.
        extra: What looks like a belt or hides one: ``strap``, ``scarf``, ``hand``, or a pattern of the clothes.
    """

    track: int
    seat: Literal["driver", "passenger"]
    person: bool
    belted: bool = False
    in_sight: bool = False
    extra: str = ""


class CameraTruth(Model):
    """The exact camera: ``px ~ intrinsics @ rotation @ (point_m - position_m)``."""

    intrinsics: list[list[float]]
    position_m: tuple[float, float, float]
    rotation: list[list[float]]


class DisturbanceTruth(Model):
    """A camera that was knocked, or shook.

    Attributes:
        kind: ``knock`` or ``shake``.
        from_at: Since when.
        until_at: Until when; None: to the end.
        px: Largest displacement of a surveyed point in the picture.
    """

    kind: Literal["knock", "shake"]
    from_at: AwareDatetime
    until_at: AwareDatetime | None
    px: Px


class SceneTruth(Model):
    """The truth file of one rendered clip; zones, lines, signals and rules are as a site file has them."""

    scene: str
    seed: int
    options: dict[str, Any]
    width_px: int
    height_px: int
    fps: float
    started_at: AwareDatetime
    camera: CameraTruth
    calibration: CalibrationConfig
    limit_kmh: float
    frames: tuple[FrameTruth, ...] = Field(default=())
    events: tuple[EventTruth, ...] = Field(default=())
    innocent: tuple[InnocentTruth, ...] = ()
    zones: tuple[Zone, ...] = ()
    lines: tuple[RoadLine, ...] = ()
    signals: tuple[SignalConfig, ...] = ()
    seats: tuple[SeatTruth, ...] = ()
    """Of cars that can be looked into."""
    rules: tuple[Rule, ...] = ()
    """Of the site file, beside the speed limit."""
    disturbances: tuple[DisturbanceTruth, ...] = ()
