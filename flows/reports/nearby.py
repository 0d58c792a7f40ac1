"""What cameras near a report's place told of that time: it corroborates a report, and is never looked for once alone.

Much of it comes after the report: who stops is told of when the time is over, a back-fill after days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from flows.domain.events import OBJECT_EVENTS, Event
from flows.domain.places import CameraPlace, Places, distance_m
from flows.domain.reports import Report
from flows.reports.checks import SAME
from flows.store.results import ResultsStore
from flows.store.violations import ViolationsStore, Wanted

NEAR_M: Final = 250.0
"""A camera within this may have seen the same: the reach of one at a junction, and a phone's own error."""
MOST_NEARBY: Final = 20
MOST_READ: Final = 1000
"""Of a camera's violations and a city's things in half an hour; only the nearest in time are read whole."""


@dataclass(frozen=True, slots=True)
class Nearby:
    """Looks for cameras' events near a report.

    Attributes:
        violations: Lists of violations.
        results: Events.
    """

    violations: ViolationsStore
    results: ResultsStore

    def of(self, report: Report, places: Places) -> list[Event]:
        """Violations and things, each thing once: those of the same kind first, then the nearest in time.

        Args:
            report: What it knows already is among them, as long as it is kept.
            places: Where cameras are.

        Raises:
            StoreError: If Redis is away.
        """
        place = (report.latitude, report.longitude)
        near = [c for c in places.cameras if distance_m(place, (c.latitude, c.longitude)) <= NEAR_M]
        ids = dict.fromkeys(report.nearby)
        for camera in near:
            ids |= dict.fromkeys(self._violations(report, camera))
        seen = [entry.event for entry in self.results.entries(list(ids))] + self._things(report, near)
        seen.sort(key=lambda e: (kind_of(e) != report.service, abs(e.time - report.happened_at), e.id))
        once: dict[str, Event] = {}
        for event in seen:
            once.setdefault(about(event), event)
        return list(once.values())[:MOST_NEARBY]

    def _violations(self, report: Report, camera: CameraPlace) -> list[str]:
        at_ms, (since, until) = report.happened_at.timestamp() * 1000, _around(report)
        found: list[str] = []
        for rules in ((report.service,), ()):
            wanted = Wanted((camera.district,), rules, since=since, until=until, camera=camera.id)
            marks = self.violations.page(wanted, None, MOST_READ)
            marks.sort(key=lambda mark: abs(mark.ms - at_ms))
            found += [mark.id for mark in marks[:MOST_NEARBY]]
        return found

    def _things(self, report: Report, near: Sequence[CameraPlace]) -> list[Event]:
        cameras, districts = {c.id for c in near}, {c.district for c in near}
        found: list[Event] = []
        for type in OBJECT_EVENTS if near else ():
            entries = self.results.captured("type", type, *_around(report), MOST_READ, districts)
            found += [e.event for e in entries if e.event.camera_id in cameras]
        return found


def about(event: Event) -> str:
    """Id of the violation, or of the thing, that an event tells of."""
    return str(event.data.get("object") or event.id)


def kind_of(event: Event) -> str:
    """What it would be reported as."""
    return "abandoned_object" if event.type in OBJECT_EVENTS else event.type.split(".")[2]


def _around(report: Report) -> tuple[datetime, datetime]:
    """First capture time, and the first one after it."""
    return report.happened_at - SAME, report.happened_at + SAME + timedelta(milliseconds=1)
