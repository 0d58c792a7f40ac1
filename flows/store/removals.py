"""Packages of violations that were deleted: what lies on the disk goes, too."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Protocol, Self

from flows.store import keys
from flows.store.evidence import EvidenceStore
from flows.store.owed import Owed


class Packages(Protocol):
    """Where packages are (:class:`flows.store.evidence.EvidenceStore`)."""

    def discard(self, folder: str, violation: str) -> bool: ...


class Removals:
    """Removes them; which they are was noted by the script that deleted the violation.

    Args:
        url: Of Redis.
        packages: Where packages are.
        steady_s: Seconds of a steady clock.
    """

    def __init__(self, url: str, packages: Packages, steady_s: Callable[[], float] = time.monotonic) -> None:
        self._packages = packages
        self._owed = Owed.of(url, keys.VIOLATIONS_UNREMOVED, self._discard, steady_s)

    @classmethod
    def of(cls, url: str, evidence: str) -> Self:
        """With a store of its own."""
        return cls(url, EvidenceStore(evidence))

    def sweep(self) -> int:
        """See :meth:`flows.store.owed.Owed.pay`; called every half minute."""
        return self._owed.pay()

    def _discard(self, noted: str) -> None:
        which = json.loads(noted)
        self._packages.discard(which["folder"], which["violation"])
