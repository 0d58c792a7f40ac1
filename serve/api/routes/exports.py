"""What was issued, on its way to the electronic proceedings."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from flows.domain.filing import Receipt
from serve.api.access import may
from serve.api.problems import described
from serve.api.routes.violations import Id
from serve.api.schemas import Answer
from serve.api.scope import scoped
from serve.api.scopes.exports import Exports

router = APIRouter(tags=["exports"])
Scope = Annotated[Exports, scoped(Exports)]


class Filings(Answer):
    """Filings and what became of them."""

    items: list[Receipt]


@router.get("/exports")
@may("authoriser", "auditor", "administrator")
def exports(scope: Scope, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Filings:
    """What the electronic proceedings do not have: what they refused, then what waits; the oldest first."""
    return Filings(items=scope.open(limit))


@router.get("/violations/{violation_id}/exports", responses=described(404))
@may("operator", "authoriser", "auditor")
def exports_of(scope: Scope, violation_id: Id) -> Filings:
    """What became of a violation's filings: waiting, delivered, or refused for a person to look at."""
    return Filings(items=scope.of(violation_id))


@router.post("/violations/{violation_id}/exports/again", responses=described(404, 409))
@may("authoriser")
def export_again(scope: Scope, violation_id: Id) -> Filings:
    """Sends a violation's last filing again, which was refused. Written into the audit log."""
    return Filings(items=scope.again(violation_id))
