"""Plates of all vehicles: once each, from the largest views, and nothing leaves the camera but a keyed hash."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from evidencestore import kept_in, store_in
from media import STARTED_AT, square_at, write_video
from pydantic import ValidationError

from flows.domain.errors import ReaderAway
from flows.domain.events import Event, KeyMoment
from flows.domain.frames import ClockState
from flows.domain.platehash import PlateHasher
from flows.domain.plates import PlateAnswer, PlateRecord, PlateRequest
from flows.domain.sightings import PLATE_SEEN, Sighting, VehicleSeen, unseen
from flows.domain.site import CameraConfig
from flows.domain.tracks import Sighting as Look
from flows.domain.tracks import Track
from flows.evidence.package import EvidenceContext, ModelRef
from flows.evidence.platestage import PlateStage
from flows.evidence.queue import EvidenceQueue
from flows.jurisdiction import load_profile
from flows.pipeline import CameraPipeline
from flows.rules.base import Moment
from flows.rules.hiding import Rests
from flows.rules.platewatch import PlateWatch
from flows.sources.file import FileVideo
from flows.stream.feed import Feed

AT = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
HASHER = PlateHasher.of("k1:" + "07" * 16)
assert HASHER is not None
READ = PlateAnswer(
    "read", text="123ABC02", confidence=0.97, confident=True, crop=0, xyxy=(1, 1, 9, 4), seen=1
)
Box = tuple[float, float, float, float]


def camera(**changes: Any) -> CameraConfig:
    values = {"id": "cam-1", "district": "center", "source": {"kind": "file", "path": "a.mp4"}, "read_plates": True,
              "latitude": 43.25, "longitude": 76.9}  # fmt: skip
    return CameraConfig.model_validate(values | changes)


def growing(steps: int, first_px: float = 60, by_px: float = 4) -> list[Box]:
    """Boxes of a car that comes nearer, ten a second."""
    return [
        (400.0, 300.0, 400 + first_px + by_px * n, 300 + (first_px + by_px * n) * 0.6) for n in range(steps)
    ]


def drive(
    boxes: Sequence[Box], cls: str = "car", watch: PlateWatch | None = None, number: int = 3
) -> tuple[list[Event], PlateWatch]:
    """One vehicle through the picture, ten frames a second, until it is gone."""
    watch = watch or PlateWatch(camera(), load_profile("kz"))
    track, events = Track(number, cls, confirmed=True), list[Event]()
    for n, box in enumerate(boxes):
        at = AT + timedelta(seconds=n / 10)
        track.sightings.append(Look(at, n, np.array(box, np.float32), 0.9))
        events += watch.observe([track], moment(at, n))
    return events + watch.forget(track, moment(track.last_at, len(boxes))), watch


def moment(at: datetime, index: int, rests: Rests | None = None) -> Moment:
    clock = ClockState("site", AT, 10.0, 0.0)  # type: ignore[call-arg]
    return Moment(at, index, 1280, 720, clock, rests=rests or Rests())


def test_a_vehicle_is_told_once_with_its_largest_views() -> None:
    boxes = growing(30) + growing(30)[::-1] + growing(30)
    (event,), _ = drive(boxes)
    told = VehicleSeen.of(event)
    assert (event.type, told.cls, told.keep_days) == (PLATE_SEEN, "car", 7)
    assert told.at in [m.at for m in told.moments]
    assert len(told.moments) == 3
    widths = [m.xyxy[2] - m.xyxy[0] for m in told.moments if m.xyxy]
    assert min(widths) >= 60 + 4 * 25
    gaps = [b.at - a.at for a, b in zip(told.moments, told.moments[1:], strict=False)]
    assert min(gaps) >= timedelta(seconds=0.15)


def test_the_same_footage_gives_the_same_sightings_whatever_numbers_the_tracker_gives() -> None:
    """After a restart, or in a back-fill that overlaps: a route would show it twice."""
    (once,), _ = drive(growing(30))
    (again,), _ = drive(growing(30), number=8)
    (beside,), _ = drive([(x0 + 120, y0, x1 + 120, y1) for x0, y0, x1, y1 in growing(30)])
    assert again == once
    assert beside.time == once.time
    assert beside.id != once.id


def drive_two(
    nearer: Callable[[Box], Box], sure_from: int = 0
) -> tuple[list[VehicleSeen], PlateWatch, list[Box]]:
    """A car that comes nearer, and another before it all the time, of which the tracker is sure from a frame on."""
    watch, first, second = PlateWatch(camera(), load_profile("kz")), Track(3, "car"), Track(4, "truck")
    events, boxes, rests = list[Event](), growing(30), Rests()
    for n, box in enumerate(boxes):
        at = AT + timedelta(seconds=n / 10)
        for track, xyxy in ((first, box), (second, nearer(box))):
            track.sightings.append(Look(at, n, np.array(xyxy, np.float32), 0.9))
        seen = [first, second] if n >= sure_from else [first]
        rests.see(seen, at)
        events += watch.observe(seen, moment(at, n, rests))
    for track in (first, second):
        events += watch.forget(track, moment(track.last_at, len(boxes), rests))
    return [VehicleSeen.of(e) for e in events], watch, boxes


@pytest.mark.parametrize("sure_from", [0, 29])
def test_views_of_a_covered_vehicle_end_where_the_nearer_one_begins(sure_from: int) -> None:
    """Else the nearer one's plate is read, which shows best, and a vehicle is seen where it was not."""
    told, _, boxes = drive_two(lambda box: (box[0], box[1] + 40, box[0] + 100, box[3] + 10), sure_from)
    (car,) = (t for t in told if t.cls == "car")
    for view in car.moments:
        assert view.xyxy is not None
        covering = boxes[round((view.at - AT).total_seconds() * 10)]
        assert view.xyxy[3] <= covering[1] + 40 or view.xyxy[0] >= covering[0] + 100


