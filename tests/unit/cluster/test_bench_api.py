"""What the bench of the API measures, without Ray."""

from __future__ import annotations

from pathlib import Path

import httpx
from apiclient import bearer, config_for, running, token

from cluster.bench import api


async def test_a_reviewers_step_ends_when_the_next_items_picture_is_here(
    redis_url: str, tmp_path: Path
) -> None:
    config, asked = config_for(redis_url, tmp_path), []

    async def note(answer: httpx.Response) -> None:
        asked.append(answer.request.url.path.rpartition("/")[2])
        if asked[-1].endswith(".jpg"):
            assert len(await answer.aread()) == len(picture)

    async with running(config) as (app, _):
        api._fill(redis_url, 30)
        picture = api._packages(config, 3)
        headers = bearer(token(config, "reviewer", districts=["*"]))
        transport, hooks = httpx.ASGITransport(app), {"response": [note]}
        address = "http://dome/api/v1"
        async with httpx.AsyncClient(
            transport=transport, base_url=address, headers=headers, event_hooks=hooks
        ) as client:
            assert len(await api._steps(client, 2)) == 2
    assert asked == ["next", *["reject", "next", "crossed.jpg"] * 2]
    assert len(picture) > 300_000, "as large as one of a street"
