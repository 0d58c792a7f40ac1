"""Districts: what they are called and where their borders are."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from serve.api.access import may
from serve.api.schemas import Answer
from serve.api.scope import scoped
from serve.api.scopes.cameras import Cameras

router = APIRouter(prefix="/districts", tags=["districts"])


class DistrictRow(Answer):
    """A district."""

    id: str
    name: str = ""
    polygon: list[tuple[float, float]] = Field(
        default_factory=list,
        description="Its border, latitude and longitude in degrees; empty where the site says none.",
    )


class DistrictList(Answer):
    """Your districts."""

    items: list[DistrictRow]


@router.get("")
@may("operator", "reviewer", "authoriser", "patrol", "analyst", "auditor", "administrator")
def districts(scope: Annotated[Cameras, scoped(Cameras)]) -> DistrictList:
    """Your districts, by id, as the site that runs describes them."""
    found = [DistrictRow(id=d.id, name=d.name, polygon=list(d.polygon)) for d in scope.districts()]
    return DistrictList(items=found)
