"""The index of a clip's frames: each one numbered, timed and hashed, and where it lies in the file.

A frame's bytes are named by offset and size, so that its hash can be checked with nothing but the clip:
``dd if=clip.mp4 bs=1 skip=OFFSET count=SIZE | sha256sum``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from flows.domain.errors import SourceError
from flows.evidence.package import ClipIndex, sha256

COLUMNS: Final = ("number", "captured_at", "pts_us", "source_pts", "key", "offset", "size", "sha256")


@dataclass(frozen=True, slots=True)
class FrameRow:
    """One frame of a clip.

    Attributes:
        number: From 1, in the order in which frames are shown.
        captured_at: Capture time, aware UTC.
        pts_us: Its timestamp in the clip, microseconds.
        source_pts: Its timestamp in the received stream; None where the stream gave none.
        key: A key frame.
        offset: Where its encoded bytes begin in the clip.
        size: How many they are.
        sha256: Of them.
    """

    number: int
    captured_at: datetime
    pts_us: int
    source_pts: int | None
    key: bool
    offset: int
    size: int
    sha256: str


def index_frames(clip: bytes, index: ClipIndex) -> list[FrameRow]:
    """Numbers, times and hashes the frames of a clip of ours.

    Args:
        clip: The file.
        index: What its manifest says of when its frames were captured.

    Raises:
        SourceError: If it cannot be read, or its frames are not those that the manifest lists.
    """
    found = sorted(_packets(clip))
    times = [pts_us for pts_us, *_ in found]
    if times != sorted(index.pts_us):
        raise SourceError(
            f"the clip's frames: expected the {len(index.pts_us)} that its manifest lists, got {len(times)} with "
            "other times"
        )
    source = dict(zip(index.pts_us, index.source_pts, strict=True))
    return [
        FrameRow(
            number=number,
            captured_at=index.first_at + timedelta(microseconds=pts_us),
            pts_us=pts_us,
            source_pts=source[pts_us],
            key=key,
            offset=offset,
            size=size,
            sha256=sha256(clip[offset : offset + size]),
        )
        for number, (pts_us, offset, size, key) in enumerate(found, 1)
    ]


def to_csv(rows: Sequence[FrameRow]) -> bytes:
    """The index as CSV (RFC 4180), times as ISO 8601 in UTC."""
    out = io.StringIO()
    sheet = csv.writer(out)
    sheet.writerow(COLUMNS)
    for row in rows:
        at = row.captured_at.isoformat(timespec="microseconds")
        source = "" if row.source_pts is None else row.source_pts
        sheet.writerow([row.number, at, row.pts_us, source, int(row.key), row.offset, row.size, row.sha256])
    return out.getvalue().encode()


def from_csv(data: bytes) -> list[FrameRow]:
    """Reads an index again.

    Raises:
        ValueError: If it is none.
    """
    sheet = csv.reader(io.StringIO(data.decode("ascii")))
    try:
        if tuple(next(sheet, [])) != COLUMNS:
            raise ValueError(f"expected the columns {', '.join(COLUMNS)}")
        return [_row(cells) for cells in sheet]
    except csv.Error as error:
        raise ValueError(str(error)) from error


def wrong_frames(clip: bytes, rows: Sequence[FrameRow]) -> list[str]:
    """What is wrong with an index, given the clip: numbers, order, hashes."""
    if sum(row.size for row in rows) > len(clip):
        return ["expected frames that fit into the clip, got more bytes"]
    wrong = []
    for number, row in enumerate(rows, 1):
        if row.number != number:
            wrong.append(f"expected frame {number}, got {row.number}")
        elif number > 1 and row.captured_at <= rows[number - 2].captured_at:
            wrong.append(f"frame {number}: expected a later time than that of the frame before")
        elif sha256(clip[row.offset : row.offset + row.size]) != row.sha256:
            wrong.append(f"frame {number}: its bytes have another hash")
    return wrong


def _row(cells: Sequence[str]) -> FrameRow:
    if len(cells) != len(COLUMNS):
        raise ValueError(f"expected {len(COLUMNS)} cells, got {len(cells)}")
    number, at, pts_us, source, key, offset, size, digest = cells
    captured_at = datetime.fromisoformat(at)
    if captured_at.tzinfo is None:
        raise ValueError(f"expected a time with its zone, got {at!r}")
    begin, length = int(offset), int(size)
    if begin < 0 or length < 0:
        raise ValueError(f"expected a place in the clip, got {offset}, {size}")
    ticks = int(source) if source else None
    return FrameRow(int(number), captured_at, int(pts_us), ticks, key == "1", begin, length, digest)


def _packets(clip: bytes) -> Iterator[tuple[int, int, int, bool]]:
    """``(pts in microseconds, offset, size, key)`` of each encoded frame, in the file's order."""
    import av  # who only verifies does not carry it

    try:
        with av.open(io.BytesIO(clip), "r") as container:
            for packet in container.demux(video=0):
                if packet.size and packet.pts is not None and packet.time_base is not None:
                    pts_us = round(packet.pts * packet.time_base * 1_000_000)
                    yield pts_us, _place(clip, packet.pos, bytes(packet)), packet.size, packet.is_keyframe
    except av.error.FFmpegError as error:
        raise SourceError(f"the clip cannot be read: {error}") from error


def _place(clip: bytes, near: int | None, data: bytes) -> int:
    """Where a packet's bytes begin: at its place in MP4, a few bytes later in Matroska, whose blocks have heads."""
    place = clip.find(data, near or 0)
    if place < 0:
        raise SourceError("the clip's frames do not lie in it as they were sent")
    return place
