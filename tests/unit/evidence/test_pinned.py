"""Pictures that a rule asks for before it knows whether there will be a violation."""

from __future__ import annotations

from collections.abc import Iterator, Set
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import driving
import numpy as np
import pytest
from evidencestore import store_in, verify_package
from media import STARTED_AT, write_video
from roads import Drive, parked, rect, road, tell
from violations import violation as some_violation

from flows.domain.events import Event, KeyMoment, View, Violation, evidence_folder
from flows.domain.frames import ClockState, Frame, NoPixels
from flows.domain.ruleset import ProhibitedStoppingRule
from flows.evidence.package import EvidenceContext, Manifest, ModelRef
from flows.evidence.pinned import PinShelf
from flows.evidence.queue import EvidenceQueue
from flows.pictures.gating import Admission
from flows.pipeline import Counts
from flows.rules.base import Moment
from flows.rules.pins import PinBook
from flows.rules.prohibited_stopping import ProhibitedStopping
from flows.sources.file import FileVideo
from flows.sources.ring import PacketRing
from flows.store.evidence import MANIFEST
from flows.stream.feed import Feed

CONTEXT = EvidenceContext(
    site="almaty", camera_id="cam-1", district="d", detector=ModelRef(name="d", sha256="ab" * 32), software="1"
)  # fmt: skip
BOX = (100.0, 80.0, 160.0, 130.0)


def at(frame: float) -> datetime:
    return STARTED_AT + timedelta(seconds=frame / 25)


def event_of(*frames: int) -> Event:
    """A violation that must show these frames."""
    moments = [KeyMoment(name=f"moment {i}", at=at(i), xyxy=BOX) for i in frames]
    facts = Violation(
        rule="r", rule_version="1", track=1, cls="car", measured={}, threshold={}, moments=moments
    )
    return Event.of(
        "dome.violation.r.v1",
        camera_id="cam-1",
        district="d",
        at=at(frames[-1]),
        data=facts.model_dump(mode="json"),
    )


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("clip") / "a.mp4", 700, b_frames=2)


def packaged(clip: Path, where: Path, event: Event, wanted: dict[int, Set[datetime]], ring_s: float) -> Any:
    """What becomes of an event that is added at frame 650; ``wanted`` says from which frame on what is pinned."""
    source = FileVideo("cam-1", clip, started_at=STARTED_AT, ring=PacketRing(ring_s))
    store = store_in(where)
    queue = EvidenceQueue(source.ring, store, CONTEXT, clip_s=2.0)
    for frame in source.frames():
        if frame.index == 650:
            queue.add(event)
        if frame.index in wanted:
            queue.keep(wanted[frame.index])
    list(queue.flush())
    folder = evidence_folder(event)
    assert verify_package(store, folder) == []
    manifest = Manifest.model_validate_json(store.read(folder, MANIFEST))
    return manifest, {f.moment: store.read(folder, f.name) for f in manifest.files if f.kind == "picture"}


@pytest.mark.slow
def test_a_pinned_picture_is_the_one_that_was_received_however_long_ago(tmp_path: Path, clip: Path) -> None:
    event = event_of(40, 640)
    pinned = {41: {at(40)}, 300: {at(40), at(290)}, 640: {at(40)}, 650: set()}
    manifest, pictures = packaged(clip, tmp_path / "short", event, pinned, ring_s=5.0)
    assert manifest.problems == []
    _, fresh = packaged(clip, tmp_path / "long", event, {}, ring_s=60.0)
    assert pictures["moment 40"] == fresh["moment 40"]
    # The clip shows the end, not half a minute of standing.
    assert manifest.clip is not None
    assert manifest.clip.first_at >= at(600)


@pytest.mark.slow
def test_without_a_pin_the_package_says_what_it_cannot_show(tmp_path: Path, clip: Path) -> None:
    manifest, pictures = packaged(clip, tmp_path, event_of(40, 640), {41: {at(200)}}, ring_s=5.0)
    assert [p.split(":")[0] for p in manifest.problems] == ["picture 'moment 40'"]
    assert list(pictures) == ["moment 640"]


def recorded(clip: Path) -> PacketRing:
    source = FileVideo("cam-1", clip, started_at=STARTED_AT, ring=PacketRing(60.0))
    for _ in source.frames():
        pass
    return source.ring


