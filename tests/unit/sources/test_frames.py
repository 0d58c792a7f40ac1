from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flows.domain.errors import SourceError
from flows.domain.site import CameraConfig, FramesSource
from flows.settings import Settings
from flows.sources import open_source, probe
from flows.sources.frames import REPEATED, UNTIMED, FrameFolder

START = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)


def picture(path: Path, grey: int, size: tuple[int, int] = (64, 48)) -> None:
    Image.fromarray(np.full((size[1], size[0], 3), grey, np.uint8)).save(path)


def camera(folder: Path, started_at: datetime | None = START) -> CameraConfig:
    return CameraConfig(id="hall", district="d", source=FramesSource(path=folder, started_at=started_at))


def opened(folder: Path) -> FrameFolder:
    source = open_source(camera(folder), Settings.from_env({}))
    assert isinstance(source, FrameFolder)
    source.open()
    return source


def test_a_files_name_is_its_second_and_gaps_stay_gaps(tmp_path: Path) -> None:
    for name, grey in (("0002.jpg", 20), ("0010.png", 100), ("0009.50.jpeg", 90), ("0001.jpg", 10)):
        picture(tmp_path / name, grey)
    frames = list(opened(tmp_path).frames())
    assert [(f.at - START).total_seconds() for f in frames] == [1.0, 2.0, 9.5, 10.0]
    assert [f.index for f in frames] == [0, 1, 2, 3]
    assert [round(float(f.picture.bgr().mean()), -1) for f in frames] == [10, 20, 90, 100]


def test_whole_seconds_are_known_to_the_second_only(tmp_path: Path) -> None:
    picture(tmp_path / "0001.jpg", 1)
    (frame,) = opened(tmp_path).frames()
    assert frame.clock.time_error_s == pytest.approx(0.29, abs=0.01)
    assert frame.clock.source == "site"
    assert frame.clock.anchored_at == START


def test_evidence_is_the_pictures_as_they_lie_there(tmp_path: Path) -> None:
    for second in range(1, 9):
        picture(tmp_path / f"{second:04d}.jpg", 20 * second)
    source = opened(tmp_path)
    frames = list(source.frames())
    still = source.ring.picture(frames[4].at)
    assert still.at == frames[4].at
    assert still.bgr.mean() == pytest.approx(100, abs=2)
    clip = source.ring.clip(frames[1].at, frames[5].at)
    assert [f.at for f in clip.frames] == [f.at for f in frames[1:6]]
    assert (tmp_path / "0003.jpg").read_bytes() in clip.data  # remuxed, not encoded again


def test_png_pictures_are_evidence_too(tmp_path: Path) -> None:
    for second in range(3):
        picture(tmp_path / f"{second}.png", 50 * second)
    source = opened(tmp_path)
    frames = list(source.frames())
    assert source.ring.picture(frames[2].at).bgr.mean() == 100


def test_what_has_no_time_or_the_same_time_is_left_out_and_counted(tmp_path: Path) -> None:
    for name in ("0001.jpg", "1.png", "left.jpg", "-3.jpg", "20260914083000.jpg", "2.².jpg"):
        picture(tmp_path / name, 1)
    (tmp_path / "0002.txt").write_text("1 0.5 0.5 0.1 0.1")
    source = opened(tmp_path)
    assert len(list(source.frames())) == 1
    assert source.stats.oddities == {UNTIMED: 4, REPEATED: 1}


@pytest.mark.parametrize("started_at", [None, START])
def test_pictures_named_by_dates_are_refused_in_words(tmp_path: Path, started_at: datetime | None) -> None:
    picture(tmp_path / "20260914083000.jpg", 1)
    with pytest.raises(SourceError, match="1 pictures have no time in their name"):
        probe(camera(tmp_path, started_at), Settings.from_env({}))
    with pytest.raises(SourceError, match="named by their second"):
        open_source(camera(tmp_path, started_at), Settings.from_env({})).open()


def test_a_damaged_picture_is_counted_and_the_others_are_played(tmp_path: Path) -> None:
    for second in (1, 2, 3):
        picture(tmp_path / f"{second}.jpg", 1)
    (tmp_path / "2.jpg").write_bytes(b"this is no picture")
    source = opened(tmp_path)
    assert [(f.at - START).total_seconds() for f in source.frames()] == [1.0, 3.0]
    assert source.stats.decode_errors == 1
    assert "2.jpg" in source.stats.message


def test_another_size_begins_another_session(tmp_path: Path) -> None:
    picture(tmp_path / "1.jpg", 1)
    picture(tmp_path / "2.jpg", 1, (32, 32))
    assert [f.session for f in opened(tmp_path).frames()] == [0, 1]


def test_without_a_start_the_first_files_own_time_stands_in(tmp_path: Path) -> None:
    picture(tmp_path / "0005.jpg", 1)
    written_at = datetime.fromtimestamp((tmp_path / "0005.jpg").stat().st_mtime, UTC)
    source = FrameFolder("c", FramesSource(path=tmp_path))
    (frame,) = source.frames()
    assert abs(frame.at - written_at) < timedelta(seconds=0.01)
    assert frame.clock.source == "file-time"


@pytest.mark.parametrize("what", ["absent", "a file", "empty", "untimed"])
def test_a_folder_that_cannot_be_played_says_why(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "pictures"
    if what == "a file":
        folder.write_bytes(b"")
    elif what != "absent":
        folder.mkdir()
    if what == "untimed":
        picture(folder / "entrance.jpg", 1)
    with pytest.raises(SourceError, match=r"source\.path: expected"):
        opened(folder)


def test_a_video_source_that_is_a_folder_is_told_of_this_kind(tmp_path: Path) -> None:
    from flows.domain.site import FileSource

    source = open_source(
        CameraConfig(id="c", district="d", source=FileSource(path=tmp_path)), Settings.from_env({})
    )
    with pytest.raises(SourceError, match="kind: frames"):
        source.open()


def test_a_look_tells_rate_gap_and_what_is_left_out(tmp_path: Path) -> None:
    for second in (1, 2, 3, 4, 5, 12):
        picture(tmp_path / f"{second:04d}.jpg", 1)
    picture(tmp_path / "poster.jpg", 1)
    seen = probe(camera(tmp_path, None), Settings.from_env({}))
    assert (seen.width_px, seen.height_px, seen.measured_hz) == (64, 48, pytest.approx(1.0))
    assert seen.key_interval_s == 7.0
    assert seen.duration_s == 11.0
    assert any("no time in their name" in p for p in seen.problems)
    assert any("started_at" in p for p in seen.problems)
