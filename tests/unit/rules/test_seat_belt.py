from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import driving
import pytest
from roads import START, Drive, Story, parked, road, straight, tell

from flows.domain.beltreport import BeltReport
from flows.domain.belts import CANDIDATE, looks_of
from flows.domain.events import Event, View, Violation
from flows.domain.ruleset import SeatBeltRule
from flows.domain.tracks import Track
from flows.jurisdiction import JurisdictionProfile, load_profile
from flows.rules.base import Moment
from flows.rules.seat_belt import SeatBelt, describe

RULE = SeatBeltRule(min_width_px=100)
COMES = straight(1, x=-1.75, y=(75, 4), kmh=45)
GOES = straight(2, x=1.75, y=(4, 75), kmh=45)
EYE = driving.camera("gantry")
REPORT = BeltReport(
    camera="road-1",
    models={"belts": "b" * 64},
    measured_on=START.date(),
    valid_until=START.date() + timedelta(days=90),
    accused=400,
    right=399,
    checked_by="unit test",
)


def rule(config: SeatBeltRule = RULE, **how: Any) -> SeatBelt:
    return SeatBelt(config, road(config, eye=EYE, **how))


def told(*drives: Drive, config: SeatBeltRule = RULE, **how: Any) -> list[Event]:
    return tell(rule(config, **how), list(drives), eye=EYE)


@pytest.mark.slow
def test_a_car_that_comes_is_one_candidate_with_its_best_moments() -> None:
    (event,) = told(COMES, GOES)
    assert event.type == CANDIDATE
    facts = Violation.model_validate({k: v for k, v in event.data.items() if k in Violation.model_fields})
    assert (facts.track, facts.cls, facts.article) == (1, "car", "KoAP RK 593")
    assert facts.needs_review
    assert facts.state == "needs_review"
    assert [m.name for m in facts.moments] == [f"look-{i}" for i in range(1, 6)]
    widths = [m.xyxy[2] - m.xyxy[0] for m in facts.moments if m.xyxy is not None]
    assert len(widths) == 5
    assert min(widths) >= 95
    assert max(m.xyxy[3] for m in facts.moments if m.xyxy is not None) < driving.HEIGHT_PX
    span_s = (facts.moments[-1].at - facts.moments[0].at).total_seconds()
    assert 0.5 < span_s <= 1.2, "looks differ, and are decoded in one go"
    assert event.data["asked"] == {
        "seats": ["driver", "passenger"],
        "driver_on": "left",
        "evaluated": {},
    }


@pytest.mark.slow
def test_looks_are_wished_for_while_their_frames_pixels_are_at_hand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = road(RULE, eye=EYE)
    judge = SeatBelt(RULE, site)
    expected, wished, seen = list[datetime](), set[View](), SeatBelt.observe

    def observe(self: SeatBelt, tracks: Sequence[Track], moment: Moment) -> list[Event]:
        held = site.pins.expects  # since the frame before
        events = seen(self, tracks, moment)
        now = {view for view in site.pins.views if view[0] == moment.at}
        assert held or not now, "nobody holds the pixels of who was not expected"
        assert {view for view in wished if view in site.pins.views} | now == site.pins.views
        wished.update(now)
        expected.extend([moment.at] * site.pins.expects)
        return events

    monkeypatch.setattr(SeatBelt, "observe", observe)
    (event,) = tell(judge, [COMES, straight(2, x=1.75, y=(4, 150), kmh=45)], eye=EYE)
    looks = {moment.view for moment in looks_of(event)}
    assert looks <= wished
    assert len(site.pins.views) <= 16, "of the last second alone"
    gone_at = max(at for at, _ in wished) + timedelta(seconds=1)
    assert all(at < gone_at for at in expected), "nobody comes any more, though one goes away"


