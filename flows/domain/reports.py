"""A citizen's report: what somebody says happened, where and when, with photos and clips.

Words follow Open311 GeoReport v2 where it has any. A report is a claim: it never is evidence by itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from flows.domain.config import Name
from flows.domain.errors import DomeError, FieldError
from flows.domain.events import Event, event_id

STATE: Final = "dome.report.state.v1"
State = Literal["received", "checked", "forwarded", "proposed", "confirmed", "declined", "merged", "closed"]
"""``checked``: its files were decoded; ``proposed``: the pipeline proposes a violation; ``merged``: it tells of the
same thing as another one, which goes on for both."""
ENDED: Final[frozenset[State]] = frozenset({"confirmed", "declined", "merged", "closed"})
NEXT: Final[Mapping[State, frozenset[State]]] = {
    "received": frozenset({"checked", "declined", "merged"}),
    "checked": frozenset({"forwarded", "proposed", "declined", "merged"}),
    "forwarded": frozenset({"proposed", "confirmed", "declined", "merged", "closed"}),
    "proposed": frozenset({"confirmed", "declined", "closed"}),
    "confirmed": frozenset({"closed"}),
    "declined": frozenset({"closed", "forwarded"}),
    "merged": frozenset(),
    "closed": frozenset(),
}
MOST_TEXT: Final = 4000
MOST_FILES: Final = 10
MOST_TOGETHER: Final = 10 * MOST_FILES
"""Files of a report that goes on for others as well."""
KEPT: Final = timedelta(days=180)
"""So long after its last step a report is removed with its files: what follows from it has evidence of its own, and
whoever reported may ask for an answer for half a year."""
UNFINISHED: Final = timedelta(days=1)
"""Files whose report never came to be (its sender was told to try again, and did not) are removed after that."""
_ADDRESS: Final = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_NUMBER: Final = re.compile(r"\+?\d(?:[\s()-]{0,2}\d){6,}")


class Service(BaseModel):
    """What can be reported (Open311: a service)."""

    model_config = ConfigDict(frozen=True)

    code: Name
    name: str
    description: str
    group: str = "traffic"
    keywords: tuple[str, ...] = ()


SERVICES: Final[tuple[Service, ...]] = (
    Service(code="speeding", name="Speeding", description="A vehicle that drives far too fast"),
    Service(code="red_light", name="Red light", description="A vehicle that runs a red light"),
    Service(code="failure_to_yield", name="Crosswalk", description="A driver who does not yield to a pedestrian"),
    Service(code="wrong_way", name="Wrong way", description="A vehicle against the direction of traffic"),
    Service(code="bus_lane", name="Bus lane", description="A vehicle in a bus lane"),
    Service(code="prohibited_stopping", name="Stopping", description="A vehicle where stopping is prohibited"),
    Service(code="solid_line", name="Solid line", description="A vehicle that crosses a solid line"),
    Service(code="abandoned_object", name="Abandoned object", description="A thing left alone", group="safety"),
    Service(code="other", name="Other", description="Anything else that the control centre should see"),
)  # fmt: skip
SERVICE_CODES: Final = tuple(service.code for service in SERVICES)


class Thing(BaseModel):
    """A vehicle, or a thing left behind, that was found in a photo or clip: what its report may be about.

    Attributes:
        id: Its number in the file: of a vehicle from 0 on, of a thing left behind below 0.
        cls: The vehicle's class; empty for a thing.
        xyxy: Its box, px of what is shown.
        after_s: When it is there, seconds after a clip's beginning.
        picture: Name of the picture in which the box is; empty if no picture shows that moment.
        kept: Whether it is shown as it is.
    """

    model_config = ConfigDict(frozen=True)

    id: int
    cls: str = ""
    xyxy: tuple[float, float, float, float]
    after_s: float = 0.0
    picture: str = ""
    kept: bool = False


class Attachment(BaseModel):
    """One file of a report. Its original is opened by who says why, and is written down; others see what was made
    of it, in which nobody is recognised whom the report is not about.

    Attributes:
        sha256: Of its bytes as they were received.
        size: Bytes.
        media_type: By content, not as the sender says.
        folder: Where it lies in the evidence store.
        state: ``waiting`` until it was decoded, for good where that could not be done here; ``refused``: it is none
            that could be, and was removed; ``chosen``: a person has said what it is about, and what others see of it
            is being made anew.
        why: Why it was refused.
        width_px: Of its picture; 0 until it was decoded.
        height_px: Likewise.
        seconds: Length of a clip; 0 for photos.
        away_m: How far from the claimed place it was taken, by its own metadata; None if they do not say.
        apart_s: How long after the claimed time it was taken (before: negative); None likewise.
        doubts: Where its own metadata contradict the claim.
        shown: Names of what others see of it, in the same folder.
        subject: Box of what the report is about, in the picture's px: it alone is shown as it is.
        things: What it may be about.
        thing: What a person says it is about, one of these; None: nothing of it is to be shown.
        chosen_by: Who; empty while it is the machine's choice.
        choices: How often that was chosen: each makes other files, so that nobody sees an old one by its name.
        also: The same file as others sent it, whose reports this one goes on for: each lies in a folder of its own.
    """

    model_config = ConfigDict(frozen=True)

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=0)
    media_type: str
    folder: str = ""
    state: Literal["waiting", "seen", "refused", "chosen"] = "waiting"
    why: str = ""
    width_px: int = 0
    height_px: int = 0
    seconds: float = 0.0
    away_m: float | None = None
    apart_s: float | None = None
    doubts: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    subject: tuple[float, float, float, float] | None = None
    things: tuple[Thing, ...] = ()
    thing: int | None = None
    chosen_by: str = ""
    choices: int = 0
    also: tuple[Attachment, ...] = ()

    @property
    def name(self) -> str:
        """Of its original in the folder."""
        return f"{self.sha256}.{EXTENSIONS.get(self.media_type, 'bin')}"

    @property
    def stem(self) -> str:
        """What names of what others see of it begin with."""
        return f"{self.sha256[:32]}.{self.choices}" if self.choices else self.sha256[:32]

    @property
    def found(self) -> str:
        """Name of the boxes of all that was found in it; nobody is shown that."""
        return f"{self.sha256[:32]}.found.json"

    @property
    def clip(self) -> bool:
        """Whether it is a clip."""
        return self.media_type.startswith("video/")


EXTENSIONS: Final[Mapping[str, str]] = {
    "image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "video/mp4": "mp4", "video/x-matroska": "mkv",
}  # fmt: skip


class Proposal(BaseModel):
    """What the pipeline says of a clip: for a person to look at, never fit for evidence, and no violation.

    Attributes:
        rule: The rule's kind.
        file: ``sha256`` of the clip.
        after_s: Of the decisive moment since the clip's beginning.
        cls: The vehicle's class.
        xyxy: Its box there, px of the clip; None where it is none.
        measured: What could be measured without a survey, in words.
        picture: Name of the picture of that moment, in the clip's folder.
    """

    model_config = ConfigDict(frozen=True)

    rule: Name
    file: str
    after_s: float
    cls: str = ""
    xyxy: tuple[float, float, float, float] | None = None
    measured: dict[str, str] = Field(default_factory=dict)
    picture: str = ""


class Reporter(BaseModel):
    """Who reported, as the channel knows them; never shown to anybody but the channel itself. The channel knows their
    name; here there is none.

    Attributes:
        channel: Through which it came.
        reference: The channel's own number for the report, by which it asks later.
        at: When it was received.
        text: What this reporter wrote.
    """

    model_config = ConfigDict(frozen=True)

    channel: Name
    reference: str = Field(min_length=1, max_length=100, pattern=r"^[\x21-\x7e]+$")
    at: AwareDatetime
    text: str = Field(default="", max_length=MOST_TEXT)

    @property
    def tracking(self) -> str:
        """The number on their receipt."""
        return tracking_id(self.channel, self.reference)


class Step(BaseModel):
    """A step in a report's life."""

    model_config = ConfigDict(frozen=True)

    state: State
    at: AwareDatetime
    by: str
    note: str = Field(default="", max_length=MOST_TEXT)


