from __future__ import annotations

import io
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from evidencestore import store_in, verify_package
from media import STARTED_AT, shown_index, square_at, write_video
from PIL import Image
from plate_packages import CONTEXT

from flows.domain.errors import StoreError
from flows.domain.events import (
    EVIDENCE_STORED,
    OBJECT_ABANDONED,
    SPEEDING,
    Event,
    KeyMoment,
    Measured,
    Violation,
    evidence_folder,
)
from flows.domain.frames import Frame
from flows.domain.objects import AbandonedObject
from flows.evidence.package import Manifest, sha256
from flows.evidence.queue import EvidenceQueue
from flows.jurisdiction import EvidenceLaw, load_profile
from flows.pictures.blurring import BLOCKS
from flows.sources.file import FileVideo
from flows.sources.ring import PacketRing
from flows.store.evidence import MANIFEST, EvidenceStore


def at(frame: float) -> datetime:
    return STARTED_AT + timedelta(seconds=frame / 25)


def make_violation(first: float = 130, closest: float = 150, size: tuple[int, int] = (320, 240)) -> Event:
    moments = []
    for name, index in (("first", first), ("closest", closest)):
        left, top = square_at(int(index), *size)
        moments.append(KeyMoment(name=name, at=at(index), xyxy=(left, top, left + 24, top + 24)))
    violation = Violation(
        rule="speeding",
        rule_version="1",
        track=7,
        cls="car",
        measured={"speed": Measured(value=82.0, low=80.5, high=83.5, unit="km/h")},
        threshold={"limit_kmh": 60.0},
        moments=moments,
        trace=[(0.0, 1.0, 2.0), (0.4, 1.0, 9.0)],
    )
    data = violation.model_dump(mode="json")
    return Event.of(SPEEDING, camera_id="cam-1", district="center", at=at(closest), data=data)


class Job:
    """A camera's loop in small: reads a file, hands over events when their time comes, asks what is due."""

    def __init__(self, path: Path, store: EvidenceStore, ring: PacketRing | None = None) -> None:
        self.source = FileVideo("cam-1", path, started_at=STARTED_AT, ring=ring)
        self.queue = EvidenceQueue(self.source.ring, store, CONTEXT, clip_s=4.0, pauses_s=(0.0, 0.0))
        self.stored: list[tuple[int, Event]] = []

    def run(self, events: Mapping[int, Event]) -> Job:
        for frame in self.source.frames():
            self._step(frame, events)
        self.stored += [(-1, e) for e in chain.from_iterable(self.queue.flush())]
        return self

    def _step(self, frame: Frame, events: Mapping[int, Event]) -> None:
        if frame.index in events:
            self.queue.add(events[frame.index])
        if frame.index % 25 == 0 and self.queue.has_due(frame.at):
            self.stored += [(frame.index, e) for e in chain.from_iterable(self.queue.due(frame.at))]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("clip") / "a.mp4", 300)


