"""What nobody confirmed goes when the law says so, with its package; what anybody holds or confirmed stays."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from retained import DAYS, FOLDER, House

from flows.domain.errors import StoreError
from flows.domain.review import IN_HAND, UNCONFIRMED, State
from flows.jurisdiction import RuleRetention, load_profile
from flows.results import retention_of
from flows.store import keys
from flows.store.evidence import KEEP
from flows.store.results import Entry
from flows.store.unconfirmed import UnconfirmedSweep

FOUND = ("stands", "needs_review", "undecided")


@pytest.mark.parametrize("state", UNCONFIRMED)
def test_what_a_machine_found_and_nobody_confirmed_goes_with_all_that_is_kept_of_it(
    house: House, state: State
) -> None:
    made = house.writes(state if state in FOUND else "undecided")
    if state not in FOUND:
        house.decides(made, state)
    assert house.after(29.9) == 0
    assert house.results.event(made.id) is not None
    assert house.has_package
    assert house.after(30.2) == 1
    assert house.results.events(count=100) == []
    assert not house.has_package
    left = [
        key.decode()
        for key in house.redis.keys("*")
        if key.decode() not in (keys.VIOLATIONS_DELETED, keys.VIOLATIONS_CAMERAS)
    ]
    held = [
        k
        for k in left
        if made.id in k or any(w in k for w in (":state:", ":violations:", ":review:", ":times:"))
    ]
    assert held == []
    assert house.deleted() == [made.id]
    assert house.sweeper.counts == {state: 1}


@pytest.mark.parametrize("state", IN_HAND)
def test_what_is_in_somebody_s_hands_or_was_confirmed_stays(house: House, state: State) -> None:
    made = house.writes()
    house.decides(made, state)
    assert house.after(300) == 0
    assert house.results.event(made.id) is not None
    assert house.has_package
    assert house.deleted() == []


def test_days_count_from_when_it_was_decided_on_last(house: House) -> None:
    """Confirmed, and sent back to reviewers by a mass correction after twenty days."""
    made = house.writes()
    house.decides(made, "confirmed", 1)
    house.decides(made, "needs_review", 2, after=20 * DAYS)
    assert house.after(49.9) == 0
    assert house.after(50.1) == 1
    assert house.results.events(count=100) == [], "nor are its decisions kept"


def test_days_count_from_when_it_was_written_whenever_that_was_on_record(house: House) -> None:
    made = house.writes(ago=100 * DAYS)
    assert house.after(29.9) == 0
    assert house.results.event(made.id) is not None
    assert house.after(30.1) == 1


@pytest.mark.parametrize("steps", [("in_review",), ("in_review", "stands")])
def test_a_step_that_somebody_takes_at_that_moment_wins(house: House, steps: tuple[State, ...]) -> None:
    made = house.writes()

    class Late:
        def entries(self, ids: Sequence[str]) -> list[Entry]:
            found = house.results.entries(ids)
            for number, state in enumerate(steps, 1):
                house.decides(made, state, number)
            return found

    house.sweeper = house.sweeper_of(Late())
    assert house.after(31) == 0
    assert house.has_package
    assert house.deleted() == []


def test_a_decision_on_what_was_deleted_meanwhile_is_not_written(house: House) -> None:
    """A reviewer who looked at it a moment before the sweep; half a record of it would stay for good."""
    made = house.writes()
    assert house.after(31) == 1
    before = house.redis.dbsize()
    assert not house.decides(made, "confirmed")
    assert house.redis.dbsize() == before
    assert house.results.in_state("confirmed") == []


def test_what_is_too_much_for_once_goes_bit_by_bit(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever deletes is whoever writes: events would wait for hours."""
    for n in range(3):
        house.writes(ago=n * DAYS)
    monkeypatch.setattr("flows.store.unconfirmed.BUSY_S", 0.0)
    assert [house.after(31) for _ in range(4)] == [1, 1, 1, 0]
    monkeypatch.undo()
    assert house.after(32) == 0
    assert not house.has_package


def test_a_package_that_cannot_be_removed_now_is_removed_later(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.writes()

    def away(folder: str, violation: str) -> bool:
        raise StoreError("the disk is away")

    with monkeypatch.context() as patch:
        patch.setattr(house.evidence, "discard", away)
        assert house.after(31) == 1
    assert house.has_package
    assert house.after(32) == 0
    assert not house.has_package


@pytest.mark.parametrize("owners", [("mine",), ("another",), ("mine", "another"), ("another", "mine")])
def test_a_passage_s_package_goes_with_the_last_violation_that_it_belongs_to(
    house: House, owners: tuple[str, ...]
) -> None:
    """Of two drives out of a section that began with one passage, one may be confirmed and the other not."""
    made = house.writes()
    for owner in owners:
        house.evidence.keep(FOLDER, made.id if owner == "mine" else owner)
    assert house.after(31) == 1
    assert house.has_package is ("another" in owners)
    if house.has_package:
        house.evidence.discard(FOLDER, "another")
        assert not house.has_package


def test_a_package_that_an_older_version_kept_is_another_violation_s_all_the_same(house: House) -> None:
    house.writes()
    house.evidence.put(FOLDER, KEEP, json.dumps({"violation": "another"}).encode())
    assert house.after(31) == 1
    assert house.has_package


def test_a_job_keeps_to_its_profile() -> None:
    profile = load_profile("kz")
    law = profile.retention
    assert retention_of(profile).unconfirmed_days == law.unconfirmed_days == 30
    assert retention_of(profile).rules == {}
    own = profile.law("bus_lane").model_copy(
        update={"retention": RuleRetention(violation_days=90, unconfirmed_days=5)}
    )
    other = profile.model_copy(update={"rules": profile.rules | {"bus_lane": own}})
    assert retention_of(other).rules == {"bus_lane": (90.0, 5.0)}


@pytest.mark.parametrize(("rule", "own_days", "days"), [
    ("bus_lane", 5.0, 5.0), ("bus_lane", 60.0, 60.0), ("red_light", 5.0, 30.0), ("red_light", 60.0, 30.0),
])  # fmt: skip
def test_a_rule_may_have_days_of_its_own(house: House, rule: str, own_days: float, days: float) -> None:
    house.writes()  # in the bus lane
    rules = {rule: own_days}
    house.sweeper = UnconfirmedSweep(
        house.url, house.results, 30.0, house.clock, lambda: house.steady_s, rules
    )
    assert (house.after(days - 0.1), house.after(days + 0.2)) == (0, 1)
