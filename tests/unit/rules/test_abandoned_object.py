"""The life of a thing, told by what pixels and detector would say; no picture is made here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from flows.domain.detections import Detections
from flows.domain.events import OBJECT_ABANDONED, OBJECT_CLOSED, OBJECT_ESCALATED, OBJECT_UNWATCHED, Event
from flows.domain.frames import ClockState
from flows.domain.objects import AbandonedObject
from flows.domain.ruleset import AbandonedObjectRule
from flows.domain.site import CalibrationConfig, CameraConfig, FileSource, SurveyPoint, Zone
from flows.domain.things import PixelLook, Shift, Standing, Thing
from flows.jurisdiction import load_profile
from flows.road.ground import GroundPlane
from flows.rules.abandoned_object import AbandonedObjects
from flows.rules.base import Moment, Site
from flows.rules.pins import PinBook

START = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
WIDTH, HEIGHT = 1280, 720
CLOTHES = ((60, 150, 120), (160, 100, 160), (200, 128, 128))
NAMES = ("person", "car", "suitcase")
SCALE = 60.0
"""Pixels a metre: seen straight from the side, everybody at the same distance."""
FLOOR_PX = 600.0
RULE = AbandonedObjectRule(distance_m=3.0, away_s=10.0, gone_s=5.0, escalate_s=15.0)


def person(x_m: float, height_m: float = 1.75) -> list[float]:
    x = x_m * SCALE
    return [x - 14, FLOOR_PX - height_m * SCALE, x + 14, FLOOR_PX]


BAG_M = 10.0
BAG = np.array([BAG_M * SCALE - 12, FLOOR_PX - 24, BAG_M * SCALE + 12, FLOOR_PX], np.float32)


IMAGINED_S = 18.0


@dataclass
class Tale:
    """What happens: where people are at each second, and when the bag stands, is hidden or gone.

    Nothing is heard of it from ``silent_s`` on: its place was learnt anew.
    Only a corner of it shows until ``corner_until_s``; when it has ``grown_s`` it looks new.
    Who is ``imagined`` looks like the owner, who has gone by then.
    Of who is ``doubtful`` the detector is not sure, and of whoever is ``imagined`` or ``extra`` to that ``score``.
    ``also`` came so much later than the bag: ``others_s``. What is told to be gone is told anew, by another number and
    as standing since it came or ``anew_s`` later, from ``again_s`` on. Somebody hides it between both ``hidden_s``.
    ``also`` goes with it unless it is ``left``. Whoever is ``extra`` shows in the pixels as well.
    Nobody looks between both of each of ``unlooked_s``: the detector is away.
    """

    people: dict[str, Callable[[float], float | None]]
    stands: tuple[float, float | None] = (6.0, None)
    also: Sequence[np.ndarray] = ()
    shifts: Sequence[Shift] = ((30.0, 0.0, 0.0),)
    box: np.ndarray = field(default_factory=lambda: BAG)
    corner_until_s: float = 0.0
    imagined: Sequence[np.ndarray] = ()
    look: str = "new"
    grown_s: float = float("inf")
    extra: Callable[[float], Sequence[tuple[str, list[float]]]] = lambda t: ()
    doubtful: Callable[[float], Sequence[list[float]]] = lambda t: ()
    unseen: Callable[[str, float], bool] = lambda name, t: False
    score: float = 0.9
    seconds: float = 60.0
    rate_hz: float = 4.0
    silent_s: float = float("inf")
    others_s: float = 0.0
    again_s: float = float("inf")
    anew_s: float = 0.0
    hidden_s: tuple[float, float] = (0.0, 0.0)
    left: bool = False
    unlooked_s: Sequence[tuple[float, float]] = ()


def walk(*stops: tuple[float, float]) -> Callable[[float], float | None]:
    """``(seconds, x m)`` corners of somebody's way; not there before and after."""
    times, places = zip(*stops, strict=True)

    def at(t_s: float) -> float | None:
        return float(np.interp(t_s, times, places)) if times[0] <= t_s <= times[-1] else None

    return at


def walk_twice(
    first: Callable[[float], float | None], then: Callable[[float], float | None]
) -> Callable[[float], float | None]:
    return lambda t_s: x if (x := first(t_s)) is not None else then(t_s)


LEAVES = walk((0, 2), (6, 9.5), (9, 9.5), (15, 20))
STAYS = walk((0, 2), (6, 9.5), (60, 9.5))


def play(
    tale: Tale, rule: AbandonedObjectRule = RULE, survey: bool = False, zones: tuple[Zone, ...] = ()
) -> list[Event]:
    return rule_and_events(tale, rule, survey, zones)[1]


