"""Who of the gallery is most alike: an exact matrix product, and nothing else."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def best(
    faces: NDArray[np.float32], gallery: NDArray[np.float32]
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """The nearest of the gallery for each face, and how alike.

    Args:
        faces: ``(N, D)`` unit vectors.
        gallery: ``(G, D)`` unit vectors, G at least 1.

    Returns:
        ``(N,)`` rows of the gallery, ``(N,)`` similarities, -1 to 1.
    """
    alike = faces @ gallery.T
    rows = alike.argmax(1)
    return rows, alike[np.arange(len(faces)), rows]
