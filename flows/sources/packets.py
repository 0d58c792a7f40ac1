"""An encoded packet as it came, and what is needed to read it later."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Final, Self

import av
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from flows.domain.errors import SourceError

DAMAGED: Final = (
    av.error.InvalidDataError,
    av.error.PatchWelcomeError,  # a flipped bit asks for what no decoder knows
    av.error.ArgumentError,
    av.error.BugError,
    av.error.NotImplementedError,
    av.error.OverflowError,
    av.error.PermissionError,  # decoders open nothing: it is the bare -1 of the older ones
    av.error.UnknownError,
    av.error.UndefinedError,
    av.error.ExternalError,  # what decoders of other libraries say of all of these
)
"""What a decoder raises for a damaged packet; the next one may be sound. A lack of memory is another thing, and so is
the end of a stream."""

_PARAMETER_SETS: dict[str, tuple[int, int, frozenset[int]]] = {
    "h264": (0x1F, 0, frozenset({7, 8})),
    "hevc": (0x7E, 1, frozenset({32, 33, 34})),
}
"""Codec: mask and shift that give a NAL unit's type, and the types that carry parameters (SPS, PPS, VPS)."""


@dataclass(slots=True, eq=False)
class RingPacket:
    """One encoded packet.

    Attributes:
        data: The packet as it came, one frame.
        pts: Presentation timestamp in ticks of the session's time base; None where the stream gives none.
        key: A decoder can start here.
        at: Capture time of its frame; an estimate until the frame was decoded, see ``decoded``.
        session: The source's session it belongs to.
        form: How packets of that session are to be read.
        decoded: Its frame came out of the decoder, so ``at`` is that frame's capture time exactly.
    """

    data: bytes
    pts: int | None
    key: bool
    at: datetime
    session: int
    form: SessionFormat
    decoded: bool = False


class CodecParameters:
    """Codec and headers of a stream, independent of the container it came from."""

    def __init__(self, template: VideoStream, holder: object) -> None:
        self._template = template
        self._holder = holder

    @classmethod
    def of(cls, stream: VideoStream) -> Self:
        """Copies the parameters of an open input stream."""
        for name in ("matroska", "nut"):  # the second holds what the first does not know: PNG
            holder = av.open(io.BytesIO(), "w", format=name)
            try:
                return cls(holder.add_stream_from_template(stream, opaque=True), holder)
            except ValueError:
                holder.close()
        raise SourceError(f"no container can hold {stream.codec_context.name} video")

    @property
    def codec(self) -> str:
        """The decoder's name."""
        return self._template.codec_context.name

    def decoder(self, packets: Sequence[RingPacket]) -> VideoCodecContext:
        """A fresh decoder on one thread for this stream's packets; frames carry ``packet.opaque`` along."""
        context = av.CodecContext.create(self.codec, "r")
        assert isinstance(context, VideoCodecContext)
        context.extradata = self._headers(packets)
        context.thread_count = 1
        context.copy_opaque = True
        return context

    def add_to(self, out: av.container.OutputContainer, packets: Sequence[RingPacket]) -> VideoStream:
        """A stream of these parameters in a container about to be written."""
        stream = out.add_stream_from_template(self._template, opaque=True)
        headers = self._headers(packets)
        if headers:
            stream.codec_context.extradata = headers
        return stream

    def _headers(self, packets: Sequence[RingPacket]) -> bytes | None:
        """Parameter sets: those inside the first packet (they may have changed), else the stream's."""
        inside = parameter_sets(self.codec, packets[0].data) if packets else b""
        return inside or self._template.codec_context.extradata


@dataclass(frozen=True, slots=True)
class SessionFormat:
    """How the packets of one session are to be read.

    Attributes:
        codec: Codec and headers.
        time_base: Seconds a tick.
    """

    codec: CodecParameters
    time_base: Fraction


def parameter_sets(codec: str, data: bytes) -> bytes:
    """The parameter sets inside a packet in Annex B form (ITU-T H.264, H.265), or nothing.

    >>> parameter_sets("h264", b"\\0\\0\\0\\1\\x67AB\\0\\0\\1\\x68C\\0\\0\\1\\x65DE").hex(" ")
    '00 00 00 01 67 41 42 00 00 00 01 68 43'
    """
    if codec not in _PARAMETER_SETS or not data.startswith((b"\0\0\0\1", b"\0\0\1")):
        return b""
    mask, shift, wanted = _PARAMETER_SETS[codec]
    # Parameter sets come first; looking further into a key frame of 200 kB would find nothing.
    units = (unit.rstrip(b"\0") for unit in data[:4096].split(b"\0\0\1"))
    return b"".join(b"\0\0\0\1" + u for u in units if u and ((u[0] & mask) >> shift) in wanted)
