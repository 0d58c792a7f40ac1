"""The camera's part: nobody is looked at without a case; several frames must agree; little is held."""

import asyncio
from collections import Counter
from datetime import timedelta

import numpy as np
import pytest
from people import Clock
from searching import HOUR, T0, make_active, make_found

from flows.domain.cases import SearchCase, SearchTerms, Window
from flows.domain.errors import FacesAway
from flows.domain.events import Event
from flows.domain.faces import FaceAnswer, FaceRequest
from flows.domain.frames import ClockState, Frame, NoPixels
from flows.domain.leads import LEAD, Likeness
from flows.domain.site import CameraConfig
from flows.domain.tracks import Sighting, Track
from flows.faces.stage import BUSY, MOST_LOOKS, SCOPE_STALE, FaceStage


class Search:
    """A face search that answers as it is told."""

    def __init__(self, *cases: SearchCase) -> None:
        self.cases, self.away = cases, False
        self.answers: list[FaceAnswer] = []
        self.requests: list[FaceRequest] = []
        self.during = lambda: None

    async def scope(self) -> tuple[SearchCase, ...]:
        if self.away:
            raise FacesAway("away")
        return self.cases

    async def look(self, request: FaceRequest) -> FaceAnswer:
        self.requests.append(request)
        await asyncio.sleep(0)
        self.during()
        if self.away:
            raise FacesAway("away")
        return self.answers.pop(0) if self.answers else FaceAnswer(found=True, worth=0.5)


def hit(similarity: float = 0.97, case: str = "case-1", worth: float = 0.9) -> FaceAnswer:
    likeness = Likeness(similarity=similarity, threshold=0.95, gallery=1, false_alarms=3)
    return FaceAnswer(True, worth, (make_found(case=case, likeness=likeness),))


LIVE = {"kind": "stream", "url": "rtsp://127.0.0.1/a"}


class Picture:
    width_px, height_px = 1280, 720

    def __init__(self) -> None:
        self.cut: list[tuple[int, ...]] = []

    def region(self, *xyxy: int) -> np.ndarray:
        self.cut.append(xyxy)
        return np.full((xyxy[3] - xyxy[1], xyxy[2] - xyxy[0], 3), 128, np.uint8)


class Stage:
    def __init__(self, *cases: SearchCase, camera: str = "hall-1", live: bool = False) -> None:
        self.search, self.clock, self.events = Search(*cases), Clock(), list[Event]()
        config = CameraConfig.model_validate(
            {
                "id": camera,
                "district": "esil",
                "source": LIVE if live else {"kind": "scene", "scene": "empty"},
            }
        )
        self.stage = FaceStage(config, self.search, self.events.extend, self.clock)
        self.picture = Picture()

    async def frame(self, seconds: float, *tracks: Track) -> None:
        at = T0 + timedelta(seconds=seconds)
        self.clock.at = max(self.clock.at, at)
        for track in tracks:
            box = np.array([400, 100, 500, 400], np.float32)
            track.sightings.append(Sighting(at, 0, box, 0.9))
        await self.stage.refresh()
        frame = Frame("hall-1", 0, at, NoPixels(1280, 720), ClockState("scene", T0))
        self.stage.look(frame, self.picture, tracks)  # type: ignore[arg-type]
        await self.stage.finish()


def person(id: int = 1, cls: str = "person") -> Track:
    return Track(id, cls, confirmed=True)


CASE = make_active(terms=SearchTerms(longest_days=30, votes=2))


@pytest.mark.parametrize(
    ("cases", "camera"),
    [((), "hall-1"), ((CASE,), "hall-2"), ((make_active(at=T0 + HOUR),), "hall-1")],
    ids=["no case", "another camera", "not yet"],
)
async def test_without_a_case_nobody_is_looked_at(cases: tuple[SearchCase, ...], camera: str) -> None:
    stage = Stage(*cases, camera=camera)
    await stage.frame(1, person())
    assert not stage.stage.wants(T0 + timedelta(seconds=1.5))
    assert stage.search.requests == []
    assert stage.picture.cut == []
    assert stage.stage.looked == 0


