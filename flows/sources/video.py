"""Encoded packets to stamped frames: what files and streams have in common."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from fractions import Fraction
from typing import Final, TypeAlias

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from flows.domain.errors import SourceError
from flows.domain.frames import Frame
from flows.sources.base import SourceStats
from flows.sources.clock import StreamClock
from flows.sources.packets import DAMAGED, CodecParameters, RingPacket, SessionFormat
from flows.sources.picture import AvPicture
from flows.sources.ring import PacketRing

log = logging.getLogger(__name__)

_MAX_BAD_READS = 64
"""So many unreadable places in a row end a file (or a connection): there is nothing but rubble ahead."""
SIZE_CHANGED: Final = "size_changed"
"""What is counted when a stream goes on in another size: a camera was set otherwise, and its survey may not hold."""

Received: TypeAlias = "tuple[av.Packet[VideoStream], datetime | None]"
"""A packet, and for live streams when it came in."""


class VideoSource:
    """Base of the video drivers: decodes, stamps, records and counts. Used by one thread at a time.

    Args:
        camera_id: The camera in the site file.
        stop: Set to end it; :meth:`close` sets it too.
        clock: Turns timestamps into capture times.
        ring: Keeps the newest packets.
    """

    def __init__(
        self, camera_id: str, stop: threading.Event, clock: StreamClock, ring: PacketRing | None
    ) -> None:
        self._camera_id = camera_id
        self._stop = stop
        self._clock = clock
        self._ring = PacketRing() if ring is None else ring
        self._packets = self._frames = self._errors = self._reconnects = self._session = 0
        self._oddities: Counter[str] = Counter()
        self._size: tuple[int, int] | None = None
        self._format: SessionFormat | None = None
        self._message = ""

    @property
    def ring(self) -> PacketRing:
        """The newest encoded packets."""
        return self._ring

    @property
    def stats(self) -> SourceStats:
        """A snapshot of the counts."""
        return SourceStats(
            packets=self._packets,
            frames=self._frames,
            decode_errors=self._errors,
            restamped=self._clock.restamped,
            reconnects=self._reconnects,
            session=self._session,
            clock=self._clock.state,
            message=self._message,
            oddities=dict(self._oddities),
        )

    def close(self) -> None:
        """Ends :meth:`frames` soon."""
        self._stop.set()

    def _begin(self, stream: VideoStream, tick: Fraction | None = None) -> None:
        """Called when a container has been opened (again), before :meth:`_play`.

        Args:
            stream: Its video.
            tick: Seconds a tick of the timestamps, where they are not the stream's own.
        """
        tick = tick or stream.time_base
        if tick is None:
            raise SourceError(f"{self._camera_id}: the stream has no time base")
        self._format = SessionFormat(CodecParameters.of(stream), tick)
        self._size = None

    def _new_session(self) -> None:
        self._session += 1

    def _play(self, packets: Iterable[Received]) -> Iterator[Frame]:
        """Frames until the packets end or :meth:`close` is called."""
        for packet, arrival in packets:
            self._record(packet)
            pictures = self._decode(packet)
            while pictures:  # a name for a picture would keep it (3 MB at 1080p) while the next is decoded
                yield self._frame(pictures.pop(0), arrival)
            if self._stop.is_set():
                return

    def _read(self, container: InputContainer, stream: VideoStream) -> Iterator[av.Packet[VideoStream]]:
        bad = 0
        while bad < _MAX_BAD_READS:
            try:
                for packet in container.demux(stream):
                    bad = 0
                    yield packet
                return
            except (
                av.error.InvalidDataError,
                av.error.PatchWelcomeError,
                av.error.UndefinedError,
            ) as error:
                bad += 1
                self._count_error(error)
        self._message = f"gave up after {bad} unreadable places in a row"

    def _record(self, packet: av.Packet[VideoStream]) -> None:
        if packet.size == 0:  # the end: asks the decoder for what it still holds
            return
        self._packets += 1
        at = self._clock.estimate(packet.pts if packet.pts is not None else packet.dts)
        if at is None or self._format is None:
            at = datetime.now(UTC)
        assert self._format is not None, "_begin() comes before _play()"
        kept = RingPacket(bytes(packet), packet.pts, packet.is_keyframe, at, self._session, self._format)
        packet.opaque = kept  # comes back with the frame, whatever happens to timestamps on the way
        self._ring.append(kept)

    def _decode(self, packet: av.Packet[VideoStream]) -> list[av.VideoFrame]:
        try:
            return packet.decode()
        except DAMAGED as error:
            self._count_error(error)
            return []

    def _count_error(self, error: Exception) -> None:
        self._errors += 1
        log.debug("camera %s: %s", self._camera_id, error)

    def _frame(self, picture: av.VideoFrame, arrival: datetime | None) -> Frame:
        if picture.is_corrupt:
            self._errors += 1
        size = (picture.width, picture.height)
        if self._size is not None and size != self._size:
            self._oddities[SIZE_CHANGED] += 1
            self._new_session()
        self._size = size
        stamp = self._clock.stamp(picture.pts if picture.pts is not None else picture.dts, arrival)
        kept = picture.opaque
        if isinstance(kept, RingPacket):
            kept.at, kept.session, kept.decoded = stamp.at, self._session, True
        index, self._frames = self._frames, self._frames + 1
        state = self._clock.state_for(stamp)
        # The packet is the ring's; a frame that is kept must not keep it alive too.
        picture.opaque = None
        return Frame(self._camera_id, index, stamp.at, AvPicture(picture), state, self._session)
