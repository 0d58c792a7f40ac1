"""Opening video with libav safely: known formats and codecs, and no address that the site file did not name.

A local file may never make libav open anything else: formats that refer to other files (playlists, SDP,
concat lists) are not on the list, and the protocol is pinned.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import av
from av.container import InputContainer
from av.stream import Discard
from av.video.stream import VideoStream

from flows.domain.errors import ProtocolMissing, SourceError
from flows.domain.frames import ClockSource
from flows.domain.masking import masked
from flows.domain.site import StreamSource
from flows.sources.clock import micros, plausible
from flows.sources.extent import iso_boxes

FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,h264,hevc,m4v,mjpeg,"
    "flv,asf,ogg,ivf,obu,dhav,mxf"
)
"""Containers that hold video themselves. Playlists (hls, dash, concat, sdp) are missing on purpose."""
CODECS = frozenset(
    {
        *("h264", "hevc", "mpeg4", "mjpeg", "mpeg1video", "mpeg2video", "h263", "theora"),
        *("vp8", "vp9", "libvpx", "libvpx-vp9", "av1", "libdav1d", "libaom-av1"),
    }
)
"""Decoders for what cameras and recorders write; hundreds of others stay out of reach of hostile files."""
_PROTOCOLS = {
    "rtsp": "tcp",
    "rtsps": "tcp,tls",
    "http": "http,tcp",
    "https": "https,tls,tcp",
    "srt": "srt",
    "udp": "udp",
    "tcp": "tcp",
}
A_RECORDING = "a recording, not a camera: fetch it, and give its path as a file source"
"""It comes as fast as the network carries it, and from the beginning each time: nothing of it happens now."""
_UNFINISHED = "it was cut off before its index was written: copy it again, or repair it"
_OPEN_S = 15.0
"""Cameras answer within a second or two; one that is starting up gets the next attempt."""


def open_file(path: Path) -> InputContainer:
    """Opens a local video file.

    Raises:
        SourceError: If it is absent, empty, or no video in a known container.
    """
    if not path.exists():
        raise SourceError(f"source.path: no such file: {path}")
    if not path.is_file():
        hint = "; a folder of timed pictures is source.kind: frames" if path.is_dir() else ""
        raise SourceError(f"source.path: expected a video file, got a directory or device: {path}{hint}")
    if path.stat().st_size == 0:
        raise SourceError(f"source.path: {path} is empty (0 bytes); was the recording copied completely?")
    options = {"protocol_whitelist": "file", "format_whitelist": FORMATS}
    try:
        return av.open(f"file:{path.absolute()}", "r", options=options)
    except (av.FFmpegError, OSError) as error:
        why = _UNFINISHED if _lacks_index(path) else _reason(error)
        raise SourceError(f"source.path: {path} cannot be read as video: {why}") from error


def open_stream(source: StreamSource) -> InputContainer:
    """Connects to a network stream; every wait in it is bounded.

    Raises:
        ProtocolMissing: If libav here cannot speak its protocol at all.
        SourceError: If it cannot be reached, sends no video, or is a recording. Passwords in the address are masked.
    """
    try:
        container = av.open(
            source.url,
            "r",
            format=None if source.url.startswith("rtsp") else source.format,
            options=stream_options(source),
            # A read that times out first hands out the half frame it has, and fails at the second try.
            timeout=(_OPEN_S, source.silence_s / 2),
        )
    except av.error.ProtocolNotFoundError as error:
        scheme = urlsplit(source.url).scheme
        raise ProtocolMissing(
            f"{scheme}:// cannot be opened here: this PyAV was built without it; build one over an FFmpeg that has it "
            "(pip install --no-binary av av), or let a gateway hand the camera on as rtsp://"
        ) from error
    except (av.FFmpegError, OSError) as error:
        raise SourceError(masked(f"cannot open {source.url}: {_reason(error)}")) from error
    # Some cameras state a size that they never reach, and of fragments libav adds up the length: but never both.
    if container.size > 0 and container.duration:
        container.close()
        raise SourceError(masked(f"{source.url} is {A_RECORDING}"))
    return container


def stream_options(source: StreamSource) -> dict[str, str]:
    """libav options for a stream's protocol: what it may open, and how long it may wait."""
    scheme = urlsplit(source.url).scheme
    wait_us = str(round(source.silence_s * 1e6))
    formats = FORMATS + ",rtsp" if scheme in ("rtsp", "rtsps") else FORMATS
    options = {"protocol_whitelist": _PROTOCOLS[scheme], "format_whitelist": formats, "rw_timeout": wait_us}
    if source.format is not None:
        options["format_whitelist"] = f"{formats},{source.format}"
    if scheme in ("rtsp", "rtsps"):
        # TCP: no packet is lost or reordered on the way. Sound is not asked for.
        options |= {"rtsp_transport": "tcp", "allowed_media_types": "video"}
    if scheme in ("rtsp", "rtsps", "udp"):
        options["timeout"] = wait_us
    if scheme == "udp":
        options["overrun_nonfatal"] = "1"
    return options


