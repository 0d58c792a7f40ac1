"""Photographs from outside are turned as their EXIF says, whatever else it says."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from models.faces.photos import decoded as probe
from serve.api.seers import decoded as sent

Tag = tuple[int, int, int, bytes]
"""Number, type, count and value of at most four bytes."""
TURNED: Tag = (0x0112, 3, 1, b"\6\0")
"""The camera was held on its side."""


def photo(*tags: Tag, kind: str = "JPEG") -> bytes:
    """40 x 20 px, with tags that Pillow itself would not write."""
    body = b"".join(struct.pack("<HHI4s", *tag) for tag in tags)
    return photo_with(b"II*\0" + struct.pack("<IH", 8, len(tags)) + body + bytes(4), kind)


def photo_with(exif: bytes, kind: str = "JPEG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 20)).save(out, kind, exif=b"Exif\0\0" + exif)
    return out.getvalue()


@pytest.mark.parametrize("decoded", [probe, sent], ids=["probe", "sent"])
@pytest.mark.parametrize(
    ("data", "shape"),
    [
        (photo(TURNED), (40, 20, 3)),
        (photo(TURNED, kind="PNG"), (40, 20, 3)),
        (photo(TURNED, (0x011A, 2, 3, b"72\0")), (40, 20, 3)),
        (photo(TURNED, (0x0102, 9, 1, b"\xff\xff\xff\xff")), (40, 20, 3)),
        (photo((0x0112, 4, 1, b"\0\0\1\0")), (20, 40, 3)),
        (photo((0x0112, 2, 2, b"6\0")), (20, 40, 3)),
        (photo_with(b"no TIFF at all"), (20, 40, 3)),
        (photo_with(b"II*\0\x08\0\0\0\xff\xff"), (20, 40, 3)),
    ],
    ids=["turned", "a PNG", "a resolution in words", "less than no bits", "no turn", "words", "no EXIF", "cut off"],
)  # fmt: skip
def test_a_photo_is_set_upright_whatever_else_stands_in_its_exif(
    decoded: Callable[[bytes], NDArray[np.uint8]], data: bytes, shape: tuple[int, int, int]
) -> None:
    assert decoded(data).shape == shape
