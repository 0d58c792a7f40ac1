"""A short look at a source: what it sends, how regularly, and what its clock is worth."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from flows.domain.errors import SourceError
from flows.domain.frames import ClockSource
from flows.domain.masking import masked
from flows.domain.site import CameraConfig, FileSource, FramesSource, SceneSource, StreamSource
from flows.settings import Settings
from flows.sources.arrival import TICK, by_arrival, timeless
from flows.sources.base import Probe
from flows.sources.clock import RateMeter
from flows.sources.container import file_anchor, open_file, open_stream, sender_time, video_stream
from flows.sources.extent import missing_bytes

_LOOK_S = 10.0
"""Seconds of a file that are measured: a few key frames, and a rate good to a thousandth."""
_LIVE_LOOK_S = 4.0
_MOST_PACKETS = 2000
_RATE_DIFFERS = 0.02
"""A declared rate this far off the measured one is worth a word."""
_JITTER_SHARE = 0.25
"""Of the interval between frames: more, and timestamps tell little about motion."""
_LONG_KEY_INTERVAL_S = 10.0
"""Pictures for evidence are decoded from the key frame before; the packet ring holds 20 s."""


@dataclass(slots=True)
class _Look:
    """What was read during the look; ``tick`` is None where timestamps are the stream's own."""

    tick: Fraction | None = None
    pts: list[int] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    packets: int = 0
    decoded: bool = False
    damaged: int = 0


def probe_camera(camera: CameraConfig, settings: Settings) -> Probe:
    """Looks at a camera's source for some seconds (a scene is rendered if need be).

    Raises:
        SourceError: If it cannot be opened, sends no video, or none of it can be decoded.
    """
    source = camera.source
    if isinstance(source, StreamSource):
        return _probe_stream(source)
    if isinstance(source, SceneSource):
        from flows.sources.scene import rendered

        return _probe_file(rendered(source, settings).clip, None, "scene")
    if isinstance(source, FileSource):
        return _probe_file(source.path, source, None)
    if isinstance(source, FramesSource):
        from flows.sources.frames import probe_frames

        return probe_frames(source)
    from flows.sources.tracks import probe_tracks

    return probe_tracks(source)


def _probe_file(path: Path, source: FileSource | None, clock: ClockSource | None) -> Probe:
    with open_file(path) as container:
        stream = video_stream(container, str(path))
        anchored_at, anchor = file_anchor(container, path, source.started_at if source else None)
        look = _look(container, stream, str(path), _LOOK_S, math.inf)
        duration_s = container.duration / 1e6 if container.duration else None
        probe = _probe(stream, look, anchored_at, clock or anchor, duration_s)
    if missing := missing_bytes(path):
        cut = f"the file was cut off: {missing:,} bytes or more are missing; copy it again"
        return replace(probe, problems=(*probe.problems, cut))
    return probe


def _probe_stream(source: StreamSource) -> Probe:
    with open_stream(source) as container:
        address = masked(source.url)
        stream = video_stream(container, address)
        arrived_at = datetime.now(UTC)
        look = _look(container, stream, address, math.inf, time.monotonic() + _LIVE_LOOK_S)
        sent_at = sender_time(container)
        return _probe(stream, look, sent_at or arrived_at, "rtcp" if sent_at else "arrival", None)


def _look(container: InputContainer, stream: VideoStream, what: str, span_s: float, until_s: float) -> _Look:
    packets = _packets(container, stream)
    look = _Look(TICK if until_s < math.inf and timeless(container) else None)
    assert stream.time_base is not None
    try:
        for packet in by_arrival(packets, time.monotonic, lambda: None) if look.tick else packets:
            _note(look, packet)
            if time.monotonic() > until_s or _covers(look, stream.time_base, span_s):
                break
    except (av.FFmpegError, OSError) as error:
        if not look.packets:
            raise SourceError(masked(f"{what}: nothing came: {error}")) from error
    if not look.decoded:
        raise SourceError(f"{what}: not one of {look.packets} frames could be decoded")
    return look


def _packets(container: InputContainer, stream: VideoStream) -> Iterator[av.Packet[VideoStream]]:
    for index, packet in enumerate(container.demux(stream)):
        if index >= _MOST_PACKETS:
            return
        yield packet


def _note(look: _Look, packet: av.Packet[VideoStream]) -> None:
    if packet.size:
        look.packets += 1
    if packet.pts is not None:
        look.pts.append(packet.pts)
        if packet.is_keyframe:
            look.keys.append(packet.pts)
    if not look.decoded:  # one frame is enough to know that it can be decoded
        try:
            look.decoded = bool(packet.decode())
        except av.FFmpegError:
            look.damaged += 1


def _covers(look: _Look, tick: Fraction, span_s: float) -> bool:
    return look.decoded and len(look.pts) > 1 and (max(look.pts) - min(look.pts)) * tick >= span_s


def _probe(
    stream: VideoStream, look: _Look, anchored_at: datetime, clock: ClockSource, duration_s: float | None
) -> Probe:
    tick = look.tick or stream.time_base or Fraction(1)
    meter = RateMeter(window=_MOST_PACKETS)
    for before, after in pairwise(sorted(set(look.pts))):
        meter.add(max(1, round((after - before) * tick * 1_000_000)))
    meter.measure()
    keys_s = [float((b - a) * tick) for a, b in pairwise(sorted(look.keys))]
    declared = float(stream.average_rate) if stream.average_rate and not look.tick else None
    key_interval_s = max(keys_s, default=math.nan)
    return Probe(
        codec=stream.codec_context.name,
        width_px=stream.codec_context.width,
        height_px=stream.codec_context.height,
        measured_hz=meter.rate_hz,
        declared_hz=declared,
        jitter_s=meter.jitter_s,
        clock_source=clock,
        anchored_at=anchored_at,
        duration_s=duration_s,
        b_frames=stream.codec_context.has_b_frames,
        key_interval_s=key_interval_s,
        problems=tuple(_problems(look, meter, declared, clock, anchored_at, key_interval_s)),
    )


def _problems(
    look: _Look,
    meter: RateMeter,
    declared: float | None,
    clock: ClockSource,
    anchored_at: datetime,
    key_interval_s: float,
) -> Iterator[str]:
    if look.damaged:
        yield f"{look.damaged} packets before the first picture could not be decoded"
    if len(look.pts) < look.packets:
        yield f"{look.packets - len(look.pts)} of {look.packets} packets have no timestamp"
    if math.isnan(meter.rate_hz):
        yield "too few frames to measure the rate"
    elif declared and abs(declared / meter.rate_hz - 1) > _RATE_DIFFERS:
        yield f"declares {declared:.2f} frames a second, sends {meter.rate_hz:.2f} (measured, used)"
    if meter.jitter_s * meter.rate_hz > _JITTER_SHARE:
        yield f"timestamps tremble by {meter.jitter_s * 1e3:.0f} ms: speeds will have wide intervals"
    if clock == "file-time":
        yield "no creation time in the file: its modification time stands in; set source.started_at"
    if clock == "arrival":
        yield "the camera does not tell its own time (no RTCP sender report): arrival stands in"
    if clock == "rtcp" and abs(anchored_at - datetime.now(UTC)) > timedelta(seconds=10):
        yield f"the camera's clock says {anchored_at:%Y-%m-%d %H:%M:%S} UTC: set it, or its NTP server"
    if key_interval_s > _LONG_KEY_INTERVAL_S:
        yield f"key frames up to {key_interval_s:.0f} s apart: set at most 4 s in the camera"
