"""What must go of the evidence store, noted until it has: a disk that is away may come back with it."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, Self

import redis

from flows.domain.errors import StoreError
from flows.domain.masking import masked
from flows.store.connection import client, told
from flows.store.ledger import ANSWER_S

log = logging.getLogger(__name__)

BUSY_S: Final = 1.0
"""Removes for so long at a time: no event is written meanwhile, and an installation that has kept everything so far
has years to remove, of an object store at a tenth of a second each. No round in which nothing goes lasts longer."""
STEADILY_S: Final = 20.0
"""Of what comes all day long, as packages of passages do, or must not wait: an object store lets 200 go in it."""
MOST: Final = 1000
"""Looked at at a time: as many as go in a second on a disk, of a million that may wait."""
AGAIN_S: Final = 60.0
"""After a time at which nothing could be removed: a store that is away may take its time to say so."""


class Owed:
    """Removes what is noted in Redis, for a while at a time. Safe to use from several threads.

    Args:
        client: Of Redis.
        address: Of Redis, for messages.
        key: The set of what must go, mostly folders.
        remove: Removes one of them; ``StoreError`` if it cannot now.
        steady_s: Seconds of a steady clock.
        busy_s: Longest time at it.
    """

    def __init__(
        self,
        client: redis.Redis,
        address: str,
        key: str,
        remove: Callable[[str], object],
        steady_s: Callable[[], float] = time.monotonic,
        busy_s: float = BUSY_S,
    ) -> None:
        self._redis, self._address, self._key = client, address, key
        self._remove, self._steady_s, self._busy_s = remove, steady_s, busy_s
        self._due_s = float("-inf")

    @classmethod
    def of(
        cls,
        url: str,
        key: str,
        remove: Callable[[str], object],
        steady_s: Callable[[], float] = time.monotonic,
        busy_s: float = BUSY_S,
    ) -> Self:
        """With a connection of its own."""
        return cls(client(url, ANSWER_S), masked(url), key, remove, steady_s, busy_s)

    def owe(self, which: Iterable[str]) -> None:
        """Notes what must go; called before what led to it is forgotten.

        Raises:
            StoreError: If Redis is away: nothing may be forgotten then.
        """
        if noted := list(which):
            with told("note what must be removed", self._address):
                self._redis.sadd(self._key, *noted)

    def settle(self, which: str) -> None:
        """Removes one at once, if it is noted: its place is about to be written to again.

        Raises:
            StoreError: If it cannot be removed now, or Redis is away: nothing may be written there.
        """
        if self._is_noted(which):
            self._remove(which)
            self._note_gone(which)

    def pay(self, only: Iterable[str] = ()) -> int:
        """Removes what is noted; how much of it went. Called again and again: what was too much for once goes then.

        What cannot be removed now keeps nothing else from it; where nothing can be, all is tried again after a while.

        Args:
            only: What must go at once, of what is noted, not waiting for that while; all by default.

        Raises:
            StoreError: If Redis is away.
        """
        began_s, went, stuck = self._steady_s(), 0, list[StoreError]()
        for each in list(only) or (self._waiting() if began_s >= self._due_s else []):
            if self._steady_s() - began_s >= (self._busy_s if went else min(self._busy_s, BUSY_S)):
                break
            if not self._is_noted(each):  # it went meanwhile, and what is there now may have come since
                continue
            try:
                self._remove(each)
            except StoreError as error:
                stuck.append(error)
                continue
            self._note_gone(each)
            went += 1
        if stuck and not went:
            self._due_s = self._steady_s() + AGAIN_S
        if stuck:
            log.warning("%s; %d like it; tried again later", stuck[0], len(stuck) - 1)
        return went

    def _is_noted(self, which: str) -> bool:
        with told("read what must be removed", self._address):
            return bool(self._redis.sismember(self._key, which))

    def _note_gone(self, which: str) -> None:
        with told("note that it is gone", self._address):
            self._redis.srem(self._key, which)

    def _waiting(self) -> list[str]:
        with told("read what must be removed", self._address):
            found: Any = self._redis.srandmember(self._key, MOST)
        random.shuffle(found)
        return [each.decode() for each in found]
