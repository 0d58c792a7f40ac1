"""Malformed files on the whole way, as the bench sends them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest
from apiclient import bearer, config_for, running, token

from cluster.bench import uploads
from flows.reports.masked import Masked


class Looker(Masked):
    """Makes pictures in this process."""

    starts = 1


@pytest.fixture
async def channel(redis_url: str, tmp_path: Path) -> AsyncIterator[tuple[httpx.AsyncClient, Any]]:
    config = config_for(redis_url, tmp_path)
    headers = bearer(token(config, "channel", sub="bench"))
    async with running(config) as (app, _):
        app.state.services.work.looker = Looker()
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://dome/api/v1", headers=headers
        ) as client:
            yield client, app.state.services


async def test_each_file_comes_through_the_api_and_is_looked_at(channel: Any) -> None:
    client, services = channel
    told, slowest_s = await uploads.send(client, services, uploads.samples()[:3], 6)
    assert told.total() == 6
    assert set(told) <= {"looked at", "refused", "refused at the door", "helper gone"}
    assert services.work.inspector.starts == 1, "files were decoded"
    assert slowest_s > 0


async def test_what_breaks_on_the_way_is_counted(channel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client, services = channel
    monkeypatch.setattr(uploads, "mangled", lambda data, rng: data)
    services.work.looker = Looker("nobody could look at it: the helper is gone")
    with pytest.raises(AssertionError, match="a sound file after them: not looked at"):
        await uploads.send(client, services, uploads.samples()[:1], 1)

    def broken(*_: object) -> NoReturn:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(services.uploads, "append", broken)
    with pytest.raises(AssertionError, match="crashed"):
        await uploads.send(client, services, uploads.samples()[:1], 0)
