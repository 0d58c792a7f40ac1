"""What a package states, in one form that machines read and protocols are made from (``facts.json``).

Everything here follows from the record and the cameras' own manifests; nothing is added by hand.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from flows.court.frames import FrameRow
from flows.domain.events import DECISION, Event, Measured
from flows.domain.frames import VOUCHED_CLOCKS
from flows.domain.leads import LEAD
from flows.domain.plates import PLATE_READ, PlateRecord
from flows.evidence.completeness import Completeness, completeness, span_of
from flows.evidence.package import Manifest
from flows.jurisdiction import JurisdictionProfile

Role = Literal["event", "entry"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class CameraFacts(_Model):
    """One camera's part.

    Attributes:
        camera: Its id.
        role: ``event``: it saw what the case is about; ``entry``: the entrance of a section.
        name: For people.
        latitude: Where it stands, degrees.
        longitude: Likewise.
        platform: What carries it.
        clock: State of its clock.
        clock_unfit: Why the clock cannot be vouched for; empty if it can.
        calibration: Its survey: id, day, validity, residuals; with its points where they were kept.
        calibration_valid: Whether the survey was valid on the day; None where there is none.
        frames: Frames of the clip.
        first_at: Of the clip.
        last_at: Of the clip.
        rate_hz: Frames a second in the clip, measured.
        manifest_sha256: Of the camera's own manifest.
    """

    camera: str
    role: Role
    name: str = ""
    latitude: float | None = None
    longitude: float | None = None
    platform: str = ""
    clock: dict[str, JsonValue]
    clock_unfit: str
    calibration: dict[str, JsonValue]
    calibration_valid: bool | None
    frames: int = 0
    first_at: AwareDatetime | None = None
    last_at: AwareDatetime | None = None
    rate_hz: float | None = None
    manifest_sha256: str


class Version(_Model):
    """Something that had a say in the measurement, and exactly which.

    Attributes:
        role: ``detector``, ``embedder``, ``plates.PART``, ``rule``, ``profile`` or ``software``.
        name: Its name.
        version: Its version, where it has one.
        sha256: Of its weights, parameters, values or source.
    """

    role: str
    name: str
    version: str = ""
    sha256: str = ""


class Listed(_Model):
    """A list of exempt plates that was asked."""

    name: str
    issued_at: AwareDatetime | None
    sha256: str


class Decided(_Model):
    """A decision as the record holds it."""

    number: int
    state: str
    reason: str
    detail: str
    by: str
    decided_at: AwareDatetime
    because: str = ""


class Facts(_Model):
    """What a package states.

    Attributes:
        id: The event's.
        type: The event's.
        site: The site.
        district: The district.
        at: Capture time of the decisive moment, UTC.
        local_time: The same there, ISO 8601.
        timezone: IANA zone there.
        rule: The rule's kind; empty for events of no rule.
        article: Article of the code.
        article_confirmed: Whether counsel has confirmed the profile; None where it is not at hand.
        state: What the case is by the latest decision.
        cls: Class of the vehicle or object.
        track: Its number in the camera's pipeline.
        plate: What was read of the plate; None where nobody was asked.
        plate_by: Who read it: ``machine``, or the person whose decision corrected it.
        measured: Measured quantities by name, each with its 95 % interval.
        threshold: The bounds held against them, by name.
        moments: The decisive moments.
        trace: The measurement's points ``(seconds since the first, x_m, y_m)``.
        measurement: More about the measurement, as the rule states it.
        cameras: The cameras' parts.
        versions: Models, rule, profile, software.
        exemptions_asked: Names of lists that the rule asks.
        lists: The lists that were asked, by the decision that holds.
        decisions: All decisions, oldest first.
        completeness: What the law asks, and what is there.
        problems: What the cameras say is missing, in words.
        record_until: When the last event of the record was made.
    """

    id: str
    type: str
    site: str
    district: str
    at: AwareDatetime
    local_time: str
    timezone: str
    rule: str
    article: str
    article_confirmed: bool | None
    state: str
    cls: str
    track: int | None
    plate: PlateRecord | None
    plate_by: str = "machine"
    measured: dict[str, Measured]
    threshold: dict[str, float]
    moments: list[dict[str, JsonValue]]
    trace: list[tuple[float, float, float]]
    measurement: dict[str, JsonValue]
    cameras: list[CameraFacts]
    versions: list[Version]
    exemptions_asked: list[str]
    lists: list[Listed]
    decisions: list[Decided]
    completeness: Completeness
    problems: list[str]
    record_until: AwareDatetime


class Part(_Model):
    """One camera's package, read.

    Attributes:
        role: Of the camera in the case.
        manifest: What the camera wrote.
        manifest_sha256: Of its bytes.
        frames: Index of its clip; empty without one.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    role: Role
    manifest: Manifest
    manifest_sha256: str
    frames: list[FrameRow] = Field(default_factory=list)


