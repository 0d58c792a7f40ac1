"""What others see of a photo or clip while nobody has said what the report is about: shapes, and nobody's face."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flows.blurring import Xyxy, blur_others
from flows.domain.reports import Attachment, Report
from flows.reportwork import Looked
from flows.uploads.inspector import Seen

QUALITY = 85


class Masked:
    """Makes a mosaic of all of a file's (first) picture but what was said to be its subject; see
    :class:`flows.reportwork.Looker`."""

    def look(self, path: Path, seen: Seen, attachment: Attachment, report: Report) -> Looked:
        """Likewise."""
        kept = [attachment.subject] if attachment.subject is not None else []
        shown = {shown_name(attachment): masked_jpeg(seen.rgb, kept)}
        return Looked(shown, attachment.subject, size_px=seen.inspected.pixels_px)


def shown_name(attachment: Attachment) -> str:
    """Of the picture that others see."""
    return f"{attachment.sha256[:32]}.shown.jpg"


def masked_jpeg(rgb: NDArray[np.uint8], keep: Iterable[Xyxy]) -> bytes:
    """A JPEG of a picture ``(h, w, 3)`` in which only what lies in the boxes (its px) can be recognised."""
    out = io.BytesIO()
    Image.fromarray(blur_others(rgb, keep)).save(out, "JPEG", quality=QUALITY)
    return out.getvalue()
