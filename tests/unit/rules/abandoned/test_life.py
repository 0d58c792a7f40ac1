"""The life of one thing, by times alone."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from flows.domain.ruleset import AbandonedObjectRule
from flows.domain.things import Standing, Thing
from flows.objects.company import Person
from flows.rules.abandoned.life import Life, Owner, Watch
from flows.rules.abandoned.thresholds import ObjectConfig

START = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
RULE = AbandonedObjectRule(away_s=10.0, gone_s=5.0, escalate_s=15.0)
NEAR = Watch(near=True, in_sight=True, apart_m=1.0)


def make_life(standing: Standing = "stands") -> Life:
    box = np.array([10, 10, 20, 20], np.float32)
    thing = Thing(1, box, START, START, START, standing, "new", 4.0)
    return Life(thing, START, judged=True)


def watch(life: Life, seconds: float, what: Watch) -> Life:
    life.watched(replace(what, seen_s=seconds if what.in_sight else 0.0), seconds, at(seconds))
    return life


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_it_is_attended_while_an_owner_is_near() -> None:
    life = watch(make_life(), 4.0, NEAR)
    assert (life.state, life.owner, life.apart_m, life.left_at) == ("attended", "away", 1.0, at(4.0))
    assert not life.is_due(RULE, 100.0)


@pytest.mark.parametrize(
    ("watch_", "due_s"),
    [(Watch(in_sight=True, apart_m=6.0), 14.0), (Watch(), 9.0)],
    ids=["stands far off", "out of sight"],
)
def test_it_is_due_when_it_was_alone_for_as_long_as_the_site_allows(watch_: Watch, due_s: float) -> None:
    life = watch(watch(make_life(), 4.0, NEAR), 5.0, watch_)
    assert life.state == "unattended"
    assert not life.is_due(RULE, due_s - 0.1)
    assert life.is_due(RULE, due_s)


def test_out_of_sight_counts_from_when_an_owner_was_last_detected() -> None:
    life = watch(watch(watch(make_life(), 4.0, NEAR), 8.0, Watch(in_sight=True)), 8.5, Watch())
    assert not life.is_due(RULE, 12.9)
    assert life.is_due(RULE, 13.0)


def test_an_owner_who_comes_back_begins_it_anew() -> None:
    life = watch(watch(watch(make_life(), 4.0, NEAR), 8.0, Watch()), 8.5, NEAR)
    watch(life, 9.0, Watch())
    assert not life.is_due(RULE, 13.4)
    assert life.is_due(RULE, 13.5)


def test_with_a_part_come_its_place_and_its_owners() -> None:
    life, part = make_life(), make_life()
    part.thing = replace(part.thing, xyxy=np.array([12, 4, 16, 9], np.float32))
    part.owners = {3: Owner(Person(3, deque()), np.zeros((2, 3)))}
    life.take_up(part)
    assert life.box.tolist() == [10, 4, 20, 20]
    assert life.owners == part.owners


def test_what_is_hidden_now_is_not_reported_now() -> None:
    life = watch(make_life("hidden"), 5.0, Watch())
    assert not life.is_due(RULE, 100.0)


def test_it_is_seen_to_stand_while_nobody_stands_before_it_and_since_it_stands_as_it_does() -> None:
    life, standing = make_life(), make_life("hidden").thing
    for seconds in (0.0, 1.0, 2.0):
        life.show(ObjectConfig(), seconds, at(seconds))
    assert life.shown_s == 2.0
    life.thing = standing
    for seconds in (3.0, 9.0):
        life.show(ObjectConfig(), seconds, at(seconds))
    assert life.shown_s == 2.0
    life.thing = replace(make_life().thing, noticed_at=at(9.0))
    for seconds in (9.0, 10.0):
        life.show(ObjectConfig(), seconds, at(seconds))
    assert life.shown_s == 1.0


def test_no_picture_of_it_is_taken_of_a_moment_before_it_was_moved() -> None:
    life = make_life()
    for seconds in (0.0, 1.0):
        life.show(ObjectConfig(), seconds, at(seconds))
    life.thing = replace(life.thing, noticed_at=at(2.0))
    life.show(ObjectConfig(), 2.0, at(2.0))
    assert list(life.clear) == [(at(2.0), 2.0)]


def test_it_is_told_once_more() -> None:
    life = make_life()
    life.abandoned_s = 20.0
    assert [life.is_due_again(RULE, s) for s in (34.9, 35.0)] == [False, True]
    life.escalated = True
    assert not life.is_due_again(RULE, 100.0)


def test_it_is_not_told_once_more_while_an_owner_is_back() -> None:
    life = watch(watch(make_life(), 4.0, NEAR), 5.0, Watch())
    life.abandoned_s = 9.0
    watch(life, 23.5, NEAR)
    assert not life.is_due_again(RULE, 24.0)
    watch(life, 24.5, Watch())
    assert not life.is_due_again(RULE, 28.4)
    assert life.is_due_again(RULE, 28.5)


def test_nobody_was_away_for_less_than_no_time() -> None:
    assert watch(make_life(), 4.0, NEAR).alone_s(2.0) == 0.0


def test_a_gap_in_which_nobody_looked_counts_for_nothing() -> None:
    life, config = watch(make_life(), 4.0, NEAR), ObjectConfig()
    for seconds in (4.0, 5.0):
        life.show(config, seconds, at(seconds))
    watch(life, 5.0, Watch())
    shown_s = life.shown_s
    life.begin_anew(60.0, at(60.0))
    life.show(config, 60.0, at(60.0))
    watch(life, 60.0, Watch())
    assert life.shown_s == shown_s
    assert not life.is_due(RULE, 64.9)
    assert life.is_due(RULE, 65.0)


def test_what_was_mostly_a_person_is_one_until_they_have_been_gone_for_a_while() -> None:
    life, config = make_life(), ObjectConfig()
    for k in range(20):
        life.look(somebody=True, now_s=float(k))
    assert life.is_somebody(config, 19.0 + config.freed_s - 0.1)
    assert not life.is_somebody(config, 19.0 + config.freed_s)


def test_who_passes_before_it_now_and_then_does_not_make_it_a_person() -> None:
    life = make_life()
    for k in range(20):
        life.look(somebody=k % 5 == 0, now_s=float(k))
    assert not life.is_somebody(ObjectConfig(), 20.0)