@pytest.mark.slow
def test_a_package_holds_pictures_crops_and_clip_each_with_its_hash(tmp_path: Path, clip: Path) -> None:
    store = store_in(tmp_path / "evidence")
    event = make_violation()
    job = Job(clip, store).run({170: event})
    ((when, stored),) = job.stored
    assert when == 200  # the clip goes on for two seconds after the middle of the moments, at frame 140
    folder = evidence_folder(event)
    assert folder == f"cam-1/2026-05-04/{event.id}"
    manifest = Manifest.model_validate_json(store.read(folder, MANIFEST))
    assert [f.name for f in manifest.files] == [
        "first.jpg", "first-crop.jpg", "closest.jpg", "closest-crop.jpg", "clip.mp4"
    ]  # fmt: skip
    for file in manifest.files:
        data = (tmp_path / "evidence" / folder / file.name).read_bytes()
        assert (len(data), sha256(data)) == (file.size, file.sha256)
    assert manifest.problems == []
    assert manifest.event == event
    assert manifest.context.detector.sha256 == "ab" * 32
    assert verify_package(store, folder, str(stored.data["manifest_sha256"])) == []
    assert (stored.type, stored.data["violation"], stored.data["folder"]) == (
        EVIDENCE_STORED,
        event.id,
        folder,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("law", "missing", "at_least_s"),
    [({"pictures": 2, "clip_s": 6.0}, [], 5.0), ({"pictures": 3, "clip_s": 2.0}, ["pictures"], 1.0),
     ({"pictures": 2, "clip_s": 30.0}, ["clip_short"], 8.0)],
)  # fmt: skip
def test_a_package_is_cut_as_the_law_on_its_rule_asks_and_says_what_it_lacks(
    tmp_path: Path, clip: Path, law: dict[str, Any], missing: list[str], at_least_s: float
) -> None:
    profile = load_profile("kz")
    speeding = profile.law("speeding").model_copy(update={"evidence": EvidenceLaw(**law)})
    profile = profile.model_copy(update={"rules": profile.rules | {"speeding": speeding}})
    job = Job(clip, store_in(tmp_path))
    context = CONTEXT.model_copy(update={"profile": profile})
    job.queue = EvidenceQueue(job.source.ring, store_in(tmp_path), context)
    ((_, stored),) = job.run({170: make_violation()}).stored
    said: Any = stored.data["completeness"]
    assert said["missing"] == missing
    assert said["pictures"] == 2
    assert at_least_s < said["clip_s"] < law["clip_s"] + 2


@pytest.mark.slow
def test_pictures_show_the_decisive_moments_and_crops_the_object(tmp_path: Path, clip: Path) -> None:
    store = store_in(tmp_path)
    event = make_violation()
    Job(clip, store).run({170: event})
    folder = evidence_folder(event)
    for name, index in (("first", 130), ("closest", 150)):
        rgb = np.asarray(Image.open(io.BytesIO(store.read(folder, f"{name}.jpg"))))
        assert rgb.shape == (240, 320, 3)
        assert shown_index(rgb, index) == index
        crop = np.asarray(Image.open(io.BytesIO(store.read(folder, f"{name}-crop.jpg"))))
        assert crop.shape[0] == pytest.approx(24 * 1.3, abs=3)
        assert crop[12:18, 12:18].mean((0, 1)) == pytest.approx([240, 220, 40], abs=12)


@pytest.mark.slow
def test_the_clip_covers_the_moments_and_tells_when_each_frame_was(tmp_path: Path, clip: Path) -> None:
    store = store_in(tmp_path)
    event = make_violation()
    Job(clip, store).run({170: event})
    manifest = Manifest.model_validate_json(store.read(evidence_folder(event), MANIFEST))
    assert manifest.clip is not None
    ats = [manifest.clip.first_at + timedelta(microseconds=us) for us in manifest.clip.pts_us]
    assert ats[0] <= at(90)
    assert ats[-1] >= at(190)
    with av.open(io.BytesIO(store.read(evidence_folder(event), "clip.mp4"))) as container:
        shown = [
            shown_index(f.to_ndarray(format="bgr24"), 75 + n) for n, f in enumerate(container.decode(video=0))
        ]
    assert [at(i) for i in shown] == ats


def test_the_same_footage_gives_the_same_package_and_event(tmp_path: Path, clip: Path) -> None:
    one = Job(clip, store_in(tmp_path / "1")).run({170: make_violation()})
    two = Job(clip, store_in(tmp_path / "2")).run({190: make_violation()})
    assert [e for _, e in one.stored] == [e for _, e in two.stored]


def test_a_package_that_is_there_stays_as_it_is(tmp_path: Path, clip: Path) -> None:
    store = store_in(tmp_path)
    first = Job(clip, store).run({170: make_violation()})
    again = Job(clip, store, PacketRing(ring_s=3.0)).run({170: make_violation()})
    assert [e for _, e in first.stored] == [e for _, e in again.stored]


def test_a_clip_cut_short_by_the_end_says_so(tmp_path: Path, clip: Path) -> None:
    store = store_in(tmp_path)
    event = make_violation(first=270, closest=290)
    job = Job(clip, store).run({299: event})
    ((_, stored),) = job.stored
    assert any("early" in str(p) for p in stored.data["problems"])  # type: ignore[union-attr]
    assert job.queue.counts["incomplete"] == 1
    assert verify_package(store, evidence_folder(event)) == []


