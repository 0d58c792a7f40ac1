"""A citizen's report: what somebody says happened, where and when, with photos and clips.

Words follow Open311 GeoReport v2 where it has any. A report is a claim: it never is evidence by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from flows.domain.config import Name
from flows.domain.errors import DomeError, FieldError
from flows.domain.events import event_id

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


class Attachment(BaseModel):
    """One file of a report.

    Attributes:
        sha256: Of its bytes as they were received.
        size: Bytes.
        media_type: By content, not as the sender says.
        folder: Where it lies in the evidence store.
        doubts: Where its own metadata contradict the claim.
        blurred: Whether others are shown a blurred preview only.
    """

    model_config = ConfigDict(frozen=True)

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=0)
    media_type: str
    folder: str = ""
    doubts: tuple[str, ...] = ()
    blurred: bool = True


class Reporter(BaseModel):
    """Who reported, as the channel knows them; never shown to anybody but the channel itself.

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
        nearby: Ids of events of cameras nearby at that time: what corroborates it.
        version: Number of the last step; whoever takes the next one names it.
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
    files: tuple[Attachment, ...] = Field(default=(), max_length=10 * MOST_FILES)
    reporters: tuple[Reporter, ...] = Field(min_length=1)
    state: State = "received"
    steps: tuple[Step, ...] = ()
    merged_into: str = ""
    nearby: tuple[str, ...] = ()
    version: int = 0

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


class ReportRefused(DomeError):
    """A step that a report's state does not allow."""


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
    files = (*main.files, *(f for f in other.files if f.sha256 not in known))
    if len(files) > 10 * MOST_FILES:
        raise FieldError(
            "files", f"at most {10 * MOST_FILES} in a report", len(files), "merge into another one"
        )
    ended = step(other, "merged", by, at, f"tells of the same as {main.id}").model_copy(
        update={"merged_into": main.id}
    )
    reporters = (*main.reporters, *(r for r in other.reporters if r not in main.reporters))
    grown = main.model_copy(update={"files": files, "reporters": reporters, "version": main.version + 1})
    return grown, ended
