"""The seat-belt rule in a live job: candidates are judged behind Serve, asked for through the gateway."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import street
from evidencestore import kept_in, verify_package
from live_run import Run, kill
from ray import serve

from cluster.live import LiveOptions
from flows.domain.belts import SEAT_BELT
from flows.domain.events import EVIDENCE_STORED
from flows.evidence.package import Manifest
from flows.store.evidence import MANIFEST, EvidenceStore
from flows.stream.gateway import BELTS_APP
from serve.app import BeltsArgs, start_belts, start_serve

RULE = "[{kind: seat_belt, min_width_px: 60}]"


def site(clip: Path) -> str:
    rules = "[{kind: speeding, limit_kmh: 50, tolerance_kmh: 0}]"
    camera = street.camera_yaml("road", clip)
    assert rules in camera, "the tests' street has another rule now"
    return f"site: test\ncameras:{camera.replace(rules, RULE)}"


@pytest.fixture(autouse=True)
def own_classifier(cluster: None) -> Iterator[None]:
    """Each test deploys a classifier of its own: one that runs already would be taken as it is."""
    yield
    serve.delete(BELTS_APP)


@pytest.fixture
def store(job: Run) -> EvidenceStore:
    return EvidenceStore(str(job.folder / "home" / "evidence"))


def test_missing_belts_become_violations_for_review_with_their_packages(
    job: Run, clip: Path, store: EvidenceStore
) -> None:
    job.options = LiveOptions(belts="belts_fake:load")
    job.go(site(clip))
    found = Counter(event.type for event in job.events())
    assert set(found) == {SEAT_BELT, EVIDENCE_STORED}
    assert found[SEAT_BELT] == found[EVIDENCE_STORED] >= 3
    for event in (e for e in job.events() if e.type == SEAT_BELT):
        assert (event.data["needs_review"], event.data["state"]) == (True, "needs_review")
        assert event.data["seats"] == {"driver": "unworn", "passenger": "nobody"}
        folder = str(event.data["evidence"])
        assert verify_package(store, folder) == []
        assert Manifest.model_validate_json(store.read(folder, MANIFEST)).event == event


def test_behind_glare_nothing_is_told_or_kept_but_counted(job: Run, clip: Path) -> None:
    job.options = LiveOptions(belts="belts_fake:blind")
    summary = job.go(site(clip))
    assert job.events() == []
    assert not kept_in(job.folder / "home" / "evidence")
    assert summary.cameras["road"].refusals["belt_glare"] >= 3
    assert summary.cameras["road"].events == {}


@pytest.mark.timeout(300)
def test_a_killed_classifier_is_replaced_and_asked_again(job: Run, clip: Path) -> None:
    def trouble(run: Run) -> None:
        run.until(lambda c: c["road"].detected > 20)
        kill("ray::ServeReplica:belts")

    start_serve()  # the job finds it running: its death is noticed sooner than others' would be
    start_belts(BeltsArgs(loader="belts_fake:load", checked_s=1))
    job.options, job.trouble = LiveOptions(belts="belts_fake:load"), trouble
    summary = job.go(site(clip))
    found = Counter(event.type for event in job.events())
    assert found[SEAT_BELT] == found[EVIDENCE_STORED] >= 3
    assert "belts_unavailable" not in summary.cameras["road"].refusals


@pytest.mark.timeout(300)
def test_without_a_classifier_candidates_are_counted_and_nobody_is_accused(
    job: Run, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cluster.live.READERS_S", 5.0)
    job.options = LiveOptions(belts="belts_fake:broken")
    summary = job.go(site(clip))
    assert job.events() == []
    assert summary.cameras["road"].refusals["belts_unavailable"] >= 3
