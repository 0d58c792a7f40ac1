"""Leads: what a machine takes for the person of a search case. Never a finding: two people look before anyone goes.

::

    lead --confirm (one person)--> confirmed_once --confirm (another)--> confirmed --dispatch--> dispatched
      +------------------------ reject, by anybody, at any point -----------------------------> rejected

**Blind.** Nobody is shown what another answered, nor that anybody has answered, before they have answered
themselves: :func:`view_for` shows ``lead`` until then.

**What is kept of whom.** A lead holds a crop of somebody who is perhaps a stranger. Unless two people confirm it,
it is deleted after the hours that the law gives (72 at most), with everything in it.

**"Not this person".** Rejecting removes the crop at once. To recognise the same look-alike again, something of how
they look would be needed, and that is a stranger's biometric data: so only the template that came with the lead
stays, encrypted, inside its case, compared only with faces that have already matched a probe of this case, and no
longer than the lead itself would have lived (:attr:`Lead.deadline_at`; never prolonged, and gone with the case).
One that two people confirmed keeps it as long: whoever is sent may find that it is somebody else, and rejects it.
In that time a face nearer to it than to the probe is no new lead. Afterwards the same look-alike may be asked about
once more: one question in three days is the price of keeping no stranger's face for as long as a case may last.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from flows.domain.cases import Person, Purpose, SearchCase, runs
from flows.domain.config import Name
from flows.domain.errors import CaseError
from flows.domain.events import Event
from flows.domain.privacy import LEAD as LEAD

LeadState = Literal["lead", "confirmed_once", "confirmed", "dispatched", "rejected"]
UNANSWERED: Final[tuple[LeadState, ...]] = ("lead", "confirmed_once")
Verdict = Literal["confirmed", "rejected"]
Reason = Literal["not_this_person", "bad_picture", "other"]
"""Why a lead is rejected; ``not_this_person`` suppresses the look-alike."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class Likeness(_Model):
    """How alike two faces are, and what that means here.

    Attributes:
        similarity: Of the embeddings, 1 is the same picture.
        threshold: From which a lead was made, at this many photos and this case's budget of false alarms.
        gallery: Photos of the case that the face was compared with.
        false_alarms: Of a million faces of other people, so many are expected to be at least as alike to one of
            them (measured, see ``dome evaluate faces``).
        votes: Frames of the track that agreed.
    """

    similarity: float
    threshold: float
    gallery: int = Field(ge=1)
    false_alarms: float = Field(ge=0)
    votes: int = Field(default=1, ge=1)


class LeadFound(_Model):
    """The payload (``data``) of a ``dome.search.lead.v1`` event, made where the camera is.

    Attributes:
        case: The case.
        probe: Which of its photos.
        track: The track's number in the camera's pipeline.
        likeness: How alike.
        crop: The face as seen, JPEG, as a token of :class:`flows.store.vault.Vault`.
        template: Its embedding, little-endian float32, as a token too; used for nothing but "not this person".
        model: Name and sha256 of the embedder: templates of different ones are not comparable.
        latitude: Of the camera, where known.
        longitude: Likewise.
    """

    case: Name
    probe: Name
    track: int
    likeness: Likeness
    crop: str = Field(min_length=1)
    template: str = Field(min_length=1)
    model: str
    latitude: float | None = None
    longitude: float | None = None

    def event(self, *, camera_id: str, district: str, at: datetime) -> Event:
        """The event; one a case and track, whatever is seen of the track later."""
        return Event.of(
            LEAD,
            camera_id=camera_id,
            district=district,
            at=at,
            data=self.model_dump(mode="json"),
            key=(self.case, self.track),
        )


class Answer(_Model):
    """What one person said of a lead."""

    by: Person
    at: AwareDatetime
    verdict: Verdict
    reason: Reason | None = None


class Lead(_Model):
    """One lead with its life. Crops are asked for by reference, and whoever sees them is written down.

    Attributes:
        id: The event's.
        case: The case.
        purpose: Of the case.
        probe: Which photo it was matched with.
        camera: The camera.
        district: Its district.
        at: Capture time of the crop, aware UTC.
        track: The track's number.
        likeness: How alike, and what that means.
        seen_crop: Reference of the crop, for :meth:`flows.store.leads.LeadStore.crop`; empty once it is removed.
        probe_crop: Reference of the photo, likewise.
        deadline_at: Deleted then unless two people have confirmed it.
        latitude: Of the camera, where known.
        longitude: Likewise.
        state: How far it has come.
        version: Number of changes.
        answers: Who said what. Never shown as it is: :func:`view_for`.
    """

    id: str
    case: Name
    purpose: Purpose
    probe: Name
    camera: Name
    district: str
    at: AwareDatetime
    track: int
    likeness: Likeness
    seen_crop: str
    probe_crop: str
    deadline_at: AwareDatetime
    latitude: float | None = None
    longitude: float | None = None
    state: LeadState = "lead"
    version: int = 0
    answers: tuple[Answer, ...] = ()

    @classmethod
    def of(cls, event: Event, purpose: Purpose, deadline_at: datetime) -> Self:
        """A new lead from its event."""
        found = LeadFound.model_validate(event.data)
        return cls(
            id=event.id,
            purpose=purpose,
            camera=event.camera_id,
            district=event.subject,
            at=event.time,
            seen_crop=f"leads/{event.id}",
            probe_crop=f"probes/{found.case}/{found.probe}",
            deadline_at=deadline_at,
            **found.model_dump(exclude={"crop", "template", "model"}),
        )

    def answer_of(self, person: str) -> Answer | None:
        """What somebody said last, None if nothing."""
        return next((a for a in reversed(self.answers) if a.by == person), None)