class Report(BaseModel):
    """A report.

    Attributes:
        id: Its tracking number; follows from channel and reference, so that a report sent twice is one.
        service: What is reported.
        text: The first reporter's words.
        latitude: Where it happened, degrees.
        longitude: Likewise.
        address: As the reporter says it.
        happened_at: When, as the reporter says it.
        district: To which it is routed; empty if nobody knows.
        files: Photos and clips.
        reporters: All who told of it, the first one first.
        state: What it is now.
        steps: How it came to be that, oldest first.
        merged_into: The report that goes on for this one.
        nearby: Ids of events of cameras nearby at that time, as far as they were told when the machine looked.
        proposals: What the pipeline proposes of its clips.
        unknown: What nobody can know of its clips, in words.
        version: Number of the last step; whoever takes the next one names it.
        away_at: When the machine could not look at its files for the first time, for a reason of its own.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    service: Name
    text: str = Field(default="", max_length=MOST_TEXT)
    latitude: float = Field(ge=-90, le=90, allow_inf_nan=False)
    longitude: float = Field(ge=-180, le=180, allow_inf_nan=False)
    address: str = Field(default="", max_length=500)
    happened_at: AwareDatetime
    district: str = ""
    files: tuple[Attachment, ...] = Field(default=(), max_length=MOST_TOGETHER)
    reporters: tuple[Reporter, ...] = Field(min_length=1)
    state: State = "received"
    steps: tuple[Step, ...] = ()
    merged_into: str = ""
    nearby: tuple[str, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    unknown: tuple[str, ...] = ()
    version: int = 0
    away_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _known_service(self) -> Self:
        if self.service not in SERVICE_CODES:
            raise ValueError(f"service: expected one of {', '.join(SERVICE_CODES)}, got {self.service!r}")
        return self

    @property
    def received_at(self) -> datetime:
        """When the first reporter told of it."""
        return self.reporters[0].at

    @property
    def changed_at(self) -> datetime:
        """When its last step was."""
        return self.steps[-1].at if self.steps else self.received_at

    @property
    def open(self) -> bool:
        """Open311's two states."""
        return self.state not in ENDED

    @property
    def waits(self) -> bool:
        """Whether the machine has to look at it."""
        return self.state == "received" or any(file.state == "chosen" for file in self.files)