def rule_and_events(
    tale: Tale, rule: AbandonedObjectRule = RULE, survey: bool = False, zones: tuple[Zone, ...] = ()
) -> tuple[AbandonedObjects, list[Event], list[frozenset[datetime]]]:
    """The rule at the end, its events, and the pictures it wanted kept after each step."""
    camera = CameraConfig(
        id="hall", district="station", source=FileSource(path="hall.mp4"), zones=zones, rules=(rule,),
        calibration=flat_survey() if survey else None,
    )  # fmt: skip
    pins = PinBook()
    ground = GroundPlane.fit(camera.calibration) if camera.calibration else None
    judge = AbandonedObjects(rule, Site(camera, load_profile("kz"), ground, None, pins))
    events, wanted, gone_told = [], [], False
    for k in range(round(tale.seconds * tale.rate_hz)):
        t = k / tale.rate_hz
        boxes = [(("person"), person(x)) for name, at in tale.people.items()
                 if (x := at(t)) is not None and not tale.unseen(name, t)]  # fmt: skip
        known = len(boxes)
        extra = list(tale.extra(t))
        boxes += extra
        changed, cells = np.zeros((45, 80), bool), np.full((45, 80, 3), 128, np.uint8)
        for number, at in enumerate(tale.people.values()):
            if (x := at(t)) is not None:
                x0, y0, x1, y1 = (round(v / 16) for v in person(x))
                changed[y0:y1, x0 : x1 + 1] = True
                cells[y0:y1, x0 : x1 + 1] = CLOTHES[number % len(CLOTHES)]
        for _, box in extra:
            x0, y0, x1, y1 = (round(v / 16) for v in box)
            changed[y0:y1, x0:x1] = True
        for box in tale.imagined if t >= IMAGINED_S else ():
            x0, y0, x1, y1 = (round(v / 16) for v in box)
            cells[y0:y1, x0 : x1 + 1] = CLOTHES[0]
            boxes.append(("person", box))
        sure = len(boxes)
        boxes += [("person", box) for box in tale.doubtful(t)]
        things: list[Thing] = []
        begins, ends = tale.stands
        if t >= begins + 3.0 and not gone_told and t < tale.silent_s:  # pixels are sure after three seconds
            hidden = tale.hidden_s[0] <= t < tale.hidden_s[1]
            standing: Standing = "hidden" if hidden else "stands"
            if ends is not None and t >= ends + 2.0:
                standing = "gone"
            gone_told = standing == "gone"
            things.append(thing(tale, standing))
            if t < tale.corner_until_s:
                things[0] = replace(
                    things[0], xyxy=np.array([*tale.box[:2], *(tale.box[:2] + 6)], np.float32)
                )
            if t >= tale.grown_s:
                things[0] = replace(things[0], look="new", noticed_at=START + timedelta(seconds=tale.grown_s))
            things += others(tale, thing(tale, "stands") if tale.left else things[0])
        elif tale.left and gone_told:
            things += others(tale, thing(tale, "stands"))
        elif t >= tale.again_s:
            again, later = thing(tale, "stands"), timedelta(seconds=tale.anew_s)
            things.append(
                replace(
                    again, number=100, noticed_at=START + timedelta(seconds=tale.again_s),
                    since_at=again.since_at + later, before_at=again.before_at + later,
                )
            )  # fmt: skip
        found = Detections(
            np.array([b for _, b in boxes], np.float32).reshape(-1, 4),
            np.array(
                [0.9] * known + [tale.score] * (sure - known) + [0.25] * (len(boxes) - sure), np.float32
            ),
            np.array([NAMES.index(n) for n, _ in boxes], np.int32),
            NAMES,
        )
        at = START + timedelta(seconds=t)
        look = PixelLook(at, tuple(things), changed=changed, cells=cells)
        clock = ClockState("site", START)
        moment = Moment(at, k, WIDTH, HEIGHT, clock, found=found, pixels=look, sure_score=0.4)
        if not any(from_s <= t < to_s for from_s, to_s in tale.unlooked_s):
            events += judge.observe([], moment)
        wanted.append(pins.wanted)
    return judge, events, wanted


def others(tale: Tale, like: Thing) -> list[Thing]:
    later = timedelta(seconds=tale.others_s)
    return [
        replace(
            like, number=2 + n, xyxy=box, shift=tale.shifts[(1 + n) % len(tale.shifts)],
            since_at=like.since_at + later, before_at=like.before_at + later,
        )
        for n, box in enumerate(tale.also)
    ]  # fmt: skip


def thing(tale: Tale, standing: Standing) -> Thing:
    begins, ends = tale.stands
    return Thing(
        number=1,
        xyxy=np.asarray(tale.box, np.float32),
        since_at=START + timedelta(seconds=begins),
        before_at=START + timedelta(seconds=begins - 0.25),
        noticed_at=START + timedelta(seconds=begins + 3),
        standing=standing,
        look=tale.look,  # type: ignore[arg-type]
        contrast=4.0,
        shift=tale.shifts[0],
        gone_at=START + timedelta(seconds=ends) if standing == "gone" and ends is not None else None,
    )


def flat_survey() -> CalibrationConfig:
    """A camera that looks down from high up: one metre is 40 px everywhere, near enough."""
    corners = [(0, 0), (16, 0), (16, 9), (0, 9), (8, 4), (4, 7)]
    points = tuple(
        SurveyPoint(px=(x * 40 * (1 + 0.004 * y) + 300, 700 - y * 40), m=(x, y)) for x, y in corners
    )
    return CalibrationConfig(
        points=points, picture_px=(WIDTH, HEIGHT), error_px=6.0, error_m=0.3,
        surveyed_on=date(2026, 5, 1), valid_until=date(2027, 5, 1),
    )  # fmt: skip


def types(events: Sequence[Event]) -> list[str]:
    return [e.type for e in events]


def seconds(event: Event) -> float:
    return (event.time - START).total_seconds()


@pytest.mark.slow
def test_left_by_an_owner_who_is_gone() -> None:
    first, second = play(Tale({"owner": LEAVES}))
    told = AbandonedObject.model_validate(first.data)
    assert (first.type, told.state, told.owner) == (OBJECT_ABANDONED, "abandoned", "gone")
    # Out of sight at 15 s; five seconds more, and a look or two.
    assert 19.0 <= seconds(first) <= 21.5
    assert (told.placed_at - START).total_seconds() == 6.0
    assert 9.0 <= (told.left_at - START).total_seconds() <= 13.0
    assert [m.name for m in told.moments] == ["placing", "leaving", "now"]
    assert told.measured["distance"].unit == "widths"
    assert second.type == OBJECT_ESCALATED
    assert seconds(second) - seconds(first) == pytest.approx(15.0, abs=0.3)
    assert AbandonedObject.model_validate(second.data).object == first.id == told.object


@pytest.mark.slow
def test_left_by_an_owner_who_stands_far_off() -> None:
    first = play(Tale({"owner": walk((0, 2), (6, 9.5), (9, 9.5), (14, 17), (60, 17))}))[0]
    assert first.data["owner"] == "away"
    assert 20.0 <= seconds(first) <= 23.0  # more than 3 m off from 11 s on, for ten seconds


@pytest.mark.slow
def test_the_same_tale_has_the_same_ids() -> None:
    assert [e.id for e in play(Tale({"owner": LEAVES}))] == [e.id for e in play(Tale({"owner": LEAVES}))]


def test_at_a_picture_a_second_too() -> None:
    events = play(Tale({"owner": LEAVES}, rate_hz=1.0))
    assert types(events) == [OBJECT_ABANDONED, OBJECT_ESCALATED]
    assert 19.0 <= seconds(events[0]) <= 22.0


STROLLS = walk((0, 2), (6, 9.5), (50, 9.5), (51.5, 14.5), (58, 14.5), (59, 9.5), (70, 9.5))
"""Waits by the bag, goes off for seven seconds, comes back."""


