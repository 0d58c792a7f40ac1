"""Photographs from outside: what is no picture, or too large, is refused before it is decoded."""

from __future__ import annotations

import io
import warnings
from typing import Final

import numpy as np

from flows.domain.errors import FieldError
from models.faces.base import Image

MOST_BYTES: Final = 20_000_000
MOST_PIXELS: Final = 40_000_000
"""A telephone's picture has 12 to 50 megapixels; more than 40 take half a gigabyte to decode."""
FORMATS: Final = ("JPEG", "PNG", "WEBP")


def decoded(photo: bytes) -> Image:
    """``(h, w, 3)`` uint8 BGR, upright; what is no picture, or too large, is refused before it is decoded.

    Raises:
        FieldError: If it is not one of :data:`FORMATS`, too large, or broken.
    """
    from PIL import Image as Pil

    from models.upright import upright

    if len(photo) > MOST_BYTES:
        raise refused(
            f"at most {MOST_BYTES // 1_000_000} MB", f"{len(photo) / 1e6:.1f} MB", "bring a smaller copy"
        )
    kinds = " or ".join(FORMATS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # our own limit is lower, and of its EXIF we read one tag
            opened = Pil.open(io.BytesIO(photo), formats=FORMATS)
        pixels = opened.width * opened.height  # from the header
        if pixels > MOST_PIXELS:
            found = f"{opened.width}x{opened.height} ({pixels / 1e6:.0f} megapixels)"
            raise refused(f"at most {MOST_PIXELS // 1_000_000} megapixels", found, "bring a smaller copy")
        with opened:
            rgb = upright(opened).convert("RGB")
    except Pil.DecompressionBombError:
        raise refused(
            f"at most {MOST_PIXELS // 1_000_000} megapixels", "far more", "bring a smaller copy"
        ) from None
    except (OSError, SyntaxError, ValueError) as error:
        raise refused(f"a picture ({kinds})", f"something else ({type(error).__name__})") from None
    return np.ascontiguousarray(np.asarray(rgb)[..., ::-1])


def refused(expected: str, got: str, hint: str = "") -> FieldError:
    """The error that says so."""
    return FieldError("photo", expected, got, hint)
