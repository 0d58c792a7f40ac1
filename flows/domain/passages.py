"""A passage: one vehicle crosses the gate of a surveyed section at one camera.

Passages of the same plate at both ends become an average speed (:mod:`flows.casework.sections`), across camera actors
and machines. What travels is a keyed hash of the plate, never its text.

**How the plain text reaches a violation.** A passage is told only when its evidence package is written: the
pictures at the gate and, in the package's manifest, the plate as it was read there. The event names that
package and carries the hash. Whoever finds that two passages make a violation reads the text from the two
packages named, and both cameras' pictures are in evidence. Packages of passages that make no violation are
removed as soon as they can match nothing any more (within the hour where both cameras run, a day after their
arrival in any case), and the hashes expire. So nothing goes back from results to cameras; the text of a
vehicle that did nothing is in no event, no log and no index, and that of one that did is stated twice.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from flows.domain.events import PASSAGE, Event, KeyMoment


class SectionTerms(BaseModel):
    """What holds on a section, as one of its cameras states it; both must state the same.

    Attributes:
        section: Its name.
        length_m: Surveyed way between both gates.
        length_error_m: Its standard error.
        limit_kmh: Limit.
        tolerance_kmh: No violation up to so much above it.
        articles: ``(from so many km/h above the limit, article)``, ascending.
        exemptions: As in :class:`flows.domain.events.Violation`, as are the next four.
        exemptions_max_age_h: Likewise.
        needs_review: Likewise.
        profile: Likewise.
        state: Likewise.
    """

    model_config = ConfigDict(frozen=True)

    section: str
    length_m: float = Field(gt=0)
    length_error_m: float = Field(ge=0)
    limit_kmh: float
    tolerance_kmh: float
    articles: tuple[tuple[float, str], ...]
    exemptions: tuple[str, ...] = ()
    exemptions_max_age_h: float | None = None
    needs_review: bool = False
    profile: str = ""
    state: Literal["stands", "undecided", "needs_review"] = "stands"

    def article_for(self, excess_kmh: float) -> str:
        """The article for a speed that is surely so much above the limit."""
        return next((name for above, name in reversed(self.articles) if excess_kmh >= above), "")


class Passage(BaseModel):
    """The payload (``data``) of a ``dome.passage.v1`` event, with what its envelope says of it.

    Attributes:
        id: The event's.
        camera: The camera.
        district: Its district.
        terms: What holds on the section.
        role: Whether the vehicle enters or leaves the section here.
        at: When the middle of its front crossed the gate, aware UTC.
        sd_s: Standard error of that time against UTC: the place of the front, the frames' times, the clock.
        track: The track's number in the camera's pipeline.
        cls: The vehicle's class.
        speed_kmh: About how fast it was there.
        position_m: Where it crossed, metres in the survey's frame.
        moments: What evidence shows, in time order.
        rule_version: Version of the rule's definition.
        parameters: What the site file states of the rule at this camera.
        clock: State of the camera's clock.
        calibration: The camera's survey.
        evidence: Folder of the package.
        plate: Keyed hash of the plate; empty until it has been read.
        manifest_sha256: Of the package's manifest; empty until it is written.
    """

    model_config = ConfigDict(frozen=True)

    id: str = ""
    camera: str = ""
    district: str = ""
    terms: SectionTerms
    role: Literal["entry", "exit"]
    at: AwareDatetime
    sd_s: float = Field(gt=0)
    track: int
    cls: str
    speed_kmh: float
    position_m: tuple[float, float]
    moments: tuple[KeyMoment, ...]
    rule_version: str
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    clock: dict[str, JsonValue] = Field(default_factory=dict)
    calibration: dict[str, JsonValue] = Field(default_factory=dict)
    evidence: str = ""
    plate: str = ""
    manifest_sha256: str = ""

    @classmethod
    def of(cls, event: Event) -> Self:
        """Reads a passage event."""
        named = {"id": event.id, "camera": event.camera_id, "district": event.subject}
        return cls.model_validate(event.data | named)

    @property
    def section(self) -> str:
        """Name of the section."""
        return self.terms.section

    def event(self) -> Event:
        """The event; its id follows from camera, time and place."""
        x_m, y_m = self.position_m
        return Event.of(
            PASSAGE,
            camera_id=self.camera,
            district=self.district,
            at=self.at,
            data=self.model_dump(mode="json", exclude={"id", "camera", "district"}),
            key=(self.section, self.role, round(x_m), round(y_m)),
        )


def untold(event: Event) -> bool:
    """Whether it is a passage that waits for its package."""
    return event.type == PASSAGE and not event.data.get("manifest_sha256")


def told(event: Event, plate: str, manifest_sha256: str) -> Event:
    """A passage whose package is written: the same event with the plate's keyed hash."""
    return event.model_copy(
        update={"data": {**event.data, "plate": plate, "manifest_sha256": manifest_sha256}}
    )