def test_a_moment_the_ring_no_longer_holds_is_named_and_the_rest_is_kept(tmp_path: Path, clip: Path) -> None:
    store = store_in(tmp_path)
    event = make_violation(first=20, closest=150)
    job = Job(clip, store, PacketRing(ring_s=4.0)).run({170: event})
    ((_, stored),) = job.stored
    assert "first" in str(stored.data["problems"])
    assert "closest.jpg" in stored.data["files"]  # type: ignore[operator]


def test_packets_are_secured_when_the_event_is_added(tmp_path: Path, clip: Path) -> None:
    store = store_in(tmp_path)
    job = Job(clip, store, PacketRing(ring_s=3.5)).run({170: make_violation()})
    ((_, stored),) = job.stored
    assert stored.data["problems"] == []


class FlakyStore(EvidenceStore):
    def __init__(self, address: str, failures: int) -> None:
        super().__init__(address)
        self.set_up()
        self.failures = failures

    def write(self, folder: str, files: Mapping[str, bytes], manifest: bytes) -> bytes:
        if self.failures:
            self.failures -= 1
            raise StoreError("the disk is full")
        return super().write(folder, files, manifest)


@pytest.mark.parametrize("late", [False, True])
def test_a_failure_is_tried_again_later_as_often_as_there_are_pauses(
    tmp_path: Path, clip: Path, late: bool
) -> None:
    event = make_violation(270, 290) if late else make_violation()
    once = Job(clip, FlakyStore(str(tmp_path), 2)).run({299 if late else 170: event})
    assert len(once.stored) == 1
    assert (once.queue.counts["retried"], once.queue.lost) == (2, 0)
    never = Job(clip, FlakyStore(str(tmp_path / "b"), 9)).run({170: make_violation()})
    assert never.stored == []
    assert (never.queue.lost, len(never.queue)) == (1, 0)


def test_a_machine_with_another_folder_there_says_why_it_loses_packages(tmp_path: Path, clip: Path) -> None:
    folder = tmp_path / "evidence"
    (folder / "cam-0").mkdir(parents=True)
    lost = Job(clip, EvidenceStore(str(folder))).run({170: make_violation()})
    assert (lost.stored, lost.queue.lost) == ([], 1)
    why = "nothing of the store is there, its disk may not be mounted"
    assert lost.queue.problem.endswith(f"UTC no evidence could be kept in {folder}: {why}")
    again = Job(clip, FlakyStore(str(tmp_path / "b"), 2)).run({170: make_violation()})
    assert (len(again.stored), again.queue.problem) == (1, "")


def test_nobody_reads_the_store_s_password_in_a_camera_s_status(tmp_path: Path, clip: Path) -> None:
    store = FlakyStore(str(tmp_path), 9)
    store.address = "sftp://camera:s3cret@10.0.0.1/evidence"
    told = Job(clip, store).run({170: make_violation()}).queue.problem
    assert "sftp://camera:***@10.0.0.1/evidence" in told
    assert "s3cret" not in told