@pytest.mark.parametrize(
    "unlooked_s",
    [
        [(15.0, 52.0)],
        [(7.0, 52.0)],
        [(15.0, 32.0), (32.25, 52.0)],
        [(15.0, 22.0), (22.25, 36.0), (36.25, 52.0)],
    ],
    ids=["known", "not seen yet", "but once", "but twice"],
)
def test_owners_are_not_said_to_have_been_away_while_nobody_looked(
    unlooked_s: Sequence[tuple[float, float]],
) -> None:
    assert play(Tale({"owner": STROLLS}, seconds=68.0, unlooked_s=unlooked_s)) == []


def test_who_is_away_after_a_gap_is_away_from_then_on() -> None:
    first = play(Tale({"owner": LEAVES}, unlooked_s=[(14.0, 40.0)]))[0]
    told = AbandonedObject.model_validate(first.data)
    assert seconds(first) == 45.0
    assert ((told.left_at - START).total_seconds(), told.measured["alone"].value) == (40.0, 5.0)


@pytest.mark.parametrize("rate_hz", [0.33, 0.25])
def test_a_detector_that_has_too_much_to_do_still_tells(rate_hz: float) -> None:
    assert types(play(Tale({"owner": LEAVES}, rate_hz=rate_hz))) == [OBJECT_ABANDONED, OBJECT_ESCALATED]


def test_a_detector_that_comes_to_have_too_much_to_do_still_tells() -> None:
    slow = [(t + 0.25, t + 4.0) for t in range(8, 60, 4)]
    first, *_ = play(Tale({"owner": LEAVES}, unlooked_s=slow))
    assert (first.type, seconds(first)) == (OBJECT_ABANDONED, 28.0)


def test_it_is_not_urgent_while_its_owner_is_back_and_was_not_alone_for_less_than_no_time() -> None:
    back = walk_twice(LEAVES, walk((28, 18), (31, 9.5), (60, 9.5)))
    first, closed = play(Tale({"owner": back}, stands=(6.0, 40.0)))
    assert (first.type, closed.type) == (OBJECT_ABANDONED, OBJECT_CLOSED)
    alone = AbandonedObject.model_validate(closed.data).measured["alone"]
    assert alone.low <= alone.value <= alone.high


@pytest.mark.slow
@pytest.mark.parametrize(
    "people",
    [
        {"owner": STAYS},
        {"owner": walk((0, 2), (6, 9.5), (10, 9.5), (12, 11.8), (20, 11.8), (22, 9.5), (60, 9.5))},
        {"owner": walk((0, 2), (6, 9.5), (9, 9.5), (12, 14.5), (15, 9.5), (60, 9.5))},
        {"owner": STAYS, "passer": walk((20, 0), (35, 20))},
    ],
    ids=["waits", "to and fro", "soon back", "waits in a crowd"],
)
def test_attended_things_are_no_events(people: dict[str, Callable[[float], float | None]]) -> None:
    assert play(Tale(people)) == []


@pytest.mark.slow
def test_an_owner_whom_the_detector_misses_is_still_there() -> None:
    """Something stands where they were last seen, and it is not the bag."""
    assert play(Tale({"owner": STAYS}, unseen=lambda name, t: t > 14)) == []


@pytest.mark.slow
def test_who_only_passes_does_not_watch_it() -> None:
    people = {"owner": LEAVES} | {f"p{k}": walk((4 + 3 * k, 0), (16 + 3 * k, 20)) for k in range(1, 14)}
    assert types(play(Tale(people)))[0] == OBJECT_ABANDONED


TAKES = walk((34, 20), (39, 10.3), (42, 10.3), (46, 0))


@pytest.mark.parametrize(
    ("people", "outcome"),
    [
        ({"owner": LEAVES, "taker": TAKES}, "removed"),
        # The owner comes back after half a minute: known by their clothes alone.
        ({"owner": walk_twice(LEAVES, TAKES)}, "reclaimed"),
    ],
)
def test_it_ends_when_it_is_taken(people: dict[str, Callable[[float], float | None]], outcome: str) -> None:
    events = play(Tale(people, stands=(6.0, 40.0)))
    assert types(events) == [OBJECT_ABANDONED, OBJECT_ESCALATED, OBJECT_CLOSED]
    closed = AbandonedObject.model_validate(events[-1].data)
    assert (closed.outcome, closed.object) == (outcome, events[0].id)
    assert (events[-1].time - START).total_seconds() == 40.0


def test_people_are_told_when_nobody_can_say_any_more_whether_it_stands_there() -> None:
    rule, events, _ = rule_and_events(Tale({"owner": LEAVES}, silent_s=30.0, seconds=70.0))
    assert types(events) == [OBJECT_ABANDONED, OBJECT_ESCALATED, OBJECT_UNWATCHED]
    last = AbandonedObject.model_validate(events[-1].data)
    assert (last.state, last.object, last.outcome) == ("unwatched", events[0].id, "")
    assert [m.name for m in last.moments] == ["now"]
    assert 59.5 < (events[-1].time - START).total_seconds() < 60.5
    assert rule.refusals() == {"place_learnt_anew": 1}


def test_what_is_taken_for_the_place_itself_is_counted() -> None:
    judge, _, _ = rule_and_events(Tale({}, seconds=1.0))
    look = PixelLook(START + timedelta(seconds=2), absorbed=("uncovered", "restored"))
    judge.observe([], Moment(look.at, 99, WIDTH, HEIGHT, ClockState("site", START), pixels=look))
    assert {why: judge.refusals().get(why) for why in look.absorbed} == {"uncovered": 1, "restored": 1}


@pytest.mark.slow
def test_of_what_was_never_told_nothing_is_said_when_it_is_lost() -> None:
    assert play(Tale({"owner": STAYS}, silent_s=12.0, seconds=70.0)) == []


def test_an_owner_in_sight_who_takes_it_reclaims_it() -> None:
    owner = walk((0, 2), (6, 9.5), (9, 9.5), (14, 17), (34, 17), (39, 9.5), (60, 9.5))
    events = play(Tale({"owner": owner}, stands=(6.0, 40.0)))
    assert events[-1].data["outcome"] == "reclaimed"


def test_what_is_taken_before_it_was_abandoned_says_nothing() -> None:
    assert play(Tale({"owner": LEAVES}, stands=(6.0, 14.0))) == []


