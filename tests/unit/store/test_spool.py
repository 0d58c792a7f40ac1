"""The spool keeps events through crashes, within its bound, and says what it could not keep."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from flows.domain.errors import StoreError
from flows.store import spool as module
from flows.store.spool import Spool


def lines(*numbers: int) -> list[bytes]:
    return [b'{"n":%d}' % n for n in numbers]


def opened(folder: Path, max_events: int = 1000) -> Spool:
    return Spool(folder, "road-1", max_events)


def test_events_come_out_in_order_and_stay_until_acknowledged(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.append(lines(1, 2))
    spool.append(lines(3))
    assert spool.peek(2) == lines(1, 2)
    assert spool.peek(10) == lines(1, 2, 3)
    spool.ack(2)
    assert spool.peek(10) == lines(3)
    assert len(spool) == 1


def test_a_new_instance_goes_on_where_a_killed_one_stopped(tmp_path: Path) -> None:
    first = opened(tmp_path)
    first.append(lines(1, 2, 3))
    first.ack(1)
    first._lock.close()  # a killed process closes nothing else
    second = opened(tmp_path)
    second.append(lines(4))
    assert second.peek(10) == lines(2, 3, 4)
    second.ack(3)
    assert len(second) == 0
    assert list(second.folder.glob("*.jsonl")) == [], "a drained spool gives its space back"


def test_a_line_torn_by_a_crash_is_skipped_and_counted(tmp_path: Path) -> None:
    first = opened(tmp_path)
    first.append(lines(1, 2))
    first.close()
    [path] = first.folder.glob("*.jsonl")
    path.write_bytes(path.read_bytes() + b'{"n":3,"torn')
    second = opened(tmp_path)
    second.append(lines(4))
    assert second.torn == 1
    assert len(second) == 3
    assert second.peek(10) == lines(1, 2, 4)
    second.ack(2)
    assert second.peek(10) == lines(4)


def test_zeros_left_by_a_power_cut_are_no_events(tmp_path: Path) -> None:
    first = opened(tmp_path)
    first.append(lines(1))
    first.close()
    [path] = first.folder.glob("*.jsonl")
    path.write_bytes(b'{"n"' + bytes(300) + b"}\n" + path.read_bytes() + bytes(4096))
    assert opened(tmp_path).peek(10) == lines(1)


def test_a_damaged_cursor_means_that_events_come_again(tmp_path: Path) -> None:
    first = opened(tmp_path)
    first.append(lines(1, 2))
    first.ack(1)
    first.close()
    (first.folder / "cursor").write_bytes(b"\0\0")
    assert opened(tmp_path).peek(10) == lines(1, 2)


@pytest.mark.parametrize("files", [1, 3])
def test_who_is_killed_while_acknowledging_loses_nothing_that_comes_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: int
) -> None:
    monkeypatch.setattr(module, "SEGMENT_BYTES", 14)  # two events a file
    first = opened(tmp_path)
    for n in range(files):
        first.append(lines(n + 1, n + 2))
    first.ack(2 * files - 1)

    def killed(_: Spool) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Spool, "_save_cursor", killed)
        with pytest.raises(KeyboardInterrupt):
            first.ack(1)
    first._lock.close()
    for n in range(3):  # lives, none of which reaches whoever takes them
        spool = opened(tmp_path)
        assert spool.peek(10) == lines(*range(n))
        spool.append(lines(n))
        spool._lock.close()
    assert opened(tmp_path).peek(10) == lines(0, 1, 2)


def test_a_full_spool_keeps_the_oldest_and_says_how_many_are_lost(tmp_path: Path) -> None:
    spool = opened(tmp_path, max_events=3)
    spool.append(lines(1, 2))
    kept = spool.append(lines(3, 4, 5))
    assert (kept.kept, kept.lost) == (1, 2)
    assert "3 events" in kept.why
    assert spool.peek(10) == lines(1, 2, 3)
    spool.ack(1)
    assert spool.append(lines(6)).lost == 0


def test_a_full_disk_loses_the_batch_and_harms_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = opened(tmp_path)
    spool.append(lines(1))

    def half(file: object, data: bytes) -> None:
        os.write(file.fileno(), data[:11])  # type: ignore[attr-defined]
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, "_write_all", half)
        kept = spool.append(lines(2, 3))
    assert (kept.kept, kept.lost) == (0, 2)
    assert "No space left" in kept.why
    spool.append(lines(4))
    assert spool.peek(10) == lines(1, 4)
    spool.close()
    assert opened(tmp_path).peek(10) == lines(1, 4)


def test_a_full_disk_keeps_no_event_from_its_taker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = opened(tmp_path)
    spool.append(lines(1, 2, 3))

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        spool.ack(1)
    assert spool.peek(10) == lines(2, 3)
    spool.ack(1)
    spool.close()
    assert opened(tmp_path).peek(10) == lines(3)


def test_a_long_backlog_gives_its_space_back_while_it_drains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEGMENT_BYTES", 64)
    spool = opened(tmp_path)
    for n in range(100, 200):
        spool.append(lines(n))
    files = len(list(spool.folder.glob("*.jsonl")))
    assert files > 5
    spool.ack(50)
    assert len(list(spool.folder.glob("*.jsonl"))) <= files / 2 + 1
    assert spool.peek(100) == lines(*range(150, 200))
    spool.close()
    assert opened(tmp_path).peek(100) == lines(*range(150, 200))


def test_two_at_once_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOCK_WAIT_S", 0.0)
    first = opened(tmp_path)
    with pytest.raises(StoreError, match="in use by another process"):
        opened(tmp_path)
    first.close()
    opened(tmp_path)


def test_a_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="DOME_SPOOL"):
        opened(tmp_path / "file")


def test_acknowledging_more_than_there_is_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at most 0"):
        opened(tmp_path).ack(1)