def facts_of(
    record: Sequence[Event],
    parts: Sequence[Part],
    profile: JurisdictionProfile | None,
    withheld: Sequence[str] = (),
) -> Facts:
    """States a case.

    Args:
        record: Its events; the first one is what the case is about.
        parts: The cameras' packages, that of the event first.
        profile: The law it was judged by; None if that is not at hand.
        withheld: Names of files that are kept back, and so are not in the package.
    """
    event, main = record[0], parts[0]
    data, context = event.data, main.manifest.context
    zone = profile.timezone if profile is not None else "UTC"
    decisions = [_decided(e) for e in record if e.type == DECISION]
    plate, plate_by = _plate(record, main.manifest)
    law = profile.evidence_for(_text(data.get("rule"))) if profile is not None else None
    return Facts(
        id=event.id,
        type=event.type,
        site=context.site,
        district=event.subject,
        at=event.time.astimezone(UTC),
        local_time=event.time.astimezone(ZoneInfo(zone)).isoformat(timespec="milliseconds"),
        timezone=zone,
        rule=_text(data.get("rule")),
        article=_text(data.get("article")),
        article_confirmed=profile.confirmed if profile is not None else None,
        state=decisions[-1].state if decisions else _text(data.get("state")),
        cls=_text(data.get("cls")),
        track=data["track"] if isinstance(data.get("track"), int) else None,  # type: ignore[arg-type]
        plate=plate,
        plate_by=plate_by,
        measured=_mapping(data.get("measured")),
        threshold=_mapping(data.get("threshold")),
        moments=_sequence(data.get("moments")),
        trace=_sequence(data.get("trace")),
        measurement=_mapping(data.get("measurement")),
        cameras=[_camera(part, event, profile) for part in parts],
        versions=_versions(event, parts, profile),
        exemptions_asked=_sequence(data.get("exemptions")),
        lists=_lists(record),
        decisions=decisions,
        completeness=completeness([p.manifest for p in parts], law, withheld),
        problems=[f"{p.manifest.context.camera_id}: {said}" for p in parts for said in p.manifest.problems],
        record_until=max(_made_at(e) for e in record),
    )


def _camera(part: Part, event: Event, profile: JurisdictionProfile | None) -> CameraFacts:
    context, said = part.manifest.context, part.manifest.event.data
    calibration = _mapping(said.get("calibration"))
    if context.calibration is not None:
        points = context.calibration.model_dump(
            mode="json", include={"points", "error_px", "error_m", "picture_px"}
        )
        calibration = calibration | {"survey": points}
    clock = _mapping(said.get("clock"))
    day = profile.local_day(event.time) if profile is not None else event.time.astimezone(UTC).date()
    frames = part.frames
    span_s = span_of([f.pts_us for f in frames])
    return CameraFacts(
        camera=context.camera_id,
        role=part.role,
        name=context.name,
        latitude=context.latitude,
        longitude=context.longitude,
        platform=context.platform,
        clock=clock,
        clock_unfit=clock_unfit(clock),
        calibration=calibration,
        calibration_valid=valid_on(calibration, day),
        frames=len(frames),
        first_at=frames[0].captured_at if frames else None,
        last_at=frames[-1].captured_at if frames else None,
        rate_hz=round(len(frames) / span_s, 3) if span_s else None,
        manifest_sha256=part.manifest_sha256,
    )


