from __future__ import annotations

from datetime import timedelta

import driving
import pytest
from driving import START

from cluster.bench import rules
from flows.scenes.truth import CameraTruth, EventTruth, FrameTruth, SceneTruth

LASTS_S = 10.0


def truth(rule: str, on_line_s: float, more_s: float = 6.0) -> SceneTruth:
    """A clip of ten seconds; the front of its only vehicle is on the line at a time, and the offence ends later."""
    offence = EventTruth(
        type=f"dome.violation.{rule}.v1",
        track=1,
        cls="car",
        from_at=START + timedelta(seconds=on_line_s - 3.0),
        until_at=START + timedelta(seconds=on_line_s + more_s),
    )
    frames = tuple(FrameTruth(index=i, at=START + timedelta(seconds=0.1 * i)) for i in range(101))
    return SceneTruth(
        scene="junction",
        seed=1,
        options={},
        width_px=1280,
        height_px=720,
        fps=10.0,
        started_at=START,
        calibration=driving.survey(driving.camera()),
        limit_kmh=60.0,
        camera=CameraTruth(intrinsics=[], position_m=(0, 0, 0), rotation=[]),
        frames=frames,
        events=(offence,),
    )


@pytest.mark.parametrize(
    ("rule", "left_s", "asked"),
    [
        ("stop_line", 2.5, False),
        ("stop_line", 3.5, True),
        ("red_light", 2.5, False),
        ("red_light", 3.5, True),
        ("solid_line", 1.0, True),
    ],
)
def test_what_the_end_of_a_clip_leaves_undecided_is_not_asked_for(
    rule: str, left_s: float, asked: bool
) -> None:
    tally, clip = rules.Tally(), rules.Clip("junction", 1)
    rules.count(clip, rule, truth(rule, LASTS_S - left_s), [], tally)
    assert (tally.fn, tally.late, tally.doubtful) == (int(asked), int(not asked), 0)


@pytest.mark.parametrize(("crossed_s", "asked"), [(1.0, False), (1.5, True)])
def test_who_crosses_a_line_as_the_clip_begins_was_not_seen_before_it(crossed_s: float, asked: bool) -> None:
    tally, clip = rules.Tally(), rules.Clip("lanes", 1)
    rules.count(clip, "solid_line", truth("solid_line", crossed_s, rules.LASTS_S), [], tally)
    assert (tally.fn, tally.late, tally.doubtful) == (int(asked), int(not asked), 0)