@pytest.mark.parametrize("look", ["framed", "light", "uncovered", "early"])
def test_screens_light_and_what_was_uncovered_are_none(look: str) -> None:
    judge, events, _ = rule_and_events(Tale({"owner": LEAVES}, look=look))
    assert events == []
    assert judge.refusals() == {look: 1}


def test_what_grew_out_of_an_old_outline_is_a_thing_after_all() -> None:
    """Of a bag before a bench the bench's edge was all that its owner did not hide."""
    judge, events, _ = rule_and_events(Tale({"owner": LEAVES}, look="framed", grown_s=12.0))
    assert (types(events)[:1], judge.refusals()) == ([OBJECT_ABANDONED], {})


@pytest.mark.parametrize(("look", "lives_on"), [("new", True), ("uncovered", False)])
def test_a_bared_place_that_is_left_of_what_stood_there_is_no_thing(look: str, lives_on: bool) -> None:
    """Somebody who had stood there from the beginning goes with the bag before them."""
    judge, _, _ = rule_and_events(Tale({"owner": STAYS}, seconds=20.0))
    (life,) = judge._lives.values()
    left = replace(life.thing, number=9, instead_of=life.thing.number, look=look)  # type: ignore[arg-type]
    assert (judge._freed(left) is life) is lives_on


@pytest.mark.slow
def test_a_person_who_stands_still_is_none() -> None:
    box = np.array(person(10.0), np.float32)
    assert play(Tale({"somebody": walk((0, 2), (6, 10), (60, 10))}, box=box)) == []


@pytest.mark.slow
def test_a_parked_car_and_a_door_are_too_large() -> None:
    car = np.array([500, 520, 760, 600], np.float32)
    tale = Tale(
        {"driver": walk((5, 10), (8, 10), (14, 20))}, box=car, extra=lambda t: [("car", car.tolist())]
    )
    judge, events, _ = rule_and_events(tale)
    assert events == []
    door = np.array([570, 470, 630, 600], np.float32)
    judge, events, _ = rule_and_events(Tale({"owner": LEAVES}, box=door))
    assert (events, judge.refusals()) == ([], {"tall": 1})


def test_what_nobody_brought_is_none() -> None:
    far = {"somebody": walk((0, 2), (12, 4), (60, 4))}
    judge, events, _ = rule_and_events(Tale(far))
    assert (events, judge.refusals()) == ([], {"nobody_brought_it": 1})


@pytest.mark.slow
def test_things_may_stand_in_a_zone_that_is_excepted() -> None:
    zone = Zone(name="bay", polygon_px=((540, 500), (660, 500), (660, 640), (540, 640)))
    rule = RULE.model_copy(update={"except_zones": ("bay",)})
    assert play(Tale({"owner": LEAVES}), rule, zones=(zone,)) == []
    only = RULE.model_copy(update={"zone": "bay"})
    assert types(play(Tale({"owner": LEAVES}), only, zones=(zone,)))[0] == OBJECT_ABANDONED


def test_what_comes_in_many_places_at_once_is_light() -> None:
    apart = [BAG + np.array([dx * SCALE, 0, dx * SCALE, 0], np.float32) for dx in (-2.0, -4.0)]
    judge, events, _ = rule_and_events(Tale({"owner": LEAVES}, also=apart))
    assert (events, judge.refusals()) == ([], {"light": 3})


@pytest.mark.parametrize(
    "shifts",
    [
        ((62.0, -26.0, 18.0), (24.0, -10.0, 6.0), (40.0, -17.0, 12.0)),  # light and dark floors
        ((2.0, -14.0, 11.0), (-3.0, -13.0, 12.0), (4.0, -15.0, 9.0)),  # as bright as before
        ((-50.0, 9.0, -7.0), (-28.0, 5.0, -2.0), (-41.0, 8.0, -6.0)),  # it goes out
    ],
)
def test_a_lamp_of_another_colour_is_light(shifts: Sequence[Shift]) -> None:
    apart = [BAG + np.array([dx * SCALE, 0, dx * SCALE, 0], np.float32) for dx in (-2.0, -4.0)]
    judge, events, _ = rule_and_events(Tale({"owner": LEAVES}, also=apart, shifts=shifts))
    assert (events, judge.refusals()) == ([], {"light": 3})


@pytest.mark.slow
@pytest.mark.parametrize(
    "shifts",
    [
        ((-72.0, 6.0, -3.0), (18.0, 0.0, 0.0)),  # a bag is put down as the sun falls in
        ((-39.0, -24.0, 19.0), (-36.0, 0.0, 2.0), (-82.0, -20.0, 54.0)),  # bags, and somebody who stops
    ],
)
def test_what_changed_in_another_way_came_by_itself(shifts: Sequence[Shift]) -> None:
    """Light makes all places brighter or all darker, in one colour."""
    apart = [BAG + np.array([dx * SCALE, 0, dx * SCALE, 0], np.float32) for dx in (-2.0, -4.0)]
    _, events, _ = rule_and_events(Tale({"owner": LEAVES}, also=apart, shifts=shifts))
    assert types(events)[:1] == [OBJECT_ABANDONED]


@pytest.mark.slow
def test_light_has_no_body_that_a_detector_sees() -> None:
    """Of three places that changed in one moment, one holds what a detector calls a suitcase, or somebody low."""
    apart = [BAG + np.array([dx * SCALE, 0, dx * SCALE, 0], np.float32) for dx in (-2.0, -4.0)]
    tale = Tale({"owner": LEAVES}, also=apart, doubtful=lambda t: [BAG.tolist()] if t >= 6 else [])
    judge, events, _ = rule_and_events(tale)
    assert (types(events)[:1], judge.refusals()) == ([OBJECT_ABANDONED], {"light": 2})


def test_the_rim_of_light_on_the_floor_is_part_of_it() -> None:
    patch = np.array([BAG[2] + 2, BAG[1] + 4, BAG[2] + 2 + 2 * SCALE, BAG[3] + 8], np.float32)
    judge, events, _ = rule_and_events(Tale({"owner": LEAVES}, also=[patch]))
    assert (events, judge.refusals()) == ([], {"size": 1, "part": 1})


