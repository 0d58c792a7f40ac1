"""Pictures of an HTTP camera bring no times: they are timed by when they came in."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import av
import pytest
from av.video.stream import VideoStream
from media import STARTED_AT, draw, shown_index
from PIL import Image

from flows.domain.errors import SourceError
from flows.domain.site import CameraConfig, StreamSource
from flows.settings import Settings
from flows.sources import probe
from flows.sources.arrival import by_arrival
from flows.sources.remux import cut
from flows.sources.stream import StreamVideo


class Camera:
    """A connection on which a picture comes every ``interval_s``, after some that had piled up."""

    def __init__(self, path: Path, form: str, interval_s: float, piled_up: int = 0) -> None:
        self._container = av.open(str(path), format=form)
        self._interval_s, self._piled_up = interval_s, piled_up
        self.seconds = 0.0

    def __getattr__(self, name: str) -> object:
        return getattr(self._container, name)

    def __enter__(self) -> Camera:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def demux(self, stream: VideoStream) -> Iterator[av.Packet[VideoStream]]:
        for index, packet in enumerate(self._container.demux(stream)):
            self.seconds += self._interval_s * (index >= self._piled_up)
            yield packet


@pytest.fixture(params=["mpjpeg", "mjpeg"])
def pictures(request: Any, tmp_path: Path) -> tuple[Path, str]:
    """Forty pictures, and libav's name of their format: between headers, or one after the other."""
    parts = []
    for index in range(40):
        data = io.BytesIO()
        Image.fromarray(draw(index)).save(data, "JPEG")
        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {data.tell()}\r\n\r\n".encode()
        parts.append(head + data.getvalue() + b"\r\n" if request.param == "mpjpeg" else data.getvalue())
    path = tmp_path / "sent"
    path.write_bytes(b"".join(parts))
    return path, request.param


def stream_of(camera: Camera) -> StreamVideo:
    return StreamVideo(
        "cam-1",
        StreamSource(url="http://192.0.2.7/video.mjpg"),
        opener=lambda _: cast("av.container.InputContainer", camera),
        now=lambda: STARTED_AT + timedelta(seconds=camera.seconds),
        monotonic=lambda: 7.0 + camera.seconds,
    )


def test_time_goes_as_the_pictures_come_and_not_as_a_format_invents_it(pictures: tuple[Path, str]) -> None:
    camera = Camera(*pictures, interval_s=0.08, piled_up=10)
    source = stream_of(camera)
    frames = []
    for frame in source.frames():
        frames.append(frame)
        if len(frames) == 28:
            source.close()

    assert shown_index(frames[0].picture.bgr(), 10) in (10, 11), "when the others came in nobody knows"
    assert {b.at - a.at for a, b in pairwise(frames)} == {timedelta(seconds=0.08)}
    assert abs(frames[0].at - STARTED_AT) < timedelta(seconds=0.5)
    assert frames[-1].clock.rate_hz == pytest.approx(12.5)
    assert (source.stats.restamped, source.stats.decode_errors) == (0, 0)
    assert 9 <= source.stats.oddities["arrival_unknown"] <= 10
    packets = source.ring.since(frames[0].at)
    clip = cut(packets, frames[0].at, frames[-1].at, frames[0].at)
    assert [f.at for f in clip.frames] == [f.at for f in frames]


def test_a_check_measures_the_rate_at_which_they_come(
    pictures: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = Camera(*pictures, interval_s=0.08, piled_up=10)
    monkeypatch.setattr("flows.sources.probing.open_stream", lambda _: camera)
    monkeypatch.setattr("time.monotonic", lambda: camera.seconds)
    source = StreamSource(url="http://192.0.2.7/video.mjpg")

    seen = probe(CameraConfig(id="cam-1", district="d", source=source), Settings.from_env({}))

    assert seen.measured_hz == pytest.approx(12.5)
    assert seen.declared_hz is None
    assert not [problem for problem in seen.problems if "declares" in problem or "tremble" in problem]


def test_what_lay_ready_while_the_reader_was_behind_is_left_out_and_counted() -> None:
    """Stamped one after the other as it is read, it would make whoever drives there many times as fast."""
    sent_s, left_out = [10.0 + 0.08 * i for i in range(60)], []
    now_s = [10.0]

    def sent() -> Iterator[av.Packet[VideoStream]]:
        for at_s in sent_s:
            now_s[0] = max(now_s[0], at_s)
            yield cast("av.Packet[VideoStream]", av.Packet(b"x"))

    stamps = []
    for packet in by_arrival(sent(), lambda: now_s[0], lambda: left_out.append(1)):
        assert packet.pts is not None
        stamps.append(packet.pts)
        now_s[0] += 0.5 if len(stamps) == 20 else 0.01

    assert set(stamps) <= {round(s * 1e6) for s in sent_s}, "each has the time at which it came in"
    assert (len(stamps), len(left_out)) == (53, 7)


def test_pictures_that_never_had_to_be_waited_for_are_a_recording() -> None:
    packets = (av.Packet(b"x") for _ in range(300))
    with pytest.raises(SourceError, match="a recording, not a camera"):
        list(by_arrival(cast("Iterator[av.Packet[VideoStream]]", packets), lambda: 1.0, lambda: None))
