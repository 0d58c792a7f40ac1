"""A passage is told with its plate's hash when its package is written, and never before or with the text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from evidencestore import store_in, verify_package
from media import STARTED_AT, write_video
from plate_packages import CONTEXT
from sections import TERMS, passage
from violations import violation

from cluster.check import section_notes
from flows.domain.errors import EvidenceAway
from flows.domain.events import PASSAGE, Event, KeyMoment, with_evidence_folder
from flows.domain.passages import Passage, told, untold
from flows.domain.plates import PlateRecord
from flows.domain.site import SiteConfig
from flows.evidence.queue import EvidenceQueue
from flows.evidence.unfinished import Unfinished
from flows.sources.file import FileVideo
from flows.store.spool import Spool
from flows.stream.feed import Feed
from flows.stream.outbox import Outbox


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("clip") / "a.mp4", 200)


def crossing() -> Event:
    """Of a vehicle at the gate in the fourth second; its package has not been made."""
    at = STARTED_AT + timedelta(seconds=4)
    made = Passage(
        camera="cam-1", district="center", terms=TERMS, role="entry", at=at, sd_s=0.02, track=1, cls="car",
        speed_kmh=80, position_m=(1, 25), rule_version="1",
        moments=(KeyMoment(name="gate", at=at, xyxy=(10, 10, 80, 60)),),
    )  # fmt: skip
    return with_evidence_folder(made.event())


@pytest.mark.slow
def test_a_passage_is_told_when_its_package_is_written(tmp_path: Path, clip: Path) -> None:
    event = crossing()
    assert untold(event)
    assert event.data["evidence"] == f"cam-1/2026-05-04/{event.id}"
    store, asked = store_in(tmp_path), []

    def hash_plate(plate: PlateRecord | None) -> str:
        asked.append(plate)
        return "keyed-hash"

    source = FileVideo("cam-1", clip, started_at=STARTED_AT)
    queue = EvidenceQueue(source.ring, store, CONTEXT, clip_s=2.0, hash_plate=hash_plate)
    for frame in source.frames():
        if frame.index == 110:
            queue.add(event)
    ((done,),) = queue.flush()
    assert (done.id, done.type) == (event.id, PASSAGE)
    assert not untold(done)
    assert Passage.of(done).plate == "keyed-hash"
    assert asked == [None]
    assert verify_package(store, str(done.data["evidence"]), str(done.data["manifest_sha256"])) == []


class Life:
    """A camera's process that is over when the test says so; its disk is not."""

    def __init__(self, folder: Path, clip: Path) -> None:
        self.store, self.notes = store_in(folder / "evidence"), folder / "packages"
        self._source = FileVideo("cam-1", clip, started_at=STARTED_AT)
        self.queue = EvidenceQueue(self._source.ring, self.store, CONTEXT, clip_s=2.0, hash_plate=lambda _: "hash",
                                   unfinished=Unfinished(self.notes))  # fmt: skip
        self.told: list[Event] = []

    def sees(self, *events: Event) -> None:
        for frame in self._source.frames():
            if frame.index == 110:
                for event in events:
                    self.queue.add(event)

    def sends(self, most: int = 10) -> list[Event]:
        """Makes what is due; killed before it has sent more than so many times."""
        if self.queue.has_due(STARTED_AT + timedelta(hours=1)):
            for made in self.queue.due(STARTED_AT + timedelta(hours=1)):
                if len(self.told) == most:
                    break
                self.told += made
        return self.told

    @property
    def noted(self) -> int:
        return len(list(self.notes.iterdir()))


def test_a_camera_that_was_killed_tells_of_the_package_that_it_had_written(
    tmp_path: Path, clip: Path
) -> None:
    first = Life(tmp_path, clip)
    first.sees(crossing())
    assert first.sends(most=0) == []
    second = Life(tmp_path, clip)
    (done,) = second.sends()
    assert (done.id, Passage.of(done).plate, untold(done)) == (crossing().id, "hash", False)
    folder, manifest = str(done.data["evidence"]), str(done.data["manifest_sha256"])
    assert verify_package(second.store, folder, manifest) == []
    assert second.noted == 0
    assert Life(tmp_path, clip).sends() == []


def test_a_camera_that_was_killed_removes_the_pictures_of_half_a_package(tmp_path: Path, clip: Path) -> None:
    first = Life(tmp_path, clip)
    first.sees(crossing())
    assert first.sends(most=0) == []
    folder = tmp_path / "evidence" / str(crossing().data["evidence"])
    (folder / "manifest.json").unlink()  # killed a little earlier
    assert (folder / "gate.jpg").exists()
    second = Life(tmp_path, clip)
    assert second.sends() == []
    assert not folder.exists()
    assert second.noted == 0


