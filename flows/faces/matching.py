"""Who of a gallery is most alike: exact matrix products, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def nearest(
    face: NDArray[np.float32], gallery: NDArray[np.float32], parts: Iterable[slice]
) -> list[tuple[int, float]]:
    """The nearest of each part of a gallery, and how alike; what lies in none of them is not compared.

    Args:
        face: ``(D,)`` unit vector.
        gallery: ``(G, D)`` unit vectors.
        parts: Rows of the gallery, at least one each.

    Returns:
        For each part a row of the gallery and its similarity, -1 to 1.
    """
    found = []
    for part in parts:
        alike = gallery[part] @ face
        at = int(alike.argmax())
        found.append((part.start + at, float(alike[at])))
    return found
