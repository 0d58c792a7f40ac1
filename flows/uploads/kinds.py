"""What a file is, by its first bytes; never by its name or by what the sender says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from flows.domain.errors import DomeError

MediaKind = Literal["jpeg", "png", "webp", "mp4", "matroska"]
HEAD_BYTES: Final = 64
PREVIEW_PX: Final = 1280
"""Longest side of the small picture that is made of a file."""
PHOTOS: Final[frozenset[MediaKind]] = frozenset({"jpeg", "png", "webp"})
MEDIA_TYPES: Final[dict[MediaKind, str]] = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "mp4": "video/mp4",
    "matroska": "video/x-matroska",
}
_BRANDS: Final = (
    b"isom",
    b"iso2",
    b"iso4",
    b"iso5",
    b"iso6",
    b"mp41",
    b"mp42",
    b"avc1",
    b"qt  ",
    b"M4V ",
    b"3gp",
    b"MSNV",
)
"""Brands of ISO media that phones write as video; HEIC and AVIF pictures are no such files."""


class UploadRefused(DomeError):
    """A file that is not accepted; says why in words for its sender."""

    code = "upload"


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be sent.

    Attributes:
        photo_bytes: A phone's largest photo has about 15 MB.
        clip_bytes: Two minutes of a phone's 4K video at 45 Mbit/s have 675 MB; a report needs less than half of it.
        photo_pixels: Decoded, 3 bytes each: 64 megapixels are 192 MB in the child.
        clip_s: Longer than any single offence; a whole drive is not a report.
        cpu_s: Processor time of one child; a 4K clip's frames are sampled, not all decoded.
        wall_s: After which it is killed.
        memory_bytes: Address space of one child, libraries included (about 500 MB before it opens anything).
    """

    photo_bytes: int = 25 * 2**20
    clip_bytes: int = 300 * 2**20
    photo_pixels: int = 64_000_000
    clip_s: float = 180.0
    cpu_s: int = 10
    wall_s: float = 20.0
    memory_bytes: int = 2 * 2**30

    def most_bytes(self, kind: MediaKind) -> int:
        """Of a file of that kind."""
        return self.photo_bytes if kind in PHOTOS else self.clip_bytes


def kind_of(head: bytes) -> MediaKind:
    """What a file is.

    Args:
        head: Its first :data:`HEAD_BYTES`, or all of a shorter one.

    Raises:
        UploadRefused: If it is nothing that is accepted.

    >>> kind_of(b"\\xff\\xd8\\xff\\xe1")
    'jpeg'
    """
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp" and head[8:12].startswith(_BRANDS):
        return "mp4"
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "matroska"
    raise UploadRefused(
        "expected a photo (JPEG, PNG, WebP) or a clip (MP4, MOV, WebM, Matroska), got something else"
    )
