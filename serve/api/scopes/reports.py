"""Citizens' reports: a channel's own, and those of the caller's districts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal

from pydantic import AwareDatetime, Field, JsonValue

from flows.domain.errors import FieldError, StoreError
from flows.domain.events import OBJECT_EVENTS, Event
from flows.domain.reports import NEXT, Attachment, Proposal, Report, State, Thing, shown_text, told
from flows.reports.nearby import about, kind_of
from flows.reports.reception import FORWARD, STEPS, Claim
from flows.store.reports import mark_of as place_of
from flows.store.uploads import Upload
from serve.api.pages import cursor_of, mark_of
from serve.api.problems import NO_SUCH, Problem
from serve.api.schemas import Answer
from serve.api.scope import Bounds
from serve.api.services import Services
from serve.api.signatures import channel_of

log = logging.getLogger(__name__)

BASE: Final = "/api/v1/reports"


class Own:
    """What a channel brings, and what became of it: of its own reports alone, wherever they happened."""

    def __init__(self, services: Services, bounds: Bounds) -> None:
        self._services, self._again = services, bounds.once.again
        self._channel = channel_of(bounds.person)

    def accept(
        self,
        reference: str,
        files: Sequence[bytes],
        uploads: Sequence[str],
        claim: Callable[[str, str], Claim],
    ) -> Report:
        """Keeps a report; see :meth:`flows.reports.reception.Reception.accept`. Uploads it names are done with then.

        Args:
            reference: The channel's own number.
            files: Photos that came with it.
            uploads: Ids of files that came before.
            claim: Makes the claim from the channel's name and the reference.

        Raises:
            FieldError: If the very same was sent before and is erased: it does not come back by being sent again.
        """
        shelf = self._services.uploads
        if uploads or self._again:
            known = self._services.reception.known(self._channel, reference)
            if known is not None:
                return known  # to who has not heard of their receipt: the uploads were done with then
            if self._again:
                raise FieldError("reference", "a new one", repr(reference), "what it named is gone")
        with ExitStack() as lent:
            held: list[bytes | Path] = [
                *files,
                *(lent.enter_context(shelf.file(self._channel, u)) for u in uploads),
            ]
            made = self._services.reception.accept(claim(self._channel, reference), held)
        for each in uploads:
            try:
                shelf.remove(self._channel, each)
            except StoreError as error:  # the report is kept: its receipt does not wait for this
                log.warning("an upload goes by itself after a day: %s", error)
        return made

    def one(self, tracking: str) -> Report:
        """A report of theirs as it stands: of a merged one, the one that goes on for it.

        Raises:
            Problem: 404 if it is none of theirs.
        """
        found = self.named([tracking])
        if not found:
            raise Problem(404, NO_SUCH)
        return found[0]

    def named(self, trackings: Sequence[str]) -> list[Report]:
        """Those of some reports that are theirs; likewise."""
        found = self._services.reports.several(trackings)
        return [self._standing(report) for report in found if self._told_by_us(report)]

    def newest(self, count: int) -> list[Report]:
        """Their reports, the newest first; likewise."""
        found = self._services.reports.of_channel(self._channel, None, count)
        return [self._standing(report) for report in found]

    def erase(self, tracking: str) -> None:
        """Forgets whoever told of it.

        Raises:
            Problem: 404 if it is none of theirs.
        """
        if self._again:
            return
        if not self._services.reception.erase(self._channel, tracking):
            raise Problem(404, NO_SUCH)

    def begin(self, size: int, sha256: str) -> Upload:
        """Begins an upload, or finds it again."""
        return self._services.uploads.begin(self._channel, size, sha256)

    def upload(self, upload_id: str) -> Upload:
        """How far an upload has come.

        Raises:
            Problem: 404 if it is none of theirs, or was forgotten.
        """
        found = self._services.uploads.find(self._channel, upload_id)
        if found is None:
            raise Problem(404, NO_SUCH)
        return found

    def append(self, upload_id: str, offset: int, piece: bytes) -> Upload:
        """Adds a piece to an upload. See :meth:`upload`."""
        held = self.upload(upload_id)
        if self._again:
            return held
        return self._services.uploads.append(self._channel, upload_id, offset, piece)

    def _told_by_us(self, report: Report) -> bool:
        return any(r.tracking == report.id and r.channel == self._channel for r in report.reporters)

    def _standing(self, report: Report) -> Report:
        """With the state and the steps of the report that goes on for it; the words and the number stay its own."""
        main, steps = report, report.steps
        while main.merged_into and (next_one := self._services.reports.get(main.merged_into)) is not None:
            main = next_one
        if main is report:
            return report
        return report.model_copy(
            update={"state": main.state, "steps": (*steps, *main.steps[-1:]), "merged_into": "",
                    "district": main.district}
        )  # fmt: skip


class FileRow(Answer):
    """A file of a report, as others see it.

    Attributes:
        id: Names it in addresses.
        kind: ``photo`` or ``clip``.
        state: ``waiting``, ``seen``, ``refused``, or ``chosen``: what is shown is being made anew.
        why: Why it was refused.
        bytes: Its size.
        sha256: Of its bytes as they were received.
        width_px: Of what is shown.
        height_px: Likewise.
        seconds: Length of a clip.
        away_m: How far from the claimed place it says it was taken.
        apart_s: How long after the claimed time.
        doubts: Where it contradicts the claim.
        subject: What alone can be recognised in it; None: nothing.
        shown: Where to get what is shown.
        things: What it may be about: vehicles and things that were found, those that show most first.
        chosen_by: Who has said which of them it is; empty: the machine.
    """

    id: str
    kind: str
    state: str
    why: str = ""
    bytes: int
    sha256: str
    width_px: int = 0
    height_px: int = 0
    seconds: float = 0.0
    away_m: float | None = None
    apart_s: float | None = None
    doubts: list[str] = Field(default_factory=list)
    subject: tuple[float, float, float, float] | None = None
    shown: list[str] = Field(default_factory=list)
    things: list[Thing] = Field(default_factory=list)
    chosen_by: str = ""


class TellerRow(Answer):
    """One who told of it: nobody here knows who they are."""

    at: AwareDatetime
    text: str


class StepRow(Answer):
    """A step in a report's life."""

    state: State
    at: AwareDatetime
    by: str
    note: str = ""


