"""A person's step on a violation, as its next decision. Pure logic; :mod:`flows.domain.review` says who may."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from flows.casework.adjudication import READER, Case, Decision, judge, lacking
from flows.casework.exemptions import ExemptionList
from flows.domain.errors import FieldError
from flows.domain.events import DECISION, Event
from flows.domain.people import Person
from flows.domain.platetext import normal_plate
from flows.domain.review import DETECTED, STEPS, Action, ReviewReason, State, StepRefused, take


def version_of(case: Case) -> int:
    """The number of the decision that holds; 0 where there is none. The next step must name it."""
    return case.decision.number if case.decision is not None else 0


def holder_of(case: Case) -> str:
    """Who is reviewing it; empty if nobody is."""
    held = case.decision
    return held.by if held is not None and held.state == "in_review" else ""


def step(
    case: Case,
    action: Action,
    person: Person,
    at: datetime,
    *,
    reason: ReviewReason | None = None,
    detail: str = "",
    plate: str = "",
    lists: Mapping[str, ExemptionList] | None = None,
) -> Event:
    """The decision that a person's step makes.

    Args:
        case: The violation as it is now.
        action: The step.
        person: Who takes it.
        at: Now.
        reason: Why; by default one that states no more than the step.
        detail: Why, in their words.
        plate: What they read on the vehicle, where the machine read nothing or something else.
        lists: The lists of exempt plates in force; needed to confirm and to issue.

    Raises:
        NotTheirs: If the person may not.
        StepRefused: If the violation is not in a state for it, or its plate is exempt, unknown or not yet
            checked against a fresh list, or is not the one by which the two cameras of a section were paired; or, to
            confirm it, if its package is not stored (yet), or lacks what the law asks.
        FieldError: If the reason does not belong to the step, or a plate to nothing.
    """
    state = take(action, case.state, person, holder=holder_of(case), before=_before(case))
    why = _reason(action, reason, plate)
    held = case.decision
    if action == "issue" and held is not None and held.by == person.sub:
        raise StepRefused(f"issue: {person.sub} confirmed it; expected another person", code="four_eyes")
    if action == "confirm" and case.violation.data.get("evidence"):
        _require_package(case)
    decision = _next(case, action, state, why, person.sub, at).model_copy(update={"detail": detail})
    if plate:
        decision = decision.model_copy(update={"plate": normal_plate(plate)})
    if action in ("confirm", "issue"):
        decision = _checked(case, decision, lists or {})
    return _event(case, decision)


def is_repeated(
    case: Case,
    version: int,
    action: Action,
    person: Person,
    *,
    reason: ReviewReason | None = None,
    detail: str = "",
    plate: str = "",
) -> bool:
    """Whether the decision that holds is this very step, whose answer got lost; arguments as of :func:`step`.

    Raises:
        FieldError: See :func:`step`.
    """
    held = case.decision
    if held is None or (held.number, held.by, held.step) != (version + 1, person.sub, action):
        return False
    why = _reason(action, reason, plate)
    return (held.reason, held.detail) == (why, detail) and (not plate or held.plate == normal_plate(plate))


def has_package(case: Case) -> bool:
    """Of a section speed packages are told though none could be read: of no files then."""
    return case.evidence is not None and bool(case.evidence.data.get("files"))


def lease_over(case: Case, at: datetime) -> Event:
    """The decision that gives a violation back whose reviewer has gone away."""
    state = _before(case) if _before(case) in DETECTED else "needs_review"
    return _event(case, _next(case, "release", state, "lease_over", "machine", at))  # type: ignore[arg-type]


def _require_package(case: Case) -> None:
    """Raises StepRefused if there is no package, or it lacks what the law asks of one."""
    if not has_package(case):
        told = "confirm: expected its evidence package to be stored, got none; wait for it, or reject it"
        raise StepRefused(told, code="no_package")
    if case.missing:
        lacks = lacking(case.missing)
        told = f"confirm: expected an evidence package with all that the law asks, got one without {lacks}; reject it"
        raise StepRefused(told, code="incomplete")


def _before(case: Case) -> str:
    held = case.decision
    return held.previous.get("state", "") if held is not None and held.previous else ""


def _next(case: Case, action: Action, state: State, reason: ReviewReason, by: str, at: datetime) -> Decision:
    held, data = case.decision, case.violation.data
    return Decision(
        violation=case.violation.id,
        state=state,
        reason=reason,
        number=version_of(case) + 1,
        rule=str(data.get("rule", "")),
        rule_version=str(data.get("rule_version", "")),
        profile=str(data.get("profile", "")),
        decided_at=at,
        by=by,
        step=action,
        withdrawn=held.withdrawn if held is not None else "",
        previous={"state": case.state, "reason": held.reason if held is not None else ""},
        plate=held.plate if held is not None else "",
        export=STEPS[action].export,
    )


def _event(case: Case, decision: Decision) -> Event:
    return Event.of(
        DECISION,
        camera_id=case.violation.camera_id,
        district=case.violation.subject,
        at=case.violation.time,
        data=decision.model_dump(mode="json"),
        key=(case.violation.id, decision.number, decision.state, decision.reason, decision.by),
    )


def _reason(action: Action, reason: ReviewReason | None, plate: str) -> ReviewReason:
    if plate and action != "confirm":
        raise FieldError("plate", "none: a plate is corrected by confirming", repr(plate))
    if plate and normal_plate(plate) == "":
        raise FieldError("plate", "letters and digits", repr(plate))
    known = STEPS[action].reasons
    found = reason or ("plate_corrected" if plate else known[0])
    if found not in known:
        raise FieldError("reason", f"one of {', '.join(known)} for {action}", repr(found))
    return found


def _checked(case: Case, decision: Decision, lists: Mapping[str, ExemptionList]) -> Decision:
    """Held against the lists once more, with the plate that a person read: a list may have come meanwhile."""
    probe = Case(case.violation, case.evidence, case.read, decision)
    if decision.withdrawn and not decision.withdrawn.startswith(READER):
        raise StepRefused(f"{decision.withdrawn} was withdrawn; reject it", code="withdrawn")
    if not probe.plate:
        told = "its plate is unread; confirm it with the plate that you read, or reject it"
        raise StepRefused(told, code="plate_unread")
    paired = _paired_by(case)
    if paired and paired != {normal_plate(probe.plate)}:
        told = (
            f"expected the plate by which both cameras were paired, {' and '.join(sorted(paired)) or 'unknown'}, "
            f"got {probe.plate}: another vehicle's time is no measurement of this one; reject it (wrong_plate)"
        )
        raise StepRefused(told, code="wrong_plate")
    finding = judge(probe, lists)
    if finding.state in ("dismissed", "held_stale_exemptions"):
        raise StepRefused(f"{finding.detail}; reject it, or wait for a fresh list", code="exempt")
    return decision.model_copy(update={"lists": finding.lists})


def _paired_by(case: Case) -> set[str]:
    """What the cameras of a section read; empty for every other rule, which saw one vehicle at one camera.

    Who reads another plate at the exit has not corrected a plate: that vehicle's time from the entry is unknown.
    """
    data = case.violation.data
    if data.get("rule") != "section_speed":
        return set()
    plates = [
        side.get("plate") for side in (data.get("entry"), data.get("exit")) if isinstance(side, Mapping)
    ]
    return {normal_plate(str(plate.get("text") or "")) for plate in plates if isinstance(plate, Mapping)} or {
        ""
    }
