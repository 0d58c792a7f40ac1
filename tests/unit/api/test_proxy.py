"""What a client hears when whoever worked on its request has died."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from serve.api.problems import Problem
from serve.api.proxy import Answered


class Serves:
    """Serve's proxy: some requests end without an answer, as when their replica dies.

    Args:
        dies: How many, from the first.
    """

    def __init__(self, dies: int) -> None:
        self._dies, self.bodies = dies, list[bytes]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        self.bodies.append(message.get("body", b""))
        if len(self.bodies) > self._dies:
            await PlainTextResponse("done")(scope, receive, send)


def client(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(Answered(app)), base_url="http://dome")


def is_again(answer: httpx.Response) -> bool:
    """Whether it is the 503 that says to send it again."""
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert int(answer.headers["retry-after"]) >= 1
    return answer.status_code == answer.json()["status"] == 503


async def test_a_read_whose_replica_died_is_asked_once_more() -> None:
    async with client(Serves(dies=1)) as asks:
        assert (await asks.get("/api/v1/violations")).text == "done"


async def test_a_read_that_ends_two_replicas_is_not_sent_to_a_third() -> None:
    app = Serves(dies=9)
    async with client(app) as asks:
        assert is_again(await asks.get("/api/v1/violations"))
    assert len(app.bodies) == 2


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "GET"])
async def test_what_may_have_been_done_is_not_done_again_here(method: str) -> None:
    app = Serves(dies=1)
    async with client(app) as asks:
        answer = await asks.request(method, "/api/v1/webhooks", content=b"{}")
    assert is_again(answer)
    assert "Idempotency-Key" in answer.json()["detail"]
    assert app.bodies == [b"{}"]


async def test_what_serve_says_in_its_own_words_is_said_in_ours() -> None:
    app = PlainTextResponse("Deployment api is unavailable", 503)
    async with client(app) as asks:
        answer = await asks.get("/console")
        assert is_again(answer)
        assert "Deployment" not in answer.text
        probe = await asks.get("/-/healthz")
    assert (probe.status_code, probe.text) == (503, "Deployment api is unavailable")


@pytest.mark.parametrize("status", [200, 404, 409, 503])
async def test_the_api_s_own_answers_pass_as_they_are(status: int) -> None:
    async with client(Problem(status, "its own").response()) as asks:
        answer = await asks.get("/api/v1/me")
    assert (answer.status_code, answer.json()["detail"]) == (status, "its own")
    assert "retry-after" not in answer.headers


async def test_whoever_went_away_is_not_answered() -> None:
    sent: list[Any] = []

    async def gone() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    app = Serves(dies=9)
    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    await Answered(app)(scope, gone, send)
    assert (sent, len(app.bodies)) == ([], 1)


async def test_an_answer_that_broke_off_is_not_followed_by_another() -> None:
    sent: list[Any] = []

    async def breaks(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"data: 1", "more_body": True})

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await Answered(breaks)({"type": "http", "method": "GET", "path": "/", "headers": []}, receive, send)
    assert sent == ["http.response.start", "http.response.body"]
