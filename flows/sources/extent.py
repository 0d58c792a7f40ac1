"""How long a video file says it is, against what is there: a copy or a recording that was cut off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067
"""What a Matroska file begins with, and what all the rest of it is in (RFC 9559)."""
_TS_PACKETS: Final = ((188, 0), (192, 4), (204, 0))
"""MPEG transport streams, plain, from a disc, with check bytes: size of a packet, place of its sync byte in it."""
_SYNC: Final = 0x47
_ENOUGH: Final = 8
"""Sync bytes in a row are no chance."""


def missing_bytes(path: Path) -> int:
    """How many bytes, at least, a file's container tells of that are not there; 0 where it does not tell.

    MP4 and AVI give the length of each part, Matroska that of the whole unless it was recorded to a pipe, a
    transport stream has packets of one size. A few small reads.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[4:8] in (b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide"):
            ends = [place + length for _, place, length in iso_boxes(file, size)]
        elif head[:4] == b"RIFF":
            ends = list(_riff_ends(file, size))
        elif head[:4] == _EBML.to_bytes(4, "big"):
            ends = list(_segment_ends(file))
        else:
            ends = [size + torn for torn in _torn(file, size)]
    return max(0, max(ends, default=0) - size)


def iso_boxes(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, place and length of each top-level box of an MP4, the last one perhaps longer than the file.

    ISO 14496-12: a box begins with its 4-byte size and name; size 1 means that 8 bytes of size follow, 0 that it
    reaches to the end.
    """
    place = 0
    while place < size:
        file.seek(place)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:], "big")
        elif length == 0:
            length = size - place
        length = max(length, 8)
        yield head[4:8], place, length
        place += length


def _riff_ends(file: BinaryIO, size: int) -> Iterator[int]:
    """Ends of an AVI's chunks (a long one has several); one that was never finished has no size."""
    place = 0
    while place < size:
        file.seek(place)
        head = file.read(8)
        length = int.from_bytes(head[4:], "little")
        if head[:4] != b"RIFF" or length == 0:
            return
        place += 8 + length + length % 2
        yield place


def _segment_ends(file: BinaryIO) -> Iterator[int]:
    """Where a Matroska segment ends."""
    place = 0
    for wanted in (_EBML, _SEGMENT):
        file.seek(place)
        head = file.read(12)
        body = _vint(head[4:])
        if len(head) < 5 or int.from_bytes(head[:4], "big") != wanted or body is None:
            return
        width, length = body
        place += 4 + width + length
    yield place


def _vint(data: bytes) -> tuple[int, int] | None:
    """Width and value of a Matroska number (RFC 8794: as many zero bits as bytes follow); None for unknown.

    >>> _vint(b"\\x82"), _vint(b"\\x40\\x02"), _vint(b"\\xff")
    ((1, 2), (2, 2), None)
    """
    width = 9 - data[0].bit_length() if data else 9
    if width > 8 or len(data) < width:
        return None
    most = (1 << 7 * width) - 1
    value = int.from_bytes(data[:width], "big") & most
    return None if value == most else (width, value)


def _torn(file: BinaryIO, size: int) -> Iterator[int]:
    """What the last packet of a transport stream lacks."""
    for packet, place in _TS_PACKETS:
        file.seek(0)
        seen = file.read(packet * _ENOUGH)[place::packet]
        if len(seen) > 1 and set(seen) == {_SYNC}:
            yield -size % packet
            return