@pytest.mark.parametrize(
    ("shift", "later_s", "told"),
    [
        ((26.0, 1.0, 0.0), 0.3, []),
        ((-60.0, 8.0, -5.0), 0.3, [OBJECT_ABANDONED]),
        ((26.0, 1.0, 0.0), 2.0, [OBJECT_ABANDONED]),
    ],
    ids=["light", "a bag", "a bag a little later"],
)
def test_what_changed_at_once_with_something_too_large_for_a_thing_is_light(
    shift: Shift, later_s: float, told: Sequence[str]
) -> None:
    """The tip of a patch, apart from the rest of it."""
    patch = BAG + np.array([2 * SCALE, 0, 4 * SCALE, 0], np.float32)
    tale = Tale({"owner": LEAVES}, also=[patch], shifts=[shift, (36.0, 1.0, 0.0)], others_s=-later_s)
    assert types(play(tale))[:1] == told


@pytest.mark.parametrize(
    ("shift", "light_s", "told"),
    [
        ((32.0, 1.0, 0.0), -2.5, []),
        ((-60.0, 8.0, -5.0), -2.5, [OBJECT_ABANDONED]),
        ((32.0, 1.0, 0.0), 4.0, [OBJECT_ABANDONED]),
    ],
    ids=["light", "a bag", "what stood there before the light fell in"],
)
def test_what_somebody_hid_of_light_as_it_fell_in_is_light(
    shift: Shift, light_s: float, told: Sequence[str]
) -> None:
    """They walk on, and the rest of the patch comes to show later, beside what is known to be light."""
    apart = [BAG + np.array([dx * SCALE, 0, dx * SCALE, 0], np.float32) for dx in (0.5, -2.0, -4.0)]
    tale = Tale({"owner": LEAVES}, also=apart, shifts=(shift, *[(40.0, 0.0, 0.0)] * 3), others_s=light_s)
    assert types(play(tale))[:1] == told


def test_the_rest_of_light_that_was_too_large_for_a_thing_is_light() -> None:
    """The patch beside it was refused for its size before others came to show that it is light."""
    apart = [BAG + np.array([dx * SCALE, 0, dx * SCALE, 0], np.float32) for dx in (0.5, -2.0, -4.0)]
    apart[0][2] += 2 * SCALE
    tale = Tale({"owner": LEAVES}, also=apart, shifts=[(32.0, 1.0, 0.0)] * 4, others_s=-3.0)
    judge, events, _ = rule_and_events(tale)
    assert (events, judge.refusals()) == ([], {"light": 3, "size": 1})


def test_what_has_stood_since_before_a_thing_went_is_what_is_left_of_it() -> None:
    """Parts of it look like the floor: it was told to be gone as somebody walked before it, and is told anew."""
    events = play(Tale({"owner": LEAVES}, stands=(6.0, 24.0), again_s=28.0))
    assert types(events) == [OBJECT_ABANDONED, OBJECT_ESCALATED]


def test_what_is_left_of_a_thing_that_was_not_told_yet_is_that_thing_and_whose_that_was() -> None:
    events = play(Tale({"owner": LEAVES}, stands=(6.0, 16.0), again_s=20.0, anew_s=9.0))
    assert types(events) == [OBJECT_ABANDONED, OBJECT_ESCALATED]


@pytest.mark.slow
def test_parts_of_one_thing_are_one_whoever_stood_by_each() -> None:
    """Its handle came to stand when somebody else had stopped beside it."""
    beside = BAG + np.array([26, 0, 26, 0], np.float32)
    left, right = walk((0, 2), (6, 8.6), (9, 8.6), (15, 0)), walk((0, 18), (6, 11.8), (9, 11.8), (15, 20))
    judge, events, _ = rule_and_events(Tale({"left": left, "right": right}, also=[beside]))
    assert types(events) == [OBJECT_ABANDONED, OBJECT_ESCALATED]
    assert judge.refusals() == {"part": 1}


@pytest.mark.slow
def test_of_one_thing_whoever_stood_by_a_part_watches_all_of_it() -> None:
    beside = BAG + np.array([26, 0, 26, 0], np.float32)
    passes, stays = walk((0, 2), (6, 8.6), (9, 8.6), (15, 0)), walk((0, 18), (6, 11.8), (60, 11.8))
    assert play(Tale({"passes": passes, "stays": stays}, also=[beside])) == []


@pytest.mark.slow
def test_what_is_seen_within_somebody_is_not_told_until_they_have_moved_on() -> None:
    """It may be an arm or a leg of theirs."""
    stranger = walk((16, 2), (18, 10.1), (40, 10.1), (44, 20))
    events = play(Tale({"owner": LEAVES, "b": walk((0, 0), (0.5, 0)), "other": stranger}))
    assert seconds(events[0]) >= 40.0


def test_what_was_hardly_seen_to_stand_is_not_told_before_it_was() -> None:
    """Somebody stood before it from a second after it had been noticed: it may be gone with them."""
    assert seconds(play(Tale({"owner": LEAVES}, hidden_s=(10.0, 25.0)))[0]) == pytest.approx(28.0, abs=0.3)


@pytest.mark.slow
def test_a_part_of_somebody_who_sits_there_as_long_as_it_does_is_theirs() -> None:
    """They came with it, and were never seen to walk; a thing taken for a person is as high as that "person"."""
    sits = [*person(BAG_M, 1.3)]
    tale = Tale({"owner": LEAVES}, extra=lambda t: [("person", sits)] if t >= 6 else [])
    assert play(tale) == []


@pytest.mark.parametrize(
    ("wide_m", "high_m", "told"),
    [(0.9, 1.24, []), (0.2, 0.8, []), (0.7, 0.6, [OBJECT_ABANDONED])],
    ids=["who sits", "a leg beside a pillar", "a bag"],
)
@pytest.mark.parametrize("owner", [walk((0, 2), (6, 9.5), (9, 9.5)), LEAVES], ids=["lost there", "goes"])
def test_what_may_be_who_brought_it_is_no_thing_until_they_were_seen_to_go(
    owner: Callable[[float], float | None], wide_m: float, high_m: float, told: Sequence[str]
) -> None:
    """The detector loses whoever sits down; a bag is left by who is lost from sight behind a pillar as well."""
    x, half = BAG_M * SCALE, wide_m * SCALE / 2
    box = np.array([x - half, FLOOR_PX - high_m * SCALE, x + half, FLOOR_PX], np.float32)
    judge, events, _ = rule_and_events(Tale({"owner": owner}, box=box))
    assert types(events)[:1] == ([OBJECT_ABANDONED] if owner is LEAVES else told)
    assert judge.refusals() == ({} if events else {"somebody": 1})