class NearbyRow(Answer):
    """A violation, or a thing left behind, that a camera nearby saw at that time."""

    id: str
    kind: Literal["violation", "object"]
    href: str = Field(description="Where to read it.")
    rule: str
    camera: str
    captured_at: AwareDatetime
    measured: dict[str, JsonValue] = Field(default_factory=dict)
    threshold: dict[str, JsonValue] = Field(default_factory=dict)


class ReportRow(Answer):
    """A report in a list."""

    id: str
    service: str
    state: State
    text: str = ""
    address: str = ""
    latitude: float
    longitude: float
    district: str
    happened_at: AwareDatetime
    received_at: AwareDatetime
    changed_at: AwareDatetime
    reporters: int = Field(description="How many told of it.")
    files: int
    doubts: int = Field(description="Contradictions between files and claim.")
    proposals: int
    nearby: int = Field(
        description="What cameras nearby saw and may be the same; in a list as of when the machine looked."
    )
    merged_into: str = ""
    picture: str | None = Field(default=None, description="Of its first file, as others see it.")
    version: int


class ReportDetail(ReportRow):
    """One report with all that is known of it, and nothing of who reported."""

    attachments: list[FileRow]
    told: list[TellerRow] = Field(description="What each one wrote, without names, numbers and addresses.")
    proposed: list[Proposal]
    unknown: list[str] = Field(description="What cannot be known of its clips, in words.")
    cameras_saw: list[NearbyRow] = Field(
        description="Of `nearby`, as it is known now, what lies in your districts: the same kind first."
    )
    steps: list[StepRow]
    may: list[str] = Field(description="Steps that can be taken now.")


class ReportPage(Answer):
    """Reports, the newest first; ``next`` is the cursor of the page after this one, None on the last."""

    items: list[ReportRow]
    next: str | None = None


