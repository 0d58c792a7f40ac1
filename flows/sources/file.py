"""A video file: read as fast as its consumer wants, nothing dropped; or looped in real time like a camera."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from av.container import InputContainer
from av.video.stream import VideoStream

from flows.domain.errors import SourceError
from flows.domain.frames import ClockSource, Frame
from flows.sources.clock import StreamClock
from flows.sources.container import file_anchor, open_file, video_stream
from flows.sources.extent import missing_bytes
from flows.sources.ring import PacketRing
from flows.sources.video import Received, VideoSource

_MAX_GAP_S = 3600.0
"""A recorder that writes on motion may pause for an hour; a damaged timestamp is usually further off."""
CUT_OFF: Final = "cut_off"
"""What is counted when a file's container tells of more than there is."""


class FileVideo(VideoSource):
    """A video file.

    Args:
        camera_id: The camera in the site file.
        path: The file.
        started_at: Capture time of the first frame, where it is known.
        loop: Play for ever at real-time pace; capture time goes on.
        stop: Set to end it.
        clock_source: Overrides where the anchor is said to come from (a rendered scene).
        ring: Keeps the newest packets.
        monotonic: Seconds that pass, for the pace of a loop.
    """

    def __init__(
        self,
        camera_id: str,
        path: Path,
        *,
        started_at: datetime | None = None,
        loop: bool = False,
        stop: threading.Event | None = None,
        clock_source: ClockSource | None = None,
        ring: PacketRing | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(camera_id, stop or threading.Event(), StreamClock(_MAX_GAP_S), ring)
        self._path, self._started_at, self._loop = path, started_at, loop
        self._clock_source = clock_source
        self._monotonic = monotonic
        self._container: InputContainer | None = None
        self._stream: VideoStream | None = None
        self._missing = 0

    def open(self) -> None:
        """Opens the file.

        Raises:
            SourceError: If it is absent, empty, or no video.
        """
        if self._container is not None:
            return
        container = open_file(self._path)
        try:
            self._stream = video_stream(container, str(self._path))
            self._begin(self._stream)
        except SourceError:
            container.close()
            raise
        self._container = container
        self._anchor(container, self._stream)
        self._missing = missing_bytes(self._path)
        if self._missing:
            self._oddities[CUT_OFF] += 1

    def frames(self) -> Iterator[Frame]:
        """All frames of the file, in order; see :class:`flows.sources.base.Source`."""
        self.open()
        try:
            if self._loop:
                yield from self._paced()
            else:
                yield from self._once()
        finally:
            self._ring.end()
            if self._container is not None:
                self._container.close()
                self._container = None

    def _once(self) -> Iterator[Frame]:
        container, stream = self._opened()
        declared = stream.frames
        yield from self._play(self._from_file(container, stream))
        if self._stop.is_set():
            return
        if self._frames < declared:
            self._message = f"{self._path.name}: {self._frames} of {declared} frames could be read"
        elif self._missing:
            self._message = (
                f"{self._path.name} was cut off: {self._frames} frames could be read, "
                f"{self._missing:,} bytes or more are missing"
            )

    def _from_file(self, container: InputContainer, stream: VideoStream) -> Iterator[Received]:
        return ((packet, None) for packet in self._read(container, stream))

    def _paced(self) -> Iterator[Frame]:
        while not self._stop.is_set():
            container, stream = self._opened()
            before = self._frames
            yield from self._in_time(self._play(self._from_file(container, stream)))
            if self._frames == before:
                raise SourceError(f"{self._path}: not one frame could be decoded")
            self._again()

    def _in_time(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        first: tuple[datetime, float] | None = None
        for frame in frames:
            if first is None:
                first = (frame.at, self._monotonic())
            due = first[1] + (frame.at - first[0]).total_seconds()
            if self._stop.wait(max(0.0, due - self._monotonic())):
                return
            yield frame
            del frame  # or it would live on while the next one is decoded

    def _again(self) -> None:
        """Back to the start: a new session, capture time goes on."""
        container, stream = self._opened()
        container.seek(0)
        stream.codec_context.flush_buffers()
        self._new_session()
        self._anchor(container, stream)

    def _anchor(self, container: InputContainer, stream: VideoStream) -> None:
        at, source = file_anchor(container, self._path, self._started_at)
        assert stream.time_base is not None  # _begin() has seen to it
        self._clock.anchor(
            at, self._clock_source or source, stream.time_base, stream.start_time, after_last=True
        )

    def _opened(self) -> tuple[InputContainer, VideoStream]:
        assert self._container is not None, "open() comes before frames()"
        assert self._stream is not None
        return self._container, self._stream
