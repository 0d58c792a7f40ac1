from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from flows.domain.errors import FieldError
from flows.domain.events import OBJECT_ABANDONED, OBJECT_CLOSED, Event
from flows.domain.objects import AbandonedObject
from flows.domain.site import CalibrationConfig, SurveyPoint
from flows.evaluation.abandoned import evaluate_abandoned, score_scene
from flows.scenes.truth import CameraTruth, EventTruth, FrameTruth, ObjectTruth, SceneTruth

START = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
HEAD = "clip,fps,event,leave_frame,return_frame,category,scored,notes\n"
POINTS = tuple(
    SurveyPoint(px=(x * 40, 700 - y * 40), m=(x, y)) for x, y in ((0, 0), (16, 0), (16, 9), (0, 9))
)
SURVEY = CalibrationConfig(
    points=POINTS, picture_px=(640, 360), surveyed_on=date(2026, 5, 1), valid_until=date(2027, 5, 1)
)
BOX = (100.0, 100.0, 130.0, 140.0)


def alarm(
    camera: str,
    at_s: float,
    xyxy: tuple[float, float, float, float] = BOX,
    type_: str = OBJECT_ABANDONED,
    **more: object,
) -> Event:
    payload = AbandonedObject(
        rule_version="1", state="closed" if type_ == OBJECT_CLOSED else "abandoned", placed_at=START, left_at=START,
        owner="gone", owner_number=1, xyxy=xyxy, size_m=(0.4, 0.5), confidence=0.8,
        clock={"anchored_at": START.isoformat()},
    ).model_copy(update=more)  # fmt: skip
    at = START + timedelta(seconds=at_s)
    return Event.of(
        type_, camera_id=camera, district="d", at=at, data=payload.model_dump(mode="json"), key=xyxy
    )


def scored(tmp_path: Path, rows: str, events: list[Event]) -> dict[str, object]:
    truth, found = tmp_path / "events.csv", tmp_path / "events.jsonl"
    truth.write_text(HEAD + rows)
    found.write_text("".join(e.model_dump_json() + "\n" for e in events))
    score = evaluate_abandoned(truth, found)
    return {"tp": score.tp, "fp": score.fp, "fn": score.fn, "delay": score.delay_s.get("max")}


@pytest.mark.parametrize(
    ("at_s", "expected"),
    [
        (50.0, (1, 0, 0)),
        (43.0, (1, 0, 0)),  # the list was made by eye
        (103.9, (1, 0, 0)),
        (104.5, (0, 1, 1)),  # too late
        (20.0, (0, 1, 1)),  # before the owner left
    ],
)
def test_an_alarm_must_come_within_a_minute_of_the_owners_leaving(
    tmp_path: Path, at_s: float, expected: tuple[int, int, int]
) -> None:
    score = scored(tmp_path, 'video1.avi,30,1,1320,,positive,yes,"a, b"\n', [alarm("video1", at_s)])
    assert (score["tp"], score["fp"], score["fn"]) == expected


def test_each_clip_is_the_camera_of_its_name(tmp_path: Path) -> None:
    rows = "video1.avi,30,1,1320,,p,yes,\nvideo2.avi,25,1,1000,1500,p,yes,\nvideo3.avi,30,,,,none,yes,\n"
    events = [alarm("video1", 50), alarm("video1", 55, (300, 300, 320, 320)), alarm("video3", 30)]
    score = scored(tmp_path, rows, events)
    assert (score["tp"], score["fp"], score["fn"], score["delay"]) == (1, 2, 1, 6.0)


def test_what_is_not_scored_is_neither_right_nor_wrong(tmp_path: Path) -> None:
    score = scored(tmp_path, "video1.avi,30,1,1320,,p,no,\n", [alarm("video1", 50)])
    assert (score["tp"], score["fp"], score["fn"]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("taken_s", "of", "expected"),
    [
        (85.0, "the thing", 1),
        (60.0, "the thing", 0),  # it stood there still
        (150.0, "the thing", 0),  # too late
        (85.0, "another thing", 0),
    ],
)
def test_the_end_of_footage_is_told_when_somebody_came_back_for_that_thing(
    tmp_path: Path, taken_s: float, of: str, expected: int
) -> None:
    truth, found = tmp_path / "events.csv", tmp_path / "events.jsonl"
    truth.write_text(HEAD + "video3.avi,30,1,1320,2490,p,yes,\nvideo1.avi,30,1,1320,,p,yes,\n")
    first, never = alarm("video3", 50), alarm("video1", 50)
    ends = [
        alarm("video3", taken_s, type_=OBJECT_CLOSED, object=first.id if of == "the thing" else "other"),
        alarm("video1", taken_s, type_=OBJECT_CLOSED, object=never.id),  # nobody came back to it
        alarm("elsewhere", taken_s, type_=OBJECT_CLOSED, object="other"),
    ]
    found.write_text("".join(e.model_dump_json() + "\n" for e in (first, never, *ends)))
    score = evaluate_abandoned(truth, found)
    assert (score.tp, score.closed) == (2, expected)
    assert score.outcome_right is None  # the list does not say who came


