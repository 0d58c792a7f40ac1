"""Packages of violations that were deleted: what lies on the disk goes, too."""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Callable
from typing import Any, Final, Protocol, Self

from flows.domain.errors import StoreError
from flows.domain.masking import masked
from flows.store import keys
from flows.store.connection import client, told
from flows.store.evidence import EvidenceStore
from flows.store.ledger import ANSWER_S

log = logging.getLogger(__name__)

BUSY_S: Final = 1.0
"""Removes for so long at a time: no event is written meanwhile, and an installation that has kept everything so far
has years to remove, of an object store at a tenth of a second each."""
MOST: Final = 1000
"""Looked at at a time: as many as go in a second on a disk, of a million that may wait."""
AGAIN_S: Final = 600.0
"""After a package that could not be removed: a store that is away may take its time to say so."""


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
        self._address, self._redis = masked(url), client(url, ANSWER_S)
        self._packages, self._steady_s = packages, steady_s
        self._due_s = float("-inf")

    @classmethod
    def of(cls, url: str, evidence: str) -> Self:
        """With a store of its own."""
        return cls(url, EvidenceStore(evidence))

    def sweep(self) -> int:
        """Removes what must go; how many packages it was. Called every half minute, and goes on the next time where
        there was too much. Those that cannot be removed now are tried again.

        Raises:
            StoreError: If Redis is away.
        """
        began_s, went = self._steady_s(), 0
        if began_s < self._due_s:
            return 0
        with told("read which packages must go", self._address):
            waiting: Any = self._redis.srandmember(keys.VIOLATIONS_UNREMOVED, MOST)
        random.shuffle(waiting)  # those that cannot be removed keep no others from it
        for each in waiting:
            if self._steady_s() - began_s >= BUSY_S:
                break
            which = json.loads(each)
            try:
                self._packages.discard(which["folder"], which["violation"])
            except StoreError as error:
                log.warning("%s; tried again later", error)
                self._due_s = self._steady_s() + AGAIN_S
                continue
            with told("note that a package is gone", self._address):
                self._redis.srem(keys.VIOLATIONS_UNREMOVED, each)
            went += 1
        return went
