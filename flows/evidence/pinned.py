"""Keeps the packets of moments that rules have pinned, whatever the ring lets go; see :mod:`flows.rules.pins`."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Set
from datetime import datetime
from typing import Final

from flows.domain.errors import SourceError
from flows.sources.packets import RingPacket
from flows.sources.reel import run_up
from flows.sources.ring import PacketRing

log = logging.getLogger(__name__)

MAX_PINNED_BYTES: Final = 8 << 20
"""8 MiB a camera. A pinned moment costs the packets from its key frame on: with key frames every 2 s and 4 Mbit/s
half a megabyte on average, so 16 candidates at once; a decoded 1080p picture would be 6 MB each, and as a JPEG it
would be as large as its packets."""


class PinShelf:
    """Packets of pinned moments, of one camera.

    What is pinned is kept as it was received: a picture made of it later is the one that would have been made at
    once, and nobody is decoded who turns out to have done nothing. When it is full, new moments wait for room (those
    that were there first are the nearest to a verdict) and are lost when the ring lets go of them first, which is
    counted; evidence then says which picture is missing.

    Args:
        ring: The camera's encoded packets.
        max_bytes: Most bytes kept here; packets that several moments need count once.
    """

    def __init__(self, ring: PacketRing, max_bytes: int = MAX_PINNED_BYTES) -> None:
        self._ring, self._max_bytes = ring, max_bytes
        self._kept: dict[datetime, list[RingPacket]] = {}
        self._pending: set[datetime] = set()
        self._lost: set[datetime] = set()
        self.counts: Counter[str] = Counter()

    @property
    def held_bytes(self) -> int:
        """Bytes kept here; some of them the ring holds as well."""
        return sum(len(p.data) for p in self._unique().values())

    @property
    def pinned(self) -> Set[datetime]:
        """Moments kept now."""
        return self._kept.keys()

    def keep(self, wanted: Set[datetime]) -> None:
        """Takes what is newly wanted from the ring, and lets go of what is not wanted any more.

        Called after each step, when the events of that step have been handed over.
        """
        known = self._kept.keys() | self._pending | self._lost
        if wanted == known:
            return
        dropped = self._kept.keys() - wanted
        for at in dropped:
            del self._kept[at]
        self._lost &= wanted
        self._pending &= wanted
        waited, self._pending = self._pending, self._pending | (wanted - known)
        for at in sorted(self._pending if dropped else self._pending - waited):
            self._take(at)

    def packets(self, at: datetime) -> list[RingPacket]:
        """What the picture of a moment is decoded from, pinned or still in the ring; empty if it is gone."""
        if at in self._kept:
            return self._kept[at]
        try:
            return run_up(self._ring.since(at), at)
        except SourceError:
            return []

    def _take(self, at: datetime) -> None:
        try:
            packets = run_up(self._ring.since(at), at)
        except SourceError as error:
            self._pending.discard(at)
            self._lost.add(at)
            self.counts["lost"] += 1
            log.warning("a pinned picture is lost: %s", error)
            return
        unique = self._unique() | {id(p): p for p in packets}
        if sum(len(p.data) for p in unique.values()) <= self._max_bytes:
            self._kept[at] = packets
            self._pending.discard(at)

    def _unique(self) -> dict[int, RingPacket]:
        return {id(p): p for packets in self._kept.values() for p in packets}
