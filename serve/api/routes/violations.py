"""Violations: lists, one with its decisions and files, and the files themselves."""

from __future__ import annotations

import mimetypes
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Path, Query, Request, Response

from flows.domain.review import State
from serve.api.access import may
from serve.api.pages import MOST
from serve.api.problems import described
from serve.api.ranges import ranged
from serve.api.schemas import ViolationDetail, ViolationPage, When
from serve.api.scope import scoped
from serve.api.scopes.violations import Asked, Violations, states_of

router = APIRouter(prefix="/violations", tags=["violations"])
Scope = Annotated[Violations, scoped(Violations)]
Id = Annotated[str, Path(pattern=r"^[0-9a-zA-Z-]{1,64}$", examples=["7f0c6a52-1d6e-8c6e-9d0a-0c1f1f6f3f7b"])]
Text = Annotated[str, Query(pattern=r"^[a-z0-9_-]{1,64}$")]


@router.get("", responses=described(403))
@may("operator", "reviewer", "authoriser", "analyst", "auditor")
def violations(
    scope: Scope,
    district: Annotated[
        list[Text] | None, Query(max_length=50, description="Only of these; yours by default.")
    ] = None,
    rule: Annotated[list[Text] | None, Query(max_length=50, examples=[["speeding"]])] = None,
    state: Annotated[
        list[State | Literal["detected"]] | None,
        Query(max_length=20, description="`detected` is all that wait for a reviewer."),
    ] = None,
    since: Annotated[When | None, Query(description="Captured then or later.")] = None,
    until: Annotated[When | None, Query(description="Captured earlier.")] = None,
    plate: Annotated[str, Query(max_length=20, description="Only for roles that see plates.")] = "",
    camera: Annotated[
        str, Query(pattern=r"^([a-z0-9][a-z0-9_-]{0,63})?$", description="Only of this one.")
    ] = "",
    cursor: Annotated[str, Query(max_length=400, description="`next` of the page before.")] = "",
    limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
) -> ViolationPage:
    """Violations in your districts, newest capture first."""
    asked = Asked(
        tuple(sorted(district or ())),
        tuple(sorted(rule or ())),
        states_of(state or ()),
        utc(since),
        utc(until),
        plate,
        camera,
    )
    return scope.page(asked, cursor, limit)


@router.get("/{violation_id}", responses=described(404))
@may("operator", "reviewer", "authoriser", "analyst", "auditor")
def violation(scope: Scope, request: Request, violation_id: Id) -> ViolationDetail:
    """One violation: what was measured, by what, what was decided and by whom, and its files."""
    return scope.detail(violation_id, f"{request.url.path}/files")


@router.get(
    "/{violation_id}/files/{name:path}",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}, "video/mp4": {}}}, 206: {"description": "A part"},
               **described(403, 404, 416)},
)  # fmt: skip
@may("operator", "reviewer", "authoriser", "auditor")
def file(
    scope: Scope,
    violation_id: Id,
    name: Annotated[str, Path(pattern=r"^(entry/)?[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", examples=["clip.mp4"])],
    range: Annotated[str, Header()] = "",
) -> Response:
    """A file of its package (`entry/...`: of that at a section's entry), whole or a range of it, as it was made."""
    stored, data = scope.file(violation_id, name)
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return ranged(data, range, kind, etag=f"{stored.id}-{name}")


def utc(at: datetime | None) -> datetime | None:
    """The same time as every client writes it: a cursor belongs to a question."""
    from datetime import UTC

    return at.astimezone(UTC) if at is not None else None
