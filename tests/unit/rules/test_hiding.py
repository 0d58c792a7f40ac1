from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from flows.domain.events import KeyMoment
from flows.domain.paths import Waypoint
from flows.domain.tracks import Sighting, Track
from flows.evidence.packing import _crop_box
from flows.rules.hiding import Occlusion, Rests
from flows.rules.reporting import moment_of

START = datetime(2026, 6, 1, tzinfo=UTC)
Box = tuple[float, float, float, float]
CAR: Box = (100, 100, 200, 180)
ALL_OVER: Box = (60, 60, 240, 340)
LEFT: Box = (40, 150, 140, 260)
RIGHT: Box = (160, 150, 260, 260)


def tracks(*boxes: Box) -> list[Track]:
    made = []
    for number, box in enumerate(boxes, 1):
        track = Track(number, "car")
        track.sightings.append(Sighting(START, 0, np.array(box, np.float32), 0.9))
        made.append(track)
    return made


def hidden(*boxes: Box) -> set[int]:
    return Occlusion(tracks(*boxes)).cut_off(0.5)


@pytest.mark.parametrize(
    ("nearer", "is_cut"),
    [
        ((), False),
        ((LEFT,), False),
        ((RIGHT,), False),
        ((LEFT, RIGHT), True),
        ((LEFT, LEFT), False),
        (((90, 170, 160, 260),), True),
        (((90, 190, 160, 260),), True),
        (((90, 200, 160, 260),), False),
    ],
    ids=["alone", "left", "right", "both", "left twice", "covered", "adjoins", "apart"],
)
def test_who_shows_less_than_half_of_the_lower_edge_may_be_cut_off_there(
    nearer: tuple[Box, ...], is_cut: bool
) -> None:
    assert hidden(CAR, *nearer) == ({1} if is_cut else set())


def test_nobody_hides_nobody() -> None:
    assert hidden() == set()
    assert Occlusion().by_themselves == Occlusion().crowned_over == set()


@pytest.mark.parametrize(
    ("other", "is_alone"),
    [
        ((90, 170, 160, 260), False),
        ((150, 60, 260, 120), False),
        ((210, 60, 260, 120), False),
        ((220, 60, 260, 120), True),
    ],
    ids=["nearer", "farther", "adjoins", "apart"],
)
def test_nobody_hides_any_part_of_who_is_alone(other: Box, is_alone: bool) -> None:
    assert (1 in Occlusion(tracks(CAR, other)).by_themselves) is is_alone


TRUCK: Box = (100, 100, 200, 300)


@pytest.mark.parametrize(
    ("nearer", "seen"),
    [
        ((110, 290, 190, 320), (85, 71, 215, 290)),
        ((196, 120, 260, 320), (85, 70, 196, 330)),
        ((210, 120, 260, 320), (85, 70, 210, 330)),
        ((216, 120, 260, 320), (85, 70, 215, 330)),
        ((110, 90, 190, 280), (85, 70, 215, 330)),
        ((60, 60, 240, 340), None),
        ((99, 102, 201, 303), (85, 70, 215, 330)),
    ],
    ids=[
        "hardly behind",
        "hardly beside",
        "close beside",
        "beside",
        "farther",
        "all over it",
        "tracked twice",
    ],
)
def test_for_plates_a_picture_shows_nothing_of_a_nearer_vehicle(nearer: Box, seen: Box | None) -> None:
    """Nor round the box, where a crop shows more than that."""
    rests = Rests()
    rests.see(tracks(TRUCK, nearer), START)
    assert picture(rests.of(1, START, TRUCK)) == seen


def picture(box: Box | None) -> Box | None:
    """What a package's crop of a box shows."""
    return None if box is None else _crop_box(box, np.zeros((720, 1280, 3), np.uint8))


@pytest.mark.parametrize(
    ("nearer", "seen"),
    [
        ((210, 120, 260, 320), (85, 70, 210, 330)),
        ((216, 120, 260, 320), (85, 70, 215, 330)),
        (ALL_OVER, (85, 70, 215, 330)),
    ],
    ids=["close beside", "beside", "all over it"],
)
def test_no_violation_s_picture_shows_the_plate_of_a_nearer_vehicle(nearer: Box, seen: Box) -> None:
    """Whatever the rule; where a nearer one is all over it, the picture is of what happened."""
    rests, later = Rests(), START + timedelta(seconds=1)
    rests.see(tracks(TRUCK, nearer), START)
    moments = [
        KeyMoment(name="past", at=START, xyxy=TRUCK),
        KeyMoment(name="leaving", at=later),
        KeyMoment(name="not shown", at=START),
    ]
    past, *others = rests.alone(1, moments)
    assert past.xyxy == TRUCK, "it is marked, and found again, by all of its box"
    assert picture(past.shown or past.xyxy) == seen
    assert [(moment.xyxy, moment.shown) for moment in others] == [(None, None)] * 2
    assert past.covered == (nearer == ALL_OVER)


def test_whoever_walks_before_a_vehicle_bears_no_plate() -> None:
    rests, (truck, walker) = Rests(), tracks(TRUCK, (110, 210, 190, 320))
    walker.cls = "person"
    rests.see([truck, walker], START)
    assert rests.of(1, START, TRUCK) == TRUCK