class ReportRefused(DomeError):
    """A step that a report's state does not allow."""

    code = "report"


def tracking_id(channel: str, reference: str) -> str:
    """The number on the receipt: the same report of a channel gives the same one.

    >>> tracking_id("egov", "17") == tracking_id("egov", "17") != tracking_id("bank", "17")
    True
    """
    return event_id("report", channel, reference)


def step(report: Report, state: State, by: str, at: datetime, note: str = "") -> Report:
    """The report after a step.

    Raises:
        ReportRefused: If its state does not allow it.
    """
    if state not in NEXT[report.state]:
        allowed = " or ".join(sorted(NEXT[report.state])) or "nothing more"
        raise ReportRefused(f"report {report.id} is {report.state}: expected {allowed}, got {state}")
    made = Step(state=state, at=at, by=by, note=note)
    return report.model_copy(
        update={"state": state, "steps": (*report.steps, made), "version": report.version + 1}
    )


def stepped(report: Report, state: State, by: str, version: int, note: str = "") -> bool:
    """Whether a step is the last that was taken: who did not hear the answer sends it again.

    Args:
        report: As it is now.
        state: That the step led to.
        by: Who sends it.
        version: That they looked at.
        note: As :func:`step` would keep it.
    """
    last = report.steps[-1] if report.steps else None
    return (
        last is not None
        and (last.state, last.by, last.note) == (state, by, note)
        and report.version == version + 1
    )


