"""Writes with an ``Idempotency-Key``: what it asks for is done once, however often it is sent.

Of a write that was done the key remembers for a day that it was, and the id of what it made; never what was answered:
that may be about somebody who has to be forgotten before the day is over. So a write sent again reaches its route,
which hears of it (:class:`Once`) and answers with what there is now, to who may see it now. While the first is still
being worked on, the second is told so. A key that comes with another request is refused: it is a mistake of the
client's.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
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

log = logging.getLogger(__name__)

KEPT_S: Final = 86_400
WORKING_S: Final = 15
"""Whoever died while working on a request leaves its key free again after that; who lives holds on to it."""
HOLD_S: Final = 4.0
"""Three times before it lapses: an event loop that stands still for eleven seconds is no replica that lives."""
LONGEST: Final = 128


@dataclass(slots=True)
class Once:
    """What is known of a request by its key; most routes need not look: what they do twice is done once.

    Attributes:
        again: It was done before, and sent again by who did not hear of it: nothing is to be done.
        made: The id of what was made then; a route that makes something says it here.
    """

    again: bool = False
    made: str = ""


class Answers:
    """What is known of writes by their keys, in Redis.

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

    def keep(self, key: str, request: str, made: str) -> None:
        """Remembers that a request was done, and what it made."""
        with told("keep answers", "Redis"):
            done = json.dumps({"request": request, "made": made})
            self._client.set(keys.answer(key), done, ex=KEPT_S)

    def forget(self, key: str) -> None:
        """Frees a key: what was not done may be tried again."""
        with told("keep answers", "Redis"):
            self._client.delete(keys.answer(key))


class Idempotency:
    """Has writes done once by their keys.

    Args:
        app: What comes after.
        answers: Gives where keys are kept; asked at each request.
        most: Longest body of such a request, bytes.
    """

    def __init__(self, app: ASGIApp, answers: Callable[[], Answers], most: int) -> None:
        self._app, self._answers, self._most = app, answers, most
        self._working: set[asyncio.Task[None]] = set()

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
        body = await whole(receive, self._most)
        if body is None:
            await Problem(413, "the body is too long").response()(scope, receive, send)
            return
        key = hashlib.sha256(f"{person.sub}\n{wanted}".encode()).hexdigest()
        # With the key, which only the client knows: a body as short as a plate could be found by trying all of them.
        head = f"{wanted}\n{scope['method']} {scope['path']}?{scope['query_string'].decode('latin-1')}\n"
        request = hashlib.sha256(head.encode() + body).hexdigest()
        await self._once(key, request, scope, replayed(body, receive), send)

    async def _once(self, key: str, request: str, scope: Scope, receive: Receive, send: Send) -> None:
        held = await asyncio.to_thread(self._answers().begin, key, request)
        if held is None:
            await self._to_its_end(key, request, scope, receive, send)
        elif held["request"] != request:
            problem = Problem(422, "Idempotency-Key: it came with another request before; use a new one")
            await problem.response()(scope, receive, send)
        elif "made" not in held:
            problem = Problem(
                409, "a request with this Idempotency-Key is being worked on", headers={"Retry-After": "1"}
            )
            await problem.response()(scope, receive, send)
        else:
            scope["once"] = Once(again=True, made=held["made"])
            await self._app(scope, receive, send)

    async def _first(self, key: str, request: str, scope: Scope, receive: Receive, send: Send) -> None:
        answers, once, status = self._answers(), Once(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            status = status or message.get("status", 0)
            await send(message)

        scope["once"] = once
        try:
            async with _held(answers, key):
                await self._app(scope, receive, noted)
        finally:
            task = asyncio.current_task()
            if 200 <= status < 300:
                await asyncio.to_thread(answers.keep, key, request, once.made)
            elif task is None or not task.cancelling():  # else the replica ends, and its thread may do it yet
                await asyncio.to_thread(answers.forget, key)

    async def _to_its_end(self, key: str, request: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Does it also where the client goes away meanwhile: the thread that writes cannot be stopped either, and who
        comes again is not to have it done twice."""
        gone = False

        async def heard(message: Message) -> None:
            if not gone:
                await send(message)

        task = asyncio.create_task(self._first(key, request, scope, receive, heard))
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            gone = True
            task.add_done_callback(_said)
            raise


def _said(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("a write whose client went away", exc_info=error)


@asynccontextmanager
async def _held(answers: Answers, key: str) -> AsyncIterator[None]:
    """Holds on to a key. The last hold is over before it is kept, whose time it would shorten."""
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
