"""Heads cut from frames, small enough to travel in a message; whoever else is in the picture is blurred."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.domain.faces import MOST_BYTES
from flows.domain.frames import Picture
from flows.pictures.blurring import blur_boxes

Image = NDArray[np.uint8]
Box = tuple[float, float, float, float]

ABOVE: Final = 0.06
"""Of the person's height, kept above the box: detectors cut into the hair."""
HEAD: Final = 0.30
"""The head is in the upper part of a standing person's box so high ..."""
BESIDE: Final = 0.10
"""... and a little beside it."""
LONGEST_PX: Final = 288
"""Larger regions are shrunk: a face in them has 85 px or more, and the network looks at 100."""
QUALITY: Final = 92
WIDER: Final = 0.35
"""Bystanders' faces are blurred so much beyond their box: hair and ears tell people, too."""


def head_of(xyxy: NDArray[np.floating], width_px: int, height_px: int) -> tuple[int, int, int, int] | None:
    """Where the head of a person is in the frame, px; None where nothing of it is in the picture.

    Args:
        xyxy: The person's box, px.
        width_px: Of the frame.
        height_px: Of the frame.

    >>> head_of(np.array([100.0, 100.0, 200.0, 400.0]), 1280, 720)
    (90, 82, 210, 200)
    """
    left, top, right, bottom = (float(v) for v in xyxy)
    wide, high = right - left, bottom - top
    region = (
        max(0, round(left - BESIDE * wide)),
        max(0, round(top - ABOVE * high)),
        min(width_px, round(right + BESIDE * wide)),
        min(height_px, round(top + min(high, max(HEAD * high, wide)))),
    )
    return region if region[2] - region[0] >= 8 and region[3] - region[1] >= 8 else None


def cut(picture: Picture, region: tuple[int, int, int, int]) -> bytes:
    """The region as JPEG of at most :data:`flows.domain.faces.MOST_BYTES`."""
    from PIL import Image as Pil

    bgr = picture.region(*region)
    image = Pil.fromarray(np.ascontiguousarray(bgr[..., ::-1]))
    if max(image.size) > LONGEST_PX:
        image.thumbnail((LONGEST_PX, LONGEST_PX), Pil.Resampling.BOX)
    return encoded(image)


def encoded(image: object) -> bytes:
    """A PIL image as JPEG that is small enough to travel in a message."""
    for quality in (QUALITY, 80, 60):
        out = io.BytesIO()
        image.save(out, "JPEG", quality=quality, subsampling=0)  # type: ignore[attr-defined]
        if out.tell() <= MOST_BYTES:
            break
    return out.getvalue()


def decoded(jpeg: bytes) -> Image:
    """``(h, w, 3)`` uint8 BGR."""
    from PIL import Image as Pil

    with Pil.open(io.BytesIO(jpeg), formats=("JPEG", "PNG", "WEBP")) as image:
        return np.ascontiguousarray(np.asarray(image.convert("RGB"))[..., ::-1])


def blurred(bgr: Image, faces: Iterable[Box]) -> Image:
    """The picture with these faces, and the hair and ears round them, as a mosaic."""
    return blur_boxes(bgr, map(_wider, faces))


def _wider(face: Box) -> Box:
    left, top, right, bottom = face
    dx, dy = WIDER * (right - left), WIDER * (bottom - top)
    return left - dx, top - dy, right + dx, bottom + dy
