"""Whether a photo can be searched with: checked before anything of it is kept."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np

from flows.domain.errors import FieldError
from models.faces.base import Face, FacePair, Image
from models.faces.quality import Quality, quality_of

MOST_BYTES: Final = 20_000_000
MOST_PIXELS: Final = 40_000_000
"""A telephone's picture has 12 to 50 megapixels; more than 40 take half a gigabyte to decode."""
FORMATS: Final = ("JPEG", "PNG", "WEBP")
LEAST_SIZE_PX: Final = 80
"""From there on a smaller copy of our photographs is as alike to the original as makes no difference (0.997)."""
LEAST_SHARPNESS: Final = 0.12
"""Photographs have 0.36 to 0.74; blurred to this they are still 0.975 alike to themselves, at half of it 0.95."""
LEAST_FRONTALITY: Final = 0.5
"""Half way to where dlib's finder, which knows frontal faces only, begins to lose them."""
BYSTANDER: Final = 0.25
"""A face smaller than this share of the largest is far behind it; one that is larger makes two people."""


@dataclass(frozen=True, slots=True)
class CheckedProbe:
    """A photo that was found fit.

    Attributes:
        picture: ``(h, w, 3)`` uint8 BGR, upright.
        face: The one face.
        quality: What it is worth.
    """

    picture: Image
    face: Face
    quality: Quality


class ProbeChecker:
    """Checks probes with the finder that will search with them.

    Args:
        pair: Finder and embedder.
    """

    def __init__(self, pair: FacePair) -> None:
        self._pair = pair

    def check(self, photo: bytes) -> CheckedProbe:
        """Accepts a photo with one face, large, sharp and looking into the camera.

        Raises:
            FieldError: If it is anything else; says what is wrong and what to bring.
        """
        picture = decoded(photo)
        found = self._pair.finder.find(picture)
        faces = [f for f in found if f.size_px >= BYSTANDER * found[0].size_px]
        if not faces:
            raise _refused("one face", "none that can be found", "bring a photo taken from the front")
        if len(faces) > 1:
            raise _refused("one face", f"{len(faces)}", "cut the photo to the one person")
        quality = quality_of(picture, faces[0])
        _check_quality(quality)
        return CheckedProbe(picture, faces[0], quality)


def decoded(photo: bytes) -> Image:
    """``(h, w, 3)`` uint8 BGR, upright; what is no picture, or too large, is refused before it is decoded.

    Raises:
        FieldError: If it is not one of :data:`FORMATS`, too large, or broken.
    """
    from PIL import Image as Pil
    from PIL import ImageOps

    if len(photo) > MOST_BYTES:
        raise _refused(
            f"at most {MOST_BYTES // 1_000_000} MB", f"{len(photo) / 1e6:.1f} MB", "bring a smaller copy"
        )
    kinds = " or ".join(FORMATS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", Pil.DecompressionBombWarning
            )  # our own limit is lower, and an error
            opened = Pil.open(io.BytesIO(photo), formats=FORMATS)
        pixels = opened.width * opened.height  # from the header
        if pixels > MOST_PIXELS:
            found = f"{opened.width}x{opened.height} ({pixels / 1e6:.0f} megapixels)"
            raise _refused(f"at most {MOST_PIXELS // 1_000_000} megapixels", found, "bring a smaller copy")
        with opened:
            upright = ImageOps.exif_transpose(opened).convert("RGB")
    except Pil.DecompressionBombError:
        raise _refused(
            f"at most {MOST_PIXELS // 1_000_000} megapixels", "far more", "bring a smaller copy"
        ) from None
    except (OSError, SyntaxError, ValueError) as error:
        raise _refused(f"a picture ({kinds})", f"something else ({type(error).__name__})") from None
    return np.ascontiguousarray(np.asarray(upright)[..., ::-1])


def _check_quality(quality: Quality) -> None:
    if quality.size_px < LEAST_SIZE_PX:
        hint = "bring a larger picture; enlarging this one does not help"
        raise _refused(f"a face of {LEAST_SIZE_PX} px or more", f"{quality.size_px:.0f} px", hint)
    if quality.sharpness < LEAST_SHARPNESS:
        raise _refused(
            f"a sharpness of {LEAST_SHARPNESS} or more", f"{quality.sharpness:.2f}", "bring a sharp photo"
        )
    if quality.frontality < LEAST_FRONTALITY:
        found = f"one turned away (frontality {quality.frontality:.2f} of {LEAST_FRONTALITY})"
        raise _refused("a face that looks into the camera", found, "bring a photo taken from the front")


def _refused(expected: str, got: str, hint: str = "") -> FieldError:
    return FieldError("probe", expected, got, hint)
