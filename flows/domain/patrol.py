"""What a patrol is sent to, and what becomes of it. Pure.

::

    open --accept--> accepted --arrive--> arrived --resolve--> resolved
      ^                  |                   |
      +---- hand_over ---+-------------------+

    open, accepted, arrived --what it is about has ended--> ended --resolve, by who was on the way--> resolved

Only what people have confirmed becomes a task: a lead that two people confirmed and an operator dispatched, a violation
that a reviewer confirmed, a citizen's report that somebody confirmed, a thing left behind that an operator has looked
at. Who has accepted a task holds it: nobody else moves it on. Each step names the version that its author saw, so that
of two patrols one gets it.

Whom a lead is about, its picture and the case's photo show to who has accepted the task, and to no other patrol; so do
a violation's vehicle, its plate and its picture, and of a report what others see of it.

Nobody is sent to what is over: a task ends by itself when what it is about does, and says why. Who was on the way may
still say what they found. What is over is deleted after the days that the law gives, and a lead's task has no words
any more once its lead is gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from flows.domain.cases import SearchCase, runs
from flows.domain.errors import DomeError, FieldError
from flows.domain.events import Event, event_id
from flows.domain.leads import Lead, blind

TASK: Final = "dome.patrol.task.v1"

Picture = Literal["seen", "probe"]
"""Of a lead: the face as the camera saw it, and the case's photo that it was matched with; of a violation: the vehicle
as the camera saw it; of a report: its first photo, as others see it."""
Kind = Literal["lead", "violation", "object", "report"]
FORGOTTEN: Final[frozenset[Kind]] = frozenset({"lead", "report"})
"""What people say in a task about one of these goes with it, and is in no event and not in the audit log."""
TaskState = Literal["open", "accepted", "arrived", "resolved", "ended"]
Step = Literal["accept", "arrive", "resolve", "hand_over"]
Ending = Literal[
    "lead_rejected", "lead_deleted", "case_closed", "case_expired", "case_rejected", "searching_stopped",
    "violation_closed", "object_closed", "report_closed", "left_open",
]  # fmt: skip
"""Why a task ended by itself; ``left_open``: for all the days that the law gives nobody has resolved it."""
OVER: Final[frozenset[TaskState]] = frozenset({"resolved", "ended"})
SHOWN: Final = timedelta(days=1)
"""What is over is shown for so long, that whoever was on the way reads why."""

CONFIRMED: Final[Mapping[Kind, frozenset[str]]] = {
    "lead": frozenset({"dispatched"}),
    "violation": frozenset({"confirmed", "issued", "appealed", "upheld"}),
    "object": frozenset({"abandoned", "escalated", "unwatched"}),
    "report": frozenset({"confirmed"}),
}
"""The states in which something may become a task."""


class TaskRefused(DomeError):
    """A step that the task's state, its holder or its version does not allow."""

    code = "task"


