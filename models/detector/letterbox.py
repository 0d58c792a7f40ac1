"""Pictures into a network's input: resized to fit, top-left, the rest grey."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.detector.base import Image

PAD_VALUE = 114
"""Grey of the padding: what the YOLOX family was trained with."""


def resized(picture: Image, width_px: int, height_px: int) -> Image:
    """The picture at another size (Pillow, bilinear with area support when it shrinks)."""
    from PIL import Image as Pil  # only for callers that did not resize: cameras do it in swscale

    small = Pil.fromarray(picture[..., ::-1]).resize((width_px, height_px), Pil.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(small)[..., ::-1])


def padded(length_px: int, limit_px: int, stride_px: int) -> int:
    """Smallest multiple of the stride that holds the length, at most ``limit_px``.

    >>> padded(234, 416, 32)
    256
    """
    return min(limit_px, -(-length_px // stride_px) * stride_px)


class Letterbox:
    """An input tensor whose memory is reused, so that a frame costs no allocation; as large as the largest so far."""

    def __init__(self) -> None:
        self._buffer: NDArray[np.float32] = np.empty(0, np.float32)

    def fill(self, picture: Image, width_px: int, height_px: int) -> NDArray[np.float32]:
        """``(1, 3, height_px, width_px)`` float32 BGR 0-255 with the picture in its top-left corner.

        The result is valid until the next call.
        """
        h, w = picture.shape[:2]
        size = 3 * height_px * width_px
        if len(self._buffer) < size:
            self._buffer = np.empty(size, np.float32)
        tensor = self._buffer[:size].reshape(1, 3, height_px, width_px)
        tensor[..., h:, :] = PAD_VALUE
        tensor[..., :h, w:] = PAD_VALUE
        for channel in range(3):  # three strided copies are faster than one transpose of the whole
            tensor[0, channel, :h, :w] = picture[..., channel]
        return tensor
