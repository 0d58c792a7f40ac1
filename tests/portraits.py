"""Real faces that anybody may use, from scikit-image: NASA's portrait of Eileen Collins, and a small one."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image


@cache
def astronaut() -> NDArray[np.uint8]:
    """``(512, 512, 3)`` uint8 BGR."""
    from skimage.data import astronaut as portrait

    return np.ascontiguousarray(portrait()[..., ::-1])


FACE = (160, 30, 300, 210)
"""Where the head is in it."""


def head(height_px: int = 180) -> NDArray[np.uint8]:
    """The head alone, at another size."""
    left, top, right, bottom = FACE
    cut = Image.fromarray(np.ascontiguousarray(astronaut()[top:bottom, left:right, ::-1]))
    width = round((right - left) * height_px / (bottom - top))
    return np.ascontiguousarray(
        np.asarray(cut.resize((width, height_px), Image.Resampling.LANCZOS))[..., ::-1]
    )


def beside(count: int) -> NDArray[np.uint8]:
    """The portrait's upper half so many times, side by side: so many faces."""
    return np.ascontiguousarray(np.concatenate([astronaut()[:300]] * count, axis=1))


def jpeg(bgr: NDArray[np.uint8], quality: int = 95) -> bytes:
    """Encoded."""
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(bgr[..., ::-1])).save(out, "JPEG", quality=quality)
    return out.getvalue()


def stranger() -> NDArray[np.uint8]:
    """``(270, 270, 3)`` uint8 BGR: another person, from 25 px (scikit-image's ``lfw_subset``)."""
    from skimage.data import lfw_subset

    grey = lfw_subset()[0]
    whole = Image.fromarray(np.uint8(255 * grey / grey.max())).resize((150, 150), Image.Resampling.BICUBIC)
    padded = np.pad(np.asarray(whole), 60, mode="edge")
    return np.ascontiguousarray(np.repeat(padded[..., None], 3, axis=2))
