"""Delivers events to webhooks: CloudEvents, signed, in order, tried again, and put aside when nothing helps.

Signed as Standard Webhooks say (https://www.standardwebhooks.com): ``webhook-id``, ``webhook-timestamp``, and
``webhook-signature`` over ``id.timestamp.body`` with HMAC-SHA256 keyed with the bytes that the secret stands for.
Deliveries are at least once: the id is the event's.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final, Protocol

import httpx

from flows.domain.masking import masked
from flows.domain.webhook import Webhook

log = logging.getLogger(__name__)

ANSWER_S: Final = 10.0
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
    """

    place: str
    id: str
    event: dict[str, Any] | None


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
    def settle(self, hook_id: str, place: str) -> None: ...
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
        client: For tests.
        now: The present.
    """

    def __init__(
        self,
        hooks: Hooks,
        client: httpx.Client | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._hooks, self._now, self._given = hooks, now, client

    @cached_property
    def _client(self) -> httpx.Client:
        """Made for the first delivery: reading the machine's certificates takes longer than starting the rest."""
        return self._given or httpx.Client(timeout=ANSWER_S, follow_redirects=False)

    def deliver(self) -> int:
        """One round over all webhooks; how many events were settled. Called every second.

        Raises:
            StoreError: If Redis is away.
        """
        if not self._hooks.my_turn():
            return 0
        return sum(self._of(hook) for hook in self._hooks.all())

    def _of(self, hook: Webhook) -> int:
        progress = self._hooks.progress(hook.id)
        if self._now_ms() < progress.due_ms:
            return 0
        settled, failures = 0, progress.failures
        for delivery in self._hooks.waiting(hook, progress.place, BATCH):
            why = self._send(hook, delivery)
            if why and failures + 1 < ATTEMPTS:
                pause_ms = int(PAUSE_S * 1000 * 2**failures)
                self._hooks.postpone(hook.id, failures + 1, self._now_ms() + pause_ms)
                break
            if why:
                log.error("webhook %s: %s is put aside: %s", hook.id, delivery.id, why)
                self._hooks.put_aside(hook.id, delivery, why)
            self._hooks.settle(hook.id, delivery.place)
            self._hooks.my_turn()
            settled, failures = settled + 1, 0
        return settled

    def _send(self, hook: Webhook, delivery: Delivery) -> str:
        """Why it was not taken; empty if it was, or is none of theirs."""
        if delivery.event is None:
            return ""
        body = json.dumps(delivery.event, ensure_ascii=False, separators=(",", ":")).encode()
        timestamp = self._now_ms() // 1000
        headers = {
            "content-type": "application/cloudevents+json",
            "webhook-id": delivery.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(hook.secret, delivery.id, timestamp, body),
        }
        try:
            answer = self._client.post(hook.url, content=body, headers=headers)
        except httpx.HTTPError as error:
            return f"{type(error).__name__}: {masked(str(error))}"
        return "" if answer.is_success else f"answered {answer.status_code}"

    def _now_ms(self) -> int:
        return int(self._now().timestamp() * 1000)


def allowed(url: str, hosts: Sequence[str]) -> bool:
    """Whether events may be posted there: https to a host that the installation names (``DOME_WEBHOOK_HOSTS``).

    >>> allowed("https://bus.example/in", ["bus.example"]), allowed("https://169.254.169.254/", ["bus.example"])
    (True, False)
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        return False
    own = parsed.host in ("127.0.0.1", "localhost")
    return (
        parsed.host in hosts
        and (parsed.scheme == "https" or (own and parsed.scheme == "http"))
        and not parsed.userinfo
    )
