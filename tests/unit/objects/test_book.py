"""What pixels alone say: bags stand, people and light do not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray
from quick import first

from flows.domain.frames import ClockState, Frame
from flows.domain.things import PixelLook, Thing
from flows.objects import ObjectBook
from flows.sources.picture import ArrayPicture

START = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
ROWS, COLUMNS = 90, 160
Paint = Callable[[NDArray[np.int16], float], None]


def floor() -> NDArray[np.int16]:
    """Tiles of several greys, a wall above, a poster in a dark frame on it."""
    rng = np.random.default_rng(3)
    picture = np.full((ROWS, COLUMNS, 3), 120, np.int16)
    picture[30:] += rng.integers(-22, 22, (10, 16, 1)).repeat(6, 0).repeat(10, 1).astype(np.int16)
    picture[6:22, 60:90] = 35
    picture[8:20, 62:88] = (150, 60, 60)
    return picture


def watch(paint: Paint, seconds: float = 20.0, rate_hz: float = 4.0, noise: float = 1.5) -> list[PixelLook]:
    rng, book = np.random.default_rng(5), ObjectBook(True)
    looks = []
    for k in range(round(seconds * rate_hz)):
        t_s = k / rate_hz
        picture = floor()
        paint(picture, t_s)
        noisy = np.clip(picture + rng.normal(0, noise, picture.shape), 0, 255).astype(np.uint8)
        looks.append(book.see(ArrayPicture(noisy), START + timedelta(seconds=t_s)))
    return looks


def bag(picture: NDArray[np.int16], colour: tuple[int, int, int] = (40, 30, 90)) -> None:
    picture[60:68, 70:80] = colour


def told(looks: list[PixelLook]) -> dict[int, Thing]:
    return {t.number: t for look in looks for t in look.things}


@pytest.mark.slow
def test_a_bag_that_is_put_down_stands_from_then_on() -> None:
    looks = watch(lambda p, t: bag(p) if t >= 6 else None)
    (thing,) = told(looks).values()
    assert thing.look == "new"
    assert thing.standing == "stands"
    assert (thing.since_at - START).total_seconds() == pytest.approx(6.0, abs=0.3)
    assert thing.xyxy == pytest.approx([70, 60, 80, 68], abs=1.5)


@pytest.mark.slow
@pytest.mark.parametrize("colour", first((215, 210, 200), (52, 52, 52), (60, 140, 60)))
def test_whatever_its_colour(colour: tuple[int, int, int]) -> None:
    (thing,) = told(watch(lambda p, t: bag(p, colour) if t >= 6 else None)).values()
    assert thing.look == "new"


def test_at_a_picture_a_second_too() -> None:
    looks = watch(lambda p, t: bag(p) if t >= 6 else None, rate_hz=1.0)
    (thing,) = told(looks).values()
    assert (thing.since_at - START).total_seconds() == 6.0


@pytest.mark.slow
def test_it_is_gone_when_it_has_been_taken() -> None:
    looks = watch(lambda p, t: bag(p) if 6 <= t < 13 else None)
    gone = [t for look in looks for t in look.things if t.standing == "gone"]
    assert len(gone) == 1
    assert gone[0].gone_at is not None
    assert (gone[0].gone_at - START).total_seconds() == pytest.approx(13.0, abs=0.6)


@pytest.mark.slow
def test_somebody_who_stops_before_it_hides_it_and_it_stays() -> None:
    def paint(picture: NDArray[np.int16], t: float) -> None:
        if t >= 5:
            bag(picture)
        if 10 <= t < 16:
            picture[35:72, 66 + int(2 * np.sin(3 * t)) : 84] = (90, 160, 170)

    looks = watch(paint, 24)
    numbers = {t.number for t in looks[-1].things if t.look == "new"}
    assert len(numbers) == 1
    thing = next(t for t in looks[-1].things if t.number in numbers)
    assert thing.standing == "stands"
    assert (thing.since_at - START).total_seconds() == pytest.approx(5.0, abs=0.3)


@pytest.mark.slow
def test_what_stands_beside_something_that_is_known_is_a_thing_of_its_own() -> None:
    def paint(picture: NDArray[np.int16], t: float) -> None:
        if t >= 3:
            picture[64:68, 60:70] = (60, 140, 60)
        if t >= 9:
            bag(picture)

    first, second = told(watch(paint, 24)).values()
    assert first.xyxy == pytest.approx([60, 64, 70, 68], abs=1.5)
    assert second.xyxy == pytest.approx([70, 60, 80, 68], abs=1.5)
    assert (second.since_at - START).total_seconds() == pytest.approx(9.0, abs=0.3)


@pytest.mark.slow
@pytest.mark.parametrize("right", [84, 82], ids=["a body", "an arm"])
def test_what_is_left_when_its_owner_goes_is_a_thing_of_its_own(right: int) -> None:
    """An arm is less than a quarter of all that stands there, and half as high again."""

    def paint(picture: NDArray[np.int16], t: float) -> None:
        if t >= 5:
            bag(picture)
        if 5 <= t < 12:
            picture[50 : 68 if right > 82 else 61, 80:right] = (90, 160, 170)

    first, second = told(watch(paint, 24)).values()
    assert first.xyxy == pytest.approx([70, 50, right, 68], abs=1.5)
    assert (second.instead_of, second.standing) == (first.number, "stands")
    assert second.xyxy == pytest.approx([70, 60, 80, 68], abs=1.5)
    assert (second.since_at - START).total_seconds() == pytest.approx(5.0, abs=0.3)


@pytest.mark.slow
def test_what_comes_bit_by_bit_is_one_thing() -> None:
    def paint(picture: NDArray[np.int16], t: float) -> None:
        if t >= 5:
            picture[60:68, 70:76] = (40, 30, 90)
        if t >= 6.1:
            picture[60:68, 76:82] = (40, 30, 90)

    looks = watch(paint, 24, rate_hz=10)
    (thing,) = told(looks).values()
    assert thing.xyxy == pytest.approx([70, 60, 82, 68], abs=1.5)
    assert min(len(look.things) and float(look.things[0].xyxy[2]) for look in looks if look.things) < 78


@pytest.mark.slow
@pytest.mark.parametrize(
    ("came_s", "look"), [(5.0, "new"), (1.2, "early")], ids=["later", "as the place was learnt"]
)
def test_what_first_shows_within_an_old_outline_is_judged_anew_when_the_rest_of_it_shows(
    came_s: float, look: str
) -> None:
    """Of a bag before the foot of a bench its owner hides the rest."""

    def paint(picture: NDArray[np.int16], t: float) -> None:
        picture[60:68, 66:72] = 30
        if t >= came_s:
            picture[60:68, 66:72] = 210
        if t >= came_s + 1.1:
            picture[60:68, 72:84] = 210

    looks = [thing.look for seen in watch(paint, 24, rate_hz=10) for thing in seen.things]
    assert (looks[0], looks[-1]) == ("framed", look)


def walker(picture: NDArray[np.int16], t: float) -> None:
    x = int(-20 + 14 * t)
    if 0 < x < 150:
        picture[36:70, x : x + 9] = (30, 30, 150)


def blink(picture: NDArray[np.int16], t: float) -> None:
    if t >= 8:
        picture[:] = (picture * 0.7).astype(np.int16)


def sunlight(picture: NDArray[np.int16], t: float) -> None:
    if t >= 6:
        shade = 1 + 0.5 * min(1.0, (t - 6) / 2)
        picture[45:75, 40:80] = (picture[45:75, 40:80] * shade).astype(np.int16)


def shadow(picture: NDArray[np.int16], t: float) -> None:
    if t >= 6:
        picture[45:75, 40:80] = (picture[45:75, 40:80] * 0.6).astype(np.int16)


def from_start(picture: NDArray[np.int16], t: float) -> None:
    bag(picture)


def taken_from_start(picture: NDArray[np.int16], t: float) -> None:
    if t < 9:
        bag(picture)


def poster(picture: NDArray[np.int16], t: float) -> None:
    if t >= 9:
        picture[8:20, 62:88] = (40, 200, 220)


def clouds(picture: NDArray[np.int16], t: float) -> None:
    picture[:] = picture + np.int16(18 * np.sin(t / 6))


@pytest.mark.slow
@pytest.mark.parametrize(
    "paint", first(walker, sunlight, taken_from_start, blink, shadow, from_start, poster, clouds, count=3)
)
def test_what_is_no_thing_that_was_put_down(paint: Paint) -> None:
    looks = watch(paint, 24)
    assert [t for t in told(looks).values() if t.look == "new"] == []


@pytest.mark.slow
def test_people_who_move_are_told_as_movers() -> None:
    looks = watch(walker, 8)
    seen = [look.movers for look in looks if len(look.movers)]
    assert len(seen) > 10
    assert all(len(boxes) == 1 for boxes in seen)


def test_looks_are_spared_where_nobody_asks_and_between_looks() -> None:
    picture = ArrayPicture(np.full((ROWS, COLUMNS, 3), 90, np.uint8))

    def frame(k: int, rate_hz: float) -> Frame:
        at = START + timedelta(seconds=k / rate_hz)
        return Frame("c", k, at, picture, ClockState("site", START))

    idle, busy = ObjectBook(False), ObjectBook(True)
    looked = 0
    for k in range(50):
        idle.look(frame(k, 25.0))
        busy.look(frame(k, 25.0))
        for book in (idle, busy):
            book.settle(frame(k, 25.0).at)
        assert idle.taken() is None
        looked += busy.taken() is not None
    assert looked == 9  # every 0.24 s, whatever the camera's rate


@pytest.mark.slow
def test_what_was_there_since_the_start_and_is_put_back_is_nothing_new() -> None:
    """The place that it left was taken for the place as it is."""
    looks = watch(lambda p, t: None if 5 <= t < 11 else bag(p), 18)
    assert not [thing for thing in told(looks).values() if thing.look == "new"]


@pytest.mark.slow
def test_what_is_taken_for_the_place_itself_is_told() -> None:
    looks = watch(lambda p, t: bag(p) if t < 6 or t >= 14 else None, seconds=22.0)
    assert [why for look in looks for why in look.absorbed] == ["uncovered", "restored"]
    assert told(looks) == {}


@pytest.mark.slow
def test_a_place_that_is_uncovered_bit_by_bit_is_one() -> None:
    """Who takes a bag away stands before the rest of its place for a while."""

    def taken(picture: NDArray[np.int16], t: float) -> None:
        if t < 6:
            bag(picture)
        elif t < 9:
            picture[30:64, 60:90] = 60 + 40 * (round(t * 4) % 3)

    looks = watch(taken)
    assert [thing.standing for thing in told(looks).values()] == ["gone"]
    assert [why for look in looks for why in look.absorbed] == ["uncovered"]


@pytest.mark.slow
def test_a_bag_that_is_put_down_where_another_was_just_taken_stands_though_the_rest_is_bared_later() -> None:
    """Who took the first one hides the other half of its place for a while."""

    def swapped(picture: NDArray[np.int16], t: float) -> None:
        if t < 6:
            bag(picture)
        if t >= 10:
            picture[61:67, 70:74] = 170
        if 6 <= t < 14:
            picture[30:70, 75:95] = 60 + 40 * (round(t * 4) % 3)

    looks = watch(swapped, 24)
    (thing,) = looks[-1].things
    assert (thing.look, thing.standing) == ("new", "stands")
    assert thing.xyxy == pytest.approx([70, 61, 74, 67], abs=1.5)
    assert [why for look in looks for why in look.absorbed] == ["uncovered", "uncovered"]


def rim(picture: NDArray[np.int16], t: float) -> None:
    """Something stands one pixel elsewhere since somebody pushed it."""
    if t >= 6:
        picture[40:60, 70] = 30


def soon(picture: NDArray[np.int16], t: float) -> None:
    if t >= 1:
        bag(picture)


def by_the_first_look(picture: NDArray[np.int16], t: float) -> None:
    """It is there in the first look after those from which the place was learnt: it came between the two."""
    if t >= 2:
        bag(picture)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("paint", "looks_like"), [(rim, []), (soon, ["early"]), (by_the_first_look, ["early"])]
)
def test_rims_are_no_things_and_what_came_while_the_place_was_learnt_says_so(
    paint: Paint, looks_like: list[str]
) -> None:
    looks = watch(paint, seconds=12.0)
    assert [thing.look for thing in told(looks).values()] == looks_like


@pytest.mark.slow
def test_what_is_left_of_what_came_while_the_place_was_learnt_came_then_too() -> None:
    """Somebody from the beginning goes, and where they had moved a second later there is a little more to be seen."""
    rng, book = np.random.default_rng(5), ObjectBook(True)
    for k in range(40):
        picture = floor()
        soon(picture, k / 4)
        noisy = np.clip(picture + rng.normal(0, 1.5, picture.shape), 0, 255).astype(np.uint8)
        book.see(ArrayPicture(noisy), START + timedelta(seconds=k / 4))
    (held,) = book._held
    assert held.thing.look == "early"
    book._grounds.since_s[held.cells] += 2.0
    book._grounds.before_s[held.cells] += 2.0
    left = book._less(held, held.cells, START + timedelta(seconds=10))
    assert (left.thing.look, left.thing.instead_of) == ("early", held.thing.number)


def leaves_a_bag(picture: NDArray[np.int16], t: float) -> None:
    """Somebody comes a second after the lights went on, and puts down a bag where they stood."""
    if 1 <= t < 12:
        picture[40:75, 70:82] = (60, 90, 40)
    if t >= 12:
        picture[62:70, 72:80] = (215, 210, 200)


@pytest.mark.slow
def test_what_they_leave_who_came_while_the_place_was_learnt_is_told() -> None:
    looks = watch(leaves_a_bag, seconds=18.0)
    ((since_at, standing),) = [(t.since_at, t.standing) for t in told(looks).values() if t.look == "new"]
    assert (since_at - START).total_seconds() == pytest.approx(12.0, abs=0.3)
    assert standing == "stands"


def dawn(picture: NDArray[np.int16], t: float) -> None:
    """Light creeps over a plain wall, and later somebody leaves a bag before it."""
    picture[2:28, 100:140] += np.int16(60 * min(1.0, max(0.0, (t - 6) / 12)))
    if t >= 26:
        picture[12:20, 115:125] = (40, 30, 90)


@pytest.mark.slow
def test_light_that_comes_little_by_little_is_the_place() -> None:
    looks = watch(dawn, seconds=32.0)
    assert {why for look in looks for why in look.absorbed} == {"light"}
    (thing,) = told(looks).values()
    assert (thing.since_at - START).total_seconds() == pytest.approx(26.0, abs=0.3)


@pytest.mark.slow
def test_a_thing_says_by_how_much_its_place_has_changed() -> None:
    looks = watch(lambda p, t: bag(p) if t >= 6 else None, seconds=12.0)
    luma, blue, red = next(iter(told(looks).values())).shift
    assert luma < -40.0
    assert max(abs(blue), abs(red)) > 5.0


@pytest.mark.slow
def test_nobody_asks_for_long_and_what_has_gone_is_told_once() -> None:
    """The camera is refused, or its detector away: looks come all the same, 130 KB each, and are not kept."""
    rng, book = np.random.default_rng(5), ObjectBook(True)
    clock = ClockState("site", START)

    def asked_after(from_s: float, until_s: float) -> PixelLook:
        for k in range(round(from_s * 4), round(until_s * 4)):
            picture, at = floor(), START + timedelta(seconds=k / 4)
            if 6 <= k / 4 < 15:
                bag(picture)
            if 18 <= k / 4 < 26:  # comes and goes while nobody asks: nobody needs to be told
                picture[60:68, 100:110] = (40, 30, 90)
            noisy = np.clip(picture + rng.normal(0, 1.5, picture.shape), 0, 255).astype(np.uint8)
            book.look(Frame("c", k, at, ArrayPicture(noisy), clock))
            book.settle(at)
        assert not book._looks
        seen = book.taken()
        assert seen is not None
        return seen

    (thing,) = asked_after(0, 12).things
    assert thing.standing == "stands"
    (gone,) = asked_after(12, 35).things
    assert (gone.number, gone.standing) == (thing.number, "gone")
    assert book.taken() is None
