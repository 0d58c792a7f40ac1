"""Delivers events to webhooks: CloudEvents, signed, in order, tried again, and put aside when nothing helps.

Signed as Standard Webhooks say (https://www.standardwebhooks.com): ``webhook-id``, ``webhook-timestamp``, and
``webhook-signature`` over ``id.timestamp.body`` with HMAC-SHA256 keyed with the bytes that the secret stands for.
Deliveries are at least once: the id is the event's. Each webhook goes its own way: one that answers slowly, or byte by
byte, keeps no other waiting.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final, Protocol

import httpx

from flows.domain.errors import StoreError
from flows.domain.masking import masked
from flows.domain.webhook import Webhook

log = logging.getLogger(__name__)

ANSWER_S: Final = 10.0
"""For one delivery in all, from the connection to the answer's end."""
ANSWER_BYTES: Final = 64 * 1024
"""An answer is read to its end, so that its connection serves again; a longer one is not worth that."""
ROUND_S: Final = 1.0
"""So long a round waits for those that are slow; they go on in the next one."""
ATTEMPTS: Final = 8
PAUSE_S: Final = 2.0
"""First pause; doubled each time: the eighth attempt comes four minutes after the first."""
BATCH: Final = 50
SECRET: Final = "whsec_"
"""How the standard marks a secret; base64 of the key follows."""
KEY_BYTES: Final = 32
"""The standard takes 24 to 64."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one webhook.

    Attributes:
        place: In the stream of all events.
        id: The event's.
        event: As it is sent, without what names a person or a plate; None if this webhook does not get it.
        dead: Where it lies among what was put aside, if somebody has asked for it once more; else empty.
    """

    place: str
    id: str
    event: dict[str, Any] | None
    dead: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a webhook is: the place of the last event that is settled, and failures of the next one."""

    place: str
    failures: int = 0
    due_ms: int = 0


class Hooks(Protocol):
    """Where webhooks are (:class:`flows.store.webhooks.WebhookStore`)."""

    def my_turn(self) -> bool: ...
    def all(self) -> list[Webhook]: ...
    def progress(self, hook_id: str) -> Progress: ...
    def waiting(self, hook: Webhook, after: str, count: int) -> list[Delivery]: ...
    def settle(self, hook_id: str, delivery: Delivery) -> None: ...
    def postpone(self, hook_id: str, failures: int, due_ms: int) -> None: ...
    def put_aside(self, hook_id: str, delivery: Delivery, why: str) -> None: ...


def new_secret() -> str:
    """A secret that the standard's libraries read."""
    return SECRET + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def key_of(secret: str) -> bytes:
    """What a secret stands for; one from before they were marked is its own text, as whoever keeps it verifies.

    >>> key_of("whsec_AQID"), key_of("AQID")
    (b'\\x01\\x02\\x03', b'AQID')
    """
    return base64.b64decode(secret.removeprefix(SECRET)) if secret.startswith(SECRET) else secret.encode()


