"""The time of the searches: what one machine's clock says is not believed where it cannot be undone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo

import pytest
from searching import DAY, HOUR, make_vehicle_case
from violations import violation

from flows.casework.adjudication import Case, Finding, decision_event
from flows.casework.auditing import verify, whole
from flows.domain.cases import Window
from flows.domain.events import Event
from flows.store import keys
from flows.store.audit import AuditStore
from flows.store.cases import CaseStore
from flows.store.connection import client
from flows.store.ledger import Change, Ledger, to_ms, utc_now
from flows.store.results import ResultsStore, Retention


class Wrong(datetime):
    """A machine's clock that is a year ahead."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Wrong:
        at = datetime.now(tz) + 365 * DAY
        return cls.fromtimestamp(at.timestamp(), tz)


@pytest.fixture
def cases(redis_url: str) -> Iterator[CaseStore]:
    """Of two cases, each for an hour, the first is active."""
    cases, now = CaseStore(redis_url), utc_now()
    window = Window(begins_at=now - DAY, ends_at=now + 7 * DAY)
    for name in ("case-1", "case-2"):
        made = {"deed": "created", "by": "asel", "at": now}
        cases.create(make_vehicle_case(id=name, steps=(made,), window=window, expires_at=now + HOUR), {})
    cases.authorise("case-1", "bolat")
    cases.activate("case-1", "asel")
    yield cases
    cases.close_connections()


def noted(cases: CaseStore) -> None:
    cases.view("case-1", "dana")


def swept(cases: CaseStore) -> None:
    cases.sweep()


def set_by_it(cases: CaseStore) -> None:
    cases.set_clock("dana", "it had been ahead")
    cases.sweep()


@pytest.mark.parametrize("what", [noted, swept, set_by_it])
def test_a_clock_that_is_a_year_ahead_ends_no_search_for_good(
    cases: CaseStore, monkeypatch: pytest.MonkeyPatch, what: Callable[[CaseStore], None]
) -> None:
    with monkeypatch.context() as machine:
        machine.setattr("flows.store.ledger.datetime", Wrong)
        what(cases)
        assert cases.active().cases == (), "by its own clock the case is over: nothing is searched there"
    cases.sweep()
    assert [case.id for case in cases.active().cases] == ["case-1"]
    assert cases.active().at - datetime.now(UTC) < timedelta(minutes=1)
    assert cases.authorise("case-2", "bolat").state == "authorised", "nobody has to wait for the time to come"


def test_a_step_taken_at_such_a_machine_is_of_now(cases: CaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it is refused, or the search begins as late as the clock is ahead; an urgent one lasts longer."""
    with monkeypatch.context() as machine:
        machine.setattr("flows.store.ledger.datetime", Wrong)
        cases.authorise("case-2", "bolat")
        since = cases.activate("case-2", "asel").active_since
    assert since is not None
    assert abs(since - datetime.now(UTC)) < timedelta(minutes=1)


def test_who_deletes_a_violation_by_a_clock_that_is_ahead_keeps_nobody_from_authorising(
    redis_url: str,
) -> None:
    results, ledger = ResultsStore(redis_url, retention=Retention(keep_days=1e-4)), Ledger(redis_url)
    now = utc_now()
    event = Event.of(
        "dome.violation.speeding.v1", camera_id="gate", district="esil", at=now, key=("car",), data={}
    )
    results.write([event])
    assert sum(results.pruning((now + timedelta(minutes=9)).timestamp())) == 1
    assert ledger.now() - datetime.now(UTC) < timedelta(seconds=30)
    ledger.commit(Change(strict=True), "authorise a case")
    results.close(), ledger.close()


def test_a_decision_on_a_violation_while_redis_s_clock_is_ahead_ends_no_search(
    redis_url: str, cases: CaseStore
) -> None:
    """What its clock said for a second stays in the stream: later places are no earlier than that."""
    results, redis = ResultsStore(redis_url), client(redis_url, 1.0)
    redis.xadd(keys.EVENTS, {"id": "x"}, id=f"{to_ms(utc_now() + 2 * HOUR)}-0")
    seen = redis.get(keys.CLOCK)
    results.write([event := violation()])
    results.write([decision_event(Case(event), Finding("stands", "not_exempt"), readjudication="a new list")])
    assert redis.get(keys.CLOCK) == seen, "only searches move their time"
    cases.sweep()
    assert [case.id for case in cases.active().cases] == ["case-1"]
    assert cases.authorise("case-2", "bolat").state == "authorised"
    log = AuditStore(redis_url)
    assert [entry.action for entry in log.entries()][-2:] == ["violation.decided", "case.authorised"]
    assert verify(*whole(log), []) == []
    log.close_connections(), results.close()


def test_setting_the_clock_sets_the_log_s_time_too(redis_url: str, cases: CaseStore) -> None:
    client(redis_url, 1.0).hset(keys.AUDIT_HEAD, "at", str(to_ms(utc_now() + HOUR)))
    cases.set_clock("dana", "Redis's had been ahead")
    cases.view("case-1", "dana")
    log = AuditStore(redis_url)
    ahead, now = [entry.at - utc_now() for entry in log.entries()][-2:]
    assert ahead > HOUR - timedelta(minutes=1)
    assert abs(now) < timedelta(minutes=1)
    assert verify(*whole(log), []) == []
    log.close_connections()
