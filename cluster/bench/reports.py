"""Citizens' reports into the API on Ray Serve: 50 a second, 2 MB photo each, while Redis and a replica are killed.

Each report is one signed request with its photo in the form (Open311), as a government's app would send it. Whoever
is not answered with a receipt sends the same again after a while, as channels are told to. In the end every receipt
is held against what there is: the report in Redis, and its photo, byte for byte by its hash, in the store.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import secrets
import signal
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
from PIL import Image
from rich.console import Console

from cluster.bench.api import served
from cluster.bench.processes import workers
from cluster.bench.report import Figure, at_least, at_most
from flows.domain.channels import signature
from flows.store.channels import ChannelBook
from flows.store.evidence import EvidenceStore
from flows.store.redis_server import EmbeddedRedis
from flows.store.reports import ReportsStore

RATE_HZ: Final = 50.0
OFFERED: Final = 1.1
"""Of that rate is sent while it is measured: who is sent no more cannot take more."""
WARM_S: Final = 5.0
"""The first seconds start the helpers that look at files."""
PHOTO_BYTES: Final = 2_000_000
CHANNEL: Final = "bench"
TARGET: Final = "/api/v1/open311/v2/requests.json"
AGAIN_S: Final = 0.5
GIVE_UP_S: Final = 60.0
IN_FLIGHT: Final = 64


@dataclass
class Tally:
    """What happened to reports.

    Attributes:
        receipts: Tracking id to the photo's SHA-256.
        took_s: From the moment that a report was due to its receipt.
        taken_s: When the receipts came, since the beginning.
        answers: How often which status (or error) came.
        given_up: Without a receipt after a minute.
    """

    receipts: dict[str, str] = field(default_factory=dict)
    took_s: list[float] = field(default_factory=list)
    taken_s: list[float] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    given_up: int = 0


def run(quick: bool = False) -> list[Figure]:
    """Starts Ray, Serve and an embedded Redis of its own, sends, kills, counts, and ends them."""
    calm_s, killed_s = (4.0, 6.0) if quick else (20.0, 30.0)
    with (
        tempfile.TemporaryDirectory(prefix="dome-bench-") as home,
        served(Path(home)) as (config, base, redis),
    ):
        key = ChannelBook(config.channels_path).add(CHANNEL)
        photos = [_photo(seed) for seed in range(8)]
        calm = asyncio.run(_send(base, key, photos, WARM_S + calm_s, "calm", None, OFFERED * RATE_HZ))
        _say(f"calm: {len(calm.receipts)} receipts, {dict(calm.answers)}")
        stormy = asyncio.run(_send(base, key, photos, killed_s, "killed", redis))
        _say(f"killed: {len(stormy.receipts)} receipts, {dict(stormy.answers)}")
        lost = _lost(config, calm.receipts | stormy.receipts)
    taken = sum(WARM_S <= at_s < WARM_S + calm_s for at_s in calm.taken_s)
    both, said = (
        len(calm.receipts) + len(stormy.receipts),
        ", ".join(f"{n} x {what}" for what, n in stormy.answers.most_common()),
    )
    delay = f"receipt after {_share(calm.took_s, 0.5):.2f} s median, {_share(calm.took_s, 0.95):.2f} s p95"
    how = (
        f"{taken} receipts in {calm_s:.0f} s, {OFFERED * RATE_HZ:g} /s sent; {delay}; {os.cpu_count()} cores, with "
        "who sends them"
    )
    killed = "Redis (SIGKILL, then started again) and a replica killed meanwhile"
    return [
        at_least("reports accepted a second, 2 MB photo each", taken / calm_s, RATE_HZ, "/s", how),
        at_most("reports lost that had a receipt", float(lost), 0, f"of {both}", killed),
        at_most("without a receipt after a minute of trying", float(calm.given_up + stormy.given_up), 0, f"of {both}",
                f"{killed}; answers: {said}"),
    ]  # fmt: skip


async def _send(
    base: str,
    key: str,
    photos: list[bytes],
    seconds: float,
    name: str,
    redis: EmbeddedRedis | None,
    rate_hz: float = RATE_HZ,
) -> Tally:
    """Sends at the rate for so long, whatever the answers; kills meanwhile if there is something to kill."""
    tally, slots = Tally(), asyncio.Semaphore(IN_FLIGHT)
    limits = httpx.Limits(max_connections=IN_FLIGHT, max_keepalive_connections=IN_FLIGHT)
    async with httpx.AsyncClient(base_url=base, timeout=20, limits=limits) as client:
        began_s = time.perf_counter()
        tasks = []
        killing = asyncio.create_task(_kill(redis, seconds)) if redis is not None else None
        for n in range(round(seconds * rate_hz)):
            due_s = began_s + n / rate_hz
            await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            report = _report(f"{name}-{n}", photos[n % len(photos)], n)
            tasks.append(asyncio.create_task(_until_taken(client, key, report, began_s, due_s, tally, slots)))
        await asyncio.gather(*tasks)
        if killing is not None:
            await killing
    return tally


async def _until_taken(
    client: httpx.AsyncClient,
    key: str,
    report: tuple[bytes, str, str],
    began_s: float,
    due_s: float,
    tally: Tally,
    slots: asyncio.Semaphore,
) -> None:
    body, kind, digest = report
    while time.perf_counter() < due_s + GIVE_UP_S:
        async with slots:
            try:
                answer = await client.post(
                    TARGET, content=body, headers=_signed(key, body) | {"Content-Type": kind}
                )
                said = str(answer.status_code)
            except httpx.HTTPError as error:
                answer, said = None, type(error).__name__
        tally.answers[said] += 1
        if answer is not None and answer.status_code == 201:
            tally.receipts[answer.json()[0]["service_request_id"]] = digest
            tally.took_s.append(time.perf_counter() - due_s)
            tally.taken_s.append(time.perf_counter() - began_s)
            return
        await asyncio.sleep(AGAIN_S)
    tally.given_up += 1


async def _kill(redis: EmbeddedRedis, seconds: float) -> None:
    """Redis a third of the way (its owner starts it again), a replica at two thirds (Serve does)."""
    await asyncio.sleep(seconds / 3)
    if redis.pid is not None:
        os.kill(redis.pid, signal.SIGKILL)
        _say("Redis killed")
    await asyncio.sleep(seconds / 3)
    for process in workers("ray::ServeReplica:api")[:1]:
        process.kill()
        _say("a replica killed")


def _lost(config: Any, receipts: dict[str, str]) -> int:
    """Receipts of which the report, or its photo, is not there."""
    store, evidence, lost = ReportsStore(config.redis_url), EvidenceStore(config.settings.evidence), 0
    ids = list(receipts)
    for first in range(0, len(ids), 200):
        for report_id in ids[first : first + 200]:
            report = store.get(report_id)
            kept = {
                hashlib.sha256(evidence.read(file.folder, file.name)).hexdigest()
                for file in (report.files if report is not None else ())
            }
            lost += receipts[report_id] not in kept
    store.close()
    return lost


def _report(reference: str, photo: bytes, n: int) -> tuple[bytes, str, str]:
    """Body, content type, and the photo's SHA-256: each photo is its own by its last bytes.

    Put together by hand: a client's library takes as long for it as the API takes to answer, on the same cores.
    """
    own, mark = photo + reference.encode(), f"bench-{secrets.token_hex(12)}"
    fields = {
        "service_code": "prohibited_stopping", "lat": f"{43.0 + 0.002 * (n % 400):.4f}",
        "long": f"{76.0 + 0.002 * (n // 400):.4f}", "description": "A car on the crosswalk",
        "attribute[reference]": f"{reference}-{secrets.token_hex(3)}",
        "attribute[happened_at]": datetime.now(UTC).isoformat(),
    }  # fmt: skip
    said = "".join(
        f'--{mark}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()
    )
    named = f'--{mark}\r\nContent-Disposition: form-data; name="media"; filename="a.jpg"\r\n\r\n'
    body = b"".join([said.encode(), named.encode(), own, f"\r\n--{mark}--\r\n".encode()])
    return body, f"multipart/form-data; boundary={mark}", hashlib.sha256(own).hexdigest()


def _signed(key: str, body: bytes) -> dict[str, str]:
    stamp, nonce = int(time.time()), secrets.token_hex(12)
    made = signature(key, stamp, nonce, "POST", TARGET, body)
    return {"X-Dome-Channel": CHANNEL, "X-Dome-Timestamp": str(stamp), "X-Dome-Nonce": nonce,
            "X-Dome-Signature": made}  # fmt: skip


def _photo(seed: int) -> bytes:
    """A JPEG of about 2 MB, of 12 megapixels, as phones make them."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (300, 400, 3), np.uint8)).resize((4000, 3000))
    out = io.BytesIO()
    coarse.save(out, "JPEG", quality=75)
    return out.getvalue() + bytes(max(0, PHOTO_BYTES - out.tell()))


def _share(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


def _say(text: str) -> None:
    Console(stderr=True).print(f"bench reports: {text}", style="dim")
