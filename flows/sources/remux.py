"""Cuts clips from recorded packets: they are remuxed, never encoded again."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise

import av
from av.stream import Stream

from flows.domain.errors import SourceError
from flows.sources.packets import RingPacket

_MICROSECOND = Fraction(1, 1_000_000)
_MUXER = {"video_track_timescale": str(_MICROSECOND.denominator), "fflags": "+bitexact"}
"""Timestamps of a clip are microseconds of capture time; the same packets give the same bytes."""
_SLACK = timedelta(seconds=0.5)
"""A clip that begins or ends this close to what was asked is complete."""


@dataclass(frozen=True, slots=True)
class ClipFrame:
    """One frame of a clip.

    Attributes:
        pts_us: Its timestamp in the clip's file: microseconds of capture time since the clip's first frame.
        source_pts: Its timestamp in the received stream; None where the stream gave none.
        at: Capture time, aware UTC.
        key: A key frame.
    """

    pts_us: int
    source_pts: int | None
    at: datetime
    key: bool


@dataclass(frozen=True, slots=True)
class Clip:
    """A remuxed part of the recording.

    Attributes:
        data: The file.
        media_type: ``video/mp4``, or ``video/x-matroska`` for codecs that MP4 cannot hold.
        frames: Its frames in order of presentation.
        source_time_base: Seconds a tick of ``frames[].source_pts``.
        cut_short: Why it covers less than was asked; empty when it does not.
    """

    data: bytes
    media_type: str
    frames: tuple[ClipFrame, ...]
    source_time_base: Fraction
    cut_short: tuple[str, ...] = ()


def cut(packets: Sequence[RingPacket], from_at: datetime, to_at: datetime, around: datetime) -> Clip:
    """Remuxes the packets of a time span, beginning with the key frame before it.

    Args:
        packets: In decoding order, as :meth:`flows.sources.ring.PacketRing.since` gives them.
        from_at: Wanted begin.
        to_at: Wanted end.
        around: The clip is of the session that was running at this time.

    Raises:
        SourceError: If no frame of that time is held.
    """
    session = _session_at(packets, around)
    chosen = _span([p for p in packets if p.session == session], from_at, to_at)
    if not chosen:
        raise SourceError(f"no recording of {around.isoformat()} is held any more")
    times = _times_us(chosen)
    data, media_type = _mux(chosen, times)
    shown = sorted(zip(times, chosen, strict=True), key=lambda pair: pair[0])
    frames = tuple(ClipFrame(t, p.pts, p.at, p.key) for t, p in shown)
    base = chosen[0].form.time_base
    return Clip(data, media_type, frames, base, _cut_short(frames, from_at, to_at))


def _session_at(packets: Sequence[RingPacket], at: datetime) -> int | None:
    if not packets:
        return None
    return min(packets, key=lambda p: abs(p.at - at)).session


def _span(packets: list[RingPacket], from_at: datetime, to_at: datetime) -> list[RingPacket]:
    """The packets from the key frame before ``from_at`` to ``to_at``, in decoding order, all decodable."""
    keys = [i for i, p in enumerate(packets) if p.key]
    if not keys:
        return []
    start = max((i for i in keys if packets[i].at <= from_at), default=keys[0])
    begin = packets[start].at
    last = max((i for i, p in enumerate(packets) if p.at <= to_at), default=start)
    # Frames shown before the key frame but sent after it need pictures that are not in the clip.
    return [p for p in packets[start : last + 1] if p.at >= begin]


def _cut_short(frames: Sequence[ClipFrame], from_at: datetime, to_at: datetime) -> tuple[str, ...]:
    reasons = []
    if frames[0].at > from_at + _SLACK:
        reasons.append(
            f"begins {(frames[0].at - from_at).total_seconds():.1f} s late: nothing earlier is held"
        )
    if frames[-1].at < to_at - _SLACK:
        reasons.append(
            f"ends {(to_at - frames[-1].at).total_seconds():.1f} s early: the recording ends there"
        )
    return tuple(reasons)


def _mux(packets: Sequence[RingPacket], times_us: Sequence[int]) -> tuple[bytes, str]:
    for container, media_type in (("mp4", "video/mp4"), ("matroska", "video/x-matroska")):
        buffer = io.BytesIO()
        out = av.open(buffer, "w", format=container, options=_MUXER if container == "mp4" else {})
        try:
            stream = packets[0].form.codec.add_to(out, packets)
        except ValueError:  # this container cannot hold the codec
            continue
        stream.time_base = _MICROSECOND
        out.metadata["creation_time"] = packets[0].at.astimezone(UTC).isoformat()
        try:
            for packet in _timed(packets, times_us):
                packet.stream = stream
                out.mux_one(packet)
            out.close()
        except av.FFmpegError as error:
            raise SourceError(f"the recording cannot be put into {container}: {error}") from error
        return buffer.getvalue(), media_type
    raise SourceError(f"no container can hold {packets[0].form.codec.codec} video")


def _times_us(packets: Sequence[RingPacket]) -> list[int]:
    """Timestamps in the clip: capture times, which are sound where the stream's own timestamps were not."""
    begin = packets[0].at
    times = [(p.at - begin) // timedelta(microseconds=1) for p in packets]
    seen: set[int] = set()
    for index, time in enumerate(times):
        while time in seen:  # a damaged packet's estimated time may fall on another frame's
            time += 1
        seen.add(time)
        times[index] = time
    return times


def _timed(packets: Sequence[RingPacket], times_us: Sequence[int]) -> Iterator[av.Packet[Stream]]:
    """Packets with decoding times that increase and never exceed the presentation's, and with durations."""
    ordered = sorted(times_us)
    late = max(o - t for o, t in zip(ordered, times_us, strict=True))
    until = dict(pairwise([*ordered, 2 * ordered[-1] - ordered[-2] if len(ordered) > 1 else 1]))
    for packet, pts, decoded in zip(packets, times_us, ordered, strict=True):
        made = av.Packet(packet.data)
        made.time_base, made.is_keyframe = _MICROSECOND, packet.key
        made.pts, made.dts, made.duration = pts, decoded - late, until[pts] - pts
        yield made
