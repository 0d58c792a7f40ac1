"""The audit log is sealed by the API where no job runs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from apiclient import config_for, running
from searching import make_vehicle_case

from flows.casework.auditing import Seals
from flows.store.cases import CaseStore


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
