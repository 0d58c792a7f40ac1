"""A live network stream: watched for silence, and connected again for ever."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from flows.domain.errors import ProtocolMissing, SourceError, SourceTimeout
from flows.domain.frames import Frame
from flows.domain.masking import masked
from flows.domain.site import StreamSource
from flows.sources.arrival import ARRIVAL_UNKNOWN, MOST_PILED_UP, TICK, WAITED_S, by_arrival, timeless
from flows.sources.base import SourceStats
from flows.sources.clock import StreamClock
from flows.sources.container import A_RECORDING, open_stream, sender_time, video_stream
from flows.sources.ring import PacketRing
from flows.sources.video import Received, VideoSource

log = logging.getLogger(__name__)

_MAX_GAP_S = 5.0
"""Cameras send at least a frame a second; a longer step is a damaged timestamp unless arrival confirms it."""
_RTCP_TRUST_S = 2.0
"""A sender report is believed when it lies this close to arrival; a camera whose clock is off is not."""
_QUIET_S = 2.0
"""After so long without a frame the camera counts as silent, well before the watchdog gives it up."""

Opener = Callable[[StreamSource], InputContainer]


class StreamVideo(VideoSource):
    """An RTSP, HTTP, SRT, UDP or TCP camera.

    Args:
        camera_id: The camera in the site file.
        source: Address, forced format, watchdog and pauses.
        stop: Set to end it.
        ring: Keeps the newest packets.
        opener: Connects; replaced in tests.
        uniform: Draws a pause from a range (full jitter); replaced in tests.
        now: Wall clock, aware UTC; replaced in tests.
        monotonic: Seconds that pass; replaced in tests.
    """

    def __init__(
        self,
        camera_id: str,
        source: StreamSource,
        *,
        stop: threading.Event | None = None,
        ring: PacketRing | None = None,
        opener: Opener = open_stream,
        uniform: Callable[[float, float], float] = random.uniform,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(camera_id, stop or threading.Event(), StreamClock(_MAX_GAP_S), ring)
        self._source, self._address = source, masked(source.url)
        self._opener, self._uniform, self._now, self._monotonic = opener, uniform, now, monotonic
        self._connected = False
        self._sender_known = False
        self._frame_s = monotonic()
        self._frame_at = now()

    @property
    def stats(self) -> SourceStats:
        """A snapshot of the counts; also tells silence while a read is waiting."""
        quiet_s = self._monotonic() - self._frame_s
        if quiet_s < _QUIET_S or self._ring.ended:
            return super().stats
        message = self._message or f"nothing for {quiet_s:.0f} s"
        return replace(super().stats, silent_since=self._frame_at, message=message)

    def open(self) -> None:
        """Nothing to do yet: a camera that is away now may come later, so :meth:`frames` connects."""

    def frames(self) -> Iterator[Frame]:
        """Frames until :meth:`close`; connects, and connects again, by itself.

        Raises:
            ProtocolMissing: If connecting again would not help.
        """
        failures = 0
        try:
            while not self._stop.is_set():
                before = self._frames
                try:
                    yield from self._connection()
                except ProtocolMissing:
                    raise
                except SourceError as error:
                    self._message = str(error)
                if not self._stop.is_set():
                    failures = 1 if self._frames > before else failures + 1
                    self._pause(failures)
        finally:
            self._ring.end()

    def _connection(self) -> Iterator[Frame]:
        """One connection's frames, until :meth:`close`.

        Raises:
            SourceError: When it is lost: why.
        """
        container = self._opener(self._source)
        try:
            stream = video_stream(container, self._address)
            self._begin(stream, TICK if timeless(container) else None)
            if self._connected:
                self._reconnects += 1
                self._new_session()
            self._connected = True
            yield from self._watched(container, stream)
        except (TimeoutError, av.error.ExitError) as error:
            if isinstance(error, SourceTimeout):
                raise
            raise SourceTimeout(f"{self._address}: nothing for {self._source.silence_s:g} s") from error
        except (av.FFmpegError, OSError) as error:
            raise SourceError(masked(f"{self._address}: connection lost: {error}")) from error
        finally:
            container.close()
        if not self._stop.is_set():
            raise SourceError(f"{self._address}: the camera ended the stream")

    def _watched(self, container: InputContainer, stream: VideoStream) -> Iterator[Frame]:
        incoming = self._incoming(container, stream)
        piled_up, failure = self._pile(incoming, container.size > 0)
        self._anchor(piled_up)
        self._sender_known = False
        for frame in self._play(self._alive(piled_up, incoming)):
            self._frame_s, self._frame_at, self._message = self._monotonic(), self._now(), ""
            self._learn_time(container)
            yield frame
        if failure is not None:
            raise failure

    def _incoming(self, container: InputContainer, stream: VideoStream) -> Iterator[Received]:
        packets = self._read(container, stream)
        if timeless(container):
            packets = by_arrival(packets, self._monotonic, self._left_out)
        for packet in packets:
            yield packet, self._now()

    def _left_out(self) -> None:
        self._oddities[ARRIVAL_UNKNOWN] += 1

    def _alive(self, piled_up: list[Received], incoming: Iterator[Received]) -> Iterator[Received]:
        """The packets; notices a camera that sends them but no picture."""
        self._frame_s = self._monotonic()
        yield from piled_up
        for received in incoming:
            yield received
            if self._monotonic() - self._frame_s > self._source.silence_s:
                raise SourceTimeout(f"{self._address}: no picture for {self._source.silence_s:g} s")

    def _pile(self, incoming: Iterator[Received], sized: bool) -> tuple[list[Received], Exception | None]:
        """What came in while connecting, up to the first packet that had to be waited for; and what ended it.

        Raises:
            SourceError: If its size was told and nothing had to be waited for: no camera has all of it ready.
        """
        piled_up: list[Received] = []
        failure: Exception | None = None
        lay_ready = False
        asked_s = self._monotonic()
        try:
            for received in incoming:
                piled_up.append(received)
                waited_s = self._monotonic() - asked_s
                enough = waited_s > WAITED_S and len(piled_up) >= 3
                if enough or self._stop.is_set():
                    break
                if len(piled_up) >= MOST_PILED_UP:
                    lay_ready = True
                    break
                asked_s = self._monotonic()
            else:
                lay_ready = True
        except (av.FFmpegError, OSError) as error:  # what came before it is no worse for that
            failure = error
        if sized and lay_ready:
            raise SourceError(f"{self._address} is {A_RECORDING}")
        _complete_first(piled_up)
        return piled_up, failure

    def _anchor(self, piled_up: list[Received]) -> None:
        """Anchors at arrival: of all packets so far the one that waited least tells when they were sent."""
        assert self._format is not None, "_begin() comes first"
        tick_s = float(self._format.time_base)
        timed = [(p.pts, at) for p, at in piled_up if p.pts is not None and at is not None]
        origin = timed[0][0] if timed else None
        at = min(
            (at - timedelta(seconds=(pts - timed[0][0]) * tick_s) for pts, at in timed), default=self._now()
        )
        self._clock.anchor(at, "arrival", self._format.time_base, origin)

    def _learn_time(self, container: InputContainer) -> None:
        """Moves to the camera's own clock once it has told it (RTCP), where it can be believed."""
        if self._sender_known:
            return
        sent_at = sender_time(container)
        if sent_at is None:
            return
        self._sender_known = True
        off_s = (sent_at - self._clock.zero_at).total_seconds()
        if abs(off_s) <= _RTCP_TRUST_S:
            self._clock.discipline(sent_at, "rtcp")
        else:
            log.warning("camera %s: its clock is off by %.0f s; arrival is used", self._camera_id, off_s)

    def _pause(self, failures: int) -> None:
        """Exponential backoff with full jitter, so that a hundred cameras do not knock at once."""
        first_s, longest_s = self._source.backoff_s
        pause_s = self._uniform(0.0, min(longest_s, first_s * 2.0 ** min(failures - 1, 30)))
        log.warning("camera %s: %s; trying again in %.1f s", self._camera_id, self._message, pause_s)
        self._stop.wait(pause_s)


def _complete_first(piled_up: list[Received]) -> None:
    """RTSP gives the very first packet no timestamp: it lies one interval before the second."""
    if len(piled_up) < 3:
        return
    first, second, third = (packet for packet, _ in piled_up[:3])
    if first.pts is None and second.pts is not None and third.pts is not None and third.pts > second.pts:
        first.pts = first.dts = 2 * second.pts - third.pts
