"""A reviewer's step on a violation: what may be confirmed, and with which plate."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sections import START, TERMS, passage
from violations import package, plate

from flows.casework.adjudication import Case, Decision
from flows.casework.review import step
from flows.casework.sections import SectionBook, violation_of
from flows.domain.events import Event
from flows.domain.people import Person
from flows.domain.review import StepRefused

DANA = Person(sub="dana", roles=frozenset({"reviewer"}))
OLGA = Person(sub="olga", roles=frozenset({"authoriser"}))
NOW = START + timedelta(hours=1)
READ = {"outcome": "read", "text": "123ABC02", "confident": True}


def section_speed(**plates: Any) -> Event:
    """A drive through a section, and what both cameras read."""
    book = SectionBook()
    book.take(passage("entry", 0))
    match = book.take(passage("exit", TERMS.length_m / 100 * 3.6))
    assert match is not None
    return violation_of(match, {"entry": READ, "exit": READ} | plates)


def taken(of: Event, text: str = "123ABC02") -> Case:
    """In Dana's hands."""
    case = Case(of, package(of), plate(of, text))
    return _after(case, step(case, "claim", DANA, NOW))


def _after(case: Case, made: Event) -> Case:
    return Case(case.violation, case.evidence, case.read, Decision.model_validate(made.data))


@pytest.mark.parametrize("typed", ["", "123ABC02", "123 abc 02"])
def test_a_section_s_time_is_confirmed_for_the_plate_that_paired_both_cameras(typed: str) -> None:
    made = step(taken(section_speed()), "confirm", DANA, NOW, plate=typed)
    assert made.data["state"] == "confirmed"


@pytest.mark.parametrize(
    "plates", [{}, {"entry": None}, {"entry": None, "exit": None}, {"exit": READ | {"text": "128ABC02"}}]
)
def test_nobody_puts_another_plate_on_a_section_s_time(plates: dict[str, Any]) -> None:
    case = taken(section_speed(**plates))
    with pytest.raises(StepRefused, match="paired") as refused:
        step(case, "confirm", DANA, NOW, plate="128ABC02")
    assert refused.value.code == "wrong_plate"
    assert step(case, "reject", DANA, NOW, reason="wrong_plate").data["state"] == "rejected"


def test_a_section_s_time_that_was_confirmed_for_another_plate_is_not_issued() -> None:
    case = taken(section_speed())
    confirmed = _after(case, step(case, "confirm", DANA, NOW))
    assert step(confirmed, "issue", OLGA, NOW).data["state"] == "issued"
    assert confirmed.decision is not None
    other = Case(
        case.violation, case.evidence, case.read, confirmed.decision.model_copy(update={"plate": "9"})
    )
    with pytest.raises(StepRefused, match="paired"):
        step(other, "issue", OLGA, NOW)


@pytest.mark.parametrize(
    ("missing", "said"),
    [("pictures", "pictures"), ("clip", "a clip"), ("clip_short", "length"), ("entry_package", "entry")],
)
def test_what_lacks_what_the_law_asks_of_a_package_is_not_confirmed(missing: str, said: str) -> None:
    violation = section_speed()
    held = Case(violation, package(violation, missing=(missing,)), plate(violation))
    case = _after(held, step(held, "claim", DANA, NOW))
    with pytest.raises(StepRefused, match=f"without .*{said};") as refused:
        step(case, "confirm", DANA, NOW)
    assert refused.value.code == "incomplete"
    assert step(case, "reject", DANA, NOW, reason="poor_evidence").data["state"] == "rejected"


def test_where_nobody_knows_the_law_the_reviewer_decides() -> None:
    violation = section_speed()
    held = Case(violation, package(violation, missing=("law",)), plate(violation))
    case = _after(held, step(held, "claim", DANA, NOW))
    assert step(case, "confirm", DANA, NOW).data["state"] == "confirmed"