def video_stream(container: InputContainer, what: str) -> VideoStream:
    """The largest video stream, set to decode on one thread.

    One thread costs 0.095 CPU seconds a second at 1080p25, automatic threading 0.116 (measured).

    Raises:
        SourceError: If there is none, or none that can be decoded.
    """
    streams = [s for s in container.streams.video if s.codec_context is not None]
    if not streams:
        raise SourceError(f"{what} holds no video that can be decoded")
    stream = max(streams, key=lambda s: s.codec_context.width * s.codec_context.height)
    if stream.codec_context.name not in CODECS:
        raise SourceError(
            f"{what}: expected h264, hevc or another camera codec, got {stream.codec_context.name}"
        )
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all
    stream.codec_context.thread_count = 1
    stream.codec_context.copy_opaque = True
    return stream


def file_anchor(
    container: InputContainer, path: Path, started_at: datetime | None
) -> tuple[datetime, ClockSource]:
    """Capture time of a file's first frame, and where it came from: the best of three."""
    if started_at is not None:
        return started_at, "site"
    created = _creation_time(container.metadata.get("creation_time", ""))
    if created is not None:
        return created, "container"
    return datetime.fromtimestamp(path.stat().st_mtime, UTC), "file-time"


def file_span(path: Path) -> tuple[datetime | None, float]:
    """Capture time of a file's first frame as its container tells it, None if it does not; and its length, s.

    Raises:
        SourceError: If it is absent, empty, or no video.
    """
    with open_file(path) as container:
        stream = video_stream(container, str(path))
        length_s = container.duration / 1e6 if container.duration else _read_length_s(container, stream)
        return _creation_time(container.metadata.get("creation_time", "")), length_s


def sender_time(container: InputContainer) -> datetime | None:
    """Capture time of timestamp zero by the camera's own clock (RTCP sender reports), once one has come."""
    us = container.start_time_realtime
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=us) if us else None


def _read_length_s(container: InputContainer, stream: VideoStream) -> float:
    """Length by the packets' own times: whoever was cut off while it recorded has not written it down."""
    times: list[int] = []
    with suppress(av.FFmpegError):  # damaged further on: as long as what can be read
        for packet in container.demux(stream):
            if packet.pts is not None:
                times.append(packet.pts)
    return float((max(times) - min(times)) * stream.time_base) if times and stream.time_base else 0.0


def _creation_time(text: str) -> datetime | None:
    try:
        created = datetime.fromisoformat(text)
    except ValueError:
        return None
    created = created if created.tzinfo else created.replace(tzinfo=UTC)
    return created if plausible(micros(created)) else None


def _reason(error: Exception) -> str:
    """What libav complained of, without the address."""
    return str(getattr(error, "strerror", None) or error)


def _lacks_index(path: Path) -> bool:
    """An MP4 whose ``moov`` box never came; a file that nobody here may read is none."""
    try:
        with path.open("rb") as file:
            names = {name for name, _, _ in iso_boxes(file, path.stat().st_size)}
    except OSError:
        return False
    return b"ftyp" in names and b"moov" not in names
