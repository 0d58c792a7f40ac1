"""Live events as server-sent events: ``Last-Event-ID`` is the place in the Redis stream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse

from flows.domain.errors import FieldError
from serve.api.access import may
from serve.api.problems import described
from serve.api.scope import scoped
from serve.api.scopes.alerts import Alerts

router = APIRouter(prefix="/alerts", tags=["alerts"])
Scope = Annotated[Alerts, scoped(Alerts)]

EXAMPLE = (
    'id: 1762070400123-0\nevent: dome.violation.speeding.v1\ndata: {"id":"7f0c...","subject":"esil"}\n\n'
)


@router.get(
    "/stream",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"example": EXAMPLE}}}, **described(403, 422, 503)},
)
@may("operator", "reviewer", "authoriser", "patrol", "analyst", "auditor", "administrator")
async def stream(
    scope: Scope,
    type: Annotated[
        list[Annotated[str, Query(pattern=r"^[a-z_.0-9]{1,80}$")]] | None,
        Query(max_length=20, description="Only types that begin so.", examples=[["dome.violation."]]),
    ] = None,
    district: Annotated[
        list[Annotated[str, Query(pattern=r"^[a-z0-9_-]{1,64}$")]] | None, Query(max_length=50)
    ] = None,
    last_event_id: Annotated[str, Header(max_length=40)] = "",
    after: Annotated[
        str,
        Query(
            max_length=40, description="Like Last-Event-ID, where no header can be set; 0 is the beginning."
        ),
    ] = "",
) -> StreamingResponse:
    """Events of your districts as they are written. With `Last-Event-ID` it begins where you were: nothing is
    missed, nothing comes twice."""
    try:
        events = await scope.follow(tuple(type or ()), tuple(district or ()), last_event_id or after)
    except ValueError as error:
        raise FieldError("Last-Event-ID", "the id of an event of this stream", str(error)) from None
    return StreamingResponse(
        events,
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


Events = AsyncIterator[bytes]
