"""Search cases in Redis: each step of a case and its audit entry are one script, by one person, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from flows.domain.cases import SearchCase


@dataclass(frozen=True, slots=True)
class Active:
    """What may be searched at a moment.

    Attributes:
        version: Another one whenever anything here differs, probes and suppressions included: whoever has built
            a gallery for this version need not look again.
        cases: Active cases whose end has not come. Each frame is asked about with ``covers()`` all the same.
        stopped: Why nothing may be searched though cases are active: the stop switch. Empty where it is off.
    """

    version: str
    cases: tuple[SearchCase, ...]
    stopped: str = ""


class Cases(Protocol):
    """Search cases. Every step names who takes it and fails with a clear error where it may not be taken.

    All raise ``StoreError`` if Redis is away, ``CaseError`` where the life of a case forbids a step, its subclass
    ``ChangedMeanwhile`` where somebody else was faster, and ``FieldError`` for an unknown case.
    """

    def create(self, case: SearchCase, photos: Mapping[str, bytes]) -> SearchCase:
        """Keeps a new draft and its photos, by probe id, sealed."""
        ...

    def authorise(self, case_id: str, by: str, why: str = "", seen: int | None = None) -> SearchCase:
        """See :func:`flows.domain.cases.authorise`.

        Args:
            case_id: The case.
            by: Who.
            why: In their words.
            seen: Version that the person looked at; the present one if None.
        """
        ...

    def activate(self, case_id: str, by: str, why: str = "", seen: int | None = None) -> SearchCase:
        """See :func:`flows.domain.cases.activate`."""
        ...

    def reject(self, case_id: str, by: str, why: str, seen: int | None = None) -> SearchCase:
        """See :func:`flows.domain.cases.reject`. Probes, leads and crops are gone when it returns."""
        ...

    def close(self, case_id: str, by: str, why: str, seen: int | None = None) -> SearchCase:
        """See :func:`flows.domain.cases.close`. Probes and unconfirmed leads are gone when it returns."""
        ...

    def get(self, case_id: str) -> SearchCase:
        """One case as it is."""
        ...

    def all(self) -> list[SearchCase]:
        """All cases, the newest first."""
        ...

    def active(self, now: datetime) -> Active:
        """What may be searched now: nothing while the stop switch is on. Made to be asked every second.

        One small question to Redis; cases are read again only when something has changed. Where it raises
        ``StoreError``, search nothing: whether the stop switch is on cannot be known.
        """
        ...

    def stop_all(self, by: str, why: str) -> None:
        """The stop switch: ends all searching until :meth:`resume`."""
        ...

    def resume(self, by: str, why: str) -> None:
        """Another person than the one who stopped lets searching go on."""
        ...

    def sweep(self, now: datetime) -> int:
        """Ends what is over, deletes what must go, renews routes; how many things it did. Called every half minute."""
        ...
