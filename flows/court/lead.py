"""Gathers the package of a lead from what its case keeps: no store of events has leads (:mod:`flows.domain.privacy`).

That is the head as it was seen, in which every other face was made unrecognisable where the camera is, the photo that
was searched with, and who answered what.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from flows.court.export import Captured, ExportRefused, Material, as_json
from flows.domain.cases import SearchCase
from flows.domain.errors import FieldError
from flows.domain.events import DECISION, Event
from flows.domain.leads import LEAD, UNANSWERED, Lead, LeadState
from flows.evidence.package import EvidenceContext, Manifest, ModelRef, PackagedFile, sha256

CONFIRMED: Final[tuple[LeadState, ...]] = ("confirmed", "dispatched")
SEEN: Final = "seen.jpg"
PROBE: Final = "probe/probe.jpg"
"""No camera of ours took it: it lies beside the captured files, and carries no claim of where it is from."""
STEPS: Final[tuple[LeadState, ...]] = ("confirmed_once", "confirmed")


class Leads(Protocol):
    """Where leads are (:class:`flows.store.leads.LeadStore`)."""

    def raw(self, lead_id: str) -> Lead: ...
    def crop(self, reference: str, by: str) -> bytes: ...
    def embedder(self, lead_id: str) -> str: ...


class Cases(Protocol):
    """Where their cases are (:class:`flows.store.cases.CaseStore`)."""

    def get(self, case_id: str) -> SearchCase: ...


def gather_lead(lead_id: str, leads: Leads, cases: Cases, by: str, software: str) -> Material:
    """Everything that a package of a lead may say.

    Args:
        lead_id: The lead.
        leads: Where it is.
        cases: Where its case is.
        by: Who asks: that they see its pictures is written down.
        software: Version of this software.

    Raises:
        ExportRefused: If two people have not confirmed it. Whether one has is not said: the second answers blind.
        FieldError: If it is kept no more, or there is no key to open its pictures with.
        StoreError: If Redis is away.
    """
    lead = leads.raw(lead_id)
    if lead.state not in CONFIRMED:
        got = "unconfirmed" if lead.state in UNANSWERED else lead.state
        raise ExportRefused(f"lead {lead_id}: expected one that two people have confirmed, got {got}")
    case = cases.get(lead.case)
    seen = leads.crop(lead.seen_crop, by)
    probe, problems = _probe(lead, leads, by)
    event = _event(lead, case)
    model, _, digest = leads.embedder(lead_id).partition("@")
    manifest = Manifest(
        event=event,
        context=EvidenceContext(
            site="", camera_id=lead.camera, district=lead.district, software=software,
            detector=ModelRef(name=model, sha256=digest), latitude=lead.latitude, longitude=lead.longitude,
        ),
        files=[PackagedFile(name=SEEN, kind="crop", media_type="image/jpeg", size=len(seen), sha256=sha256(seen),
                            captured_at=lead.at, moment="seen")],
        clip=None,
        problems=problems,
    )  # fmt: skip
    return Material(
        record=(event, *_answers(lead)),
        captured=(Captured("event", as_json(manifest), {SEEN: seen}),),
        profile=None,
        enclosed={PROBE: probe} if probe else {},
    )


def _probe(lead: Lead, leads: Leads, by: str) -> tuple[bytes, list[str]]:
    """The photo that it was matched with; a case's photos are deleted when it ends."""
    try:
        return leads.crop(lead.probe_crop, by), []
    except FieldError:
        return b"", [f"the photo {lead.probe} that it was matched with was deleted with the end of its case"]


def _event(lead: Lead, case: SearchCase) -> Event:
    """The lead's own event, with its grounds, without whom the case is about and without templates."""
    authorised, like = case.step("authorised"), lead.likeness
    data = {
        "case": lead.case,
        "state": lead.state,
        "track": lead.track,
        "moments": [{"name": "seen", "at": lead.at.isoformat()}],
        "measurement": {
            "case": lead.case,
            "purpose": lead.purpose,
            "law": case.basis.law,
            "document": case.basis.document,
            "requested_by": case.requester,
            "authorised_by": authorised.by if authorised is not None else "",
            "photo": lead.probe,
            **like.model_dump(mode="json"),
        },
    }
    return Event.of(LEAD, camera_id=lead.camera, district=lead.district, at=lead.at, data=data,
                    key=(lead.case, lead.track))  # fmt: skip


def _answers(lead: Lead) -> Sequence[Event]:
    """The two confirmations as decisions."""
    return [
        Event.of(
            DECISION, camera_id=lead.camera, district=lead.district, at=lead.at, key=(lead.id, number),
            data={"lead": lead.id, "number": number, "state": state, "reason": "same_person", "by": answer.by,
                  "decided_at": answer.at.isoformat()},
        )
        for number, (state, answer) in enumerate(zip(STEPS, lead.answers, strict=True), 1)
    ]  # fmt: skip
