"""A camera's figures for Prometheus, through Ray's metrics. Labels are camera and district, never more.

A label for each track, plate or case would name people in a system made to forget them, and each new
value costs Prometheus a time series for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from ray.util.metrics import Counter, Gauge

from flows.domain.status import CameraStatus

COUNTS: Final = {
    "frames_read": "Frames decoded.",
    "sampled_out": "Frames left out by sample_hz.",
    "gated": "Frames that the gate held back.",
    "detected": "Frames that a detector looked at.",
    "dropped": "Frames of a live camera given up because newer ones came.",
    "detections": "Boxes found that the detector is sure of.",
    "faces": "Heads that a face search was asked about; 0 while no active case covers the camera.",
    "reconnects": "Times the source was opened again.",
    "processing_s": "CPU seconds of the camera's actor.",
    "lost": "Events that could not be kept.",
}
LEVELS: Final = {
    "lag_s": "Age of the newest processed frame behind the newest captured one, seconds.",
    "spooled": "Events waiting on the camera's disk.",
}


FLEET_LEVELS: Final = {
    "expected": "1 for each live camera that is to run; 0 once it has been taken out of the site.",
}


class FleetGauges:
    """What a job knows of its cameras, ``dome_fleet_*``: a camera whose own metrics are gone cannot say so."""

    def __init__(self) -> None:
        self._expected = Gauge("dome_fleet_expected", FLEET_LEVELS["expected"], ("camera", "district"))
        self._told: dict[str, str] = {}

    def tell(self, expected: Mapping[str, str]) -> None:
        """Passes on which cameras are to run, with their districts. Called every few seconds."""
        for camera, district in self._told.items():
            if expected.get(camera) != district:
                self._expected.set(0.0, {"camera": camera, "district": district})
        for camera, district in expected.items():
            self._expected.set(1.0, {"camera": camera, "district": district})
        self._told = dict(expected)


class Gauges:
    """One camera's metrics, ``dome_camera_*``.

    Args:
        camera_id: Label ``camera``.
        district: Label ``district``.
    """

    def __init__(self, camera_id: str, district: str) -> None:
        tags = {"camera": camera_id, "district": district}
        keys = tuple(tags)
        self._counts = {name: Counter(f"dome_camera_{name}", text, keys) for name, text in COUNTS.items()}
        self._totals = {
            name: Counter(f"dome_camera_{name}", f"{name.capitalize()} of all kinds.", keys)
            for name in ("events", "errors")
        }
        self._levels = {name: Gauge(f"dome_camera_{name}", text, keys) for name, text in LEVELS.items()}
        for metric in (*self._counts.values(), *self._totals.values(), *self._levels.values()):
            metric.set_default_tags(tags)
        for counter in (*self._counts.values(), *self._totals.values()):
            # A counter that comes with its first loss shows no increase, and its alert stays silent. Ray's own `inc`
            # refuses the 0 that a counter begins with; a Ray without this must not keep a camera from starting.
            with suppress(AttributeError):
                counter._record(0.0)
        self._told: dict[str, float] = {}

    def tell(self, status: CameraStatus) -> None:
        """Passes on what has changed. Called every few seconds."""
        for name, counter in self._counts.items():
            self._count(name, counter, float(getattr(status, name)))
        for name, counter in self._totals.items():
            self._count(name, counter, float(sum(getattr(status, name).values())))
        for name, gauge in self._levels.items():
            gauge.set(float(getattr(status, name)))

    def _count(self, name: str, counter: Counter, total: float) -> None:
        news = total - self._told.get(name, 0.0)
        if news > 0:
            counter.inc(news)
            self._told[name] = total
