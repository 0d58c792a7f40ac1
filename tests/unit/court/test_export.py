from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from evidencestore import store_in
from packages import PROFILE, SEALED_AT, decision, material, package, sealing, store_package, violation
from PIL import Image

from flows.court import container
from flows.court.contents import FACTS, MANIFEST, RECORD, PackageManifest
from flows.court.export import ExportRefused, Material, export
from flows.court.facts import Facts
from flows.court.gather import gather
from flows.court.verify import verify
from flows.domain.errors import FieldError
from flows.domain.events import Event
from flows.domain.plates import PlateRecord, plate_event
from flows.evidence.package import Manifest
from flows.store.results import Entry

OBJECT = "dome.object.abandoned.v1"


def files(made: bytes) -> dict[str, bytes]:
    return dict(container.read(made).files)


def facts(made: bytes) -> Facts:
    return Facts.model_validate_json(files(made)[FACTS])


def test_a_package_holds_all_that_a_case_rests_on() -> None:
    held = files(package())
    assert {
        "facts.json",
        "record.jsonl",
        "frames/cam-1.csv",
        "manifest.json",
        "seal.p7s",
        "README.txt",
    } <= set(held)
    for name in ("first.jpg", "first-crop.jpg", "last.jpg", "clip.mp4"):
        assert {f"captured/cam-1/{name}", f"signed/cam-1/{name}"} <= set(held)
    assert {f"protocol-{language}.pdf" for language in ("kk", "ru", "en")} <= set(held)
    said = facts(package())
    assert said.measured["speed"].low == 80.5
    assert len(said.trace) == 3
    assert said.local_time.endswith("+05:00")
    (camera,) = said.cameras
    assert (camera.calibration["id"], camera.calibration_valid, camera.clock_unfit) == ("survey-7", True, "")
    assert camera.rate_hz == pytest.approx(25.0)
    versions = {v.role: v for v in said.versions}
    assert versions["detector"].sha256 == "ab" * 32
    assert versions["profile"].version == PROFILE.version
    assert versions["software"].sha256 == "ef" * 32
    assert len(versions["rule"].sha256) == 64
    (decided,) = said.decisions
    assert (decided.by, decided.state) == ("aigul", "confirmed")
    assert said.lists[0].name == "permits"
    assert said.state == "confirmed"


def test_originals_are_byte_for_byte_what_the_camera_stored() -> None:
    held = files(package())
    for name, data in material().captured[0].files.items():
        assert held[f"captured/cam-1/{name}"] == data


def test_every_frame_of_the_clip_is_numbered_timed_and_hashed() -> None:
    rows = files(package())["frames/cam-1.csv"].decode().splitlines()
    manifest = Manifest.model_validate_json(material().captured[0].manifest)
    assert manifest.clip is not None
    assert len(rows) == 1 + len(manifest.clip.pts_us)
    assert [row.split(",")[0] for row in rows[1:]] == [str(n) for n in range(1, len(rows))]


def test_the_same_case_gives_the_same_bytes_but_for_signatures() -> None:
    one, two = files(package()), files(export(material(), sealing()))
    differ = {name for name in one if one[name] != two[name]}
    assert differ <= {"seal.json", "seal.p7s"} | {name for name in one if name.startswith("signed/")}
    assert one[MANIFEST] == two[MANIFEST]


@pytest.mark.slow
def test_a_later_decision_is_another_record_with_the_same_captured_files() -> None:
    later = replace(
        material(), record=(*material().record, decision(violation(), 2, state="issued", by="bolat"))
    )
    one, two = files(package()), files(export(later, sealing()))
    assert facts(export(later, sealing())).state == "issued"
    assert two[RECORD].startswith(one[RECORD])
    assert all(one[n] == two[n] for n in one if n.startswith("captured/"))


@pytest.fixture(scope="module")
def left_behind() -> bytes:
    return export(material(OBJECT), sealing())


@pytest.mark.slow
def test_what_is_no_violation_shows_nobody_else_and_keeps_the_clip_back(left_behind: bytes) -> None:
    held = files(left_behind)
    assert not any(n.endswith(("clip.mp4", "first.jpg")) for n in held if n.startswith("captured/"))
    manifest = PackageManifest.model_validate_json(held[MANIFEST])
    assert [w.name for w in manifest.withheld] == ["cam-1/clip.mp4"]
    original = np.asarray(Image.open(io.BytesIO(files(package())["captured/cam-1/last.jpg"])), np.int32)
    blurred = np.asarray(Image.open(io.BytesIO(held["blurred/cam-1/last.jpg"])), np.int32)
    x0, y0, x1, y1 = (round(v) for v in violation().data["moments"][1]["xyxy"])  # type: ignore[index,call-overload]
    inside = (slice(y0 + 2, y1 - 2), slice(x0 + 2, x1 - 2))
    assert np.abs(original[inside] - blurred[inside]).mean() < 4
    assert original[5, 15, 0] - original[5, 16, 0] > 100  # the frame's number in its corner ends sharply
    assert original[5, 15, 0] - blurred[5, 16, 0] > 90
    assert np.abs(blurred[2:12, 16] - blurred[2:12, 28]).max() < 6  # one block


