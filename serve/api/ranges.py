"""Parts of a file (RFC 9110, section 14): what lets a browser jump in a clip."""

from __future__ import annotations

import re

from fastapi import Response

from serve.api.problems import Problem

_ONE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


def ranged(data: bytes, wanted: str, media_type: str, etag: str) -> Response:
    """The whole, or the one range that the header asks for; several ranges, or another unit, get the whole.

    No browser keeps it (its ``Cache-Control`` is that of all answers): faces and plates end with the session.

    Raises:
        Problem: 416 for a range that lies outside.
    """
    headers = {"Accept-Ranges": "bytes", "ETag": f'"{etag}"', "Content-Disposition": "inline"}
    match = _ONE.fullmatch(wanted.strip()) if wanted else None
    if match is None or match.group(1) == match.group(2) == "":
        return Response(data, headers=headers, media_type=media_type)
    first, last = bounds(match.group(1), match.group(2), len(data))
    headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
    return Response(data[first : last + 1], 206, headers=headers, media_type=media_type)


def bounds(first: str, last: str, size: int) -> tuple[int, int]:
    """First and last byte of a range.

    >>> bounds("2", "", 10), bounds("", "3", 10), bounds("0", "99", 10)
    ((2, 9), (7, 9), (0, 9))

    Raises:
        Problem: 416 if it lies outside.
    """
    if first == "":
        begin, end = max(0, size - int(last)), size - 1
    else:
        begin, end = int(first), min(size - 1, int(last) if last else size - 1)
    if begin > end:
        raise Problem(
            416, f"expected a range inside {size} bytes", headers={"Content-Range": f"bytes */{size}"}
        )
    return begin, end
