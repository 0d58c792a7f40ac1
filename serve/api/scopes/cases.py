"""Which search cases and leads are the caller's: those of cases that lie in their districts with all they search."""

from __future__ import annotations

from functools import cached_property

from flows.domain.cases import SearchCase
from flows.domain.errors import FieldError
from flows.domain.leads import Lead
from serve.api.problems import NO_SUCH, Problem
from serve.api.scope import Bounds
from serve.api.services import Services


class Cases:
    """Finds them, for whatever is done with them; for machines, nothing is written down."""

    def __init__(self, services: Services, bounds: Bounds) -> None:
        self._services, self._bounds = services, bounds

    def covers(self, case: SearchCase) -> bool:
        """Whether all of a case lies in the caller's districts."""
        person = self._bounds.person
        if not all(person.covers(district) for district in case.districts):
            return False
        cameras = (self._places.get(camera) for camera in case.cameras)
        return all(
            person.covers("*") if district is None else person.covers(district) for district in cameras
        )

    def case(self, case_id: str) -> SearchCase:
        """A case of theirs.

        Raises:
            Problem: 404 if it is none of theirs.
        """
        try:
            case = self._services.cases.get(case_id)
        except FieldError:
            raise Problem(404, NO_SUCH) from None
        if not self.covers(case):
            raise Problem(404, NO_SUCH)
        return case

    def lead(self, lead_id: str) -> Lead:
        """A lead of theirs with everybody's answers, never to be shown as it is. Likewise."""
        try:
            lead = self._services.leads.raw(lead_id)
        except FieldError:
            raise Problem(404, NO_SUCH) from None
        self._bounds.require(lead.district)
        self.case(lead.case)
        return lead

    @cached_property
    def _places(self) -> dict[str, str]:
        return self._services.cameras.districts()
