"""A patrol's task ends when what it is about does, says why, and is deleted when the law says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest
import redis
from apiclient import AT, speeding
from citizens import report
from cryptography.fernet import Fernet
from people import Clock
from searching import DAY, HOUR, T0, make_case, make_lead_event

from flows.casework.review import step
from flows.desks.patrols import PatrolDesk
from flows.domain.cases import Window
from flows.domain.errors import StoreError
from flows.domain.events import OBJECT_CLOSED, Event
from flows.domain.patrol import TASK, Task, TaskRefused, task_id
from flows.domain.people import ROLES, Person
from flows.domain.plates import PlateRecord, plate_event
from flows.domain.reports import step as moved
from flows.results import ResultsActor
from flows.settings import Settings
from flows.store.audit import AuditStore
from flows.store.cases import CaseStore
from flows.store.leads import LeadStore
from flows.store.ledger import entry
from flows.store.patrol import PatrolStore
from flows.store.redis_server import EmbeddedRedis
from flows.store.reports import ReportsStore
from flows.store.results import ResultsStore, Retention
from flows.store.tasksweep import TaskSweep
from flows.store.vault import Vault


class House:
    """The stores, one clock, and ``case-1`` where a test begins it: it runs for two hours from ``T0``."""

    def __init__(self, url: str) -> None:
        self.url, self.clock, self.vault = url, Clock(), Vault(Fernet.generate_key())
        self.cases = CaseStore(url, self.vault, clock=self.clock)
        self.leads, self.patrol = LeadStore(url, self.vault, self.clock), PatrolStore(url, self.clock)
        self.results, self.audit, self.reports = ResultsStore(url), AuditStore(url), ReportsStore(url)
        self.tasks = TaskSweep(self.patrol, self.leads, self.results, self.reports)
        self.redis = redis.Redis.from_url(url)
        self.redis.flushall()

    def sent(self, **changes: Any) -> Task:
        """To a lead that two confirmed and one dispatched; ``timur`` is on the way."""
        self.cases.create(make_case(**{"expires_at": T0 + 2 * HOUR} | changes), {"p1": b"photo"})
        if not changes.get("urgent"):
            self.cases.authorise("case-1", "bolat")
        self.cases.activate("case-1", "asel")
        self.clock.on(1)
        event = make_lead_event(self.clock.at, crop=self.vault.seal(b"crop"))
        assert self.leads.take(event)
        for by in ("dana", "erlan"):
            self.leads.confirm(event.id, by)
        self.leads.dispatch(event.id, "dana")
        return self.patrol.step(task_id("lead", event.id), "accept", "timur", 0)

    def about(self, kind: Any, about: str, at: datetime, state: str) -> Task:
        """To something else, nobody being on the way."""
        return self.patrol.add(
            Task.of(kind, about, state, district="esil", by="asel", at=at, text="by pillar 4")
        )

    def after(self, task: Task) -> Task | None:
        """The task once somebody has swept."""
        self.tasks.sweep()
        return self.patrol.one(task.id)

    def said(self) -> list[tuple[str, str]]:
        """Of tasks, in the audit log: what was done and why."""
        return [(e.action, e.why) for e in self.audit.entries() if e.action.startswith("task.")]

    def close(self) -> None:
        for each in (self.cases, self.leads, self.audit):
            each.close_connections()
        self.patrol.close(), self.results.close(), self.reports.close(), self.redis.close()

    # What ends a lead's task

    def rejected(self, task: Task) -> None:
        self.leads.reject(task.about, "erlan")

    def closed(self, task: Task) -> None:
        self.cases.close("case-1", "asel", "found")

    def expired(self, task: Task) -> None:
        self.clock.at = self.cases.get("case-1").ends_at

    def unlawful(self, task: Task) -> None:
        self.cases.reject("case-1", "bolat", "no grounds")

    def stopped(self, task: Task) -> None:
        self.cases.stop_all("dana", "false leads everywhere")


@pytest.fixture
def house(redis_server: EmbeddedRedis) -> Iterator[House]:
    house = House(redis_server.url)
    yield house
    house.close()


ENDS: list[tuple[Callable[[House, Task], None], str]] = [
    (House.rejected, "lead_rejected"),
    (House.closed, "case_closed"),
    (House.expired, "case_expired"),
    (House.unlawful, "case_rejected"),
    (House.stopped, "searching_stopped"),
]


class Ahead(datetime):
    """A machine's clock that is a year ahead."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Ahead:
        return cls.fromtimestamp((datetime.now(tz) + 365 * DAY).timestamp(), tz)


