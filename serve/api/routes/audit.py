"""The audit log."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from flows.domain.audit import AuditEntry
from serve.api.access import may
from serve.api.pages import MOST
from serve.api.schemas import Answer
from serve.api.scope import scoped
from serve.api.scopes.audit import Audit

router = APIRouter(prefix="/audit", tags=["audit"])


class AuditPage(Answer):
    """Entries in order, or the newest first; ``next`` is the number to go on from, None where nothing is left."""

    items: list[AuditEntry]
    next: int | None


@router.get("")
@may("auditor")
def audit(
    scope: Annotated[Audit, scoped(Audit)],
    since: Annotated[int, Query(ge=0, lt=2**53, description="Only entries after this number.")] = 0,
    before: Annotated[
        int | None, Query(ge=1, lt=2**53, description="Only entries before this number, the newest first.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
) -> AuditPage:
    """Who did, saw or decided what in your districts, when and why."""
    items, more = scope.page(since, before, limit)
    return AuditPage(items=items, next=more)