def clock_unfit(clock: Mapping[str, Any]) -> str:
    """Why a clock cannot be vouched for; empty if it can."""
    if not clock:
        return "its state was not kept"
    if clock.get("source") not in VOUCHED_CLOCKS:
        return f"its anchor is {clock.get('source', 'unknown')!s}"
    return ""


def valid_on(calibration: Mapping[str, Any], day: date) -> bool | None:
    """Whether a survey is valid on a day; None without one."""
    if not calibration:
        return None
    try:
        first = date.fromisoformat(str(calibration.get("surveyed_on")))
        return first <= day <= date.fromisoformat(str(calibration.get("valid_until")))
    except ValueError:
        return False


def _versions(event: Event, parts: Sequence[Part], profile: JurisdictionProfile | None) -> list[Version]:
    context, data = parts[0].manifest.context, event.data
    looked = "embedder" if event.type == LEAD else "detector"
    found = [Version(role=looked, name=context.detector.name, sha256=context.detector.sha256)]
    plate = parts[0].manifest.plate
    for part, digest in sorted((plate.versions if plate is not None else {}).items()):
        found.append(Version(role=f"plates.{part}", name=part, sha256=digest))
    if kind := _text(data.get("rule")):
        rules = [r for r in context.rules if r.get("kind") == kind]
        digest = _digest(rules) if rules else ""
        found.append(Version(role="rule", name=kind, version=_text(data.get("rule_version")), sha256=digest))
    if profile is not None:
        digest = _digest(profile.model_dump(mode="json"))
        found.append(Version(role="profile", name=profile.title, version=profile.version, sha256=digest))
    elif data.get("profile"):
        found.append(Version(role="profile", name="", version=_text(data.get("profile"))))
    found.append(
        Version(role="software", name="Digital Dome", version=context.software, sha256=context.code_sha256)
    )
    return found


def _decided(event: Event) -> Decided:
    data = event.data
    return Decided(
        number=int(data.get("number") or 0),  # type: ignore[arg-type]
        state=_text(data.get("state")),
        reason=_text(data.get("reason")),
        detail=_text(data.get("detail")),
        by=_text(data.get("by")) or "machine",
        decided_at=_made_at(event),
        because=_text(data.get("readjudication")),
    )


def _lists(record: Sequence[Event]) -> list[Listed]:
    """The lists of the latest decision that asked any."""
    asked = [_sequence(e.data.get("lists")) for e in record if e.type == DECISION]
    return [Listed.model_validate(each) for each in next((a for a in reversed(asked) if a), [])]


def _plate(record: Sequence[Event], manifest: Manifest) -> tuple[PlateRecord | None, str]:
    """What is on the vehicle: a person's reading, else what was read in this case, else what the camera read."""
    read = next((e for e in reversed(record) if e.type == PLATE_READ), None)
    known = (
        {k: v for k, v in read.data.items() if k in PlateRecord.model_fields} if read is not None else None
    )
    plate = PlateRecord.model_validate(known) if known is not None else manifest.plate
    for event in reversed(record):
        if event.type == DECISION and (text := _text(event.data.get("plate"))):
            said = {
                "outcome": "read",
                "text": text,
                "shown": text,
                "confident": True,
                "reason": "",
                "confidence": 1.0,
            }
            return (plate or PlateRecord(outcome="read")).model_copy(update=said), _text(event.data.get("by"))
    return plate, "machine"


def _made_at(event: Event) -> datetime:
    said = event.data.get("decided_at")
    try:
        at = datetime.fromisoformat(said) if isinstance(said, str) else event.time
    except ValueError:
        at = event.time
    return (at if at.tzinfo else event.time).astimezone(UTC)


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _sequence(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []
