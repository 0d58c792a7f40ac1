"""Webhooks: other services are told of events as they happen."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from flows.domain.webhook import Webhook
from serve.api.access import may
from serve.api.problems import described
from serve.api.schemas import Answer
from serve.api.scope import scoped
from serve.api.scopes.webhooks import Webhooks

router = APIRouter(prefix="/webhooks", tags=["webhooks"])
Scope = Annotated[Webhooks, scoped(Webhooks)]
Id = Annotated[str, Path(pattern=r"^[0-9a-f]{1,32}$")]


class WebhookAsked(BaseModel):
    """Where to post which events."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"url": "https://bus.example/in", "types": ["dome.violation."]}},
    )

    url: str = Field(max_length=500)
    types: list[Annotated[str, Field(pattern=r"^dome\.[a-z_.0-9]{0,80}$")]] = Field(default=[], max_length=20)
    districts: list[Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")]] = Field(default=[], max_length=50)


class WebhookRow(Answer):
    """A webhook; its secret is shown once, to whoever makes it."""

    id: str
    url: str
    types: list[str]
    districts: list[str]
    made_by: str
    made_at: AwareDatetime
    secret: str = ""

    @classmethod
    def of(cls, hook: Webhook, secret: str = "") -> WebhookRow:
        """From a webhook."""
        return cls(
            id=hook.id, url=hook.url, types=list(hook.types), districts=sorted(hook.districts),
            made_by=hook.made_by, made_at=hook.made_at, secret=secret,
        )  # fmt: skip


class WebhookList(Answer):
    """Webhooks of your districts."""

    items: list[WebhookRow]


class DeadList(Answer):
    """Events that a webhook did not take, the newest first."""

    items: list[dict[str, str]]


@router.get("")
@may("administrator", "auditor")
def webhooks(scope: Scope) -> WebhookList:
    """Webhooks of your districts."""
    return WebhookList(items=[WebhookRow.of(hook) for hook in scope.all()])


@router.post("", status_code=201, responses=described(403))
@may("administrator")
def create_webhook(scope: Scope, asked: WebhookAsked) -> WebhookRow:
    """Subscribes a service: CloudEvents, signed as Standard Webhooks say (the standard's libraries take the secret
    as it is), tried eight times, then put aside. No event names a plate."""
    hook = scope.add(asked.url, asked.types, asked.districts)
    return WebhookRow.of(hook, hook.secret)


@router.get("/{webhook_id}/dead", responses=described(404))
@may("administrator", "auditor")
def dead(scope: Scope, webhook_id: Id) -> DeadList:
    """What a webhook did not take."""
    return DeadList(items=scope.dead(webhook_id))


@router.post("/{webhook_id}/dead/again", status_code=204, responses=described(404))
@may("administrator")
def dead_again(scope: Scope, webhook_id: Id) -> None:
    """Sends what a webhook did not take once more, behind what is new; what it does not take now is put aside again.
    Written into the audit log."""
    scope.again(webhook_id)


@router.delete("/{webhook_id}", status_code=204, responses=described(404))
@may("administrator")
def remove_webhook(scope: Scope, webhook_id: Id) -> None:
    """Ends a subscription and forgets what it did not take."""
    scope.remove(webhook_id)
