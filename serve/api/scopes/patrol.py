"""Tasks of patrols in the caller's districts."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from flows.docket import case_of
from flows.domain.errors import FieldError
from flows.domain.patrol import Kind, Step, Task
from serve.api.problems import NO_SUCH, Problem
from serve.api.scope import Bounds
from serve.api.scopes.objects import LONGEST, Objects
from serve.api.scopes.violations import Violations
from serve.api.services import Services

SHOWN: Final = timedelta(days=1)


class Patrol:
    """Reads and moves tasks."""

    def __init__(self, services: Services, bounds: Bounds) -> None:
        self._services, self._bounds = services, bounds

    def newest(self) -> list[Task]:
        """Tasks of the last day and those that are not resolved, the newest first."""
        return self._services.patrol.newest(self._services.now() - SHOWN, self._bounds.districts)

    def near(self, latitude: float, longitude: float, radius_m: float) -> list[tuple[Task, float]]:
        """Tasks that are not resolved, nearest first, with the way to them in m."""
        return self._services.patrol.near(latitude, longitude, radius_m, self._bounds.districts)

    def send(self, kind: Kind, about: str, text: str) -> Task:
        """Makes a task of something confirmed.

        Raises:
            Problem: 404 if it is not there.
            TaskRefused: If nobody has confirmed it.
            CaseError: If it is a lead whose search is over.
        """
        state, district, camera, place = self._looked_up(kind, about)
        at = self._services.now()
        task = Task.of(
            kind, about, state, district=district, by=self._bounds.person.sub, at=at, camera=camera, text=text,
            place=place or self._place(camera),
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
        return self._told(self._services.patrol.step(task_id, step, self._bounds.person.sub, version, note))

    def _told(self, task: Task) -> Task:
        """Tells those who listen; the same state again is the same event."""
        self._services.results.write([task.told(task.made_at)])
        return task

    def _looked_up(self, kind: Kind, about: str) -> tuple[str, str, str, tuple[float, float] | None]:
        """State, district, camera and place of a thing."""
        if kind == "violation":
            entry = Violations(self._services, self._bounds).one(about)
            return case_of(entry).state, entry.event.subject, entry.event.camera_id, None
        if kind == "lead":
            try:
                lead = self._services.leads.raw(about)
            except FieldError:
                raise Problem(404, NO_SUCH) from None
            self._bounds.require(lead.district)
            self._services.leads.require_search(lead)
            place = (
                None if lead.latitude is None or lead.longitude is None else (lead.latitude, lead.longitude)
            )
            return lead.state, lead.district, lead.camera, place
        now = self._services.now()
        rows = Objects(self._services, self._bounds).all(now - LONGEST, now, closed=True)
        row = next((row for row in rows if row.id == about), None)
        if row is None:
            raise Problem(404, "there is no such thing in your districts in the last month")
        return row.state, row.district, row.camera, None

    def _place(self, camera: str) -> tuple[float, float] | None:
        for status in self._services.results.statuses():
            if status.camera_id == camera and status.latitude is not None and status.longitude is not None:
                return status.latitude, status.longitude
        return None
