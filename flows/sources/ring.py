"""The newest encoded packets of a camera: evidence is cut from what was received, never re-encoded."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta

from flows.sources.packets import RingPacket
from flows.sources.reel import Still, stills
from flows.sources.remux import Clip, cut

DEFAULT_RING_S = 20.0
"""A vehicle in view for 10 s, 5 s before and after it, and the lag of the detector."""
DEFAULT_RING_BYTES = 16 << 20
"""16 MiB hold 20 s at 6.7 Mbit/s and keep a camera actor below 100 MB."""


class PacketRing:
    """Encoded packets of the last seconds in decoding order. All methods may be called from any thread.

    Args:
        ring_s: How far back packets are kept, by capture time.
        max_bytes: Most bytes kept, however short the time they cover.
    """

    def __init__(self, ring_s: float = DEFAULT_RING_S, max_bytes: int = DEFAULT_RING_BYTES) -> None:
        self._keep = timedelta(seconds=ring_s)
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._packets: deque[RingPacket] = deque()
        self._bytes = 0
        self._ended = False

    @property
    def held_bytes(self) -> int:
        """Bytes of packets held now."""
        return self._bytes

    @property
    def ended(self) -> bool:
        """The source has ended: nothing will follow."""
        return self._ended

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """Capture times of the oldest and the newest packet; None while empty."""
        with self._lock:
            return (self._packets[0].at, self._packets[-1].at) if self._packets else None

    def end(self) -> None:
        """Called by the source when nothing will follow."""
        self._ended = True

    def append(self, packet: RingPacket) -> None:
        """Called by the source for each packet; lets go of what is too old or too much."""
        with self._lock:
            self._packets.append(packet)
            self._bytes += len(packet.data)
            oldest = packet.at - self._keep
            while len(self._packets) > 1 and (self._bytes > self._max_bytes or self._packets[0].at < oldest):
                self._bytes -= len(self._packets.popleft().data)

    def since(self, from_at: datetime) -> list[RingPacket]:
        """Packets in decoding order, from the last key frame at or before ``from_at`` (else the first).

        The packets are shared, not copied: whoever holds the list keeps them when the ring lets go.
        """
        with self._lock:
            packets = list(self._packets)
        keys = [i for i, p in enumerate(packets) if p.key]
        if not keys:
            return []
        return packets[max((i for i in keys if packets[i].at <= from_at), default=keys[0]) :]

    def clip(self, from_at: datetime, to_at: datetime) -> Clip:
        """The recording of a time span, remuxed, of the session that ran in its middle.

        Raises:
            SourceError: If nothing of that time is held.
        """
        around = from_at + (to_at - from_at) / 2
        return cut(self.since(from_at), from_at, to_at, around)

    def picture(self, at: datetime) -> Still:
        """The frame captured at ``at``, decoded again from its packets at full resolution.

        Raises:
            SourceError: If it is not held any more.
        """
        return self.pictures([at])[0]

    def pictures(self, ats: Sequence[datetime]) -> list[Still]:
        """Several frames, in the order asked; see :meth:`picture`."""
        with self._lock:
            packets = list(self._packets)
        return stills(packets, ats)
