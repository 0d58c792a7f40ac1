"""Leads in Redis. One is written only while its case is active and covers it: the writing script asks again."""

from __future__ import annotations

from typing import Protocol

from flows.domain.leads import Lead, LeadView, Reason, Suppression


class Leads(Protocol):
    """Leads of search cases. They come over the results path, as ``dome.search.lead.v1`` events, and from nowhere else.

    All raise ``StoreError`` if Redis is away, ``CaseError`` where a lead's life forbids a step, and ``FieldError``
    for one that is not there (any more). Whatever a person is shown is written to the audit log.
    """

    def of_case(self, case_id: str, by: str) -> list[LeadView]:
        """Leads of a case as a person may see them, the newest first."""
        ...

    def view(self, lead_id: str, by: str) -> LeadView:
        """One lead as a person may see it."""
        ...

    def crop(self, reference: str, by: str) -> bytes:
        """A picture that a lead names (``seen_crop``, ``probe_crop``): JPEG."""
        ...

    def confirm(self, lead_id: str, by: str) -> LeadView:
        """See :func:`flows.domain.leads.confirm`."""
        ...

    def reject(self, lead_id: str, by: str, reason: Reason = "not_this_person") -> LeadView:
        """See :func:`flows.domain.leads.reject`. The crop is gone when it returns."""
        ...

    def dispatch(self, lead_id: str, by: str) -> LeadView:
        """See :func:`flows.domain.leads.dispatch`."""
        ...

    def suppressions(self, case_id: str) -> list[Suppression]:
        """Look-alikes that make no lead in a case now. For the matcher; changes are seen in ``Active.version``."""
        ...

    def raw(self, lead_id: str) -> Lead:
        """A lead with everybody's answers: for machines, never for a person."""
        ...
