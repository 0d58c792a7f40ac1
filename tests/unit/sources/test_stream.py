from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path
from typing import NoReturn, cast

import av
import pytest
from av.video.stream import VideoStream
from media import STARTED_AT, shown_index, write_video

from flows.domain.errors import ProtocolMissing, SourceError
from flows.domain.frames import Frame
from flows.domain.site import StreamSource
from flows.sources.base import SourceStats
from flows.sources.container import open_stream, stream_options
from flows.sources.stream import StreamVideo

URL = "rtsp://operator:hunter2@192.0.2.7/main"


class World:
    """Time that passes only when the source waits or a packet comes."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.pauses: list[float] = []
        self.stop = threading.Event()
        self.stop.wait = self._wait  # type: ignore[method-assign]

    def _wait(self, timeout: float | None = None) -> bool:
        self.pauses.append(timeout or 0.0)
        self.seconds += timeout or 0.0
        return self.stop.is_set()

    def now(self) -> datetime:
        return STARTED_AT + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        self.seconds += 0.01
        return self.seconds


def make_stream(world: World, answers: Iterator[Path | Exception], **config: object) -> StreamVideo:
    def opener(_: StreamSource) -> av.container.InputContainer:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return av.open(str(answer))

    return StreamVideo(
        "cam-1",
        StreamSource(url=URL, **config),  # type: ignore[arg-type]
        stop=world.stop,
        opener=opener,
        uniform=lambda low, high: high,
        now=world.now,
        monotonic=world.monotonic,
    )


def take(source: StreamVideo, count: int) -> list[Frame]:
    frames = []
    for frame in source.frames():
        frames.append(frame)
        if len(frames) == count:
            source.close()
    return frames


def test_a_lost_camera_is_opened_again_and_time_goes_on(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "a.ts", 20)
    world = World()
    source = make_stream(world, iter([clip, SourceError("refused"), SourceError("refused"), clip, clip]))
    frames = take(source, 50)
    assert [f.session for f in frames] == [0] * 20 + [1] * 20 + [2] * 10
    assert [f.index for f in frames] == list(range(50))
    assert all(a.at < b.at for a, b in pairwise(frames))
    assert frames[20].at - frames[19].at > timedelta(seconds=2)
    assert source.stats.reconnects == 2
    assert frames[0].clock.source == "arrival"


def test_pauses_grow_to_the_longest_and_start_small_again_after_success(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "a.ts", 5)
    world = World()
    away: list[Path | Exception] = [SourceError("refused")] * 7
    source = make_stream(world, iter([*away, clip, SourceError("refused"), clip]), backoff_s=(0.5, 10.0))
    take(source, 6)
    assert world.pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 0.5, 1.0]


@pytest.mark.slow
def test_pauses_never_overflow_however_long_the_camera_is_away(tmp_path: Path) -> None:
    world = World()
    away: list[Path | Exception] = [SourceError("refused")] * 3000
    source = make_stream(world, iter([*away, write_video(tmp_path / "a.ts", 5)]))
    assert len(take(source, 5)) == 5
    assert max(world.pauses) == 30.0


def test_close_ends_a_camera_that_never_came() -> None:
    world = World()

    def refusals() -> Iterator[Exception]:
        while True:
            if len(world.pauses) == 3:
                source.close()
            yield SourceError("refused")

    source = make_stream(world, refusals())
    assert list(source.frames()) == []
    assert source.ring.ended


def test_silence_is_told_while_it_lasts(tmp_path: Path) -> None:
    world = World()
    source = make_stream(world, iter([write_video(tmp_path / "a.ts", 10), SourceError("refused")]))
    frames = source.frames()
    for _ in range(5):
        next(frames)
    assert source.stats.silent_since is None
    since = world.now()
    world.seconds += 60
    silent = source.stats.silent_since
    assert silent is not None
    assert abs(silent - since) < timedelta(seconds=1)
    assert "60 s" in source.stats.message


class Stalling:
    """A connection on which nothing comes for a minute after some packets, until the watchdog ends it."""

    def __init__(self, path: Path, packets: int, stall: Callable[[], None]) -> None:
        self._container, self._packets, self._stall = av.open(str(path)), packets, stall

    def __getattr__(self, name: str) -> object:
        return getattr(self._container, name)

    def demux(self, stream: VideoStream) -> Iterator[av.Packet[VideoStream]]:
        yield from islice(self._container.demux(stream), self._packets)
        self._stall()
        raise av.error.ExitError(1, "Immediate exit requested")


def test_a_camera_that_stops_sending_for_a_minute_goes_on(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "a.ts", 20)
    world = World()
    told: list[SourceStats] = []

    def stall() -> None:
        world.seconds += 60
        told.append(source.stats)

    connections = iter([Stalling(clip, 10, stall), av.open(str(clip))])
    source = StreamVideo(
        "cam-1",
        StreamSource(url=URL),
        stop=world.stop,
        opener=lambda _: cast("av.container.InputContainer", next(connections)),
        uniform=lambda low, high: high,
        now=world.now,
        monotonic=world.monotonic,
    )
    frames = take(source, 25)
    assert told[0].silent_since is not None
    assert "60 s" in told[0].message
    before, after = [f for f in frames if f.session == 0], [f for f in frames if f.session == 1]
    assert (len(before) + len(after), source.stats.reconnects) == (25, 1)
    assert all(a.at < b.at for a, b in pairwise(frames))
    assert timedelta(seconds=59) < after[0].at - before[-1].at < timedelta(seconds=65)
    assert (source.stats.silent_since, source.stats.message) == (None, "")


def test_packets_without_a_picture_are_silence_too(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "a.ts", 100, gop=1000)
    data = clip.read_bytes()
    headless = (
        tmp_path / "b.ts"
    )  # the tables, and then only frames that depend on a key frame that never came
    headless.write_bytes(data[: 3 * 188] + data[len(data) // 2 // 188 * 188 :])
    world = World()
    source = make_stream(world, iter([headless, clip]), silence_s=0.2)
    frames = take(source, 10)
    assert frames[0].session <= 1
    assert source.stats.frames == 10


def test_passwords_never_show(caplog: pytest.LogCaptureFixture) -> None:
    source = StreamSource(url="tcp://operator:hunter2@127.0.0.1:1/main", silence_s=0.2)
    with pytest.raises(SourceError) as caught:
        open_stream(source)
    assert "hunter2" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)
    world = World()
    live = StreamVideo("cam-1", source, stop=world.stop, uniform=lambda low, high: high)
    world.stop.wait = lambda timeout=None: world.stop.set() or True  # type: ignore[method-assign]
    assert list(live.frames()) == []
    assert "hunter2" not in caplog.text + live.stats.message
    assert "trying again" in caplog.text


def test_a_protocol_that_the_library_lacks_ends_the_camera_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(*_: object, **__: object) -> NoReturn:
        raise av.error.ProtocolNotFoundError(1, "Protocol not found")

    monkeypatch.setattr("flows.sources.container.av.open", lacking)
    world = World()
    live = StreamVideo("cam-1", StreamSource(url="srt://c:9000"), stop=world.stop)
    with pytest.raises(ProtocolMissing, match="srt:// cannot be opened here: this PyAV was built without it"):
        list(live.frames())
    assert world.pauses == []
    assert live.ring.ended


@pytest.mark.parametrize(
    ("url", "protocols"),
    [
        ("rtsp://c/1", {"tcp"}),
        ("rtsps://c/1", {"tcp", "tls"}),
        ("http://c/1", {"http", "tcp"}),
        ("https://c/1", {"https", "tls", "tcp"}),
        ("srt://c:9000", {"srt"}),
        ("udp://@239.0.0.1:5000", {"udp"}),
        ("tcp://c:9", {"tcp"}),
    ],
)
def test_each_scheme_opens_its_own_protocols_only(url: str, protocols: set[str]) -> None:
    options = stream_options(StreamSource(url=url))
    assert set(options["protocol_whitelist"].split(",")) == protocols
    formats = set(options["format_whitelist"].split(","))
    assert not formats & {"hls", "dash", "concat", "sdp", "lavfi", "image2"}
    assert ("rtsp" in formats) == url.startswith("rtsp")
    assert options.get("rtsp_transport") == ("tcp" if url.startswith("rtsp") else None)


def test_a_forced_format_is_allowed() -> None:
    options = stream_options(StreamSource(url="http://c/live.m3u8", format="hls"))
    assert "hls" in options["format_whitelist"].split(",")


@pytest.fixture
def mute() -> Iterator[Callable[[], int]]:
    """A server that accepts and says nothing."""
    server = socket.create_server(("127.0.0.1", 0))
    yield lambda: int(server.getsockname()[1])
    server.close()


@pytest.mark.slow
def test_a_server_that_says_nothing_is_given_up(
    mute: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.sources.container._OPEN_S", 0.3)
    for scheme in ("rtsp", "http", "tcp"):
        with pytest.raises(SourceError):
            open_stream(StreamSource(url=f"{scheme}://127.0.0.1:{mute()}/cam", silence_s=0.3))


class _Ts(http.server.BaseHTTPRequestHandler):
    """Sends the recording once a request, as a camera that restarts now and then."""

    recording = b""
    sized = False
    """Whether it says beforehand how much will come, as no camera can know."""

    def do_GET(self) -> None:
        self.send_response(200)
        if self.sized:
            self.send_header("Content-Length", str(len(self.recording)))
        self.end_headers()
        self.wfile.write(self.recording)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def recording(tmp_path: Path) -> bytes:
    """Two seconds of MPEG-TS with a key frame every ten frames."""
    return write_video(tmp_path / "sent.ts", 50, gop=10).read_bytes()


@contextmanager
def http_server(recording: bytes, sized: bool = False) -> Iterator[str]:
    """Its address."""
    handler = type("Ts", (_Ts,), {"recording": recording, "sized": sized})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/camera"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def http_camera(recording: bytes) -> Iterator[str]:
    with http_server(recording) as url:
        yield url


@pytest.fixture
def udp_camera(recording: bytes) -> Iterator[str]:
    """Sends the recording again and again, seven packets a datagram as encoders do, whoever listens."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        address = probe.getsockname()
    done = threading.Event()

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            while not done.is_set():
                for start in range(0, len(recording), 7 * 188):
                    sender.sendto(recording[start : start + 7 * 188], address)
                    if done.wait(0.001):
                        return

    thread = threading.Thread(target=send)
    thread.start()
    yield f"udp://127.0.0.1:{address[1]}"
    done.set()
    thread.join()