class LeadView(_Model):
    """What one person is shown of a lead.

    Attributes:
        lead: The lead without anybody's answers; while the person has not answered, its state is ``lead``.
        own: What the person answered.
        others: What others answered: empty until the person has answered.
    """

    lead: Lead
    own: Answer | None = None
    others: tuple[Answer, ...] = ()


class Suppression(_Model):
    """ "Not this person": what a case's matcher compares a match with before it becomes a lead.

    Attributes:
        lead: The rejected lead.
        case: The case.
        probe: The photo.
        template: Token of the look-alike's embedding, see :class:`LeadFound`.
        model: Of which embedder.
        until_at: Gone then.
    """

    lead: str
    case: Name
    probe: Name
    template: str
    model: str
    until_at: AwareDatetime


def confirm(lead: Lead, by: str, at: datetime) -> Lead:
    """One person says: this may be them. The second one's answer confirms it.

    Raises:
        CaseError: If that person has answered before, or it is decided already, or its time is over.
    """
    _open_for(lead, by, at)
    if lead.answer_of(by) is not None:
        raise CaseError(
            f"lead {lead.id}: {by} has answered already; expected another person", code="four_eyes"
        )
    state: LeadState = "confirmed" if lead.state == "confirmed_once" else "confirmed_once"
    return _answered(lead, state, Answer(by=by, at=at, verdict="confirmed"))


def reject(lead: Lead, by: str, at: datetime, reason: Reason = "not_this_person") -> Lead:
    """Anybody says: this is not them. One is enough, at any point; a person may change their mind to it.

    Raises:
        CaseError: If it is rejected already.
    """
    if lead.state == "rejected":
        raise CaseError(f"lead {lead.id}: it is rejected already")
    return _answered(lead, "rejected", Answer(by=by, at=at, verdict="rejected", reason=reason))


def dispatch(lead: Lead) -> Lead:
    """Somebody is sent. Only after two people have confirmed.

    Raises:
        CaseError: If two people have not.
    """
    if lead.state != "confirmed":
        raise CaseError(
            f"lead {lead.id}: nobody is sent before two people have confirmed it; expected confirmed, got "
            f"{blind(lead.state)}",
            code="four_eyes",
        )
    return lead.model_copy(update={"state": "dispatched", "version": lead.version + 1})


def blind(state: LeadState) -> str:
    """A state as it is said to whoever may have to answer yet: not whether somebody has.

    >>> [blind(state) for state in ("lead", "confirmed_once", "dispatched")]
    ['unconfirmed', 'unconfirmed', 'dispatched']
    """
    return "unconfirmed" if state in UNANSWERED else state


def require_search(lead: Lead, case: SearchCase, stopped: bool, now: datetime) -> None:
    """Nobody confirms, and nobody is sent, once a search is over: also where nobody has put it away yet.

    Args:
        lead: The lead.
        case: Its case.
        stopped: Whether the stop switch is on.
        now: The present.

    Raises:
        CaseError: If the case does not run, or searching is stopped. Rejecting needs neither.
    """
    if stopped:
        told = f"lead {lead.id}: searching is stopped; expected somebody to resume it first"
        raise CaseError(told, code="stopped")
    if not runs(case, now):
        got = f"active until {case.ends_at.isoformat()}" if case.state == "active" else case.state
        raise CaseError(f"lead {lead.id}: expected case {case.id} to be active, got {got}")


def overdue(lead: Lead, now: datetime) -> bool:
    """Whether it is deleted now: two people have not confirmed it in time."""
    return lead.state in (*UNANSWERED, "rejected") and now >= lead.deadline_at


def outlives(lead: Lead, case: SearchCase, now: datetime) -> bool:
    """Whether a lead is kept now. What nobody confirmed goes with its case; of one never authorised, everything."""
    if runs(case, now):
        return not overdue(lead, now)
    return case.authorised and lead.state in ("confirmed", "dispatched")


def view_for(lead: Lead, person: str) -> LeadView:
    """What somebody is shown: nothing of others' answers before their own, not even that there are any."""
    own = lead.answer_of(person)
    bare = {"answers": (), "version": 0}
    if own is None and lead.state in UNANSWERED:
        return LeadView(lead=lead.model_copy(update={**bare, "state": "lead"}))
    # Decided: there is nothing left to answer, and what was decided is no secret. The answers stay one.
    others = tuple(a for a in lead.answers if a.by != person) if own is not None else ()
    return LeadView(lead=lead.model_copy(update=bare), own=own, others=others)


def deadline(made_at: datetime, lead_hours: float, case_ends_at: datetime) -> datetime:
    """When an unconfirmed lead goes: never later than its case."""
    return min(made_at + timedelta(hours=lead_hours), case_ends_at)


def _open_for(lead: Lead, by: str, at: datetime) -> None:
    if lead.state not in UNANSWERED:
        raise CaseError(f"lead {lead.id}: it is decided already ({lead.state}), {by} need not answer")
    if at >= lead.deadline_at:
        raise CaseError(
            f"lead {lead.id}: expected an answer before {lead.deadline_at.isoformat()}, got {at.isoformat()}"
        )


def _answered(lead: Lead, state: LeadState, answer: Answer) -> Lead:
    changes = {"state": state, "version": lead.version + 1, "answers": (*lead.answers, answer)}
    return lead.model_copy(update=changes)
