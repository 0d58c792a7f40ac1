"""Events as CloudEvents 1.0 with deterministic ids: the same footage gives the same ids."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

SPEEDING = "dome.violation.speeding.v1"
EVIDENCE_STORED = "dome.evidence.stored.v1"
ENTRY = "entry"
"""Before a ``/`` in the name of a file: it is of the other package, that of a section's entry (``entry_folder``)."""
PASSAGE = "dome.passage.v1"
DECISION = "dome.decision.v1"
SIGNAL_CHANGED = "dome.signal.changed.v1"
OBJECT_ABANDONED = "dome.object.abandoned.v1"
OBJECT_ESCALATED = "dome.object.escalated.v1"
OBJECT_UNWATCHED = "dome.object.unwatched.v1"
"""The camera cannot say any more whether it stands there: it is open until somebody has looked."""
OBJECT_CLOSED = "dome.object.closed.v1"


OBJECT_EVENTS = (OBJECT_ABANDONED, OBJECT_ESCALATED, OBJECT_UNWATCHED, OBJECT_CLOSED)


def event_type(rule: str) -> str:
    """The type of what a rule reports first.

    >>> event_type("stop_line"), event_type("abandoned_object")
    ('dome.violation.stop_line.v1', 'dome.object.abandoned.v1')
    """
    return OBJECT_ABANDONED if rule == "abandoned_object" else f"dome.violation.{rule}.v1"


def event_id(*parts: object) -> str:
    """A name-based id: equal parts give equal ids.

    >>> event_id("road-1", SPEEDING, 3) == event_id("road-1", SPEEDING, 3)
    True
    """
    text = json.dumps([str(p) for p in parts], ensure_ascii=False, separators=(",", ":"))
    raw = bytearray(hashlib.sha256(text.encode()).digest()[:16])
    raw[6] = raw[6] & 0x0F | 0x80  # version 8 (RFC 9562), which uuid.UUID takes only from Python 3.14 on
    raw[8] = raw[8] & 0x3F | 0x80
    return str(UUID(bytes=bytes(raw)))


class Event(BaseModel):
    """Something a rule (or the system) states about the world.

    Attributes:
        id: Deterministic, see :func:`event_id`.
        type: ``dome.<kind>.v<version>``, for example ``dome.violation.speeding.v1``.
        source: ``/cameras/ID``.
        time: Capture time of the decisive moment, aware UTC.
        subject: The district's id.
        data: The typed payload of the kind, as JSON values.
    """

    model_config = ConfigDict(frozen=True)

    specversion: Literal["1.0"] = "1.0"
    id: str
    type: str = Field(pattern=r"^dome(\.[a-z_]+)+\.v\d+$")
    source: str
    time: AwareDatetime
    subject: str = ""
    datacontenttype: Literal["application/json"] = "application/json"
    data: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def camera_id(self) -> str:
        """The camera named by ``source``."""
        return self.source.removeprefix("/cameras/")

    @classmethod
    def of(
        cls,
        type: str,
        *,
        camera_id: str,
        district: str,
        at: datetime,
        data: Mapping[str, Any],
        key: tuple[object, ...] = (),
    ) -> Self:
        """Builds an event whose id follows from the camera, the type, the capture time and ``key``."""
        at = at.astimezone(UTC)
        return cls(
            id=event_id(camera_id, type, at.isoformat(timespec="milliseconds"), *key),
            type=type,
            source=f"/cameras/{camera_id}",
            time=at,
            subject=district,
            data=dict(data),
        )


def evidence_folder(event: Event) -> str:
    """Where an event's evidence package lies, relative to the evidence store: known before it is made."""
    return f"{event.camera_id}/{event.time.astimezone(UTC):%Y-%m-%d}/{event.id}"


def needs_evidence(event: Event) -> bool:
    """Whether a package is made for it: violations, things left behind, and passages, which may become a violation."""
    return event.type.startswith("dome.violation.") or event.type in (PASSAGE, *OBJECT_EVENTS)


