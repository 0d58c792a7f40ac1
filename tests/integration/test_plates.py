"""Plates of violations in a live job: read behind Serve, asked for through the gateway."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
import street
from evidencestore import verify_package
from live_run import SPEEDERS, Run, kill
from ray import serve

from flows.domain.events import DECISION, EVIDENCE_STORED, SPEEDING
from flows.domain.platehash import PlateHasher
from flows.domain.plates import PLATE_READ
from flows.domain.privacy import PLATE_SEEN
from flows.evidence.package import Manifest
from flows.store.connection import client
from flows.store.evidence import MANIFEST, EvidenceStore
from flows.store.redis_server import EmbeddedRedis
from flows.stream.gateway import PLATES_APP
from serve.app import PlatesArgs, start_plates, start_serve

KEY = "k1:" + "07" * 16
HASHER = PlateHasher.of(KEY)
assert HASHER is not None
SHORT = "the recording begins too late for one clip, so that its violation needs review"


def site(clip: Path) -> str:
    return f"site: test\ncameras:{street.camera_yaml('road', clip)}"


def manifests(run: Run) -> list[Manifest]:
    store = EvidenceStore(str(run.folder / "home" / "evidence"))
    folders = [str(e.data["folder"]) for e in run.events() if e.type == EVIDENCE_STORED]
    assert [verify_package(store, folder) for folder in folders] == [[]] * len(folders)
    return [Manifest.model_validate_json(store.read(folder, MANIFEST)) for folder in folders]


@pytest.fixture(autouse=True)
def own_reader(cluster: None) -> None:
    """One that runs already, whoever left it, would be taken as it is."""
    start_serve()
    serve.delete(PLATES_APP)


def test_every_violation_gets_its_plate(job: Run, clip: Path) -> None:
    job.plates = "plates_fake:load"
    job.go(site(clip))
    found = Counter(event.type for event in job.events())
    assert found == {SPEEDING: SPEEDERS, EVIDENCE_STORED: SPEEDERS, PLATE_READ: SPEEDERS, DECISION: 1}, SHORT
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

    # The job finds it running: its death is noticed sooner than others' would be.
    start_plates(PlatesArgs(loader="plates_fake:load", checked_s=1))
    job.plates, job.trouble = "plates_fake:load", trouble
    job.go(site(clip))
    found = Counter(event.type for event in job.events())
    assert found == {SPEEDING: SPEEDERS, EVIDENCE_STORED: SPEEDERS, PLATE_READ: SPEEDERS, DECISION: 1}, SHORT


def test_a_camera_that_reads_all_plates_keeps_hashes_of_every_vehicle_and_no_text(
    job: Run, clip: Path
) -> None:
    """All cars of the street are seen, fast or not, but one that is small throughout; their hashes are in Redis,
    apart from all events."""
    today = site(clip).replace(
        street.STARTED_AT.isoformat(), datetime.now(UTC).isoformat()
    )  # older ones expired
    job.plates, job.env = "plates_fake:load", {"DOME_PLATE_KEY": KEY}
    with EmbeddedRedis(job.folder / "redis") as job.redis:
        summary = job.go(today.replace("limit_kmh: 50", "limit_kmh: 200") + "    read_plates: true\n")
        redis = client(job.redis.url, 5)
        held = {key: redis.zrange(key, 0, -1) for key in redis.keys("{dome}:plate:*")}
        redis.close()
    assert not summary.problems
    status = summary.cameras["road"]
    assert (status.events, status.errors) == ({PLATE_SEEN: 4}, {})
    assert status.refusals == {"read_plates.too_small": 1}
    assert sum(len(members) for members in held.values()) == 4
    hashes = {HASHER.hash(f"{views:03d}ABC02").encode() for views in (1, 2, 3)}
    assert {key.split(b":", 2)[2].rpartition(b":")[0] for key in held} <= hashes
    assert b"ABC02" not in b"".join(member for members in held.values() for member in members)
    assert job.events() == []