@pytest.mark.slow
@pytest.mark.parametrize("sits_m", [1.2, 4.0], ids=["beside it", "elsewhere"])
def test_what_is_brought_to_somebody_who_sits_there_is_theirs_as_long_as_they_sit(sits_m: float) -> None:
    """Of whom a detector is never sure."""
    sits = person(BAG_M + sits_m, 1.3)
    tale = Tale({"owner": LEAVES}, doubtful=lambda t: [sits] if t < 30 else [])
    assert (seconds(play(tale)[0]) >= 30.0) is (sits_m < 2.0)


@pytest.mark.slow
@pytest.mark.parametrize(("until_s", "refused"), [(30, {}), (90, {"somebody_stays": 1})])
def test_what_is_theirs_by_whom_it_stands_is_counted_as_long_as_they_stay(
    until_s: float, refused: dict[str, int]
) -> None:
    sits = person(BAG_M + 1.2, 1.3)
    judge, events, _ = rule_and_events(
        Tale({"owner": LEAVES}, doubtful=lambda t: [sits] if t < until_s else [])
    )
    assert (bool(events), judge.refusals()) == (not refused, refused)


@pytest.mark.slow
def test_what_stands_at_the_feet_of_somebody_half_outside_the_picture_is_theirs() -> None:
    """Somebody brought it to them and left; a detector sees their legs in every other look."""
    bag, legs = np.array([20, 576, 44, 600], np.float32), [1.0, 550.0, 30.0, 620.0]
    people = {"bringer": walk((0, 8), (6, 1.2), (9, 1.2), (15, 12)), "folk": walk((0, 16), (20, 10))}
    tale = Tale(people, box=bag, doubtful=lambda t: [legs] if round(4 * t) % 2 else [])
    assert play(tale) == []
    assert types(play(Tale(people, box=bag)))[:1] == [OBJECT_ABANDONED]


@pytest.mark.slow
def test_two_bags_put_down_at_once_are_two_things() -> None:
    beside = [BAG + np.array([-0.7 * SCALE, 0, -0.7 * SCALE, 0], np.float32)]
    assert types(play(Tale({"owner": LEAVES}, also=beside)))[:2] == [OBJECT_ABANDONED] * 2


def test_parts_of_one_thing_are_told_once_and_as_one() -> None:
    above = BAG + np.array([0, -30, 0, -26], np.float32)
    judge, events, _ = rule_and_events(Tale({"owner": LEAVES}, also=[above]))
    first, second = events
    told = AbandonedObject.model_validate(first.data)
    assert (first.type, second.type) == (OBJECT_ABANDONED, OBJECT_ESCALATED)
    assert told.xyxy == pytest.approx((BAG[0], above[1], BAG[2], BAG[3]), abs=0.1)
    assert judge.refusals() == {"part": 1}


HANDLE = np.array([BAG[0] + 8, BAG[1] - 14, BAG[0] + 16, BAG[1] - 6], np.float32)


@pytest.mark.parametrize(("box", "part"), [(BAG, HANDLE), (HANDLE, BAG)], ids=["bag first", "handle first"])
def test_whichever_part_is_due_first(box: np.ndarray, part: np.ndarray) -> None:
    """What is near is told by the larger of them."""
    events = play(Tale({"owner": LEAVES}, box=box, also=[part]))
    assert types(events) == [OBJECT_ABANDONED, OBJECT_ESCALATED]


HANDLE_ABOVE = np.array([BAG[0] + 4, BAG[1] - 18, BAG[0] + 20, BAG[1] - 12], np.float32)


@pytest.mark.slow
def test_a_suitcase_and_its_handle_are_one_though_its_rods_are_too_thin_to_show() -> None:
    first, second = play(Tale({"owner": LEAVES}, box=HANDLE_ABOVE, also=[BAG]))
    told = AbandonedObject.model_validate(first.data)
    assert (first.type, second.type) == (OBJECT_ABANDONED, OBJECT_ESCALATED)
    assert told.xyxy == pytest.approx(tuple(BAG), abs=0.1), "its size is that of the case"


@pytest.mark.slow
def test_a_part_is_not_told_before_it_is_known_what_it_is_part_of() -> None:
    """A detector takes a suitcase for somebody who came by, though not at every look; its handle shows apart."""
    handle, case = np.array([592, 552, 608, 558], np.float32), np.array([588, 566, 612, 600], np.float32)

    def somebody(t: float) -> list[tuple[str, list[float]]]:
        aside = 0.0 if t >= 9 else 24.0
        taken_for = "person" if t < 10 or t % 4 < 2 else "suitcase"
        return [(taken_for, [586.0 + aside, 548.0, 614.0 + aside, 602.0])] if 8.75 <= t < 35 else []

    tale = Tale({"owner": LEAVES}, box=handle, also=[case], extra=somebody)
    events = play(tale)
    assert types(events) == [OBJECT_ABANDONED, OBJECT_ESCALATED]
    assert seconds(events[0]) >= 35.0


@pytest.mark.slow
def test_a_bag_does_not_wait_for_somebody_who_stands_beside_it_in_the_picture() -> None:
    """Who came to a stand nearer the camera as it was put down, and is no thing that it may be part of."""
    nearer = np.array([BAG[0] - 74, BAG[1] + 10, BAG[0] - 24, BAG[3] + 110], np.float32)
    stands = [float(v) for v in nearer + np.array([-4, -4, 4, 4])]
    tale = Tale({"owner": LEAVES}, also=[nearer], extra=lambda t: [("person", stands)])
    assert types(play(tale))[:1] == [OBJECT_ABANDONED]


@pytest.mark.slow
def test_what_covers_a_part_of_what_was_told_is_no_news() -> None:
    """A corner of it came to stand anew after somebody had stood before it, who went by another number."""
    other = walk((0, 18), (11, 10.3), (14, 10.3), (20, 0))
    corner = np.array([BAG[0] + 16, BAG[1] + 8, BAG[2] + 6, BAG[3] + 3], np.float32)
    judge, events, _ = rule_and_events(Tale({"owner": LEAVES, "other": other}, also=[corner], others_s=8.0))
    assert types(events) == [OBJECT_ABANDONED, OBJECT_ESCALATED]
    assert judge.refusals() == {"part": 1}


