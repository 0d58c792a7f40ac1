"""The demo's citizen: somebody saw what a camera saw as well, and sends their clip through an app."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flows.domain.events import Event
from flows.domain.reports import Report
from flows.settings import Settings

CHANNEL: Final = "demo-app"
CAMERA: Final = "crossing"
TEXT: Final = "He did not even slow down, people were on the crosswalk. You can reach me at +7 701 000 00 00."
ASIDE_DEG: Final = 0.0003
"""Where they stood: about 30 m from the camera."""


def file_report(violations: Sequence[Event], settings: Settings) -> Report | None:
    """Files a report of a driver who did not yield, as a channel's app would; None where nobody was found out.

    It waits to be looked at by whoever serves the console next.
    """
    from flows.reports.reception import Claim, Reception
    from flows.store.evidence import EvidenceStore
    from flows.store.redis_server import redis_beside
    from flows.store.reports import ReportsStore
    from flows.store.results import ResultsStore

    seen = [e for e in violations if e.camera_id == CAMERA and ".failure_to_yield." in e.type]
    if not seen:
        return None
    evidence = EvidenceStore(settings.evidence)
    with redis_beside(settings) as url:
        results, reports = ResultsStore(url), ReportsStore(url)
        try:
            entry = results.event(seen[0].id)
            stored = entry.evidence.data if entry is not None and entry.evidence is not None else {}
            place = next(c for c in reports.places().cameras if c.id == CAMERA)
            files = stored.get("files")
            clip = isinstance(files, list) and "clip.mp4" in files
            claim = Claim(
                channel=CHANNEL, reference="2026-1", service="failure_to_yield", text=TEXT,
                latitude=place.latitude + ASIDE_DEG, longitude=place.longitude, address="Tole Bi / Baitursynov",
                happened_at=seen[0].time,
            )  # fmt: skip
            films = [evidence.read(str(stored["folder"]), "clip.mp4")] if clip else []
            return Reception(reports, evidence).accept(claim, films)
        finally:
            results.close()
            reports.close()
