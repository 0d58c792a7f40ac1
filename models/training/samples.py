"""What the detector learns from: small pictures with boxes, kept on disk as JPEG, in memory as pixels."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

IGNORED = -1
"""Label of what is neither object nor background: too small, too hidden, cut off."""
JPEG_QUALITY = 95
"""Invisible beside the H.264 that the pictures went through."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture.

    Attributes:
        picture: ``(h, w, 3)`` uint8 BGR.
        xyxy: ``(N, 4)`` float32 px of this picture.
        label: ``(N,)`` int8, class or ``IGNORED``.
    """

    picture: NDArray[np.uint8]
    xyxy: NDArray[np.float32]
    label: NDArray[np.int8]


def save(path: Path, samples: Sequence[Sample]) -> None:
    """Writes the samples of one scene; appears only when complete."""
    blobs = [encoded(sample.picture) for sample in samples]
    partial = path.with_suffix(".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    with partial.open("wb") as file:
        np.savez(
            file,
            jpeg=np.frombuffer(b"".join(blobs), np.uint8),
            jpeg_bytes=np.array([len(blob) for blob in blobs]),
            xyxy=np.concatenate([sample.xyxy for sample in samples]).astype(np.float32),
            label=np.concatenate([sample.label for sample in samples]).astype(np.int8),
            boxes=np.array([len(sample.label) for sample in samples]),
        )
    partial.replace(path)


def load(path: Path) -> list[Sample]:
    """Reads the samples of one scene."""
    with np.load(path) as data:
        ends, box_ends = np.cumsum(data["jpeg_bytes"]), np.cumsum(data["boxes"])
        jpeg, xyxy, label = data["jpeg"], data["xyxy"], data["label"]
        pictures = [decoded(part.tobytes()) for part in np.split(jpeg, ends[:-1])]
        boxes = zip(np.split(xyxy, box_ends[:-1]), np.split(label, box_ends[:-1]), strict=True)
        return [Sample(picture, *each) for picture, each in zip(pictures, boxes, strict=True)]


def encoded(picture: NDArray[np.uint8]) -> bytes:
    """A BGR picture as JPEG."""
    out = io.BytesIO()
    Image.fromarray(picture[..., ::-1]).save(out, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return out.getvalue()


def decoded(blob: bytes) -> NDArray[np.uint8]:
    """A BGR picture from JPEG."""
    return np.ascontiguousarray(np.asarray(Image.open(io.BytesIO(blob)))[..., ::-1])
