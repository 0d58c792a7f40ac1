"""The site file: which cameras there are, what they look at, and which rules hold there.

Frozen pydantic models, parsed once at the door (:mod:`flows.site.sitefile`); nothing is opened or read here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    Field,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from flows.domain.config import Config, Name
from flows.domain.ruleset import Rule, SignalConfig, references

Platform = Literal["fixed", "drone", "robot", "body", "vehicle"]
NEED_PICTURES = ("section_speed", "seat_belt")
"""Rules that look at a picture: at the plate that names a vehicle at both ends, through a windscreen."""


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
    silence_s: float = Field(default=10.0, ge=0.1)
    """Nothing for so long means that the source is gone: reconnect. Of much less libav makes no limit at all."""
    backoff_s: tuple[PositiveFloat, PositiveFloat] = (0.5, 30.0)
    """First and longest pause between attempts; doubled each time, with full jitter, for ever."""

    @model_validator(mode="after")
    def _pauses_grow(self) -> StreamSource:
        first_s, longest_s = self.backoff_s
        if first_s > longest_s:
            raise ValueError(
                f"backoff_s: expected the first pause, then the longest, got {list(self.backoff_s)}"
            )
        return self


class SceneSource(Config):
    """A rendered street with exact truth (see ``dome scene``)."""

    kind: Literal["scene"] = "scene"
    scene: str
    seed: int = Field(default=0, ge=0)
    options: dict[str, float | int | str | bool | tuple[float, float]] = Field(default_factory=dict)


class FramesSource(Config):
    """A folder of timed pictures (jpg, png), played once like a video: a file's name is its second (0012.jpg)."""

    kind: Literal["frames"] = "frames"
    path: Path
    started_at: AwareDatetime | None = None
    """Capture time of second zero; else the first file's own time."""


class TrackColumns(Config):
    """What the columns (or keys) of a tracks file are called; those marked optional may be absent.

    Attributes:
        id: The device's name for the object.
        time: ISO 8601 with its zone, Unix seconds, or seconds since ``started_at``.
        frame: A count of moments instead of ``time``; needs ``rate_hz``.
        cls: Class of the object.
        x_m: Place of its middle, metres to the right in the survey's frame.
        y_m: Likewise, metres along.
        speed_mps: Optional: its speed as measured by the device, m/s ...
        speed_kmh: ... or in km/h.
        heading_deg: Optional: where the body points, degrees clockwise from +y ...
        heading_rad: ... or radians counter-clockwise from +x, as mathematicians have it.
    """

    id: str = "id"
    time: str = "time"
    frame: str | None = None
    cls: str = "class"
    x_m: str = "x_m"
    y_m: str = "y_m"
    speed_mps: str = "speed"
    speed_kmh: str | None = None
    heading_deg: str = "heading"
    heading_rad: str | None = None


class TracksSource(Config):
    """Tracks in metres from a smart camera, a radar or a drone instead of pictures; see ``flows/sources/tracks``.

    Attributes:
        path: CSV or JSON lines, one sighting a line; a pattern such as ``site-3_*.csv`` plays several files at once.
        started_at: Capture time of the file's time zero, where its times are seconds or frames.
        error_m: Stated standard error of a position, m, each axis.
        rate_hz: Moments a second, where the file counts frames.
        columns: What its columns are called, where they are not called as here.
        classes: The device's class names in ours, for example ``{ped: person}``; others are taken as they are.
    """

    kind: Literal["tracks"] = "tracks"
    path: Path
    started_at: AwareDatetime | None = None
    error_m: float = Field(default=0.3, gt=0)
    rate_hz: float | None = Field(default=None, gt=0)
    columns: TrackColumns = TrackColumns()
    classes: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _frames_have_a_rate(self) -> TracksSource:
        if self.columns.frame is not None and self.rate_hz is None:
            raise ValueError(
                "rate_hz: expected moments a second, since columns.frame counts them, got nothing"
            )
        return self


Source = Annotated[
    FileSource | StreamSource | SceneSource | FramesSource | TracksSource, Field(discriminator="kind")
]


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
    picture_px: tuple[PositiveInt, PositiveInt]
    surveyed_on: date
    valid_until: date
    id: str = ""

    @model_validator(mode="after")
    def _some_day_is_valid(self) -> CalibrationConfig:
        if self.valid_until < self.surveyed_on:
            expected = f"{self.surveyed_on} (surveyed_on) or later"
            raise ValueError(f"valid_until: expected {expected}, got {self.valid_until}")
        return self


