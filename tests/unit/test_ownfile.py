"""A file for its owner only: whole, or as it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flows.ownfile import write_own


def test_nobody_else_may_read_it_whatever_the_process_allows_or_it_was_before(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("old")
    path.chmod(0o644)
    mask = os.umask(0)
    try:
        write_own(path, b"new")
    finally:
        os.umask(mask)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o600)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("links", [True, False])
def test_of_several_who_make_one_the_first_one_s_holds_on_a_disk_that_knows_no_links_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def unknown(path: Path, target: Path) -> None:
        raise PermissionError("operation not permitted")

    if not links:
        monkeypatch.setattr(Path, "hardlink_to", unknown)
    for name in (b"first", b"second"):
        write_own(tmp_path / "key", name, first=True)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("key", b"first")]


def test_a_full_disk_leaves_the_old_one_and_no_half_of_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError("no space left on device")

    write_own(tmp_path / "keys", b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        write_own(tmp_path / "keys", b"new")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("keys", b"old")]
