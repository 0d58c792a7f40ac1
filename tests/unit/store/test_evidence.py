"""A package that cannot be removed says so in one way, whoever asked."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from flows.domain.errors import StoreError
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
