"""The review queue, and the steps that take a violation from detected to closed."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from flows.domain.review import Action, ReviewReason
from serve.api.access import may
from serve.api.problems import described
from serve.api.routes.violations import Id
from serve.api.schemas import Answer, ViolationDetail, ViolationRow
from serve.api.scope import scoped
from serve.api.scopes.review import QUEUE_ROWS, Review

router = APIRouter(tags=["review"])
Scope = Annotated[Review, scoped(Review)]
BASE: Final = "/api/v1/violations"


class Queue(Answer):
    """What waits for a reviewer: how much, and the head of it."""

    waiting: int
    items: list[ViolationRow]


class Next(Answer):
    """What was claimed for you; None if nothing waits."""

    item: ViolationDetail | None
    waiting: int


class StepAsked(BaseModel):
    """A step on a violation."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"version": 1, "reason": "as_measured"},
                {"version": 1, "reason": "plate_corrected", "plate": "123ABC02", "detail": "0 was read as O"},
                {"version": 3, "reason": "wrong_vehicle", "detail": "the plate is another car's"},
            ]
        },
    )

    version: int = Field(ge=0, lt=2**31, description="Number of the decision that you saw.")
    reason: ReviewReason | None = Field(
        default=None, description="By default one that states no more than the step."
    )
    detail: str = Field(default="", max_length=2000, description="Why, in your words.")
    plate: str = Field(
        default="", max_length=20, description="What you read, where the machine read otherwise."
    )


@router.get("/review/queue")
@may("operator", "reviewer", "authoriser", "auditor")
def queue(scope: Scope, limit: Annotated[int, Query(ge=1, le=QUEUE_ROWS)] = 20) -> Queue:
    """What waits in your districts: the severest first, of equals the oldest."""
    return Queue(waiting=scope.waiting(), items=scope.queue(limit))


@router.post("/review/next")
@may("reviewer")
def next_one(scope: Scope) -> Next:
    """Claims what presses most for you, with all that you need to decide; others are not given it for ten minutes."""
    item = scope.next(BASE)
    return Next(item=item, waiting=scope.waiting())


@router.post("/violations/{violation_id}/{step}", responses=described(404, 409))
@may("operator", "reviewer", "authoriser")
def take_step(scope: Scope, violation_id: Id, step: Action, asked: StepAsked) -> ViolationDetail:
    """Takes a step; 409 if somebody else decided first, or the violation is not in a state for it.

    `claim`, `release`, `confirm`, `reject` are the reviewer's; `issue`, `uphold`, `cancel` the authoriser's;
    `appeal` and `close` the operator's or authoriser's. Who confirms does not issue. Confirming and issuing ask the
    lists of exempt plates once more.
    """
    return scope.decide(violation_id, asked.version, step, asked.reason, asked.detail, asked.plate, BASE)
