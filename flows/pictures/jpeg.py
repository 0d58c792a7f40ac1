"""Pictures as JPEG: the one place that writes them, without any metadata."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from numpy.typing import NDArray

EVIDENCE: Final = 92
"""Of what a case rests on."""


def jpeg(bgr: NDArray[np.uint8], quality: int = EVIDENCE, *, whole_colour: bool = True) -> bytes:
    """A picture as JPEG.

    Args:
        bgr: ``(height, width, 3)`` uint8.
        quality: 1 to 95.
        whole_colour: Without subsampling, which blurs what is small and coloured: plates, lights.

    >>> jpeg(np.zeros((8, 8, 3), np.uint8))[:3].hex()
    'ffd8ff'
    """
    from PIL import Image  # 6 MB that a camera without violations does not carry

    out = io.BytesIO()
    rgb = np.ascontiguousarray(bgr[..., ::-1])
    Image.fromarray(rgb).save(out, "JPEG", quality=quality, subsampling="4:4:4" if whole_colour else "4:2:0")
    return out.getvalue()
