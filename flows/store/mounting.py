"""Whether the evidence store's disk is there: Redis remembers which store lies where, for an empty folder cannot.

After a start without its disk, a store would look as at its first start, and the disk under it would fill up.
"""

from __future__ import annotations

import logging
from pathlib import Path

import redis

from flows.domain.errors import EvidenceAway
from flows.domain.events import EVIDENCE_STORED
from flows.domain.masking import masked
from flows.store import keys
from flows.store.connection import client, told
from flows.store.evidence import EvidenceStore
from flows.store.ledger import ANSWER_S

log = logging.getLogger(__name__)


def ready_evidence(url: str, address: str) -> None:
    """Sets the evidence store up at its first start, and later says if it is away.

    Called where a job or the API starts. While it is away nothing is written; when it is back, all goes on by itself.
    Every machine with cameras, results or the API needs the same store at this address: another folder has no mark.

    Args:
        url: Of Redis.
        address: Of the evidence store.

    Raises:
        StoreError: If another store lies there, or Redis is away.
    """
    asked, store, place = client(url, ANSWER_S), EvidenceStore(address), _place(address)
    try:
        known = _noted(asked, url, place)
        try:
            with told("ask whether evidence was kept", masked(url)):
                used = bool(asked.exists(f"{keys.PREFIX}times:type:{EVIDENCE_STORED}"))
            found = store.set_up(known, used)
        except EvidenceAway as error:
            log.warning("DOME_EVIDENCE: %s; mount it, or begin a new one: dome evidence begin", error)
            return
        with told("note the evidence store", masked(url)):
            mine = known or not found or asked.hsetnx(keys.EVIDENCE_STORES, place, found)
        if not mine:  # somebody else was first, maybe on another machine
            store.set_up(_noted(asked, url, place))
    finally:
        asked.close()


def begin_evidence(url: str, address: str) -> str:
    """What lies there is the evidence store from now on, a new one if nothing does; its id, empty of an object store.

    Args:
        url: Of Redis.
        address: Of the evidence store.

    Raises:
        StoreError: If it cannot be written to, or Redis is away.
    """
    asked = client(url, ANSWER_S)
    try:
        if found := EvidenceStore(address).set_up():
            with told("note the evidence store", masked(url)):
                asked.hset(keys.EVIDENCE_STORES, _place(address), found)
        return found
    finally:
        asked.close()


def _noted(asked: redis.Redis, url: str, place: str) -> str:
    with told("ask for the evidence store", masked(url)):
        known = asked.hget(keys.EVIDENCE_STORES, place)
    return known.decode() if isinstance(known, bytes) else ""


def _place(address: str) -> str:
    return address if "://" in address else str(Path(address).absolute())
