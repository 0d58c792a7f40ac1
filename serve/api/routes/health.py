"""Whether the API answers, and who the caller is to it."""

from __future__ import annotations

import asyncio
from typing import Literal

from fastapi import APIRouter, Request, Response

from flows.domain.errors import StoreError
from flows.domain.people import Person
from serve.api.access import anybody, person_of, public
from serve.api.schemas import Answer
from serve.api.scope import services_of

router = APIRouter(tags=["health"])


class Health(Answer):
    """How the replica is doing; the address of Redis and the like are nobody's business here."""

    status: Literal["up", "degraded"]
    redis: Literal["up", "away"]
    listeners: int


@router.get("/health")
@public()
async def health(request: Request, response: Response) -> Health:
    """Whether this replica and its Redis answer; 503 if Redis does not."""
    services = services_of(request)
    try:
        await asyncio.to_thread(services.results.probe)
    except StoreError:
        response.status_code = 503
        return Health(status="degraded", redis="away", listeners=services.alerts.listening)
    return Health(status="up", redis="up", listeners=services.alerts.listening)


@router.get("/me", tags=["identity"])
@anybody()
async def me(request: Request) -> Person:
    """Who you are to this API: roles and districts as your token says them."""
    return person_of(request)
