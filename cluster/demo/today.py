"""Clips that were rendered once, as if they had been taken a few hours ago: searches and reviews have deadlines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from flows.scenes.truth import DisturbanceTruth, EventTruth, SceneTruth

MORNING_H: Final = 6
"""UTC; eleven o'clock in Almaty, as light as in the clips."""
AFTERNOON_H: Final = 10
"""Three o'clock."""


def last_daylight(now: datetime) -> datetime:
    """The morning that lies behind, or else the afternoon before it.

    Less than 22 hours ago, so that what is found stays among what the console counts of the last 24.

    >>> last_daylight(datetime(2026, 11, 25, 5, 0, tzinfo=UTC)).isoformat()
    '2026-11-24T10:00:00+00:00'
    """
    morning, afternoon = (
        now.astimezone(UTC).replace(hour=hour, minute=0, second=0, microsecond=0)
        for hour in (MORNING_H, AFTERNOON_H)
    )
    return morning if morning + timedelta(hours=1) < now else afternoon - timedelta(days=1)


def taken(truth: SceneTruth, started_at: datetime) -> SceneTruth:
    """The truth of a clip as if its first frame had been taken then; its survey is as old as it was."""
    by = started_at - truth.started_at
    survey = truth.calibration
    days = timedelta(days=(started_at.date() - truth.started_at.date()).days)
    return truth.model_copy(
        update={
            "started_at": started_at,
            "calibration": survey.model_copy(
                update={
                    "surveyed_on": survey.surveyed_on + days,
                    "valid_until": survey.valid_until + days,
                }
            ),
            "frames": tuple(frame.model_copy(update={"at": frame.at + by}) for frame in truth.frames),
            "events": tuple(_event(event, by) for event in truth.events),
            "disturbances": tuple(_disturbance(each, by) for each in truth.disturbances),
        }
    )


def _event(event: EventTruth, by: timedelta) -> EventTruth:
    return event.model_copy(update={"from_at": event.from_at + by, "until_at": event.until_at + by})


def _disturbance(each: DisturbanceTruth, by: timedelta) -> DisturbanceTruth:
    until_at = None if each.until_at is None else each.until_at + by
    return each.model_copy(update={"from_at": each.from_at + by, "until_at": until_at})
