from __future__ import annotations

import http.server
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import NoReturn, cast

import av
import pytest
from av.video.stream import VideoStream
from media import STARTED_AT, shown_index, write_video

from flows.domain.errors import SourceError
from flows.domain.frames import Frame
from flows.sources.file import CUT_OFF, FileVideo
from flows.sources.packets import DAMAGED
from flows.sources.video import SIZE_CHANGED


def play(path: Path, **options: object) -> tuple[FileVideo, list[Frame]]:
    source = FileVideo("cam-1", path, **options)  # type: ignore[arg-type]
    source.open()
    return source, list(source.frames())


@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_every_frame_once_with_its_exact_time(tmp_path: Path, suffix: str, b_frames: int) -> None:
    path = write_video(tmp_path / f"a.{suffix}", 40, b_frames=b_frames)
    source, frames = play(path, started_at=STARTED_AT)
    assert [f.index for f in frames] == list(range(40))
    assert [shown_index(f.picture.bgr(), f.index) for f in frames] == list(range(40))
    ms = [round((f.at - STARTED_AT) / timedelta(milliseconds=1)) for f in frames]
    assert ms == [40 * i for i in range(40)]
    assert frames[-1].clock.source == "site"
    assert frames[-1].clock.rate_hz == pytest.approx(25, rel=1e-3)
    assert source.stats.decode_errors == 0
    assert source.stats.frames == source.stats.packets == 40


def test_the_declared_rate_is_not_believed(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 30, fps=25, pts=[i * 2500 for i in range(30)])
    _, frames = play(path)
    assert frames[-1].clock.rate_hz == pytest.approx(10)
    assert frames[10].at - frames[0].at == timedelta(seconds=1)


def test_anchor_is_site_then_container_then_file_time(tmp_path: Path) -> None:
    given = datetime(2026, 1, 2, 3, 4, 5, 600_000, tzinfo=UTC)
    made = write_video(tmp_path / "a.mp4", 5)
    assert play(made, started_at=given)[1][0].at == given
    assert play(made)[1][0].at == STARTED_AT
    assert play(made)[1][0].clock.source == "container"
    bare = write_video(tmp_path / "b.mp4", 5, created=None)
    os.utime(bare, (given.timestamp(), given.timestamp()))
    _, frames = play(bare)
    assert (frames[0].at, frames[0].clock.source) == (given, "file-time")