async def test_a_covered_camera_holds_five_frames_a_second_and_no_more() -> None:
    stage = Stage(CASE)
    await stage.stage.refresh()
    held = [stage.stage.wants(T0 + timedelta(milliseconds=40 * i)) for i in range(50)]
    assert sum(held) == 10


async def test_frames_must_agree_and_the_best_of_them_is_the_lead() -> None:
    stage, walker = Stage(CASE), person()
    stage.search.answers = [hit(0.98), FaceAnswer(found=True, worth=0.3), hit(0.96)]
    await stage.frame(1.0, walker)
    await stage.frame(1.2, walker)
    assert stage.events == []
    await stage.frame(1.4, walker)
    (event,) = stage.events
    assert (event.type, event.time, event.camera_id) == (LEAD, T0 + timedelta(seconds=1), "hall-1")
    assert event.data["likeness"]["votes"] == 2  # type: ignore[index, call-overload]
    assert event.data["likeness"]["similarity"] == 0.98  # type: ignore[index, call-overload]
    for i in range(5):
        await stage.frame(2 + i, walker)  # the case has its lead of this track
    assert len(stage.search.requests) == 3
    assert stage.stage.looked == 3


@pytest.mark.parametrize(
    ("looks", "shown"),
    [([(0.96, 0.9), (0.99, 0.3)], 0), ([(0.99, 0.3), (0.96, 0.9)], 1), ([(0.96, 0.5), (0.98, 0.5)], 1)],
    ids=["first", "second", "equally good"],
)  # fmt: skip
async def test_the_best_picture_is_shown_with_its_own_similarity_and_not_the_luckiest(
    looks: list[tuple[float, float]], shown: int
) -> None:
    stage, walker = Stage(CASE), person()
    stage.search.answers = [hit(similarity, worth=worth) for similarity, worth in looks]
    for n in range(2):
        await stage.frame(1.0 + n, walker)
    (event,) = stage.events
    assert event.time == T0 + timedelta(seconds=1 + shown)
    assert event.data["likeness"]["similarity"] == looks[shown][0]  # type: ignore[index, call-overload]


@pytest.mark.parametrize("frames_go_on", [True, False])
async def test_votes_are_forgotten_when_the_window_is_over_though_the_case_runs_on(
    frames_go_on: bool,
) -> None:
    window = Window(begins_at=T0 - HOUR, ends_at=T0 + timedelta(seconds=2))
    case = make_active(terms=SearchTerms(longest_days=30, votes=2), window=window)
    stage, walker = Stage(case, live=True), person()
    stage.search.answers = [hit()]
    await stage.frame(1.0, walker)
    (seen,) = stage.stage._seen.values()
    await stage.stage.refresh()
    assert list(seen.votes) == ["case-1"], "the window is open"
    if frames_go_on:
        stage.stage.wants(T0 + timedelta(seconds=7.5))
    else:
        stage.clock.at = T0 + timedelta(seconds=7.5)
    await stage.stage.refresh()
    assert (seen.votes, seen.next) == ({}, None), "no crop of anybody outlives the window"
    assert case.ends_at > stage.clock.at + HOUR


async def test_one_frame_alone_is_no_lead() -> None:
    stage, walker = Stage(CASE), person()
    stage.search.answers = [hit()]
    for i in range(40):
        await stage.frame(i, walker)
    assert stage.events == []


async def test_who_matches_nobody_is_looked_at_a_few_times() -> None:
    stage, walker = Stage(CASE), person()
    for i in range(200):
        await stage.frame(0.2 * i, walker)
    assert len(stage.search.requests) == MOST_LOOKS


