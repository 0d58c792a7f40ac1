"""What every source of frames offers a camera, and what it says about itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from flows.domain.frames import ClockSource, ClockState, Frame
from flows.sources.ring import PacketRing


@dataclass(frozen=True, slots=True)
class SourceStats:
    """How a source is doing: one consistent snapshot.

    Attributes:
        packets: Encoded packets received.
        frames: Frames decoded and handed out.
        decode_errors: Packets that could not be decoded, and frames that came out damaged.
        restamped: Frames whose own timestamp was missing, backward or absurd, so that it was replaced.
        reconnects: Times that the source was opened again after it had been lost.
        session: Number of the current (re)connection, picture size or loop; see ``Frame.session``.
        clock: State of the clock; None before the first frame.
        silent_since: When the last frame came in (arrival, aware UTC) while nothing comes now; else None.
        message: What is wrong now, in words; empty when nothing is.
        oddities: What else was survived, counted by kind: rows of a tracks file that were out of order ...
    """

    packets: int = 0
    frames: int = 0
    decode_errors: int = 0
    restamped: int = 0
    reconnects: int = 0
    session: int = 0
    clock: ClockState | None = None
    silent_since: datetime | None = None
    message: str = ""
    oddities: Mapping[str, int] = field(default_factory=dict)

    @property
    def rate_hz(self) -> float:
        """Measured frame rate; nan until it is known."""
        return self.clock.rate_hz if self.clock else float("nan")


class Source(Protocol):
    """A camera's source of frames; made by :func:`flows.sources.open_source`."""

    @property
    def stats(self) -> SourceStats:
        """A snapshot; may be read from any thread."""
        ...

    @property
    def ring(self) -> PacketRing:
        """The newest encoded packets, for evidence; may be read from any thread."""
        ...

    def open(self) -> None:
        """Called once before :meth:`frames`. A file is opened here; a stream only connects in ``frames``.

        Raises:
            SourceError: If a file is absent, empty or no video.
        """
        ...

    def frames(self) -> Iterator[Frame]:
        """Frames in order of capture time; blocks between them, so it is run in a thread of its own.

        A file ends with its last readable frame, a stream only with :meth:`close`.
        """
        ...

    def close(self) -> None:
        """Ends :meth:`frames` soon; may be called from any thread, and more than once.

        A stream that is silent at the moment notices it within its ``silence_s``.
        """
        ...


@dataclass(frozen=True, slots=True)
class Probe:
    """What a short look at a source showed, for ``dome check``.

    Attributes:
        codec: Name of the codec, for example ``h264``.
        width_px: Width of the picture.
        height_px: Height of the picture.
        measured_hz: Frame rate by the timestamps of the first seconds; nan where it cannot be measured.
        declared_hz: Frame rate that the source claims; never used, shown because it often differs.
        jitter_s: Deviation of the intervals between frames from their median, seconds.
        clock_source: Where the wall-clock anchor comes from.
        anchored_at: Capture time of the first frame by that anchor.
        duration_s: Length of a file; None for a stream.
        b_frames: The stream has bidirectional frames (they cost about a third more to decode).
        key_interval_s: Longest pause between key frames seen; nan when only one was seen.
        problems: What an operator should know, in words.
    """

    codec: str
    width_px: int
    height_px: int
    measured_hz: float
    declared_hz: float | None
    jitter_s: float
    clock_source: ClockSource
    anchored_at: datetime
    duration_s: float | None
    b_frames: bool
    key_interval_s: float
    problems: tuple[str, ...] = ()
