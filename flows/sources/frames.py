"""A folder of timed pictures, played like a video: each file's name is its capture time in seconds.

A file is one packet of the ring, as it was received: evidence takes its pictures from those bytes, and its clip is a
remux of them with the pictures' own times. What lies between two pictures was never there, and nobody invents it.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Final

import av

from flows.domain.errors import SourceError
from flows.domain.frames import ClockSource, ClockState, Frame
from flows.domain.site import FramesSource
from flows.sources.base import Probe, SourceStats
from flows.sources.clock import RateMeter, micros, moment
from flows.sources.packets import CodecParameters, RingPacket, SessionFormat
from flows.sources.picture import AvPicture
from flows.sources.ring import PacketRing

FORMATS: Final = {".jpg": "jpeg_pipe", ".jpeg": "jpeg_pipe", ".png": "png_pipe"}
"""libav's readers of single pictures, by the file's suffix."""
TICK: Final = Fraction(1, 1_000_000)
PROBED: Final = 200
"""Pictures whose names a look takes in, and one that it opens."""
MOST_S: Final = 10_000_000_000
"""No recording's second has so high a number, nor any since 1970 for 200 years: ``20260914083000.jpg`` is a date."""
UNTIMED: Final = "name_without_time"
REPEATED: Final = "time_repeated"
"""What is left out, by reason: pictures whose name is no number of seconds, and a second one of the same time."""


@dataclass(frozen=True, slots=True)
class Timed:
    """One picture of the folder.

    Attributes:
        us: Microseconds since the source's start.
        decimals: Places after the point in its name: how finely its time is known.
        path: The file.
    """

    us: int
    decimals: int
    path: Path


class FrameFolder:
    """The source of a camera whose pictures lie in a folder; see :class:`flows.sources.base.Source`.

    Args:
        camera_id: The camera in the site file.
        source: The folder and its start.
        stop: Set to end it.
    """

    def __init__(self, camera_id: str, source: FramesSource, *, stop: threading.Event | None = None) -> None:
        self._camera_id, self._source = camera_id, source
        self._stop = stop or threading.Event()
        self._ring = PacketRing()
        self._meter = RateMeter()
        self._oddities: Counter[str] = Counter()
        self._pictures: list[Timed] = []
        self._clock: ClockState | None = None
        self._form: tuple[tuple[str, int, int], SessionFormat] | None = None
        self._packets = self._frames = self._errors = 0
        self._session = 0
        self._message = ""

    @property
    def ring(self) -> PacketRing:
        """The newest pictures as they lie in the folder."""
        return self._ring

    @property
    def stats(self) -> SourceStats:
        """A snapshot of the counts."""
        return SourceStats(
            packets=self._packets,
            frames=self._frames,
            decode_errors=self._errors,
            session=self._session,
            clock=self._clock,
            message=self._message,
            oddities=dict(self._oddities),
        )

    def open(self) -> None:
        """Looks what is in the folder.

        Raises:
            SourceError: If there is no folder, or no timed picture in it.
        """
        self._pictures = timed_pictures(self._source.path, self._oddities)
        anchor_us, anchor = _anchor(self._source, self._pictures)
        decimals = max(p.decimals for p in self._pictures)
        # A time cut off (or rounded) to its last place may be anywhere within it: a uniform error.
        self._anchor_us = anchor_us
        self._clock = ClockState(
            anchor, moment(anchor_us), time_error_s=10.0**-decimals / math.sqrt(12), scale_error=1e-4
        )

    def close(self) -> None:
        """Ends :meth:`frames` soon."""
        self._stop.set()

    def frames(self) -> Iterator[Frame]:
        """All pictures that can be read, in order of time."""
        if not self._pictures:
            self.open()
        last_us: int | None = None
        try:
            for timed in self._pictures:
                if self._stop.is_set():
                    return
                picture = self._read(timed)
                if picture is None:
                    continue
                if last_us is not None and self._meter.add(timed.us - last_us) and self._clock is not None:
                    rate_hz, jitter_s = self._meter.rate_hz, self._meter.jitter_s
                    self._clock = replace(self._clock, rate_hz=rate_hz, jitter_s=jitter_s)
                last_us = timed.us
                assert self._clock is not None, "open() comes first"
                index, self._frames = self._frames, self._frames + 1
                yield Frame(
                    self._camera_id,
                    index,
                    moment(self._anchor_us + timed.us),
                    AvPicture(picture),
                    self._clock,
                    self._session,
                )
                del picture
        finally:
            self._ring.end()

    def _read(self, timed: Timed) -> av.VideoFrame | None:
        """The decoded picture, its file put into the ring; None if it cannot be decoded, which is counted."""
        try:
            with _opened(timed.path) as container:
                stream = container.streams.video[0]
                packet = next(container.demux(stream))
                size = (stream.codec_context.name, stream.codec_context.width, stream.codec_context.height)
                if self._form is None or self._form[0] != size:
                    self._session += self._form is not None
                    self._form = size, SessionFormat(CodecParameters.of(stream), TICK)
                # The decoder gives a picture only when it is told that nothing follows.
                pictures = [*packet.decode(), *stream.codec_context.decode(None)]
        except (av.FFmpegError, OSError, StopIteration, IndexError) as error:
            self._errors += 1
            self._message = f"{timed.path.name} cannot be read as a picture: {error}"
            return None
        if not pictures:
            self._errors += 1
            self._message = f"{timed.path.name} holds no picture"
            return None
        self._packets += 1
        at = moment(self._anchor_us + timed.us)
        self._ring.append(RingPacket(bytes(packet), timed.us, True, at, self._session, self._form[1], True))
        return pictures[0]


