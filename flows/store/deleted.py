"""Violations that were deleted, so that whoever plays an archive again does not bring them back.

What is kept of one is two hashes, for a year: its id, and a mark of its camera, its kind and the tenth of a second in
which it was captured, because a recording gives another id to what its camera had seen live. Neither says whose it was.
``forget.lua`` writes them, ``write.lua`` leaves out what bears such an id, ``prune.lua`` lets go of old ones.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from flows.domain.events import Event
from flows.domain.masking import masked
from flows.store import keys
from flows.store.connection import client, told
from flows.store.ledger import ANSWER_S, to_ms
from flows.store.lines import VIOLATION

SLOT_MS: Final = 100
REMEMBERED: Final = 500_000
"""Hashes kept at most, those that would be forgotten last: 65 MB, of as many violations as events are kept."""


class DeletedStore:
    """Knows them again. Safe to use from several threads; nothing connects before the first call.

    Args:
        url: Of Redis.
    """

    def __init__(self, url: str) -> None:
        self._address, self._redis = masked(url), client(url, ANSWER_S)

    def close(self) -> None:
        """Gives the connections back."""
        self._redis.close()

    def knows(self, event: Event, within_s: float) -> bool:
        """Whether an event is a violation that was deleted, or one of its kind was, at its camera, as near in time.

        Raises:
            StoreError: If Redis is away.
        """
        if not event.type.startswith(VIOLATION):
            return False
        at_ms, within_ms = to_ms(event.time), round(within_s * 1000)
        slots = range((at_ms - within_ms) // SLOT_MS, (at_ms + within_ms) // SLOT_MS + 1)
        marks = [mark(event.camera_id, event.type, slot) for slot in slots]
        with told("look for what was deleted", self._address):
            found: Any = self._redis.zmscore(keys.VIOLATIONS_DELETED, [event.id, *marks])
        return any(score is not None for score in found)


def mark(camera: str, type: str, slot: int) -> str:
    """What stands for a violation of a kind at a camera, captured in a slot of :data:`SLOT_MS` since 1970."""
    return hashlib.sha256(f"{camera}|{type}|{slot}".encode()).hexdigest()[:32]
