"""What cannot be read or removed is told in one way, whoever asked."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from flows.domain.errors import EvidenceAway, LostFile, StoreError
from flows.store.evidence import KEEP, EvidenceStore

FOLDER = "lane-1/2026-09-01/a"


@pytest.fixture
def store(tmp_path: Path) -> EvidenceStore:
    made = EvidenceStore(str(tmp_path))
    made.write(FOLDER, {"first.jpg": b"picture"}, b"{}")
    return made


@pytest.mark.parametrize("ask", [EvidenceStore.remove, lambda store, folder: store.discard(folder, "mine")])
def test_what_cannot_be_removed_now_names_the_package_and_why(
    store: EvidenceStore, monkeypatch: pytest.MonkeyPatch, ask: Callable[[EvidenceStore, str], bool]
) -> None:
    def full(place: PurePosixPath) -> None:
        raise OSError("the disk is away")

    monkeypatch.setattr(store._files, "remove", full)
    with pytest.raises(StoreError, match=f"cannot be removed from .*{FOLDER}: the disk is away"):
        ask(store, FOLDER)
    with pytest.raises(StoreError, match="relative path inside the store"):
        ask(store, os.pardir)


def test_owners_that_cannot_be_read_keep_a_package(store: EvidenceStore) -> None:
    store.put(FOLDER, KEEP, b"no json")
    with pytest.raises(StoreError, match="cannot be removed"):
        store.discard(FOLDER, "mine")
    assert store.read(FOLDER, "first.jpg") == b"picture"


def in_memory(tmp_path: Path) -> EvidenceStore:
    return EvidenceStore(f"memory://{tmp_path.name}")


def on_disk(tmp_path: Path) -> EvidenceStore:
    return EvidenceStore(str(tmp_path / "evidence"))


@pytest.mark.parametrize("open_", [in_memory, on_disk])
def test_a_file_that_is_gone_is_lost_while_others_are_there(
    tmp_path: Path, open_: Callable[[Path], EvidenceStore]
) -> None:
    store = open_(tmp_path)
    store.write(FOLDER, {"first.jpg": b"picture"}, b"{}")
    store.drop(FOLDER, "first.jpg")
    with pytest.raises(LostFile, match=r"first\.jpg"):
        store.read(FOLDER, "first.jpg")
    with pytest.raises(LostFile, match=r"first\.jpg"), store.local(FOLDER, "first.jpg"):
        pass


@pytest.mark.parametrize("left", ["an empty folder", "nothing"])
def test_nothing_is_lost_of_a_disk_that_is_not_mounted(tmp_path: Path, left: str) -> None:
    store = on_disk(tmp_path)
    store.write(FOLDER, {"first.jpg": b"picture"}, b"{}")
    shutil.rmtree(tmp_path / "evidence")
    if left == "an empty folder":
        (tmp_path / "evidence").mkdir()
    with pytest.raises(EvidenceAway, match="is its disk mounted"):
        store.read(FOLDER, "first.jpg")
    with pytest.raises(EvidenceAway, match="is its disk mounted"), store.local(FOLDER, "first.jpg"):
        pass
    with pytest.raises(EvidenceAway, match="is its disk mounted"):
        store.discard(FOLDER, "mine")