BEHIND = np.array([BAG[0] - 8, BAG[1] - 16, BAG[2] + 8, BAG[3]], np.float32)
"""Somebody's suitcase, of which a bag behind it shows a corner."""


@pytest.mark.slow
@pytest.mark.parametrize("left", [True, False], ids=["stays", "goes with it"])
def test_a_bag_behind_somebody_s_suitcase_is_told_if_it_stays_when_they_have_taken_that(left: bool) -> None:
    traveller = walk_twice(LEAVES, walk((40, 20), (47, 10.3), (53, 20)))
    other = walk((0, 18), (11, 10.3), (14, 10.3), (20, 0))
    tale = Tale(
        {"traveller": traveller, "other": other}, box=BEHIND, stands=(6.0, 48.0), also=[BAG], others_s=8.0,
        left=left, seconds=80.0,
    )  # fmt: skip
    judge, events, _ = rule_and_events(tale)
    told = [OBJECT_ABANDONED, OBJECT_ESCALATED, OBJECT_CLOSED]
    assert types(events)[:4] == ([*told, OBJECT_ABANDONED] if left else told)
    assert judge.refusals() == ({} if left else {"part": 1})
    if left:
        assert AbandonedObject.model_validate(events[3].data).xyxy == pytest.approx(tuple(BAG), abs=0.1)
        assert seconds(events[3]) >= 48.0 + RULE.gone_s


def test_what_is_part_of_somebody_who_sits_there_stays_theirs() -> None:
    x, half = BAG_M * SCALE, 0.45 * SCALE
    sits = np.array([x - half, FLOOR_PX - 1.24 * SCALE, x + half, FLOOR_PX], np.float32)
    lost = walk((0, 2), (6, 9.5), (9, 9.5))
    judge, events, _ = rule_and_events(Tale({"owner": lost}, box=sits, also=[BAG]))
    assert (events, judge.refusals()) == ([], {"part": 1, "somebody": 1})


@pytest.mark.slow
def test_what_fills_the_place_of_another_is_that_one_whoever_seems_to_have_brought_it() -> None:
    """Its owner's legs stood there first, and went by another number."""
    other = walk((0, 18), (11, 10.3), (14, 10.3), (20, 0))
    over = BAG + np.array([8, 0, 8, 0], np.float32)
    judge, events, _ = rule_and_events(Tale({"owner": LEAVES, "other": other}, also=[over], others_s=8.0))
    assert types(events) == [OBJECT_ABANDONED, OBJECT_ESCALATED]
    assert judge.refusals() == {"part": 1}


def test_a_thing_that_grew_too_large_is_none() -> None:
    above = BAG + np.array([0, -60, 0, -26], np.float32)
    judge, events, _ = rule_and_events(Tale({"owner": LEAVES}, also=[above]))
    assert (events, judge.refusals()) == ([], {"part": 1, "tall": 1})


def test_what_came_later_and_would_make_it_too_large_is_no_part_of_it() -> None:
    """Its owner put something on the bench behind it, a while later."""
    above = BAG + np.array([0, -60, 0, -26], np.float32)
    events = play(Tale({"owner": LEAVES}, also=[above], others_s=4.0))
    assert types(events) == [OBJECT_ABANDONED, OBJECT_ESCALATED]
    assert AbandonedObject.model_validate(events[0].data).xyxy == pytest.approx(tuple(BAG))


@pytest.mark.slow
def test_a_corner_that_grows_to_a_thing_is_one() -> None:
    """Its owner stands before it and shows a hand's breadth of it first."""
    judge, events, _ = rule_and_events(Tale({"owner": LEAVES}, corner_until_s=11.0))
    assert types(events) == [OBJECT_ABANDONED, OBJECT_ESCALATED]
    assert judge.refusals() == {}
    judge, events, _ = rule_and_events(Tale({"owner": LEAVES}, corner_until_s=60.0))
    assert (events, judge.refusals()) == ([], {"size": 1})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("score", "told"),
    [(0.58, [OBJECT_ABANDONED, OBJECT_ESCALATED]), (0.85, [])],
    ids=["a poster", "who stands before a wall as dark as they are"],
)
def test_who_is_only_imagined_watches_nothing(score: float, told: Sequence[str]) -> None:
    """A detector sees somebody in the owner's clothes beside it, where no pixel has changed."""
    events = play(Tale({"owner": LEAVES}, imagined=[person(BAG_M + 1.0)], score=score))
    assert types(events) == told


@pytest.mark.parametrize("high_m", [0.4, 0.9], ids=["a bag", "a suitcase that fills their box"])
@pytest.mark.parametrize(
    ("score", "told"), [(0.58, [OBJECT_ABANDONED, OBJECT_ESCALATED]), (0.85, [])], ids=["no", "yes"]
)
def test_a_detector_is_never_sure_of_somebody_whom_it_imagines_above_a_thing(
    score: float, told: Sequence[str], high_m: float
) -> None:
    """In a picture they are hidden all the same; of the first a moment was left in which nobody was seen there."""
    low = np.array([BAG[0], FLOOR_PX - high_m * SCALE, BAG[2], FLOOR_PX], np.float32)
    events = play(Tale({"owner": LEAVES}, box=low, imagined=[person(BAG_M, 1.4)], score=score))
    assert types(events) == told
    for event in events[1:]:
        assert AbandonedObject.model_validate(event.data).bystanders["now"]


def test_nobody_is_imagined_above_what_the_pixels_tell_nothing_of() -> None:
    """The place is learnt anew while an owner, of whom the detector is not sure, bends over their bag."""
    owner, bends = walk((0, 2), (6, 9.9), (14, 9.9)), person(9.9, 1.2)
    tale = Tale(
        {"owner": owner},
        extra=lambda t: [("person", bends)] if 14 <= t < IMAGINED_S else [],
        imagined=[bends],
        score=0.58,
        silent_s=IMAGINED_S,
    )
    assert play(tale) == []


def test_whom_a_detector_may_have_seen_brings_and_watches_nothing() -> None:
    """Boxes of which it is not sure, now and then, are no company of theirs; in pictures they are hidden."""
    events = play(
        Tale({"owner": LEAVES}, doubtful=lambda t: [person(BAG_M + 0.6)] if round(4 * t) % 3 == 0 else [])
    )
    assert types(events) == [OBJECT_ABANDONED, OBJECT_ESCALATED]
    told = AbandonedObject.model_validate(events[0].data)
    assert told.owner_number == 1
    assert all(told.bystanders.values())