def with_evidence_folder(event: Event) -> Event:
    """The same event, saying where its package will lie; events that need none are left alone."""
    if not needs_evidence(event):
        return event
    return event.model_copy(update={"data": {**event.data, "evidence": evidence_folder(event)}})


Xyxy = tuple[float, float, float, float]
View = tuple[datetime, Xyxy]
"""An object in a frame: its capture time, and the object's box, full-resolution px."""


class KeyMoment(BaseModel):
    """A moment that evidence must show as a picture.

    Attributes:
        name: What it shows, for example ``first`` or ``closest``.
        at: Capture time, aware UTC; names a frame of the stream exactly.
        xyxy: The object's box there, full-resolution px; None where there are no pictures.
        shown: The part of the box whose crop shows nothing of a nearer vehicle; None: all of it.
        covered: A nearer vehicle is all over it: its crop shows both, and no plate is read there.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    at: AwareDatetime
    xyxy: tuple[float, float, float, float] | None = None
    shown: tuple[float, float, float, float] | None = None
    covered: bool = False

    @property
    def view(self) -> View | None:
        """The object in the frame; None where there are no pictures."""
        return None if self.xyxy is None else (self.at, self.xyxy)


class Measured(BaseModel):
    """A measured value with its 95 % interval.

    Attributes:
        value: Best estimate in ``unit``.
        low: Lower end of the 95 % interval.
        high: Upper end of the 95 % interval.
        unit: For example ``km/h``.
    """

    model_config = ConfigDict(frozen=True)

    value: float
    low: float
    high: float
    unit: str

    @classmethod
    def of(cls, value: float, low: float, high: float, unit: str, digits: int) -> Measured:
        """Rounded as it is told.

        >>> Measured.of(60.04, 58.96, 61.12, "km/h", 1)
        Measured(value=60.0, low=59.0, high=61.1, unit='km/h')
        """
        return cls(value=round(value, digits), low=round(low, digits), high=round(high, digits), unit=unit)


class Violation(BaseModel):
    """The payload (``data``) of every ``dome.violation.*`` event.

    Attributes:
        rule: The rule's kind, for example ``speeding``.
        rule_version: Version of the rule's definition.
        parameters: What the site file states of the rule: a device that sends tracks has no package to say it.
        article: Article of the jurisdiction's code, from its profile.
        track: The track's number in the camera's pipeline.
        cls: The vehicle's class.
        measured: Measured quantities by name, for example ``speed``.
        threshold: The bounds the measurement was held against, by name (``limit_kmh``, ``tolerance_kmh``).
        moments: The moments that evidence shows, in time order.
        position_m: Ground position at the decisive moment, metres in the survey's frame.
        clock: Source, measured rate and errors of the camera's clock.
        calibration: Id, survey date, validity and residual of the calibration.
        trace: The measurement's points ``(seconds since the first, x_m, y_m)``.
        evidence: Folder of the evidence package, relative to the evidence store, known before it is made.
        exemptions: Lists of exempt plates that must be asked before it stands; ``*`` asks every list there is.
        exemptions_max_age_h: A list issued earlier than this before it decides nothing; None: any age will do.
        needs_review: A machine's verdict is never final.
        profile: The jurisdiction profile it was judged by, ``name@version``.
        state: What it is until somebody decides: ``stands``, ``undecided`` while a list must be asked, or
            ``needs_review``.
    """

    model_config = ConfigDict(frozen=True)

    rule: str
    rule_version: str
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    article: str = ""
    track: int
    cls: str
    measured: dict[str, Measured]
    threshold: dict[str, float]
    moments: list[KeyMoment]
    position_m: tuple[float, float] | None = None
    clock: dict[str, JsonValue] = Field(default_factory=dict)
    calibration: dict[str, JsonValue] = Field(default_factory=dict)
    trace: list[tuple[float, float, float]] = Field(default_factory=list)
    evidence: str = ""
    exemptions: tuple[str, ...] = ()
    exemptions_max_age_h: float | None = None
    needs_review: bool = False
    profile: str = ""
    state: Literal["stands", "undecided", "needs_review"] = "stands"
