from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import av
import pytest
from media import cut_short, write_video

from flows.sources.extent import missing_bytes


class Pipe:
    """What can be written to and nothing else."""

    def __init__(self, file: BinaryIO) -> None:
        self.write = file.write


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm", "avi", "ts", "flv", "h264"])
def test_nothing_is_missing_from_a_whole_file(tmp_path: Path, suffix: str) -> None:
    codec = "libvpx" if suffix == "webm" else "libx264"
    assert missing_bytes(write_video(tmp_path / f"a.{suffix}", 10, codec=codec)) == 0


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_what_was_cut_off_is_counted(tmp_path: Path, suffix: str) -> None:
    path = write_video(tmp_path / f"a.{suffix}", 10)
    if suffix == "mp4":
        path = cut_short(path, 1.0)  # its index comes first, the pictures last
    path.write_bytes(path.read_bytes()[:-1000])
    assert missing_bytes(path) == 1000


@pytest.mark.parametrize("packet", [188, 192, 204])
def test_a_transport_stream_ends_with_a_whole_packet(tmp_path: Path, packet: int) -> None:
    plain = write_video(tmp_path / "a.ts", 10).read_bytes()
    front = bytes(4 if packet == 192 else 0)
    back = bytes(packet - 188 - len(front))
    data = b"".join(front + plain[i : i + 188] + back for i in range(0, len(plain), 188))
    path = tmp_path / "b.ts"
    path.write_bytes(data)
    assert missing_bytes(path) == 0
    path.write_bytes(data[:-100])
    assert missing_bytes(path) == 100


def test_a_matroska_that_was_written_to_a_pipe_does_not_tell(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with (
        av.open(str(write_video(tmp_path / "b.mkv", 10))) as old,
        path.open("wb") as file,
        av.open(Pipe(file), "w", format="matroska") as new,
    ):
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = stream
                new.mux(packet)
    path.write_bytes(path.read_bytes()[:-100])
    assert missing_bytes(path) == 0


@pytest.mark.parametrize("data", [b"", b"G", b"\x1a\x45\xdf\xa3", b"RIFF", b"x" * 5000])
def test_what_is_no_video_says_nothing(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(data)
    assert missing_bytes(path) == 0
