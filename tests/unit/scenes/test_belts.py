from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import pytest

from flows import scenes
from flows.scenes.bodies import car
from flows.scenes.bodies.crew import PLAIN_SIGHT, Crew, crew, dazzled, differ
from flows.scenes.kinds.belts import ALIKE, CASES, crew_of
from flows.scenes.truth import SceneTruth


@cache
def truth_of(seed: int) -> SceneTruth:
    return scenes.build("belts", seed, fps=2.5, duration_s=14).truth()


@pytest.mark.slow
def test_the_truth_says_who_wears_one() -> None:
    truth = truth_of(601)
    seats = {(seat.track, seat.seat): seat for seat in truth.seats}
    cars = {thing.track for frame in truth.frames for thing in frame.objects if thing.cls == "car"}
    assert {track for track, _ in seats} >= cars
    assert len(seats) == 2 * len({track for track, _ in seats})
    found = [e for e in truth.events if e.type == "dome.violation.seat_belt.v1"]
    assert len(found) >= 4
    for event in found:
        bare = [name for name in ("driver", "passenger") if seats[event.track, name].person]
        bare = [name for name in bare if not seats[event.track, name].belted]
        assert event.facts["seats"] == bare
        in_sight = any(seats[event.track, name].in_sight for name in bare)
        assert in_sight or event.ignore, "nobody is asked to see what cannot be seen"
    at_fault = {event.track for event in found}
    innocent = {i.track for i in truth.innocent if i.type == "dome.violation.seat_belt.v1"}
    assert len(innocent) >= 2
    assert not innocent & at_fault
    (rule,) = truth.rules
    assert rule.kind == "seat_belt"


@pytest.mark.parametrize("case", sorted(set(CASES)))
def test_a_case_is_what_it_is_called(case: str) -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        people = crew_of(case, rng, "left")
        bare = [w for w in (people.driver, people.passenger) if w is not None and not w.belted]
        if case in ALIKE:
            assert not bare
        elif case != "glare":
            assert bare
        if "strap" in case:
            assert people.driver is not None
            assert people.driver.extra == "strap"


def test_what_nobody_can_see_is_not_in_sight() -> None:
    rng = np.random.default_rng(3)
    plain = crew(rng, driver=True, passenger=True)
    dark = _dressed(plain, plain.belt)
    assert not dark.in_sight("driver")
    bright = _dressed(plain, (0.95, 0.9, 0.75))
    assert differ(bright.belt, (0.95, 0.9, 0.75)) > PLAIN_SIGHT
    assert bright.in_sight("driver")
    assert not crew(rng, driver=None).in_sight("driver")
    hidden = [dazzled(bright, rng).in_sight("driver") for _ in range(40)]
    assert sum(hidden) < 15


@pytest.mark.slow
def test_drivers_sit_where_they_are_asked_to() -> None:
    counts = Counter(seat.seat for seat in truth_of(601).seats)
    assert counts["driver"] == counts["passenger"]
    right = scenes.build("belts", 602, duration_s=4, drive="right")
    assert all(a.body.crew.drive == "right" for a in right.world.actors if a.body.crew is not None)
    (rule,) = right.layout.rules()
    assert rule.kind == "seat_belt"
    assert rule.driver_on == "right"


def test_cars_without_a_crew_keep_their_dark_glass() -> None:
    closed, opened = (
        car.make(np.random.default_rng(7), crew=people)
        for people in (None, crew(np.random.default_rng(1), driver=True))
    )
    assert closed.pane is None
    assert closed.crew is None
    assert opened.pane is not None
    assert len(opened.mesh.vertices) > len(closed.mesh.vertices)
    assert (closed.length_m, closed.width_m) == (opened.length_m, opened.width_m)


def test_the_windscreen_is_where_the_glass_is() -> None:
    body = car.make(np.random.default_rng(7), crew=crew(np.random.default_rng(1), driver=True))
    assert body.screen_m is not None
    assert body.pane is not None
    low, high = body.pane.positions_m.min(0), body.pane.positions_m.max(0)
    assert body.screen_m.min(0) == pytest.approx(low, abs=1e-5)
    assert body.screen_m.max(0) == pytest.approx(high, abs=1e-5)
    lower_left, lower_right, upper_right, upper_left = body.screen_m
    assert lower_left[0] > lower_right[0], "seen from the front, the car's right is on the left"
    assert upper_left[2] > lower_left[2]
    assert upper_right[1] < lower_right[1]


def _dressed(people: Crew, top: tuple[float, float, float]) -> Crew:
    from dataclasses import replace

    assert people.driver is not None
    return replace(people, driver=replace(people.driver, top=top))
