"""Things left behind, in the caller's districts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import JsonValue

from flows.domain.events import Event
from serve.api.schemas import Answer
from serve.api.scope import Bounds
from serve.api.services import Services

TYPES = ("dome.object.abandoned.v1", "dome.object.escalated.v1", "dome.object.closed.v1")
READ = 2000
LONGEST = timedelta(days=31)


class ObjectRow(Answer):
    """A thing left behind, as its last event tells it."""

    id: str
    state: Literal["abandoned", "escalated", "closed"]
    camera: str
    district: str
    noticed_at: datetime
    changed_at: datetime
    data: dict[str, JsonValue]


class Objects:
    """Reads things left behind."""

    def __init__(self, services: Services, bounds: Bounds) -> None:
        self._services, self._bounds = services, bounds

    def all(self, since: datetime, until: datetime, *, closed: bool) -> list[ObjectRow]:
        """Things noticed in a time, the newest first.

        Args:
            since: First capture time.
            until: First capture time after it.
            closed: Also those that are gone.
        """
        found: dict[str, list[Event]] = {}
        for type in TYPES:
            for entry in self._services.results.captured("type", type, since, until, READ):
                if self._bounds.person.covers(entry.event.subject):
                    about = str(entry.event.data.get("object") or entry.event.id)
                    found.setdefault(about, []).append(entry.event)
        rows = [_row(about, sorted(events, key=_order)) for about, events in found.items()]
        return sorted(
            (row for row in rows if closed or row.state != "closed"), key=lambda r: r.noticed_at, reverse=True
        )


def _order(event: Event) -> tuple[datetime, int]:
    return event.time, TYPES.index(event.type)


def _row(about: str, events: list[Event]) -> ObjectRow:
    last = events[-1]
    state: Any = last.type.split(".")[2]
    return ObjectRow(
        id=about, state=state, camera=last.camera_id, district=last.subject, noticed_at=events[0].time,
        changed_at=last.time, data=last.data,
    )  # fmt: skip
