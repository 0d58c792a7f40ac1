"""A violation's package and its plate: read, unread, and what happens while nobody reads."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from evidencestore import store_in, verify_package
from media import STARTED_AT, write_video
from PIL import Image
from plate_packages import CONTEXT, READ, Reader, violation

from flows.domain.errors import ReaderAway, ReaderFailed
from flows.domain.events import EVIDENCE_STORED, Event
from flows.domain.plates import PLATE_READ, PlateAnswer
from flows.evidence import platestage
from flows.evidence.package import Manifest, sha256
from flows.evidence.platestage import Crop, PlateStage, spread
from flows.evidence.queue import EvidenceQueue
from flows.sources.file import FileVideo
from flows.store.evidence import MANIFEST, EvidenceStore

COVERED = PlateAnswer("unread", reason="no plate was found")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("clip") / "a.mp4", 100)


Play = Callable[..., tuple[list[Event], Manifest, EvidenceStore]]


@pytest.fixture
def play(tmp_path: Path, clip: Path) -> Play:
    def played(
        reader: Reader, event: Event | None = None, pauses_s: tuple[float, ...] = (0.01, 0.01)
    ) -> tuple[list[Event], Manifest, EvidenceStore]:
        event = event or violation()
        store = store_in(tmp_path / "evidence")
        source = FileVideo("cam-1", clip, started_at=STARTED_AT)
        stage = PlateStage(reader, "KZ", pauses_s)
        queue = EvidenceQueue(source.ring, store, CONTEXT, clip_s=2.0, plates=stage)
        made: list[Event] = []
        for frame in source.frames():
            if frame.index == 60:
                queue.add(event)
            if frame.index % 10 == 0:
                made += chain.from_iterable(queue.due(frame.at))
        made += chain.from_iterable(queue.flush())
        folder = str(made[-1].data["folder"])
        return made, Manifest.model_validate_json(store.read(folder, MANIFEST)), store

    return played


@pytest.mark.slow
def test_a_read_plate_is_in_the_manifest_and_in_an_event_that_names_the_violation(play: Play) -> None:
    event = violation()
    reader = Reader(READ)
    made, manifest, store = play(reader, event)
    told, stored = made
    assert (told.type, stored.type) == (PLATE_READ, EVIDENCE_STORED)
    assert told.data["violation"] == event.id
    assert (told.data["text"], told.data["country"], told.data["confident"]) == ("123ABC02", "KZ", True)
    assert told.data["confidence"] == 0.97
    assert manifest.plate is not None
    assert (manifest.plate.shown, manifest.plate.moment, manifest.plate.crop) == (
        "123 ABC 02",
        "m55",
        "plate.jpg",
    )
    assert manifest.problems == []
    folder = str(stored.data["folder"])
    assert verify_package(store, folder, str(stored.data["manifest_sha256"])) == []
    held = next(f for f in manifest.files if f.kind == "plate")
    data = store.read(folder, "plate.jpg")
    assert sha256(data) == held.sha256
    path = Path(store.address) / folder / "plate.jpg"
    assert Image.open(path).width == pytest.approx(16 * 1.3, abs=2)


def test_the_reader_gets_the_vehicle_of_every_moment_at_full_resolution(play: Play) -> None:
    reader = Reader(READ)
    play(reader)
    (request,) = reader.asked
    assert request.country == "KZ"
    assert [crop.shape for crop in request.crops] == [(32, 32, 3)] * 2
    assert all(crop.dtype == np.uint8 for crop in request.crops)


def test_a_covered_plate_is_unread_without_text_and_the_package_is_complete(play: Play) -> None:
    made, manifest, _ = play(Reader(COVERED))
    assert made[0].data["outcome"] == "unread"
    assert made[0].data["text"] == ""
    assert made[0].data["reason"] == "no plate was found"
    assert manifest.problems == []
    assert [f.name for f in manifest.files if f.kind == "plate"] == []


def test_a_reader_that_comes_back_is_asked_again(play: Play) -> None:
    reader = Reader(ReaderAway("plates: no replica"), ReaderAway("plates: no replica"), READ)
    made, manifest, _ = play(reader)
    assert len(reader.asked) == 3
    assert made[0].data["text"] == "123ABC02"
    assert manifest.problems == []


@pytest.mark.parametrize("error", [ReaderAway("plates: no replica"), ReaderFailed("plate reader: boom")])
def test_without_a_reader_nothing_is_lost_and_the_package_says_why_it_is_incomplete(
    play: Play, error: Exception
) -> None:
    reader = Reader(error)
    made, manifest, store = play(reader)
    assert len(reader.asked) == 3
    assert [e.type for e in made] == [PLATE_READ, EVIDENCE_STORED]
    assert made[0].data["outcome"] == "unavailable"
    assert made[0].data["text"] == ""
    assert manifest.problems == [f"plate: {error}"]
    kinds = {f.kind for f in manifest.files}
    assert kinds == {"picture", "crop", "clip"}
    assert verify_package(store, str(made[-1].data["folder"])) == []


def test_the_end_of_a_camera_does_not_wait_for_ever(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.evidence.queue.END_PATIENCE_S", 0.05)
    reader = Reader(ReaderAway("plates: no replica"))
    made, manifest, _ = play(reader, pauses_s=(60.0,) * 5)
    assert len(reader.asked) == 2
    assert made[0].data["outcome"] == "unavailable"
    assert manifest.problems


def test_people_bear_no_plates(play: Play) -> None:
    reader = Reader(READ)
    made, manifest, _ = play(reader, violation(cls="person"))
    assert reader.asked == []
    assert [e.type for e in made] == [EVIDENCE_STORED]
    assert manifest.plate is None


def test_the_same_violation_gives_the_same_event_again(play: Play) -> None:
    first, _, _ = play(Reader(READ))
    again, _, _ = play(Reader(COVERED))
    assert first[0] == again[0], "the package that is there holds, with its plate"


def test_of_many_moments_some_are_read_from_first_to_last() -> None:
    crops = [Crop(str(i), np.zeros((2, 2, 3), np.uint8)) for i in range(12)]
    picked = [crop.moment for crop in spread(crops, platestage.MOST_CROPS)]
    assert (len(picked), picked[0], picked[-1]) == (5, "0", "11")


def test_a_plate_box_beyond_the_crop_is_cut_at_its_border() -> None:
    answer = PlateAnswer("read", text="A", crop=0, xyxy=(-5, 3, 50, 9))
    crop = Crop("m", np.zeros((10, 20, 3), np.uint8))
    shown = platestage.picture(answer, [crop])
    assert shown is not None
    assert shown.shape == (8, 20, 3)
