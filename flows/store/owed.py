"""Folders of the evidence store that must go, noted until they have: a disk that is away may come back with them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol, Self

import redis

from flows.domain.errors import StoreError
from flows.domain.masking import masked
from flows.store.connection import client, told
from flows.store.ledger import ANSWER_S

log = logging.getLogger(__name__)

MOST: Final = 200
"""Removed at a time."""
AGAIN_S: Final = 60.0
"""After a folder that could not be removed: a store that is away may take its time to say so."""


class Files(Protocol):
    """Where the folders are (:class:`flows.store.evidence.EvidenceStore`)."""

    def remove(self, folder: str) -> bool: ...


class Owed:
    """Removes folders, and remembers in Redis which are still to be removed. Safe to use from several threads.

    Args:
        client: Of Redis.
        address: Of Redis, for messages.
        key: The set of those folders.
        files: Where they are.
        steady_s: Seconds of a steady clock.
    """

    def __init__(
        self,
        client: redis.Redis,
        address: str,
        key: str,
        files: Files,
        steady_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis, self._address, self._key = client, address, key
        self._files, self._steady_s = files, steady_s
        self._due_s = float("-inf")

    @classmethod
    def of(cls, url: str, key: str, files: Files) -> Self:
        """With a connection of its own."""
        return cls(client(url, ANSWER_S), masked(url), key, files)

    def owe(self, folders: Iterable[str]) -> None:
        """Notes folders; called before what led to them is forgotten.

        Raises:
            StoreError: If Redis is away: nothing may be forgotten then.
        """
        if which := list(folders):
            with told("note what must be removed", self._address):
                self._redis.sadd(self._key, *which)

    def pay(self) -> int:
        """Removes what is noted; how many folders it was. With the first that cannot be removed it waits a while.

        Raises:
            StoreError: If Redis is away.
        """
        if self._steady_s() < self._due_s:
            return 0
        with told("read what must be removed", self._address):
            waiting: Any = self._redis.srandmember(self._key, MOST)
        for went, folder in enumerate(each.decode() for each in waiting):
            try:
                self._files.remove(folder)
            except StoreError as error:
                log.warning("%s; tried again later", error)
                self._due_s = self._steady_s() + AGAIN_S
                return went
            with told("note that a folder is gone", self._address):
                self._redis.srem(self._key, folder)
        return len(waiting)