class Task(BaseModel):
    """One task.

    Attributes:
        id: Follows from what it is about: a thing is one task, however often a patrol is sent to it; sent again once
            it is resolved, it is open anew.
        kind: What it is about.
        about: That thing's id.
        district: Whose patrols see it.
        camera: Where it was seen; empty for a report.
        latitude: Of the camera, or as a report says, degrees; None where it is not known.
        longitude: Likewise.
        radius_m: Patrols so near to that place are called; None: nobody in particular.
        first: Goes before all others: a missing child.
        text: What the operator says.
        made_by: The operator.
        made_at: When.
        state: How far it is.
        holder: Who has accepted it.
        note: What was said at the last step.
        version: Number of steps so far.
        case: The search case of a lead.
        ended: Why it ended by itself; empty if it did not.
        over_at: When it was resolved, or ended.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    kind: Kind
    about: str
    district: str
    camera: str = ""
    latitude: float | None = None
    longitude: float | None = None
    radius_m: float | None = None
    first: bool = False
    text: str = Field(default="", max_length=500)
    made_by: str
    made_at: AwareDatetime
    state: TaskState = "open"
    holder: str = ""
    note: str = ""
    version: int = 0
    case: str = ""
    ended: Ending | Literal[""] = ""
    over_at: AwareDatetime | None = None

    @property
    def over(self) -> bool:
        """Whether nobody is sent any more."""
        return self.state in OVER

    @property
    def placed(self) -> bool:
        """Whether its place is known."""
        return self.latitude is not None and self.longitude is not None

    @classmethod
    def of(cls, kind: Kind, about: str, state: str, *, district: str, by: str, at: datetime, camera: str = "",
           text: str = "", place: tuple[float, float] | None = None, radius_m: float | None = None,
           first: bool = False, case: str = "") -> Self:  # fmt: skip
        """A new task.

        Raises:
            TaskRefused: If what it is about is not confirmed.
        """
        if state not in CONFIRMED[kind]:
            wanted = " or ".join(sorted(CONFIRMED[kind]))
            raise TaskRefused(
                f"{kind} {about}: expected one that is {wanted}, got one that is {state}; confirm it first"
            )
        latitude, longitude = place or (None, None)
        return cls(
            id=task_id(kind, about), kind=kind, about=about, district=district, camera=camera,
            latitude=latitude, longitude=longitude, text=text, made_by=by, made_at=at, radius_m=radius_m,
            first=first, case=case,
        )  # fmt: skip

    @classmethod
    def of_lead(cls, lead: Lead, case: SearchCase, *, by: str, at: datetime, text: str = "") -> Self:
        """A new task about a lead: patrols within its case's radius are called.

        Raises:
            TaskRefused: If nobody has dispatched it.
        """
        place = None if lead.latitude is None or lead.longitude is None else (lead.latitude, lead.longitude)
        return cls.of(
            "lead", lead.id, blind(lead.state), district=lead.district, by=by, at=at, camera=lead.camera, text=text,
            place=place, radius_m=case.alert_radius_m, first=case.terms.first, case=case.id,
        )  # fmt: skip

    def calls(self, away_m: float) -> bool:
        """Whether a patrol at that distance is called: nobody is on the way yet, and it is near enough."""
        return self.state == "open" and self.radius_m is not None and away_m <= self.radius_m

    def told(self, at: datetime) -> Event:
        """The event that tells of its state; the same state gives the same id. Words about somebody who is searched
        for are not in it, nor are those about a report: they go with it."""
        words = {"text", "note"} if self.kind in FORGOTTEN else set()
        data = self.model_dump(mode="json", exclude={"made_by", *words})
        source = "reports" if self.kind == "report" else self.camera
        return Event.of(TASK, camera_id=source, district=self.district, at=at, data=data,
                        key=(self.id, self.version))  # fmt: skip


def pressing(task: Task) -> bool:
    """Whether it goes before others in every list.

    >>> from datetime import UTC, datetime
    >>> now = datetime.now(UTC)
    >>> child = Task(id="1", kind="lead", about="x", district="esil", made_by="asel", made_at=now, first=True)
    >>> pressing(child), pressing(child.model_copy(update={"state": "resolved"}))
    (True, False)
    """
    return task.first and not task.over


def task_id(kind: Kind, about: str) -> str:
    """The id of the task about a thing."""
    return event_id("patrol", kind, about)


@dataclass(frozen=True, slots=True)
class _Way:
    sources: frozenset[TaskState]
    to: TaskState
    says_why: bool = False


_WAYS: Final[Mapping[Step, _Way]] = {
    "accept": _Way(frozenset({"open"}), "accepted"),
    "arrive": _Way(frozenset({"accepted"}), "arrived"),
    "resolve": _Way(frozenset({"accepted", "arrived", "ended"}), "resolved", says_why=True),
    "hand_over": _Way(frozenset({"accepted", "arrived"}), "open", says_why=True),
}


def taken(task: Task, step: Step, by: str, version: int, note: str = "") -> bool:
    """Whether a step is the last one that was taken: who did not hear the answer sends it again.

    >>> from datetime import UTC, datetime
    >>> made = Task(id="1", kind="object", about="bag", district="esil", made_by="asel", made_at=datetime.now(UTC))
    >>> after = take(made, "accept", "bolat", 0)
    >>> taken(made, "accept", "bolat", 0), taken(after, "accept", "bolat", 0), taken(after, "accept", "dana", 0)
    (False, True, False)
    """
    way = _WAYS[step]
    made = (way.to, _holder(way, by), note.strip())
    between = 1 if task.ended else 0  # see _overtaken
    return made == (task.state, task.holder, task.note) and 1 <= task.version - version <= 1 + between


def take(task: Task, step: Step, by: str, version: int, note: str = "", at: datetime | None = None) -> Task:
    """The task after a step, taken at a time.

    Raises:
        FieldError: If a note is missing where others need it.
        TaskRefused: If somebody was faster, or it is not theirs, or not in a state for it.
    """
    way = _WAYS[step]
    if task.state == "ended" and (step != "resolve" or not task.holder):
        raise TaskRefused(f"{step}: it has ended by itself ({task.ended}): nobody goes")
    if version != task.version and not _overtaken(task, by, version):
        raise TaskRefused(
            f"{step}: expected version {task.version}, got {version}: somebody was faster, look again"
        )
    if task.state not in way.sources:
        raise TaskRefused(f"{step}: expected a task {' or '.join(sorted(way.sources))}, got one {task.state}")
    if task.holder and task.holder != by:
        raise TaskRefused(f"{step}: {task.holder} has accepted it; they hand it over first")
    if way.says_why and not note.strip():
        raise FieldError("note", "what was found or why it is handed over", "nothing")
    return task.model_copy(
        update={
            "state": way.to,
            "holder": _holder(way, by),
            "note": note.strip(),
            "version": task.version + 1,
            "over_at": at if way.to in OVER else None,
        }
    )


def _overtaken(task: Task, by: str, version: int) -> bool:
    """Whether it ended just when who was on the way wrote down what they found: that is not to be lost."""
    return task.state == "ended" and task.holder == by and version == task.version - 1


def require_on_the_way(task: Task, by: str) -> None:
    """Only who has accepted a task sees whom or what they look for, and only until it is out of their hands.

    Raises:
        TaskRefused: If it is not theirs, not yet, or not any more.
    """
    if task.state not in ("accepted", "arrived"):
        ended = f" by itself ({task.ended})" if task.state == "ended" else ""
        raise TaskRefused(f"pictures: expected a task that is accepted, got one {task.state}{ended}")
    if task.holder != by:
        raise TaskRefused(f"pictures: {task.holder} has accepted it; nobody else sees whom it is about")


def end(task: Task, why: Ending, at: datetime) -> Task:
    """The task after it has ended by itself.

    Raises:
        TaskRefused: If it is over.
    """
    if task.over:
        raise TaskRefused(f"end: expected a task that is not over, got one {task.state}")
    return task.model_copy(
        update={"state": "ended", "ended": why, "over_at": at, "version": task.version + 1}
    )


def wordless(task: Task) -> Task:
    """A task that is over without what people wrote into it: what it is about is gone, and all that was said of it."""
    return task.model_copy(update={"text": "", "note": ""})


def lead_ending(lead: Lead | None, case: SearchCase | None, stopped: bool, now: datetime) -> Ending | None:
    """Why nobody is sent to a lead any more; None while somebody may be.

    Args:
        lead: The lead; None once it is deleted.
        case: Its case.
        stopped: Whether the stop switch is on.
        now: The present: a case's end holds by the clock, whoever has put it away.
    """
    if lead is not None and lead.state == "rejected":
        return "lead_rejected"
    if case is not None and not runs(case, now):
        if case.state == "closed":
            return "case_closed"
        return "case_rejected" if case.state == "rejected" else "case_expired"
    if lead is None or case is None:
        return "lead_deleted"
    return "searching_stopped" if stopped else None


def _holder(way: _Way, by: str) -> str:
    return "" if way.to == "open" else by
