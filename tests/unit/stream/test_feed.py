"""A camera's loop from its source to the outbox: tracks without a detector, pictures with an odd one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from media import cut_short, draw, write_video
from violations import violation as some_violation

from flows.backoff import Backoff
from flows.domain.detections import Detections
from flows.domain.errors import DetectorAway
from flows.domain.events import SPEEDING, Event, View
from flows.domain.frames import ClockState, Frame, Picture
from flows.domain.inference import DetectorSpec, DetectRequest
from flows.domain.site import CameraConfig
from flows.domain.status import CameraStatus
from flows.jurisdiction import load_profile
from flows.pipeline import CameraPipeline
from flows.settings import Settings
from flows.sources import open_source
from flows.sources.file import FileVideo
from flows.sources.picture import ArrayPicture
from flows.stream.feed import FAILS, VIEWED_FOR, VIEWED_FRAMES, Evidence, Feed
from flows.stream.outbox import Outbox
from flows.stream.window import IN_FLIGHT, Item

ZERO = datetime(2026, 9, 1, 8, 30, tzinfo=UTC)


class Kept:
    """Stands for an outbox; keeps what it is given."""

    def __init__(self, room: int = 1000) -> None:
        self.events: list[Event] = []
        self.problem, self.lost = "", 0
        self._room = room

    def put(self, events: Sequence[Event]) -> int:
        kept = events[: max(0, self._room - len(self.events))]
        self.events += kept
        return len(events) - len(kept)

    async def run(self) -> None: ...

    async def drained(self) -> bool:
        return True

    def __len__(self) -> int:
        return 0


async def test_tracks_become_events_without_a_detector_or_a_package(tmp_path: Path) -> None:
    rows = [f"1,{t / 20},car,2,{85 / 3.6 * t / 20}" for t in range(80)]
    rows += [rows[7], "1,oops,car,0,0", "2,0.3,person,9,4"]
    path = tmp_path / "radar.csv"
    path.write_text("id,time,class,x_m,y_m\n" + "\n".join(rows) + "\n")
    camera = CameraConfig.model_validate(
        {
            "id": "radar",
            "district": "d",
            "source": {"kind": "tracks", "path": path, "started_at": ZERO},
            "rules": [{"kind": "speeding", "limit_kmh": 60}],
        }
    )
    source = open_source(camera, Settings.from_env({}))
    source.open()
    kept = Kept()
    feed = Feed(source, CameraPipeline.build(camera, load_profile("kz")), None, None, cast(Outbox, kept))
    await feed.run()
    status = feed.status()
    assert [e.type for e in kept.events] == [SPEEDING]
    assert kept.events[0].data["evidence"] == ""
    assert (status.state, status.frames_read, status.detected, status.detections) == ("ended", 80, 80, 81)
    assert (status.gated, status.dropped) == (0, 0)
    assert status.errors == {"row": 1, "row_repeated": 1, "row_out_of_order": 2}
    assert status.rate_hz == 20.0


class Still:
    """A 1080p picture; counts how often it was shrunk."""

    width_px, height_px, shrunk = 1920, 1080, 0

    def bgr(self, width_px: int, height_px: int) -> np.ndarray:
        self.shrunk += 1
        return np.zeros((height_px, width_px, 3), np.uint8)


def test_pictures_for_onlookers_are_small_and_made_only_while_somebody_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "radar.csv").write_text("id,time,class,x_m,y_m\n")
    source = {"kind": "tracks", "path": tmp_path / "radar.csv", "started_at": ZERO}
    camera = CameraConfig.model_validate({"id": "c", "district": "d", "source": source})
    pipeline = CameraPipeline.build(camera, load_profile("kz"))
    feed = Feed(open_source(camera, Settings.from_env({})), pipeline, None, None, cast(Outbox, Kept()))
    now_s = 100.0
    monkeypatch.setattr("flows.stream.feed.time.monotonic", lambda: now_s)
    still = Still()
    clock = ClockState("site", ZERO)
    frame = Frame("c", 0, ZERO, cast(Picture, still), clock)

    def play(seconds: float) -> None:
        nonlocal now_s
        for _ in range(round(seconds * 10)):
            now_s += 0.1
            feed._snap(frame)

    play(5)
    assert (feed.look(), still.shrunk) == (None, 0)
    play(3)
    seen = feed.look()
    assert seen is not None
    assert (seen[0], seen[1].shape) == (ZERO, (180, 320, 3))
    assert 2 <= still.shrunk <= 4
    play(30)
    assert still.shrunk <= 12, "nobody looks any more"
    assert feed.look() is None, "nothing old is shown"


SPEC = DetectorSpec("d", (160, 120), ("car",), "v")
TIMES = FAILS * IN_FLIGHT
"""So often at least one request fails once too often, however they share the failures."""
Answer = Callable[[int], list[Detections]]


def nothing(pictures: int) -> list[Detections]:
    return [Detections.empty()] * pictures


def one_short(pictures: int) -> list[Detections]:
    return nothing(pictures - 1)


def garbage(pictures: int) -> list[Detections]:
    return cast(list[Detections], None)


class Scripted:
    """A detector that does something odd a few times, then sees nothing in any picture."""

    def __init__(self, puts: Iterable[Exception] = (), answers: Iterable[Answer] = ()) -> None:
        self.puts, self.answers = list(puts), list(answers)

    def put(self, request: DetectRequest) -> object:
        if self.puts:
            raise self.puts.pop(0)
        return request

    async def detect(self, request: object) -> list[Detections]:
        answer = self.answers.pop(0) if self.answers else nothing
        return answer(len(cast(DetectRequest, request).pictures))


async def watched(
    path: Path, detector: Scripted, monkeypatch: pytest.MonkeyPatch, live: bool = False
) -> CameraStatus:
    """The status after a file was watched to its end, by a live camera's rules if need be."""
    monkeypatch.setattr("flows.stream.feed.Backoff", lambda *_: Backoff(0.0, 0.0))
    source = {"kind": "file", "path": path, "started_at": ZERO, "loop": live}
    camera = CameraConfig.model_validate({"id": "c", "district": "d", "source": source})
    pipeline = CameraPipeline.build(camera, load_profile("kz"))
    played = FileVideo("c", path, started_at=ZERO)
    feed = Feed(played, pipeline, SPEC, detector, cast(Outbox, Kept()))
    await asyncio.wait_for(feed.run(), 20)
    return feed.status()


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize(
    "detector",
    [
        lambda: Scripted(puts=[RuntimeError("no memory")] * TIMES),
        lambda: Scripted(answers=[one_short] * TIMES),
        lambda: Scripted(answers=[garbage] * TIMES),
    ],
)
async def test_no_surprise_of_the_detector_holds_up_the_frames_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, detector: Callable[[], Scripted], live: bool
) -> None:
    status = await watched(write_video(tmp_path / "a.mp4", 40), detector(), monkeypatch, live)
    assert status.state == "ended"
    assert set(status.errors) == {"detector"}
    assert status.dropped > 0
    assert (status.detected + status.dropped + status.gated, status.frames_read) == (40, 40)