def test_a_passage_that_was_sent_is_not_told_at_the_next_start(tmp_path: Path, clip: Path) -> None:
    first = Life(tmp_path, clip)
    first.sees(crossing())
    assert len(first.sends()) == 1
    second = Life(tmp_path, clip)
    assert (second.noted, second.sends()) == (0, [])
    assert (tmp_path / "evidence" / str(crossing().data["evidence"])).exists()


def test_a_site_whose_section_lacks_an_end_or_differs_is_told() -> None:
    def camera(role: str, **rule: object) -> dict[str, object]:
        config = {"kind": "section_speed", "section": "abay", "role": role, "gate": "g", "length_m": 900,
                  "limit_kmh": 60} | rule  # fmt: skip
        return {"id": f"{role}-1", "district": "a", "source": {"kind": "file", "path": "a.mp4"},
                "lines": [{"name": "g", "m": [[0, 0], [1, 0]]}], "rules": [config]}  # fmt: skip

    def notes(*cameras: dict[str, object]) -> list[str]:
        site = {"site": "a", "districts": [{"id": "a"}], "cameras": cameras}
        return section_notes(SiteConfig.model_validate(site))

    assert notes(camera("entry"), camera("exit")) == []
    assert notes(camera("entry")) == ["section abay has no exit camera"]
    (said,) = notes(camera("entry"), camera("exit", limit_kmh=70))
    assert said == "section abay: expected the same limit_kmh at all cameras, got entry 60.0, exit 70.0"


class Taken:
    """An outbox and an evidence queue that remember what they were given."""

    def __init__(self) -> None:
        self.sent: list[Event] = []
        self.packaged: list[Event] = []

    def put(self, events: list[Event]) -> int:
        self.sent += events
        return 0

    def add(self, event: Event) -> None:
        self.packaged.append(event)


def feed_to(outbox: Any, evidence: Any) -> Feed:
    camera = SimpleNamespace(live=True, id="cam-1")
    pipeline: Any = SimpleNamespace(camera=camera, lag_frames=0, counts=SimpleNamespace(events=Counter()))
    return Feed(None, pipeline, None, None, outbox, evidence)  # type: ignore[arg-type]


async def test_a_passage_that_a_full_spool_refuses_is_told_once_there_is_room(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.evidence.queue.LEFT_PAUSE_S", 0.0)
    life, later = Life(tmp_path, clip), STARTED_AT + timedelta(hours=1)
    life.sees(crossing())
    spool = Spool(tmp_path / "spool", "cam-1", 1)
    outbox = Outbox(spool, SimpleNamespace)  # type: ignore[arg-type]
    outbox.put([violation()])
    for _ in range(2):
        assert life.queue.has_due(later)
        await feed_to(outbox, life.queue)._package(life.queue.due(later))
        assert (len(spool), life.noted) == (1, 1)
    spool.ack(1)
    await feed_to(outbox, life.queue)._package(life.queue.due(later))
    assert crossing().id.encode() in spool.peek(1)[0]
    assert life.noted == 0
    assert not life.queue.has_due(later)


def test_a_store_that_is_away_as_a_camera_starts_is_asked_again(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(folder: str, name: str) -> bytes:
        raise EvidenceAway("evidence cannot be read")

    monkeypatch.setattr("flows.evidence.queue.LEFT_PAUSE_S", 0.0)
    first = Life(tmp_path, clip)
    first.sees(crossing())
    assert first.sends(most=0) == []
    second = Life(tmp_path, clip)
    with monkeypatch.context() as trouble:
        trouble.setattr(second.store, "read", away)
        assert second.sends() == []
    assert [event.id for event in second.sends()] == [crossing().id]
    assert second.noted == 0


async def test_a_camera_sends_a_passage_before_it_makes_the_next_package() -> None:
    taken = Taken()
    passages = [passage("entry", at_s).event() for at_s in (0, 1)]
    sent: list[int] = []

    def made() -> Iterator[list[Event]]:
        for each in passages:
            yield [each]
            sent.append(len(taken.sent))

    await feed_to(taken, taken)._package(made())
    assert sent == [1, 2]
    assert [event.id for event in taken.sent] == [event.id for event in passages]


def test_a_camera_sends_a_passage_only_after_its_package() -> None:
    taken = Taken()
    feed = feed_to(taken, taken)
    waiting = passage("entry", 0).model_copy(update={"plate": "", "manifest_sha256": ""}).event()
    other = violation()
    feed._publish([waiting, other])
    assert [e.id for e in taken.sent] == [other.id]
    assert [e.id for e in taken.packaged] == [waiting.id, other.id]
    feed._publish([told(waiting, "keyed-hash", "0" * 64)])
    assert [e.id for e in taken.sent] == [other.id, waiting.id]
    assert len(taken.packaged) == 2
