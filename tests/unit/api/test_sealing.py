"""The audit log is sealed by the API where no job runs, and searching stopped where Redis is older than its seals."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import redis
from apiclient import config_for, running
from searching import make_vehicle_case

from flows.casework.auditing import Seals
from flows.store import keys
from flows.store.audit import AuditStore
from flows.store.cases import CaseStore
from flows.store.ledger import utc_now


@pytest.mark.parametrize(("own", "seals"), [(True, 1), (False, 0)], ids=["its own Redis", "one of others"])
async def test_what_was_written_is_sealed(
    redis_url: str, tmp_path: Path, routes: Any, own: bool, seals: int
) -> None:
    config = config_for(redis_url, tmp_path)
    settings = config.settings.model_copy(update={"redis_url": None if own else redis_url})
    cases = CaseStore(redis_url)
    cases.create(make_vehicle_case(), {})
    cases.close_connections()
    folder = Seals(settings.audit)
    async with running(config.model_copy(update={"settings": settings}), routes):
        for _ in range(200 if own else 20):
            if folder.all()[0]:
                break
            await asyncio.sleep(0.01)
    assert [seal.last for seal, _ in folder.all()[0]] == [1] * seals


async def test_a_redis_that_is_older_than_its_seals_is_searched_by_nobody(
    redis_url: str, tmp_path: Path, routes: Any
) -> None:
    config = config_for(redis_url, tmp_path)
    came_back_older(redis_url, Seals(config.settings.audit))
    cases = CaseStore(redis_url)
    assert not cases.stopped()
    assert [case.id for case in cases.active().cases] == ["case-1"], "it was rejected"
    async with running(config, routes):
        for _ in range(200):
            if cases.stopped():
                break
            await asyncio.sleep(0.01)
    assert "Redis came back older than its seals" in cases.stopped()
    assert cases.active().cases == ()
    cases.close_connections()


async def test_what_a_search_must_lose_goes_though_no_job_runs_and_nobody_asks(
    redis_url: str, tmp_path: Path, routes: Any
) -> None:
    """A confirmed lead's face is kept until its time is over, and somebody has to look at the clock then."""
    client = redis.Redis.from_url(redis_url)
    client.hset(keys.lead("lead-1"), mapping={"state": "confirmed", "template": "a face"})
    client.zadd(keys.LEADS_DUE, {"case-1/lead-1": 1})
    async with running(config_for(redis_url, tmp_path), routes):
        for _ in range(200):
            if not client.hexists(keys.lead("lead-1"), "template"):
                break
            await asyncio.sleep(0.01)
    assert client.hgetall(keys.lead("lead-1")) == {b"state": b"confirmed"}
    client.close()


def came_back_older(url: str, seals: Seals) -> None:
    """A case was rejected and that was sealed; then Redis came back from a backup of before."""
    cases, audit, client = CaseStore(url), AuditStore(url), redis.Redis.from_url(url)
    cases.create(make_vehicle_case(), {})
    cases.authorise("case-1", "bolat")
    cases.activate("case-1", "asel")
    seals.write(audit, utc_now())
    backup = {key: client.dump(key) for key in client.keys("*")}
    cases.reject("case-1", "dana", "it was unlawful")
    seals.write(audit, utc_now())
    client.flushall()
    for key, held in backup.items():
        client.restore(key, 0, held)
    for each in (cases, audit):
        each.close_connections()
    client.close()
