"""A real RTSP server that is killed, comes back, and hangs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from rtsp import RtspCamera, rtsp_camera

from flows.domain.frames import Frame
from flows.domain.site import CameraConfig, StreamSource
from flows.settings import Settings
from flows.sources import probe
from flows.sources.stream import StreamVideo


@pytest.fixture
def camera() -> Iterator[RtspCamera]:
    with rtsp_camera() as camera:
        camera.start()
        yield camera


def source_of(camera: RtspCamera) -> StreamSource:
    url = f"rtsp://127.0.0.1:{camera.port}/cam"
    return StreamSource(url=url, silence_s=2.0, backoff_s=(0.1, 0.5))


class Watcher:
    """Reads a stream in a thread, as a camera actor does, and lets a test wait for frames."""

    def __init__(self, source: StreamVideo) -> None:
        self.source = source
        self.frames: list[Frame] = []
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        for frame in self.source.frames():
            with self._news:
                self.frames.append(frame)
                self._news.notify_all()

    def wait_for(self, count: int, session: int) -> None:
        with self._news:
            enough = self._news.wait_for(lambda: self.count(session) >= count, timeout=60)
        assert enough, f"{self.count(session)} frames of session {session}: {self.source.stats}"

    def count(self, session: int) -> int:
        return sum(f.session == session for f in self.frames)

    def end(self) -> None:
        self.source.close()
        self._thread.join(timeout=30)
        assert not self._thread.is_alive()


def test_a_killed_camera_comes_back_and_a_hanging_one_is_noticed(camera: RtspCamera) -> None:
    watcher = Watcher(StreamVideo("cam-1", source_of(camera)))
    try:
        watcher.wait_for(50, session=0)
        camera.kill()
        camera.start(size="640x360")
        watcher.wait_for(30, session=1)
        camera.send(signal.SIGSTOP)
        threading.Timer(4.0, camera.send, [signal.SIGCONT]).start()
        watcher.wait_for(30, session=2)
    finally:
        watcher.end()
    frames, stats = watcher.frames, watcher.source.stats
    assert all(a.at < b.at for a, b in pairwise(frames))
    assert stats.reconnects == 2
    assert {(f.session, f.picture.width_px) for f in frames} == {(0, 320), (1, 640), (2, 640)}
    now = datetime.now(UTC)
    assert timedelta(0) <= now - frames[-1].at < timedelta(seconds=10)
    within = [b.at - a.at for a, b in pairwise(frames) if a.session == b.session]
    assert sorted(within)[len(within) // 2] == pytest.approx(
        timedelta(milliseconds=40), abs=timedelta(milliseconds=1)
    )
    assert frames[-1].clock.rate_hz == pytest.approx(25, rel=0.01)


def test_evidence_is_cut_from_a_live_stream_and_its_clock_is_the_cameras(camera: RtspCamera) -> None:
    watcher = Watcher(StreamVideo("cam-1", source_of(camera)))
    try:
        watcher.wait_for(110, session=0)
    finally:
        watcher.end()
    frames, ring = watcher.frames, watcher.source.ring
    moment = frames[60].at
    still = ring.picture(moment)
    assert (still.at, still.bgr.shape) == (moment, (240, 320, 3))
    clip = ring.clip(moment - timedelta(seconds=1), moment + timedelta(seconds=1))
    assert clip.cut_short == ()
    assert {f.at for f in clip.frames} >= {f.at for f in frames[40:80]}
    # Sender reports come every few seconds; the clock has begun to move to the camera's own time.
    state = watcher.source.stats.clock
    assert state is not None
    assert state.source == "rtcp" or state.unsettled_s > 0
    assert state.scale_error == 0.5, "too early to hold its pace against arrival"


def test_a_camera_is_probed(camera: RtspCamera, tmp_path: Path) -> None:
    config = CameraConfig(id="cam-1", district="d", source=source_of(camera))
    seen = probe(config, Settings.from_env({"DOME_HOME": str(tmp_path)}))
    assert (seen.codec, seen.width_px, seen.height_px) == ("h264", 320, 240)
    assert seen.measured_hz == pytest.approx(25, rel=0.01)
    assert seen.duration_s is None
    assert abs(seen.anchored_at - datetime.now(UTC)) < timedelta(seconds=30)