async def test_a_files_frames_are_sent_again_after_a_surprise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = Scripted(
        puts=[RuntimeError("odd"), DetectorAway("full"), DetectorAway("full")], answers=[one_short]
    )
    status = await watched(write_video(tmp_path / "a.mp4", 20), detector, monkeypatch)
    assert (status.detected + status.gated, status.dropped, status.errors) == (20, 0, {"detector": 4})


def test_packages_that_were_given_up_are_among_the_errors_and_why_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "a.mp4", 2)
    camera = CameraConfig.model_validate(
        {"id": "c", "district": "d", "source": {"kind": "file", "path": path}}
    )
    pipeline = CameraPipeline.build(camera, load_profile("kz"))
    why = "at 2026-09-14 08:30 UTC no evidence could be kept in /data: its disk may not be mounted"
    lossy = cast(Evidence, SimpleNamespace(lost=2, problem=why, refusals=dict))
    pipeline.problem = "speeding: ValueError: a rule failed once, days ago"
    kept = Kept()
    feed = Feed(FileVideo("c", path), pipeline, SPEC, Scripted(), cast(Outbox, kept), lossy)
    assert (feed.status().errors, feed.status().message) == ({"evidence": 2}, why)
    short = replace(feed._source.stats, message="a.mp4: 1 of 2 frames could be read")
    monkeypatch.setattr(FileVideo, "stats", short)
    feed._state = "ended"
    assert feed.status().message == short.message, "a recording that was cut short is told of first"
    kept.problem = "cannot write events: Redis is away"
    assert feed.status().message == kept.problem
    kept.problem = lossy.problem = ""
    feed._state = "running"
    assert feed.status().message == pipeline.problem, "where nothing else is wrong"


