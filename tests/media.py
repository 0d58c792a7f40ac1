"""Small test videos, made with PyAV in memory-sized pieces: a bright square that moves over a grey ground."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

STARTED_AT = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
SQUARE_PX = 24


def square_at(index: int, width: int, height: int) -> tuple[int, int]:
    """Left and top of the square in a frame."""
    return (4 * index) % (width - SQUARE_PX), height // 3


def draw(
    index: int, width: int = 320, height: int = 240, *, moving: bool = True, noise: float = 0.0
) -> NDArray[np.uint8]:
    """``(height, width, 3)`` uint8 BGR. The frame's index is written as grey level of the top left corner."""
    ground = np.tile(np.linspace(60, 120, width, dtype=np.float32), (height, 1))
    if noise:
        ground = ground + np.random.default_rng(index).normal(0, noise, ground.shape).astype(np.float32)
    picture = np.repeat(ground[:, :, None], 3, axis=2)
    if moving:
        left, top = square_at(index, width, height)
        picture[top : top + SQUARE_PX, left : left + SQUARE_PX] = (40, 220, 240)
    picture[:16, :16] = level(index)
    return np.clip(picture, 0, 255).astype(np.uint8)


def level(index: int) -> int:
    """Grey level that names a frame in its top left corner; neighbours differ by 10."""
    return 20 + (index * 10) % 220


def shown_index(bgr: NDArray[np.uint8], near: int) -> int:
    """The frame's index by its corner, of those that share the grey level the one nearest to ``near``."""
    seen = float(bgr[4:12, 4:12].mean())
    return min(range(max(0, near - 11), near + 12), key=lambda i: (abs(level(i) - seen), abs(i - near)))


def write_video(
    path: Path,
    frames: int = 50,
    *,
    fps: int = 25,
    size: tuple[int, int] = (320, 240),
    b_frames: int = 0,
    gop: int = 25,
    pts: Sequence[int] | None = None,
    first_index: int = 0,
    codec: str = "libx264",
    created: datetime | None = STARTED_AT,
    moving: bool = True,
    noise: float = 0.0,
) -> Path:
    """Writes a small video in which every frame can be told from its neighbours (:func:`shown_index`).

    Args:
        path: Its suffix names the container.
        frames: How many.
        fps: Nominal rate.
        size: Width and height.
        b_frames: Bidirectional frames between others.
        gop: Frames from key frame to key frame.
        pts: Timestamps in thousandths of a frame; evenly spaced by default.
        first_index: Number of the first frame: what it shows, and its timestamp.
        codec: Encoder.
        created: Creation time in the container.
        moving: Draw the moving square.
        noise: Standard deviation of sensor noise, grey levels.
    """
    with av.open(str(path), "w") as sink:
        if created is not None:
            sink.metadata["creation_time"] = created.isoformat()
        stream = sink.add_stream(codec, rate=fps)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, fps * 1000)
        stream.codec_context.gop_size = gop
        stream.codec_context.max_b_frames = b_frames
        if codec == "libx265":
            stream.options = {"preset": "ultrafast", "x265-params": "pools=1:frame-threads=1:log-level=none"}
        if codec == "libx264":
            stream.options = {
                "preset": "ultrafast",
                "x264-params": f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes={b_frames}:threads=1",
            }
        for number in range(frames):
            index = first_index + number
            picture = av.VideoFrame.from_ndarray(
                draw(index, *size, moving=moving, noise=noise), format="bgr24"
            )
            picture.pts = pts[number] if pts is not None else index * 1000
            picture.time_base = Fraction(1, fps * 1000)
            sink.mux(stream.encode(picture))
        sink.mux(stream.encode(None))
    return path


def cut_short(path: Path, share: float) -> Path:
    """An MP4 beside the given one, index first, of which only a share of the bytes was copied."""
    cut = path.with_name(f"cut-{path.name}")
    with av.open(str(path)) as old, av.open(str(cut), "w", options={"movflags": "faststart"}) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        new.metadata.update(old.metadata)
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = stream
                new.mux(packet)
    whole = cut.read_bytes()
    cut.write_bytes(whole[: round(len(whole) * share)])
    return cut


def flip_bits(path: Path, damaged: Path) -> Path:
    """An MP4 with bits flipped here and there in the second quarter of its pictures; its index is whole."""
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    size = int.from_bytes(data[start - 8 : start - 4], "big")
    for place in range(start + size // 4, start + size // 2, 997):
        data[place] ^= 0x55
    damaged.write_bytes(data)
    return damaged