def test_who_covered_another_before_the_tracker_was_sure_of_it_did_so_all_the_same() -> None:
    rests, (truck, nearer) = Rests(), tracks(TRUCK, (110, 210, 190, 320))
    rests.see([truck], START)
    assert rests.of(1, START, TRUCK) == TRUCK
    later = START + timedelta(seconds=0.1)
    for track in (truck, nearer):
        track.sightings.append(Sighting(later, 1, track.sightings[-1].xyxy, 0.9))
    rests.see([truck, nearer], later)
    assert {picture(rests.of(1, at, TRUCK)) for at in (START, later)} == {(85, 83, 215, 210)}


def test_who_covered_another_is_not_forgotten_when_more_is_learnt_of_that_moment() -> None:
    """One beside it is out of sight when the tracker is sure of a third."""
    rests, (truck, beside, behind) = Rests(), tracks(TRUCK, (180, 120, 260, 320), (110, 250, 170, 340))
    rests.see([truck, beside], START)
    later = START + timedelta(seconds=0.1)
    for track in (truck, behind):
        track.sightings.append(Sighting(later, 1, track.sightings[-1].xyxy, 0.9))
    rests.see([truck, behind], later)
    assert picture(rests.of(1, START, TRUCK)) == (88, 77, 180, 250)


def tell(track: Track, at: datetime) -> None:
    track.sightings.append(Sighting(at, 0, track.sightings[-1].xyxy, 0.9))


@pytest.mark.parametrize("ended", [False, True])
def test_who_is_out_of_sight_when_the_tracker_is_sure_of_whom_it_covered_did_so_all_the_same(
    ended: bool,
) -> None:
    """A car comes forth because a nearer one leaves."""
    rests, (truck, nearer) = Rests(), tracks(TRUCK, (110, 210, 190, 320))
    rests.see([nearer], START)
    if ended:
        rests.forget(nearer.id)
    later = START + timedelta(seconds=0.1)
    tell(truck, later)
    rests.see([truck], later)
    assert picture(rests.of(1, START, TRUCK)) == (85, 83, 215, 210)
    rests.forget(truck.id)
    assert rests.of(1, START, TRUCK) == TRUCK


@pytest.mark.parametrize("waits", ["nearer", "farther"])
def test_a_tracker_that_thins_out_what_was_makes_nobody_bare(waits: str) -> None:
    """Of who waits for long it remembers one sighting in some."""
    rests, (truck, nearer) = Rests(), tracks(TRUCK, (110, 210, 190, 320))
    old, new = (nearer, truck) if waits == "nearer" else (truck, nearer)
    rests.see([old], START)
    later = START + timedelta(seconds=0.1)
    old.sightings.clear()
    old.sightings.append(Sighting(later, 1, np.array(TRUCK if old is truck else (110, 210, 190, 320)), 0.9))
    tell(new, later)
    rests.see([truck, nearer], later)
    assert {picture(rests.of(1, at, TRUCK)) for at in (START, later)} == {(85, 83, 215, 210)}


def test_a_hairbreadth_of_a_vehicle_is_nothing_of_it() -> None:
    rests, (truck, nearer) = Rests(), tracks(TRUCK, (100.4, 90, 240, 320))
    rests.see([truck, nearer], START)
    assert rests.of(1, START, TRUCK) is None


def test_who_has_ended_is_not_remembered_again() -> None:
    """By whoever turns out to have been there, too."""
    rests, (truck, nearer) = Rests(), tracks(TRUCK, (110, 210, 190, 320))
    rests.see([truck], START)
    rests.forget(truck.id)
    later = START + timedelta(seconds=0.1)
    tell(nearer, later)
    rests.see([nearer], later)
    assert rests.of(truck.id, START, TRUCK) == TRUCK


def test_what_no_picture_is_cut_from_any_more_is_forgotten() -> None:
    rests, (truck, nearer) = Rests(), tracks(TRUCK, (110, 210, 190, 320))
    rests.see([truck, nearer], START)
    rests.see([truck], START + timedelta(minutes=1))
    assert rests.of(1, START, TRUCK) == TRUCK


@pytest.mark.parametrize(
    ("nearer", "guessed"),
    [
        ([(100, 210, 145, 320), (155, 210, 200, 320)], False),
        ([(80, 180, 150, 320), (150, 190, 220, 320)], True),
        ([(100, 210, 190, 320), (105, 205, 195, 330)], False),
        ([(90, 190, 210, 320)], True),
    ],
    ids=["little", "two, all together", "two, one behind the other", "one"],
)
def test_two_who_cover_half_of_a_box_together_make_it_a_guess(nearer: list[Box], guessed: bool) -> None:
    assert (1 in Occlusion(tracks(TRUCK, *nearer)).crowned_over) is guessed


def test_what_was_to_be_seen_is_noted_for_later() -> None:
    """A moment is told of long after it was forgotten who was nearer then; what was cut off once stays so."""
    rests, (truck, nearer) = Rests(), tracks(TRUCK, (210, 120, 260, 320))
    rests.see([truck, nearer], START)
    point = Waypoint(START, np.zeros(2), 0.1, np.zeros(2), np.array([0.0, 1.0]), xyxy=TRUCK)
    noted = rests.noted(1, point)
    assert noted.xyxy == TRUCK
    assert noted.shown is not None
    rests.forget(1)
    assert rests.noted(1, noted) is noted
    told = moment_of("enters", noted)
    assert rests.alone(1, [told]) == [told]
    assert picture(told.shown) == picture(noted.shown)
