"""Writes sent again, clients in a hurry, bodies that are too long, and errors nobody foresaw."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from apiclient import bearer, config_for, running, speeding, token
from citizens import signed

from flows.domain.errors import StoreError
from flows.store.channels import ChannelBook
from serve.api import idempotency

HOOK = {"url": "http://127.0.0.1:9/in"}


async def hooks(api: Any) -> int:
    return len((await api.get("/webhooks", "administrator")).json()["items"])


async def test_a_write_sent_again_with_its_key_is_done_once(api: Any) -> None:
    key = {"Idempotency-Key": "k1"}
    first = await api.post("/webhooks", HOOK, "administrator", headers=key)
    again = await api.post("/webhooks", HOOK, "administrator", headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert await hooks(api) == 1
    other = await api.post("/webhooks", HOOK | {"types": ["dome.violation."]}, "administrator", headers=key)
    assert (other.status_code, await hooks(api)) == (422, 1)
    somebody = await api.post("/webhooks", HOOK, "administrator", headers=key, sub="bolat")
    assert (somebody.status_code, await hooks(api)) == (201, 2)


async def test_two_at_the_same_moment_are_one(api: Any) -> None:
    key = {"Idempotency-Key": "k2"}
    sent = [api.post("/webhooks", HOOK, "administrator", headers=key) for _ in range(6)]
    statuses = [answer.status_code for answer in await asyncio.gather(*sent)]
    assert set(statuses) <= {201, 409}
    assert await hooks(api) == 1


async def test_a_key_is_held_for_as_long_as_its_write_is_worked_on(
    api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, held = api.app.state.services, asyncio.Event()
    loop, hold, add = asyncio.get_running_loop(), services.answers.hold, services.webhooks.add
    monkeypatch.setattr(idempotency, "HOLD_S", 0.001)

    def holds(key: str) -> None:
        hold(key)
        loop.call_soon_threadsafe(held.set)

    def takes_long(*of: Any) -> None:
        asyncio.run_coroutine_threadsafe(held.wait(), loop).result(20)
        add(*of)

    monkeypatch.setattr(services.answers, "hold", holds)
    monkeypatch.setattr(services.webhooks, "add", takes_long)
    key = {"Idempotency-Key": "k4"}
    first = await api.post("/webhooks", HOOK, "administrator", headers=key)
    assert held.is_set()
    (kept,) = services.answers._client.keys("*answer*")
    assert services.answers._client.ttl(kept) > idempotency.WORKING_S, (
        "and that it was done is known for a day"
    )
    again = await api.post("/webhooks", HOOK, "administrator", headers=key)
    assert (first.status_code, again.json()) == (201, first.json())


async def test_what_went_wrong_here_may_be_tried_again(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    key = {"Idempotency-Key": "k3"}
    services = api.app.state.services

    def away(*_: object) -> None:
        raise StoreError("cannot add a webhook at unix:///x: gone")

    with monkeypatch.context() as patch:
        patch.setattr(services.webhooks, "add", away)
        failed = await api.post("/webhooks", HOOK, "administrator", headers=key)
    assert (failed.status_code, failed.headers["retry-after"]) == (503, "2")
    assert (await api.post("/webhooks", HOOK, "administrator", headers=key)).status_code == 201


@pytest.mark.slow
async def test_clients_in_a_hurry_wait_and_others_do_not(redis_url: str, tmp_path: Path) -> None:
    config = config_for(redis_url, tmp_path, rate_hz=0.01, burst=3)
    async with running(config) as (_, client):
        hasty = bearer(token(config, "operator", sub="hasty"))
        answers = [await client.get("/api/v1/me", headers=hasty) for _ in range(4)]
        assert [a.status_code for a in answers] == [200, 200, 200, 429]
        assert int(answers[-1].headers["retry-after"]) > 30
        calm = bearer(token(config, "operator", sub="calm"))
        assert (await client.get("/api/v1/me", headers=calm)).status_code == 200


@pytest.mark.slow
async def test_who_was_refused_too_often_waits_at_every_door_and_who_is_known_goes_on(
    redis_url: str, tmp_path: Path
) -> None:
    config = config_for(redis_url, tmp_path, refused_hz=0.01, refused=4)
    key = ChannelBook(config.channels_path).add("egov")
    path = "/api/v1/open311/v2/requests.json"
    async with running(config) as (_, client):
        good = bearer(token(config, "operator"))
        assert (await client.get("/api/v1/me", headers=good)).status_code == 200
        tries = [
            await client.get("/api/v1/me"),
            await client.get("/api/v1/me", headers=bearer("x" * 40)),
            await client.post("/console/session", json={"token": "x" * 40}),
            await client.post(path, content=b"{}", headers=signed("egov", "wrong", "POST", path, b"{}")),
        ]
        assert [answer.status_code for answer in tries] == [401] * 4
        late = [
            await client.get("/api/v1/me"),
            await client.get("/api/v1/me", headers=bearer("y" * 40)),
            await client.post("/console/session", json={"token": token(config, "operator", sub="new")}),
            await client.post(path, content=b"{}", headers=signed("egov", key, "POST", path, b"{}")),
        ]
        assert [answer.status_code for answer in late] == [429] * 4
        assert all(90 < int(answer.headers["retry-after"]) <= 100 for answer in late)
        assert (await client.get("/api/v1/me", headers=good)).status_code == 200
        assert [(await client.get(page)).status_code for page in ("/api/v1/health", "/console")] == [200, 200]
        elsewhere = httpx.ASGITransport(client._transport.app, client=("192.0.2.7", 9))  # type: ignore[attr-defined]
        async with httpx.AsyncClient(transport=elsewhere, base_url="http://dome") as other:
            assert (await other.get("/api/v1/me")).status_code == 401


async def test_a_body_that_is_too_long_is_refused_also_without_its_length(api: Any) -> None:
    long = b"x" * (300 * 1024)

    async def pieces() -> Any:
        for _ in range(30):
            yield long[:10_240]

    for content in (long, pieces()):
        answer = await api.client.post(
            "/api/v1/webhooks", content=content, headers=api.signed("administrator")
        )
        assert answer.status_code == 413
        assert answer.headers["content-type"] == "application/problem+json"


async def test_what_nobody_foresaw_tells_nothing_of_its_insides(
    api: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("the secret is 42")

    monkeypatch.setattr(api.app.state.services.results, "event", fails)
    answer = await api.get(f"/violations/{speeding(0).id}")
    assert (answer.status_code, answer.json()["title"]) == (500, "Internal Server Error")
    assert "42" not in answer.text
    assert "the secret is 42" in caplog.text


async def test_errors_name_the_field_what_was_expected_and_what_came(api: Any) -> None:
    answer = await api.get("/violations?limit=0&since=yesterday")
    fields = {e["field"]: e for e in answer.json()["errors"]}
    assert set(fields) == {"query.limit", "query.since"}
    assert "greater than or equal to 1" in fields["query.limit"]["expected"]
    assert fields["query.since"]["got"] == "'yesterday'"
