"""``python -m flows.uploads.helper``: decodes strangers' files, each in a forked child of its own with limits.

One line of JSON comes in for a file (``path``, ``kind``, ``preview`` and the limits), one goes out. Imports happen
once, here; a fork costs milliseconds. The child answers in a few bounded bytes; whatever else becomes of it (a crash,
a limit, silence) the parent turns into words. A file is refused only for what is the file's own fault: for a disk that
is full, a child that was killed or one that had no turn it is to be tried again, since the original of one that is
refused is removed.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import struct
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from PIL import Image

from flows.uploads.inspected import Inspected, exif_degrees, exif_time, iso6709
from flows.uploads.kinds import PHOTOS, PREVIEW_PX, UploadRefused

ANSWER_BYTES: Final = 4096
NICE: Final = 10
SAMPLED: Final = 3
"""Frames of a clip that are decoded: enough to see that it is one; the pipeline decodes the rest under its own eyes."""
UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
"""What makes a photo upright, by its EXIF orientation."""
_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825


def main() -> None:
    """Serves until the other side closes; whoever waits for a receipt goes first."""
    os.nice(NICE)
    for line in sys.stdin:
        asked = json.loads(line)
        sys.stdout.write(json.dumps(answer(asked)) + "\n")
        sys.stdout.flush()


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    """Decodes one file in a child: ``inspected``, why it is ``refused``, or why it is to be tried again (``away``)."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _child(asked, writer)
    os.close(writer)
    try:
        text = _read(reader, time.monotonic() + float(asked["wall_s"]))
    finally:
        os.close(reader)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    if text is None:
        # What it may take of the processor is less: whoever waits for longer waits for others.
        return {"away": f"it could not be decoded within {asked['wall_s']:g} s"}
    try:
        found = json.loads(text)
        if isinstance(found, dict):
            return found
    except ValueError:
        pass
    ended = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if ended == signal.SIGKILL:
        return {"away": "its decoder was killed: by a machine without memory, or by somebody"}
    over = ended in (signal.SIGXCPU, signal.SIGXFSZ)
    return {"refused": "decoding it takes too much" if over else "it is damaged: its decoder gave up"}


def _read(reader: int, until_s: float) -> bytes | None:
    """What the child says, at most :data:`ANSWER_BYTES`; None if it says nothing in time."""
    said = b""
    while len(said) <= ANSWER_BYTES:
        left_s = until_s - time.monotonic()
        if left_s <= 0 or not select.select([reader], [], [], left_s)[0]:
            return None
        piece = os.read(reader, ANSWER_BYTES)
        if not piece:
            return said
        said += piece
    return said


def _child(asked: dict[str, Any], writer: int) -> None:
    """Never returns."""
    try:
        _limit(asked)
        try:
            found: dict[str, Any] = {"inspected": _decode(asked).model_dump(mode="json")}
        except UploadRefused as error:
            found = {"refused": str(error)}
        except MemoryError:
            found = {"refused": "decoding it takes too much memory"}
        except Exception as error:  # noqa: BLE001 - any decoder may raise anything; this process ends here anyway
            found = _said(error)
        os.write(writer, json.dumps(found).encode()[:ANSWER_BYTES])
    finally:
        os._exit(0)


def _said(error: Exception) -> dict[str, Any]:
    """Errors of the system's own calls have a number and are the machine's; decoders' have none, or are FFmpeg's."""
    if isinstance(error, OSError) and error.errno is not None and not isinstance(error, av.FFmpegError):
        return {"away": f"its picture could not be read or written: {error.strerror}"}
    return {"refused": f"it is damaged: {type(error).__name__}"}


