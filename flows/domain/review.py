"""What a violation may become, by whose hand: the one notion of its state, and its pure transitions.

A machine finds (``undecided``, ``held_stale_exemptions``, ``needs_review``, ``stands``, ``dismissed``); people carry
on from there. ``detected`` is what people call those that wait for a reviewer: ``stands`` and ``needs_review``::

    detected -> in_review -> confirmed | rejected
    confirmed -> issued -> appealed -> upheld | cancelled
    issued, upheld, cancelled -> closed

Every step is a decision (``dome.decision.v1``) with the next number. The number is the violation's version: of two
decisions with one number the store keeps the first, so two people cannot both decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from flows.domain.errors import DomeError
from flows.domain.people import Person, Role

MachineState = Literal["stands", "dismissed", "undecided", "held_stale_exemptions", "needs_review"]
State = Literal[
    "stands", "dismissed", "undecided", "held_stale_exemptions", "needs_review",
    "in_review", "confirmed", "rejected", "issued", "appealed", "upheld", "cancelled", "closed",
]  # fmt: skip
STATES: Final[tuple[State, ...]] = get_args(State)
MACHINE_STATES: Final[frozenset[str]] = frozenset(get_args(MachineState))
DETECTED: Final[tuple[State, ...]] = ("stands", "needs_review")
"""What waits for a reviewer."""
UNCONFIRMED: Final[tuple[State, ...]] = (
    "stands", "needs_review", "undecided", "held_stale_exemptions", "dismissed", "rejected",
)  # fmt: skip
"""Nobody has confirmed these, and nobody is about to."""
IN_HAND: Final = tuple(state for state in STATES if state not in UNCONFIRMED)
"""Somebody has these in review, or somebody has confirmed them."""
UNDER_APPEAL: Final[tuple[State, ...]] = ("appealed",)
"""Somebody else has yet to decide on these, and needs all that is kept of them."""
Action = Literal[
    "claim", "release", "confirm", "reject", "issue", "appeal", "uphold", "cancel", "close"
]  # fmt: skip
Export = Literal["", "issue", "withdraw"]
"""What the electronic proceedings are told of a decision."""

ReviewReason = Literal[
    "claimed", "released", "lease_over", "as_measured", "plate_corrected",
    "not_visible", "wrong_plate", "wrong_vehicle", "no_violation", "emergency", "poor_evidence", "duplicate",
    "issued", "appealed", "appeal_refused", "appeal_granted", "paid", "lapsed", "mass_correction", "other",
]  # fmt: skip


class StepRefused(DomeError):
    """A step that the violation's state, or its holder, does not allow."""

    code = "step"


class NotTheirs(DomeError):
    """A step that this person's roles do not allow."""


@dataclass(frozen=True, slots=True)
class Step:
    """One way on.

    Attributes:
        sources: States that it leads from.
        to: The state that it leads to.
        roles: Who may take it.
        reasons: What may be given as its reason; the first one where none is given, so that it states nothing but the
            step itself.
        export: What the electronic proceedings are told.
    """

    sources: frozenset[State]
    to: State
    roles: frozenset[Role]
    reasons: tuple[ReviewReason, ...]
    export: Export = ""


def _step(sources: str, to: State, roles: str, *reasons: ReviewReason, export: Export = "") -> Step:
    return Step(frozenset(sources.split()), to, frozenset(roles.split()), reasons, export)  # type: ignore[arg-type]


STEPS: Final[Mapping[Action, Step]] = {
    "claim": _step("stands needs_review", "in_review", "reviewer", "claimed"),
    # Back to where it came from: what it was before stands in the claiming decision.
    "release": _step("in_review", "needs_review", "reviewer", "released", "lease_over"),
    "confirm": _step("in_review", "confirmed", "reviewer", "as_measured", "plate_corrected"),
    "reject": _step(
        "in_review", "rejected", "reviewer", "other", "no_violation", "not_visible", "wrong_plate", "wrong_vehicle",
        "emergency", "poor_evidence", "duplicate",
    ),
    "issue": _step("confirmed", "issued", "authoriser", "issued", export="issue"),
    "appeal": _step("issued", "appealed", "operator authoriser", "appealed"),
    "uphold": _step("appealed", "upheld", "authoriser", "appeal_refused"),
    "cancel": _step("issued appealed", "cancelled", "authoriser", "other", "appeal_granted", export="withdraw"),
    "close": _step("issued upheld cancelled", "closed", "operator authoriser", "other", "paid", "lapsed"),
}  # fmt: skip
"""Who confirms does not issue: two people look at a case before a driver hears of it."""


