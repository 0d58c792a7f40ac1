"""A case with a real package, small enough for unit tests: a square moves over a grey ground, and was too fast."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from evidencestore import store_in
from media import STARTED_AT, square_at, write_video

from flows.court.export import Captured, Material, Sealing, export
from flows.court.identity import Identity, development_identity
from flows.domain.events import DECISION, SPEEDING, Event, KeyMoment, Measured, Violation, evidence_folder
from flows.evidence.package import EvidenceContext, Manifest, ModelRef
from flows.evidence.queue import EvidenceQueue
from flows.jurisdiction import JurisdictionProfile
from flows.sources.file import FileVideo
from flows.store.evidence import MANIFEST, EvidenceStore

SIZE = (320, 240)
CLIP_S = 2.0
SEALED_AT = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)
"""When :func:`identity` was made; the survey is valid on that day."""
PROFILE = JurisdictionProfile.model_validate(
    {
        "name": "test",
        "title": "Test land",
        "timezone": "Asia/Almaty",
        "rules": {"speeding": {"article": "Code 7", "tolerance_kmh": 10}},
        "evidence": {"pictures": 2, "clip_s": CLIP_S},
        "retention": {"violation_days": 365, "unconfirmed_days": 30, "plate_hash_days": 7},
    }
)
CALIBRATION = {"id": "survey-7", "surveyed_on": "2026-01-01", "valid_until": "2026-12-31", "residual_m": 0.05}
CLOCK = {"source": "rtcp", "anchored_at": STARTED_AT.isoformat(), "rate_hz": 25.0, "jitter_s": 0.001}


def violation(type: str = SPEEDING, camera: str = "cam-1", **changes: Any) -> Event:
    """Too fast between frames 40 and 60 of the recording."""
    moments = []
    for name, index in (("first", 40), ("last", 60)):
        left, top = square_at(index, *SIZE)
        at = STARTED_AT + timedelta(seconds=index / 25)
        moments.append(KeyMoment(name=name, at=at, xyxy=(left, top, left + 24, top + 24)))
    values: dict[str, Any] = {
        "rule": "speeding", "rule_version": "1", "article": "Code 7", "track": 7, "cls": "car",
        "measured": {"speed": Measured(value=82.0, low=80.5, high=83.5, unit="km/h")},
        "threshold": {"limit_kmh": 60.0, "tolerance_kmh": 10.0}, "moments": moments, "clock": CLOCK,
        "calibration": CALIBRATION, "trace": [(0.0, 1.0, 2.0), (0.4, 1.0, 9.0), (0.8, 1.0, 18.0)],
        "profile": PROFILE.version,
    }  # fmt: skip
    data = Violation.model_validate(values | changes).model_dump(mode="json")
    return Event.of(type, camera_id=camera, district="alatau", at=moments[-1].at, data=data)


def decision(of: Event, number: int = 1, **data: Any) -> Event:
    """A reviewer has confirmed it."""
    said = {
        "violation": of.id, "number": number, "state": "confirmed", "reason": "as_measured", "by": "aigul",
        "decided_at": "2026-05-05T09:00:00Z",
        "lists": [{"name": "permits", "issued_at": "2026-05-04T06:00:00Z", "sha256": "cd" * 32}],
    } | data  # fmt: skip
    return Event.of(
        DECISION, camera_id=of.camera_id, district=of.subject, at=of.time, data=said, key=(of.id, number)
    )


@cache
def recording() -> Path:
    """Four seconds of video at 25 frames a second."""
    folder = Path(tempfile.mkdtemp(prefix="dome-test-"))
    return write_video(folder / "a.mp4", 100, size=SIZE)


def store_package(
    store: EvidenceStore, event: Event, profile: JurisdictionProfile | None = PROFILE
) -> list[Event]:
    """Cuts the event's package from the recording as a camera does; what it tells then."""
    context = EvidenceContext(
        site="almaty", camera_id=event.camera_id, district="alatau", software="0.1.0", profile=profile,
        detector=ModelRef(name="embedded", sha256="ab" * 32), name="Abay 17", latitude=43.24, longitude=76.91,
        rules=[{"kind": "speeding", "limit_kmh": 60.0}], code_sha256="ef" * 32,
    )  # fmt: skip
    source = FileVideo(event.camera_id, recording(), started_at=STARTED_AT)
    queue = EvidenceQueue(source.ring, store, context, clip_s=CLIP_S)
    for frame in source.frames():
        if frame.index == 80:
            queue.add(event)
    return list(chain.from_iterable(queue.flush()))


@cache
def material(type: str = SPEEDING) -> Material:
    """The case with a decision."""
    event = violation(type)
    with tempfile.TemporaryDirectory() as folder:
        store = store_in(folder)
        if type != SPEEDING:  # only violations have packages by themselves
            told = [
                e.model_copy(update={"type": "dome.evidence.stored.v1"})
                for e in store_package(store, violation())
            ]
            event = event.model_copy(update={"id": violation().id})
        else:
            told = store_package(store, event)
        captured = captured_in(store, evidence_folder(violation()))
    return Material(record=(event, *told, decision(event)), captured=(captured,), profile=PROFILE)


def captured_in(store: EvidenceStore, folder: str) -> Captured:
    """A stored package as it is handed to an export."""
    manifest = store.read(folder, MANIFEST)
    names = [f.name for f in Manifest.model_validate_json(manifest).files]
    return Captured("event", manifest, {name: store.read(folder, name) for name in names})


@cache
def identity() -> Identity:
    """One for development."""
    with tempfile.TemporaryDirectory() as folder:
        return development_identity(Path(folder) / "certificates", SEALED_AT)


def sealing(**changes: Any) -> Sealing:
    """Sealed in November 2026 by :func:`identity`."""
    return replace(Sealing(identity(), SEALED_AT), **changes)


@cache
def package() -> bytes:
    """The case as a zip."""
    return export(material(), sealing())
