"""A webhook: another service that is told of events as they happen."""

from __future__ import annotations

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Webhook(BaseModel):
    """One subscription.

    Attributes:
        id: Its id.
        url: Where events are posted.
        types: Only types that begin so; empty is all that webhooks may have.
        districts: Only of these.
        secret: What deliveries are signed with; shown once, to whoever makes it.
        made_by: Who made it.
        made_at: When.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    url: str
    types: tuple[str, ...] = ()
    districts: frozenset[str] = frozenset()
    secret: str = Field(repr=False)
    made_by: str
    made_at: AwareDatetime
