"""Decisions that are made again, while people go on deciding."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from violations import AT, package, permits, plate, violation

from flows.casework.adjudication import Withdrawal
from flows.desks import docket
from flows.desks.docket import Docket, correct
from flows.domain.events import Event
from flows.domain.people import Person
from flows.domain.review import Action, State
from flows.store.exemptions import ExemptionsStore
from flows.store.lines import Line
from flows.store.results import ResultsStore, WriteReport
from flows.store.review import Reviews
from flows.store.violations import ViolationsStore

DANA = Person(sub="dana", roles=frozenset({"reviewer"}))


class NoLists:
    def lists(self) -> dict[str, object]:
        return {}


class Busy(ResultsStore):
    """A reviewer takes a step at the very moment at which a correction is written."""

    def __init__(self, url: str, about: str, *steps: Action) -> None:
        super().__init__(url)
        self._about, self._steps = about, list(steps)
        self.reviews = Reviews(ResultsStore(url), ViolationsStore(url), NoLists())  # type: ignore[arg-type]

    def write(self, events: Sequence[Event]) -> WriteReport:  # type: ignore[override]
        if self._steps:
            held = self.event(self._about)
            assert held is not None
            number = held.case.decision.number if held.case.decision is not None else 0
            self.reviews.decide(held, number, self._steps.pop(0), DANA, AT)
        return super().write(events)


@pytest.mark.parametrize(
    ("steps", "was"),
    [((), "stands"), (("claim",), "in_review"), (("claim", "confirm"), "confirmed")],
)
def test_a_correction_holds_whatever_a_reviewer_decides_meanwhile(
    redis_url: str, steps: tuple[Action, ...], was: State
) -> None:
    made, other = violation(exemptions=(), state="stands"), violation(1, exemptions=(), state="stands")
    ResultsStore(redis_url).write([made, plate(made), other])
    store = Busy(redis_url, made.id, *steps)
    entries = store.violations(AT, AT + timedelta(hours=1))
    withdrawal = Withdrawal(calibrations=("survey-7",))
    changes = correct(store, entries, {}, "the survey was wrong", withdrawal, AT)
    assert {c.case.violation.id: (c.case.state, c.state) for c in changes} == {
        made.id: (was, "dismissed"),
        other.id: ("stands", "dismissed"),
    }
    held = store.event(made.id)
    assert held is not None
    assert held.case.decision is not None
    assert (held.case.state, held.case.decision.withdrawn) == ("dismissed", "calibration:survey-7")
    assert len(store.decisions(made.id)) == len(steps) + 1


def test_what_a_reviewer_rejects_meanwhile_stays_rejected_and_is_told_so(redis_url: str) -> None:
    made = violation(exemptions=(), state="stands")
    ResultsStore(redis_url).write([made])
    store = Busy(redis_url, made.id, "claim", "reject")
    entries = store.violations(AT, AT + timedelta(hours=1))
    (change,) = correct(store, entries, {}, "wrong", Withdrawal(calibrations=("survey-7",)), AT)
    assert (change.case.state, change.state, change.changed) == ("rejected", "rejected", False)


def test_a_fresh_list_reaches_whoever_waits_behind_many(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than one sweep looks at, and the oldest of them wait for another list that does not come."""
    monkeypatch.setattr(docket, "MOST", 2)
    store, lists = ResultsStore(redis_url), ExemptionsStore(redis_url)
    others = [violation(n, exemptions=("taxis",)) for n in range(3)]
    made = [violation(n) for n in range(3, 8)]
    store.write([*others, *made, *(plate(each) for each in (*others, *made))])
    desk = Docket(store, lists)
    while store.in_state("undecided"):
        store.write(desk.sweep())
    assert len(store.in_state("held_stale_exemptions")) == 8
    lists.put(permits(1))
    sweeps = 0
    while not desk.done or not sweeps:
        store.write(desk.sweep())
        sweeps += 1
    assert (store.in_state("stands"), sweeps) == ([each.id for each in made], 4)
    assert store.in_state("held_stale_exemptions") == [each.id for each in others]


@pytest.mark.parametrize(
    ("missing", "state"), [((), "stands"), (("law",), "stands"), (("clip",), "needs_review")]
)
def test_what_lacks_what_the_law_asks_of_a_package_needs_a_person(
    redis_url: str, missing: tuple[str, ...], state: State
) -> None:
    store, made = ResultsStore(redis_url), violation(exemptions=(), state="stands")
    desk = Docket(store, NoLists())  # type: ignore[arg-type]
    told = [made, plate(made), package(made, missing=missing)]
    for event in told:
        store.write([event])
        if desk.wants(Line.of(event)):
            store.write(desk.take(event))
    held = store.event(made.id)
    assert held is not None
    assert held.case.state == state
    assert desk.take(told[-1]) == [], "it is said once"
    if state == "needs_review":
        assert held.case.decision is not None
        assert (held.case.decision.reason, held.case.decision.detail) == (
            "incomplete",
            "its package lacks a clip",
        )
