"""Urgent cases are no chain: a target is searched for once without authorisation, and then on authorisation alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import redis
from cryptography.fernet import Fernet
from people import Clock
from searching import DAY, HOUR, T0, make_case, make_vehicle_case

from flows.domain.cases import URGENT_PAUSE, PersonTarget, SearchCase
from flows.domain.errors import CaseError, ChangedMeanwhile, FieldError
from flows.store.cases import CaseStore
from flows.store.redis_server import EmbeddedRedis
from flows.store.vault import Vault

OLD = Fernet.generate_key()
REFUSED = "case second: expected authorisation before it is searched: case first on the same target "


class House:
    def __init__(self, url: str) -> None:
        self.url, self.clock = url, Clock()
        self.redis = redis.Redis.from_url(url)
        self.redis.flushall()
        self.cases = self.opened(Vault(OLD))

    def opened(self, vault: Vault | None) -> CaseStore:
        return CaseStore(self.url, vault, clock=self.clock)

    def draft(self, case_id: str, name: str = "A. B.", photo: bytes = b"photo", **changes: Any) -> SearchCase:
        about = {
            "target": PersonTarget(name=name, probes=("p1",)),
            "expires_at": T0 + 20 * DAY,
            "urgent": True,
        }
        return self.cases.create(make_case(**{"id": case_id} | about | changes), {"p1": photo})

    def begin(self, case_id: str, **changes: Any) -> SearchCase:
        return self.cases.activate(self.draft(case_id, **changes).id, "asel", "alone at night")


@pytest.fixture
def house(redis_server: EmbeddedRedis) -> House:
    return House(redis_server.url)


def expired(house: House) -> None:
    house.clock.at += 24 * HOUR
    house.cases.sweep()


def rejected(house: House) -> None:
    house.cases.reject("first", "bolat", "no grounds")


def withdrawn(house: House) -> None:
    house.cases.close("first", "asel", "pointless")


def still_running(house: House) -> None:
    house.clock.at += 23 * HOUR


@pytest.mark.parametrize("end", [expired, rejected, withdrawn, still_running])
def test_a_second_urgent_start_on_the_same_target_is_refused(
    house: House, end: Callable[[House], None]
) -> None:
    house.begin("first")
    end(house)
    house.draft("second")
    with pytest.raises(CaseError, match=REFUSED):
        house.cases.activate("second", "dana", "again")
    assert house.cases.get("second").state == "draft"
    house.cases.authorise("second", "bolat", "order seen")
    assert house.cases.activate("second", "asel").state == "active"


def before_it_began(house: House) -> None:
    house.draft("first")


def as_authorised(house: House) -> None:
    house.draft("first", urgent=False)
    house.cases.authorise("first", "bolat", "order seen")


def searched_for_alone_and_authorised(house: House) -> None:
    house.begin("first")
    house.cases.authorise("first", "bolat", "order seen")


def never_urgent(house: House) -> None:
    house.draft("first", urgent=False)


@pytest.mark.parametrize(
    "asked", [never_urgent, before_it_began, as_authorised, searched_for_alone_and_authorised]
)
def test_whoever_was_told_no_does_not_begin_alone_on_the_same_target(
    house: House, asked: Callable[[House], None]
) -> None:
    asked(house)
    house.cases.reject("first", "bolat", "the order is forged")
    assert house.redis.hget("{dome}:case:first", "marks") is None
    house.draft("second")
    house.clock.at += URGENT_PAUSE - timedelta(seconds=1)
    with pytest.raises(CaseError, match=f"{REFUSED}was rejected; have this one authorised first"):
        house.cases.activate("second", "asel", "alone")
    assert house.cases.active().cases == ()
    house.cases.authorise("second", "bolat", "another order")
    assert house.cases.activate("second", "asel").state == "active"


def test_a_no_to_a_case_that_was_made_where_no_key_was_set_is_remembered_too(house: House) -> None:
    house.opened(None).create(make_vehicle_case(id="first"), {})
    house.cases.reject("first", "bolat", "no grounds")
    house.cases.create(make_vehicle_case("123авс02", id="second", urgent=True), {})
    with pytest.raises(CaseError, match=f"{REFUSED}was rejected"):
        house.cases.activate("second", "asel", "alone")


def test_a_no_said_at_the_moment_of_the_start_is_heard(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.draft("first", urgent=False), house.draft("second")
    commit = house.cases._ledger.commit

    def late(change: Any, what: str) -> int:
        monkeypatch.setattr(house.cases._ledger, "commit", commit)
        house.opened(Vault(OLD)).reject("first", "bolat", "no grounds")
        return commit(change, what)

    monkeypatch.setattr(house.cases._ledger, "commit", late)
    with pytest.raises(ChangedMeanwhile, match="or one was rejected"):
        house.cases.activate("second", "asel")
    assert house.cases.get("second").state == "draft"


@pytest.mark.parametrize(
    "again", [{"name": "b  A"}, {"name": "Somebody else"}, {"photo": b"another"}],
    ids=["spelled otherwise", "by the photo alone", "by the name alone"],
)  # fmt: skip
def test_the_same_one_is_known_again(house: House, again: dict[str, Any]) -> None:
    house.begin("first")
    with pytest.raises(CaseError, match=REFUSED):
        house.begin("second", **again)


def test_a_vehicle_is_known_by_its_plate_and_a_new_key_forgets_nothing(house: House) -> None:
    def vehicle(case_id: str, plate: str) -> str:
        values: dict[str, Any] = {"id": case_id, "urgent": True, "expires_at": T0 + 20 * DAY}
        return house.cases.create(make_vehicle_case(plate, **values), {}).id

    house.cases.activate(vehicle("first", "123 ABC 02"), "asel")
    house.cases = house.opened(Vault(Fernet.generate_key(), OLD))
    with pytest.raises(CaseError, match=REFUSED):
        house.cases.activate(vehicle("second", "123авс02"), "asel")
    assert house.cases.activate(vehicle("third", "777ABC02"), "asel").state == "active"


def test_drafts_made_before_are_no_way_round_it(house: House) -> None:
    house.draft("first"), house.draft("second")
    house.cases.activate("first", "asel")
    house.clock.at += 24 * HOUR - timedelta(seconds=1)
    with pytest.raises(CaseError, match=REFUSED):
        house.cases.activate("second", "asel")


def test_of_two_starts_at_the_same_moment_one_is_refused(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.draft("first"), house.draft("second")
    other, commit = house.opened(Vault(OLD)), house.cases._ledger.commit

    def late(change: Any, what: str) -> int:
        monkeypatch.setattr(house.cases._ledger, "commit", commit)
        other.activate("first", "dana")
        return commit(change, what)

    monkeypatch.setattr(house.cases._ledger, "commit", late)
    with pytest.raises(ChangedMeanwhile, match="an urgent case on the same target began at this moment"):
        house.cases.activate("second", "asel")
    assert house.cases.get("second").state == "draft"


def test_others_and_what_was_authorised_in_time_and_what_is_long_over_are_not_refused(house: House) -> None:
    house.begin("first")
    assert house.begin("other", name="C. D.", photo=b"theirs").state == "active"
    house.cases.authorise("first", "bolat", "order seen")
    house.cases.close("first", "asel", "found")
    assert house.begin("second").state == "active"
    house.clock.at += URGENT_PAUSE
    house.cases.sweep()
    assert house.begin("third").state == "active"


def test_marks_name_nobody_and_go_with_their_time(house: House) -> None:
    house.begin("first")
    rejected(house)
    assert house.redis.hget("{dome}:case:first", "marks") is None
    marks = list(house.redis.scan_iter("{dome}:cases:urgent:*"))
    assert len(marks) == 2
    assert all(0 < house.redis.pttl(mark) <= URGENT_PAUSE.total_seconds() * 1000 for mark in marks)  # type: ignore[operator]


def test_without_a_key_nothing_is_urgent(house: House) -> None:
    house.cases = house.opened(None)
    with pytest.raises(FieldError, match="DOME_PROBE_KEY: expected a key by which the target"):
        house.cases.create(make_vehicle_case(urgent=True), {})
