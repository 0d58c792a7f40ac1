"""Pictures out of recorded packets, decoded again: the very frames that were seen when they came."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import av
import numpy as np
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from flows.domain.errors import SourceError
from flows.sources.packets import DAMAGED, RingPacket
from flows.sources.picture import AvPicture

_NEAR = timedelta(seconds=0.5)
"""A frame farther off is not the one that was asked for."""

Part = tuple[int, int, int, int]
"""Left, top, right, bottom of a part of a picture, px."""


@dataclass(frozen=True, slots=True)
class Still:
    """A frame decoded again from the recording.

    Attributes:
        at: Its capture time exactly, aware UTC.
        bgr: ``(height, width, 3)`` uint8 at full resolution, or the part of it that was asked for.
    """

    at: datetime
    bgr: NDArray[np.uint8]


class Reel:
    """Frames of a recording, one at a time; whoever asks in order of time has no packet decoded twice.

    Args:
        packets: In decoding order, as :meth:`flows.sources.ring.PacketRing.since` gives them.
    """

    def __init__(self, packets: Sequence[RingPacket]) -> None:
        self._packets = packets
        self._key: RingPacket | None = None
        self._ahead: Iterator[tuple[RingPacket, av.VideoFrame]] = iter(())
        self._shown: tuple[RingPacket, av.VideoFrame] | None = None

    def still(self, at: datetime, part: Part | None = None) -> Still:
        """The frame nearest to a capture time.

        Args:
            at: Capture time.
            part: What is wanted of it, as far as the picture goes; the whole picture by default.

        Raises:
            SourceError: If no frame of that time is held, or it cannot be decoded from what is.
        """
        target = _nearest(self._packets, at)
        picture = AvPicture(self._wound_to(target))
        return Still(target.at, picture.bgr() if part is None else picture.cut(*part).bgr())

    def _wound_to(self, target: RingPacket) -> av.VideoFrame:
        run = _run_up(self._packets, target)
        if self._shown is None or run[0] is not self._key or target.at < self._shown[0].at:
            self._key, self._shown, self._ahead = run[0], None, _frames(run)
        while self._shown is None or self._shown[0] is not target:
            self._shown = next(self._ahead, None)
            if self._shown is None:
                raise SourceError(f"the recorded frame of {target.at.isoformat()} cannot be decoded again")
        return self._shown[1]


def stills(packets: Sequence[RingPacket], ats: Sequence[datetime]) -> list[Still]:
    """The frames nearest to the given capture times, in the order asked; one pass for each group of pictures.

    Args:
        packets: In decoding order.
        ats: Capture times.

    Raises:
        SourceError: If a frame of that time is not held, or cannot be decoded from what is.
    """
    reel = Reel(packets)
    found = {n: reel.still(at) for n, at in sorted(enumerate(ats), key=lambda each: each[1])}
    return [found[n] for n in range(len(ats))]


def run_up(packets: Sequence[RingPacket], at: datetime) -> list[RingPacket]:
    """The packets that the frame nearest to a capture time is decoded from, itself the last of them.

    Raises:
        SourceError: If a frame of that time, or the key frame before it, is not held.
    """
    target = _nearest(packets, at)
    run = _run_up(packets, target)
    return run[: run.index(target) + 1]


def _nearest(packets: Sequence[RingPacket], at: datetime) -> RingPacket:
    best = min((p for p in packets if p.decoded), key=lambda p: abs(p.at - at), default=None)
    if best is None or abs(best.at - at) > _NEAR:
        raise SourceError(f"no recorded frame of {at.isoformat()} is held any more")
    return best


def _run_up(packets: Sequence[RingPacket], target: RingPacket) -> list[RingPacket]:
    """All packets of the session from the key frame that ``target`` depends on."""
    same = [p for p in packets if p.session == target.session]
    index = same.index(target)
    # A frame sent after a key frame but shown before it depends on the key frame before that.
    start = max((i for i in range(index + 1) if same[i].key and same[i].at <= target.at), default=None)
    if start is None:
        raise SourceError(f"the key frame before {target.at.isoformat()} is no longer held")
    return same[start:]


def _frames(run: Sequence[RingPacket]) -> Iterator[tuple[RingPacket, av.VideoFrame]]:
    decoder = run[0].form.codec.decoder(run)
    for packet in (*run, None):
        for frame in _decoded(decoder, packet):
            if isinstance(frame.opaque, RingPacket):
                yield frame.opaque, frame


def _decoded(decoder: VideoCodecContext, packet: RingPacket | None) -> list[av.VideoFrame]:
    """Nothing of what is damaged in the recording too; the frames wanted were decoded once."""
    encoded: av.Packet[Stream] | None = None
    if packet is not None:
        encoded = av.Packet(packet.data)
        encoded.opaque = packet
    try:
        return decoder.decode(encoded)
    except DAMAGED:
        return []