def _limit(asked: dict[str, Any]) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # decoders' complaints are nobody's business
        os.dup2(null, stream)
    # At the hard limit of time the kernel kills, as it does without memory: only the soft one says why.
    for name, soft, hard in (
        (resource.RLIMIT_CPU, int(asked["cpu_s"]), int(asked["cpu_s"]) + 2),
        (resource.RLIMIT_AS, int(asked["memory_bytes"]), int(asked["memory_bytes"])),
        (resource.RLIMIT_FSIZE, 8 * 2**20, 8 * 2**20),
        (resource.RLIMIT_NOFILE, 32, 32),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        resource.setrlimit(name, (soft, hard))


def _decode(asked: dict[str, Any]) -> Inspected:
    path, kind, preview = Path(asked["path"]), asked["kind"], Path(asked["preview"])
    if kind in PHOTOS:
        return _photo(path, kind, preview, int(asked["photo_pixels"]))
    return _clip(path, kind, preview, float(asked["clip_s"]))


def _photo(path: Path, kind: Any, preview: Path, most_pixels: int) -> Inspected:
    with Image.open(path, formats=[kind.upper()]) as picture:
        width, height = picture.size
        if width * height > most_pixels:
            raise UploadRefused(f"expected at most {most_pixels:,} pixels, got {width} x {height}")
        exif = picture.getexif()
        picture.draft("RGB", (PREVIEW_PX, PREVIEW_PX))
        rgb = picture.convert("RGB")
    turn = UPRIGHT.get(exif.get(0x0112) or 1)
    rgb = rgb.transpose(turn) if turn is not None else rgb
    pixels = _preview(rgb, preview)
    more, gps = _tags(exif, _EXIF_IFD), _tags(exif, _GPS_IFD)
    at, local = exif_time(str(more.get(0x9003) or exif.get(0x0132) or ""), str(more.get(0x9011) or ""))
    return Inspected(
        kind=kind,
        width_px=width,
        height_px=height,
        taken_at=at,
        taken_local=local,
        latitude=_bounded(exif_degrees(gps.get(2), gps.get(1)), 90),
        longitude=_bounded(exif_degrees(gps.get(4), gps.get(3)), 180),
        device=_device(exif.get(0x010F), exif.get(0x0110)),
        pixels_px=pixels,
    )


def _tags(exif: Image.Exif, part: int) -> dict[int, Any]:
    """What a part of them says; nothing where Pillow cannot read what a stranger wrote: the photo is none the worse."""
    try:
        return exif.get_ifd(part)
    except (OSError, SyntaxError, ValueError, TypeError, LookupError, struct.error):
        return {}


def _clip(path: Path, kind: Any, preview: Path, most_s: float) -> Inspected:
    options = {"protocol_whitelist": "", "enable_drefs": "0", "use_absolute_path": "0"}
    form = "mov" if kind == "mp4" else "matroska"
    with path.open("rb") as file, av.open(file, "r", format=form, options=options) as container:
        if not container.streams.video:
            raise UploadRefused("expected a clip with a picture, got one without")
        stream = container.streams.video[0]
        stream.thread_count = 1
        seconds = float(container.duration or 0) / av.time_base
        if stream.duration is not None and stream.time_base is not None:
            seconds = max(seconds, float(stream.duration * Fraction(stream.time_base)))
        if seconds > most_s:
            raise UploadRefused(f"expected a clip of at most {most_s:g} s, got {seconds:.0f} s")
        count, first = 0, None
        for frame in container.decode(stream):
            count += 1
            first = first or frame
            if count == SAMPLED:
                break
        if first is None:
            raise UploadRefused("it is damaged: no picture in it can be decoded")
        tags = {**stream.metadata, **container.metadata}
        pixels = _preview(Image.fromarray(np.asarray(first.to_ndarray(format="rgb24"))), preview)
        width, height = first.width, first.height
    place = iso6709(tags.get("com.apple.quicktime.location.ISO6709") or tags.get("location") or "")
    return Inspected.model_validate(
        {
            "kind": kind,
            "width_px": width,
            "height_px": height,
            "seconds": round(seconds, 3),
            "frames": count,
            "taken_at": _created(tags.get("com.apple.quicktime.creationdate") or tags.get("creation_time")),
            "latitude": place[0] if place else None,
            "longitude": place[1] if place else None,
            "device": _device(tags.get("com.apple.quicktime.make"), tags.get("com.apple.quicktime.model")),
            "pixels_px": pixels,
        }
    )


def _preview(rgb: Image.Image, path: Path) -> tuple[int, int]:
    """The pixels alone, row by row, three bytes each: no metadata, nothing that was hidden in the file. Its size."""
    rgb.thumbnail((PREVIEW_PX, PREVIEW_PX))
    path.write_bytes(rgb.tobytes())
    return rgb.size


def _created(text: str | None) -> str | None:
    from datetime import datetime

    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    # Recorders without a clock write the container's own zero, 1904 or 1970.
    return at.isoformat() if at.tzinfo is not None and at.year > 1990 else None


def _bounded(value: float | None, most: float) -> float | None:
    return value if value is not None and abs(value) <= most else None


def _device(*parts: object) -> str:
    text = " ".join(str(p).strip("\0 ") for p in parts if p)
    return "".join(c for c in text if c.isprintable())[:100]


if __name__ == "__main__":
    main()