async def test_a_file_that_ended_early_says_so_to_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = cut_short(write_video(tmp_path / "a.mp4", 40), 0.5)
    status = await watched(path, Scripted(), monkeypatch)
    assert status.state == "ended"
    assert status.message == f"{path.name}: {status.frames_read} of 40 frames could be read"


@pytest.mark.slow
async def test_a_change_of_size_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = write_video(tmp_path / "a.ts", 20).read_bytes()
    large = write_video(tmp_path / "b.ts", 20, size=(640, 360), first_index=20).read_bytes()
    (tmp_path / "both.ts").write_bytes(small + large)
    status = await watched(tmp_path / "both.ts", Scripted(), monkeypatch)
    assert (status.state, status.frames_read, status.errors) == ("ended", 40, {"size_changed": 1})


async def test_zones_are_told_once_as_soon_as_the_size_of_the_picture_is_known(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 5)
    zone = {"name": "lane", "polygon_px": [(0, 0), (16, 0), (16, 16)]}
    source = {"kind": "file", "path": path, "started_at": ZERO}
    camera = CameraConfig.model_validate({"id": "c", "district": "d", "source": source, "zones": [zone]})
    pipeline = CameraPipeline.build(camera, load_profile("kz"))
    played = FileVideo("c", path, started_at=ZERO)
    feed = Feed(played, pipeline, SPEC, Scripted(), cast(Outbox, Kept()))
    assert feed.redrawn() is None
    await asyncio.wait_for(feed.run(), 20)
    assert [shape.name for shape in feed.redrawn() or ()] == ["lane"]
    assert feed.redrawn() is None


class Noted:
    """Stands for the evidence queue; notes in which order it hears of what."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def take(self, picture: Picture, views: Iterable[View]) -> None:
        self.heard.append((picture, list(views)))

    def add(self, event: Event) -> None:
        self.heard.append(event.id)

    def keep(self, wanted: Set[datetime], views: Set[View]) -> None:
        self.heard.append(set(views))

    def has_due(self, now_at: datetime) -> bool:
        return False

    def __len__(self) -> int:
        return 1


def test_no_package_is_made_of_what_nobody_will_know_of(tmp_path: Path) -> None:
    source = {"kind": "file", "path": tmp_path, "started_at": ZERO}
    camera = CameraConfig.model_validate({"id": "c", "district": "d", "source": source})
    kept, noted = Kept(room=2), Noted()
    feed = Feed(FileVideo("c", tmp_path), CameraPipeline.build(camera, load_profile("kz")), SPEC, Scripted(),
                cast(Outbox, kept), cast(Evidence, noted))  # fmt: skip
    three = [some_violation().model_copy(update={"id": name}) for name in "abc"]
    feed._publish(three)
    assert [event.id for event in kept.events] == noted.heard == ["a", "b"]


async def test_pixels_are_held_until_the_rules_have_seen_who_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a rule may have looked at is cut before its candidate is handed over, and let go after."""
    source = {"kind": "file", "path": tmp_path, "started_at": ZERO, "loop": True}
    camera = CameraConfig.model_validate(
        {"id": "c", "district": "d", "source": source, "gate": {"enabled": False}}
    )
    pipeline, noted = CameraPipeline.build(camera, load_profile("kz")), Noted()
    pins, views = pipeline.pins.open(), {(ZERO, (1.0, 2.0, 3.0, 4.0))}
    feed = Feed(FileVideo("c", tmp_path), pipeline, SPEC, Scripted(), cast(Outbox, Kept()),
                cast(Evidence, noted))  # fmt: skip
    frame = Frame("c", 0, ZERO, ArrayPicture(draw(0)), ClockState("site", ZERO))
    assert feed._prepared(frame).viewed is None, "nobody is expected"
    pins.expects = True
    item = feed._prepared(frame)
    assert item.viewed is frame.picture
    event = some_violation()

    def step(*_: object) -> list[Event]:
        pins.view(views)
        return [event]

    monkeypatch.setattr(pipeline, "step", step)
    item.state, item.found = "seen", Detections.empty()
    feed._inbox.append(item)
    await feed._turn(last=False)
    assert noted.heard == [(frame.picture, list(views)), event.id, views]
    assert item.viewed is None
    later = Item(replace(frame, at=ZERO + VIEWED_FOR + timedelta(seconds=1)), None, "skipped")
    feed._inbox.append(later)
    await feed._turn(last=False)
    assert noted.heard[-1] == set(), "the rule may be kept from saying so, and nothing could be shown of it"
    feed._inbox.extend([item] * VIEWED_FRAMES)
    assert feed._prepared(frame).viewed is None, "too many are on their way"
