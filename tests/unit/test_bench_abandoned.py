"""What the bench of things left behind counts, and what it leaves out."""

from __future__ import annotations

import pytest

import models.detector
from cluster.bench import abandoned
from flows.domain.errors import CalibrationError
from flows.settings import Settings


def test_a_hall_with_a_bad_survey_is_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """No camera starts with it, so nothing is missed there."""

    def play(clip: abandoned.HallClip, *_: object) -> None:
        raise CalibrationError("calibration.points.8", "points that agree", clip.seed)

    monkeypatch.setattr(models.detector, "load", lambda *_: None)
    monkeypatch.setattr(abandoned, "play", play)
    tally = abandoned.measure(abandoned.clips(2), Settings.from_env())
    assert (tally.unsurveyed, tally.fn) == (2, 0)
