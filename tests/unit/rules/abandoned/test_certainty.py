"""How sure a detector has been of somebody in one place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from flows.domain.detections import Detections
from flows.rules.abandoned.certainty import Certainty
from flows.rules.abandoned.thresholds import ObjectConfig

BODY = np.array([100, 100, 140, 200], np.float32)
ASIDE = np.array([300, 100, 340, 200], np.float32)


def found(*bodies: tuple[str, np.ndarray, float]) -> Detections:
    names = ("person", "car")
    return Detections(
        np.array([box for _, box, _ in bodies], np.float32).reshape(-1, 4),
        np.array([score for _, _, score in bodies], np.float32),
        np.array([names.index(name) for name, _, _ in bodies], np.int32),
        names,
    )


@pytest.mark.parametrize(
    ("looks", "doubtful"),
    [
        ([found()] * 3, True),
        ([found(("person", BODY, 0.6))] * 3, True),
        ([found(("person", BODY, 0.6))] * 2, False),
        ([found(("person", BODY, 0.62)), *[found()] * 2], False),
        ([found(("person", BODY + 4, 0.62)), *[found(("person", BODY, 0.46))] * 2], False),
        ([found(("person", ASIDE, 0.9), ("car", BODY, 0.9))] * 3, True),
        ([found(("person", BODY, 0.9)), *[found(("person", BODY, 0.46))] * 3], True),
    ],
    ids=["never", "hardly", "few looks", "once", "trembling", "somebody elsewhere, and a car", "long ago"],
)
def test_at_its_best_of_late_a_detector_was_hardly_sure(looks: Sequence[Detections], doubtful: bool) -> None:
    """From 0.4 on it is believed at once; 0.61 is a third of what is left to 1."""
    certainty = Certainty(ObjectConfig())
    for k, look in enumerate(looks):
        certainty.see(look, 0.4, 1.9 * k)
    assert certainty.is_doubtful(BODY) is doubtful


def test_a_detector_that_is_never_sure_and_a_clock_that_goes_back_break_nothing() -> None:
    certainty = Certainty(ObjectConfig())
    for at_s in (3600.0, 0.0, 0.3, 0.6):
        certainty.see(found(("person", BODY, 0.9)), 1.0, at_s)
    assert certainty.is_doubtful(BODY)
    assert len(certainty._looks) == 3
