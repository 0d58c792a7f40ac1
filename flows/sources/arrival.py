"""Times for streams that bring none: pictures of an HTTP camera (MJPEG) are timed by when they came in.

libav counts 25 a second of them, whatever comes: of a camera that sends ten, every vehicle would be two and a half
times as fast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from typing import Final

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from flows.domain.errors import SourceError
from flows.sources.container import A_RECORDING

TICK: Final = Fraction(1, 1_000_000)
"""Seconds a tick of the timestamps given here."""
WAITED_S: Final = 0.005
"""A read that waited this long found no packet ready: what had piled up while connecting has been read."""
MOST_PILED_UP: Final = 250
"""Packets; ten seconds of video cannot pile up while connecting unless the server sends its past."""

ARRIVAL_UNKNOWN: Final = "arrival_unknown"
"""What is counted when a picture is left out, because nobody knows when it came in."""
_UNTIMED: Final = frozenset({"mpjpeg", "mjpeg"})
"""libav's names of the formats without timestamps: JPEG after JPEG, with or without headers between them."""


def timeless(container: InputContainer) -> bool:
    """Whether a stream's format has no timestamps of its own."""
    return container.format.name in _UNTIMED


def by_arrival(
    packets: Iterable[av.Packet[VideoStream]], monotonic: Callable[[], float], left_out: Callable[[], None]
) -> Iterator[av.Packet[VideoStream]]:
    """The packets of such a stream, stamped in ticks of :data:`TICK` as they come in.

    One that lay ready when it was asked for, while connecting or because whoever reads is behind, came in nobody knows
    when: stamped as it is read it would make every vehicle faster. It is left out.

    Args:
        packets: As they are read; each is a picture of its own.
        monotonic: Seconds that pass.
        left_out: Called for each packet that is left out.

    Raises:
        SourceError: If no packet has to be waited for: no camera sends so fast.
    """
    ready, asked_s = 0, monotonic()
    for packet in packets:
        came_s = monotonic()
        if not packet.size:  # the end
            yield packet
        elif came_s - asked_s > WAITED_S:
            ready = 0
            packet.pts = packet.dts = round(came_s / TICK)
            yield packet
        else:
            left_out()
            ready += 1
            if ready > MOST_PILED_UP:
                raise SourceError(f"{ready} pictures at once: {A_RECORDING}")
        asked_s = monotonic()
