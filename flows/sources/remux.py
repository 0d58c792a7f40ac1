"""Cuts clips and pictures from recorded packets: clips are remuxed, pictures decoded from those packets."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from flows.domain.errors import SourceError
from flows.sources.packets import DAMAGED, RingPacket
from flows.sources.picture import AvPicture

_MICROSECOND = Fraction(1, 1_000_000)
_MUXER = {"video_track_timescale": str(_MICROSECOND.denominator), "fflags": "+bitexact"}
"""Timestamps of a clip are microseconds of capture time; the same packets give the same bytes."""
_SLACK = timedelta(seconds=0.5)
"""A clip that begins or ends this close to what was asked is complete."""


Part = tuple[int, int, int, int]
"""Left, top, right, bottom of a part of a picture, px."""


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


@dataclass(frozen=True, slots=True)
class Still:
    """A frame decoded again from the recording.

    Attributes:
        at: Its capture time exactly, aware UTC.
        bgr: ``(height, width, 3)`` uint8 at full resolution, or the part of it that was asked for.
    """

    at: datetime
    bgr: NDArray[np.uint8]


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


def stills(packets: Sequence[RingPacket], ats: Sequence[datetime], parts: Sequence[Part] = ()) -> list[Still]:
    """The frames nearest to the given capture times, in the order asked; one pass for each group of pictures.

    Args:
        packets: In decoding order.
        ats: Capture times.
        parts: What is wanted of each frame, as far as the picture goes; whole pictures by default.

    Raises:
        SourceError: If a frame of that time is not held, or cannot be decoded from what is.
    """
    wanted = [_nearest(packets, at) for at in ats]
    shown = {id(target): part for target, part in zip(wanted, parts, strict=True)} if parts else {}
    found: dict[int, Still] = {}
    for target in wanted:
        if id(target) not in found:
            run = _run_up(packets, target)
            found.update(_decode(run, [w for w in wanted if w in run], shown))
    return [found[id(w)] for w in wanted]


def run_up(packets: Sequence[RingPacket], at: datetime) -> list[RingPacket]:
    """The packets that the frame nearest to a capture time is decoded from, itself the last of them.

    Raises:
        SourceError: If a frame of that time, or the key frame before it, is not held.
    """
    target = _nearest(packets, at)
    run = _run_up(packets, target)
    return run[: run.index(target) + 1]


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


def _nearest(packets: Sequence[RingPacket], at: datetime) -> RingPacket:
    best = min((p for p in packets if p.decoded), key=lambda p: abs(p.at - at), default=None)
    if best is None or abs(best.at - at) > _SLACK:
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


def _decode(
    run: Sequence[RingPacket], targets: Sequence[RingPacket], parts: Mapping[int, Part]
) -> dict[int, Still]:
    missing = {id(t) for t in targets}
    found: dict[int, Still] = {}
    for frame in _frames(run):
        packet = frame.opaque
        if isinstance(packet, RingPacket) and id(packet) in missing:
            bgr = AvPicture(frame).bgr()
            if id(packet) in parts:
                left, top, right, bottom = parts[id(packet)]
                bgr = bgr[top:bottom, left:right].copy()
            found[id(packet)] = Still(packet.at, bgr)
            missing.discard(id(packet))
            if not missing:
                return found
    raise SourceError(f"{len(missing)} of {len(targets)} recorded frames cannot be decoded again")


def _frames(run: Sequence[RingPacket]) -> Iterator[av.VideoFrame]:
    decoder = run[0].form.codec.decoder(run)
    for packet in run:
        encoded = av.Packet(packet.data)
        encoded.opaque = packet
        yield from _decoded(decoder, encoded)
    yield from _decoded(decoder, None)


def _decoded(decoder: VideoCodecContext, packet: av.Packet[Stream] | None) -> list[av.VideoFrame]:
    """Nothing of what is damaged in the recording too; the frames wanted were decoded once."""
    try:
        return decoder.decode(packet)
    except DAMAGED:
        return []
