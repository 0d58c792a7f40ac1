"""Patrols: tasks near them, and the steps from accepting one to resolving it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from flows.domain.patrol import Kind, Picture, Step, Task
from serve.api.access import may
from serve.api.problems import described
from serve.api.schemas import Answer
from serve.api.scope import scoped
from serve.api.scopes.patrol import Patrol, Seen

router = APIRouter(prefix="/patrol", tags=["patrol"])
Scope = Annotated[Patrol, scoped(Patrol)]
TaskId = Annotated[str, Path(pattern=r"^[0-9a-zA-Z-]{1,64}$")]


class TaskRow(Answer):
    """A task, how far it is from where you are, and whether it calls you: so near to a lead that two have confirmed."""

    task: Task
    away_m: float | None = None
    calls: bool = False


class TaskList(Answer):
    """Tasks of your districts: missing children first, then the nearest, or the newest where you do not say where you
    are."""

    items: list[TaskRow]


class TaskAsked(BaseModel):
    """What a patrol is to be sent to."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"kind": "object", "about": "7f0c6a52-1d6e-8c6e-9d0a-0c1f1f6f3f7b",
                                       "text": "a suitcase by pillar 4"}},
    )  # fmt: skip

    kind: Kind
    about: str = Field(pattern=r"^[0-9a-zA-Z-]{1,64}$")
    text: str = Field(default="", max_length=500)


class StepAsked(BaseModel):
    """A step on a task. Sent again with the same `Idempotency-Key` it is taken once, however bad the connection."""

    model_config = ConfigDict(extra="forbid")

    version: int = Field(ge=0, lt=2**31, description="The version that you looked at.")
    note: str = Field(default="", max_length=500, description="What was found, or why it is handed over.")


@router.get("/tasks")
@may("patrol", "operator", "auditor")
def tasks(
    scope: Scope,
    latitude: Annotated[float | None, Query(ge=-85, le=85)] = None,
    longitude: Annotated[float | None, Query(ge=-180, le=180)] = None,
    radius_m: Annotated[float, Query(gt=0, le=100_000)] = 5000.0,
) -> TaskList:
    """The nearest tasks that are not over, those that call patrols from farther away and those of which nobody knows
    where it is, then yours that ended by themselves in the last day; without a place all that the last day saw. `ended`
    says why one did."""
    if latitude is None or longitude is None:
        return TaskList(items=[TaskRow(task=task) for task in scope.newest()])
    found = scope.near(latitude, longitude, radius_m)
    near = [_row(task, metres) for task, metres in found]
    return TaskList(items=near + [TaskRow(task=task) for task in scope.ended()])


def _row(task: Task, away_m: float | None) -> TaskRow:
    if away_m is None:
        return TaskRow(task=task)
    return TaskRow(task=task, away_m=round(away_m), calls=task.calls(away_m))


@router.post("/tasks", status_code=201, responses=described(404, 409))
@may("operator")
def send(scope: Scope, asked: TaskAsked) -> Task:
    """Sends patrols to something that people have confirmed, again once that is over; 409 for anything else."""
    return scope.send(asked.kind, asked.about, asked.text)


@router.get("/tasks/{task_id}/seen", responses=described(404, 409))
@may("patrol")
def seen(scope: Scope, task_id: TaskId) -> Seen:
    """What a task of yours is about: of a violation which vehicle, its plate, what it did and when; of a citizen's
    report what they say happened, where and when.

    For who has accepted it, as its picture is (`pictures/seen`); that you look is written down."""
    return scope.seen(task_id)


@router.get(
    "/tasks/{task_id}/pictures/{name}",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, **described(404, 409)},
)
@may("patrol")
def picture(scope: Scope, task_id: TaskId, name: Picture) -> Response:
    """Whom a task of yours is about: as the camera saw them, others blurred (`seen`), and the case's photo (`probe`);
    of a violation the vehicle, of a report its first photo as others see it (`seen`).

    For who has accepted it, until it is resolved, handed over or ended; 409 for anybody else and at any other time.
    That you look is written down, and nothing on the way may keep it."""
    return Response(
        scope.picture(task_id, name), media_type="image/jpeg", headers={"Cache-Control": "no-store"}
    )


@router.post("/tasks/{task_id}/{step}", responses=described(404, 409))
@may("patrol")
def take_step(scope: Scope, task_id: TaskId, step: Step, asked: StepAsked) -> Task:
    """Accepts a task, arrives, resolves it or hands it over; 409 if somebody was faster, or it ended by itself."""
    return scope.step(task_id, step, asked.version, asked.note)
