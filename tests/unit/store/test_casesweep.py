"""The sweep of cases: what is broken in one keeps no other from being put away."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis
from evidencestore import kept_in, store_in
from people import Clock
from searching import DAY, HOUR, T0, make_vehicle_case

from flows.domain.cases import SearchTerms
from flows.store import keys
from flows.store.cases import CaseStore
from flows.store.evidence import MARK


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


def test_files_of_a_case_that_was_forgotten_while_their_disk_was_away_go_when_it_is_back(
    redis_url: str, tmp_path: Path
) -> None:
    clock, evidence = Clock(), store_in(tmp_path)
    cases = CaseStore(redis_url, files=evidence, clock=clock)
    case = cases.create(make_vehicle_case(), {})
    evidence.put(f"searches/{case.id}", "lead.jpg", b"picture")
    mark = (tmp_path / MARK).rename(tmp_path / "away")
    cases.reject(case.id, "bolat", "unlawful")
    assert kept_in(tmp_path / "searches")
    mark.rename(tmp_path / MARK)
    cases.sweep()
    assert not kept_in(tmp_path / "searches"), "the next sweep waits for nothing"
    cases.close_connections()