def test_a_full_disk_is_waited_for(tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = 100.0
    monkeypatch.setattr("flows.evidence.queue.time.monotonic", lambda: seconds)
    store = FlakyStore(str(tmp_path), 3)
    source = FileVideo("cam-1", clip, started_at=STARTED_AT)
    queue = EvidenceQueue(source.ring, store, CONTEXT, clip_s=4.0)
    assert len(list(source.frames())) == 300
    queue.add(make_violation())
    made: list[tuple[float, Event]] = []
    asked = []
    for _ in range(20):
        if queue.has_due(at(300)):
            asked.append(seconds)
            made += [(seconds, event) for event in chain.from_iterable(queue.due(at(300)))]
        seconds += 1.0
    assert asked == [100, 101, 103, 107]
    assert [(when, event.type) for when, event in made] == [(100 + 1 + 2 + 4, EVIDENCE_STORED)]
    assert (queue.lost, len(queue)) == (0, 0)


@pytest.mark.parametrize(("most_bytes", "kept"), [(1 << 20, 3), (0, 1)])
def test_what_waits_for_a_full_disk_is_bounded_and_the_rest_is_counted(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch, most_bytes: int, kept: int
) -> None:
    monkeypatch.setattr("flows.evidence.queue._RETRY_BYTES", most_bytes)
    source = FileVideo("cam-1", clip, started_at=STARTED_AT)
    queue = EvidenceQueue(source.ring, FlakyStore(str(tmp_path), 9), CONTEXT, clip_s=4.0)
    assert len(list(source.frames())) == 300
    for first in (130, 135, 140):
        queue.add(make_violation(first))
    assert list(queue.due(at(300))) == [[], [], []]
    assert (len(queue), queue.lost) == (kept, 3 - kept)


class OddStore(EvidenceStore):
    """Fails for one event in a way that nobody thought of."""

    odd = ""

    def write(self, folder: str, files: Mapping[str, bytes], manifest: bytes) -> bytes:
        if folder.endswith(self.odd):
            raise ZeroDivisionError("odd")
        return super().write(folder, files, manifest)


@pytest.mark.parametrize("late", [False, True])
def test_an_odd_error_loses_one_package_and_is_counted(tmp_path: Path, clip: Path, late: bool) -> None:
    events = [make_violation(first, 150 + first - 130) for first in (130, 131, 132)]
    store = OddStore(str(tmp_path))
    store.set_up()
    store.odd = events[1].id
    job = Job(clip, store).run({(297 if late else 170) + i: event for i, event in enumerate(events)})
    assert [e.data["violation"] for _, e in job.stored] == [events[0].id, events[2].id]
    assert (job.queue.lost, len(job.queue)) == (1, 0)


def test_events_that_are_no_violation_need_no_package(tmp_path: Path, clip: Path) -> None:
    job = Job(clip, store_in(tmp_path))
    job.queue.add(Event.of("dome.camera.state.v1", camera_id="cam-1", district="d", at=at(1), data={}))
    assert len(job.queue) == 0


def test_too_many_waiting_are_made_early_never_dropped(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.evidence.queue._MAX_WAITING", 2)
    events = {280 + i: make_violation(230 + i, 270 + i) for i in range(6)}
    job = Job(clip, store_in(tmp_path)).run(events)
    assert {e.data["violation"] for _, e in job.stored} == {e.id for e in events.values()}


@pytest.mark.parametrize("name", ["closest.jpg", "clip.mp4"])
def test_one_flipped_byte_is_found(tmp_path: Path, clip: Path, name: str) -> None:
    store = store_in(tmp_path)
    event = make_violation()
    Job(clip, store).run({170: event})
    path = tmp_path / evidence_folder(event) / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    (wrong,) = verify_package(store, evidence_folder(event))
    assert wrong.startswith(f"{name}: expected")
    path.unlink()
    (missing,) = verify_package(store, evidence_folder(event))
    assert missing.startswith(f"{name}: evidence cannot be read")


def test_a_changed_manifest_is_found_by_its_event(tmp_path: Path, clip: Path) -> None:
    store = store_in(tmp_path)
    event = make_violation()
    ((_, stored),) = Job(clip, store).run({170: event}).stored
    path = tmp_path / evidence_folder(event) / MANIFEST
    manifest = json.loads(path.read_text())
    manifest["event"]["data"]["measured"]["speed"]["value"] = 120.0
    path.write_text(json.dumps(manifest))
    assert verify_package(store, evidence_folder(event)) == []
    (wrong,) = verify_package(store, evidence_folder(event), str(stored.data["manifest_sha256"]))
    assert wrong.startswith(MANIFEST)


def test_a_manifest_that_points_elsewhere_is_refused(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    with pytest.raises(StoreError, match="relative path"):
        store.read("../elsewhere", MANIFEST)
    with pytest.raises(StoreError, match="plain file name"):
        store.read("cam-1/2026-05-04/x", "../../passwd")
    assert verify_package(store, "cam-1/2026-05-04/absent")[0].startswith(MANIFEST)


def test_any_address_serves_as_store(clip: Path) -> None:
    pytest.importorskip("fsspec")
    store = EvidenceStore("memory://dome-evidence-test")
    event = make_violation()
    Job(clip, store).run({170: event})
    assert verify_package(store, evidence_folder(event)) == []
    with pytest.raises(StoreError, match="DOME_EVIDENCE"):
        EvidenceStore("nosuchscheme://x")


def test_each_package_is_told_before_the_next_is_made(tmp_path: Path, clip: Path) -> None:
    source = FileVideo("cam-1", clip, started_at=STARTED_AT)
    queue = EvidenceQueue(source.ring, store_in(tmp_path), CONTEXT, clip_s=4.0)
    assert len(list(source.frames())) == 300
    for first in (130, 131, 132):
        queue.add(make_violation(first, 150 + first - 130))
    told = [len(list(tmp_path.rglob(MANIFEST))) for _ in queue.due(at(300))]
    assert told == [1, 2, 3]


def test_of_a_package_that_cannot_be_written_nothing_stays(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    folder = "cam-1/2026-05-04/e"
    with pytest.raises(StoreError, match="cannot be written"):
        store.write(folder, {"gate.jpg": b"somebody who did nothing", "n" * 300: b""}, b"{}")
    assert not (tmp_path / folder).exists()
    store.write(folder, {"gate.jpg": b"1"}, b"{}")
    with pytest.raises(StoreError):
        store.write("../e", {"gate.jpg": b"1"}, b"{}")
    assert store.write(folder, {"n" * 300: b""}, b"[]") == b"{}", "what is there stays"
    assert store.read(folder, "gate.jpg") == b"1"


def test_what_goes_wrong_in_clearing_up_hides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(*_: object) -> None:
        raise ZeroDivisionError("an object store's own kind of error")

    store = store_in(tmp_path)
    monkeypatch.setattr(store._files, "remove", odd)
    with pytest.raises(StoreError, match="cannot be written"):
        store.write("cam-1/2026-05-04/e", {"n" * 300: b""}, b"{}")


def test_a_half_written_package_is_no_package(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    (tmp_path / "cam-1").mkdir()
    (tmp_path / "cam-1" / "2026-05-04").write_text("a file where a folder should be")
    with pytest.raises(StoreError, match="cannot be written"):
        store.write("cam-1/2026-05-04/e", {"a.jpg": b"1"}, b"{}")
    assert not list(tmp_path.rglob("*.part"))


def left_behind(bystanders: dict[str, list[tuple[float, float, float, float]]]) -> Event:
    """A thing left behind in frame 150, with somebody passing."""
    thing = (4.0, 200.0, 24.0, 220.0)
    seen = AbandonedObject(
        rule_version="1", state="abandoned", placed_at=at(100), left_at=at(120), owner="gone", owner_number=1,
        xyxy=thing, size_m=(0.4, 0.4), confidence=0.9, bystanders=bystanders,
        moments=(KeyMoment(name="now", at=at(150), xyxy=thing),),
    )  # fmt: skip
    data = seen.model_dump(mode="json")
    return Event.of(OBJECT_ABANDONED, camera_id="cam-1", district="center", at=at(150), data=data)


def test_a_thing_left_behind_shows_nobody_else_and_has_no_clip(tmp_path: Path, clip: Path) -> None:
    left, top = square_at(150, 320, 240)
    side = 240 // BLOCKS
    blocks = [(y, x) for y in range(0, 240, side) for x in range(0, 320, side)
              if left - 30 <= x and x + side <= left + 54 and top - 30 <= y and y + side <= top + 54]  # fmt: skip
    spread = {}
    for name, boxes in (
        ("clear", {}),
        ("blurred", {"now": [(left - 30.0, top - 30.0, left + 54.0, top + 54.0)]}),
    ):
        event = left_behind(boxes)
        store = store_in(tmp_path / name)
        Job(clip, store).run({151: event})
        folder = evidence_folder(event)
        manifest = Manifest.model_validate_json(store.read(folder, MANIFEST))
        assert {file.name for file in manifest.files} == {"now.jpg", "now-crop.jpg"}
        rgb = np.asarray(Image.open(io.BytesIO(store.read(folder, "now.jpg"))))
        spread[name] = max(float(rgb[y : y + side, x : x + side].std((0, 1)).max()) for y, x in blocks)
    assert spread["blurred"] < 12 < 30 < spread["clear"]
