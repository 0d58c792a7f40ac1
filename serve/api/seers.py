"""Models behind Serve, asked with a picture that somebody sent."""

from __future__ import annotations

import asyncio
import io
import warnings
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from flows.domain.errors import DetectorAway, FieldError, ReaderAway
from flows.domain.inference import DetectRequest
from flows.domain.plates import PlateRequest
from serve.api.config import ApiConfig

if TYPE_CHECKING:
    from flows.domain.detections import Detections
    from flows.domain.inference import DetectorSpec
    from flows.domain.plates import PlateAnswer

MOST_PX: Final = 16_000_000
"""A picture of 4000 x 4000: larger ones are no camera's, and cost a second of decoding."""


class Seers:
    """The detector and the plate reader, if they run in this cluster.

    Args:
        config: Of the API.
    """

    def __init__(self, config: ApiConfig) -> None:
        self._config = config

    @cached_property
    def _gateway(self) -> Any:
        from flows.stream.gateway import DetectorGateway

        return DetectorGateway()

    async def detect(self, picture: NDArray[np.uint8]) -> tuple[DetectorSpec, Detections]:
        """What the detector finds in a picture ``(h, w, 3)`` uint8 BGR, in its pixels.

        Raises:
            DetectorAway: If it does not run here.
        """
        name = self._config.detector
        height, width = picture.shape[:2]
        _in_cluster(DetectorAway)
        spec: DetectorSpec = await self._gateway.spec(name)
        small = await asyncio.to_thread(_resized, picture, spec.fit(width, height))
        (found,) = await self._gateway.detect(name, [DetectRequest(small[None], (width, height))])
        return spec, found

    async def read_plate(self, crop: NDArray[np.uint8], country: str) -> PlateAnswer:
        """What the plate reader reads on the picture of one vehicle.

        Raises:
            ReaderAway: If it does not run here.
        """
        _in_cluster(ReaderAway)
        answer: PlateAnswer = await self._gateway.read_plate([PlateRequest((crop,), country)])
        return answer


def decoded(data: bytes) -> NDArray[np.uint8]:
    """A JPEG or PNG as ``(h, w, 3)`` uint8 BGR, upright.

    Raises:
        FieldError: If it is neither, is damaged, or has too many pixels (which is seen before they are made).
    """
    from PIL import Image

    from models.upright import upright

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # our own limit is lower, and of its EXIF we read one tag
            image = Image.open(io.BytesIO(data), formats=("JPEG", "PNG"))
            width, height = image.size
            if not min(width, height) >= 16 or width * height > MOST_PX:
                raise FieldError(
                    "picture", f"16 px or more a side, at most {MOST_PX:,} px", f"{width}x{height}"
                )
            rgb = upright(image).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise FieldError(
            "picture", "a JPEG or PNG", f"{len(data)} bytes that are none", str(error)[:100]
        ) from None
    return np.ascontiguousarray(np.asarray(rgb, np.uint8)[:, :, ::-1])


def _resized(bgr: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    from PIL import Image

    return np.asarray(Image.fromarray(bgr).resize(size, Image.Resampling.BILINEAR), np.uint8)


def _in_cluster(away: type[DetectorAway | ReaderAway]) -> None:
    import ray

    if not ray.is_initialized():
        raise away("models run beside the API only where it is served by Ray (dome run --api)")
