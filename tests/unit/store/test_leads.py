"""Leads that are over, by their case's end or their rejection: nobody is shown one or sent for it, swept or not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from cryptography.fernet import Fernet
from people import Clock
from searching import HOUR, T0, make_case, make_lead_event

from flows.domain.errors import CaseError, FieldError
from flows.store.cases import CaseStore
from flows.store.leads import LeadStore
from flows.store.patrol import PatrolStore
from flows.store.redis_server import EmbeddedRedis
from flows.store.vault import Vault

PHOTO, CROP = b"photo-of-the-searched", b"crop-of-a-stranger"


class House:
    """The stores of ``case-1``, which runs for two hours from ``T0``, or longer if it is urgent."""

    def __init__(self, url: str) -> None:
        self.clock, vault = Clock(), Vault(Fernet.generate_key())
        self.cases, self.leads = CaseStore(url, vault, clock=self.clock), LeadStore(url, vault, self.clock)
        self.redis, self._vault, self.url = redis.Redis.from_url(url), vault, url
        self.redis.flushall()

    def begin(self, **changes: Any) -> None:
        values = {"expires_at": T0 + 2 * HOUR} | changes
        case = self.cases.create(make_case(**values), {"p1": PHOTO})
        if not case.urgent:
            self.cases.authorise(case.id, "bolat")
        self.cases.activate(case.id, "asel")

    def lead(self, *confirmed_by: str, track: int = 7) -> str:
        self.clock.on(1)
        event = make_lead_event(self.clock.at, track=track, crop=self._vault.seal(CROP))
        assert self.leads.take(event)
        for by in confirmed_by:
            self.leads.confirm(event.id, by)
        return event.id

    def over(self) -> None:
        self.clock.at = self.cases.get("case-1").ends_at

    def stopped(self) -> None:
        self.cases.stop_all("dana", "false leads everywhere")

    def closed(self) -> None:
        self.cases.close("case-1", "asel", "found")

    def close(self) -> None:
        self.cases.close_connections()
        self.leads.close_connections()
        self.redis.close()


@pytest.fixture
def house(redis_server: EmbeddedRedis) -> Iterator[House]:
    house = House(redis_server.url)
    yield house
    house.close()


@pytest.mark.parametrize(
    ("urgent", "end", "why"),
    [
        (False, House.over, "to be active, got active until"),
        (True, House.over, "to be active, got active until"),
        (False, House.closed, "to be active, got closed"),
        (False, House.stopped, "searching is stopped"),
    ],
    ids=["expired", "urgent after 24 h", "closed", "stopped"],
)
def test_nobody_is_sent_once_the_search_is_over(
    house: House, urgent: bool, end: Callable[[House], None], why: str
) -> None:
    house.begin(**({"urgent": True, "expires_at": T0 + 48 * HOUR} if urgent else {}))
    lead = house.lead("dana", "erlan")
    end(house)
    with pytest.raises(CaseError, match=why):
        house.leads.dispatch(lead, "dana")
    assert house.leads.raw(lead).state == "confirmed"
    assert house.leads.reject(lead, "dana").lead.state == "rejected"  # that is always possible


def test_whoever_is_dispatched_has_a_task_in_the_same_moment(house: House) -> None:
    """Two writes could be cut in two: a lead that says somebody is sent, and nobody who is."""
    house.begin()
    lead = house.lead("dana", "erlan")
    house.leads.dispatch(lead, "dana")
    with closing(PatrolStore(house.url)) as patrol:
        (task,) = patrol.newest(T0)
    assert (task.kind, task.about, task.made_by, task.state) == ("lead", lead, "dana", "open")
    assert task.radius_m == house.cases.get("case-1").alert_radius_m
    with pytest.raises(CaseError, match="got dispatched"):
        house.leads.dispatch(lead, "erlan")


@pytest.mark.parametrize("end", [House.over, House.stopped], ids=["over", "stopped"])
def test_nobody_confirms_once_the_search_is_over(house: House, end: Callable[[House], None]) -> None:
    house.begin(urgent=True, expires_at=T0 + 48 * HOUR)
    lead = house.lead("dana")
    end(house)
    with pytest.raises(CaseError, match=r"stopped|to be active"):
        house.leads.confirm(lead, "erlan")
    assert house.leads.raw(lead).state == "confirmed_once"


def test_what_nobody_confirmed_is_shown_to_nobody_from_the_end_of_its_case(house: House) -> None:
    house.begin()
    lead, confirmed = house.lead(), house.lead("dana", "erlan", track=8)
    house.over()
    for shown in (lambda: house.leads.view(lead, "dana"), lambda: house.leads.crop(f"leads/{lead}", "dana")):
        with pytest.raises(FieldError, match="the id of a lead that is kept"):
            shown()
    with pytest.raises(FieldError, match="photos go with their case"):
        house.leads.crop("probes/case-1/p1", "dana")
    assert [view.lead.id for view in house.leads.of_case("case-1", "dana")] == [confirmed]
    assert house.leads.crop(f"leads/{confirmed}", "dana") == CROP


def test_of_an_urgent_case_that_nobody_authorised_nothing_is_shown_after_its_hours(house: House) -> None:
    house.begin(urgent=True, expires_at=T0 + 48 * HOUR)
    lead = house.lead("dana", "erlan")
    house.over()
    with pytest.raises(FieldError, match="the id of a lead that is kept"):
        house.leads.crop(f"leads/{lead}", "dana")
    assert house.leads.of_case("case-1", "dana") == []


def test_leads_of_an_urgent_case_wait_on_when_it_is_authorised(house: House) -> None:
    house.begin(urgent=True, expires_at=T0 + 48 * HOUR)
    lead = house.lead("dana")
    house.cases.authorise("case-1", "bolat")
    house.clock.at = T0 + 25 * HOUR
    assert house.leads.confirm(lead, "erlan").lead.state == "confirmed"


@pytest.mark.parametrize("urgent", [False, True])
@pytest.mark.parametrize("expired", [False, True], ids=["swept", "swept late"])
def test_an_alert_goes_with_its_lead_however_late_somebody_sweeps(
    house: House, urgent: bool, expired: bool
) -> None:
    house.begin(urgent=urgent, expires_at=T0 + 6 * 24 * HOUR)
    lead = house.lead()
    if urgent:
        house.cases.authorise("case-1", "bolat")
    record = f"{{dome}}:lead:{lead}"
    due_at = house.leads.raw(lead).deadline_at
    left_s = (due_at - datetime.now(UTC)).total_seconds()
    grace_s = house.redis.pttl(record) / 1000 - left_s
    assert grace_s == pytest.approx(600, abs=30), "whoever sweeps comes first"
    if expired:
        house.redis.delete(record)
    house.clock.at = due_at
    house.cases.sweep()
    assert house.redis.exists(record) == 0
    assert house.redis.xlen("{dome}:alerts") == 0
    assert house.redis.exists("{dome}:alerts:places") == 0


def test_an_alert_that_an_earlier_version_noted_in_its_lead_goes_with_it(house: House) -> None:
    house.begin()
    lead = house.lead()
    place = house.redis.hget("{dome}:alerts:places", lead)
    house.redis.delete("{dome}:alerts:places")
    house.redis.hset(f"{{dome}}:lead:{lead}", "alert", place)
    house.clock.at = house.leads.raw(lead).deadline_at
    house.cases.sweep()
    assert house.redis.xlen("{dome}:alerts") == 0


def test_a_lead_is_shown_to_nobody_after_its_hours(house: House) -> None:
    house.begin(expires_at=T0 + 6 * 24 * HOUR)
    lead = house.lead()
    house.clock.at = house.leads.raw(lead).deadline_at - timedelta(seconds=1)
    assert house.leads.view(lead, "dana").lead.id == lead
    house.clock.on(1)
    with pytest.raises(FieldError, match="the id of a lead that is kept"):
        house.leads.view(lead, "dana")


@pytest.mark.parametrize("sent", [False, True], ids=["confirmed", "dispatched"])
def test_whoever_two_took_for_the_searched_one_and_is_not_makes_no_lead_again(
    house: House, sent: bool
) -> None:
    house.begin(expires_at=T0 + 6 * 24 * HOUR)
    lead = house.lead("dana", "erlan")
    if sent:
        house.leads.dispatch(lead, "dana")
    assert house.leads.suppressions("case-1") == []
    house.leads.reject(lead, "erlan")
    until_at = house.leads.raw(lead).deadline_at
    assert [(s.lead, s.template, s.until_at) for s in house.leads.suppressions("case-1")] == [
        (lead, "sealed-template", until_at)
    ]
    house.clock.at = until_at
    house.cases.sweep()
    assert house.leads.suppressions("case-1") == []
    assert not house.redis.exists(f"{{dome}}:lead:{lead}")


@pytest.mark.parametrize("end", ["its hours", "its case"])
def test_a_confirmed_lead_loses_its_template_and_no_more(house: House, end: str) -> None:
    house.begin(expires_at=T0 + 6 * 24 * HOUR)
    lead = house.lead("dana", "erlan")
    record = f"{{dome}}:lead:{lead}"
    assert house.redis.hexists(record, "template")
    if end == "its case":
        house.closed()
    else:
        house.clock.at = house.leads.raw(lead).deadline_at
        house.cases.sweep()
        assert house.redis.zcard("{dome}:leads:due") == 0
    assert not house.redis.hexists(record, "template")
    assert house.leads.view(lead, "dana").lead.state == "confirmed"
    house.leads.reject(lead, "erlan")
    assert house.leads.suppressions("case-1") == []


def test_a_confirmed_lead_of_an_urgent_case_is_kept_as_long_when_that_is_authorised(house: House) -> None:
    house.begin(urgent=True, expires_at=T0 + 48 * HOUR)
    record = f"{{dome}}:lead:{house.lead('dana', 'erlan')}"
    life_ms = house.redis.pttl(record)
    house.cases.authorise("case-1", "bolat")
    assert house.redis.pttl(record) == pytest.approx(life_ms, abs=5_000)


@pytest.mark.slow
def test_a_rejected_crop_leaves_the_append_only_file_too(house: House, redis_server: EmbeddedRedis) -> None:
    house.begin()
    lead = house.lead()
    crop = house.redis.hget(f"{{dome}}:lead:{lead}", "crop")
    assert isinstance(crop, bytes)
    path = redis_server.folder / "appendonly.aof"
    assert crop in path.read_bytes()
    rewritten(house.redis)  # it may be busy with an earlier one
    house.leads.reject(lead, "dana")
    rewritten(house.redis)
    assert crop not in path.read_bytes()


def rewritten(client: redis.Redis) -> None:
    """Waits until Redis writes its file anew no more."""
    while (state := client.info("persistence"))["aof_rewrite_in_progress"] or state["aof_rewrite_scheduled"]:
        threading.Event().wait(0.01)
