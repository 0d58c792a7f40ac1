"""What a signed copy shares with its original: everything but the claim that C2PA put inside.

JPEG: the claim lies in APP11 segments (JUMBF, ISO 19566-5); without them a copy is its original, byte for byte.
MP4: the claim lies in a ``uuid`` box before the media data; the media data (``mdat``, ISO 14496-12) is the same, and
with it every encoded frame. Other forms cannot carry a claim.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

SIGNABLE: Final = ("image/jpeg", "video/mp4")
_SOS: Final = 0xDA
_APP11: Final = 0xEB


def same_essence(media_type: str, original: bytes, copy: bytes) -> bool:
    """Whether a signed copy shows what its original shows. False for anything malformed; never raises."""
    try:
        if media_type == "image/jpeg":
            return without_claim(copy) == without_claim(original)
        if media_type == "video/mp4":
            return _media(copy) == _media(original) != []
    except ValueError:
        pass
    return False


def without_claim(jpeg: bytes) -> bytes:
    """A JPEG without its APP11 segments.

    Raises:
        ValueError: If it is no JPEG.
    """
    if jpeg[:2] != b"\xff\xd8":
        raise ValueError("expected a JPEG")
    kept, place = [jpeg[:2]], 2
    while place + 4 <= len(jpeg) and jpeg[place] == 0xFF:
        marker = jpeg[place + 1]
        end = place + 2 + int.from_bytes(jpeg[place + 2 : place + 4], "big")
        if marker == _SOS:
            return b"".join([*kept, jpeg[place:]])
        if marker != _APP11:
            kept.append(jpeg[place:end])
        place = end
    raise ValueError("expected a JPEG with a picture in it")


def _media(mp4: bytes) -> list[bytes]:
    return [body for kind, body in _boxes(mp4) if kind == b"mdat"]


def _boxes(mp4: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The top boxes of an MP4, each with its body.

    Raises:
        ValueError: If they do not fill the file.
    """
    place = 0
    while place < len(mp4):
        size, head = int.from_bytes(mp4[place : place + 4], "big"), 8
        if size == 1:
            size, head = int.from_bytes(mp4[place + 8 : place + 16], "big"), 16
        elif size == 0:
            size = len(mp4) - place
        if size < head or place + size > len(mp4):
            raise ValueError(f"expected a box at byte {place}, got {size} bytes")
        yield mp4[place + 4 : place + 8], mp4[place + head : place + size]
        place += size
