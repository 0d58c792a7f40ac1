"""What others see of a photo or clip while nobody can say what it shows: shapes, and nobody's face."""

from __future__ import annotations

from pathlib import Path

from flows.domain.reports import Attachment, Report
from flows.pictures.jpeg import jpeg
from flows.reports.show import QUALITY, masked
from flows.reports.work import Looked
from flows.uploads.inspector import Seen


class Masked:
    """Makes a mosaic of all of a file's (first) picture; see :class:`flows.reports.work.Looker`.

    Args:
        why: Why nobody can say what it shows, in words.
    """

    def __init__(self, why: str = "") -> None:
        self._why = why

    def look(
        self, path: Path, seen: Seen, attachment: Attachment, report: Report, found: bytes | None = None
    ) -> Looked:
        """Likewise."""
        mosaic = masked(seen.rgb, ())[:, :, ::-1]
        shown = {f"{attachment.stem}.shown.jpg": jpeg(mosaic, QUALITY, whole_colour=False)}
        unknown = (self._why,) if self._why else ()
        return Looked(shown, unknown=unknown, size_px=seen.inspected.pixels_px)

    def close(self) -> None:
        """Nothing was started."""
