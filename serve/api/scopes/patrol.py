"""Tasks of patrols in the caller's districts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from flows.docket import case_of
from flows.domain.errors import CaseError, FieldError
from flows.domain.patrol import Kind, Step, Task, TaskRefused, pressing
from serve.api.problems import NO_SUCH, Problem
from serve.api.scope import Bounds
from serve.api.scopes.objects import LONGEST, Objects
from serve.api.scopes.violations import Violations
from serve.api.services import Services

SHOWN: Final = timedelta(days=1)
FARTHEST_M: Final = 100_000.0
"""No case calls patrols from farther away (:class:`flows.domain.cases.SearchCase`)."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a patrol is sent to: its state, where it was seen, whom it calls and how it presses."""

    state: str
    district: str
    camera: str
    place: tuple[float, float] | None = None
    radius_m: float | None = None
    first: bool = False


class Patrol:
    """Reads and moves tasks."""

    def __init__(self, services: Services, bounds: Bounds) -> None:
        self._services, self._bounds = services, bounds

    def newest(self) -> list[Task]:
        """Tasks of the last day and those that are not resolved: those that press, then the newest."""
        found = self._services.patrol.newest(self._services.now() - SHOWN, self._bounds.districts)
        return [task for task in found if self._stands(task)]

    def near(self, latitude: float, longitude: float, radius_m: float) -> list[tuple[Task, float]]:
        """Tasks that are not resolved, with the way to them in m: those that press, then the nearest.

        Also farther ones whose own radius reaches the place: they call whoever is there.
        """
        found = self._services.patrol.near(latitude, longitude, FARTHEST_M, self._bounds.districts)
        reached = (row for row in found if row[1] <= max(radius_m, row[0].radius_m or 0.0))
        near = [row for row in reached if self._stands(row[0])]
        return sorted(near, key=lambda row: (not pressing(row[0]), row[1]))

    def send(self, kind: Kind, about: str, text: str) -> Task:
        """Makes a task of something confirmed.

        Raises:
            Problem: 404 if it is not there.
            TaskRefused: If nobody has confirmed it.
            CaseError: If it is a lead whose search is over.
        """
        seen = self._looked_up(kind, about)
        at = self._services.now()
        task = Task.of(
            kind, about, seen.state, district=seen.district, by=self._bounds.person.sub, at=at, camera=seen.camera,
            text=text, place=seen.place or self._place(seen.camera), radius_m=seen.radius_m, first=seen.first,
        )  # fmt: skip
        return self._told(self._services.patrol.add(task))

    def step(self, task_id: str, step: Step, version: int, note: str) -> Task:
        """Takes a step of the caller.

        Raises:
            Problem: 404 for a task of others.
            TaskRefused: If it cannot be taken.
        """
        task = self._services.patrol.one(task_id)
        self._bounds.require(task.district if task is not None else None)
        if task is not None and not self._stands(task):
            raise TaskRefused(f"{step}: its search is over, or somebody has rejected the lead: nobody goes")
        return self._told(self._services.patrol.step(task_id, step, self._bounds.person.sub, version, note))

    def _stands(self, task: Task) -> bool:
        """Nobody sets out for a lead that was rejected meanwhile, or whose search is over; who is on the way says what
        they find."""
        if task.kind != "lead" or task.state != "open":
            return True
        try:
            return self._lead(task.about).state == "dispatched"
        except (CaseError, Problem):
            return False

    def _told(self, task: Task) -> Task:
        """Tells those who listen; the same state again is the same event."""
        self._services.results.write([task.told(task.made_at)])
        return task

    def _looked_up(self, kind: Kind, about: str) -> Seen:
        if kind == "violation":
            entry = Violations(self._services, self._bounds).one(about)
            return Seen(case_of(entry).state, entry.event.subject, entry.event.camera_id)
        if kind == "lead":
            return self._lead(about)
        now = self._services.now()
        rows = Objects(self._services, self._bounds).all(now - LONGEST, now, closed=True)
        row = next((row for row in rows if row.id == about), None)
        if row is None:
            raise Problem(404, "there is no such thing in your districts in the last month")
        return Seen(row.state, row.district, row.camera)

    def _lead(self, lead_id: str) -> Seen:
        """A lead with the radius of its case: patrols within it are called."""
        try:
            lead = self._services.leads.raw(lead_id)
            self._bounds.require(lead.district)
            self._services.leads.require_search(lead)
            case = self._services.cases.get(lead.case)
        except FieldError:
            raise Problem(404, NO_SUCH) from None
        place = None if lead.latitude is None or lead.longitude is None else (lead.latitude, lead.longitude)
        return Seen(lead.state, lead.district, lead.camera, place, case.alert_radius_m, case.terms.first)

    def _place(self, camera: str) -> tuple[float, float] | None:
        for status in self._services.results.statuses():
            if status.camera_id == camera and status.latitude is not None and status.longitude is not None:
                return status.latitude, status.longitude
        return None
