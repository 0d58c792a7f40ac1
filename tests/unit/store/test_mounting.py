"""Redis remembers which evidence store lies where, for an empty folder cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from flows.domain.errors import EvidenceAway, StoreError
from flows.store.evidence import MARK, EvidenceStore
from flows.store.mounting import begin_evidence, ready_evidence

FOLDER = "lane-1/2026-09-01/a"


@pytest.fixture
def place(redis_url: str, tmp_path: Path) -> Path:
    """Of a store that was set up at the first start and holds a file."""
    place = tmp_path / "mnt" / "evidence"
    ready_evidence(redis_url, str(place))
    EvidenceStore(str(place)).put(FOLDER, "a.jpg", b"picture")
    return place


def test_another_start_finds_the_store_and_says_nothing(
    redis_url: str, place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ready_evidence(redis_url, str(place))
    assert not caplog.messages
    assert EvidenceStore(str(place)).read(FOLDER, "a.jpg") == b"picture"


def test_a_start_without_the_disk_begins_no_store_and_goes_on_when_it_is_back(
    redis_url: str, place: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk = place.parent.rename(tmp_path / "disk")
    place.parent.mkdir()
    ready_evidence(redis_url, str(place))
    assert "may not be mounted; mount it, or begin a new one: dome evidence begin" in caplog.text
    store = EvidenceStore(str(place))
    with pytest.raises(EvidenceAway, match="may not be mounted"):
        store.put(FOLDER, "b.jpg", b"picture")
    assert not list(place.parent.iterdir())
    place.parent.rmdir()
    disk.rename(place.parent)
    store.put(FOLDER, "b.jpg", b"picture")


def test_an_upgrade_while_the_disk_is_away_begins_no_store(
    redis_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An earlier version has kept evidence, and noted no store."""
    place = tmp_path / "mnt"
    place.mkdir()
    redis.Redis.from_url(redis_url).zadd("{dome}:times:type:dome.evidence.stored.v1", {"a": 1})
    ready_evidence(redis_url, str(place))
    assert "may not be mounted" in caplog.text
    assert not list(place.iterdir())
    (place / "lane-1").mkdir()
    ready_evidence(redis_url, str(place))
    assert (place / MARK).exists()


def test_a_mark_that_a_power_cut_has_emptied_is_written_anew(redis_url: str, place: Path) -> None:
    (place / MARK).write_text("")
    begun = begin_evidence(redis_url, str(place))
    assert begun
    assert EvidenceStore(str(place)).set_up(begun) == begun


def test_another_store_s_disk_is_refused(redis_url: str, place: Path) -> None:
    (place / MARK).write_text("0123456789abcdef")
    with pytest.raises(StoreError, match="got 0123456789abcdef: another disk"):
        ready_evidence(redis_url, str(place))


def test_a_new_disk_is_taken_when_somebody_says_so(
    redis_url: str, place: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place.parent.rename(tmp_path / "lost")
    begun = begin_evidence(redis_url, str(place))
    ready_evidence(redis_url, str(place))
    assert not caplog.messages
    assert EvidenceStore(str(place)).set_up(begun) == begun


def test_of_two_machines_whose_disks_are_not_the_same_one_is_refused(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both begin at once, at one address."""
    begin = EvidenceStore.set_up

    def beaten(store: EvidenceStore, known: str = "", used: bool = False) -> str:
        monkeypatch.setattr(EvidenceStore, "set_up", begin)
        begin(store, known)
        begin_evidence(redis_url, str(tmp_path / "evidence"))  # the other one was faster ...
        (tmp_path / "evidence" / MARK).write_text("0123456789abcdef")  # ... and has another disk
        return "0123456789abcdef"

    monkeypatch.setattr(EvidenceStore, "set_up", beaten)
    with pytest.raises(StoreError, match="another disk"):
        ready_evidence(redis_url, str(tmp_path / "evidence"))


def test_an_object_store_is_not_noted(redis_url: str) -> None:
    ready_evidence(redis_url, "memory://evidence")
    assert begin_evidence(redis_url, "memory://evidence") == ""
