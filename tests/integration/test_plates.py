"""Plates of violations in a live job: read behind Serve, asked for through the gateway."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import street
from live_run import SPEEDERS, Run, kill

from flows.domain.events import EVIDENCE_STORED, SPEEDING
from flows.domain.plates import PLATE_READ
from flows.package import Manifest, verify_package
from flows.store.evidence import MANIFEST, EvidenceStore


def site(clip: Path) -> str:
    return f"site: test\ncameras:{street.camera_yaml('road', clip)}"


def manifests(run: Run) -> list[Manifest]:
    store = EvidenceStore(str(run.folder / "home" / "evidence"))
    folders = [str(e.data["folder"]) for e in run.events() if e.type == EVIDENCE_STORED]
    assert [verify_package(store, folder) for folder in folders] == [[]] * len(folders)
    return [Manifest.model_validate_json(store.read(folder, MANIFEST)) for folder in folders]


def test_every_violation_gets_its_plate(job: Run, clip: Path) -> None:
    job.plates = "plates_fake:load"
    job.go(site(clip))
    found = Counter(event.type for event in job.events())
    assert found == {SPEEDING: SPEEDERS, EVIDENCE_STORED: SPEEDERS, PLATE_READ: SPEEDERS}
    read = [event for event in job.events() if event.type == PLATE_READ]
    assert {event.data["violation"] for event in read} == {
        event.id for event in job.events() if event.type == SPEEDING
    }
    for manifest in manifests(job):
        assert not [
            p for p in manifest.problems if not p.startswith("clip: begins")
        ]  # the footage begins late
        assert manifest.plate is not None
        assert manifest.plate.text == f"{manifest.plate.looked:03d}ABC02"
        assert manifest.plate.country == "KZ"


@pytest.mark.timeout(300)
def test_a_killed_plate_reader_is_replaced_and_asked_again(job: Run, clip: Path) -> None:
    def trouble(run: Run) -> None:
        run.until(lambda c: c["road"].detected > 20)
        kill("ray::ServeReplica:plates")

    job.plates, job.trouble = "plates_fake:load", trouble
    job.go(site(clip))
    found = Counter(event.type for event in job.events())
    assert found == {SPEEDING: SPEEDERS, EVIDENCE_STORED: SPEEDERS, PLATE_READ: SPEEDERS}
