"""Writes with an ``Idempotency-Key``: one sent again gets the answer that the first one got.

Answers are kept for a day, by person and key. While the first is still being worked on, the second is told so. A key
that comes with another request is refused: it is a mistake of the client's.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import redis
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flows.domain.errors import StoreError
from flows.domain.people import Person
from flows.store import keys
from flows.store.connection import client, told
from serve.api.bodies import replayed, whole
from serve.api.middleware import SAFE
from serve.api.problems import Problem

KEPT_S: Final = 86_400
WORKING_S: Final = 15
"""Whoever died while working on a request leaves its key free again after that; who lives holds on to it."""
HOLD_S: Final = 4.0
"""Three times before it lapses: an event loop that stands still for eleven seconds is no replica that lives."""
LONGEST: Final = 128
MOST_BYTES: Final = 512 * 1024
"""Longer answers are not kept; writes answer with less."""


class Answers:
    """Kept answers in Redis.

    Args:
        url: Of Redis.
    """

    def __init__(self, url: str) -> None:
        self._client: redis.Redis = client(url, 3.0)

    def close(self) -> None:
        """Gives the connections back."""
        self._client.close()

    def begin(self, key: str, request: str) -> dict[str, Any] | None:
        """Takes a key for a request; what is kept of it if it was taken before."""
        working = json.dumps({"request": request})
        with told("keep answers", "Redis"):
            if self._client.set(keys.answer(key), working, nx=True, ex=WORKING_S):
                return None
            held: Any = self._client.get(keys.answer(key))
        found: dict[str, Any] = json.loads(held) if held else {"request": request}  # it lapsed at this moment
        return found

    def hold(self, key: str) -> None:
        """Holds a key for longer: its request is still being worked on."""
        with told("keep answers", "Redis"):
            self._client.expire(keys.answer(key), WORKING_S)

    def keep(self, key: str, answer: dict[str, Any]) -> None:
        """Keeps an answer."""
        with told("keep answers", "Redis"):
            self._client.set(keys.answer(key), json.dumps(answer), ex=KEPT_S)

    def forget(self, key: str) -> None:
        """Frees a key: what went wrong on our side may be tried again."""
        with told("keep answers", "Redis"):
            self._client.delete(keys.answer(key))


class Idempotency:
    """Gives kept answers to repeated writes.

    Args:
        app: What comes after.
        answers: Gives where they are kept; asked at each request.
        most: Longest body of such a request, bytes.
    """

    def __init__(self, app: ASGIApp, answers: Callable[[], Answers], most: int) -> None:
        self._app, self._answers, self._most = app, answers, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wanted = Headers(scope=scope).get("idempotency-key", "") if scope["type"] == "http" else ""
        person = scope.get("person")
        if not wanted or not isinstance(person, Person) or scope["method"] in SAFE:
            await self._app(scope, receive, send)
            return
        if len(wanted) > LONGEST:
            problem = Problem(
                422, f"Idempotency-Key: expected at most {LONGEST} characters, got {len(wanted)}"
            )
            await problem.response()(scope, receive, send)
            return
        key = hashlib.sha256(f"{person.sub}\n{wanted}".encode()).hexdigest()
        await self._once(key, scope, receive, send)

    async def _once(self, key: str, scope: Scope, receive: Receive, send: Send) -> None:
        answers = self._answers()
        body = await whole(receive, self._most)
        if body is None:
            await Problem(413, "the body is too long").response()(scope, receive, send)
            return
        head = f"{scope['method']} {scope['path']}?{scope['query_string'].decode('latin-1')}\n"
        request = hashlib.sha256(head.encode() + body).hexdigest()
        held = await asyncio.to_thread(answers.begin, key, request)
        if held is not None:
            await _again(held, request, scope, receive, send)
            return
        recorder = _Recorder(send)
        try:
            async with _held(answers, key):
                await self._app(scope, replayed(body, receive), recorder)
        finally:
            if 200 <= recorder.status < 500 and recorder.status != 429 and len(recorder.body) <= MOST_BYTES:
                await asyncio.to_thread(answers.keep, key, recorder.answer(request))
            else:
                await asyncio.to_thread(answers.forget, key)


@asynccontextmanager
async def _held(answers: Answers, key: str) -> AsyncIterator[None]:
    """Holds on to a key. The last hold is over before the answer is kept, whose time it would shorten."""
    done = asyncio.Event()

    async def hold() -> None:
        while not done.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), HOLD_S)
                return
            with suppress(StoreError):  # while Redis is away it gives the key to nobody else either
                await asyncio.to_thread(answers.hold, key)

    holding = asyncio.create_task(hold())
    try:
        yield
    finally:
        done.set()
        await holding


async def _again(held: dict[str, Any], request: str, scope: Scope, receive: Receive, send: Send) -> None:
    if held["request"] != request:
        problem = Problem(422, "Idempotency-Key: it came with another request before; use a new one")
        await problem.response()(scope, receive, send)
    elif "status" not in held:
        problem = Problem(
            409, "a request with this Idempotency-Key is being worked on", headers={"Retry-After": "1"}
        )
        await problem.response()(scope, receive, send)
    else:
        headers = [(n.encode("latin-1"), v.encode("latin-1")) for n, v in held["headers"]]
        headers.append((b"idempotency-replayed", b"true"))
        await send({"type": "http.response.start", "status": held["status"], "headers": headers})
        await send({"type": "http.response.body", "body": base64.b64decode(held["body"])})


class _Recorder:
    """Passes an answer on and remembers it."""

    def __init__(self, send: Send) -> None:
        self._send, self.status, self.body = send, 0, b""
        self._headers: list[tuple[str, str]] = []

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in message["headers"]]
        elif len(self.body) <= MOST_BYTES:
            self.body += message.get("body", b"")
        await self._send(message)

    def answer(self, request: str) -> dict[str, Any]:
        text = base64.b64encode(self.body).decode()
        return {"request": request, "status": self.status, "headers": self._headers, "body": text}
