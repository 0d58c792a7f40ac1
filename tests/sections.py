"""Passages over a section's gates, as cameras tell them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from flows.domain.events import Event, KeyMoment
from flows.domain.passages import Passage, SectionTerms, told
from flows.domain.plates import PlateRecord
from flows.evidence.package import EvidenceContext, Manifest, ModelRef, PackagedFile
from flows.jurisdiction import JurisdictionProfile

START = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
TERMS = SectionTerms(
    section="abay",
    length_m=1000,
    length_error_m=0.5,
    limit_kmh=60,
    tolerance_kmh=10,
    articles=((0, "592"), (10, "592(1)"), (20, "592(2)"), (40, "592(3)")),
    profile="kz@1",
)


def passage(role: str, at_s: float, plate: str = "hash-a", **changes: Any) -> Passage:
    """A passage ``at_s`` after :data:`START`; changes of the terms' fields go to the terms."""
    terms = {k: changes.pop(k) for k in list(changes) if k in SectionTerms.model_fields}
    at = START + timedelta(seconds=at_s)
    values: dict[str, Any] = {
        "camera": f"abay-{role}",
        "district": "alatau",
        "terms": TERMS.model_copy(update=terms),
        "role": role,
        "at": at,
        "sd_s": 0.02,
        "track": 1,
        "cls": "car",
        "speed_kmh": 80.0,
        "position_m": (1.5, 25.0),
        "moments": (KeyMoment(name="gate", at=at, xyxy=(500.0, 300.0, 600.0, 380.0)),),
        "rule_version": "1",
        "calibration": {"id": f"survey-{role}"},
        "evidence": f"abay-{role}/2026-06-01/{at_s:g}",
    }
    made = Passage.model_validate(values | changes)
    return Passage.of(told(made.event(), plate, "0" * 64))


def manifest_of(made: Passage, profile: JurisdictionProfile | None = None, **changes: Any) -> dict[str, Any]:
    """Its package's manifest, as the camera wrote it: a picture, a plate, no clip."""
    picture = PackagedFile(
        name="gate.jpg", kind="picture", media_type="image/jpeg", size=7, sha256="0" * 64, captured_at=made.at
    )
    context = EvidenceContext(
        site="almaty", camera_id=made.camera, district=made.district, software="0", profile=profile,
        detector=ModelRef(name="embedded", sha256="ab" * 32),
    )  # fmt: skip
    plate = PlateRecord(outcome="read", text="123ABC02", confident=True)
    written = Manifest(
        event=made.event(), context=context, files=[picture], clip=None, plate=plate, problems=[]
    )
    return written.model_dump(mode="json") | changes


def told_event(made: Passage) -> Event:
    """As it travels."""
    return made.event()
