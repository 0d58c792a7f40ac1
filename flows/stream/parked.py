"""A vehicle that stands while a recorder begins its next file: one deed, though each recording has its own pipeline.

A rule has one violation of whoever stands, however long, for as long as it remembers the place; in the next recording
it remembers nothing. Which violations tell of one stand is asked here, as :mod:`flows.rules.standing` would.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from flows.domain.events import Event
from flows.rules.prohibited_stopping import STANDING_ENDED
from flows.rules.standing import StandingConfig
from flows.tracking.boxes import iou

STOPPING: Final = "dome.violation.prohibited_stopping.v1"
PLACES: Final = StandingConfig()
REMEMBERED: Final = timedelta(seconds=PLACES.remember_s)
"""Who is told of again after so long is told of anew: in one recording a place is not remembered for longer either."""
FIRST_S: Final = PLACES.settles_s
"""Who seems to come to a stand so soon after a recording began may have stood there: its boxes are still settling."""


def same_stand(event: Event, around: Sequence[Event], from_at: datetime | None = None) -> list[Event]:
    """The violations before this one that tell of the same stand, newest first.

    That is one at the same place whose vehicle nobody saw leave, where this one's was not seen to come.

    Args:
        event: Of stopping.
        around: Violations of stopping and ends of standing of its camera.
        from_at: When its recording began, if that is known.
    """
    ended = {e.data.get("violation") for e in around if e.type == STANDING_ENDED and e.time < event.time}
    earlier = [e for e in around if e.type == STOPPING and event.time - REMEMBERED <= e.time < event.time]
    found: list[Event] = []
    newest = event
    for each in sorted(earlier, key=lambda e: (e.time, e.id), reverse=True):
        if _seen_to_come(newest, from_at):
            break
        if not _same_place(each, newest):
            continue
        if each.id in ended:
            break
        found.append(each)
        newest = each
    return found


def end_of(stand: Event, again: Event, ended: Event) -> Event:
    """The end of a stand as that of its first violation, where another recording told of it again and of its end."""
    longer_s = (_since(again) - _since(stand)).total_seconds()
    stood: Any = ended.data["stood"]
    longer = {name: round(stood[name] + longer_s, 3) for name in ("value", "low", "high")}
    return Event.of(
        STANDING_ENDED,
        camera_id=ended.camera_id,
        district=ended.subject,
        at=ended.time,
        key=(stand.id,),
        data=ended.data | {"violation": stand.id, "stood": stood | longer},
    )


def _since(event: Event) -> datetime:
    return datetime.fromisoformat(str(event.data["stands_since"]))


def _seen_to_come(event: Event, from_at: datetime | None) -> bool:
    if not event.data.get("seen_to_stop"):
        return False
    return from_at is None or not 0 <= (_since(event) - from_at).total_seconds() < FIRST_S


def _same_place(earlier: Event, later: Event) -> bool:
    """By their boxes, or by metres where there are none."""
    before, after = _box(earlier, -1), _box(later, 0)
    if before is not None and after is not None:
        return iou(before, after) >= PLACES.same_iou
    places: list[Any] = [earlier.data.get("position_m"), later.data.get("position_m")]
    return all(places) and math.dist(*places) <= PLACES.same_m


def _box(event: Event, which: int) -> Any:
    moments: Any = event.data.get("moments") or [{}]
    return moments[which].get("xyxy")
