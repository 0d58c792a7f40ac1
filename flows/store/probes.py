"""Photos of searched persons, sealed (:mod:`flows.store.vault`); they go with their case."""

from __future__ import annotations

from typing import Any

from flows.domain.cases import SearchCase, runs
from flows.domain.errors import CaseError, FieldError
from flows.store import keys
from flows.store.connection import told
from flows.store.ledger import Change, Clock, Ledger, Refused, utc_now
from flows.store.vault import Vault


class ProbeStore:
    """Probe photos in Redis. Written by ``CaseStore.create``, deleted by the end of their case; people see them by
    :meth:`flows.store.leads.LeadStore.crop`.

    All raise ``StoreError`` if Redis is away or the photo cannot be opened, ``FieldError`` if it is not there.

    Args:
        url: Of Redis.
        vault: Opens them.
        clock: The present; for tests.
    """

    def __init__(self, url: str, vault: Vault, clock: Clock = utc_now) -> None:
        self._ledger, self._vault = Ledger(url, clock), vault

    def close_connections(self) -> None:
        """Gives the connections back."""
        self._ledger.close()

    def get(self, case_id: str, probe_id: str) -> bytes:
        """A photo, JPEG, for the gallery.

        Raises:
            CaseError: If its case is not active: nothing may be searched with it.
        """
        case, token = self._read(case_id, probe_id)
        if case is None or not runs(case, self._ledger.now()):
            got = "no such case" if case is None else _standing(case)
            raise CaseError(
                f"case {case_id}: nothing may be searched with its photos: expected active, got {got}"
            )
        return self._vault.open(self._found(token, case_id, probe_id))

    def reseal(self, case_id: str) -> int:
        """Seals the photos of a case by the current key, after it was rotated; how many were older.

        Raises:
            StoreError: If one cannot be opened by any key.
        """
        key = keys.case(case_id, "probes")
        with told("read probes", self._ledger.address):
            found: Any = self._ledger.client.hgetall(key)
        for name, token in found.items():
            renewed = self._vault.renewed(token.decode())
            change = Change(guards=[(["HGET", key, name.decode()], token.decode())])
            change.commands = [["HSET", key, name.decode(), renewed]]
            try:
                self._ledger.commit(change, "seal a probe anew")
            except Refused:  # deleted at this moment
                continue
        return len(found)

    def _read(self, case_id: str, probe_id: str) -> tuple[SearchCase | None, Any]:
        with told("read a probe", self._ledger.address):
            pipe = self._ledger.client.pipeline(transaction=True)
            pipe.hget(keys.case(case_id), "json")
            pipe.hget(keys.case(case_id, "probes"), probe_id)
            text, token = pipe.execute()
        return None if text is None else SearchCase.model_validate_json(text), token

    @staticmethod
    def _found(token: Any, case_id: str, probe_id: str) -> str:
        if token is None:
            raise FieldError(
                "probe", f"a photo of case {case_id}", repr(probe_id), "photos go with their case"
            )
        return token.decode() if isinstance(token, bytes) else str(token)


def _standing(case: SearchCase) -> str:
    """How far a case has come, whether or not somebody has put it away yet."""
    return f"{case.state} until {case.ends_at.isoformat()}" if case.state == "active" else case.state