def fits(main: Report, other: Report) -> bool:
    """Whether one can go on for the other with the files of both."""
    return len(_together(main, other)) <= MOST_TOGETHER


def _together(main: Report, other: Report) -> tuple[Attachment, ...]:
    theirs = {f.sha256: f for f in other.files}
    both = (_joined(f, theirs[f.sha256]) if f.sha256 in theirs else f for f in main.files)
    known = {file.sha256 for file in main.files}
    return (*both, *(f for f in other.files if f.sha256 not in known))


def _joined(file: Attachment, same: Attachment) -> Attachment:
    more = (same.model_copy(update={"also": ()}), *same.also)
    kept = (each for each in more if each.state != "refused")  # which was removed
    return file.model_copy(update={"also": (*file.also, *kept)})


def _remaining(file: Attachment, folder: str) -> Attachment | None:
    """A file once a folder is gone: as the next one sent it, where it lay there; what a person has said it is about
    holds, and is made anew there."""
    also = tuple(each for each in file.also if each.folder != folder)
    if file.folder != folder:
        return file.model_copy(update={"also": also})
    if not also:
        return None
    kept = also[0].model_copy(update={"also": also[1:]})
    return _about(kept, file.thing, file.chosen_by, file.choices) if file.chosen_by else kept


def merged(main: Report, other: Report, by: str, at: datetime) -> tuple[Report, Report]:
    """Both reports once one goes on for the other: with all reporters and files; nothing that was told is lost.

    Raises:
        ReportRefused: If either has ended, or they are one.
        FieldError: If there would be too many files.
    """
    if main.id == other.id or not main.open:
        raise ReportRefused(
            f"report {main.id} is {main.state}: expected an open one, and another than {other.id}"
        )
    known = {file.sha256 for file in main.files}
    files = _together(main, other)
    proposals = tuple(p for p in other.proposals if p.file not in known)
    if not fits(main, other):
        raise FieldError(
            "files", f"at most {MOST_TOGETHER} in a report", len(files), "merge into another one"
        )
    ended = step(other, "merged", by, at, f"tells of the same as {main.id}").model_copy(
        update={"merged_into": main.id}
    )
    reporters = (*main.reporters, *(r for r in other.reporters if r not in main.reporters))
    grown = main.model_copy(
        update={
            "files": files,
            "reporters": reporters,
            "proposals": (*main.proposals, *proposals),
            "nearby": (*main.nearby, *(each for each in other.nearby if each not in main.nearby)),
            "unknown": (*main.unknown, *(said for said in other.unknown if said not in main.unknown)),
            "version": main.version + 1,
        }
    )
    return grown, ended


def routed(report: Report, district: str, by: str, at: datetime, note: str = "") -> Report:
    """The report once another district has it.

    Raises:
        ReportRefused: If it has ended, or that district has it already.
    """
    if not report.open or district == report.district:
        raise ReportRefused(
            f"report {report.id} is {report.state} in district {report.district or '-'}: expected an open one of "
            f"another district than {district}"
        )
    made = Step(state=report.state, at=at, by=by, note=routing(district, note))
    return report.model_copy(
        update={"district": district, "steps": (*report.steps, made), "version": report.version + 1}
    )


def routing(district: str, note: str) -> str:
    """What the step says by which another district has a report."""
    return (f"to {district}: {note}" if note else f"to {district}")[:MOST_TEXT]


