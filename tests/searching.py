"""Builders for search cases and leads: complete ones, but for the changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from flows.domain.cases import (
    LegalBasis,
    PersonTarget,
    SearchCase,
    SearchTerms,
    VehicleTarget,
    Window,
    activate,
    authorise,
)
from flows.domain.events import Event
from flows.domain.leads import Lead, LeadFound, Likeness

T0 = datetime(2090, 5, 4, 8, 0, tzinfo=UTC)
"""Ahead of any clock: what expires in Redis does so by Redis's own, which a test does not set."""
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def make_case(**changes: Any) -> SearchCase:
    """A draft that ``asel`` made at ``T0`` for a week."""
    values: dict[str, Any] = {
        "id": "case-1",
        "purpose": "missing_person",
        "basis": LegalBasis(law="KPK RK 232", document="17-2026"),
        "target": PersonTarget(name="A. B.", probes=("p1",)),
        "cameras": ("hall-1",),
        "window": Window(begins_at=T0 - DAY, ends_at=T0 + 7 * DAY),
        "alert_radius_m": 1000.0,
        "requester": "asel",
        "expires_at": T0 + 7 * DAY,
        "terms": SearchTerms(longest_days=30),
        "steps": ({"deed": "created", "by": "asel", "at": T0},),
    }
    return SearchCase.model_validate(values | changes)


def make_vehicle_case(plate: str = "123ABC02", **changes: Any) -> SearchCase:
    """The same for a vehicle."""
    return make_case(**{"target": VehicleTarget(plate=plate), "purpose": "wanted_by_court_order"} | changes)


def make_active(at: datetime = T0, **changes: Any) -> SearchCase:
    """A case that ``bolat`` has authorised, active since ``at``."""
    return activate(authorise(make_case(**changes), "bolat", at), "asel", at)


def make_found(**changes: Any) -> LeadFound:
    """What a matcher says of track 7."""
    values: dict[str, Any] = {
        "case": "case-1",
        "probe": "p1",
        "track": 7,
        "likeness": Likeness(similarity=0.62, threshold=0.55, gallery=3, false_alarms=12.0, votes=3),
        "crop": "sealed-crop",
        "template": "sealed-template",
        "model": "dlib@0",
    }
    return LeadFound.model_validate(values | changes)


def make_lead_event(at: datetime = T0 + HOUR, camera: str = "hall-1", **changes: Any) -> Event:
    """The event of a lead."""
    return make_found(**changes).event(camera_id=camera, district="esil", at=at)


def make_lead(at: datetime = T0 + HOUR, **changes: Any) -> Lead:
    """A lead that nobody has looked at, made when it was captured."""
    return Lead.of(make_lead_event(at, **changes), "missing_person", at + 72 * HOUR)