@pytest.mark.parametrize("sure_from", [0, 29])
def test_of_who_is_all_behind_another_no_plate_is_read(sure_from: int) -> None:
    told, watch, _ = drive_two(lambda box: (box[0] - 30, box[1] - 15, box[2] + 30, box[3] + 15), sure_from)
    assert [t.cls for t in told] == ["truck"]
    assert sum(watch.refusals().values()) == 1


def test_it_is_told_while_the_ring_still_holds_its_pictures() -> None:
    watch = PlateWatch(camera(), load_profile("kz"))
    spoken_at = []
    track = Track(3, "car", confirmed=True)
    for n, box in enumerate([*growing(100, by_px=0.5), *[(0.0, 0.0, 50.0, 50.0)] * 60]):
        at = AT + timedelta(seconds=n / 10)
        track.sightings.append(Look(at, n, np.array(box, np.float32), 0.9))
        for event in watch.observe([track], moment(at, n)):
            spoken_at.append((at, [m.at for m in VehicleSeen.of(event).moments]))
    [(at, shown)] = spoken_at
    assert all(timedelta(0) <= at - each <= timedelta(seconds=12) for each in shown)


@pytest.mark.parametrize(
    ("boxes", "cls"),
    [
        (growing(20), "person"),
        ([(10.0, 10.0, 60.0, 50.0)] * 20, "car"),  # too small for any plate
        ([(0.0, 300.0, 300.0, 500.0)] * 20, "car"),  # cut off by the picture's border
    ],
)
def test_what_shows_no_plate_is_not_told(boxes: list[Box], cls: str) -> None:
    events, watch = drive(boxes, cls)
    assert events == []
    assert watch.refusals() == ({} if cls == "person" else {"read_plates.too_small": 1})


def test_a_camera_reads_plates_of_all_only_where_it_is_told_to() -> None:
    assert not camera(read_plates=False).read_plates
    assert not CameraConfig.model_validate(
        {"id": "a", "district": "d", "source": {"kind": "file", "path": "a.mp4"}}
    ).read_plates
    for wanted in (True, False):
        pipeline = CameraPipeline.build(camera(read_plates=wanted), load_profile("kz"))
        assert [rule.kind for rule in pipeline._rules] == (["read_plates"] if wanted else [])


def test_a_device_without_pictures_cannot_read_plates() -> None:
    with pytest.raises(ValidationError, match="read_plates: expected nothing that needs a picture"):
        camera(source={"kind": "tracks", "path": "a.csv"})


# From the moments to the hash


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("clip") / "a.mp4", 100)


