"""How soon a searched person is an alert in Redis: a whole live job, a real face, a stream in real time."""

from __future__ import annotations

import io
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
from cryptography.fernet import Fernet

from cluster.bench.walkers import Sender, Walker, head_of, portrait
from cluster.live import LiveJob, LiveOptions, run_live
from flows.domain.cases import LegalBasis, PersonTarget, SearchCase, SearchTerms, Step, Window
from flows.settings import Settings
from flows.site.sitefile import load_site
from flows.store import keys
from flows.store.cases import CaseStore
from flows.store.connection import client
from flows.store.redis_server import EmbeddedRedis
from flows.store.vault import Vault

PERIOD_S: Final = 7.0
"""Somebody walks through the picture, then nobody is there for two seconds: a new track each time."""
ANSWER_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Alerts:
    """What was measured.

    Attributes:
        after_s: From a crop's capture to its alert in Redis, seconds, one a lead.
        looked: Heads looked at, by camera: the second one is covered by no case.
    """

    after_s: list[float]
    looked: dict[str, int]


def measure(wanted: int, votes: int = 2) -> Alerts:
    """Runs two cameras that see the same person again and again, until so many alerts have come."""
    with (
        tempfile.TemporaryDirectory(prefix="dome-bench-") as name,
        EmbeddedRedis(Path(name) / "redis") as redis,
    ):
        folder, key = Path(name), Fernet.generate_key().decode()
        cases = CaseStore(redis.url, Vault.of(key))
        _begin(cases, votes)
        env = {"DOME_HOME": str(folder), "DOME_REDIS_URL": redis.url, "DOME_PROBE_KEY": key}
        with _walking() as (one, two):
            site = folder / "site.yaml"
            rows = "".join(
                f"\n  - {{id: hall-{n}, source: {s.source()}, detector: bodies}}"
                for n, s in enumerate((one, two), 1)
            )
            site.write_text(f"site: bench\ncameras:{rows}\n")
            config, _ = load_site(site)
            ended = threading.Event()

            def wait(job: LiveJob) -> None:
                threading.Thread(target=_until, args=(redis.url, wanted, job, ended), daemon=True).start()

            options = LiveOptions(
                settings=Settings.from_env(env), loader="cluster.bench.walkers:load", plates="", on_ready=wait
            )
            summary = run_live(config, [], options, lambda *_: None)
        cases.close_connections()
        return Alerts(_after_s(redis.url), {id: status.faces for id, status in summary.cameras.items()})


@contextmanager
def _walking() -> Iterator[tuple[Sender, Sender]]:
    walkers = [Walker(head_of(portrait()))]
    with Sender(walkers, PERIOD_S) as one, Sender(walkers, PERIOD_S) as two:
        yield one, two


def _begin(cases: CaseStore, votes: int) -> None:
    from PIL import Image

    now, hour = datetime.now(UTC), timedelta(hours=1)
    case = SearchCase(
        id="bench",
        purpose="missing_person",
        basis=LegalBasis(law="-", document="-"),
        target=PersonTarget(name="-", probes=("p1",)),
        cameras=("hall-1",),
        window=Window(begins_at=now - hour, ends_at=now + hour),
        alert_radius_m=1000,
        requester="one",
        expires_at=now + hour,
        terms=SearchTerms(longest_days=30, votes=votes),
        steps=(Step(deed="created", by="one", at=now),),
    )
    photo = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(portrait()[..., ::-1])).save(photo, "JPEG", quality=95)
    cases.create(case, {"p1": photo.getvalue()})
    cases.authorise("bench", "two")
    cases.activate("bench", "one")


def _until(url: str, wanted: int, job: LiveJob, ended: threading.Event) -> None:
    """Ends the job when enough alerts have come, or none comes any more."""
    for _ in range(round((wanted + 4) * PERIOD_S * 4)):
        if len(_alerts(url)) >= wanted:
            break
        ended.wait(0.5)
    job.end()


def _alerts(url: str) -> list[Any]:
    redis = client(url, ANSWER_S)
    found: Any = redis.xrange(keys.ALERTS)
    redis.close()
    return list(found)


def _after_s(url: str) -> list[float]:
    """From the times that Redis gave the alerts; the first one is left out, all processes were starting then."""
    rows = _alerts(url)[1:]
    return [(int(entry.decode().partition("-")[0]) - int(fields[b"at_ms"])) / 1000 for entry, fields in rows]