@pytest.mark.slow
def test_memory_is_bounded_and_given_back(clip: Path) -> None:
    ring = recorded(clip)
    whole = PinShelf(ring)
    whole.keep({at(40)})
    one = whole.held_bytes
    whole.keep({at(40), at(38)})
    assert whole.held_bytes < 1.1 * one  # the same group of pictures

    shelf = PinShelf(ring, max_bytes=int(1.5 * one))
    shelf.keep({at(40), at(140), at(240)})
    assert 0 < shelf.held_bytes <= 1.5 * one
    assert shelf.pinned == {at(40)}  # who came first is the nearest to a verdict
    shelf.keep({at(140)})
    assert shelf.pinned == {at(140)}
    shelf.keep(set())
    assert (shelf.held_bytes, shelf.pinned) == (0, set())


def test_what_is_asked_for_too_late_is_lost_once_and_counted(clip: Path) -> None:
    shelf = PinShelf(recorded(clip))
    for _ in range(3):
        shelf.keep({at(-500), at(40)})
    assert shelf.counts["lost"] == 1
    assert shelf.pinned == {at(40)}


def test_each_rule_s_wishes_are_its_own() -> None:
    book = PinBook()
    one, two = book.open(), book.open()
    one.keep([at(1), at(2)])
    two.keep([at(2), at(3)])
    assert book.wanted == {at(1), at(2), at(3)}
    one.keep([])
    assert book.wanted == {at(2), at(3)}


class Watched(ProhibitedStopping):
    """Notes after each step what is pinned."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.pinned: list[tuple[float, frozenset[datetime]]] = []

    def observe(self, tracks: Any, moment: Moment) -> list[Event]:
        events = super().observe(tracks, moment)
        self.pinned.append(((moment.at - driving.START).total_seconds(), self._site.pins.wanted))
        return events


@pytest.mark.slow
def test_who_comes_to_a_stand_is_pinned_until_it_is_reported_or_has_left() -> None:
    config = ProhibitedStoppingRule(zone="kerb", max_s=20.0)
    rule = Watched(config, road(config, zones={"kerb": rect(2.4, 15, 5.4, 40)}, eye=driving.camera()))
    leaves = Drive(2, ((0, 3.9, 20), (9, 3.9, 20), (14, 3.9, 60)))
    elsewhere = parked(3, x=-3.0, y=25, s=(0, 40))
    events = tell(rule, [parked(1, x=3.9, y=36, s=(2, 40)), leaves, elsewhere], hz=5.0, eye=driving.camera())
    (event,) = [e for e in events if e.type.startswith("dome.violation")]
    first = Violation.model_validate(
        {k: v for k, v in event.data.items() if k in Violation.model_fields}
    ).moments[0]
    pinned = dict(rule.pinned)
    assert first.at in pinned[15.0]
    assert len(pinned[8.0]) == 2
    assert pinned[20.0] == {first.at}
    assert pinned[35.0] == frozenset()


class Noted:
    """Stands for an outbox and an evidence queue; notes what evidence is told, in order."""

    problem, lost = "", 0

    def __init__(self) -> None:
        self.told: list[object] = []

    def put(self, events: list[Event]) -> None: ...

    def refusals(self) -> dict[str, int]:
        return {}

    async def run(self) -> None: ...

    async def drained(self) -> bool:
        return True

    def __len__(self) -> int:
        return 0

    def has_due(self, now_at: datetime) -> bool:
        return False

    def add(self, event: Event) -> None:
        self.told.append(event.id)

    def keep(self, wanted: Set[datetime], views: Set[View]) -> None:
        self.told.append(set(wanted))


async def test_evidence_hears_of_an_event_before_its_pins_are_let_go() -> None:
    noted, book, event = Noted(), PinBook(), some_violation()
    pins, start = book.open(), datetime(2026, 9, 1, tzinfo=UTC)

    def frames() -> Iterator[Frame]:
        for i in range(3):
            yield Frame(
                "c", i, start + timedelta(seconds=i), NoPixels(8, 8), ClockState("site", start), 0, ()
            )

    def step(frame: Frame, found: Any) -> list[Event]:
        pins.keep([start] if frame.index < 2 else [])
        return [event] if frame.index == 2 else []

    pipeline: Any = SimpleNamespace(
        camera=SimpleNamespace(
            live=False, id="c", name="", district="d", latitude=None, longitude=None, rules=(), read_plates=False
        ),
        lag_frames=4, counts=Counts(), pins=book, watch=None,
        admit=lambda _: Admission(True, "reported"), step=step, close=list, refusals=dict,
        unfit=tuple, problem="",
    )  # fmt: skip
    stats = SimpleNamespace(
        decode_errors=0, oddities={}, silent_since=None, rate_hz=np.nan, reconnects=0, message=""
    )
    source: Any = SimpleNamespace(frames=frames, close=lambda: None, stats=stats)
    feed = Feed(source, pipeline, None, None, noted, noted)  # type: ignore[arg-type]
    await feed.run()
    assert feed.status().errors == {}
    assert noted.told == [{start}, {start}, event.id, set()]
