"""The sweep of cases: what is broken in one keeps no other from being put away."""

from __future__ import annotations

import pytest
import redis
from people import Clock
from searching import DAY, HOUR, T0, make_vehicle_case

from flows.domain.cases import SearchTerms
from flows.store import keys
from flows.store.cases import CaseStore


def test_an_index_that_has_lost_its_case_keeps_no_other_from_being_forgotten(
    redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    cases, client = CaseStore(redis_url, clock=clock), redis.Redis.from_url(redis_url)
    case = cases.create(make_vehicle_case(terms=SearchTerms(longest_days=30, kept_days=1)), {})
    cases.authorise(case.id, "bolat")
    cases.activate(case.id, "asel")
    cases.close(case.id, "asel", "found")
    client.zadd(keys.CASES_FORGET, {"case-0": 1})
    clock.at = T0 + DAY + HOUR
    assert cases.sweep() == 1
    assert cases.get(case.id).target.kind == "forgotten"
    assert "the id of a case" in caplog.text
    clock.at = T0  # the sweep came to its end and noted the time
    assert cases.active().at == T0 + DAY + HOUR
    cases.close_connections()
    client.close()
