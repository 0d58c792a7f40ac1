"""The stores as a face search reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flows.domain.leads import Suppression
from flows.store.cases import Active, CaseStore
from flows.store.leads import LeadStore
from flows.store.probes import ProbeStore
from flows.store.vault import Vault


class Searching:
    """See :class:`flows.faces.searcher.CaseSource`.

    Args:
        url: Of Redis.
        vault: Opens probes, seals crops.
    """

    def __init__(self, url: str, vault: Vault) -> None:
        self._vault = vault
        self._cases, self._probes, self._leads = CaseStore(url), ProbeStore(url, vault), LeadStore(url, vault)

    def close(self) -> None:
        """Gives the connections back."""
        self._cases.close_connections()
        self._probes.close_connections()
        self._leads.close_connections()

    def active(self) -> Active:
        """What may be searched; where nobody could stop it, nothing may."""
        self._cases.require_stoppable()
        return self._cases.active()

    def probe(self, case_id: str, probe_id: str) -> bytes:
        """A photo, JPEG."""
        return self._probes.get(case_id, probe_id)

    def suppressions(self, case_id: str) -> Sequence[Suppression]:
        """Look-alikes that were rejected."""
        return self._leads.suppressions(case_id)

    def note_unsearched(self, version: str, why: Mapping[str, str]) -> None:
        """Tells people which active cases are not searched as they were asked for."""
        self._cases.note_unsearched(version, why)

    def seal(self, data: bytes) -> str:
        """A token that only the key opens."""
        return self._vault.seal(data)

    def open(self, token: str) -> bytes:
        """What is in a token."""
        return self._vault.open(token)
