"""How a camera is doing: the row an operator sees and the line a summary keeps."""

from __future__ import annotations

from typing import Any, Final, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from flows.domain.site import CameraConfig

CameraState = Literal["starting", "running", "reconnecting", "restarting", "ended", "failed", "stopped"]

OVER: Final[frozenset[CameraState]] = frozenset({"ended", "failed", "stopped"})
"""States in which a camera tells nothing more."""

Fitness = Literal["", "learning", "fit", "unknown", "unsettled", "shaking", "moved"]
"""Whether a fixed camera still looks where it was surveyed, see :mod:`flows.pictures.steadiness`; empty where nobody
looks: no rules, no pictures, or no fixed pose."""


class Outline(BaseModel):
    """What a camera's rules speak of, where it lies in the picture.

    Attributes:
        kind: A zone, a line on the road, or a traffic light.
        name: What rules call it.
        points: Shares of the picture's width and height; may lie outside of it.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["zone", "line", "signal"]
    name: str
    points: tuple[tuple[float, float], ...]


Outlines = tuple[Outline, ...]
"""A camera's."""


class CameraStatus(BaseModel):
    """Counts since the camera was first started (a restarted actor says so in ``restarts``).

    Every frame read is exactly one of gated, detected, dropped, sampled out or still in flight.

    Attributes:
        camera_id: The camera in the site file.
        name: What people call it.
        district: Its district.
        latitude: Where it stands, where the site file says so.
        longitude: Likewise.
        rules: Kinds of the rules that it keeps, as the site file has them.
        read_plates: Whether it reads every plate, as the site file has it; None of one that an earlier version told of.
        state: What it is doing now.
        message: Why, in words, when it is not running.
        frames_read: Frames decoded.
        sampled_out: Left out on purpose by ``sample_hz``.
        gated: Frames that the gate held back.
        detected: Frames that a detector looked at.
        dropped: Frames of a live camera given up because newer ones came.
        detections: Boxes found that the detector is sure of.
        faces: Heads that a face search was asked about: 0 while no active case covers the camera.
        reconnects: Times the source was opened again.
        errors: Errors survived, by kind (``decode``, ``detector``, ``step``, ``evidence`` ...).
        restarts: Times the actor was started again after it died.
        processing_s: CPU seconds of the camera's process since it began to play.
        rate_hz: Frame rate measured from capture times.
        lag_s: Age of the newest processed frame behind the newest captured one, seconds.
        events: Events by type.
        refusals: Verdicts refused, by reason.
        spooled: Events waiting on disk because the results actor or Redis is away.
        lost: Events that could not be kept (the spool was full).
        last_at: Capture time of the newest processed frame.
        fitness: Whether it still looks where it was surveyed.
        moved_px: How far off it is in the picture, at the surveyed place that suffers most; None if that is unknown.
        moved_deg: How far it is turned in the picture's plane.
        unfit: Why its measurements cannot be evidence now, in codes of :mod:`flows.site.fitness`; empty if they can,
            None while that is not known, and where no rule measures.
    """

    model_config = ConfigDict(frozen=True)

    camera_id: str
    name: str = ""
    district: str = ""
    latitude: float | None = None
    longitude: float | None = None
    rules: tuple[str, ...] = ()
    read_plates: bool | None = None
    state: CameraState = "starting"
    message: str = ""
    frames_read: int = 0
    sampled_out: int = 0
    gated: int = 0
    detected: int = 0
    dropped: int = 0
    detections: int = 0
    faces: int = 0
    reconnects: int = 0
    errors: dict[str, int] = Field(default_factory=dict)
    restarts: int = 0
    processing_s: float = 0.0
    rate_hz: float | None = None
    lag_s: float = 0.0
    events: dict[str, int] = Field(default_factory=dict)
    refusals: dict[str, int] = Field(default_factory=dict)
    spooled: int = 0
    lost: int = 0
    last_at: AwareDatetime | None = None
    fitness: Fitness = ""
    moved_px: float | None = None
    moved_deg: float | None = None
    unfit: tuple[str, ...] | None = None

    @classmethod
    def of(cls, camera: CameraConfig, **more: Any) -> Self:
        """The status of a camera of the site file, which says what it is called and where it stands."""
        return cls(
            camera_id=camera.id,
            name=camera.name,
            district=camera.district,
            latitude=camera.latitude,
            longitude=camera.longitude,
            rules=tuple(dict.fromkeys(rule.kind for rule in camera.rules)),
            read_plates=camera.read_plates,
            **more,
        )


class ResultsStatus(BaseModel):
    """How the results actor is doing.

    Attributes:
        written: Events this instance wrote to Redis.
        duplicates: Events that were there already.
        gone: Events left out because their violation was deleted before.
        spooled: Events waiting on its disk.
        lost: Events that could not be kept.
        redis: ``up``, or why it is away.
        outages: Times that Redis went away from this instance.
        away_s: So long in all, seconds.
        restarts: Times the actor was started again.
        refusals: Pairs of passages that were refused, by reason.
        decisions: Decisions on violations that this instance made, by state.
        deleted: Violations that this instance deleted because nobody had confirmed them for too long, or because they
            were as old as the law allows or too many, by state.
        doubted: Times that nothing was deleted by its age, because the clock may be ahead.
    """

    model_config = ConfigDict(frozen=True)

    written: int = 0
    duplicates: int = 0
    gone: int = 0
    spooled: int = 0
    lost: int = 0
    redis: str = "up"
    outages: int = 0
    away_s: float = 0.0
    restarts: int = 0
    refusals: dict[str, int] = Field(default_factory=dict)
    decisions: dict[str, int] = Field(default_factory=dict)
    deleted: dict[str, int] = Field(default_factory=dict)
    doubted: int = 0


class Summary(BaseModel):
    """What ``dome run --summary`` writes."""

    site: str
    started_at: AwareDatetime
    ended_at: AwareDatetime
    cameras: dict[str, CameraStatus]
    results: ResultsStatus
    problems: list[str] = Field(default_factory=list)
    """Cameras of the site file that could not be started, each with its reason."""
