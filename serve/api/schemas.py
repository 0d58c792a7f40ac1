"""What the API says, as typed answers: the shapes that OpenAPI shows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from flows.casework.adjudication import Case, Decision
from flows.casework.review import holder_of, version_of
from flows.domain.people import Person
from flows.domain.review import Action, State, possible, severity
from flows.store.results import Entry

EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
When = Annotated[AwareDatetime, Field(ge=EARLIEST, lt=LATEST)]
"""A time in a request, with its zone: cameras of this project saw nothing before, and sums of times stay times."""


class Answer(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(frozen=True)


class Plate(Answer):
    """A vehicle's plate as it stands.

    Attributes:
        text: The number; a person's reading before the machine's.
        by: ``machine`` or ``person``.
        confident: Whether the machine was sure.
        confidence: How sure, 0 to 1.
        country: ISO code, empty if unknown.
    """

    text: str
    by: str = "machine"
    confident: bool = False
    confidence: float = 0.0
    country: str = ""


class ViolationRow(Answer):
    """A violation in a list."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "example": {
                "id": "7f0c6a52-1d6e-8c6e-9d0a-0c1f1f6f3f7b",
                "type": "dome.violation.speeding.v1",
                "captured_at": "2026-11-02T08:00:00Z",
                "district": "esil",
                "camera": "abay-17",
                "rule": "speeding",
                "article": "KoAP RK 592",
                "vehicle": "car",
                "state": "stands",
                "severity": 6,
                "version": 0,
                "measured": {"speed": {"value": 93.1, "low": 91.8, "high": 94.4, "unit": "km/h"}},
                "threshold": {"limit_kmh": 60, "tolerance_kmh": 10},
                "plate": {"text": "123ABC02", "by": "machine", "confident": True, "confidence": 0.98, "country": "KZ"},
                "has_evidence": True,
                "holder": "",
            }
        },
    )  # fmt: skip

    id: str
    type: str
    captured_at: datetime
    district: str
    camera: str
    rule: str
    article: str = ""
    vehicle: str = ""
    state: State
    severity: int
    version: int = Field(description="Number of the decision that holds; a step names it.")
    measured: dict[str, JsonValue] = Field(default_factory=dict)
    threshold: dict[str, JsonValue] = Field(default_factory=dict)
    plate: Plate | None = Field(default=None, description="None where it is unread or not shown to you.")
    has_evidence: bool = False
    holder: str = Field(default="", description="Who is reviewing it.")

    @classmethod
    def of(cls, entry: Entry, person: Person) -> Self:
        """As a person sees it."""
        return cls(**_row(entry, entry.case, person))


class EvidenceFile(Answer):
    """A file of a violation's package.

    Attributes:
        name: Its name.
        href: Where to get it.
    """

    name: str
    href: str


class EntrySide(Answer):
    """Where a section's drive began: the other half of what was measured."""

    camera: str
    at: datetime
    plate: Plate | None = Field(default=None, description="As read there; None where it is not shown to you.")
    moments: list[dict[str, JsonValue]] = Field(default_factory=list, description="Of files `entry/...`.")
    clock: dict[str, JsonValue] = Field(default_factory=dict)
    calibration: dict[str, JsonValue] = Field(default_factory=dict)

    @classmethod
    def of(cls, side: Any, person: Person) -> Self | None:
        """As a person sees it; None where the event has none."""
        if not isinstance(side, dict):
            return None
        read = side.get("plate") if person.sees_plates else None
        return cls.model_validate(side | {"plate": _read(read or {})})


class ViolationDetail(ViolationRow):
    """One violation with all that is known of it."""

    rule_version: str = ""
    parameters: dict[str, JsonValue] = Field(
        default_factory=dict, description="What the site file states of the rule."
    )
    profile: str = ""
    clock: dict[str, JsonValue] = Field(default_factory=dict)
    calibration: dict[str, JsonValue] = Field(default_factory=dict)
    position_m: list[float] | None = None
    trace: list[list[float]] = Field(default_factory=list)
    moments: list[dict[str, JsonValue]] = Field(default_factory=list)
    exemptions: list[str] = Field(default_factory=list)
    detector: dict[str, JsonValue] | None = None
    evidence: list[EvidenceFile] = Field(default_factory=list)
    entry: EntrySide | None = Field(default=None, description="Of a section speed.")
    doubts: list[str] = Field(default_factory=list, description="Why a person must look, in words.")
    missing: list[str] = Field(
        default_factory=list,
        description="What its package lacks of what the law asks: it cannot be confirmed.",
    )
    problems: list[str] = Field(default_factory=list, description="What its package lacks, in words.")
    decisions: list[Decision] = Field(default_factory=list, description="Oldest first; the last one holds.")
    steps: list[Action] = Field(default_factory=list, description="What you may do with it now.")


class ViolationPage(Answer):
    """Violations, newest capture first; ``next`` is the cursor of the page after this one, None on the last."""

    items: list[ViolationRow]
    next: str | None = None


def detail_of(entry: Entry, decisions: list[Decision], person: Person, base: str) -> ViolationDetail:
    """One violation as a person sees it; ``base`` is the address of its files."""
    case, data = entry.case, entry.event.data
    stored: dict[str, Any] = dict(entry.evidence.data) if entry.evidence is not None else {}
    shown = decisions if person.sees_plates else [d.model_copy(update={"plate": ""}) for d in decisions]
    names = [str(name) for name in stored.get("files", ())]
    return ViolationDetail(
        **_row(entry, case, person),
        **{k: data[k] for k in _WHOLE if k in data},
        entry=EntrySide.of(data.get("entry"), person),
        exemptions=list(case.lists),
        detector=stored.get("detector"),
        evidence=[EvidenceFile(name=n, href=f"{base}/{n}") for n in names if person.sees_plates],
        missing=list(case.missing),
        problems=[str(p) for p in stored.get("problems", ())],
        decisions=shown,
        steps=possible(case.state, person, holder_of(case)),
    )


_WHOLE = (
    "rule_version",
    "parameters",
    "profile",
    "clock",
    "calibration",
    "position_m",
    "trace",
    "moments",
    "doubts",
)


def _row(entry: Entry, case: Case, person: Person) -> dict[str, Any]:
    event, data = entry.event, entry.event.data
    measured: Any = data.get("measured") or {}
    threshold: Any = data.get("threshold") or {}
    rule = str(data.get("rule", ""))
    return {
        "id": event.id, "type": event.type, "captured_at": event.time, "district": event.subject,
        "camera": event.camera_id, "rule": rule, "article": data.get("article", ""), "vehicle": data.get("cls", ""),
        "state": case.state, "severity": severity(rule, measured, threshold), "version": version_of(case),
        "measured": measured, "threshold": threshold, "has_evidence": entry.evidence is not None,
        "holder": holder_of(case), "plate": _plate(case) if person.sees_plates else None,
    }  # fmt: skip


def _plate(case: Case) -> Plate | None:
    said: dict[str, Any] = dict(case.read.data) if case.read is not None else {}
    if case.decision is not None and case.decision.plate:
        return Plate(text=case.decision.plate, by="person", confident=True, confidence=1.0)
    return _read(said | {"confident": bool(case.plate)})  # not if its reader was withdrawn


def _read(said: dict[str, Any]) -> Plate | None:
    """What a machine read."""
    known = ("text", "confidence", "country", "confident")
    return Plate.model_validate({k: said[k] for k in known if k in said}) if said.get("text") else None
