from __future__ import annotations

import io
from datetime import datetime, timedelta
from pathlib import Path
from typing import NoReturn

import av
import numpy as np
import pytest
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream
from media import STARTED_AT, shown_index, write_video

from flows.domain.errors import SourceError
from flows.sources.file import FileVideo
from flows.sources.packets import CodecParameters, parameter_sets
from flows.sources.reel import Reel, stills
from flows.sources.ring import PacketRing


def at(frame: float) -> datetime:
    return STARTED_AT + timedelta(seconds=frame / 25)


def recorded(path: Path, ring: PacketRing | None = None) -> tuple[FileVideo, list[np.ndarray]]:
    source = FileVideo("cam-1", path, started_at=STARTED_AT, ring=ring)
    return source, [f.picture.bgr() for f in source.frames()]


def payloads(data: bytes) -> list[bytes]:
    with av.open(io.BytesIO(data)) as container:
        return [bytes(p) for p in container.demux(video=0) if p.size]


@pytest.mark.slow
@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize("suffix", ["mp4", "ts"])
def test_a_clip_begins_at_the_key_frame_before_and_tells_each_capture_time(
    tmp_path: Path, suffix: str, b_frames: int
) -> None:
    path = write_video(tmp_path / f"a.{suffix}", 120, b_frames=b_frames)
    source, _ = recorded(path)
    clip = source.ring.clip(at(40), at(80))
    assert clip.frames[0].at == at(25)
    assert clip.frames[0].key
    assert clip.frames[-1].at >= at(80)
    assert clip.cut_short == ()
    assert (clip.media_type, clip.data[4:8]) == ("video/mp4", b"ftyp")
    with av.open(io.BytesIO(clip.data)) as container:
        assert container.metadata["creation_time"].startswith("2026-05-04T08:00:01")
        shown = [
            (round(f.time * 1e6), shown_index(f.to_ndarray(format="bgr24"), 25 + n))
            for n, f in enumerate(container.decode(video=0))
        ]
    assert [t for t, _ in shown] == [f.pts_us for f in clip.frames]
    assert [at(i) for _, i in shown] == [f.at for f in clip.frames]


@pytest.mark.slow
def test_a_clip_is_remuxed_never_encoded_again(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 100)
    source, _ = recorded(path)
    clip = source.ring.clip(at(25), at(74.5))
    assert payloads(clip.data) == payloads(path.read_bytes())[25:75]
    assert clip.data == source.ring.clip(at(25), at(74.5)).data


@pytest.mark.slow
def test_a_clip_says_when_it_is_cut_short(tmp_path: Path) -> None:
    source, _ = recorded(write_video(tmp_path / "a.mp4", 100), PacketRing(ring_s=2.0))
    clip = source.ring.clip(at(10), at(140))
    assert [r.split()[0] for r in clip.cut_short] == ["begins", "ends"]
    with pytest.raises(SourceError, match="held"):
        PacketRing().clip(at(0), at(1))


@pytest.mark.slow
@pytest.mark.parametrize("b_frames", [0, 2])
def test_a_picture_is_the_very_frame_that_was_decoded(tmp_path: Path, b_frames: int) -> None:
    source, frames = recorded(write_video(tmp_path / "a.mp4", 80, b_frames=b_frames))
    stills = source.ring.pictures([at(61), at(30), at(33), at(79)])
    assert [s.at for s in stills] == [at(61), at(30), at(33), at(79)]
    for still, index in zip(stills, [61, 30, 33, 79], strict=True):
        assert np.array_equal(still.bgr, frames[index])


def test_a_picture_between_two_frames_is_the_nearest_and_says_so(tmp_path: Path) -> None:
    source, _ = recorded(write_video(tmp_path / "a.mp4", 30))
    assert source.ring.picture(at(10.4)).at == at(10)
    with pytest.raises(SourceError, match="no recorded frame"):
        source.ring.picture(at(60))


@pytest.mark.slow
def test_the_ring_is_bounded_by_time_and_by_bytes(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 150, noise=6)
    by_time, _ = recorded(path, PacketRing(ring_s=2.0))
    assert by_time.ring.span is not None
    oldest, newest = by_time.ring.span
    assert newest == at(149)
    assert oldest >= at(99)
    by_bytes, _ = recorded(path, PacketRing(max_bytes=100_000))
    assert 50_000 < by_bytes.ring.held_bytes <= 100_000


@pytest.mark.slow
def test_a_picture_whose_key_frame_is_gone_is_refused(tmp_path: Path) -> None:
    source, _ = recorded(write_video(tmp_path / "a.mp4", 100, gop=50), PacketRing(ring_s=3.0))
    with pytest.raises(SourceError, match="key frame"):
        source.ring.picture(at(30))
    assert source.ring.picture(at(60)).at == at(60)


