"""``python -m flows.uploads.frames``: a stranger's clip as bare pixels, decoded by a process that may die.

What comes out needs no decoder any more: for each frame its time and its pixels, of one size that is said at the
beginning. Whoever reads checks every length, and ends the process when its time is over (:func:`clip_frames`).
"""

from __future__ import annotations

import json
import os
import resource
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from flows.uploads.kinds import Limits, MediaKind, UploadRefused

HEAD: Final = struct.Struct(">dI")
MOST_PX: Final = 960
"""Longest side of what comes out: a plate of 40 px in a phone's 1920 is 20 px there, and half the bytes of 1280."""
RATE_HZ: Final = 10.0
"""Frames a second that come out: enough to follow a vehicle (0.5 m at 20 km/h)."""
CPU_S: Final = 120
"""Two minutes of 4K video at 30 frames a second take about as long to decode on one core."""
WALL_S: Final = 300.0
SOURCE_PIXELS: Final = 36_000_000
"""Of a frame before it is made smaller: 8K has 33 million."""


@dataclass(frozen=True, slots=True)
class ClipFrame:
    """One frame.

    Attributes:
        after_s: Since the first one, by the clip's own clock.
        bgr: ``(height, width, 3)`` uint8, upright.
    """

    after_s: float
    bgr: NDArray[np.uint8]


@contextmanager
def clip_frames(
    path: Path, kind: MediaKind, limits: Limits | None = None, wall_s: float = WALL_S
) -> Iterator[Iterator[ClipFrame]]:
    """The frames of a clip, at most :data:`RATE_HZ` a second and :data:`MOST_PX` wide or high.

    A clip that breaks off, or whose decoder takes too much, ends with the last frame that came out.

    Raises:
        UploadRefused: At the first frame, if not one can be decoded.
    """
    asked = json.dumps([str(path), kind, (limits or Limits()).memory_bytes])
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.uploads.frames", asked],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    over = threading.Timer(wall_s, process.kill)
    over.daemon = True
    over.start()
    try:
        assert process.stdout is not None
        yield _read(process.stdout)
    finally:
        over.cancel()
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _read(out: IO[bytes]) -> Iterator[ClipFrame]:
    """What the process says may be what a stranger's file made it say."""
    size = out.read(8)
    width, height = struct.unpack(">II", size) if len(size) == 8 else (0, 0)
    if not (0 < width <= MOST_PX and 0 < height <= MOST_PX):
        raise UploadRefused("it is damaged: no picture in it can be decoded")
    count, before_s = 0, -1.0
    while len(head := out.read(HEAD.size)) == HEAD.size:
        after_s, length = HEAD.unpack(head)
        if length != width * height * 3 or not before_s < after_s < 1e6:
            break
        data = out.read(length)
        if len(data) != length:
            break
        count, before_s = count + 1, after_s
        yield ClipFrame(after_s, np.frombuffer(data, np.uint8).reshape(height, width, 3))
    if count == 0:
        raise UploadRefused("it is damaged: no picture in it can be decoded")


def main() -> None:
    """The process: decodes under its limits until the clip ends or nobody reads."""
    path, kind, memory = json.loads(sys.argv[1])
    import av  # before the limits: a library that cannot be loaded is no damaged clip

    out = os.fdopen(os.dup(1), "wb", buffering=0)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    for name, most in (
        (resource.RLIMIT_CPU, CPU_S),
        (resource.RLIMIT_AS, int(memory)),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 32),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(name, (most, most))
    options = {"protocol_whitelist": "", "enable_drefs": "0", "use_absolute_path": "0"}
    form = "mov" if kind == "mp4" else "matroska"
    with Path(path).open("rb") as file, av.open(file, "r", format=form, options=options) as container:
        _send(container, out)


def _send(container: Any, out: IO[bytes]) -> None:
    stream = container.streams.video[0]
    stream.thread_count = 1
    if stream.codec_context.width * stream.codec_context.height > SOURCE_PIXELS:
        return
    size: tuple[int, int] | None = None
    first_s: float | None = None
    due_s = 0.0
    for frame in container.decode(stream):
        if frame.time is None:
            continue
        first_s = frame.time if first_s is None else first_s
        after_s = frame.time - first_s
        if after_s < due_s:
            continue
        due_s = max(due_s + 1 / RATE_HZ, after_s + 0.5 / RATE_HZ)
        turns = round(-frame.rotation / 90) % 4
        wanted = fitted(frame.width, frame.height)
        rgb = frame.reformat(*wanted, format="bgr24").to_ndarray()
        upright = np.ascontiguousarray(np.rot90(rgb, -turns))
        height, width = upright.shape[:2]
        if size is None:
            size = (width, height)
            _write(out, struct.pack(">II", width, height))
        if (width, height) != size:
            return  # another picture altogether
        _write(out, HEAD.pack(after_s, upright.nbytes))
        _write(out, upright.tobytes())


def _write(out: IO[bytes], data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[out.write(rest) or 0 :]


def fitted(width: int, height: int) -> tuple[int, int]:
    """Even width and height that fit.

    >>> fitted(1920, 1080), fitted(320, 240)
    ((960, 540), (320, 240))
    """
    scale = min(1.0, MOST_PX / max(width, height))
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


if __name__ == "__main__":
    main()