class Reports:
    """Reads and moves reports of the caller's districts."""

    def __init__(self, services: Services, bounds: Bounds) -> None:
        self._services, self._bounds = services, bounds

    def page(self, districts: Sequence[str], states: Sequence[State], cursor: str, count: int) -> ReportPage:
        """A page of a list.

        Raises:
            Problem: 403 for a district that is not theirs.
            FieldError: If the cursor is none of this question.
        """
        asked = (tuple(sorted(districts)), tuple(sorted(states)))
        wanted = self._bounds.narrow(districts, self._services.reports.districts)
        after = mark_of(cursor, asked) if cursor else None
        found = self._services.reports.page(wanted, after, count + 1, states)
        return ReportPage(
            items=[ReportRow(**_row(report)) for report in found[:count]],
            next=cursor_of(place_of(found[count - 1]), asked) if len(found) > count else None,
        )

    def one(self, report_id: str) -> Report:
        """A report.

        Raises:
            Problem: 404 if there is none in the caller's districts.
        """
        report = self._services.reports.get(report_id)
        self._bounds.require(report.district if report is not None else None)
        assert report is not None
        return report

    def detail(self, report_id: str) -> ReportDetail:
        """One report as others see it. See :meth:`one`."""
        return self._detail(self.one(report_id))

    def shown(self, report_id: str, name: str) -> bytes:
        """What others see of a file.

        Raises:
            Problem: 404 if there is no such file, or it was not looked at yet.
        """
        for file in self.one(report_id).files:
            if name in file.shown:
                return self._services.evidence.read(file.folder, name)
        raise Problem(404, NO_SUCH)

    def original(self, report_id: str, file_id: str, why: str) -> tuple[Attachment, bytes]:
        """A file as it was sent; written down. See :meth:`flows.reports.reception.Reception.original`.

        Raises:
            Problem: 404 if there is no such file.
        """
        report = self.one(report_id)
        found = _file_of(report, file_id)
        return self._services.reception.original(report, found.sha256, self._bounds.person.sub, why)

    def choose(self, report_id: str, file_id: str, version: int, thing: int | None) -> ReportDetail:
        """Says what a file is about. See :meth:`flows.reports.reception.Reception.choose`.

        Raises:
            Problem: 404 if there is no such file.
        """
        report = self.one(report_id)
        found = _file_of(report, file_id)
        after = self._services.reception.choose(report, found.sha256, thing, version, self._bounds.person.sub)
        self._services.results.write([told(after)])
        return self._detail(after)

    def step(self, report_id: str, name: str, version: int, note: str, district: str) -> ReportDetail:
        """Takes a step of the caller. See :meth:`flows.reports.reception.Reception.step`."""
        if name == "forward" and not district:
            raise FieldError("district", "the district that is to have it", "nothing")
        report = self.one(report_id)
        after = self._services.reception.step(report, name, version, self._bounds.person.sub, note, district)
        self._services.results.write([told(after)])
        return self._detail(after)

    def _detail(self, report: Report) -> ReportDetail:
        seen = self._services.nearby.of(report, self._services.reports.places())
        person = self._bounds.person
        return ReportDetail.model_validate(
            _row(report)
            | {
                "attachments": [_file(report, file) for file in report.files],
                "told": [{"at": r.at, "text": shown_text(r.text)} for r in report.reporters],
                "proposed": report.proposals,
                "unknown": report.unknown,
                "nearby": len(seen),
                "cameras_saw": [_saw(event) for event in seen if person.covers(event.subject)],
                "steps": [step.model_dump() for step in report.steps],
                "may": _may(report),
            }
        )


def _saw(event: Event) -> NearbyRow:
    thing, at, id = event.type in OBJECT_EVENTS, event.time, about(event)
    day = f"since={at:%FT%TZ}&until={at + timedelta(days=1):%FT%TZ}&closed=true"
    return NearbyRow(
        id=id, kind="object" if thing else "violation", rule=kind_of(event), camera=event.camera_id, captured_at=at,
        href=f"/api/v1/objects?{day}" if thing else f"/api/v1/violations/{id}",
        measured=event.data.get("measured") or {}, threshold=event.data.get("threshold") or {},
    )  # fmt: skip


def _may(report: Report) -> list[str]:
    named = [name for name, (state, _) in STEPS.items() if state in NEXT[report.state]]
    return [*named, FORWARD] if report.open else named


def _row(report: Report) -> dict[str, object]:
    return {
        "id": report.id, "service": report.service, "state": report.state, "text": shown_text(report.text),
        "address": shown_text(report.address), "latitude": report.latitude, "longitude": report.longitude,
        "district": report.district, "happened_at": report.happened_at, "received_at": report.received_at,
        "changed_at": report.changed_at, "reporters": len(report.reporters), "files": len(report.files),
        "doubts": sum(len(file.doubts) for file in report.files), "proposals": len(report.proposals),
        "nearby": len(report.nearby), "merged_into": report.merged_into, "version": report.version,
        "picture": next((_href(report, n) for f in report.files for n in f.shown if n.endswith(".jpg")), None),
    }  # fmt: skip


def _file(report: Report, file: Attachment) -> FileRow:
    return FileRow(
        id=file.sha256[:16], kind="clip" if file.clip else "photo", state=file.state, why=file.why, bytes=file.size,
        sha256=file.sha256, width_px=file.width_px, height_px=file.height_px, seconds=file.seconds,
        away_m=file.away_m, apart_s=file.apart_s, doubts=list(file.doubts), subject=file.subject,
        shown=[_href(report, name) for name in file.shown], things=list(file.things), chosen_by=file.chosen_by,
    )  # fmt: skip


def _file_of(report: Report, file_id: str) -> Attachment:
    found = next((f for f in report.files if f.sha256.startswith(file_id)), None)
    if found is None:
        raise Problem(404, NO_SUCH)
    return found


def _href(report: Report, name: str) -> str:
    return f"{BASE}/{report.id}/files/{name}"


def status_of(report: Report) -> tuple[State, str, datetime]:
    """State, what the reporter is told of it, and since when."""
    last = report.steps[-1] if report.steps else None
    return report.state, last.note if last is not None else "", report.changed_at
