"""Detectors behind one protocol: onnxruntime on CPU, torchvision on GPU or by choice."""

from __future__ import annotations

from flows.domain.errors import WeightsError
from models import weights
from models.catalog import DETECTORS
from models.detector.base import MIN_SCORE, Detector

__all__ = ["Detector", "load"]


def load(name: str, places: weights.Places, threads: int = 1, min_score: float = MIN_SCORE) -> Detector:
    """The detector of that name, ready to run.

    Args:
        name: Name in the weights registry (:mod:`models.catalog`).
        places: Where weights lie (``flows.settings.Settings``).
        threads: Threads of one run on CPU.
        min_score: Boxes below it are not reported.

    Raises:
        WeightsError: If the weights are unknown, absent and out of reach, or damaged.
    """
    weights.entry_of(name)
    if name not in DETECTORS:
        raise WeightsError(f"detector: expected one of {', '.join(DETECTORS)}, got {name!r}")
    file = weights.get(name, places)
    if file.entry.kind == "torchvision":
        from models.detector.torchvision import TorchvisionDetector

        entry = file.entry
        return TorchvisionDetector(
            file.path, name, file.sha256, entry.input_px, threads, min_score, entry.sure_score
        )
    from models.detector.onnx import OnnxDetector

    return OnnxDetector(
        file.path,
        name,
        file.sha256,
        file.entry.names,
        file.entry.input_px,
        threads=threads,
        min_score=min_score,
        sure_score=file.entry.sure_score,
    )
