"""The site file: which cameras there are, what they look at, and which rules hold there.

Frozen pydantic models, parsed once at the door (:mod:`flows.sitefile`); nothing is opened or read here.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
"""An id that is safe in file names, Redis keys, metric labels and addresses."""

Platform = Literal["fixed", "drone", "robot", "body", "vehicle"]


class Config(BaseModel):
    """Base of all site models: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FileSource(Config):
    """A video file, played once to its end; nothing is dropped."""

    kind: Literal["file"] = "file"
    path: Path
    started_at: AwareDatetime | None = None
    """Capture time of the first frame; else the container's creation time, else the file's own time."""
    loop: bool = False
    """Play for ever, as a live camera would (capture time goes on)."""


class StreamSource(Config):
    """A live network stream: ``rtsp://`` (over TCP), ``http(s)://``, ``srt://``, ``udp://`` or ``tcp://``."""

    kind: Literal["stream"] = "stream"
    url: str = Field(pattern=r"^(rtsps?|https?|srt|udp|tcp)://.+")
    format: str | None = None
    """Container to force (``mpegts``, ``mp4`` ...); rtsp needs none."""
    silence_s: float = Field(default=10.0, gt=0)
    """Nothing for so long means that the source is gone: reconnect."""
    backoff_s: tuple[float, float] = (0.5, 30.0)
    """First and longest pause between attempts; doubled each time, with full jitter, for ever."""


class SceneSource(Config):
    """A rendered street with exact truth (see ``dome scene``)."""

    kind: Literal["scene"] = "scene"
    scene: str
    seed: int = 0
    options: dict[str, float | int | str | bool | tuple[float, float]] = Field(default_factory=dict)


Source = Annotated[FileSource | StreamSource | SceneSource, Field(discriminator="kind")]


class SurveyPoint(Config):
    """One point on the road whose place is known in the picture and on the ground."""

    px: tuple[float, float]
    m: tuple[float, float]


class CalibrationConfig(Config):
    """A survey of the ground plane.

    Attributes:
        points: At least five points (four determine the plane, the rest show its residual).
        error_px: Stated standard error of a point in the picture, px, each axis.
        error_m: Stated standard error of a point on the ground, m, each axis.
        picture_px: Width and height of the picture the points were marked in.
        surveyed_on: Day of the survey.
        valid_until: Last day on which it may serve as evidence.
        id: Number of the survey's record.
    """

    points: tuple[SurveyPoint, ...] = Field(min_length=4)
    error_px: float = Field(default=1.0, gt=0)
    error_m: float = Field(default=0.03, gt=0)
    picture_px: tuple[int, int]
    surveyed_on: date
    valid_until: date
    id: str = ""


class GateConfig(Config):
    """Which frames deserve a detector."""

    enabled: bool = True
    keep_alive_s: float = Field(default=2.0, gt=0)
    """A frame passes at least this often however still the picture is."""
    hold_s: float = Field(default=1.0, ge=0)
    """Frames pass for so long after the last motion or the last sighting of a moving track."""


class SpeedingRule(Config):
    """A vehicle faster than the limit, by its interval's lower end."""

    kind: Literal["speeding"] = "speeding"
    limit_kmh: float = Field(gt=0, le=200)
    tolerance_kmh: float | None = Field(default=None, ge=0)
    """Overrides the jurisdiction profile's tolerance."""
    zone: Name | None = None
    """Measure only inside this zone; else in the whole picture."""
    classes: tuple[str, ...] = ("car", "truck", "bus", "motorcycle")


Rule = Annotated[SpeedingRule, Field(discriminator="kind")]


class Zone(Config):
    """A polygon in the picture, full-resolution px."""

    name: Name
    polygon_px: tuple[tuple[float, float], ...] = Field(min_length=3)


class CameraConfig(Config):
    """One camera."""

    id: Name
    name: str = ""
    district: Name
    latitude: float | None = Field(default=None, ge=-90, le=90)
    longitude: float | None = Field(default=None, ge=-180, le=180)
    platform: Platform = "fixed"
    source: Source
    detector: Name = "embedded"
    sample_hz: float | None = Field(default=None, gt=0)
    """Frames a second looked at, by capture time; every frame by default."""
    gate: GateConfig = GateConfig()
    zones: tuple[Zone, ...] = ()
    calibration: CalibrationConfig | None = None
    """The ground survey. A scene source brings its own when this is left out."""
    rules: tuple[Rule, ...] = ()

    @model_validator(mode="after")
    def _zones_exist(self) -> CameraConfig:
        names = [z.name for z in self.zones]
        if len(set(names)) != len(names):
            raise ValueError(f"zones: expected distinct names, got {names}")
        for rule in self.rules:
            if rule.zone is not None and rule.zone not in names:
                raise ValueError(f"rules.{rule.kind}.zone: expected one of {names}, got {rule.zone!r}")
        return self

    @property
    def live(self) -> bool:
        """True when the source goes on for ever and lost frames cannot be had again."""
        return self.source.kind == "stream" or (self.source.kind == "file" and self.source.loop)


class District(Config):
    """A district of the control centre."""

    id: Name
    name: str = ""


class SiteConfig(Config):
    """The whole site file."""

    site: Name
    jurisdiction: str = "kz"
    """Name of a built-in profile or path of a profile file."""
    districts: tuple[District, ...]
    cameras: tuple[CameraConfig, ...]
