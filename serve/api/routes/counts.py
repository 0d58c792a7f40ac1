"""Counts for the day at a glance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from serve.api.access import may
from serve.api.schemas import Answer, When
from serve.api.scope import scoped
from serve.api.scopes.violations import Asked, Violations

router = APIRouter(prefix="/counts", tags=["counts"])
HOURS = 24


class Hour(Answer):
    """Violations captured in one hour."""

    begins_at: AwareDatetime
    count: int


class Hours(Answer):
    """The hours of a day, the oldest first."""

    items: list[Hour]


@router.get("/hours")
@may("operator", "reviewer", "authoriser", "analyst", "auditor")
def hours(
    scope: Annotated[Violations, scoped(Violations)],
    until: Annotated[When | None, Query(description="End of the last hour; now by default.")] = None,
) -> Hours:
    """Violations of your districts in each of 24 hours, by capture time."""
    last = (until or datetime.now(UTC)).astimezone(UTC)
    end = last.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    begins = [end - timedelta(hours=n) for n in range(HOURS, 0, -1)]
    return Hours(
        items=[
            Hour(begins_at=at, count=scope.count(Asked(since=at, until=at + timedelta(hours=1))))
            for at in begins
        ]
    )