class GateConfig(Config):
    """Which frames deserve a detector."""

    enabled: bool = True
    keep_alive_s: float = Field(default=2.0, gt=0)
    """A frame passes at least this often however still the picture is."""
    hold_s: float = Field(default=1.0, ge=0)
    """Frames pass for so long after the last motion or the last sighting of a moving track."""


def _places(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    """Each once in a row: a double click is one, and a side without a length would have no direction."""
    return tuple(point for point, _ in groupby(points))


Points = Annotated[tuple[tuple[float, float], ...], AfterValidator(_places)]


class Zone(Config):
    """An area on the road, given in the picture or on the ground.

    Attributes:
        name: What rules call it.
        polygon_px: Corners in the picture, full-resolution px; the first may stand at the end again, as in GeoJSON.
        polygon_m: Corners on the ground, metres in the survey's frame. One of the two.
        heading_deg: Which way traffic goes in it, clockwise from +y on the ground; for lanes.
    """

    name: Name
    polygon_px: Points = ()
    polygon_m: Points = ()
    heading_deg: float | None = Field(default=None, ge=-360, le=360)

    @field_validator("polygon_px", "polygon_m")
    @classmethod
    def _open(cls, corners: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
        while len(corners) > 1 and corners[0] == corners[-1]:
            corners = corners[:-1]
        return corners

    @model_validator(mode="after")
    def _one_polygon(self) -> Zone:
        _one_of("polygon_px", self.polygon_px, "polygon_m", self.polygon_m, 3, "corners")
        _encloses("polygon_px" if self.polygon_px else "polygon_m", self.polygon_px or self.polygon_m)
        return self


class RoadLine(Config):
    """A line on the road (a stop line, a solid line), given in the picture or on the ground.

    Attributes:
        name: What rules call it.
        px: Its points in order, full-resolution px.
        m: Its points on the ground, metres. One of the two.
    """

    name: Name
    px: Points = ()
    m: Points = ()

    @model_validator(mode="after")
    def _one_line(self) -> RoadLine:
        _one_of("px", self.px, "m", self.m, 2, "points")
        return self


def _one_of(
    in_picture: str, px: Sequence[object], on_ground: str, m: Sequence[object], least: int, what: str
) -> None:
    """A shape is given in the picture or on the ground, with enough points."""
    if (len(px) >= least and not m) or (len(m) >= least and not px):
        return
    got = "both" if px and m else f"{in_picture} with {len(px)}" if px else f"{on_ground} with {len(m)}"
    got = got if px or m else "neither"
    raise ValueError(f"expected either {in_picture} or {on_ground}, with at least {least} {what}, got {got}")


def _encloses(name: str, corners: Sequence[tuple[float, float]]) -> None:
    """A zone has an inside that everybody means: its corners go once round it, and no two sides cross.

    >>> _encloses("polygon_m", [(0, 0), (4, 0), (4, 9), (0, 9)])
    """
    sides = [*zip(corners, [*corners[1:], corners[0]], strict=True)]
    long_sq = max((bx - ax) ** 2 + (by - ay) ** 2 for (ax, ay), (bx, by) in sides)
    twice_area = abs(sum(_turn(corners[0], a, b) for a, b in sides))
    for i, (a, b) in enumerate(sides):
        for c, d in sides[i + 2 :]:
            if _turn(a, b, c) * _turn(a, b, d) < 0 and _turn(c, d, a) * _turn(c, d, b) < 0:
                got = f"{a} to {b} across {c} to {d}"
                raise ValueError(f"{name}: expected corners in their order round the zone, got {got}")
    if twice_area <= _FLAT * long_sq:
        raise ValueError(f"{name}: expected corners round an area, got all of them on a line")


def _turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    """Positive if c lies on one side of the line from a to b, negative on the other, 0 on it."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


_FLAT = 1e-6
"""A zone whose area is this share of its longest side's square is a line: a hundred metres by 0.05 mm."""


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
    sample_hz: float | None = Field(default=None, ge=0.001)
    """Frames a second looked at, by capture time; every frame by default."""
    gate: GateConfig = GateConfig()
    read_plates: bool = False
    """Whether the plate of every vehicle is read, once, and kept as a keyed hash that expires (``DOME_PLATE_KEY``)."""
    zones: tuple[Zone, ...] = ()
    lines: tuple[RoadLine, ...] = ()
    signals: tuple[SignalConfig, ...] = ()
    calibration: CalibrationConfig | None = None
    """The ground survey. A scene source brings its own when this is left out."""
    rules: tuple[Rule, ...] = ()

    @model_validator(mode="after")
    def _names_exist(self) -> CameraConfig:
        known = {
            kind: [thing.name for thing in things]
            for kind, things in (("zones", self.zones), ("lines", self.lines), ("signals", self.signals))
        }
        for kind, names in known.items():
            if len(set(names)) != len(names):
                raise ValueError(f"{kind}: expected distinct names, got {names}")
        for i, rule in enumerate(self.rules):
            for field, kind, name in references(rule):
                if name not in known[kind]:
                    there = ", ".join(known[kind]) or "none"
                    raise ValueError(
                        f"rules.{i}.{field}: expected one of the camera's {kind} ({there}), got {name!r}; "
                        f"add it to {kind}"
                    )
        return self

    @model_validator(mode="after")
    def _lanes_have_a_direction(self) -> CameraConfig:
        """Against which way would somebody drive?"""
        without = {zone.name for zone in self.zones if zone.heading_deg is None}
        for i, rule in enumerate(self.rules):
            if rule.kind == "wrong_way" and rule.lane in without:
                expected = "expected a zone with heading_deg"
                raise ValueError(f"rules.{i}.lane: {expected}, got {rule.lane!r} without one")
        return self

    @model_validator(mode="after")
    def _reports_are_its_own(self) -> CameraConfig:
        """What was measured at one camera says nothing of another."""
        for i, rule in enumerate(self.rules):
            if rule.kind == "seat_belt" and rule.report is not None and rule.report.camera != self.id:
                got = f"one of {rule.report.camera!r}"
                raise ValueError(f"rules.{i}.report: expected a report on camera {self.id!r}, got {got}")
        return self

    @model_validator(mode="after")
    def _tracks_have_no_pictures(self) -> CameraConfig:
        """Where a device reports places in metres, nothing can be given or looked at in a picture."""
        if self.sees:
            return self
        in_picture = ["calibration"] if self.calibration else []
        in_picture += ["read_plates"] if self.read_plates else []
        in_picture += [f"zones.{i}.polygon_px" for i, zone in enumerate(self.zones) if zone.polygon_px]
        in_picture += [f"lines.{i}.px" for i, line in enumerate(self.lines) if line.px]
        in_picture += [f"signals.{i}.region_px" for i, light in enumerate(self.signals) if light.region_px]
        in_picture += [f"rules.{i}.kind" for i, rule in enumerate(self.rules) if rule.kind in NEED_PICTURES]
        if in_picture:
            raise ValueError(
                f"{in_picture[0]}: expected nothing that needs a picture with a tracks source, got one"
            )
        return self

    @property
    def sees(self) -> bool:
        """True when its source sends pictures; False when it sends tracks in metres."""
        return self.source.kind != "tracks"

    @property
    def live(self) -> bool:
        """True when the source goes on for ever and lost frames cannot be had again."""
        return self.source.kind == "stream" or (self.source.kind == "file" and self.source.loop)


class District(Config):
    """A district of the control centre.

    Attributes:
        id: Its id.
        name: For people.
        polygon: Its border, ``(latitude, longitude)`` in degrees: citizens' reports from within are its own.
    """

    id: Name
    name: str = ""
    polygon: tuple[tuple[float, float], ...] = ()

    @model_validator(mode="after")
    def _border(self) -> District:
        if self.polygon and len(self.polygon) < 3:
            raise ValueError(f"polygon: expected at least three corners, got {len(self.polygon)}")
        if any(abs(latitude) > 90 or abs(longitude) > 180 for latitude, longitude in self.polygon):
            raise ValueError("polygon: expected corners as (latitude, longitude) in degrees")
        return self


class SiteConfig(Config):
    """The whole site file."""

    site: Name
    jurisdiction: str = "kz"
    """Name of a built-in profile or path of a profile file."""
    districts: tuple[District, ...]
    cameras: tuple[CameraConfig, ...]