def test_a_clock_that_is_a_year_ahead_ends_no_task_for_good(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = house.clock.at = datetime.now(UTC)
    made = {"deed": "created", "by": "asel", "at": now}
    window = Window(begins_at=now - DAY, ends_at=now + 7 * DAY)
    lead = house.sent(steps=(made,), window=window, expires_at=now + 2 * HOUR)
    bag = house.about("object", "bag-1", now, "abandoned")
    with monkeypatch.context() as there:
        there.setattr("flows.store.ledger.datetime", Ahead)
        machine = TaskSweep.of(house.url, 30.0)
        shown = machine.settle([lead, bag])
        machine.sweep()
    assert [task.state for task in shown] == ["accepted", "open"]
    assert house.patrol.step(lead.id, "arrive", "timur", lead.version).state == "arrived"
    assert house.after(bag) == bag


@pytest.mark.parametrize("purpose", ["missing_child", "missing_person"])
@pytest.mark.parametrize(("end", "why"), ENDS, ids=[why for _, why in ENDS])
def test_a_lead_s_task_ends_with_it_and_says_why(
    house: House, end: Callable[[House, Task], None], why: str, purpose: str
) -> None:
    task = house.sent(purpose=purpose)
    assert house.after(task) == task, "its search goes on"
    end(house, task)
    (shown,) = house.tasks.settle([task])  # whoever has swept
    after = house.after(task)
    assert after is not None
    assert shown == after
    assert (after.state, after.ended, after.holder) == ("ended", why, "timur")
    assert house.patrol.unresolved() == []
    assert house.patrol.ended(after.over_at or T0, "timur", {"esil"}) == [after]
    assert house.patrol.ended(after.over_at or T0, "dana") == []
    assert house.patrol.ended(after.over_at or T0, "timur", {"almaly"}) == []
    with pytest.raises(TaskRefused, match="nobody goes"):
        house.patrol.step(task.id, "arrive", "timur", 2)
    assert house.said()[-1] == ("task.ended", why)
    done = house.patrol.step(task.id, "resolve", "timur", 2, "somebody else")
    assert (done.state, done.ended, done.note) == ("resolved", why, "somebody else")


def test_of_a_lead_that_is_deleted_nothing_is_left_that_was_said_of_it(house: House) -> None:
    task = house.sent()
    house.patrol.step(task.id, "resolve", "timur", 1, "a boy in red")
    house.rejected(task)
    kept = house.after(task)
    assert kept is not None
    assert kept.note == "a boy in red", "whoever rejects a lead may be wrong until its hours are over"
    house.clock.at = house.leads.raw(task.about).deadline_at
    house.cases.sweep()
    emptied = house.after(task)
    assert emptied is not None
    assert (emptied.note, emptied.version) == ("", kept.version)
    house.clock.on(DAY.total_seconds())
    assert house.after(task) is None
    assert house.said()[-1] == ("task.deleted", "kept for as long as the law allows")
    written = [value for key in house.redis.keys("*") for value in everything(house.redis, key)]
    assert len(written) > 20
    assert not any(b"in red" in value for value in written), "nor in the audit log"


def everything(client: redis.Redis, key: bytes) -> Iterator[bytes]:
    """The bytes that a key holds."""
    kind = client.type(key)
    if kind == b"stream":
        yield from (value for _, fields in client.xrange(key) for value in fields.values())
    elif kind == b"hash":
        yield from client.hvals(key)
    elif kind == b"string":
        yield client.get(key) or b""


@pytest.mark.parametrize("urgent", [True, False], ids=["nobody authorised it", "rejected"])
def test_of_a_search_that_was_not_lawful_no_words_are_left(house: House, urgent: bool) -> None:
    task = house.sent(urgent=urgent, expires_at=T0 + 48 * HOUR)
    house.patrol.step(task.id, "hand_over", "timur", 1, "a boy in red")
    if urgent:
        house.expired(task)
        house.cases.sweep()
    else:
        house.unlawful(task)
    after = house.after(task)
    assert after is not None
    assert (after.ended, after.note) == ("case_expired" if urgent else "case_rejected", "")
    house.clock.on(DAY.total_seconds() - 1)
    assert house.after(task) == after, "it is shown for a day, that people read why"
    house.clock.on(1)
    assert house.after(task) is None


def test_what_is_said_once_the_lead_is_gone_goes_as_well(house: House) -> None:
    task = house.sent()
    house.unlawful(task)
    house.tasks.sweep()
    house.patrol.step(task.id, "resolve", "timur", 2, "a boy in red")
    after = house.after(task)
    assert after is not None
    assert (after.state, after.note) == ("resolved", "")
    house.clock.on(DAY.total_seconds())
    assert house.after(task) is None


def test_a_task_is_deleted_when_its_case_is_forgotten(house: House) -> None:
    terms = make_case().terms.model_copy(update={"kept_days": 2.0})
    task = house.sent(terms=terms)
    house.closed(task)
    ended = house.after(task)
    house.clock.on(2 * DAY.total_seconds() - 1)
    house.cases.sweep()
    assert house.after(task) == ended
    house.clock.on(1)
    house.cases.sweep()
    assert house.after(task) is None, "over for more than a day"


def decided(house: House, *actions: Any) -> Event:
    """A violation that people have worked on."""
    event = speeding()
    read = PlateRecord(outcome="read", text="123ABC02", confident=True)
    if house.results.event(event.id) is None:
        house.results.write([event, plate_event(event, read)])
    for action in actions:
        entry = house.results.event(event.id)
        assert entry is not None
        by = "another" if action in ("issue", "close") else "anyone"
        person = Person(sub=by, roles=frozenset(ROLES), districts=frozenset("*"))
        house.results.write([step(entry.case, action, person, AT)])
    return event


def test_a_violation_s_task_ends_when_nobody_may_be_sent_to_it_any_more(house: House) -> None:
    event = decided(house, "claim", "confirm")
    task = house.about("violation", event.id, T0, "confirmed")
    decided(house, "issue")
    assert house.after(task) == task
    decided(house, "close")
    after = house.after(task)
    assert after is not None
    assert (after.state, after.ended, after.text) == ("ended", "violation_closed", "by pillar 4")
    unknown = house.about("violation", "gone", T0, "confirmed")
    (deleted,) = house.tasks.settle([unknown])
    assert deleted.ended == "violation_closed"


def test_a_report_s_task_ends_when_it_is_closed_and_with_it_goes_what_was_said(house: House) -> None:
    now = house.clock.at = datetime.now(UTC)
    known = [report(str(n)) for n in range(2)]
    for each in known:
        house.reports.add(each)
        for state in ("checked", "forwarded", "confirmed"):
            after = moved(each, state, "asel", now)  # type: ignore[arg-type]
            house.reports.replace((after, each))
            each = after
    closed, erased = (house.about("report", each.id, now, "confirmed") for each in known)
    assert [house.after(task) for task in (closed, erased)] == [closed, erased]
    held = house.reports.get(closed.about)
    assert held is not None
    house.reports.replace((moved(held, "closed", "asel", now), held))
    ended = house.after(closed)
    assert ended is not None
    assert (ended.state, ended.ended, ended.text) == ("ended", "report_closed", "by pillar 4")
    for task in (closed, erased):
        house.reports.remove(task.about, entry("channel egov", "report.erased", subject=task.about))
        gone = house.after(task)
        assert gone is not None
        assert (gone.ended, gone.text) == ("report_closed", "")
    assert not any("pillar" in why for _, why in house.said())


def taken(about: str, at: datetime) -> Event:
    return Event.of(
        OBJECT_CLOSED, camera_id="hall", district="esil", at=at, data={"object": about}, key=(about,)
    )


def test_a_task_about_a_thing_ends_when_it_is_taken_away(house: House) -> None:
    now = house.clock.at = datetime.now(UTC)
    tasks = [house.about("object", about, now, "abandoned") for about in ("bag-1", "bag-2")]
    house.results.write([taken("another", now)])
    assert house.tasks.sweep() == 0
    house.results.write([taken("bag-1", now)])
    assert house.tasks.sweep() == 1
    one, other = (house.patrol.one(task.id) for task in tasks)
    assert one is not None
    assert (one.state, one.ended) == ("ended", "object_closed")
    assert other == tasks[1]
    assert house.tasks.sweep() == 0
    house.results.write([taken("bag-2", now)])
    assert TaskSweep.of(house.url, 30.0).sweep() == 1, "whoever begins anew reads what it missed"


def test_what_nobody_resolves_ends_and_what_is_over_is_deleted_after_the_days_of_the_law(
    house: House,
) -> None:
    house.patrol = PatrolStore(house.url, house.clock, kept_days=3.0)
    house.tasks = TaskSweep(house.patrol, house.leads, house.results, house.reports)
    task = house.about("object", "bag-1", house.clock.at, "abandoned")
    house.clock.on(3 * DAY.total_seconds() - 1)
    assert house.after(task) == task
    house.clock.on(1)
    after = house.after(task)
    assert after is not None
    assert (after.ended, after.text) == ("left_open", "by pillar 4")
    house.clock.on(3 * DAY.total_seconds() - 1)
    assert house.after(task) == after
    house.clock.on(1)
    assert house.after(task) is None
    assert house.said() == [
        ("task.made", "by pillar 4"), ("task.ended", "left_open"),
        ("task.deleted", "kept for as long as the law allows"),
    ]  # fmt: skip
    assert house.redis.keys("{dome}:patrol:*") == [], "in no index either"


def test_what_is_sent_again_is_not_deleted(house: House) -> None:
    task = house.about("object", "bag-1", house.clock.at, "abandoned")
    house.patrol.step(task.id, "accept", "timur", 0)
    house.patrol.step(task.id, "resolve", "timur", 1, "an empty box")
    house.clock.on(20 * DAY.total_seconds())
    again = house.about("object", "bag-1", house.clock.at, "abandoned")
    house.clock.on(20 * DAY.total_seconds())
    assert house.after(task) == again


def test_each_end_is_told_until_it_is_written(house: House) -> None:
    task = house.sent()
    house.closed(task)
    desk = PatrolDesk(house.tasks)
    (event,) = desk.sweep()
    assert (event.type, event.data["ended"], event.data["holder"]) == (TASK, "case_closed", "timur")
    assert desk.sweep() == [event], "nobody has written it"
    house.results.write([event])
    assert desk.sweep() == []
    assert house.patrol.untold() == []


def test_a_sweep_that_fails_keeps_no_end_from_being_told(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.closed(house.sent())
    house.tasks.sweep()

    def away() -> int:
        raise StoreError("Redis is away")

    monkeypatch.setattr(house.tasks, "sweep", away)
    assert len(PatrolDesk(house.tasks).sweep()) == 1


def test_what_was_told_of_tasks_goes_as_they_do(redis_server: EmbeddedRedis, house: House) -> None:
    store = ResultsStore(redis_server.url, retention=Retention(task_days=3.0))
    task, now = house.about("object", "bag-1", datetime.now(UTC), "abandoned"), datetime.now(UTC)
    store.write([task.told(task.made_at), taken("bag-1", now)])
    assert store.prune((now + timedelta(days=2.9)).timestamp()) == 0
    assert store.prune((now + timedelta(days=3.1)).timestamp()) == 1
    assert [e.event.type for e in store.events()] == [OBJECT_CLOSED]
    store.close()


@pytest.mark.slow
async def test_the_results_actor_ends_what_is_over_and_tells_it(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.results._count_start", lambda _: 0)  # Ray's own, which is not there
    task = house.about("violation", "gone", datetime.now(UTC), "confirmed")
    settings = Settings.from_env({"DOME_HOME": str(tmp_path)})
    actor = ResultsActor(settings, house.url, Retention(task_days=3.0))
    try:
        for _ in range(200):
            if told := house.results.events(type=TASK):
                break
            await asyncio.sleep(0.05)
        assert [entry.event.data["ended"] for entry in told] == ["violation_closed"]
        after = house.patrol.one(task.id)
        assert after is not None
        assert after.over_at is not None
        forget_ms = house.redis.zscore("{dome}:patrol:forget", task.id)
        assert forget_ms == round((after.over_at + timedelta(days=3)).timestamp() * 1000)
    finally:
        actor._writer.close()
