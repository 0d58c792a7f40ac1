"""A step is taken once: sent again it is known, and another one from the same view is refused."""

from __future__ import annotations

from typing import Any

import pytest
from violations import AT, package, plate, violation

from flows.casework.adjudication import Decision
from flows.domain.people import Person
from flows.domain.review import Action, StepRefused
from flows.store.results import Entry, ResultsStore
from flows.store.review import Overtaken, Reviews
from flows.store.violations import ViolationsStore

DANA = Person(sub="dana", roles=frozenset({"reviewer"}))


class NoLists:
    def lists(self) -> dict[str, Any]:
        return {}


class House:
    """A violation that Dana looks at, as she saw it and as it is now."""

    def __init__(self, url: str, evidence: str = "") -> None:
        self.results = ResultsStore(url)
        self._reviews = Reviews(self.results, ViolationsStore(url), NoLists())  # type: ignore[arg-type]
        self._of = violation(exemptions=(), state="stands", evidence=evidence)
        self.results.write([self._of, plate(self._of)])
        self.seen = self._reviews.decide(self.now(), 0, "claim", DANA, AT)

    def now(self) -> Entry:
        held = self.results.event(self._of.id)
        assert held is not None
        return held

    def package(self, **told: Any) -> None:
        self.results.write([package(self._of, **told)])

    def decide(self, entry: Entry, action: Action, **said: Any) -> Decision:
        decision = self._reviews.decide(entry, 1, action, DANA, AT, **said).case.decision
        assert decision is not None
        return decision

    def confirm(self, entry: Entry, **said: Any) -> tuple[str, str, str]:
        decision = self.decide(entry, "confirm", **said)
        return decision.plate, decision.reason, decision.detail


@pytest.fixture
def house(redis_url: str) -> House:
    return House(redis_url)


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(
    ("first", "then"),
    [({"plate": "123ABC02"}, {"plate": "777XYZ02"}),
     ({}, {"plate": "777XYZ02"}),
     ({"plate": "777XYZ02"}, {}),
     ({"plate": "123ABC02", "reason": "plate_corrected"}, {"plate": "777XYZ02", "reason": "plate_corrected"}),
     ({}, {"detail": "the mirror hides a letter"})],
)  # fmt: skip
def test_a_corrected_confirmation_is_not_said_to_be_taken(
    house: House, first: dict[str, Any], then: dict[str, Any], at_once: bool
) -> None:
    held = house.confirm(house.seen, **first)
    with pytest.raises(Overtaken, match="confirmed by dana"):
        house.confirm(house.seen if at_once else house.now(), **then)
    assert house.confirm(house.now(), **first) == held


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("again", ["123ABC02", "123 abc 02"])
def test_a_confirmation_that_is_sent_again_is_known(house: House, again: str, at_once: bool) -> None:
    held = house.confirm(house.seen, plate="123ABC02", detail="read it twice")
    seen = house.seen if at_once else house.now()
    assert house.confirm(seen, plate=again, detail="read it twice") == held


def test_nobody_confirms_what_has_no_package(redis_url: str) -> None:
    house = House(redis_url, evidence="lane-1/2026-09-01/a")
    with pytest.raises(StepRefused, match="package") as refused:
        house.decide(house.now(), "confirm", plate="123ABC02")
    assert refused.value.code == "no_package"
    house.package()
    assert house.decide(house.now(), "confirm").state == "confirmed"


def test_nobody_confirms_what_has_a_package_that_nobody_can_read(redis_url: str) -> None:
    house = House(redis_url, evidence="lane-1/2026-09-01/a")
    house.package(files=())
    with pytest.raises(StepRefused, match="package"):
        house.decide(house.now(), "confirm", plate="123ABC02")
    assert house.decide(house.now(), "reject", reason="poor_evidence").state == "rejected"


def test_what_has_no_package_can_be_rejected(redis_url: str) -> None:
    house = House(redis_url, evidence="lane-1/2026-09-01/a")
    assert house.decide(house.now(), "reject", reason="poor_evidence").state == "rejected"
