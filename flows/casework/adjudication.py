"""What becomes of a violation: it stands, is dismissed, waits for a fresh list, or needs a person. Pure logic.

A violation that depends on no list needs no decision: it is what its ``state`` says. One that does is decided
when its plate is known (``dome.plate.read.v1``) and the lists that it names are fresh; one whose package lacks what
the law asks needs a person. *Fresh* means
issued no earlier than the profile's ``exemptions_max_age_h`` before the violation was captured: whether a
decision is made at once or a month later, the same lists give the same decision.

Every decision is an event, and so is every later one on the same violation; none is ever changed. The one
with the highest ``number`` holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from flows.casework.exemptions import ExemptionList
from flows.domain.events import DECISION, Event
from flows.domain.review import MACHINE_STATES, Export, MachineState, ReviewReason, State, corrected

Reason = Literal[
    "not_exempt", "exempt", "near_exempt", "stale_list", "plate_unread", "law_asks_review", "lists_unnamed",
    "withdrawn", "independent", "duplicate", "incomplete",
]  # fmt: skip
"""``near_exempt``: it would be exempt if letters that look alike were misread; ``lists_unnamed``: it is on none of the
lists that happen to be loaded, and nobody said which there must be; ``independent``: it depends on no list;
``duplicate``: another violation tells of the same deed, and has a package;
``incomplete``: its package lacks what the law asks."""
EVERY: Final = "*"
"""Instead of a list's name: all there are."""
LACKS: Final = {
    "pictures": "pictures",
    "clip": "a clip",
    "clip_short": "a clip of the required length",
    "entry_package": "the package of the section's entry",
    "exit_package": "the package of the section's exit",
}
"""What a package may lack of what the law asks, in words."""
READER: Final = "reader:"
"""Before the name of a withdrawn plate reader: what was measured holds, but nobody knows whose it is."""


class ListRef(BaseModel):
    """A list as a decision names it.

    Attributes:
        name: The list.
        issued_at: When it was issued; None if there is no such list.
        sha256: Of what it says.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    issued_at: AwareDatetime | None = None
    sha256: str = ""


class Decision(BaseModel):
    """The payload (``data``) of a ``dome.decision.v1`` event.

    Attributes:
        violation: The violation's id.
        state: What becomes of it.
        reason: Why, as a word to count by.
        detail: Why, in words.
        lists: The lists it rests on, with their dates.
        number: 1 for the first decision on this violation; the highest holds.
        rule: The rule's kind.
        rule_version: Version of the rule's definition.
        profile: The jurisdiction profile, ``name@version``.
        decided_at: When.
        by: Who decided.
        withdrawn: What it rested on and does no more (``calibration:ID``, ``reader:NAME``); holds for all later
            decisions.
        readjudication: The reason that a person gave for deciding again; empty for a first decision.
        previous: State and reason of the decision before.
        step: The step that a person took (``confirm`` ...); empty for a machine's decision.
        plate: What a person read on the vehicle instead of the machine; holds for all later decisions.
        export: What the electronic proceedings are told of it.
    """

    model_config = ConfigDict(frozen=True)

    violation: str
    state: State
    reason: Reason | ReviewReason
    detail: str = ""
    lists: tuple[ListRef, ...] = ()
    number: int = 1
    rule: str = ""
    rule_version: str = ""
    profile: str = ""
    decided_at: AwareDatetime
    by: str = "machine"
    withdrawn: str = ""
    readjudication: str = ""
    previous: dict[str, str] | None = None
    step: str = ""
    plate: str = ""
    export: Export = ""


@dataclass(frozen=True, slots=True)
class Case:
    """A violation with all that is known of it.

    Attributes:
        violation: The event.
        evidence: The event of its package, once there is one.
        read: The event of its plate, once it was read or could not be.
        decision: The decision that holds, if any.
    """

    violation: Event
    evidence: Event | None = None
    read: Event | None = None
    decision: Decision | None = None

    @property
    def lists(self) -> tuple[str, ...]:
        """Lists that it depends on."""
        return tuple(self.violation.data.get("exemptions") or ())  # type: ignore[arg-type]

    @property
    def max_age_h(self) -> float | None:
        """How old a list may be before it."""
        value = self.violation.data.get("exemptions_max_age_h")
        return value if isinstance(value, int | float) else None

    @property
    def state(self) -> State:
        """What it is now."""
        if self.decision is not None:
            return self.decision.state
        return self.violation.data.get("state", "stands")  # type: ignore[return-value]

    @property
    def missing(self) -> tuple[str, ...]:
        """What its package lacks of what the law asks; nothing where nobody checked (``law``) or there is none yet."""
        said = _inside(self.evidence.data, "completeness") if self.evidence is not None else None
        return tuple(name for name in _inside(said, "missing") or () if name != "law")

    @property
    def plate(self) -> str:
        """Its plate: a person's reading, else a machine's that was sure and not withdrawn; empty if none is known."""
        if self.decision is not None and self.decision.plate:
            return self.decision.plate
        withdrawn = self.decision is not None and self.decision.withdrawn.startswith(READER)
        said = self.read.data if self.read is not None and not withdrawn else {}
        text = said.get("text")
        return text if isinstance(text, str) and said.get("confident") is True else ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a case amounts to."""

    state: MachineState
    reason: Reason
    detail: str = ""
    lists: tuple[ListRef, ...] = ()
    withdrawn: str = ""