def test_a_creation_time_that_was_never_set_is_not_taken(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 5, created=datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    assert play(path)[1][0].clock.source == "file-time"


def test_a_missing_file_an_empty_one_and_a_folder_are_refused_in_words(tmp_path: Path) -> None:
    empty = tmp_path / "empty.mp4"
    empty.touch()
    text = tmp_path / "notes.mp4"
    text.write_text("this is no video, whatever its name says\n" * 100)
    for path, words in [
        (tmp_path / "absent.mp4", "no such file"),
        (empty, "empty"),
        (tmp_path, "directory"),
        (text, "cannot be read as video"),
    ]:
        with pytest.raises(SourceError, match=words):
            FileVideo("cam-1", path).open()


def test_a_file_cut_off_before_its_index_says_so(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(SourceError, match="cut off"):
        FileVideo("cam-1", path).open()


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["mkv", "ts"])
def test_a_file_that_was_cut_off_gives_what_it_has_and_says_so(tmp_path: Path, suffix: str) -> None:
    path = write_video(tmp_path / f"a.{suffix}", 100)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 1])
    source, frames = play(path)
    assert 20 < len(frames) < 90
    assert [shown_index(f.picture.bgr(), f.index) for f in frames[:20]] == list(range(20))
    assert source.stats.oddities == {CUT_OFF: 1}
    assert source.stats.message.startswith(f"a.{suffix} was cut off: {len(frames)} frames could be read, ")


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["ts", "mkv", "mp4"])
def test_flipped_bits_are_counted_and_survived(tmp_path: Path, suffix: str) -> None:
    path = write_video(tmp_path / f"a.{suffix}", 100, gop=10, noise=3)
    data = bytearray(path.read_bytes())
    for place in range(len(data) // 4, len(data) // 2, 997):
        data[place] ^= 0x55
    path.write_bytes(bytes(data))
    source, frames = play(path)
    assert source.stats.decode_errors > 0
    assert len(frames) > 50
    ats = [f.at for f in frames]
    assert ats == sorted(set(ats))
    last = frames[-1]
    assert shown_index(last.picture.bgr(), 99) == 99


def test_a_damaged_time_of_a_fragment_ends_no_file(tmp_path: Path) -> None:
    """One bit, and the fragment lies thousands of years ahead."""
    whole = write_video(tmp_path / "a.mp4", 100, gop=10)
    path = tmp_path / "fragments.mp4"
    with (
        av.open(str(whole)) as read,
        av.open(
            str(path), "w", options={"movflags": "frag_keyframe+empty_moov+default_base_moof"}
        ) as written,
    ):
        stream = written.add_stream_from_template(read.streams.video[0])
        for packet in read.demux(video=0):
            if packet.size:
                packet.stream = stream
                written.mux(packet)
    data = bytearray(path.read_bytes())
    times = [place for place in range(len(data)) if data[place : place + 5] == b"tfdt\x01"]
    data[times[3] + 8] ^= 0x40
    path.write_bytes(bytes(data))
    source, frames = play(path)
    assert len(frames) >= 90, "libav itself leaves out one fragment after the jump"
    assert source.stats.restamped == 10
    ats = [(frame.at - frames[0].at).total_seconds() for frame in frames]
    assert ats == sorted(set(ats))
    assert ats[-1] == pytest.approx(99 * 0.04), "the time of those behind it is their own"


@pytest.mark.slow
def test_a_new_resolution_is_a_new_session(tmp_path: Path) -> None:
    small = write_video(tmp_path / "a.ts", 30, size=(320, 240)).read_bytes()
    large = write_video(tmp_path / "b.ts", 30, size=(640, 360), first_index=30).read_bytes()
    both = tmp_path / "both.ts"
    both.write_bytes(small + large)
    source, frames = play(both, started_at=STARTED_AT)
    sizes = [(f.picture.width_px, f.picture.height_px, f.session) for f in frames]
    assert sizes == [(320, 240, 0)] * 30 + [(640, 360, 1)] * 30
    assert source.stats.oddities == {SIZE_CHANGED: 1}
    ats = [f.at for f in frames]
    assert ats == sorted(set(ats))
    assert frames[45].picture.bgr().shape == (360, 640, 3)
    clip = source.ring.clip(frames[40].at, frames[50].at)
    assert len(clip.frames) >= 11
    assert all(f.at >= frames[30].at for f in clip.frames)
    assert source.ring.picture(frames[45].at).bgr.shape == (360, 640, 3)


def test_a_loop_goes_on_in_real_time_and_capture_time_never_goes_back(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 10)
    seconds = [0.0]
    stop = threading.Event()
    waits: list[float] = []

    def wait(timeout: float | None = None) -> bool:
        waits.append(timeout or 0.0)
        seconds[0] += timeout or 0.0
        return stop.is_set()

    paced = threading.Event()
    paced.wait = wait  # type: ignore[method-assign]
    source = FileVideo("cam-1", path, loop=True, stop=paced, monotonic=lambda: seconds[0])
    frames: list[Frame] = []
    for frame in source.frames():
        frames.append(frame)
        if len(frames) == 25:
            break
    ats = [f.at for f in frames]
    assert {b - a for a, b in pairwise(ats)} == {timedelta(milliseconds=40)}
    assert [f.session for f in frames] == [0] * 10 + [1] * 10 + [2] * 5
    assert seconds[0] == pytest.approx(24 * 0.04 - 2 * 0.04, abs=0.001)


def test_close_ends_the_frames(tmp_path: Path) -> None:
    source = FileVideo("cam-1", write_video(tmp_path / "a.mp4", 50), loop=True)
    count = 0
    for _ in source.frames():
        count += 1
        if count == 3:
            source.close()
    assert count == 3
    assert source.ring.ended


class _Trap(http.server.BaseHTTPRequestHandler):
    hits = 0

    def do_GET(self) -> None:
        type(self).hits += 1
        self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def trap() -> Iterator[tuple[type[_Trap], int]]:
    _Trap.hits = 0
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Trap)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield _Trap, server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_never_makes_us_fetch_anything(tmp_path: Path, trap: tuple[type[_Trap], int]) -> None:
    hits, port = trap
    address = f"http://127.0.0.1:{port}/x.ts"
    secret = write_video(tmp_path / "secret.ts", 10)
    disguises = {
        "hls.mp4": f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{address}\n#EXT-X-ENDLIST\n",
        "concat.mp4": f"ffconcat version 1.0\nfile '{address}'\n",
        "local.mp4": f"ffconcat version 1.0\nfile '{secret}'\n",
        "sdp.mp4": "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
        "dash.mp4": f'<?xml version="1.0"?><MPD><BaseURL>{address}</BaseURL></MPD>',
    }
    for name, content in disguises.items():
        path = tmp_path / name
        path.write_text(content)
        with pytest.raises(SourceError):
            FileVideo("cam-1", path).open()
    with pytest.raises(SourceError, match="no such file"):
        FileVideo("cam-1", Path(address)).open()
    assert hits.hits == 0


class Broken:
    """A packet that a decoder cannot take."""

    def __init__(self, error: type[av.FFmpegError]) -> None:
        self._error = error

    def decode(self) -> NoReturn:
        raise self._error(1, "for a test")


@pytest.mark.parametrize("error", [*DAMAGED, av.error.MemoryError])
def test_what_a_damaged_frame_makes_a_decoder_say_does_not_end_the_file(
    tmp_path: Path, error: type[av.FFmpegError]
) -> None:
    source = FileVideo("cam-1", write_video(tmp_path / "a.mp4", 2))
    broken = cast("av.Packet[VideoStream]", Broken(error))
    if error in DAMAGED:
        assert source._decode(broken) == []
        assert source.stats.decode_errors == 1
    else:
        with pytest.raises(error):
            source._decode(broken)
