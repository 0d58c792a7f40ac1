"""What is no longer kept goes as a whole, with its package; what people work on does not go early."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from retained import DAYS, FOLDER, House
from violations import AT, package, plate, violation

from flows.domain.events import OBJECT_ABANDONED, Event
from flows.domain.review import IN_HAND, STATES, UNCONFIRMED, UNDER_APPEAL, State
from flows.store import keys
from flows.store.results import ResultsStore, Retention

YEAR = 365.0
FOUND = ("stands", "needs_review", "undecided")


def prune(house: House, days: float = 0.0, **kept: Any) -> ResultsStore:
    """Removes what is no longer kept after so many days, and its packages."""
    store = ResultsStore(house.url, retention=Retention(**{"keep_days": YEAR} | kept))
    store.prune((house.now + days * DAYS).timestamp(), batch=16)
    house.removals.sweep()
    store.close()
    return store


def in_state(house: House, state: State, **more: str) -> Event:
    made = house.writes(state if state in FOUND else "undecided", **more)
    if state not in FOUND:
        house.decides(made, state)
    return made


@pytest.mark.parametrize("state", [state for state in STATES if state not in UNDER_APPEAL])
def test_a_violation_s_package_goes_with_it_when_its_days_are_over(house: House, state: State) -> None:
    made = in_state(house, state)
    prune(house, YEAR - 0.1)
    assert house.has_package
    assert house.results.event(made.id) is not None
    store = prune(house, YEAR + 0.1)
    assert not house.has_package
    assert house.results.events(count=100) == [], "nor its plate, what is said of its package, its decisions"
    assert house.deleted() == [made.id]
    assert store.deleted == {state: 1}


@pytest.mark.parametrize("own_days", [90.0, 2 * YEAR])
def test_a_rule_may_have_days_of_its_own(house: House, own_days: float) -> None:
    """One in the bus lane, and around it in the store two of another rule, which go when all others do."""
    others = [violation(n, rule="red_light", exemptions=(), state="stands") for n in (1, 2)]
    others = [each.model_copy(update={"type": "dome.violation.red_light.v1"}) for each in others]
    house.results.write([others[0]])
    made = in_state(house, "confirmed")
    house.results.write([others[1]])
    rules = {"bus_lane": (own_days, 30.0)}
    prune(house, min(own_days, YEAR) - 0.1, rules=rules)
    assert house.deleted() == []
    prune(house, own_days - 0.1, rules=rules)
    early = own_days < YEAR
    assert house.deleted() == ([] if early else [each.id for each in others])
    assert house.has_package
    prune(house, own_days + 0.1, rules=rules)
    assert house.deleted() == ([made.id] if early else [*(each.id for each in others), made.id])
    assert not house.has_package


def test_what_is_kept_longer_holds_up_no_surplus_and_what_people_have_in_hand_stays(house: House) -> None:
    made = in_state(house, "confirmed")
    later = [house.writes(ago=n * DAYS, folder=f"lane-1/2026-09-01/{n}").id for n in range(4)]
    prune(house, 1.0, max_events=3, rules={"bus_lane": (2 * YEAR, 30.0)})
    assert house.deleted() == later[:2], "the oldest written, as without a rule's own days"
    assert house.results.event(made.id) is not None


@pytest.mark.parametrize("decided", ["upheld", "cancelled"])
def test_while_an_appeal_runs_nothing_of_it_goes(house: House, decided: State) -> None:
    made = in_state(house, "appealed")
    other = house.writes(ago=timedelta(), folder="lane-1/2026-09-01/b")
    prune(house, YEAR + 100.0, max_events=0)
    kept = house.results.event(made.id)
    assert house.has_package
    assert kept is not None
    assert kept.plate is not None
    assert [d.data["state"] for d in house.results.decisions(made.id)] == ["appealed"]
    assert house.deleted() == [other.id]
    house.decides(made, decided, number=2)
    prune(house, YEAR + 100.0)
    assert not house.has_package
    assert house.results.events(count=100) == []
    assert house.deleted() == [other.id, made.id]


def test_what_was_decided_on_a_short_while_ago_can_still_be_told_and_exported(house: House) -> None:
    made = in_state(house, "upheld")
    other = house.writes(ago=timedelta(), folder="lane-1/2026-09-01/b")
    prune(house, 29.9, keep_days=5.0)
    assert house.has_package
    assert house.deleted() == [other.id], "nobody decided on that one"
    prune(house, 30.1, keep_days=5.0)
    assert house.deleted() == [other.id, made.id]


def test_while_a_filing_waits_nothing_of_its_violation_goes(house: House) -> None:
    """An appeal was granted after a year, and the receiver is away: the driver would have to pay."""
    made = house.writes("undecided")
    house.decides(made, "cancelled", export="withdraw")
    prune(house, YEAR + 100.0)
    assert house.results.event(made.id) is not None
    assert house.has_package
    (key,) = house.redis.hkeys(keys.filings(made.id))
    house.redis.hset(keys.filings(made.id), key, json.dumps({"state": "delivered"}))
    prune(house, YEAR + 100.0)
    assert house.deleted() == [made.id]


def test_what_was_said_later_goes_with_its_violation(house: House) -> None:
    made = house.writes()
    house.decides(made, "confirmed")
    written = house.results.event(made.id)
    assert written is not None
    a_moment_later = written.written_at + timedelta(days=YEAR, milliseconds=1)
    prune(house, (a_moment_later - house.now) / DAYS)
    assert house.results.events() == []


@pytest.mark.parametrize("state", UNCONFIRMED)
def test_one_package_goes_with_the_violation_that_is_one_too_many(house: House, state: State) -> None:
    in_state(house, state)
    newer = house.writes(ago=timedelta(), folder="lane-1/2026-09-01/b")
    prune(house, max_events=3)
    assert not house.has_package
    assert (house.folder / "lane-1/2026-09-01/b").exists()
    assert house.results.events()[0].event.id == newer.id
    assert len(house.deleted()) == 1


@pytest.mark.parametrize("state", IN_HAND)
def test_what_people_have_in_their_hands_is_whole_however_much_comes_after_it(
    house: House, state: State
) -> None:
    made = in_state(house, state)
    for n in range(9):
        house.writes(ago=n * DAYS, folder=f"lane-1/2026-09-01/{n}")
    prune(house, max_events=6)
    kept = house.results.event(made.id)
    assert house.has_package
    assert kept is not None
    assert kept.evidence is not None
    assert kept.plate is not None
    assert [d.data["state"] for d in house.results.decisions(made.id)] == [state]
    assert made.id not in house.deleted()
    assert len(house.deleted()) == 6


def test_a_step_of_pruning_deletes_few_violations_so_that_redis_serves_others(house: House) -> None:
    for n in range(5):
        house.writes(ago=n * DAYS)
    store = ResultsStore(house.url, retention=Retention(keep_days=YEAR))
    went: list[int] = []
    for _ in store.pruning((house.now + (YEAR + 0.1) * DAYS).timestamp(), batch=16):
        went.append(store.deleted.total() - sum(went))
    assert [n for n in went if n] == [2, 2, 1]
    store.close()


def test_what_people_have_in_their_hands_pushes_nothing_new_out(house: House) -> None:
    """A court's years of cases, and this morning's violations."""
    for n in range(20):
        house.decides(house.writes(ago=n * DAYS), "confirmed")
    new = [house.writes(ago=timedelta(minutes=n)) for n in range(2)]
    prune(house, max_events=6)
    assert house.deleted() == []
    assert len(house.results.entries([each.id for each in new])) == 2


def test_what_is_said_of_a_violation_stays_as_long_as_it(house: House) -> None:
    """Said before it: a plate may be read while the violation is still on its way."""
    made = violation()
    house.results.write([plate(made), package(made)])
    house.results.write([made])
    house.decides(made, "confirmed")
    for n in range(4):
        house.writes(ago=n * DAYS)
    prune(house, max_events=0)
    left = [entry.event.id for entry in house.results.events()]
    assert len(house.deleted()) > 0
    assert left[:4] == [plate(made).id, package(made).id, made.id, house.results.decisions(made.id)[0].id]


def test_both_packages_of_an_average_speed_go(house: House) -> None:
    made = violation(evidence="b/exit")
    for folder in ("a/entry", "b/exit"):
        house.evidence.write(folder, {}, b"{}")
        house.evidence.keep(folder, made.id)
    house.evidence.keep("a/entry", "another")
    stored = package(made)
    stored.data.update(folder="b/exit", entry_folder="a/entry")
    house.results.write([made, stored])
    prune(house, YEAR + 0.1)
    assert not (house.folder / "b/exit").exists()
    assert json.loads(house.evidence.read("a/entry", "keep.json")) == {"violations": ["another"]}


def test_what_is_said_of_a_violation_that_never_came_goes_by_its_own_age_and_leaves_nothing(
    house: House,
) -> None:
    made = violation()
    stored = package(made)
    stored.data["folder"] = FOLDER
    house.evidence.write(FOLDER, {}, b"{}")
    house.results.write([plate(made), stored])
    prune(house, YEAR - 0.1)
    assert len(house.results.events()) == 2
    prune(house, YEAR + 0.1)
    assert house.results.events() == []
    assert not house.has_package
    left = [name.decode() for name in house.redis.keys("*")]
    assert not [name for name in left if made.id in name or "123ABC02" in name]


@pytest.mark.parametrize("told", [True, False])
def test_the_package_of_a_thing_left_behind_goes_with_it(house: House, told: bool) -> None:
    """Told of or not: its camera may have been killed in between."""
    thing = Event.of(
        OBJECT_ABANDONED, camera_id="lane-1", district="alatau", at=AT, key=(1,), data={"evidence": FOLDER}
    )
    stored = package(thing)
    stored.data["folder"] = FOLDER
    house.evidence.write(FOLDER, {}, b"{}")
    house.results.write([thing, stored] if told else [thing])
    prune(house, YEAR - 0.1)
    assert house.has_package
    prune(house, YEAR + 0.1)
    assert not house.has_package


def test_half_a_record_that_a_late_decision_once_left_goes_with_the_decision(house: House) -> None:
    made = house.writes()
    house.decides(made, "confirmed")
    house.redis.xdel(keys.EVENTS, house.results.events()[0].place)
    house.redis.hdel(keys.event(made.id), "place", "json", "district", "rule", "ms", "severity")
    assert house.results.in_state("confirmed") == [made.id]
    prune(house, YEAR + 0.1)
    assert house.results.in_state("confirmed") == []
    assert not house.redis.exists(keys.event(made.id), keys.decisions(made.id))


def test_an_event_that_says_nothing_holds_nothing_up(house: House) -> None:
    empty = b'{"id":"e","type":"dome.decision.v1","source":"/cameras/a","time":"2026-09-01T07:00:00Z"}'
    house.results.write([empty])
    prune(house, YEAR + 0.1)
    assert house.results.events() == []


def test_a_redis_that_is_full_lets_go_of_what_is_over(house: House) -> None:
    for n in range(2):
        house.writes(ago=n * DAYS + DAYS)
    house.decides(house.writes(), "confirmed")
    house.redis.config_set("maxmemory", 1)
    try:
        assert house.after(31) == 2
        prune(house, YEAR + 0.1)
    finally:
        house.redis.config_set("maxmemory", 0)
    assert house.results.events() == []
    assert len(house.deleted()) == 3
    assert not house.has_package