def test_mpeg_ts_over_http_is_read_and_connected_again(http_camera: str) -> None:
    source = StreamVideo("cam-1", StreamSource(url=http_camera, format="mpegts", backoff_s=(0.01, 0.01)))
    frames = take(source, 75)
    assert [f.session for f in frames] == [0] * 50 + [1] * 25
    assert [shown_index(f.picture.bgr(), f.index % 50) for f in frames] == [*range(50), *range(25)]
    assert all(a.at < b.at for a, b in pairwise(frames))
    within = [b.at - a.at for a, b in pairwise(frames[:50])]
    assert max(within) - min(within) < timedelta(milliseconds=2)
    assert (source.stats.reconnects, source.stats.decode_errors) == (1, 0)


def test_a_recording_behind_an_address_is_no_camera(tmp_path: Path) -> None:
    """It would be played as fast as it comes, again and again, as if all of it happened now."""
    clip = write_video(tmp_path / "a.mp4", 50).read_bytes()
    with (
        http_server(clip, sized=True) as url,
        pytest.raises(SourceError, match=r"is a recording.* file source"),
    ):
        open_stream(StreamSource(url=url))


@pytest.mark.parametrize("frames", [50, 500])
def test_a_recording_that_does_not_tell_its_length_is_no_camera_either(tmp_path: Path, frames: int) -> None:
    """A server that sends no parts of a file lets nobody look at its end, where MPEG-TS has its length."""
    clip = write_video(tmp_path / "a.ts", frames).read_bytes()
    with http_server(clip, sized=True) as url:
        stop = threading.Event()
        stop.wait = lambda timeout=None: stop.set() or True  # type: ignore[method-assign, func-returns-value]
        source = StreamVideo("cam-1", StreamSource(url=url), stop=stop, monotonic=lambda: 7.0)
        assert list(source.frames()) == []
    assert "is a recording, not a camera" in source.stats.message


@pytest.mark.parametrize("sized", [False, True])
def test_a_camera_is_none_for_what_libav_makes_of_its_length_or_it_says_of_its_size(
    tmp_path: Path, recording: bytes, sized: bool
) -> None:
    fragments = tmp_path / "fragments.mp4"
    with av.open(str(write_video(tmp_path / "a.mp4", 50))) as old, av.open(
        str(fragments), "w", options={"movflags": "frag_keyframe+empty_moov"}
    ) as new:  # fmt: skip
        track = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = track
                new.mux(packet)
    with http_server(recording if sized else fragments.read_bytes(), sized) as url:
        container = open_stream(StreamSource(url=url))
        assert container.size > 0 if sized else container.duration
        container.close()


@pytest.mark.slow
def test_mpeg_ts_over_udp_is_read_wherever_one_joins(udp_camera: str) -> None:
    source = StreamVideo("cam-1", StreamSource(url=udp_camera, format="mpegts", silence_s=5))
    frames = take(source, 60)
    assert {f.picture.bgr().shape for f in frames} == {(240, 320, 3)}
    assert all(a.at < b.at for a, b in pairwise(frames))
    assert source.stats.message == ""
