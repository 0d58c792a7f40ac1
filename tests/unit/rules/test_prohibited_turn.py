from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import driving
import pytest
from quick import first
from roads import Drive, arc, over, rect, road, straight, swapped, tell, violation

from flows.domain.events import Event
from flows.domain.ruleset import ProhibitedTurnRule
from flows.domain.tracks import Track
from flows.jurisdiction import load_profile
from flows.rules.base import Moment, Site
from flows.rules.prohibited_turn import ProhibitedTurn, describe

TURN = ProhibitedTurnRule(enters="south", leaves="west")
ZONES = {
    "south": rect(0, 12, 7, 26),
    "west": rect(-32, 32, -8, 42),
    "junction": rect(-32, 10, 12, 47),
}


def rule(config: ProhibitedTurnRule = TURN, **how: Any) -> ProhibitedTurn:
    headings = how.pop("headings", {"south": 0.0, "west": 270.0})
    return ProhibitedTurn(config, road(config, zones=ZONES, headings=headings, **how))


def judged(*drives: Drive, seed: int = 0, **how: Any) -> list[Event]:
    return tell(rule(), drives, seed=seed, **how)


LEFT = over(1, (1.75, 0), (1.75, 26), *arc((-8.25, 26), 10, 0, 90), (-40, 36), kmh=25)
STRAIGHT = straight(2, x=1.75, y=(0, 70), kmh=40)
FROM_NORTH = over(3, (-1.75, 70), (-1.75, 46), *arc((-11.75, 46), 10, 0, -90), (-25, 36), kmh=25)
FROM_WEST = over(4, (-25, 36), (-9.25, 36), *arc((-9.25, 26), 10, 90, 0)[1:], (0.75, 0), kmh=25)
FROM_EAST = over(5, (30, 36), (-30, 36), kmh=35)


@pytest.mark.slow
def test_a_turn_is_one_event_with_what_was_measured() -> None:
    (event,) = judged(LEFT, STRAIGHT, FROM_NORTH, FROM_EAST)
    facts = violation(event)
    assert (facts.track, facts.article) == (1, "KoAP RK 596")
    turn = facts.measured["turn"]
    assert turn.value == pytest.approx(90, abs=15)
    assert turn.low < turn.value < turn.high
    assert facts.measured["duration"].value > 1.0
    assert [m.name for m in facts.moments] == ["enters", "turns", "leaves"]
    assert facts.trace[-1][1] < facts.trace[0][1] - 8


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(*range(3)))
def test_a_camera_sees_it_too(seed: int) -> None:
    eye = driving.camera("high")
    events = tell(
        rule(eye=eye), [LEFT, replace(STRAIGHT, way=((5, 1.75, 0), (11, 1.75, 70)))], eye=eye, seed=seed
    )
    assert [violation(e).track for e in events] == [1]


GO = over(1, (1.7, 28.5), *arc((-8.25, 29), 10, 5, 90, 6), (-40, 39), kmh=18, start_s=34)
WAITS = Drive(1, ((0, 1.75, 0), (3.4, 1.75, 22), (6, 1.75, 28), (32, 1.75, 28), *GO.way))


@pytest.mark.slow
def test_who_waits_in_the_junction_has_turned_too() -> None:
    assert len(judged(WAITS)) == 1
    assert tell(rule(TURN.model_copy(update={"max_s": 10.0})), [WAITS]) == []


class Watching(ProhibitedTurn):
    """Notes which pictures were kept when."""

    def __init__(self, config: ProhibitedTurnRule, site: Site) -> None:
        super().__init__(config, site)
        self.kept: dict[datetime, frozenset[datetime]] = {}

    def observe(self, tracks: Sequence[Track], moment: Moment) -> list[Event]:
        events = super().observe(tracks, moment)
        self.kept[moment.at] = self._pins.wanted
        return events


@pytest.mark.slow
def test_where_it_came_from_is_shown_however_long_it_waited() -> None:
    """The camera's ring of packets reaches back 20 s."""
    judge = Watching(TURN, road(TURN, zones=ZONES, headings={"south": 0.0, "west": 270.0}))
    (event,) = tell(judge, [WAITS, STRAIGHT])
    enters, turns, leaves = violation(event).moments
    assert leaves.at - enters.at > timedelta(seconds=25)
    assert leaves.at - turns.at < timedelta(seconds=15)
    since = [at for at, wanted in judge.kept.items() if enters.at in wanted]
    assert min(since) - enters.at < timedelta(seconds=10), "while the ring has it"
    assert {at for at in judge.kept if min(since) <= at < leaves.at} <= set(since)
    assert set().union(*judge.kept.values()) == {enters.at}, "of nobody who drives straight on"


@pytest.mark.parametrize(
    "story",
    [
        pytest.param((STRAIGHT,), id="straight on"),
        pytest.param((FROM_NORTH,), id="into the same road from elsewhere"),
        pytest.param((FROM_WEST,), id="the other way round"),
        pytest.param((FROM_EAST,), id="across"),
        pytest.param((replace(LEFT, unseen=((0.0, 5.0),)),), id="first seen behind the first zone"),
        pytest.param((replace(LEFT, numbers=((4.5, 9),)),), id="the track breaks on the way"),
        pytest.param((replace(LEFT, unseen=((3.8, 5.5),)),), id="out of sight in between"),
        pytest.param(
            swapped(
                over(1, (1.75, 0), (1.75, 70), kmh=40),
                over(2, (-1.75, 70), (-1.75, 46), *arc((-11.75, 46), 10, 0, -90), (-25, 36), kmh=38),
                3.2,
            ),
            id="the tracker takes one for the other in the junction",
        ),
        pytest.param((replace(LEFT, cls="person"),), id="somebody walks"),
    ],
)
@pytest.mark.parametrize("seed", first(*range(3)))
def test_what_only_looks_like_it(story: tuple[Drive, ...], seed: int) -> None:
    assert judged(*story, seed=seed) == []
    if seed == 0:
        eye = driving.camera("high")
        assert tell(rule(eye=eye), story, eye=eye) == []


def test_a_mix_up_on_the_way_is_counted() -> None:
    losing = rule()
    assert tell(losing, [replace(LEFT, unseen=((3.8, 5.5),))]) == []
    assert losing.refusals() == {"mixed_up": 1}


@pytest.mark.slow
def test_a_way_outside_the_junction_is_another_way() -> None:
    within = TURN.model_copy(update={"within": "junction"})
    assert len(tell(rule(within), [LEFT])) == 1
    back, aside = arc((-6.25, 48), 8, 0, 180), arc((-22.25, 44), 8, 0, -90)
    detour = over(1, (1.75, 0), (1.75, 48), *back, *aside, (-40, 36), kmh=20)
    assert len(tell(rule(), [detour])) == 1
    assert tell(rule(within), [detour]) == []


@pytest.mark.slow
def test_without_headings_only_the_order_counts() -> None:
    assert len(tell(rule(headings={}), [LEFT, FROM_WEST])) == 1


def test_rule_says_what_it_does() -> None:
    text = describe(TURN, load_profile("uz"))
    assert "from zone south and leave through zone west" in text
    assert "KoAO RUz 128-2" in text


@pytest.mark.slow
def test_places_so_vague_that_they_tell_nobody_from_the_next_prove_no_turn() -> None:
    made = rule()
    assert tell(made, [LEFT], noise_m=1.7) == []
    assert made.refusals() == {"mixed_up": 1}
