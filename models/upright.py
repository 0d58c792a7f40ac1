"""Photographs as they were held: of their EXIF, which strangers write, nothing else is read."""

from __future__ import annotations

import struct
import warnings
from typing import Final

from PIL.Image import Image, Transpose

_ORIENTATION: Final = 0x0112
_TURNS: Final = {
    2: Transpose.FLIP_LEFT_RIGHT, 3: Transpose.ROTATE_180, 4: Transpose.FLIP_TOP_BOTTOM, 5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270, 7: Transpose.TRANSVERSE, 8: Transpose.ROTATE_90,
}  # fmt: skip


def upright(picture: Image) -> Image:
    """The same picture, upright. What cannot be read of its EXIF turns nothing.

    ``PIL.ImageOps.exif_transpose`` writes the tags anew, and raises where one has a value that its type cannot hold.

    Raises:
        OSError, SyntaxError, ValueError: As Pillow does, if the picture itself is broken.
    """
    picture.load()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            turn = _TURNS.get(picture.getexif().get(_ORIENTATION, 1))
    except (OSError, SyntaxError, ValueError, TypeError, LookupError, struct.error):
        turn = None
    return picture if turn is None else picture.transpose(turn)