def take(action: Action, state: State, person: Person, *, holder: str = "", before: str = "") -> State:
    """The state that a step leads to.

    Args:
        action: The step.
        state: What the violation is now.
        person: Who takes it.
        holder: Who claimed it, while it is in review.
        before: What it was before it was claimed.

    Raises:
        NotTheirs: If none of the person's roles allows the step.
        StepRefused: If it does not lead from that state, or somebody else has claimed the violation.
    """
    step = STEPS[action]
    if not person.has(*step.roles):
        roles = " or ".join(sorted(step.roles))
        raise NotTheirs(
            f"{action}: expected the role {roles}, got {', '.join(sorted(person.roles)) or 'none'}"
        )
    if state not in step.sources:
        raise StepRefused(
            f"{action}: expected a violation {' or '.join(sorted(step.sources))}, got one {state}"
        )
    if state == "in_review" and holder != person.sub:
        told = f"{action}: {holder or 'somebody else'} is reviewing it; wait, or take another"
        raise StepRefused(told, code="held")
    return before if action == "release" and before in DETECTED else step.to  # type: ignore[return-value]


def possible(state: State, person: Person, holder: str = "") -> list[Action]:
    """The steps that a person may take now.

    >>> possible("confirmed", Person(sub="a", roles=frozenset({"authoriser"})))
    ['issue']
    """
    mine = state != "in_review" or holder == person.sub
    return [name for name, s in STEPS.items() if mine and state in s.sources and person.has(*s.roles)]


def corrected(state: State, found: MachineState) -> tuple[State, Export]:
    """What a mass correction makes of a violation that people have worked on, and what the proceedings hear.

    What proved wrong is taken back however far it went; what a person decided otherwise stays as it is.

    >>> corrected("issued", "dismissed"), corrected("confirmed", "needs_review"), corrected("issued", "stands")
    (('cancelled', 'withdraw'), ('needs_review', ''), ('issued', ''))
    """
    if state in MACHINE_STATES or state == "in_review":
        return found, ""
    if state in ("rejected", "cancelled"):
        return state, ""
    if found == "dismissed":
        return ("dismissed", "") if state == "confirmed" else ("cancelled", "withdraw")
    return (found, "") if state == "confirmed" and found != "stands" else (state, "")


_SEVERITY: Final = {
    "wrong_way": 9,
    "failure_to_yield": 8,
    "red_light": 8,
    "solid_line": 5,
    "prohibited_turn": 4,
    "stop_line": 3,
    "bus_lane": 3,
    "prohibited_stopping": 2,
}
"""By how likely it is that somebody is hurt; a rule that is not named is in the middle."""
_EXCESS_KMH: Final = ((60.0, 9), (40.0, 8), (20.0, 6), (10.0, 4))
"""The bands in which both codes raise the penalty."""


def severity(rule: str, measured: Mapping[str, Any], threshold: Mapping[str, Any]) -> int:
    """How much a violation presses, 1 to 9: the review queue's first key.

    >>> severity("speeding", {"speed": {"low": 101.0}}, {"limit_kmh": 60.0}), severity("bus_lane", {}, {})
    (8, 3)
    """
    speed, limit_kmh = measured.get("speed"), threshold.get("limit_kmh")
    low = speed.get("low") if isinstance(speed, Mapping) else None
    if isinstance(low, int | float) and isinstance(limit_kmh, int | float):
        return next((value for excess, value in _EXCESS_KMH if low - limit_kmh >= excess), 3)
    return _SEVERITY.get(rule, 5)
