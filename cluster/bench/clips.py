"""Clips for benches: a busy street and a still one, of any size, made once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from fractions import Fraction
from itertools import islice
from pathlib import Path
from types import MappingProxyType

import av
import numpy as np

STARTED_AT = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
FPS = 25
FOOTAGE = Path(__file__).resolve().parents[3] / "shared" / "data" / "footage" / "street.mp4"
NOISE = 2.0
"""Grey levels of sensor noise: what a street camera shows in daylight."""
MBITS = 4.0
"""Megabits a second of a still 1080p camera, as makers preset it. Less would leave the noise out, and its work."""


def busy(folder: Path, size_px: tuple[int, int], frames: int) -> Path:
    """A street full of cars: real footage where it is at hand, else moving textured blocks."""
    kind = "street" if FOOTAGE.is_file() else "blocks"
    path = folder / f"{kind}-{size_px[0]}x{size_px[1]}-{frames}.mp4"
    if not path.is_file():
        pictures = _footage(size_px) if FOOTAGE.is_file() else _blocks(size_px)
        _write(path, islice(pictures, frames), size_px)
    return path


def still(folder: Path, size_px: tuple[int, int], frames: int) -> Path:
    """A street on which nothing moves, with the noise of its sensor, at a camera's usual constant bitrate."""
    path = folder / f"still-{size_px[0]}x{size_px[1]}-{frames}-{MBITS:g}mbit.mp4"
    if not path.is_file():
        _write(path, islice(_noisy(size_px), frames), size_px, {"b": f"{MBITS}M", "maxrate": f"{MBITS}M"})
    return path


def _write(
    path: Path,
    pictures: Iterator[av.VideoFrame],
    size_px: tuple[int, int],
    rate: Mapping[str, str] = MappingProxyType({"crf": "23"}),
) -> None:
    """H.264 as cameras send it: main profile with bidirectional frames, a key frame every two seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}")
    with av.open(str(new), "w", format="mp4", options={"movflags": "use_metadata_tags"}) as sink:
        sink.metadata["creation_time"] = STARTED_AT.isoformat()
        stream = sink.add_stream("libx264", rate=FPS)
        stream.width, stream.height = size_px
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "veryfast", "bf": "2", "bufsize": "8M", **rate}
        stream.codec_context.gop_size = 2 * FPS
        for index, picture in enumerate(pictures):
            picture.pts = index
            picture.time_base = Fraction(1, FPS)
            sink.mux(stream.encode(picture))
        sink.mux(stream.encode(None))
    new.replace(path)


def _footage(size_px: tuple[int, int]) -> Iterator[av.VideoFrame]:
    while True:
        with av.open(str(FOOTAGE)) as source:
            for frame in source.decode(video=0):
                yield frame.reformat(*size_px, "yuv420p")


def _blocks(size_px: tuple[int, int]) -> Iterator[av.VideoFrame]:
    width, height = size_px
    rng = np.random.default_rng(1)
    ground = rng.integers(90, 130, (height // 8, width // 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    block = rng.integers(0, 255, (height // 8, width // 8, 3), np.uint8)
    index = 0
    while True:
        picture = ground.copy()
        for lane in range(5):
            left = (index * (3 + lane) * width // 640 + lane * width // 5) % (width - block.shape[1])
            top = (lane + 1) * height // 7
            picture[top : top + block.shape[0], left : left + block.shape[1]] = block
        yield av.VideoFrame.from_ndarray(picture[: height & ~1, : width & ~1], format="bgr24").reformat(
            width, height, "yuv420p"
        )
        index += 1


def _noisy(size_px: tuple[int, int]) -> Iterator[av.VideoFrame]:
    width, height = size_px
    rng = np.random.default_rng(1)
    ground = next(_footage(size_px) if FOOTAGE.is_file() else _blocks(size_px)).to_ndarray(format="yuv420p")
    # A handful of noise pictures, shifted by chance: a fresh one for each frame takes longer than encoding.
    noises = [rng.normal(0, NOISE, ground[:height].shape).astype(np.int16) for _ in range(4)]
    while True:
        noise = np.roll(noises[rng.integers(4)], tuple(rng.integers(0, (height, width))), (0, 1))
        picture = ground.copy()
        picture[:height] = np.clip(ground[:height] + noise, 0, 255).astype(np.uint8)
        yield av.VideoFrame.from_ndarray(picture, format="yuv420p")