def signature(secret: str, id: str, timestamp: int, body: bytes) -> str:
    """``v1,BASE64``.

    >>> signature("s", "a", 1, b"{}")
    'v1,khQQGVQwmLnx/32NzOOqaw0VPV9pGDRrsQILlFv7o6k='
    """
    mac = hmac.new(key_of(secret), f"{id}.{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(mac.digest()).decode()}"


class Sender:
    """Sends what waits.

    Args:
        hooks: Where webhooks are.
        client: For tests; closed with this.
        now: The present.
    """

    def __init__(
        self,
        hooks: Hooks,
        client: httpx.AsyncClient | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._hooks, self._now, self._given = hooks, now, client
        self._loop: asyncio.AbstractEventLoop | None = None
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._settled = 0
        self._lock = threading.Lock()

    @cached_property
    def _client(self) -> httpx.AsyncClient:
        """Made for the first delivery: reading the machine's certificates takes longer than starting the rest."""
        return self._given or httpx.AsyncClient(timeout=ANSWER_S, follow_redirects=False)

    def deliver(self) -> int:
        """One round over all webhooks; how many events were settled. Called every second, in any thread.

        Raises:
            StoreError: If Redis is away.
        """
        hooks = {hook.id: hook for hook in self._hooks.all()} if self._hooks.my_turn() else {}
        with self._lock:
            if not hooks and not self._under_way:
                return 0
            self._loop = self._loop or asyncio.new_event_loop()
            return self._loop.run_until_complete(self._round(hooks))

    def close(self) -> None:
        """Ends what is under way: it is sent again by whoever has the next turn."""
        with self._lock:
            if self._loop is not None:
                if self._under_way:
                    self._loop.run_until_complete(self._round({}))
                self._loop.run_until_complete(self._client.aclose())
                self._loop.close()

    async def _round(self, hooks: Mapping[str, Webhook]) -> int:
        """Goes on with those of before and begins with the others; ends those that are no longer ours to serve."""
        before = self._settled
        for hook_id, task in self._under_way.items():
            if hook_id not in hooks:
                task.cancel()
        for hook_id, hook in hooks.items():
            if hook_id not in self._under_way:
                self._under_way[hook_id] = asyncio.create_task(self._of(hook))
        done, _ = await asyncio.wait(self._under_way.values(), timeout=ROUND_S)
        ended = {hook_id: task for hook_id, task in self._under_way.items() if task in done}
        self._under_way = {hook_id: task for hook_id, task in self._under_way.items() if task not in done}
        errors = {hook_id: task.exception() for hook_id, task in ended.items() if not task.cancelled()}
        for hook_id, error in errors.items():
            if error is not None and not isinstance(error, StoreError):
                log.error("webhook %s", hook_id, exc_info=error)
        for away in errors.values():
            if isinstance(away, StoreError):
                raise away
        return self._settled - before

    async def _of(self, hook: Webhook) -> None:
        progress = self._hooks.progress(hook.id)
        if self._now_ms() < progress.due_ms:
            return
        failures = progress.failures
        for delivery in self._hooks.waiting(hook, progress.place, BATCH):
            why = await self._send(hook, delivery)
            if why and not delivery.dead and failures + 1 < ATTEMPTS:
                pause_ms = int(PAUSE_S * 1000 * 2**failures)
                self._hooks.postpone(hook.id, failures + 1, self._now_ms() + pause_ms)
                break
            if why:
                log.error("webhook %s: %s is put aside: %s", hook.id, delivery.id, why)
                self._hooks.put_aside(hook.id, delivery, why)
            self._hooks.settle(hook.id, delivery)
            if why and delivery.dead:  # once each, one a round: what is new does not wait for them
                break
            self._settled, failures = self._settled + 1, 0

    async def _send(self, hook: Webhook, delivery: Delivery) -> str:
        """Why it was not taken; empty if it was, or is none of theirs."""
        if delivery.event is None:
            return ""
        said = ""
        try:
            body = json.dumps(delivery.event, ensure_ascii=False, separators=(",", ":")).encode()
            timestamp = self._now_ms() // 1000
            headers = {
                "content-type": "application/cloudevents+json",
                "webhook-id": delivery.id,
                "webhook-timestamp": str(timestamp),
                "webhook-signature": signature(hook.secret, delivery.id, timestamp, body),
            }
            posted = self._client.stream("POST", hook.url, content=body, headers=headers)
            async with asyncio.timeout(ANSWER_S), posted as answer:
                said = "taken" if answer.is_success else f"answered {answer.status_code}"
                async for _ in answer.aiter_raw():
                    if answer.num_bytes_downloaded > ANSWER_BYTES:
                        break
        except Exception as error:  # noqa: BLE001 - an address of which a client makes nothing is that webhook's failure
            # Once it has said whether it took it, that is its answer, however the rest of it ends.
            said = said or f"{type(error).__name__}: {masked(str(error)) or 'no answer in time'}"
        return "" if said == "taken" else said

    def _now_ms(self) -> int:
        return int(self._now().timestamp() * 1000)


def allowed(url: str, hosts: Sequence[str]) -> bool:
    """Whether events may be posted there: https to a host that the installation names (``DOME_WEBHOOK_HOSTS``).

    >>> allowed("https://bus.example/in", ["bus.example"]), allowed("https://169.254.169.254/", ["bus.example"])
    (True, False)
    """
    try:
        parsed = httpx.URL(url)
        host = parsed.host
    except (
        httpx.InvalidURL,
        TypeError,
        ValueError,
    ):  # a ValueError where it holds no text, or a host that is no name
        return False
    own = host in ("127.0.0.1", "localhost")
    return (
        host in hosts
        and (parsed.scheme == "https" or (own and parsed.scheme == "http"))
        and (parsed.port is None or 0 < parsed.port < 2**16)
        and not parsed.userinfo
    )
