from __future__ import annotations

from pathlib import Path

import pytest
from media import STARTED_AT, write_video

from flows.domain.errors import SourceError
from flows.domain.site import CameraConfig, FileSource
from flows.settings import Settings
from flows.sources import probe
from flows.sources.base import Probe


def look(path: Path) -> Probe:
    camera = CameraConfig(id="cam-1", district="d", source=FileSource(path=path))
    return probe(camera, Settings.from_env({}))


def test_a_good_file_has_no_problems(tmp_path: Path) -> None:
    seen = look(write_video(tmp_path / "a.mp4", 100, b_frames=2))
    assert (seen.codec, seen.width_px, seen.height_px, seen.b_frames) == ("h264", 320, 240, True)
    assert seen.measured_hz == pytest.approx(25)
    assert seen.duration_s == pytest.approx(4.0, abs=0.1)
    assert seen.key_interval_s == pytest.approx(1.0)
    assert (seen.clock_source, seen.anchored_at) == ("container", STARTED_AT)
    assert seen.problems == ()


@pytest.mark.slow
def test_what_an_operator_should_know_is_said(tmp_path: Path) -> None:
    jumpy = [round(i * 2500 + (900 if i % 2 else -900) * (i > 0)) for i in range(150)]
    seen = look(write_video(tmp_path / "a.mkv", 150, pts=jumpy, gop=140, created=None))
    told = "\n".join(seen.problems)
    assert "declares 25.00 frames a second, sends " in told
    assert "tremble" in told
    assert "source.started_at" in told
    assert "key frames up to 14 s apart" in told or seen.key_interval_s != seen.key_interval_s


def test_a_file_of_one_frame_has_no_rate(tmp_path: Path) -> None:
    assert "too few frames to measure the rate" in look(write_video(tmp_path / "a.mp4", 1)).problems


def test_a_file_without_a_decodable_frame_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 50)
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    data[start : start + 30_000] = bytes(30_000)[: len(data[start : start + 30_000])]
    broken = tmp_path / "b.mp4"
    broken.write_bytes(bytes(data))
    with pytest.raises(SourceError):
        look(broken)


@pytest.mark.slow
def test_a_file_that_was_cut_off_is_said_to_be(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", 100)
    path.write_bytes(path.read_bytes()[:-1000])
    assert "the file was cut off: 1,000 bytes or more are missing; copy it again" in look(path).problems