def waiting(frames: Sequence[int] = (40, 50)) -> Event:
    moments = []
    for index in frames:
        left, top = square_at(index, 320, 240)
        at = STARTED_AT + timedelta(seconds=index / 25)
        moments.append(KeyMoment(name=f"view-{index}", at=at, xyxy=(left, top, left + 24, top + 24)))
    return VehicleSeen(camera="cam-1", district="center", at=moments[-1].at, cls="car", keep_days=7,
                       moments=tuple(moments)).event()  # fmt: skip


class Reader:
    """Answers as told, the last answer for ever; keeps the sizes of what it was shown."""

    def __init__(self, *answers: PlateAnswer | Exception) -> None:
        self.answers, self.shown = list(answers), list[tuple[int, ...]]()

    def __call__(self, request: PlateRequest) -> PlateAnswer:
        self.shown += [crop.shape for crop in request.crops]
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def hash_plate(plate: PlateRecord | None) -> str:
    assert HASHER is not None
    return HASHER.hash(plate.text) if plate is not None and plate.confident else ""


Play = Callable[..., tuple[list[Event], EvidenceQueue]]


@pytest.fixture
def play(tmp_path: Path, clip: Path) -> Play:
    def played(reader: Reader, *events: Event) -> tuple[list[Event], EvidenceQueue]:
        store = store_in(tmp_path / "evidence")
        source = FileVideo("cam-1", clip, started_at=STARTED_AT)
        context = EvidenceContext(site="almaty", camera_id="cam-1", district="center", software="0",
                                  detector=ModelRef(name="embedded", sha256="ab" * 32))  # fmt: skip
        queue = EvidenceQueue(
            source.ring, store, context, 2.0, hash_plate, PlateStage(reader, "KZ", (0.0, 0.0))
        )
        made: list[Event] = []
        for frame in source.frames():
            if frame.index == 60:
                for event in events:
                    queue.add(event)
            if frame.index % 10 == 0:
                made += chain.from_iterable(queue.due(frame.at))
        made += chain.from_iterable(queue.flush())
        assert not kept_in(tmp_path / "evidence")
        return made, queue

    return played


def test_a_vehicle_becomes_a_sighting_that_holds_a_hash_and_no_picture_text_or_box(play: Play) -> None:
    reader = Reader(READ)
    (event,), queue = play(reader, waiting())
    sighting = Sighting.of(event)
    assert HASHER is not None
    assert sighting.plate == HASHER.hash("123ABC02")
    assert event.id == waiting().id
    assert not unseen(event)
    assert "moments" not in event.data
    assert "ABC" not in json.dumps(event.model_dump(mode="json"))
    assert all(shape[0] < 60 and shape[1] < 60 for shape in reader.shown)
    assert queue.counts["sighted"] == 1


@pytest.mark.parametrize(
    "answer", [PlateAnswer("unread"), PlateAnswer("read", text="123ABC02", confidence=0.4, confident=False)]
)
def test_what_is_not_surely_read_is_forgotten(play: Play, answer: PlateAnswer) -> None:
    made, queue = play(Reader(answer), waiting())
    assert made == []
    assert queue.counts["unread"] == 1


def test_a_reader_that_is_away_is_asked_again_and_given_up_in_the_end(play: Play) -> None:
    (event,), _ = play(Reader(ReaderAway("no replica"), READ), waiting())
    assert not unseen(event)
    made, queue = play(Reader(ReaderAway("no replica")), waiting())
    assert made == []
    assert queue.counts["plate_retried"] == 2


def test_many_vehicles_push_no_package_out(play: Play) -> None:
    made, queue = play(Reader(READ), *(waiting() for _ in range(20)))
    assert len(made) == 16
    assert queue.counts["sightings_dropped"] == 4


def test_a_vehicle_whose_plate_is_not_read_never_leaves_the_camera() -> None:
    sent: list[Event] = []
    outbox = SimpleNamespace(put=sent.extend)
    pipeline: Any = SimpleNamespace(camera=SimpleNamespace(live=True, id="cam-1"), lag_frames=0)
    Feed(None, pipeline, None, None, outbox)._publish([waiting()])  # type: ignore[arg-type]
    assert sent == []
