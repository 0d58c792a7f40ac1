"""Violations, plates and lists as the docket sees them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from flows.casework.exemptions import Exemption, ExemptionList
from flows.domain.events import EVIDENCE_STORED, Event, Measured, Violation
from flows.domain.plates import PlateRecord, plate_event

AT = datetime(2026, 9, 1, 7, 0, tzinfo=UTC)
BUS_LANE = "dome.violation.bus_lane.v1"


def violation(n: int = 0, **changes: Any) -> Event:
    """A car in the bus lane, ``n`` minutes after :data:`AT`; it depends on the list of permits."""
    at = AT + timedelta(minutes=n)
    values: dict[str, Any] = {
        "rule": "bus_lane", "rule_version": "1", "article": "596", "track": n, "cls": "car",
        "measured": {"distance": Measured(value=40, low=38, high=42, unit="m")}, "threshold": {}, "moments": [],
        "exemptions": ("permits",), "exemptions_max_age_h": 24.0, "profile": "kz@1", "state": "undecided",
        "calibration": {"id": "survey-7"},
    }  # fmt: skip
    data = Violation.model_validate(values | changes).model_dump(mode="json")
    return Event.of(BUS_LANE, camera_id="lane-1", district="alatau", at=at, data=data, key=(n,))


def plate(of: Event, text: str = "123ABC02", confident: bool = True, finder: str = "cd" * 32) -> Event:
    """What was read of its plate, by which networks; nothing if ``text`` is empty."""
    outcome = "read" if text else "unread"
    versions = {"finder": finder, "recogniser": "ef" * 32}
    record = PlateRecord(outcome=outcome, text=text, confident=confident and bool(text), versions=versions)  # type: ignore[arg-type]
    return plate_event(of, record)


def package(
    of: Event,
    model: str = "embedded",
    sha256: str = "ab" * 32,
    files: tuple[str, ...] = ("clip.mp4",),
    missing: tuple[str, ...] = (),
) -> Event:
    """Its package is stored."""
    data: dict[str, Any] = {
        "violation": of.id, "detector": {"name": model, "sha256": sha256}, "files": list(files),
        "completeness": {"missing": list(missing)},
    }  # fmt: skip
    return Event.of(
        EVIDENCE_STORED, camera_id="lane-1", district="alatau", at=of.time, data=data, key=(of.id,)
    )


def permits(issued_h: float = 0, *plates: str, name: str = "permits", **entry: Any) -> ExemptionList:
    """A list issued so many hours after :data:`AT`."""
    entries = tuple(Exemption(plate=p, reason="a permit", **entry) for p in plates)
    return ExemptionList(name=name, issued_at=AT + timedelta(hours=issued_h), entries=entries)