@pytest.mark.slow
def test_who_turns_away_and_waits_is_told_soon_and_no_look_at_anybody_outlives_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    way = ((0.0, -1.75, 70.0), (4.4, -1.75, 20.0), (6.0, 1.5, 15.0), (7.0, 4.5, 15.0), (40.0, 4.5, 15.0))
    site, seen, ages_s = road(RULE, eye=EYE), SeatBelt.observe, list[float]()

    def observe(self: SeatBelt, tracks: Sequence[Track], moment: Moment) -> list[Event]:
        events = seen(self, tracks, moment)
        ages_s.extend((moment.at - at).total_seconds() for at, _ in site.pins.views)
        return events

    monkeypatch.setattr(SeatBelt, "observe", observe)
    (event,) = tell(SeatBelt(RULE, site), [Drive(1, way)], eye=EYE)
    assert len(looks_of(event)) >= 2
    assert max(ages_s) < 10.0
    tell(SeatBelt(RULE, site), [COMES], eye=EYE)
    assert site.pins.views == set(), "no frame need come after it"


@pytest.mark.parametrize(
    "story",
    [
        [GOES],
        [parked(1, x=-1.75, y=18, s=(0, 6))],
        [straight(1, x=-1.75, y=(75, 4), kmh=45, cls="truck")],
    ],
    ids=["goes away", "stands", "no car"],
)
def test_nobody_else_is_looked_at(story: list[Drive]) -> None:
    judge = rule()
    assert tell(judge, story, eye=EYE) == []
    assert judge.refusals() == {}


@pytest.mark.slow
def test_who_is_too_small_to_look_into_is_counted() -> None:
    config = SeatBeltRule(min_width_px=600)
    judge = rule(config)
    assert tell(judge, [COMES], eye=EYE) == []
    assert judge.refusals() == {"belt_too_small": 1}


def test_without_a_survey_nobody_is_looked_at_and_that_is_counted() -> None:
    judge = SeatBelt(RULE, road(RULE, surveyed=False))
    assert Story([COMES], eye=EYE).tell(judge) == []
    assert judge.refusals() == {"no_calibration": 1}


def test_a_lost_number_does_not_make_a_second_candidate() -> None:
    again = Drive(1, COMES.way, numbers=((4.5, 7),))
    assert len(told(again)) == 1


def profile(**law: Any) -> JurisdictionProfile:
    kz = load_profile("kz")
    rules = dict(kz.rules) | {"seat_belt": kz.law("seat_belt").model_copy(update=law)}
    return kz.model_copy(update={"rules": rules})


@pytest.mark.parametrize(
    ("report", "law", "evaluated"),
    [
        (None, {}, False),
        (REPORT, {}, True),
        (REPORT, {"evaluated_may_stand": False}, False),
        (REPORT, {"needs_review": False, "evaluated_may_stand": False}, True),
        (None, {"needs_review": False}, False),
        (REPORT.model_copy(update={"right": 385}), {}, False),
        (
            REPORT.model_copy(update={"measured_on": date(2026, 1, 1), "valid_until": date(2026, 5, 31)}),
            {},
            False,
        ),
    ],
    ids=[
        "no report",
        "good",
        "the law insists",
        "the law asks nothing",
        "never without a report",
        "too often wrong",
        "out of date",
    ],
)
def test_only_a_good_report_on_this_camera_spares_a_review(
    report: BeltReport | None, law: dict[str, bool], evaluated: bool
) -> None:
    config = SeatBeltRule(min_width_px=100, report=report)
    (event,) = told(COMES, config=config, profile=profile(**law))
    assert event.data["needs_review"] is not evaluated
    assert event.data["state"] == ("stands" if evaluated else "needs_review")
    assert event.data["asked"]["evaluated"] == (REPORT.models if evaluated else {})  # type: ignore[index, call-overload]


def test_what_it_says_of_itself_names_who_reviews_and_why() -> None:
    kz = load_profile("kz")
    line = describe(SeatBeltRule(), kz)
    assert "every violation is for review (no evaluation report)" in line
    assert line.endswith("KoAP RK 593 (to be confirmed by counsel)")
    good = describe(SeatBeltRule(report=REPORT), kz)
    assert "stand without review" in good
    assert "399 of 400" in good
    bad = describe(SeatBeltRule(report=REPORT.model_copy(update={"right": 385})), kz)
    assert "385 were right" in bad
    assert "for review" in bad