@pytest.mark.slow
def test_packets_that_were_secured_outlive_the_ring(tmp_path: Path) -> None:
    ring = PacketRing(ring_s=1.0)
    source = FileVideo("cam-1", write_video(tmp_path / "a.mp4", 120), started_at=STARTED_AT, ring=ring)
    secured = None
    for frame in source.frames():
        if frame.index == 30:
            secured = ring.since(at(26))
    assert secured is not None
    assert shown_index(stills(secured, [at(28)])[0].bgr, 28) == 28
    with pytest.raises(SourceError):
        ring.picture(at(28))


def test_parameter_sets_are_found_in_annex_b_only() -> None:
    assert parameter_sets("h264", b"\0\0\0\x05\x67AAAA") == b""
    assert (
        parameter_sets("hevc", b"\0\0\1\x40\1a\0\0\1\x42\1b\0\0\1\x26\1c")
        == b"\0\0\0\1\x40\1a\0\0\0\1\x42\1b"
    )
    assert parameter_sets("mjpeg", b"\0\0\1\x67") == b""


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["libx265", "mpeg4"])
def test_other_codecs_are_cut_as_well(tmp_path: Path, codec: str) -> None:
    try:
        path = write_video(tmp_path / "a.mp4", 60, codec=codec)
    except (av.FFmpegError, ValueError) as error:
        pytest.skip(f"this libav has no {codec}: {error}")
    source, frames = recorded(path)
    assert np.array_equal(source.ring.picture(at(40)).bgr, frames[40])
    with av.open(io.BytesIO(source.ring.clip(at(10), at(50)).data)) as container:
        assert sum(1 for _ in container.decode(video=0)) >= 41


class Fussy:
    """A decoder that complains of one packet, and of the end."""

    def __init__(self, decoder: VideoCodecContext) -> None:
        self._decoder, self._asked = decoder, 0

    def decode(self, packet: av.Packet[VideoStream] | None) -> list[av.VideoFrame]:
        self._asked += 1
        if packet is None or self._asked == 3:
            raise av.error.PatchWelcomeError(1, "for a test")
        return self._decoder.decode(packet)


def test_what_a_decoder_says_of_a_damaged_packet_costs_no_other_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, shown = recorded(write_video(tmp_path / "a.mp4", 10))
    whole = CodecParameters.decoder
    monkeypatch.setattr(CodecParameters, "decoder", lambda *args: Fussy(whole(*args)))
    assert (source.ring.picture(STARTED_AT).bgr == shown[0]).all()
    with pytest.raises(SourceError, match="cannot be decoded again"):
        source.ring.picture(STARTED_AT + timedelta(seconds=2 / 25))


class Counting:
    """A decoder that counts what it is given."""

    given = 0

    def __init__(self, decoder: VideoCodecContext) -> None:
        self._decoder = decoder

    def decode(self, packet: av.Packet[VideoStream] | None) -> list[av.VideoFrame]:
        Counting.given += 1
        return self._decoder.decode(packet)


@pytest.mark.parametrize(
    ("asked", "most"),
    [
        ([3, 9, 9, 21], 22),
        ([20, 28], 21 + 4),
        ([3, 45], 4 + 21),
        ([9, 3], 10 + 4),
    ],
    ids=["one pass", "over a key frame", "what lies between is left out", "backwards"],
)
def test_a_reel_decodes_what_it_must(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[int], most: int
) -> None:
    source, shown = recorded(write_video(tmp_path / "a.mp4", 50))
    whole = CodecParameters.decoder
    monkeypatch.setattr(CodecParameters, "decoder", lambda *args: Counting(whole(*args)))
    monkeypatch.setattr(Counting, "given", 0)
    reel = Reel(source.ring.since(at(0)))
    for index in asked:
        assert np.array_equal(reel.still(at(index)).bgr, shown[index])
        assert np.array_equal(reel.still(at(index), (5, 7, 60, 90)).bgr, shown[index][7:90, 5:60])
    assert Counting.given <= most


def test_a_reel_goes_on_behind_what_cannot_be_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, shown = recorded(write_video(tmp_path / "a.mp4", 10))
    whole = CodecParameters.decoder
    monkeypatch.setattr(CodecParameters, "decoder", lambda *args: Fussy(whole(*args)))
    reel = Reel(source.ring.since(at(0)))
    with pytest.raises(SourceError, match="cannot be decoded again"):
        reel.still(at(2))
    assert np.array_equal(reel.still(at(1)).bgr, shown[1])


def test_what_cannot_be_put_into_a_clip_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, _ = recorded(write_video(tmp_path / "a.mp4", 10))

    def refuse(*_: object) -> NoReturn:
        raise av.error.ArgumentError(22, "for a test")

    monkeypatch.setattr("flows.sources.remux._timed", refuse)
    with pytest.raises(SourceError, match="cannot be put into mp4"):
        source.ring.clip(STARTED_AT, STARTED_AT + timedelta(seconds=1))
