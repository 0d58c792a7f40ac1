"""The time of the searches: what one machine's clock says is not believed where it cannot be undone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo

import pytest
from searching import DAY, HOUR, make_vehicle_case

from flows.domain.cases import Window
from flows.store.cases import CaseStore
from flows.store.ledger import utc_now


class Wrong(datetime):
    """A machine's clock that is a year ahead."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Wrong:
        at = datetime.now(tz) + 365 * DAY
        return cls.fromtimestamp(at.timestamp(), tz)


def noted(machine: CaseStore) -> None:
    machine.view("case-1", "dana")


def swept(machine: CaseStore) -> None:
    machine.sweep()


def set_by_it(machine: CaseStore) -> None:
    machine.set_clock("dana", "it had been ahead")
    machine.sweep()


@pytest.mark.parametrize("what", [noted, swept, set_by_it])
def test_a_clock_that_is_a_year_ahead_ends_no_search_for_good(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, what: Callable[[CaseStore], None]
) -> None:
    now = utc_now()
    cases = CaseStore(redis_url)
    made = {"deed": "created", "by": "asel", "at": now}
    window = Window(begins_at=now - DAY, ends_at=now + 7 * DAY)
    for name in ("case-1", "case-2"):
        case = make_vehicle_case(id=name, steps=(made,), window=window, expires_at=now + HOUR)
        cases.create(case, {})
    cases.authorise("case-1", "bolat")
    cases.activate("case-1", "asel")
    with monkeypatch.context() as there:
        there.setattr("flows.store.ledger.datetime", Wrong)
        machine = CaseStore(redis_url)
        what(machine)
        assert machine.active().cases == (), "by its own clock the case is over: nothing is searched there"
        machine.close_connections()
    cases.sweep()
    assert [case.id for case in cases.active().cases] == ["case-1"]
    assert cases.active().at - datetime.now(UTC) < timedelta(minutes=1)
    assert cases.authorise("case-2", "bolat").state == "authorised", "nobody has to wait for the time to come"
    cases.close_connections()
