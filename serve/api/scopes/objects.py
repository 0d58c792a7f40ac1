"""Things left behind, in the caller's districts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import Field, JsonValue

from flows.domain.events import OBJECT_EVENTS
from flows.domain.objects import Xyxy
from flows.domain.patrol import Task, TaskState
from flows.store.results import Entry
from serve.api.problems import NO_SUCH, Problem
from serve.api.schemas import Answer
from serve.api.scope import Bounds
from serve.api.services import Services

TYPES = OBJECT_EVENTS
"""In the order in which they follow one another at one moment."""
READ = 2000
"""Most events of a type that one list is made of, all of the caller's districts."""
LONGEST = timedelta(days=31)
PREFIX = "/api/v1/objects"


class Picture(Answer):
    """A picture of a thing's package.

    Attributes:
        name: Of the moment: ``placing``, ``leaving``, ``now``, ``taken``.
        href: Where to get it.
        xyxy: Where in it the thing stands, px; None where its event does not say.
    """

    name: str
    href: str
    xyxy: Xyxy | None = None


class ObjectRow(Answer):
    """A thing left behind, as its last event tells it."""

    id: str
    state: Literal["abandoned", "escalated", "unwatched", "closed"]
    camera: str
    district: str
    noticed_at: datetime
    changed_at: datetime
    data: dict[str, JsonValue]
    patrol: TaskState | None = Field(
        default=None,
        description="How far the patrol is that was sent to it; what is resolved is open no more.",
    )
    pictures: list[Picture] = Field(
        default_factory=list, description="Placing, leaving, now; others are blurred."
    )


class Objects:
    """Reads things left behind."""

    def __init__(self, services: Services, bounds: Bounds) -> None:
        self._services, self._bounds = services, bounds

    def all(self, since: datetime, until: datetime, *, closed: bool) -> list[ObjectRow]:
        """Things noticed in a time, the newest first.

        Args:
            since: First capture time.
            until: First capture time after it.
            closed: Also those that are gone, or that a patrol has dealt with.
        """
        found: dict[str, list[Entry]] = {}
        for type in TYPES:
            mine = self._bounds.districts
            for entry in self._services.results.captured("type", type, since, until, READ, mine):
                about = str(entry.event.data.get("object") or entry.event.id)
                found.setdefault(about, []).append(entry)
        tasks = self._services.patrol.about("object", list(found))
        rows = [
            _row(about, sorted(entries, key=_order), tasks.get(about)) for about, entries in found.items()
        ]
        open_ = [row for row in rows if closed or (row.state != "closed" and row.patrol != "resolved")]
        return sorted(open_, key=lambda row: row.noticed_at, reverse=True)

    def picture(self, event_id: str, name: str) -> bytes:
        """A picture of a thing.

        Raises:
            Problem: 404 for one of another district, or that there is not.
            StoreError: If it cannot be read now.
        """
        entry = self._services.results.event(event_id)
        if entry is None or entry.event.type not in TYPES:
            raise Problem(404, NO_SUCH)
        self._bounds.require(entry.event.subject)
        if entry.evidence is None or name not in [f"{picture.name}.jpg" for picture in _pictures(entry)]:
            raise Problem(404, "its package holds no such picture")
        return self._services.evidence.read(str(entry.evidence.data["folder"]), name)


def _order(entry: Entry) -> tuple[datetime, int]:
    return entry.event.time, TYPES.index(entry.event.type)


def _pictures(entry: Entry) -> list[Picture]:
    """The whole pictures of a package; its clip, in which nobody is blurred, is for the evidence package alone."""
    names: Any = entry.evidence.data.get("files") if entry.evidence is not None else None
    stems = [str(n)[:-4] for n in names or () if str(n).endswith(".jpg") and not str(n).endswith("-crop.jpg")]
    moments: Any = entry.event.data.get("moments") or ()
    boxes = {moment["name"]: moment.get("xyxy") for moment in moments}
    return [
        Picture(name=s, href=f"{PREFIX}/{entry.event.id}/pictures/{s}.jpg", xyxy=boxes.get(s)) for s in stems
    ]


def _row(about: str, entries: list[Entry], task: Task | None) -> ObjectRow:
    events = [entry.event for entry in entries]
    last = events[-1]
    newest = {picture.name: picture for entry in entries for picture in _pictures(entry)}
    state: Any = last.type.split(".")[2]
    return ObjectRow(
        id=about, state=state, camera=last.camera_id, district=last.subject, noticed_at=events[0].time,
        changed_at=last.time, data=last.data, pictures=list(newest.values()),
        patrol=None if task is None else task.state,
    )  # fmt: skip
