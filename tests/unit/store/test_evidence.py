"""What cannot be read or removed is told in one way, whoever asked."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import pytest
from evidencestore import store_in

from flows.domain.errors import EvidenceAway, LostFile, StoreError
from flows.store.evidence import KEEP, MANIFEST, MARK, EvidenceStore

FOLDER = "lane-1/2026-09-01/a"


@pytest.fixture
def store(tmp_path: Path) -> EvidenceStore:
    made = store_in(tmp_path)
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


@pytest.mark.parametrize("fails", ["drop", "remove"])
def test_a_package_that_an_object_store_took_without_saying_so_is_whole_when_it_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    """Objects are removed one after another, and the store may go away in between."""
    store = EvidenceStore(f"memory://{tmp_path.name}")
    files = {"first.jpg": b"picture", "gate.jpg": b"another"}
    write = store._files.write

    def unanswered(path: PurePosixPath, data: bytes) -> None:
        write(path, data)
        if path.name == MANIFEST:
            raise OSError("timed out")

    drop = store._files.drop

    def away(path: PurePosixPath) -> None:
        if fails == "remove":
            drop(path / "gate.jpg")
        raise OSError("timed out")

    with monkeypatch.context() as trouble:
        trouble.setattr(store._files, "write", unanswered)
        trouble.setattr(store._files, fails, away)
        with pytest.raises(EvidenceAway, match="timed out"):
            store.write(FOLDER, files, b"{}")
    assert store.write(FOLDER, files, b"{}") == b"{}"
    assert {name: store.read(FOLDER, name) for name in files} == files


def test_owners_that_cannot_be_read_keep_a_package(store: EvidenceStore) -> None:
    store.put(FOLDER, KEEP, b"no json")
    with pytest.raises(StoreError, match="cannot be removed"):
        store.discard(FOLDER, "mine")
    assert store.read(FOLDER, "first.jpg") == b"picture"


def in_memory(tmp_path: Path) -> EvidenceStore:
    return EvidenceStore(f"memory://{tmp_path.name}")


def on_disk(tmp_path: Path) -> EvidenceStore:
    return store_in(tmp_path / "evidence")


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
def test_of_a_disk_that_is_not_mounted_nothing_is_lost_and_nothing_counts_as_removed(
    tmp_path: Path, left: str
) -> None:
    store = away(tmp_path, left)
    with pytest.raises(EvidenceAway, match="may not be mounted"):
        store.read(FOLDER, "first.jpg")
    with pytest.raises(EvidenceAway, match="may not be mounted"), store.local(FOLDER, "first.jpg"):
        pass
    for remove in (
        lambda: store.discard(FOLDER, "mine"),
        lambda: store.remove(FOLDER),
        lambda: store.drop(FOLDER, "first.jpg"),
    ):
        with pytest.raises(EvidenceAway, match="may not be mounted"):
            remove()


@pytest.mark.parametrize("left", ["an empty folder", "nothing"])
def test_nothing_is_written_under_the_disk_that_is_not_mounted(tmp_path: Path, left: str) -> None:
    store = away(tmp_path, left)
    (tmp_path / "b.mp4").write_bytes(b"film")
    for write in (
        lambda: store.write(FOLDER, {"first.jpg": b"picture"}, b"{}"),
        lambda: store.put(FOLDER, "a.jpg", b"picture"),
        lambda: store.put(FOLDER, "b.mp4", tmp_path / "b.mp4"),
        lambda: store.keep(FOLDER, "mine"),
        store.free_bytes,
    ):
        with pytest.raises(EvidenceAway, match="may not be mounted"):
            write()
    assert not list((tmp_path / "evidence").rglob("*"))
    (tmp_path / "disk").rename(tmp_path / "evidence")
    store.put(FOLDER, "a.jpg", b"picture")
    assert store.read(FOLDER, "a.jpg") == b"picture"


def away(tmp_path: Path, left: str) -> EvidenceStore:
    """A store with a package whose disk lies aside."""
    store = on_disk(tmp_path)
    store.write(FOLDER, {"first.jpg": b"picture"}, b"{}")
    (tmp_path / "evidence").rename(tmp_path / "disk")
    if left == "an empty folder":
        (tmp_path / "evidence").mkdir()
    return store


def test_packages_of_an_earlier_version_belong_to_the_store_that_is_set_up_there(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir(parents=True)
    (tmp_path / FOLDER / "first.jpg").write_bytes(b"picture")
    store = EvidenceStore(str(tmp_path))
    known = store.set_up()
    assert store.read(FOLDER, "first.jpg") == b"picture"
    assert (store.set_up(known), EvidenceStore(str(tmp_path)).set_up()) == (known, known)


def test_of_several_who_begin_at_once_one_s_id_holds(tmp_path: Path) -> None:
    stores = [EvidenceStore(str(tmp_path / "evidence")) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(EvidenceStore.set_up, stores))
    assert len(ids) == 1
    assert [path.name for path in (tmp_path / "evidence").iterdir()] == [MARK]


def test_a_disk_that_knows_no_links_takes_a_store_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "no links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    store = on_disk(tmp_path)
    store.put(FOLDER, "a.jpg", b"picture")
    assert store.set_up() == on_disk(tmp_path).set_up() != ""


def test_an_object_store_needs_no_mark(tmp_path: Path) -> None:
    store = in_memory(tmp_path)
    assert store.set_up() == ""
    store.put(FOLDER, "a.jpg", b"picture")
