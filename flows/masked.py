"""What others see of a photo or clip while nobody can say what it shows: shapes, and nobody's face."""

from __future__ import annotations

from pathlib import Path

from flows.clipshow import jpeg_of, masked
from flows.domain.reports import Attachment, Report
from flows.reportwork import Looked
from flows.uploads.inspector import Seen


class Masked:
    """Makes a mosaic of all of a file's (first) picture; see :class:`flows.reportwork.Looker`.

    Args:
        why: Why nobody can say what it shows, in words.
    """

    def __init__(self, why: str = "") -> None:
        self._why = why

    def look(self, path: Path, seen: Seen, attachment: Attachment, report: Report) -> Looked:
        """Likewise."""
        shown = {shown_name(attachment): jpeg_of(masked(seen.rgb, ()))}
        unknown = (self._why,) if self._why else ()
        return Looked(shown, unknown=unknown, size_px=seen.inspected.pixels_px)

    def close(self) -> None:
        """Nothing was started."""


def shown_name(attachment: Attachment, part: str = "jpg") -> str:
    """Of what others see of a file: its picture, or ``1.jpg``, ``mp4`` ..."""
    return f"{attachment.sha256[:32]}.shown.{part}"
