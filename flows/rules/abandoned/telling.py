"""What is told of a thing that was left: its event, with measures, pictures and who else is in them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, Literal

import numpy as np

from flows.domain.events import (
    OBJECT_ABANDONED,
    OBJECT_CLOSED,
    OBJECT_ESCALATED,
    OBJECT_UNWATCHED,
    Event,
    KeyMoment,
    Measured,
)
from flows.domain.events import event_id as id_of
from flows.domain.objects import AbandonedObject, Xyxy
from flows.domain.ruleset import AbandonedObjectRule
from flows.domain.site import CameraConfig
from flows.domain.things import Box
from flows.objects.company import WIDTH_M, filled
from flows.rules.abandoned.life import Life
from flows.rules.abandoned.present import UNSURE, Present
from flows.rules.abandoned.thresholds import ObjectConfig
from flows.rules.base import Moment
from flows.rules.reporting import clock_facts
from flows.rules.yardstick import Yardstick, foot_of

STATES: Final[dict[str, Literal["abandoned", "escalated", "unwatched", "closed"]]] = {
    OBJECT_ABANDONED: "abandoned",
    OBJECT_ESCALATED: "escalated",
    OBJECT_UNWATCHED: "unwatched",
    OBJECT_CLOSED: "closed",
}
PLACES: Final = 40
"""Two things may be left in the same moment; they do not stand in the same fortieth of the picture."""
MARGIN: Final = 0.12
"""Share of a box by which whoever trembles in it may stick out."""


class Teller:
    """Makes the events of one camera's rule.

    Args:
        version: Of the rule.
        rule: The rule in the site file.
        camera: Where it holds.
        config: Thresholds.
        present: Who is in which picture.
        yard: Places and distances.
    """

    def __init__(
        self,
        version: str,
        rule: AbandonedObjectRule,
        camera: CameraConfig,
        config: ObjectConfig,
        present: Present,
        yard: Yardstick,
    ) -> None:
        self._version, self._rule, self._camera = version, rule, camera
        self._config, self._present, self._yard = config, present, yard

    def abandoned(self, life: Life, moment: Moment, now_s: float) -> Event:
        """It is left."""
        return self._event(OBJECT_ABANDONED, life, moment, moment.at, now_s)

    def escalated(self, life: Life, moment: Moment, now_s: float) -> Event:
        """It still stands there."""
        return self._event(OBJECT_ESCALATED, life, moment, moment.at, now_s)

    def unwatched(self, life: Life, moment: Moment, now_s: float) -> Event:
        """Nobody can tell from the picture any more whether it stands there."""
        return self._event(OBJECT_UNWATCHED, life, moment, moment.at, now_s)

    def closed(
        self, life: Life, moment: Moment, gone_s: float, outcome: Literal["reclaimed", "removed"]
    ) -> Event:
        """It has gone."""
        assert life.gone_at is not None
        return self._event(OBJECT_CLOSED, life, moment, life.gone_at, gone_s, outcome)

    def _event(
        self,
        type_: str,
        life: Life,
        moment: Moment,
        at: datetime,
        at_s: float,
        outcome: Literal["", "reclaimed", "removed"] = "",
    ) -> Event:
        thing, camera, rule = life.thing, self._camera, self._rule
        x0, y0, x1, y1 = (round(float(v), 1) for v in life.box)
        closed = type_ == OBJECT_CLOSED
        place = self._yard.place_m(foot_of(life.box))
        column = round(x0 / max(moment.width_px, 1) * PLACES)
        row = round(y1 / max(moment.height_px, 1) * PLACES)
        moments = _moments(life, at if closed else self._clear(life, at), (x0, y0, x1, y1), closed)
        payload = AbandonedObject(
            rule_version=self._version,
            object=life.event.id if life.event is not None else self._first_id(at, column, row),
            state=STATES[type_],
            outcome=outcome,
            placed_at=thing.since_at,
            left_at=life.left_at or life.placed_at,
            taken_at=life.gone_at if closed else None,
            owner=life.owner,
            owner_number=min(life.owners),
            measured=self._measured(life, life.alone_s(at_s), moment),
            threshold={
                "distance_m": self._yard.limit_m(rule.distance_m, rule.distance_widths),
                "away_s": rule.away_s,
                "gone_s": rule.gone_s,
            },
            xyxy=(x0, y0, x1, y1),
            position_m=None if place is None else (round(float(place[0]), 2), round(float(place[1]), 2)),
            size_m=life.size_m,
            confidence=_confidence(life),
            known_as=life.known_as,
            moments=moments,
            bystanders={
                m.name: self._bystanders(life, m.at, at_s + (m.at - at).total_seconds()) for m in moments
            },
            clock=clock_facts(moment.clock),
        )
        return Event.of(
            type_,
            camera_id=camera.id,
            district=camera.district,
            at=at,
            data=payload.model_dump(mode="json"),
            key=(column, row),
        )

    def _first_id(self, at: datetime, column: int, row: int) -> str:
        """The id that the first event will have; see :meth:`flows.domain.events.Event.of`."""
        stamp = at.astimezone(UTC).isoformat(timespec="milliseconds")
        return id_of(self._camera.id, OBJECT_ABANDONED, stamp, column, row)

    def _clear(self, life: Life, now: datetime) -> datetime:
        """When the picture of a thing is taken: in the latest look in which nobody is made unrecognisable before it."""
        for at, at_s in reversed(life.clear):
            if not any(filled(life.box, np.array(box)) for box in self._bystanders(life, at, at_s)):
                return at
        return now

    def _bystanders(self, life: Life, moment: datetime, at_s: float) -> list[Xyxy]:
        """Who is in a picture and does not own the thing, each box wide enough for whoever trembles in it."""
        out: list[Xyxy] = []
        for shown in self._present.at(moment, at_s):
            if shown.number in life.owners or (shown.number == UNSURE and self._is_thing(life, shown.box)):
                continue
            low, high = shown.box[:2], shown.box[2:]
            margin = MARGIN * (high - low)
            (left, top), (right, bottom) = low - margin, high + margin
            out.append(
                (round(float(left), 1), round(float(top), 1), round(float(right), 1), round(float(bottom), 1))
            )
        return out

    def _is_thing(self, life: Life, box: Box) -> bool:
        """Whether what a detector calls a person, and is as low as a thing, is the thing itself."""
        return max(filled(life.box, box), filled(life.thing.xyxy, box)) >= self._config.itself

    def _measured(self, life: Life, alone_s: float, moment: Moment) -> dict[str, Measured]:
        error_s = 2 * moment.clock.time_error_s + 0.5
        # Feet are found to a tenth of a person's height; without a survey the scale itself is good to a fifth.
        share = 0.1 if self._yard.surveyed else 0.3
        scale, unit = (1.0, "m") if self._yard.surveyed else (WIDTH_M, "widths")
        apart, spread = life.apart_m / scale, (0.2 + share * life.apart_m) / scale
        return {"alone": _within(alone_s, error_s, "s"), "distance": _within(apart, spread, unit)}


def _within(value: float, error: float, unit: str) -> Measured:
    """A measure that cannot be negative, and its interval."""
    return Measured.of(value, max(0.0, value - error), value + error, unit, 2)


def _moments(life: Life, at: datetime, xyxy: Xyxy, closed: bool) -> list[KeyMoment]:
    """The pictures that an event shows: placing, leaving and now at first, later only the last."""
    last = KeyMoment(name="taken" if closed else "now", at=at, xyxy=xyxy)
    if closed or life.event is not None:
        return [last]
    moments = [KeyMoment(name="placing", at=life.placed_at, xyxy=xyxy)]
    if life.left_at is not None and life.left_at > life.placed_at:
        moments.append(KeyMoment(name="leaving", at=life.left_at, xyxy=xyxy))
    return [*moments, last]


def _confidence(life: Life) -> float:
    """Stands out, was brought by few, is known: each adds its share."""
    contrast = min(1.0, (life.thing.contrast - 1.0) / 3.0)
    alone = 1.0 if len(life.owners) == 1 else 0.5
    return round(0.5 + 0.15 * max(0.0, contrast) + 0.1 * alone + 0.25 * bool(life.known_as), 2)
