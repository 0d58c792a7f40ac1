"""Cameras: how they are doing, and what they see now."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from serve.api.access import may
from serve.api.problems import described
from serve.api.schemas import Answer
from serve.api.scope import scoped
from serve.api.scopes.cameras import CameraRow, Cameras, http_date

router = APIRouter(prefix="/cameras", tags=["cameras"])
Scope = Annotated[Cameras, scoped(Cameras)]
Id = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", examples=["abay-17"])]


class CameraList(Answer):
    """Cameras of your districts."""

    items: list[CameraRow]


@router.get("")
@may("operator", "reviewer", "authoriser", "patrol", "analyst", "auditor", "administrator")
def cameras(scope: Scope) -> CameraList:
    """All cameras of your districts with their health; without `outlines`, for which one camera is asked."""
    return CameraList(items=scope.all())


@router.get("/{camera_id}", responses=described(404))
@may("operator", "reviewer", "authoriser", "patrol", "analyst", "auditor", "administrator")
def camera(scope: Scope, camera_id: Id) -> CameraRow:
    """One camera with its health, and where its zones, lines and lights lie in its picture."""
    return scope.one(camera_id)


@router.get(
    "/{camera_id}/picture",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, **described(404, 503)},
)
@may("operator", "administrator")
def picture(scope: Scope, camera_id: Id) -> Response:
    """The newest picture, 320 px wide: nobody in it can be recognised, nothing of it is kept. 503 with `Retry-After`
    until the camera has sent one. That you look is written down."""
    at, jpeg = scope.picture(camera_id)
    headers = {"Last-Modified": http_date(at), "Dome-Captured-At": at.isoformat(timespec="milliseconds")}
    return Response(jpeg, headers=headers, media_type="image/jpeg")