def timed_pictures(folder: Path, oddities: Counter[str] | None = None) -> list[Timed]:
    """The timed pictures of a folder in order of time; other files are nobody's business.

    Args:
        folder: Where they lie.
        oddities: Counts pictures that are left out.

    Raises:
        SourceError: If there is no such folder, or no timed picture in it.
    """
    if not folder.is_dir():
        what = "a file" if folder.exists() else "nothing"
        raise SourceError(
            f"source.path: expected a folder of pictures named by their second (0012.jpg), got {what}: {folder}"
        )
    counts = Counter[str]() if oddities is None else oddities
    counts.clear()
    found: dict[int, Timed] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in FORMATS or not path.is_file():
            continue
        timed = _timed(path)
        if timed is None:
            counts[UNTIMED] += 1
        elif timed.us in found:
            counts[REPEATED] += 1
        else:
            found[timed.us] = timed
    if not found:
        left_out = f" ({counts[UNTIMED]} pictures have no time in their name)" if counts[UNTIMED] else ""
        raise SourceError(
            f"source.path: expected pictures named by their second (0012.jpg, 12.5.png), got none in {folder}{left_out}"
        )
    return [found[us] for us in sorted(found)]


def _timed(path: Path) -> Timed | None:
    """
    >>> _timed(Path("0012.50.jpg"))
    Timed(us=12500000, decimals=2, path=PosixPath('0012.50.jpg'))
    >>> _timed(Path("left.jpg")) is _timed(Path("20260914083000.jpg")) is None
    True
    """
    whole, _, part = path.stem.partition(".")
    if not (path.stem.isascii() and whole.isdigit() and (part.isdigit() or not part)):
        return None
    if int(whole) >= MOST_S:
        return None
    return Timed(round(Fraction(path.stem.rstrip(".")) * 1_000_000), len(part), path)


def _anchor(source: FramesSource, pictures: Sequence[Timed]) -> tuple[int, ClockSource]:
    """Capture time of second zero, microseconds since 1970, and who says so."""
    if source.started_at is not None:
        return micros(source.started_at), "site"
    first = pictures[0]
    return micros(datetime.fromtimestamp(first.path.stat().st_mtime, UTC)) - first.us, "file-time"


def _opened(path: Path) -> av.container.InputContainer:
    """A single picture, by a reader that opens nothing else."""
    name = FORMATS[path.suffix.lower()]
    options = {"protocol_whitelist": "file", "format_whitelist": name}
    return av.open(f"file:{path.absolute()}", "r", format=name, options=options)


def probe_frames(source: FramesSource) -> Probe:
    """A look at the folder, for ``dome check``.

    Raises:
        SourceError: If there is no timed picture in it, or the first cannot be read.
    """
    oddities: Counter[str] = Counter()
    pictures = timed_pictures(source.path, oddities)
    anchor_us, anchor = _anchor(source, pictures)
    try:
        with _opened(pictures[0].path) as container:
            codec = container.streams.video[0].codec_context
            name, width, height = codec.name, codec.width, codec.height
    except (av.FFmpegError, OSError, IndexError) as error:
        raise SourceError(f"source.path: {pictures[0].path} cannot be read as a picture: {error}") from error
    meter = RateMeter(PROBED)
    gaps = [b.us - a.us for a, b in pairwise(pictures[:PROBED])]
    for gap in gaps:
        meter.add(gap)
    meter.measure()
    return Probe(
        codec=f"{len(pictures)} pictures, {name}",
        width_px=width,
        height_px=height,
        measured_hz=meter.rate_hz,
        declared_hz=None,
        jitter_s=meter.jitter_s,
        clock_source=anchor,
        anchored_at=moment(anchor_us + pictures[0].us),
        duration_s=(pictures[-1].us - pictures[0].us) / 1e6,
        b_frames=False,
        key_interval_s=max(gaps, default=0) / 1e6,
        problems=tuple(_problems(oddities, meter, anchor)),
    )


def _problems(oddities: Counter[str], meter: RateMeter, anchor: ClockSource) -> Iterator[str]:
    if oddities[UNTIMED]:
        yield f"{oddities[UNTIMED]} pictures have no time in their name: left out"
    if oddities[REPEATED]:
        yield f"{oddities[REPEATED]} pictures have the time of another one: left out"
    if math.isnan(meter.rate_hz):
        yield "too few pictures to measure the rate"
    if anchor == "file-time":
        yield "its times are seconds since an unknown moment: set source.started_at"