def chosen(report: Report, sha256: str, thing: int | None, by: str) -> Report:
    """The report once a person has said what a file of it is about. Until that is made, nothing of the file is shown.

    What can be chosen are vehicles and things that were found, by their number: never a person, and no box that
    somebody draws. Whoever is shown as they are must be what the report is about, and of a person nothing that a
    report is about needs to be recognised; a box drawn by hand could be drawn round anybody.

    Args:
        report: An open one that was looked at.
        sha256: Of the file.
        thing: One of its things; None: nothing of it is to be shown.
        by: Who says so.

    Raises:
        ReportRefused: If the report has ended, or was not looked at.
        FieldError: If there is no such file or thing.
    """
    if not report.open or report.state == "received":
        raise ReportRefused(f"report {report.id} is {report.state}: expected an open one that was looked at")
    file = next((f for f in report.files if f.sha256 == sha256 and f.state in ("seen", "chosen")), None)
    if file is None:
        raise FieldError("file", "one of the report's that was looked at", sha256)
    known = {each.id for each in file.things}
    if thing is not None and thing not in known:
        raise FieldError("thing", f"one of {sorted(known)}, or null for none", thing)
    return with_file(report, _about(file, thing, by, file.choices + 1))


def _about(file: Attachment, thing: int | None, by: str, choices: int) -> Attachment:
    said = {
        "state": "chosen",
        "thing": thing,
        "chosen_by": by,
        "choices": choices,
        "shown": (),
        "subject": None,
    }
    return file.model_copy(update=said)


def with_file(report: Report, file: Attachment) -> Report:
    """The report with a file as it is now."""
    files = tuple(file if each.sha256 == file.sha256 else each for each in report.files)
    return report.model_copy(update={"files": files, "version": report.version + 1})


def without(report: Report, tracking: str) -> Report | None:
    """The report once one who told of it is forgotten, with their words and files; None if nobody is left.

    >>> from datetime import UTC, datetime
    >>> one = Reporter(channel="egov", reference="1", at=datetime(2026, 1, 1, tzinfo=UTC))
    >>> made = Report(id=one.tracking, service="other", latitude=0, longitude=0, happened_at=one.at, reporters=(one,))
    >>> without(made, one.tracking) is None
    True
    """
    left = tuple(r for r in report.reporters if r.tracking != tracking)
    if not left:
        return None
    files = tuple(file for f in report.files if (file := _remaining(f, folder_of(tracking))) is not None)
    known = {file.sha256 for file in files}
    first_goes = report.reporters[0].tracking == tracking
    return report.model_copy(
        update={
            "reporters": left,
            "text": left[0].text if first_goes else report.text,
            "address": "" if first_goes else report.address,
            "files": files,
            "proposals": tuple(p for p in report.proposals if p.file in known),
            "version": report.version + 1,
        }
    )


def folder_of(tracking: str) -> str:
    """Where the files of a report lie in the evidence store."""
    return f"reports/{tracking}"


def shown_text(text: str) -> str:
    """A reporter's words as others see them: without what says who wrote them or how to reach them.

    >>> shown_text("White Camry 123ABC02, call me: +7 701 123-45-67 or a.b@mail.kz")
    'White Camry 123ABC02, call me: [...] or [...]'
    """
    return _NUMBER.sub("[...]", _ADDRESS.sub("[...]", text))


def told(report: Report) -> Event:
    """The event that tells of a report's state; the same state gives the same id."""
    return _told(report, report.changed_at, report.version)


def tellings(report: Report) -> list[str]:
    """The ids of all events that may have told of a report: each of a version, at the time of a step.

    >>> from datetime import UTC, datetime
    >>> one = Reporter(channel="egov", reference="1", at=datetime(2026, 1, 1, tzinfo=UTC))
    >>> made = Report(id=one.tracking, service="other", latitude=0, longitude=0, happened_at=one.at, reporters=(one,))
    >>> after = step(made, "checked", "machine", datetime(2026, 1, 2, tzinfo=UTC))
    >>> {told(made).id, told(after).id} <= set(tellings(after))
    True
    """
    times = {report.received_at, *(step.at for step in report.steps)}
    return [_told(report, at, version).id for at in times for version in range(report.version + 1)]


def _told(report: Report, at: datetime, version: int) -> Event:
    data = {"report": report.id, "state": report.state, "service": report.service, "version": version}
    return Event.of(
        STATE, camera_id="reports", district=report.district, at=at, data=data, key=(report.id, version)
    )