def judge(case: Case, lists: Mapping[str, ExemptionList], withdrawn: str = "") -> Finding:
    """Decides a case.

    Args:
        case: The violation; an unknown plate counts as unread.
        lists: All lists there are, by name.
        withdrawn: What the violation rests on and may no longer (``calibration:ID``); empty if nothing. Without its
            plate reader (``reader:NAME``) it needs a person who reads the plate, unless one has.
    """
    found = _judged(case, lists, withdrawn)
    if found.state == "stands" and case.missing:
        told = f"its package lacks {lacking(case.missing)}"
        return replace(found, state="needs_review", reason="incomplete", detail=told)
    return found


def _judged(case: Case, lists: Mapping[str, ExemptionList], withdrawn: str) -> Finding:
    if case.decision is not None and (case.state, case.decision.reason) == ("dismissed", "duplicate"):
        return Finding("dismissed", "duplicate", case.decision.detail, withdrawn=withdrawn)
    if withdrawn.startswith(READER):
        if case.decision is None or not case.decision.plate:
            name = withdrawn.removeprefix(READER)
            why = f"{name}, which read the plate, was withdrawn"
            return Finding("needs_review", "plate_unread", why, withdrawn=withdrawn)
    elif withdrawn:
        return Finding("dismissed", "withdrawn", f"{withdrawn} was withdrawn", withdrawn=withdrawn)
    if not case.lists:
        if case.violation.data.get("needs_review"):
            return Finding("needs_review", "law_asks_review")
        return Finding("stands", "independent")
    if not case.plate:
        return Finding("needs_review", "plate_unread", f"the plate is unread; ask {', '.join(case.lists)}")
    return _by_lists(case, _named(case.lists, lists))


def lacking(missing: Iterable[str]) -> str:
    """What a package lacks, in words; where nobody knows what the law asks (``law``), nothing.

    >>> lacking(["pictures", "clip_short"])
    'pictures, a clip of the required length'
    """
    return ", ".join(LACKS.get(name, name) for name in missing if name != "law")


def decision_event(
    case: Case, finding: Finding, decided_at: datetime | None = None, readjudication: str = ""
) -> Event:
    """A finding as the case's next decision. Equal findings on equal cases give equal ids."""
    before, violation = case.decision, case.violation
    state, export = corrected(case.state, finding.state)
    decision = Decision(
        violation=violation.id,
        state=state,
        reason=finding.reason,
        detail=finding.detail,
        lists=finding.lists,
        number=1 + (before.number if before is not None else 0),
        rule=str(violation.data.get("rule", "")),
        rule_version=str(violation.data.get("rule_version", "")),
        profile=str(violation.data.get("profile", "")),
        decided_at=decided_at or datetime.now(UTC),
        withdrawn=finding.withdrawn,
        readjudication=readjudication,
        previous={"state": case.state, "reason": before.reason if before is not None else ""},
        plate=before.plate if before is not None else "",
        export=export,
    )
    basis = [f"{ref.name}@{ref.sha256}" for ref in finding.lists]
    return Event.of(
        DECISION,
        camera_id=violation.camera_id,
        district=violation.subject,
        at=violation.time,
        data=decision.model_dump(mode="json"),
        key=(violation.id, decision.number, state, finding.reason, readjudication, *basis),
    )


