from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from flows.domain.beltreport import RIGHT_FROM, BeltReport
from flows.domain.belts import (
    SEAT_BELT,
    BeltAnswer,
    SeatAnswer,
    candidate_of,
    doubts,
    is_candidate,
    looks_of,
    violation_of,
)
from flows.domain.events import Event, KeyMoment, Violation

AT = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
VERSIONS = {"belts": "b" * 64, "windscreens": "a" * 64}
WORN, BARE = SeatAnswer("worn", "", 0.01, 0.0, 0.02), SeatAnswer("unworn", "", 0.99, 0.97, 0.995)
GLARE, NOBODY = SeatAnswer("unknown", "glare", 0.4), SeatAnswer("nobody")


def candidate(
    evaluated: dict[str, str] | None = None, seats: tuple[str, ...] = ("driver", "passenger")
) -> Event:
    review = not evaluated
    payload = Violation(
        rule="seat_belt",
        rule_version="1",
        track=3,
        cls="car",
        measured={},
        threshold={},
        moments=[KeyMoment(name="look-1", at=AT, xyxy=(0, 0, 10, 10))],
        needs_review=review,
        state="needs_review" if review else "stands",
    )
    event = Event.of(
        SEAT_BELT, camera_id="c", district="d", at=AT, data=payload.model_dump(mode="json"), key=(1, 2)
    )
    asked = {"seats": list(seats), "driver_on": "left", "evaluated": evaluated or {}}
    return candidate_of(event, asked)


def answer(driver: SeatAnswer, passenger: SeatAnswer) -> BeltAnswer:
    return BeltAnswer({"driver": driver, "passenger": passenger}, 5, 0.97, VERSIONS)


def test_a_missing_belt_makes_the_candidate_a_violation_that_says_how_sure_it_is() -> None:
    asked = candidate()
    assert is_candidate(asked)
    found = violation_of(asked, answer(BARE, GLARE))
    assert found is not None
    assert (found.type, found.id, found.time) == (SEAT_BELT, asked.id, AT)
    assert "asked" not in found.data
    assert found.data["measured"] == {
        "driver_without_belt": {"value": 0.99, "low": 0.97, "high": 0.995, "unit": "probability"}
    }
    assert found.data["threshold"] == {"min_probability": 0.97}
    assert found.data["seats"] == {"driver": "unworn", "passenger": "unknown"}
    assert found.data["models"] == VERSIONS
    assert (found.data["needs_review"], found.data["state"]) == (True, "needs_review")


def test_windscreens_are_found_from_whole_boxes_and_violations_show_what_is_to_be_seen() -> None:
    """A nearer vehicle beside it takes off its sides, and with them where the glass is."""
    made = candidate()
    rest = [{**moment, "shown": [0, 0, 6, 10]} for moment in made.data["moments"]]
    cut = made.model_copy(update={"data": {**made.data, "moments": rest}})
    assert [look.xyxy for look in looks_of(cut)] == [(0, 0, 10, 10)]
    found = violation_of(cut, answer(BARE, WORN))
    assert found is not None
    assert found.data["moments"] == rest


@pytest.mark.parametrize(
    ("driver", "passenger", "reasons"),
    [
        (WORN, NOBODY, set()),
        (GLARE, WORN, {"belt_glare"}),
        (GLARE, GLARE, {"belt_glare"}),
        (NOBODY, NOBODY, {"nobody_seen"}),
        (
            SeatAnswer("unknown", "too_small"),
            SeatAnswer("unknown", "unsure"),
            {"belt_too_small", "belt_unsure"},
        ),
    ],
)
def test_nothing_else_does_and_what_is_unknown_is_counted(
    driver: SeatAnswer, passenger: SeatAnswer, reasons: set[str]
) -> None:
    asked = candidate()
    assert violation_of(asked, answer(driver, passenger)) is None
    assert doubts(asked, answer(driver, passenger)) == reasons


def test_a_seat_that_the_rule_does_not_ask_for_is_of_no_interest() -> None:
    asked = candidate(seats=("driver",))
    assert violation_of(asked, answer(WORN, BARE)) is None
    assert doubts(asked, answer(WORN, GLARE)) == set()


@pytest.mark.parametrize(
    ("evaluated", "review"), [(VERSIONS, False), ({**VERSIONS, "belts": "c" * 64}, True), ({}, True)]
)
def test_other_networks_than_those_evaluated_need_a_review(evaluated: dict[str, str], review: bool) -> None:
    found = violation_of(candidate(evaluated), answer(BARE, NOBODY))
    assert found is not None
    assert (found.data["needs_review"], found.data["state"]) == (
        review,
        "needs_review" if review else "stands",
    )


GOOD: dict[str, Any] = {
    "camera": "c",
    "models": VERSIONS,
    "measured_on": "2026-05-01",
    "valid_until": "2026-11-01",
    "accused": 189,
    "right": 189,
    "checked_by": "somebody",
}


def test_a_report_must_surely_reach_what_every_rule_must_reach() -> None:
    report = BeltReport.model_validate(GOOD)
    assert report.surely_right >= RIGHT_FROM
    assert report.doubt(AT.date()) == ""
    fewer = BeltReport.model_validate(GOOD | {"accused": 188, "right": 188})
    assert "0.98 is asked" in fewer.doubt(AT.date())
    assert "not on 2027-01-01" in report.doubt(datetime(2027, 1, 1, tzinfo=UTC).date())


@pytest.mark.parametrize(
    "wrong",
    [
        {"right": 190},
        {"accused": 0, "right": 0},
        {"valid_until": "2026-04-01"},
        {"models": {}},
        {"checked_by": ""},
        {"precision": 0.99},
    ],
)
def test_a_report_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        BeltReport.model_validate(GOOD | wrong)