def test_a_blurred_package_is_good_and_says_what_is_kept_back(left_behind: bytes) -> None:
    report = verify(left_behind, now=SEALED_AT)
    assert report.verdict == "good", report.faults
    assert any("kept back" in w and "clip.mp4" in w for w in report.warnings)
    assert any("there is none" in w for w in report.warnings)
    claimed = json.loads(files(left_behind)["manifest.json"])
    assert {f["blurred_of"] != "" for f in claimed["files"] if f["name"].startswith("blurred/")} == {True}


@pytest.mark.slow
def test_a_person_s_reading_of_the_plate_holds() -> None:
    read = plate_event(
        violation(), PlateRecord(outcome="read", text="123ABC02", shown="123 ABC 02", confident=True)
    )
    corrected = decision(violation(), 2, reason="plate_corrected", plate="128ABC02")
    both = replace(material(), record=(violation(), read, decision(violation()), corrected))
    said = facts(export(both, sealing()))
    assert said.plate is not None
    assert (said.plate.text, said.plate_by) == ("128ABC02", "aigul")


def incomplete(**law: object) -> Material:
    asked = PROFILE.model_copy(update={"evidence": PROFILE.evidence.model_copy(update=law)})
    return replace(material(), profile=asked)


@pytest.mark.parametrize(
    ("law", "missing", "word"),
    [({"pictures": 3}, "pictures", "more pictures"), ({"clip_s": 30.0}, "clip_short", "shorter")],
)
def test_what_the_law_asks_and_is_not_there_is_said(law: dict[str, object], missing: str, word: str) -> None:
    made = export(incomplete(**law), sealing())
    assert json.loads(files(made)[MANIFEST])["missing"] == [missing]
    report = verify(made, now=SEALED_AT)
    assert report.verdict == "good"
    assert any(word in w for w in report.warnings)


@pytest.mark.slow
def test_without_the_profile_the_package_says_that_nothing_was_checked() -> None:
    report = verify(export(replace(material(), profile=None), sealing()), now=SEALED_AT)
    assert any("profile was not at hand" in w for w in report.warnings)


def test_stored_evidence_that_was_touched_is_not_exported() -> None:
    captured = material().captured[0]
    spoilt = {name: data + b"x" if name == "last.jpg" else data for name, data in captured.files.items()}
    with pytest.raises(ExportRefused, match=r"last\.jpg: expected sha256"):
        export(replace(material(), captured=(replace(captured, files=spoilt),)), sealing())
    with pytest.raises(ExportRefused, match="manifest: expected sha256"):
        export(replace(material(), captured=(replace(captured, stated_sha256="0" * 64),)), sealing())


class Shelf:
    """Events as Redis would give them."""

    def __init__(self, *events: Event, decisions: tuple[Event, ...] = ()) -> None:
        self._entries = {e.id: Entry(f"{n}-0", e) for n, e in enumerate(events, 1)}
        self._decisions = list(decisions)
        stored = next((e for e in events if e.type == "dome.evidence.stored.v1"), None)
        first = self._entries[events[0].id]
        self._entries[events[0].id] = replace(first, evidence=stored)

    def event(self, event_id: str) -> Entry | None:
        return self._entries.get(event_id)

    def entries(self, ids: list[str]) -> list[Entry]:
        return [self._entries[i] for i in ids if i in self._entries]

    def decisions(self, violation_id: str) -> list[Event]:
        return self._decisions


@pytest.mark.slow
def test_a_case_is_gathered_from_what_was_stored(tmp_path: Path) -> None:
    store, event = store_in(tmp_path), violation()
    (stored,) = store_package(store, event)
    decided = decision(event)
    found = gather(event.id, Shelf(event, stored, decided, decisions=(decided,)), store)
    assert found.record == (event, stored, decided)
    assert found.profile == PROFILE
    assert export(found, sealing())[:4] == b"PK\x03\x04"
    with pytest.raises(FieldError, match="still kept"):
        gather("nobody", Shelf(event), store)
    with pytest.raises(FieldError, match="package is stored"):
        gather(event.id, Shelf(event), store)


def test_a_profile_of_another_version_is_not_the_law_it_was_judged_by(tmp_path: Path) -> None:
    store, event = store_in(tmp_path), violation(profile="kz@000000000000")
    (stored,) = store_package(store, event, None)
    assert gather(event.id, Shelf(event, stored), store).profile is None