@pytest.mark.parametrize(
    ("text", "named"),
    [("clip,fps\nvideo1.avi,30\n", "leave_frame"), (HEAD + "video1.avi,fast,1,1320,,p,yes,\n", "numbers")],
)
def test_a_list_that_cannot_be_used_says_why(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    (tmp_path / "e.jsonl").write_text("")
    with pytest.raises(FieldError, match=named):
        evaluate_abandoned(tmp_path / "t.csv", tmp_path / "e.jsonl")


def hall(*dues: EventTruth) -> SceneTruth:
    bag = ObjectTruth(
        track=2, cls="handbag", xyxy=BOX, visible=1, ignore=False, x_m=0, y_m=9, speed_kmh=0, heading_deg=0
    )
    frames = tuple(
        FrameTruth(index=k, at=START + timedelta(seconds=k / 2), objects=(bag,)) for k in range(120)
    )
    return SceneTruth(
        scene="hall", seed=1, options={}, width_px=640, height_px=360, fps=2, started_at=START,
        camera=CameraTruth(intrinsics=[[1.0]], position_m=(0, 0, 1), rotation=[[1.0]]),
        calibration=SURVEY, limit_kmh=60, frames=frames, events=dues,
    )  # fmt: skip


def due(ignore: bool = False, from_s: float = 20.0, until_s: float = 50.0) -> EventTruth:
    return EventTruth(
        type=OBJECT_ABANDONED, track=2, cls="handbag", from_at=START + timedelta(seconds=from_s),
        until_at=START + timedelta(seconds=until_s), ignore=ignore, facts={"outcome": "removed"},
    )  # fmt: skip


def test_a_halls_alarm_is_true_where_the_thing_stands_and_once() -> None:
    first, again = alarm("c", 30), alarm("c", 40)
    elsewhere = alarm("c", 31, (400, 200, 430, 240))
    score = score_scene(hall(due()), [first, again, elsewhere])
    assert (score.tp, score.fp, score.fn) == (1, 2, 0)
    assert set(score.wrong) == {again.id, elsewhere.id}
    assert score.delay_s["max"] == 10.0


def test_a_missed_one_is_named_and_a_doubtful_one_is_not_asked_for() -> None:
    assert score_scene(hall(due()), []).missed == ["handbag 2: owner left at 20.0 s"]
    doubtful = score_scene(hall(due(ignore=True)), [alarm("c", 30)])
    assert (doubtful.tp, doubtful.fp, doubtful.fn) == (0, 0, 0)


@pytest.mark.parametrize(("ignore", "wrong"), [(True, 0), (False, 1)])
def test_the_strip_that_a_pillar_leaves_of_a_doubtful_thing_is_that_thing(ignore: bool, wrong: int) -> None:
    x0, y0, x1, y1 = BOX
    strip = (x0, y0 + 0.3 * (y1 - y0), x0 + 0.18 * (x1 - x0), y1)
    score = score_scene(hall(due(ignore=ignore)), [alarm("c", 30, strip)])
    assert (score.tp, score.fp) == (0, wrong)


@pytest.mark.parametrize(
    ("at_s", "expected"),
    [([10.0], (0, 0, 0)), ([30.0], (1, 0, 0)), ([], (0, 0, 1)), ([10.0, 30.0], (0, 1, 0))],
)
def test_a_thing_may_be_told_when_its_owner_was_out_of_sight_before_they_left(
    at_s: list[float], expected: tuple[int, int, int]
) -> None:
    """Once: what has been told then is not asked for any more, and not to be told again."""
    truth = hall(due(ignore=True, from_s=4.0, until_s=12.0), due())
    score = score_scene(truth, [alarm("c", at) for at in at_s])
    assert (score.tp, score.fp, score.fn) == expected


@pytest.mark.parametrize(("outcome", "right"), [("removed", 1), ("reclaimed", 0)])
def test_the_end_is_compared_too(outcome: str, right: int) -> None:
    first = alarm("c", 30)
    end = alarm("c", 49, type_=OBJECT_CLOSED, object=first.id, outcome=outcome)
    score = score_scene(hall(due()), [first, end])
    assert (score.closed, score.outcome_right) == (1, right)
