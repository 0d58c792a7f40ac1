"""Tasks of patrols in the caller's districts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import AwareDatetime

from flows.domain.errors import FieldError
from flows.domain.patrol import SHOWN, Kind, Picture, Step, Task, pressing, task_id
from flows.store.results import Entry
from serve.api.problems import NO_SUCH, Problem
from serve.api.schemas import Answer, Plate, ViolationRow
from serve.api.scope import Bounds
from serve.api.scopes.cases import Cases
from serve.api.scopes.objects import LONGEST, Objects
from serve.api.scopes.reports import Reports
from serve.api.scopes.violations import Violations
from serve.api.services import Services

PICTURED: Final[Mapping[Picture, tuple[Kind, ...]]] = {
    "seen": ("lead", "violation", "report"),
    "probe": ("lead",),
}
"""What has such a picture."""


class Seen(Answer):
    """What a patrol is sent to, as the camera saw it.

    Attributes:
        what: The rule, or of a report its service.
        at: When it was seen.
        vehicle: Its class; empty if unknown.
        plate: None where it is unread.
        picture: Whether there is a picture.
        text: What a citizen wrote, without names, numbers and addresses.
        address: Where, in their words, likewise.
    """

    what: str
    at: AwareDatetime
    vehicle: str = ""
    plate: Plate | None = None
    picture: bool = False
    text: str = ""
    address: str = ""


class Patrol:
    """Reads and moves tasks."""

    def __init__(self, services: Services, bounds: Bounds) -> None:
        self._services, self._bounds = services, bounds

    def newest(self) -> list[Task]:
        """Tasks of the last day, those that came to their end in it and those that are not over: those that press, then
        the newest."""
        found = self._services.patrol.newest(self._services.now() - SHOWN, self._bounds.districts)
        return sorted(self._settled(found), key=lambda task: not pressing(task))

    def near(self, latitude: float, longitude: float, radius_m: float) -> list[tuple[Task, float | None]]:
        """Tasks that are not over, with the way to them in m: those that press, then the nearest, then those of which
        nobody knows where it is (None).

        Also farther ones whose own radius reaches the place: they call whoever is there.
        """
        found = self._services.patrol.near(latitude, longitude, radius_m, self._bounds.districts)
        away_m = {task.id: metres for task, metres in found if metres <= max(radius_m, task.radius_m or 0.0)}
        near = [task for task, _ in found if task.id in away_m]
        shown = self._settled(near + self._services.patrol.unplaced(self._bounds.districts))
        return sorted(
            ((task, away_m.get(task.id)) for task in shown if not task.over),
            key=lambda row: (not pressing(row[0]), row[1] is None, row[1] or 0.0),
        )

    def ended(self) -> list[Task]:
        """Tasks of the caller that ended by themselves in the last day: whoever is on the way is to read why."""
        since, me = self._services.now() - SHOWN, self._bounds.person.sub
        return self._services.patrol.ended(since, me, self._bounds.districts)

    def send(self, kind: Kind, about: str, text: str) -> Task:
        """Makes a task of something confirmed.

        Raises:
            Problem: 404 if it is not there.
            TaskRefused: If nobody has confirmed it.
            CaseError: If it is a lead whose search is over.
        """
        made = self._of_lead(about, text) if kind == "lead" else self._of_seen(kind, about, text)
        held = [task for task in [self._services.patrol.one(made.id)] if task is not None]
        held = self._settled(held)
        if self._bounds.once.again and held:  # what is over since then does not begin anew
            return held[0]
        return self._told(self._services.patrol.add(made))

    def tell_of_lead(self, lead_id: str) -> None:
        """Tells those who listen of the task that a lead became when it was dispatched."""
        task = self._services.patrol.one(task_id("lead", lead_id))
        if task is not None:
            self._told(task)

    def step(self, task_id: str, step: Step, version: int, note: str) -> Task:
        """Takes a step of the caller.

        Raises:
            Problem: 404 for a task of others.
            TaskRefused: If it cannot be taken.
        """
        task = self._services.patrol.one(task_id)
        self._bounds.require(task.district if task is not None else None)
        assert task is not None, "it is required"
        (settled,) = self._settled([task])
        if self._bounds.once.again:
            return settled
        return self._told(self._services.patrol.step(task_id, step, self._bounds.person.sub, version, note))

    def seen(self, task_id: str) -> Seen:
        """What the caller is sent to; written down.

        Raises:
            Problem: 404 for a task of others, or one that is about neither a violation nor a report.
            TaskRefused: If the caller is not on the way.
        """
        task = self._held(task_id, "violation", "report")
        if task.kind == "report":
            report = Reports(self._services, self._bounds).detail(task.about)
            self._services.patrol.look(task, self._bounds.person.sub)
            return Seen(what=report.service, at=report.happened_at, picture=report.picture is not None,
                        text=report.text, address=report.address)  # fmt: skip
        entry = Violations(self._services, self._bounds).one(task.about)
        self._services.patrol.look(task, self._bounds.person.sub)
        row = ViolationRow.of(entry, self._bounds.person)
        return Seen(what=row.rule, at=row.captured_at, vehicle=row.vehicle, plate=row.plate,
                    picture=_crop(entry) is not None)  # fmt: skip

    def picture(self, task_id: str, which: Picture) -> bytes:
        """Whom or what the caller looks for: JPEG; written down.

        Raises:
            Problem: 404 for a task of others, or one that has no such picture.
            TaskRefused: If the caller is not on the way.
            CaseError: If the search is over.
        """
        task = self._held(task_id, *PICTURED[which])
        if task.kind == "lead":
            return self._services.leads.for_patrol(task, which, self._bounds.person.sub)
        if task.kind == "report":
            return self._of_report(task)
        entry = Violations(self._services, self._bounds).one(task.about)
        self._services.patrol.look(task, self._bounds.person.sub)
        if (name := _crop(entry)) is None or entry.evidence is None:
            raise Problem(404, "its package holds no such picture")
        return self._services.evidence.read(str(entry.evidence.data["folder"]), name)

    def _of_report(self, task: Task) -> bytes:
        reports = Reports(self._services, self._bounds)
        picture = reports.detail(task.about).picture
        self._services.patrol.look(task, self._bounds.person.sub)
        if picture is None:
            raise Problem(404, "nothing of its files is shown")
        return reports.shown(task.about, picture.rsplit("/", 1)[1])

    def _held(self, task_id: str, *kinds: Kind) -> Task:
        task = self._services.patrol.one(task_id)
        self._bounds.require(task.district if task is not None and task.kind in kinds else None)
        assert task is not None, "it is required"
        return self._settled([task])[0]

    def _settled(self, tasks: Sequence[Task]) -> list[Task]:
        """Tasks as they are now. Nobody sets out for what is over; who is on the way hears of it and says what they
        find."""
        now = self._services.tasks.settle(tasks)
        for before, after in zip(tasks, now, strict=True):
            if before.version != after.version:
                self._told(after)
        return now

    def _told(self, task: Task) -> Task:
        """Tells those who listen; the same state again is the same event."""
        self._services.results.write([task.told(task.made_at)])
        return task

    def _of_lead(self, lead_id: str, text: str) -> Task:
        services = self._services
        try:
            lead = Cases(services, self._bounds).lead(lead_id)
            case = services.leads.running_case(lead)
        except FieldError:
            raise Problem(404, NO_SUCH) from None
        return Task.of_lead(lead, case, by=self._bounds.person.sub, at=services.now(), text=text)

    def _of_seen(self, kind: Kind, about: str, text: str) -> Task:
        if kind == "report":
            told = Reports(self._services, self._bounds).one(about)
            return Task.of(
                kind, about, told.state, district=told.district, by=self._bounds.person.sub, at=self._services.now(),
                text=text, place=(told.latitude, told.longitude),
            )  # fmt: skip
        state, district, camera = self._violation(about) if kind == "violation" else self._object(about)
        return Task.of(
            kind, about, state, district=district, by=self._bounds.person.sub, at=self._services.now(), camera=camera,
            text=text, place=self._place(camera),
        )  # fmt: skip

    def _violation(self, id: str) -> tuple[str, str, str]:
        """State, district and camera; so is that of a thing."""
        entry = Violations(self._services, self._bounds).one(id)
        return entry.case.state, entry.event.subject, entry.event.camera_id

    def _object(self, id: str) -> tuple[str, str, str]:
        now = self._services.now()
        rows = Objects(self._services, self._bounds).all(now - LONGEST, now, closed=True)
        row = next((row for row in rows if row.id == id), None)
        if row is None:
            raise Problem(404, "there is no such thing in your districts in the last month")
        return row.state, row.district, row.camera

    def _place(self, camera: str) -> tuple[float, float] | None:
        """A camera that fell silent stands where it stood."""
        status = self._services.cameras.last_of(camera)
        if status is None or status.latitude is None or status.longitude is None:
            return None
        return status.latitude, status.longitude


def _crop(entry: Entry) -> str | None:
    """The last picture of the vehicle in a package, in which there is little of others."""
    names = entry.evidence.data.get("files") if entry.evidence is not None else None
    crops = [str(n) for n in names if str(n).endswith("-crop.jpg")] if isinstance(names, list) else []
    return crops[-1] if crops else None
