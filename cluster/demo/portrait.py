"""Who is missing in the demo: NASA's portrait of Eileen Collins, which anybody may use, as scikit-image brings it."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Final

import numpy as np

HEAD: Final = (172, 26, 286, 196)
"""Left, top, right and bottom of the head from hair to chin, px: nothing of what is behind it."""
LOOK: Final = "portrait-1"
"""Names how the head is cut; clips that show it are rendered again when it changes."""


def photo() -> bytes:
    """The photo that the relatives bring: JPEG of the whole portrait."""
    from PIL import Image
    from skimage.data import astronaut

    out = io.BytesIO()
    Image.fromarray(astronaut()).save(out, "JPEG", quality=95)  # type: ignore[no-untyped-call]
    return out.getvalue()


def head(folder: Path) -> Path:
    """The head as a picture for :mod:`flows.scenes.bodies.face`, in that folder."""
    from PIL import Image
    from skimage.data import astronaut

    left, top, right, bottom = HEAD
    path = folder / f"{LOOK}.png"
    picture = astronaut()[top:bottom, left:right]  # type: ignore[no-untyped-call]
    with tempfile.TemporaryDirectory(dir=folder) as place:  # several renderers may want it at once
        new = Path(place) / path.name
        Image.fromarray(np.ascontiguousarray(picture)).save(new)
        new.replace(path)
    return path