async def test_in_a_crowd_people_take_turns() -> None:
    stage, crowd = Stage(CASE, live=True), [person(id) for id in range(1, 25)]
    for i in range(12):
        await stage.frame(1 + 0.2 * i, *crowd)
    looks = Counter(request.track for request in stage.search.requests)
    assert looks == dict.fromkeys(range(1, 25), 12 * BUSY // 24)


async def test_who_may_be_searched_for_goes_before_a_crowd_that_has_just_come() -> None:
    stage, alike, crowd = Stage(CASE, live=True), person(1), [person(id) for id in range(2, 31)]
    stage.search.answers = [hit()]
    await stage.frame(1.0, alike)
    stage.search.answers = [hit()]
    await stage.frame(1.2, *crowd, alike)
    assert len(stage.events) == 1


async def test_vehicles_and_tracks_not_seen_in_the_frame_have_no_heads() -> None:
    stage, car, gone = Stage(CASE), person(1, "car"), person(2)
    await stage.frame(1, car)
    gone.sightings.append(Sighting(T0, 0, np.array([400, 100, 500, 400], np.float32), 0.9))
    frame = Frame("hall-1", 0, T0 + HOUR, NoPixels(1280, 720), ClockState("scene", T0))
    stage.stage.look(frame, stage.picture, [gone])  # type: ignore[arg-type]
    assert stage.search.requests == []


async def test_a_case_that_ends_while_the_frame_is_looked_at_gives_no_lead() -> None:
    stage, walker = Stage(CASE), person()
    stage.search.answers = [hit(), hit()]
    await stage.frame(1.0, walker)

    def ends() -> None:
        stage.clock.at = T0 + 8 * 24 * HOUR

    stage.search.during = ends
    await stage.frame(1.2, walker)
    assert stage.events == []


@pytest.mark.parametrize("end", ["closed or stopped", "expired", "away"])
async def test_what_agreed_for_a_case_is_forgotten_with_it_though_no_frame_comes(end: str) -> None:
    stage, walker = Stage(CASE), person()
    stage.search.answers = [hit()]
    await stage.frame(1.0, walker)
    (seen,) = stage.stage._seen.values()
    await stage.stage.refresh()
    assert list(seen.votes) == ["case-1"]
    seen.next = stage.search.requests[0]
    if end == "closed or stopped":
        stage.search.cases = ()
    elif end == "expired":
        stage.clock.at = CASE.ends_at
    else:
        stage.search.away = True
        stage.clock.on(SCOPE_STALE.total_seconds() + 0.1)
    await stage.stage.refresh()
    assert (seen.votes, seen.next) == ({}, None)


async def test_what_agreed_for_a_case_stays_when_another_ends() -> None:
    other = make_active(id="case-2", terms=CASE.terms)
    stage, walker = Stage(CASE, other), person()
    stage.search.answers = [hit()]
    await stage.frame(1.0, walker)
    stage.search.cases = (CASE,)
    await stage.stage.refresh()
    assert [list(seen.votes) for seen in stage.stage._seen.values()] == [["case-1"]]


async def test_a_clock_that_was_ahead_ends_no_search_once_it_is_right() -> None:
    stage = Stage(CASE, live=True)
    stage.clock.at = T0 + 8 * 24 * HOUR
    await stage.stage.refresh()
    assert stage.stage.covered(T0) == []
    stage.clock.at = T0
    await stage.stage.refresh()
    assert stage.stage.covered(T0) == [CASE]


async def test_what_was_confirmed_by_a_clock_that_was_ahead_is_not_known_once_it_is_right() -> None:
    stage = Stage(CASE, live=True)
    stage.clock.at = T0 + HOUR
    await stage.stage.refresh()
    stage.search.away, stage.clock.at = True, T0
    await stage.stage.refresh()
    assert stage.stage.covered(T0) == []


async def test_a_clock_that_goes_back_brings_no_case_to_life() -> None:
    stage = Stage(CASE, live=True)
    stage.clock.at = T0 + 8 * 24 * HOUR
    stage.search.cases = ()  # it has ended: nobody says any more that it is searched
    await stage.stage.refresh()
    stage.clock.at = T0
    await stage.stage.refresh()
    assert stage.stage.covered(T0) == []


async def test_while_the_search_is_away_the_scope_holds_for_seconds_and_then_nothing_is_covered() -> None:
    stage = Stage(CASE)
    await stage.stage.refresh()
    stage.search.away = True
    stage.clock.on(4)
    await stage.stage.refresh()
    assert stage.stage.covered(stage.clock.at) == [CASE]
    stage.clock.on(2)
    assert stage.stage.covered(stage.clock.at) == []


async def test_a_file_waits_for_a_late_scope_and_holds_its_pictures_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("flows.faces.stage.SCOPE_S", 0.0)
    monkeypatch.setattr("flows.faces.stage.SCOPE_TRIES", 3)  # the answer to the last of them counts, too
    stage, late = Stage(CASE), iter([True, True, False])
    await stage.stage.await_scope()
    stage.clock.on(SCOPE_STALE.total_seconds() + 1)
    assert stage.stage.covered(stage.clock.at) == []  # nobody is looked at on an old answer
    assert stage.stage.wants(stage.clock.at)  # but the picture waits for a new one

    async def scope() -> tuple[SearchCase, ...]:
        if next(late):
            raise FacesAway("away")
        return (CASE,)

    monkeypatch.setattr(stage.search, "scope", scope)
    await stage.stage.await_scope()
    assert stage.stage.covered(stage.clock.at) == [CASE]
    assert not stage.stage.errors
    live = Stage(CASE, live=True)
    await live.stage.refresh()
    live.clock.on(SCOPE_STALE.total_seconds() + 1)
    assert not live.stage.wants(live.clock.at)


async def test_a_file_goes_on_in_the_end_where_nobody_says_what_is_searched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("flows.faces.stage.SCOPE_S", 0.0)
    stage = Stage(CASE)
    stage.search.away = True
    for _ in range(3):
        await stage.stage.await_scope()
    assert stage.stage.errors == {"faces": 1}  # counted, and waited for once
    stage.search.away = False
    await stage.stage.refresh()
    stage.clock.on(SCOPE_STALE.total_seconds() + 1)
    await stage.stage.await_scope()
    assert stage.stage.covered(stage.clock.at) == [CASE]


async def test_a_search_that_dies_is_counted_and_the_watch_goes_on() -> None:
    stage, walker = Stage(CASE), person()
    await stage.frame(1.0, walker)
    stage.search.away = True
    await stage.frame(2.0, walker)
    assert stage.stage.errors["faces"] == 1
    stage.search.away = False
    stage.search.answers = [hit(), hit()]
    await stage.frame(3.0, walker)
    await stage.frame(3.2, walker)
    assert len(stage.events) == 1


async def test_what_is_held_of_a_track_goes_with_it() -> None:
    stage = Stage(CASE)
    await stage.frame(1.0, person(1))
    await stage.frame(30.0, person(2))
    assert list(stage.stage._seen) == [2]


async def test_the_same_footage_gives_the_same_lead() -> None:
    ids = []
    for _ in range(2):
        stage, walker = Stage(CASE), person()
        stage.search.answers = [hit(), hit()]
        await stage.frame(1.0, walker)
        await stage.frame(1.2, walker)
        ids.append(stage.events[0].id)
    assert ids[0] == ids[1]


async def test_after_a_hit_the_head_seen_meanwhile_is_sent_without_waiting_for_a_frame() -> None:
    stage, walker = Stage(CASE), person()
    stage.search.answers = [hit(), hit()]
    first = stage.stage.finish

    async def later() -> None:
        """Frames go on while the first look is under way."""

    stage.stage.finish = later  # type: ignore[method-assign]
    await stage.frame(1.0, walker)
    await stage.frame(1.2, walker)
    await stage.frame(1.4, walker)
    assert len(stage.search.requests) <= 1
    stage.stage.finish = first  # type: ignore[method-assign]
    await stage.stage.finish()
    assert [r.at for r in stage.search.requests] == [T0 + timedelta(seconds=s) for s in (1.0, 1.4)]
    assert len(stage.events) == 1
    assert stage.stage.looked == 2


async def test_after_a_miss_the_head_seen_meanwhile_is_forgotten() -> None:
    stage, walker = Stage(CASE), person()
    first, stage.stage.finish = stage.stage.finish, _nothing  # type: ignore[method-assign]
    await stage.frame(1.0, walker)
    await stage.frame(1.2, walker)
    stage.stage.finish = first  # type: ignore[method-assign]
    await stage.stage.finish()
    assert len(stage.search.requests) == 1
    assert [s.next for s in stage.stage._seen.values()] == [None]


async def _nothing() -> None:
    """Does not wait."""
