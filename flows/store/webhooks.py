"""Webhooks in Redis: each knows the place of the last event it had, so none is missed however long it was away."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import redis

from flows.casework.webhooks import Delivery, Progress
from flows.domain.masking import masked
from flows.domain.webhook import Webhook
from flows.store import keys
from flows.store.connection import client, told
from flows.store.ledger import Change, Ledger, entry
from flows.store.turn import Turn

TURN_S: Final = 30.0
DEAD_KEPT: Final = 10_000

Shown = Callable[[Webhook, dict[str, Any], str, str], dict[str, Any] | None]
"""An event as a webhook gets it, from the event, its type and its district; None if it does not."""


class WebhookStore:
    """See :class:`flows.casework.webhooks.Hooks`.

    Args:
        url: Of Redis.
        shown: What a webhook gets of an event.
    """

    def __init__(self, url: str, shown: Shown) -> None:
        self._address, self._shown = masked(url), shown
        self._client: redis.Redis = client(url, 5.0)
        self._ledger = Ledger(url)
        self._turn = Turn(self._client, "webhooks", TURN_S)

    def close(self) -> None:
        """Gives the connections back."""
        self._client.close()
        self._ledger.close()

    def my_turn(self) -> bool:
        """Whether it is this process that sends now."""
        with told("take a turn", self._address):
            return self._turn.mine()

    def add(self, hook: Webhook) -> None:
        """Keeps a webhook; it is told of what comes from now on.

        Raises:
            StoreError: If Redis is away.
        """
        with told("add a webhook", self._address):
            newest: Any = self._client.xrevrange(keys.EVENTS, count=1)
        place = newest[0][0].decode() if newest else "0-0"
        details = {"url": hook.url, "types": list(hook.types), "districts": sorted(hook.districts)}
        change = Change(
            commands=[
                ["HSET", keys.WEBHOOKS, hook.id, hook.model_dump_json()],
                ["HSET", keys.webhook(hook.id), "place", place],
            ],
            entries=[entry(hook.made_by, "webhook.created", subject=hook.id, **details)],  # type: ignore[arg-type]
        )
        self._ledger.commit(change, "add a webhook")

    def remove(self, hook: Webhook, by: str) -> None:
        """Forgets a webhook and what it did not take.

        Raises:
            StoreError: If Redis is away.
        """
        change = Change(
            commands=[
                ["HDEL", keys.WEBHOOKS, hook.id],
                ["DEL", keys.webhook(hook.id), keys.webhook(hook.id, "dead")],
            ],
            entries=[entry(by, "webhook.removed", subject=hook.id, districts=sorted(hook.districts))],  # type: ignore[arg-type]
        )
        self._ledger.commit(change, "remove a webhook")

    def all(self) -> list[Webhook]:
        """All webhooks, by id."""
        with told("read webhooks", self._address):
            found: Any = self._client.hgetall(keys.WEBHOOKS)
        return [Webhook.model_validate_json(text) for _, text in sorted(found.items())]

    def progress(self, hook_id: str) -> Progress:
        """How far it is."""
        with told("read webhooks", self._address):
            found: Any = self._client.hmget(keys.webhook(hook_id), "place", "failures", "due_ms")
        place, failures, due_ms = found
        return Progress((place or b"0-0").decode(), int(failures or 0), int(due_ms or 0))

    def waiting(self, hook: Webhook, after: str, count: int) -> list[Delivery]:
        """Events after a place, then what was put aside and is to be sent once more."""
        with told("read events", self._address):
            rows: Any = self._client.xrange(keys.EVENTS, min=f"({after}", count=count)
            rows = [(place, fields, b"") for place, fields in rows] + self._revived(
                hook.id, count - len(rows)
            )
            pipe = self._client.pipeline(transaction=False)
            for _, fields, _ in rows:
                pipe.hget(keys.event(fields[b"id"].decode()), "json")
            texts: list[bytes | None] = pipe.execute() if rows else []
        return [
            Delivery(place.decode(), f[b"id"].decode(), self._as_shown(hook, f, text), dead.decode())
            for (place, f, dead), text in zip(rows, texts, strict=True)
        ]

    def _revived(self, hook_id: str, count: int) -> list[tuple[bytes, dict[bytes, bytes], bytes]]:
        """Of what was put aside until somebody asked for it once more: place, fields in the stream of all events (those
        here where it was deleted there since), and place here."""
        until: Any = self._client.hget(keys.webhook(hook_id), "again") if count > 0 else None
        if until is None:
            return []
        dead: Any = self._client.xrange(keys.webhook(hook_id, "dead"), max=until, count=count)
        pipe = self._client.pipeline(transaction=False)
        for _, row in dead:
            pipe.xrange(keys.EVENTS, row[b"place"], row[b"place"])
        found = pipe.execute() if dead else []
        return [
            (row[b"place"], here[0][1] if here else row, place)
            for (place, row), here in zip(dead, found, strict=True)
        ]

    def again(self, hook: Webhook, by: str) -> None:
        """Has what it did not take so far sent once more, behind what is new.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read dead deliveries", self._address):
            newest: Any = self._client.xrevrange(keys.webhook(hook.id, "dead"), count=1)
        if newest:
            change = Change(
                commands=[["HSET", keys.webhook(hook.id), "again", newest[0][0].decode()]],
                entries=[entry(by, "webhook.revived", subject=hook.id, districts=sorted(hook.districts))],  # type: ignore[arg-type]
            )
            self._ledger.commit(change, "send dead deliveries again")

    def settle(self, hook_id: str, delivery: Delivery) -> None:
        """It had the event, or will not."""
        with told("settle a delivery", self._address):
            if delivery.dead:
                self._client.xdel(keys.webhook(hook_id, "dead"), delivery.dead)
            else:
                kept: Any = {"place": delivery.place, "failures": 0, "due_ms": 0}
                self._client.hset(keys.webhook(hook_id), mapping=kept)

    def postpone(self, hook_id: str, failures: int, due_ms: int) -> None:
        """The next event is tried again then."""
        with told("postpone a delivery", self._address):
            self._client.hset(keys.webhook(hook_id), mapping={"failures": failures, "due_ms": due_ms})

    def put_aside(self, hook_id: str, delivery: Delivery, why: str) -> None:
        """Keeps what it did not take, for a person to look at."""
        with told("put a delivery aside", self._address):
            row: Any = {"place": delivery.place, "id": delivery.id, "why": why[:300]}
            self._client.xadd(keys.webhook(hook_id, "dead"), row, maxlen=DEAD_KEPT, approximate=True)

    def dead(self, hook_id: str, count: int = 100) -> list[dict[str, str]]:
        """What it did not take, the newest first."""
        with told("read dead deliveries", self._address):
            rows: Any = self._client.xrevrange(keys.webhook(hook_id, "dead"), count=count)
        return [{name.decode(): value.decode() for name, value in fields.items()} for _, fields in rows]

    def _as_shown(
        self, hook: Webhook, fields: dict[bytes, bytes], text: bytes | None
    ) -> dict[str, Any] | None:
        if text is None:
            return None
        return self._shown(hook, json.loads(text), fields[b"type"].decode(), fields[b"district"].decode())
