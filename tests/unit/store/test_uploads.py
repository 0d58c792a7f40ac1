from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest

from flows.domain.errors import FieldError, StoreError
from flows.store import uploads
from flows.store.uploads import OffsetWrong, UploadShelf
from flows.uploads.kinds import Limits, UploadRefused

DATA = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 8
DIGEST = sha256(DATA).hexdigest()


@pytest.fixture
def shelf(tmp_path: Path) -> UploadShelf:
    return UploadShelf(tmp_path / "uploads", Limits(photo_bytes=4096, clip_bytes=10_000))


def test_a_broken_upload_goes_on_where_it_ended_also_after_a_restart(
    shelf: UploadShelf, tmp_path: Path
) -> None:
    begun = shelf.begin("egov", len(DATA), DIGEST)
    shelf.append("egov", begun.id, 0, DATA[:700])
    again = UploadShelf(tmp_path / "uploads").begin("egov", len(DATA), DIGEST)
    assert (again.id, again.offset, again.complete) == (begun.id, 700, False)
    done = shelf.append("egov", begun.id, 700, DATA[700:])
    assert done.complete
    assert shelf.file("egov", begun.id).read_bytes() == DATA
    shelf.remove("egov", begun.id)
    assert shelf.find("egov", begun.id) is None


def test_a_piece_sent_twice_or_too_early_is_told_the_right_offset(shelf: UploadShelf) -> None:
    begun = shelf.begin("egov", len(DATA), DIGEST)
    shelf.append("egov", begun.id, 0, DATA[:100])
    for offset in (0, 50, 101):
        with pytest.raises(OffsetWrong, match="from byte 100"):
            shelf.append("egov", begun.id, offset, b"x")
    with pytest.raises(FieldError, match="piece"):
        shelf.append("egov", begun.id, 100, bytes(len(DATA)))


def test_another_owner_finds_nothing(shelf: UploadShelf) -> None:
    begun = shelf.begin("egov", len(DATA), DIGEST)
    assert shelf.find("bank", begun.id) is None
    with pytest.raises(FieldError):
        shelf.append("bank", begun.id, 0, DATA[:10])
    for odd in ("../../etc/passwd", "*", "", "a" * 36):
        assert shelf.find("egov", odd) is None


def test_contents_that_are_not_what_was_announced_are_thrown_away(shelf: UploadShelf) -> None:
    begun = shelf.begin("egov", len(DATA), DIGEST)
    shelf.append("egov", begun.id, 0, DATA[:-1] + b"!")
    with pytest.raises(FieldError, match="sha256"):
        shelf.file("egov", begun.id)
    assert shelf.find("egov", begun.id) is None


def test_size_and_kind_are_bounded_from_the_first_piece(shelf: UploadShelf) -> None:
    for size in (0, -1, 10_001):
        with pytest.raises(FieldError, match="size"):
            shelf.begin("egov", size, DIGEST)
    with pytest.raises(FieldError, match="sha256"):
        shelf.begin("egov", 10, "../x")
    big = shelf.begin("egov", 5000, "a" * 64)
    with pytest.raises(UploadRefused, match="MB of that kind"):
        shelf.append("egov", big.id, 0, DATA[:1000])
    with pytest.raises(UploadRefused, match="something else"):
        shelf.append("egov", big.id, 0, bytes(1000))


def test_what_nobody_goes_on_with_is_forgotten(shelf: UploadShelf, tmp_path: Path) -> None:
    begun = shelf.begin("egov", len(DATA), DIGEST)
    (path,) = (tmp_path / "uploads").iterdir()
    os.utime(path, (0, 0))
    assert shelf.forget() == 1
    assert shelf.find("egov", begun.id) is None


def test_a_full_disk_is_told(shelf: UploadShelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "RESERVE", 2**60)
    with pytest.raises(StoreError, match="no room"):
        shelf.begin("egov", len(DATA), DIGEST)
