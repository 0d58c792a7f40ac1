"""``python -m cluster.bench uploads``: 10,000 malformed files, as strangers may send them: none ends or stops us.

Each is a real small photo or clip with bytes changed, cut, doubled or swapped. What asks (this process) must get an
answer for every one; the helper must live; a sound file after them must be accepted. A thousand larger ones go the
whole way: through the API's doors, as an app sends them, until what others see of them is made.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import random
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import httpx
import numpy as np
from PIL import Image

from cluster.bench.report import Figure, at_most
from flows.uploads.inspector import HelperAway, Inspector
from flows.uploads.kinds import UploadRefused

FILES: Final = 10_000
SIDE_PX: Final = (96, 64)
SENT: Final = 1000
SENT_PX: Final = (640, 360)
"""Of the files that go the whole way: the detector looks at them, and clips are made anew."""
PATIENCE_S: Final = 1200.0
"""No file may take longer: a clip's limit in the process that looks at it, and its decoder's, with some to spare."""


def run(quick: bool = False) -> list[Figure]:
    """Sends malformed files, from two threads."""
    count = 500 if quick else FILES
    sources = samples()
    with ThreadPoolExecutor(2) as pool:
        parts = list(pool.map(lambda part: _send(sources, count // 2, part), range(2)))
    told = sum((part for part, _ in parts), Counter[str]())
    slowest_s = max(slowest for _, slowest in parts)
    sent, sent_slowest_s = asyncio.run(_sent(samples(SENT_PX), 50 if quick else SENT))
    said, sent_said = (", ".join(f"{n} {what}" for what, n in each.most_common()) for each in (told, sent))
    of_sent = f"of {sent.total() - sent['helper gone']} through the API"
    return [
        at_most("malformed uploads that crashed the service", told["crashed"], 0, f"of {count}", said),
        at_most("that ended the helper", told["helper gone"], 0, f"of {count}", said),
        at_most("that got no answer (hung)", told["hung"], 0, f"of {count}", said),
        at_most("slowest answer", slowest_s, 25.0, "s", "the limit kills a decoder after 20 s"),
        at_most("malformed uploads that crashed the API", sent["crashed"], 0, of_sent, sent_said),
        at_most("that ended a helper, or made pictures or clips fail", sent["helper gone"] + sent["not looked at"], 0,
                of_sent, f"the slowest was looked at after {sent_slowest_s:.0f} s"),
        at_most("that were never looked at (hung)", sent["hung"], 0, of_sent, sent_said),
    ]  # fmt: skip


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


async def _sent(sources: list[bytes], count: int) -> tuple[Counter[str], float]:
    """Sends files to an API of its own, and looks what became of them; how long the slowest one took, s."""
    from flows.settings import Settings
    from flows.store.mounting import ready_evidence
    from flows.store.redis_server import EmbeddedRedis
    from serve.api.app import create_app
    from serve.api.config import ApiConfig
    from serve.api.devkey import sign

    with (
        tempfile.TemporaryDirectory(prefix="dome-bench-") as home,
        EmbeddedRedis(Path(home) / "redis") as redis,
    ):
        settings = Settings.from_env({"DOME_HOME": home})
        rates = {"channel_rate_hz": 100_000.0, "rate_hz": 100_000.0, "burst": 100_000}
        config = ApiConfig.from_env(redis.url, settings, env={}).model_copy(update=rates)
        ready_evidence(redis.url, settings.evidence)
        app = create_app(config)
        token = sign(settings.home, config.oidc, sub="bench", roles=["channel"], districts=["*"])
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://dome/api/v1",
                headers={"Authorization": f"Bearer {token}"}, timeout=60,
            ) as client,
        ):  # fmt: skip
            return await send(client, app.state.services, sources, count)


async def send(
    client: httpx.AsyncClient, services: Any, sources: list[bytes], count: int
) -> tuple[Counter[str], float]:
    """Sends malformed files one after another, and a sound one in the end, each once the one before was looked at.

    Args:
        client: Of the API, as a channel.
        services: The API's own: what became of a report is read there.
        sources: Sound files.
        count: How many malformed ones.

    Returns:
        How many came to what, and how long the slowest took, s.
    """
    rng, told, slowest_s = random.Random(2), Counter[str](), 0.0
    for n in range(count):
        began_s = time.perf_counter()
        told[await _became(client, services, mangled(rng.choice(sources), rng), n)] += 1
        slowest_s = max(slowest_s, time.perf_counter() - began_s)
    sound = await _became(client, services, sources[0], count)
    assert sound == "looked at", f"a sound file after them: {sound}"
    work = services.work
    told["helper gone"] += max(0, work.inspector.starts - 1) + max(0, work.looker.starts - 1)
    return told, slowest_s


async def _became(client: httpx.AsyncClient, services: Any, data: bytes, n: int) -> str:
    """What became of one file."""
    asked = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    begun = await client.post("/reports/uploads", json=asked)
    if begun.status_code >= 500:
        return "crashed"
    upload = begun.json()["id"]
    piece = {"Content-Type": "application/octet-stream", "Upload-Offset": "0"}
    whole = await client.patch(f"/reports/uploads/{upload}", content=data, headers=piece)
    claim = {"reference": f"{n}", "service": "prohibited_stopping", "latitude": 43.0 + 0.01 * (n % 400),
             "longitude": 76.0 + 0.01 * (n // 400), "uploads": [upload]}  # fmt: skip
    answer = await client.post("/reports", json=claim)
    if max(whole.status_code, answer.status_code) >= 500:
        return "crashed"
    if not answer.is_success:
        return "refused at the door"
    until_s = time.perf_counter() + PATIENCE_S
    while (report := services.reports.get(answer.json()["id"])).state == "received":
        if time.perf_counter() > until_s:
            return "hung"
        await asyncio.sleep(0.01)
        await asyncio.to_thread(services.work.work)
    if report.files[0].state == "refused":
        return "refused"
    return "not looked at" if any("nobody could look" in said for said in report.unknown) else "looked at"


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


def samples(size_px: tuple[int, int] = SIDE_PX) -> list[bytes]:
    """One small sound file of each kind, so many px wide and high."""
    noise = np.random.default_rng(1).integers(0, 256, (size_px[1], size_px[0], 3), np.uint8)
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
        stream.width, stream.height, stream.pix_fmt = noise.shape[1], noise.shape[0], "yuv420p"
        for number in range(6):
            frame = av.VideoFrame.from_ndarray(np.roll(noise, 4 * number, 1), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            sink.mux(stream.encode(frame))
        sink.mux(stream.encode(None))
    return out.getvalue()
