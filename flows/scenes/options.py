"""What can be asked of a scene; everything else follows from its seed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator

from flows.domain.errors import FieldError
from flows.site.validation import complaints
from flows.site.yamlfile import dotted

Light = Literal["day", "dusk", "night", "rain"]
Direction = Literal["oncoming", "receding", "both"]
Company = Literal["abreast", "truck"]


class SceneOptions(BaseModel):
    """Options of every kind of scene; a kind ignores what does not concern it. ``None``: by the seed.

    Attributes:
        duration_s: Length; with ``n_vehicles`` and no duration, as long as they need to pass.
        fps: Frames a second.
        width_px: Picture width, even.
        height_px: Picture height, even.
        n_vehicles: Moving vehicles wanted; as many as keep a safe headway are placed.
        n_pedestrians: People wanted.
        speed_range_kmh: Slowest and fastest free speed of vehicles.
        limit_kmh: Speed limit.
        pose: Camera pose by name: ``gantry``, ``roadside``, ``high``, ``side`` or ``portal``.
        direction: Way of the traffic as the camera sees it.
        lanes: Lanes in each direction.
        light: ``day``, ``dusk``, ``night`` or ``rain``.
        varying: Share of vehicles whose speed varies gently instead of being constant.
        crosswalk: Whether a crosswalk is painted.
        case: Only these scripted cases, by role, separated by ``+`` (``runs_red+stops``).
        median: Whether an island parts the directions at a crosswalk.
        cross_traffic: Whether others drive on the road across.
        company: Who is lawfully with each vehicle that acts: a car ``abreast`` of it, or a ``truck`` that hides it
            (or the person before it) from the camera for a while, where one keeps clear; nobody if None.
        face: Photograph of a head for who is searched for in a hall (``case: searched``).
        tow_bar: Whether cars have a tow ball before their rear plate, which hides a part of it.
        drive: Side of the car on which drivers sit, where people are seen in cars.
        noise: Factor on the sensor noise; 0 switches it off.
        knock_at_s: Second at which somebody knocks against the camera, which then looks elsewhere ...
        knock_until_s: ... until it is put back; for ever by default.
        knock_pan_deg: How far it is turned to the right ...
        knock_tilt_deg: ... downwards ...
        knock_roll_deg: ... and clockwise, as seen from behind it: the picture turns the other way.
        shake_deg: Amplitude of a sway ...
        shake_hz: ... so often a second ...
        shake_s: ... from one second to another.
        started_at: Capture time of the first frame.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    duration_s: float | None = Field(default=None, gt=0, le=3600)
    fps: float = Field(default=12.5, gt=0, le=120)
    width_px: int = Field(default=1280, ge=64, le=4096, multiple_of=2)
    height_px: int = Field(default=720, ge=64, le=4096, multiple_of=2)
    n_vehicles: int | None = Field(default=None, ge=0, le=500)
    n_pedestrians: int | None = Field(default=None, ge=0, le=60)
    speed_range_kmh: tuple[float, float] = (40.0, 90.0)
    limit_kmh: float = Field(default=60.0, gt=0, le=200)
    pose: str | None = None
    direction: Direction | None = None
    lanes: int | None = Field(default=None, ge=1, le=4)
    light: Light | None = None
    varying: float = Field(default=0.0, ge=0, le=1)
    crosswalk: bool | None = None
    case: str | None = None
    median: bool | None = None
    cross_traffic: bool = True
    company: Company | None = None
    tow_bar: bool = False
    face: Path | None = None
    drive: Literal["left", "right"] = "left"
    noise: float = Field(default=1.0, ge=0, le=10)
    knock_at_s: float | None = Field(default=None, ge=0)
    knock_until_s: float | None = Field(default=None, gt=0)
    knock_pan_deg: float = Field(default=0.0, ge=-90, le=90)
    knock_tilt_deg: float = Field(default=0.0, ge=-45, le=45)
    knock_roll_deg: float = Field(default=0.0, ge=-45, le=45)
    shake_deg: float = Field(default=0.0, ge=0, le=5)
    shake_hz: float = Field(default=2.3, gt=0, le=20)
    shake_s: tuple[float, float] = (0.0, 0.0)
    started_at: AwareDatetime = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)

    @field_validator("speed_range_kmh")
    @classmethod
    def _speeds(cls, value: tuple[float, float]) -> tuple[float, float]:
        low, high = value
        if not 5 <= low <= high <= 200:
            raise ValueError("5 <= slowest <= fastest <= 200")
        return value


def parse(options: dict[str, Any]) -> SceneOptions:
    """Options as given by a caller, a command line or a site file.

    Raises:
        FieldError: If there is no such option or its value is out of range.
    """
    try:
        return SceneOptions.model_validate(options)
    except ValidationError as error:
        first = complaints(error, SceneOptions, options)[0]
        raise FieldError(dotted(first.loc), first.expected, first.got, first.hint) from error
