"""Search cases and leads of the caller's: see :mod:`serve.api.scopes.cases`."""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from pydantic import AwareDatetime

from flows.casework.searches import new_case, prepared
from flows.domain.cases import ENDED, Purpose, SearchCase, runs
from flows.domain.errors import FieldError, StoreError
from flows.domain.leads import LeadView, Reason, outlives
from flows.domain.sightings import geojson
from flows.jurisdiction import load_profile
from flows.store.cases import new_id
from serve.api.problems import Problem
from serve.api.schemas import Answer
from serve.api.scope import Bounds
from serve.api.scopes.cases import Cases
from serve.api.scopes.patrol import Patrol
from serve.api.services import Services

log = logging.getLogger(__name__)

Step = Callable[..., SearchCase]
WAITING = 100
"""Most leads in the list of those that wait."""


class Waiting(Answer):
    """A lead that waits for the caller's answer: not who, nor how alike."""

    lead: str
    case: str
    purpose: Purpose
    first: bool
    camera: str
    district: str
    at: AwareDatetime


class Searches:
    """Takes steps of the caller on cases and leads; whatever they look at is written down by the stores."""

    def __init__(self, services: Services, bounds: Bounds) -> None:
        self._services, self._bounds = services, bounds
        self._me, self._theirs = bounds.person.sub, Cases(services, bounds)

    def all(self) -> list[SearchCase]:
        """Cases, the newest first."""
        self._services.cases.sweep()
        return [case for case in self._services.cases.all() if self._theirs.covers(case)]

    def stopped(self) -> str:
        """Who has stopped all searching, when and why."""
        return self._services.cases.stopped()

    def unsearched(self) -> dict[str, str]:
        """Why active cases are not searched, or not in full, by id."""
        return self._services.cases.unsearched()

    def view(self, case_id: str) -> SearchCase:
        """One case.

        Raises:
            Problem: 404 if it is none of theirs.
        """
        self._services.cases.sweep()  # of one that is over whom it was about may have to be forgotten
        self._theirs.case(case_id)
        return self._services.cases.view(case_id, self._me)

    def create(self, values: Mapping[str, Any], photos: Mapping[str, str]) -> SearchCase:
        """A draft, asked for by the caller; asked for again, the case that was made.

        Args:
            values: See :func:`flows.casework.searches.new_case`.
            photos: JPEG or PNG as base64, by probe id.

        Raises:
            FieldError: If anything is missing, wrong, or not allowed by the profile.
            Problem: 403 if it would search outside of the caller's districts.
        """
        once = self._bounds.once
        if once.again:
            return self._theirs.case(once.made)
        profile = load_profile(self._services.config.jurisdiction)
        case = new_case(dict(values) | {"requester": self._me}, profile, new_id(), self._services.now())
        if not self._theirs.covers(case):
            raise Problem(
                403, "the case would search outside of your districts, or a camera that nobody knows"
            )
        kept = self._checked(photos) if photos else {}
        made = self._services.cases.create(case, kept)
        once.made = made.id
        return made

    def step(self, case_id: str, name: str, why: str, version: int) -> SearchCase:
        """Takes a step on a case; see :class:`flows.store.cases.CaseStore`.

        Raises:
            Problem: 404 if it is none of theirs.
            CaseError: If its life forbids it.
        """
        case = self._theirs.case(case_id)
        if self._bounds.once.again:
            return case
        take: Step = getattr(self._services.cases, name)
        after = take(case_id, self._me, why, version)
        if after.state in ENDED:
            self._call_off()
        return after

    def stop_all(self, why: str) -> None:
        """The stop switch."""
        if self._bounds.once.again:
            return
        self._services.cases.stop_all(self._me, why)
        self._call_off()

    def _call_off(self) -> None:
        """Who is on the way to a lead hears at once that its search is over; what fails here the sweep makes up for."""
        try:
            self._services.sweep_tasks()
        except StoreError as error:
            log.warning("%s; patrols hear of it from the next sweep", error)

    def resume(self, why: str) -> None:
        """Searching goes on."""
        if self._bounds.once.again:
            return
        self._services.cases.resume(self._me, why)

    def leads(self, case_id: str) -> list[LeadView]:
        """Leads of a case, blind to what others answered until the caller has."""
        self._theirs.case(case_id)
        return self._services.leads.of_case(case_id, self._me)

    def waiting(self) -> list[Waiting]:
        """Leads that the caller has not answered and nobody has decided: missing children first, then the oldest.

        It says that there is something to look at, and nothing of who: that is asked for by case.
        """
        now, cases, found = self._services.now(), self._cases(), []
        for lead in self._services.leads.unanswered():
            case = cases(lead.case)
            if case is None or not outlives(lead, case, now) or lead.answer_of(self._me) is not None:
                continue
            found.append(Waiting(lead=lead.id, case=case.id, purpose=case.purpose, first=case.terms.first,
                                 camera=lead.camera, district=lead.district, at=lead.at))  # fmt: skip
        return sorted(found, key=lambda each: (not each.first, each.at))[:WAITING]

    def _cases(self) -> Callable[[str], SearchCase | None]:
        """Reads cases of the caller's districts that are searched now, each once."""

        @cache
        def running(case_id: str) -> SearchCase | None:
            try:
                case = self._services.cases.get(case_id)
            except FieldError:
                return None
            return case if runs(case, self._services.now()) and self._theirs.covers(case) else None

        return running

    def route(self, case_id: str) -> dict[str, object]:
        """Where the vehicle of a case was seen, as GeoJSON; see :meth:`flows.store.sightings.SightingStore.route`.

        Raises:
            Problem: 404 if it is none of theirs.
            CaseError: If it is about no vehicle, or was never active.
        """
        self._services.cases.sweep()  # of a case that is over nothing more is looked for
        self._theirs.case(case_id)
        return geojson(self._services.sightings.route(case_id, self._me))

    def lead(self, lead_id: str) -> LeadView:
        """One lead, likewise."""
        self._theirs.lead(lead_id)
        return self._services.leads.view(lead_id, self._me)

    def crop(self, lead_id: str, which: str) -> bytes:
        """The face as seen, or the probe that it was matched with: JPEG.

        Raises:
            Problem: 404 if it is none of theirs, or was removed.
        """
        lead = self._theirs.lead(lead_id)
        return self._picture(lead.seen_crop if which == "seen" else lead.probe_crop)

    def photo(self, case_id: str, probe_id: str) -> bytes:
        """A photo of whom a case is about, until it is over: JPEG.

        Raises:
            Problem: 404 if it is none of theirs, or was removed.
        """
        self._theirs.case(case_id)
        return self._picture(f"probes/{case_id}/{probe_id}")

    def _picture(self, reference: str) -> bytes:
        removed = Problem(404, "the picture was removed")
        if not reference:
            raise removed
        try:
            return self._services.leads.crop(reference, self._me)
        except FieldError as error:
            if error.field != "crop":
                raise
            raise removed from None

    def answer(self, lead_id: str, name: str, reason: Reason) -> LeadView:
        """Confirms, rejects or dispatches: then it is a patrol's task, and those within the case's radius are called.

        Raises:
            CaseError: If the lead's life forbids it.
        """
        before = self._theirs.lead(lead_id)
        leads = self._services.leads
        if self._bounds.once.again:
            return leads.view(lead_id, self._me)
        if name == "reject":
            rejected = leads.reject(lead_id, self._me, reason)
            if before.state == "dispatched":
                self._call_off()
            return rejected
        if name == "confirm":
            return leads.confirm(lead_id, self._me)
        view = leads.dispatch(lead_id, self._me)
        Patrol(self._services, self._bounds).tell_of_lead(lead_id)
        return view

    def _checked(self, photos: Mapping[str, str]) -> dict[str, bytes]:
        from models.faces import load
        from models.faces.photos import decoded
        from models.faces.probe import ProbeChecker

        config = self._services.config
        if not config.settings.probe_key.get_secret_value():
            raise FieldError(
                "DOME_PROBE_KEY", "a key for probe photos", "nothing", "photos are kept sealed only"
            )
        checker = ProbeChecker(load(config.faces, config.settings))
        return prepared({name: _bytes(name, text) for name, text in photos.items()}, decoded, checker)


def _bytes(name: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise FieldError(
            f"photos.{name}", "a JPEG or PNG in base64", f"{len(text)} other characters"
        ) from None