STANDS_OVER = walk((0, 2), (6, 9.9), (30, 9.9), (36, 20))


def test_an_owner_who_stood_over_it_for_long_has_left_it_all_the_same() -> None:
    """What hid it for most of the time says nothing of what is seen since."""
    low = np.array([BAG_M * SCALE - 14, FLOOR_PX - 1.1 * SCALE, BAG_M * SCALE + 14, FLOOR_PX], np.float32)
    events = play(Tale({"owner": STANDS_OVER}, box=low))
    assert types(events) == [OBJECT_ABANDONED, OBJECT_ESCALATED]
    assert 36.0 <= seconds(events[0]) <= 43.0


@pytest.mark.parametrize("trembles_px", [0.0, 16.0])
def test_a_thing_taken_for_a_person_does_not_watch_itself(trembles_px: float) -> None:
    """The detector calls a suitcase a person, and the tracker hands the owner's number to it."""
    low = np.array([BAG_M * SCALE - 14, FLOOR_PX - 1.1 * SCALE, BAG_M * SCALE + 14, FLOOR_PX], np.float32)
    gone_s = 12.0
    owner = walk((0, 2), (6, 9.5), (gone_s, 9.5))
    aside = low + np.array([trembles_px, 0, trembles_px, 0], np.float32)

    def imagined(t: float) -> list[tuple[str, list[float]]]:
        return [("person", (aside if t % 2 >= 1 else low).tolist())] if t > gone_s else []

    tale = Tale({"owner": owner}, box=low, extra=imagined, score=0.7)
    assert types(play(tale))[:1] == [OBJECT_ABANDONED]
    if trembles_px == 0.0:
        assert play(replace(tale, score=0.9)) == [], "of what it is sure is somebody"


@pytest.mark.slow
def test_somebody_in_the_same_clothes_who_was_there_beside_the_owner_does_not_watch_it() -> None:
    """Uniforms: whoever was seen elsewhere while the owner put it down is not the owner."""
    twin = walk((0, 17), (17, 17), (20, 11), (60, 11))
    people = {"owner": LEAVES, "b": walk((0, 0), (0.5, 0)), "c": walk((0, 0), (0.5, 0)), "twin": twin}
    assert types(play(Tale(people)))[:1] == [OBJECT_ABANDONED]


def test_what_the_picture_cuts_off_is_not_judged() -> None:
    low = np.array([588, 696, 612, 720], np.float32)
    _, events, _ = rule_and_events(Tale({"owner": LEAVES}, box=low))
    assert events == []


@pytest.mark.slow
def test_a_detector_that_knows_it_only_raises_the_confidence() -> None:
    plain = play(Tale({"owner": LEAVES}))[0].data
    known = play(Tale({"owner": LEAVES}, extra=lambda t: [("suitcase", BAG.tolist())] if t > 9 else []))[
        0
    ].data
    assert (plain["known_as"], known["known_as"]) == ("", "suitcase")
    assert known["confidence"] > plain["confidence"]


def test_distances_are_metres_where_there_is_a_survey() -> None:
    first = play(Tale({"owner": LEAVES}), survey=True)[0]
    assert first.data["measured"]["distance"]["unit"] == "m"
    assert first.data["position_m"] is not None


def test_pictures_of_placing_and_leaving_are_pinned_while_a_verdict_may_come() -> None:
    _, events, wanted = rule_and_events(Tale({"owner": LEAVES}))
    told = AbandonedObject.model_validate(events[0].data)
    step = round(seconds(events[0]) * 4)
    assert {told.placed_at, told.left_at} <= wanted[step]
    assert wanted[4] == frozenset()


@pytest.mark.slow
def test_bystanders_are_named_for_each_picture_and_the_owner_is_not() -> None:
    people = {"owner": LEAVES, "other": walk((0, 16), (60, 16))}
    told = AbandonedObject.model_validate(play(Tale(people))[0].data)
    (box,) = told.bystanders["placing"]
    assert box[0] < 16 * SCALE < box[2]
    assert len(told.bystanders["now"]) == 1


def test_whoever_passes_before_a_thing_when_it_is_told_hides_it_in_no_picture() -> None:
    """Made unrecognisable, they would cover it: the picture of a moment before shows it."""
    people = {"owner": LEAVES, "passer": walk((14, 16), (23, 7))}
    first = play(Tale(people))[0]
    told = AbandonedObject.model_validate(first.data)
    now = told.moments[-1]
    assert abs(30 - seconds(first) - BAG_M) < 0.5, "they are before it when it is told"
    assert timedelta(0) < first.time - now.at < timedelta(seconds=5)
    (passer,) = told.bystanders["now"]
    assert passer[0] > BAG[2]


@pytest.mark.slow
@pytest.mark.parametrize("survey", [False, True])
def test_a_child_as_low_as_a_bag_is_in_no_picture_and_the_bag_in_all(survey: bool) -> None:
    """A detector calls both a person; neither is followed as one."""
    child = person(BAG_M + 1.5, height_m=0.8 if survey else 0.6)
    tale = Tale(
        {"owner": LEAVES}, extra=lambda t: [("person", child), ("person", BAG.tolist())] if t >= 6 else []
    )
    told = AbandonedObject.model_validate(play(tale, survey=survey)[0].data)
    assert set(told.bystanders) == {"placing", "leaving", "now"}
    for (box,) in told.bystanders.values():
        assert np.all(np.array(box[:2]) <= child[:2])
        assert np.all(np.array(box[2:]) >= child[2:])


@pytest.mark.slow
def test_an_owner_who_waits_long_hides_nobody_of_the_placing_picture() -> None:
    """Longer than people are remembered: who stood there when it was put down is in that picture all the same."""
    people = {"owner": walk((0, 2), (6, 9.5), (200, 9.5), (206, 20)), "other": walk((0, 16), (20, 16))}
    child = person(4.0, height_m=0.6)
    tale = Tale(people, extra=lambda t: [("person", child)] if t < 10 else [], seconds=240.0)
    told = AbandonedObject.model_validate(play(tale)[0].data)
    placing = sorted(told.bystanders["placing"])
    assert len(placing) == 2
    assert placing[0][0] < 4 * SCALE < placing[0][2]
    assert placing[1][0] < 16 * SCALE < placing[1][2]
    assert told.bystanders["now"] == []
