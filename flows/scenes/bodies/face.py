"""A photograph of a face on a person's head: somebody who can be recognised."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.domain.errors import FieldError
from flows.scenes.bodies.base import Body
from flows.scenes.mesh import FLOATS, Mesh

ACROSS, DOWN = 88, 110
"""Patches: finer than a camera sees them from two metres."""
WIDTH: Final = 1.72
"""Of the picture on the head, in sizes of the head (see :mod:`flows.scenes.bodies.pedestrian`)."""


def read(path: Path) -> NDArray[np.uint8]:
    """A photograph of a head from hair to chin, ``(h, w, 3)`` uint8 RGB.

    Raises:
        FieldError: If it is no picture.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError) as error:
        raise FieldError("face", "a photograph of a head", f"{path} ({error})") from None


def put_on(body: Body, head: NDArray[np.uint8]) -> Body:
    """The person with that face, curved round the front of the head.

    Args:
        body: A standing person.
        head: See :func:`read`.
    """
    from PIL import Image

    rgb = np.asarray(Image.fromarray(head).resize((ACROSS + 1, DOWN + 1), Image.Resampling.LANCZOS)) / 255.0
    size = 0.066 * body.height_m
    centre = body.height_m - size * 1.05
    wide = WIDTH * size
    high = wide * head.shape[0] / head.shape[1]
    # Seen from before, the person's right is on the left: u runs against x.
    u, v = np.meshgrid(np.linspace(1, -1, ACROSS + 1), np.linspace(1, -1, DOWN + 1))
    curve = np.sqrt(np.maximum(0.05, 1 - 0.6 * u**2 - 0.4 * v**2))
    rows = np.zeros((DOWN + 1, ACROSS + 1, FLOATS), np.float32)
    rows[..., 0], rows[..., 1], rows[..., 2] = u * wide / 2, 0.01 + 1.22 * size * curve, centre + v * high / 2
    normal = np.stack([0.3 * u, np.ones_like(u), 0.2 * v], -1)
    rows[..., 3:6] = normal / np.linalg.norm(normal, axis=-1, keepdims=True)
    rows[..., 6:9] = rgb
    a, b, c, d = rows[:-1, :-1], rows[:-1, 1:], rows[1:, 1:], rows[1:, :-1]
    oval = ((u**2 + v**2)[:-1, :-1] < 1.0)[..., None]
    patches = np.stack([a, c, b, a, d, c], 2)[oval[..., 0]]
    return replace(body, mesh=body.mesh.joined(Mesh(patches.reshape(-1, FLOATS))))
