"""Things left behind."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from flows.domain.errors import FieldError
from serve.api.access import may
from serve.api.problems import described
from serve.api.schemas import Answer, When
from serve.api.scope import scoped
from serve.api.scopes.objects import LONGEST, ObjectRow, Objects

router = APIRouter(prefix="/objects", tags=["objects"])


class ObjectList(Answer):
    """Things left behind, the newest first."""

    items: list[ObjectRow]


@router.get("")
@may("operator", "patrol", "analyst", "auditor")
def objects(
    scope: Annotated[Objects, scoped(Objects)],
    until: Annotated[When, Query(description="Noticed before then.", examples=["2026-11-02T12:00:00Z"])],
    since: Annotated[When | None, Query(description="Noticed then or later; a day before `until`.")] = None,
    closed: Annotated[
        bool, Query(description="Also those that are gone, or that a patrol has dealt with.")
    ] = False,
) -> ObjectList:
    """Things left behind in your districts."""
    first = since or until - timedelta(days=1)
    if not timedelta(0) <= until - first <= LONGEST:
        raise FieldError("since", f"at most {LONGEST.days} days before until", first.isoformat())
    return ObjectList(items=scope.all(first, until, closed=closed))


@router.get(
    "/{event_id}/pictures/{name}",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, **described(404)},
)
@may("operator", "patrol", "auditor")
def picture(
    scope: Annotated[Objects, scoped(Objects)],
    event_id: Annotated[str, Path(pattern=r"^[0-9a-zA-Z-]{1,64}$")],
    name: Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,60}\.jpg$", examples=["placing.jpg"])],
) -> Response:
    """A picture of a thing: put down, left, or as it stands now. People who have nothing to do with it are blurred."""
    return Response(scope.picture(event_id, name), media_type="image/jpeg")
