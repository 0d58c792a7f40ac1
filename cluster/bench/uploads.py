"""``python -m cluster.bench uploads``: 10,000 malformed files, as strangers may send them: none ends or stops us.

Each is a real small photo or clip with bytes changed, cut, doubled or swapped. What asks (this process) must get an
answer for every one; the helper must live; a sound file after them must be accepted.
"""

from __future__ import annotations

import io
import random
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from PIL import Image

from cluster.bench.report import Figure, at_most
from flows.uploads.inspector import HelperAway, Inspector
from flows.uploads.kinds import UploadRefused

FILES: Final = 10_000
SIDE_PX: Final = (96, 64)


def run(quick: bool = False) -> list[Figure]:
    """Sends malformed files, from two threads."""
    count = 500 if quick else FILES
    sources = samples()
    with ThreadPoolExecutor(2) as pool:
        parts = list(pool.map(lambda part: _send(sources, count // 2, part), range(2)))
    told = sum((part for part, _ in parts), Counter[str]())
    slowest_s = max(slowest for _, slowest in parts)
    said = ", ".join(f"{n} {what}" for what, n in told.most_common())
    return [
        at_most("malformed uploads that crashed the service", told["crashed"], 0, f"of {count}", said),
        at_most("that ended the helper", told["helper gone"], 0, f"of {count}", said),
        at_most("that got no answer (hung)", told["hung"], 0, f"of {count}", said),
        at_most("slowest answer", slowest_s, 25.0, "s", "the limit kills a decoder after 20 s"),
    ]


def _send(sources: list[bytes], count: int, seed: int) -> tuple[Counter[str], float]:
    rng, told, slowest_s = random.Random(seed), Counter[str](), 0.0
    with Inspector() as inspector, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upload"
        for _ in range(count):
            path.write_bytes(mangled(rng.choice(sources), rng))
            started_s = time.perf_counter()
            told[_answer(inspector, path)] += 1
            slowest_s = max(slowest_s, time.perf_counter() - started_s)
        told["helper gone"] += inspector.starts - 1
        path.write_bytes(sources[0])
        inspector.inspect(path)
    return told, slowest_s


def _answer(inspector: Inspector, path: Path) -> str:
    try:
        inspector.inspect(path)
    except UploadRefused:
        return "refused"
    except HelperAway as error:
        return "hung" if "within" in str(error) else "crashed"
    return "still decodable"


def mangled(data: bytes, rng: random.Random) -> bytes:
    """A file with something wrong in it, most often near its beginning, where its structure is."""
    made, first = bytearray(data), rng.choice((16, 400, len(data)))
    match rng.randrange(5):
        case 0:
            del made[rng.randrange(12, len(made)) :]
        case 1:
            at = rng.randrange(12, len(made))
            made[at:at] = made[rng.randrange(len(made)) :][: rng.randrange(1, 4000)]
        case 2:
            at = rng.randrange(12, len(made) - 8)
            made[at : at + 4] = rng.choice(
                (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\x80\0\0\0")
            )
        case _:
            for _ in range(rng.randrange(1, 60)):
                made[rng.randrange(12, max(13, min(first, len(made))))] = rng.randrange(256)
    return bytes(made)


def samples() -> list[bytes]:
    """One small sound file of each kind."""
    noise = np.random.default_rng(1).integers(0, 256, (SIDE_PX[1], SIDE_PX[0], 3), np.uint8)
    picture, found = Image.fromarray(noise), []
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif.get_ifd(0x8825).update({1: "N", 2: (43.0, 14.0, 24.0), 3: "E", 4: (76.0, 54.0, 36.0)})
    for form in ("JPEG", "PNG", "WEBP"):
        out = io.BytesIO()
        picture.save(out, form, exif=exif)
        found.append(out.getvalue())
    return [*found, _clip("mp4", noise), _clip("matroska", noise)]


def _clip(form: str, noise: np.ndarray) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format=form) as sink:
        stream = sink.add_stream("libx264", rate=10, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *SIDE_PX, "yuv420p"
        for number in range(6):
            frame = av.VideoFrame.from_ndarray(np.roll(noise, 4 * number, 1), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            sink.mux(stream.encode(frame))
        sink.mux(stream.encode(None))
    return out.getvalue()
