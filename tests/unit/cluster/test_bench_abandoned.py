"""What the bench of things left behind counts, and what it leaves out."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import models.detector
from cluster.bench import abandoned
from flows.domain.errors import CalibrationError
from flows.domain.events import OBJECT_ABANDONED
from flows.scenes.truth import EventTruth, SceneTruth
from flows.settings import Settings


def test_a_hall_with_a_bad_survey_is_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """No camera starts with it, so nothing is missed there."""

    def play(clip: abandoned.HallClip, *_: object) -> None:
        raise CalibrationError("calibration.points.8", "points that agree", clip.seed)

    monkeypatch.setattr(models.detector, "load", lambda *_: None)
    monkeypatch.setattr(abandoned, "play", play)
    tally = abandoned.measure(abandoned.clips(2), Settings.from_env())
    assert (tally.unsurveyed, tally.fn) == (2, 0)


def test_a_negative_that_may_be_reported_is_none() -> None:
    """Its owner waits out of the camera's sight: whatever the rule says of it is left out."""
    hall = next(clip for clip in abandoned.clips(8) if "waits_beside" in clip.case)
    at = datetime(2026, 6, 1, tzinfo=UTC)
    waits = EventTruth(
        type=OBJECT_ABANDONED, track=2, cls="suitcase", from_at=at, until_at=at, ignore=True,
        facts={"role": "waits_beside"},
    )  # fmt: skip
    tallies = []
    for told in ((), (waits,)):
        truth = SceneTruth.model_construct(events=told, frames=(), started_at=at)
        abandoned.count(hall, truth, [], tally := abandoned.Tally())
        tallies.append((tally.negatives, tally.left_out))
    assert tallies == [(2, 0), (1, 1)]