def decided_so(case: Case, finding: Finding) -> bool:
    """Whether the decision that holds says the same, on the same grounds; a person's, whether it stays as it is."""
    held = case.decision
    if case.state not in MACHINE_STATES:
        return corrected(case.state, finding.state)[0] == case.state
    return held is not None and (held.state, held.reason, held.lists, held.withdrawn) == (
        finding.state,
        finding.reason,
        finding.lists,
        finding.withdrawn,
    )


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What proved wrong later, beside lists: the violations that rest on it are dismissed, or need a person.

    Attributes:
        calibrations: Ids of surveys.
        models: Detectors and other networks, ``NAME`` or ``NAME@SHA256`` (its beginning will do); of the plate reader
            ``plates.PART``, or ``plates`` for all parts: what they read is unread.
        rules: Rules, ``KIND`` or ``KIND@VERSION``.
    """

    calibrations: Sequence[str] = field(default=())
    models: Sequence[str] = field(default=())
    rules: Sequence[str] = field(default=())

    def __bool__(self) -> bool:
        return bool(self.calibrations or self.models or self.rules)

    def grounds(self, case: Case) -> str:
        """What of it the case rests on, ``kind:name``; empty if nothing."""
        data = case.violation.data
        sides = [data, data.get("entry"), data.get("exit")]
        surveys = {str(_inside(_inside(side, "calibration"), "id") or "") for side in sides}
        for name in self.calibrations:
            if name in surveys:
                return f"calibration:{name}"
        for name in self.models:
            if any(_is_version(name, part, digest) for part, digest in _models(case)):
                return f"model:{name}"
        for name in self.rules:
            if any(
                _is_version(name, data.get("rule"), _inside(side, "rule_version"), whole=True)
                for side in sides
            ):
                return f"rule:{name}"
        plates = [
            case.read.data if case.read is not None else {},
            *(_inside(side, "plate") for side in sides),
        ]
        read = [each for plate in plates for each in _mapping(_inside(plate, "versions")).items()]
        for name in self.models:
            parts = [(part, digest) for key, digest in read for part in ("plates", f"plates.{key}")]
            if any(_is_version(name, part, digest) for part, digest in parts):
                return f"{READER}{name}"
        return ""


def waits_for(case: Case, lists: Mapping[str, ExemptionList]) -> list[str]:
    """Lists on which it depends and which decide nothing on it: too old, removed or never loaded."""
    return _stale(case, _named(case.lists, lists))


def _by_lists(case: Case, lists: Mapping[str, ExemptionList | None]) -> Finding:
    at, refs = case.violation.time, tuple(_ref(name, held) for name, held in lists.items())
    stale = _stale(case, lists)
    for name, held in lists.items():
        if held is None or (name in stale and not held.removed):
            continue
        entry = held.exempting(case.plate, at)
        if entry is not None:
            why = f": {entry.reason}" if entry.reason else ""
            return Finding("dismissed", "exempt", f"exempt on {name}{why}", (_ref(name, held),))
    if stale or all(held is not None and held.removed for held in lists.values()):
        return Finding("held_stale_exemptions", "stale_list", _why_stale(case, stale, lists), refs)
    near = next((name for name, held in lists.items() if held and held.near(case.plate, at)), None)
    if near is not None:
        return Finding("needs_review", "near_exempt", f"a plate on {near} looks alike", refs)
    if case.violation.data.get("needs_review"):
        return Finding("needs_review", "law_asks_review", "on no list", refs)
    if EVERY in case.lists:
        return Finding("needs_review", "lists_unnamed", "on none of the lists that are loaded", refs)
    return Finding("stands", "not_exempt", "on no list", refs)


def _stale(case: Case, lists: Mapping[str, ExemptionList | None]) -> list[str]:
    """A list that was removed is waited for where the site file names it; where all are asked, nobody counts on it."""
    at = case.violation.time
    return [
        name
        for name, held in lists.items()
        if held is None or (name in case.lists if held.removed else not held.fresh_for(at, case.max_age_h))
    ]


def _why_stale(case: Case, stale: Sequence[str], lists: Mapping[str, ExemptionList | None]) -> str:
    if not stale:
        return "no list of exempt plates is in force"
    said = []
    for name in stale:
        held = lists[name]
        if held is None:
            said.append(f"{name} was never loaded")
        elif held.removed:
            said.append(f"{name} was removed")
        else:
            age_h = (case.violation.time - held.issued_at).total_seconds() / 3600
            said.append(f"{name} was issued {age_h:.1f} h before, {case.max_age_h:g} h are allowed")
    return "; ".join(said)


def _named(names: Sequence[str], lists: Mapping[str, ExemptionList]) -> dict[str, ExemptionList | None]:
    wanted = set(names) - {EVERY} | (set(lists) if EVERY in names else set())
    return {name: lists.get(name) for name in sorted(wanted)}


def _ref(name: str, held: ExemptionList | None) -> ListRef:
    return ListRef(name=name) if held is None else ListRef(
        name=name, issued_at=held.issued_at, sha256=held.digest
    )  # fmt: skip


def _models(case: Case) -> list[tuple[object, object]]:
    """The networks that it rests on, name and hash: its detectors, of a section both cameras', and those that the
    violation itself names."""
    told = case.evidence.data if case.evidence is not None else {}
    detectors = [_inside(told, key) for key in ("detector", "entry_detector")]
    own = _mapping(case.violation.data.get("models"))
    return [*((_inside(each, "name"), _inside(each, "sha256")) for each in detectors), *own.items()]


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}


def _inside(data: Any, key: str) -> Any:
    return data.get(key) if isinstance(data, Mapping) else None


def _is_version(wanted: str, name: object, version: object, whole: bool = False) -> bool:
    wanted_name, at, wanted_version = wanted.partition("@")
    if wanted_name != name:
        return False
    return not at or (version == wanted_version if whole else str(version).startswith(wanted_version))
