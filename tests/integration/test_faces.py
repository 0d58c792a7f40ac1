"""Face searches on real Ray and real Redis: who is searched for is found, and nothing remains of anybody else."""

from __future__ import annotations

import signal
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import ray
from cryptography.fernet import Fernet
from leaks import VARIABLE, Canary, Search
from live_run import Run
from portraits import jpeg, stranger
from ray import serve
from searching import make_case

from cluster.bench.processes import workers
from cluster.bench.walkers import Sender, Walker, head_of, portrait
from cluster.live import LiveOptions
from cluster.session import ray_for
from flows.domain.cases import SearchTerms, Window
from flows.faces.cutting import decoded
from flows.settings import Settings
from flows.store import keys
from flows.store.cases import CaseStore
from flows.store.connection import client
from flows.store.leads import LeadStore
from flows.store.redis_server import EmbeddedRedis
from flows.store.vault import Vault
from models.faces.looker import make
from serve.app import start_serve

HOUR = timedelta(hours=1)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis(tmp_path / "redis") as server:
        yield server


class Searching:
    """A job with one covered camera and one that no case covers, and hands to the stores."""

    def __init__(self, folder: Path, redis: EmbeddedRedis, canary: Canary | None = None) -> None:
        self.key = Fernet.generate_key().decode()
        self.vault = Vault.of(self.key)
        self.cases = CaseStore(redis.url, self.vault)
        self.leads = LeadStore(redis.url, self.vault)
        self.redis = redis
        options = LiveOptions(faces="leaks:eyes" if canary else "")
        env = {"DOME_PROBE_KEY": self.key}
        self.run = Run(folder, redis, loader="cluster.bench.walkers:load", env=env, options=options)

    def case(self, probe: object, camera: str = "hall-1", **changes: object) -> str:
        """An active case for who is on a photo."""
        now = datetime.now(UTC)
        values = {
            "cameras": (camera,),
            "window": Window(begins_at=now - HOUR, ends_at=now + HOUR),
            "expires_at": now + HOUR,
            "terms": SearchTerms(longest_days=30, votes=2),
            "steps": ({"deed": "created", "by": "asel", "at": now},),
            **changes,
        }
        case = make_case(**values)
        self.cases.create(case, {"p1": jpeg(probe)})  # type: ignore[arg-type]
        self.cases.authorise(case.id, "bolat")
        self.cases.activate(case.id, "asel")
        return case.id

    def written(self, case: str) -> int:
        """Leads of a case in the store."""
        with client(self.redis.url, 5.0) as asked:
            return int(asked.zcard(keys.case(case, "leads")))

    def go(self, trouble, *senders: Sender):  # type: ignore[no-untyped-def]
        def then_end(run: Run) -> None:
            try:
                trouble(run)
            finally:
                assert run.job is not None
                run.job.end()

        self.run.trouble = then_end
        cameras = "".join(
            f"\n  - {{id: hall-{n}, source: {sender.source()}, detector: bodies}}"
            for n, sender in enumerate(senders, 1)
        )
        return self.run.go(f"site: station\ncameras:{cameras}\n")


@contextmanager
def walking(*heads: object) -> Iterator[tuple[Sender, Sender]]:
    """Two cameras that see the same people again and again."""
    walkers = [Walker(head, n, 2.5 * n) for n, head in enumerate(heads)]  # type: ignore[arg-type]
    with Sender(walkers, 6.0 + 2.5 * len(heads)) as one, Sender(walkers, 6.0 + 2.5 * len(heads)) as two:
        yield one, two


@pytest.fixture
def canary(cluster: None, clusters: ExitStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Canary]:
    """Listens to a Ray of its own, whose workers know it from their start."""
    listening = Canary()
    monkeypatch.setenv(VARIABLE, listening.name)  # before Ray starts: its workers inherit it
    if ray.is_initialized():
        ray.shutdown()
    with ray_for():
        yield listening
    monkeypatch.undo()
    clusters.enter_context(ray_for())  # for the tests after this one


@pytest.fixture
def emptied(cluster: None) -> None:
    """Other modules' detectors keep the small Ray's CPUs for two minutes after their last frame; ours need them."""
    start_serve()
    for name in serve.status().applications:
        serve.delete(name)


def test_who_is_searched_for_is_a_lead_and_only_where_the_case_says(
    emptied: None, tmp_path: Path, redis: EmbeddedRedis
) -> None:
    search = Searching(tmp_path, redis)
    case = search.case(portrait())

    def trouble(run: Run) -> None:
        run.until(
            lambda c: c["hall-1"].events.get("dome.search.lead.v1", 0) >= 1 and c["hall-2"].detected > 30
        )
        run.until(lambda c: search.written(case) > 0)  # one in flight would be refused, and rightly so
        search.cases.stop_all("dana", "a drill")
        run.until(lambda c: True)
        stopped = {}
        run.until(lambda c: _still(stopped, c["hall-1"].faces, c["hall-1"].frames_read))

    with walking(head_of(portrait())) as senders:
        summary = search.go(trouble, *senders)
    assert summary.cameras["hall-1"].faces > 0
    assert summary.cameras["hall-2"].faces == 0
    assert summary.cameras["hall-2"].detected > 30
    views = search.leads.of_case(case, "asel")
    lead = views[0].lead
    assert (lead.camera, lead.probe) == ("hall-1", "p1")
    assert lead.likeness.similarity >= lead.likeness.threshold > 0.94
    assert lead.likeness.votes == 2
    crop = search.leads.crop(lead.seen_crop, "asel")
    assert crop[:2] == b"\xff\xd8"
    assert search.leads.crop(lead.probe_crop, "asel")[:2] == b"\xff\xd8"


def _still(before: dict[str, int], faces: int, frames: int) -> bool:
    """After the stop switch: a hundred more frames, and not one more face."""
    if before.get("faces") != faces:
        before.update(faces=faces, frames=frames)
    return frames - before["frames"] > 150


def test_nothing_of_a_passer_by_remains_anywhere_after_crashes(
    canary: Canary, tmp_path: Path, redis: EmbeddedRedis
) -> None:
    search = Searching(tmp_path, redis, canary)
    search.case(stranger())
    places: dict[str, int] = {}

    def trouble(run: Run) -> None:
        canary.until(3)
        crash("ray::CameraActor", signal.SIGABRT)  # which would write a core
        crash("ray::ServeReplica:faces", signal.SIGABRT)
        canary.until(len(canary.looks) + 4)
        leaks = scan(canary, tmp_path, redis)
        places.update(leaks.read)
        assert leaks.found == []

    with walking(head_of(portrait())) as senders:
        summary = search.go(trouble, *senders)
    assert summary.cameras["hall-1"].faces > 0
    assert summary.cameras["hall-2"].faces == 0
    assert search.leads.of_case("case-1", "asel") == []
    assert set(places) >= {"object store", "redis", "home", "session", "metrics"}
    assert places["object store"] > 1_000_000
    assert places["metrics"] > 10_000
    assert scan(canary, tmp_path, redis).found == []
    check_the_scan_finds_what_is_there(search, canary, tmp_path, redis)


def check_the_scan_finds_what_is_there(
    search: Searching, canary: Canary, folder: Path, redis: EmbeddedRedis
) -> None:
    """A scan that finds nothing says something only if it finds what somebody kept."""
    look = canary.looks[0]
    kept = ray.put(look.picture)
    search.cases._redis.set("dome:planted", look.vector.astype("<f8").tobytes())
    (folder / "home" / "planted.log").write_text(f"score of {look.vector.tolist()}")
    alike = float((np.stack([wanted()]) @ look.vector)[0])
    search.cases._redis.set("dome:score", struct.pack("<d", alike))
    (folder / "home" / "score.log").write_text(f"nobody, by {alike}")
    planted = scan(canary, folder, redis).found
    del kept
    for place, what in (
        ("object store", "pixels"),
        ("redis", "float64"),
        ("home", "numbers as text"),
        ("redis", "score"),
        ("home", "score as text"),
    ):
        assert any(line.startswith(place) and what in line for line in planted), (place, planted)


@cache
def wanted() -> np.ndarray:
    """The face that is searched for, as the face search knows it."""
    face = make("dlib", Settings.from_env()).see(decoded(jpeg(stranger())))
    assert face is not None
    return face.vector


def crash(name: str, how: signal.Signals) -> None:
    """Ends all workers of a kind at once."""
    found = list(workers(name))
    assert found, f"no process {name}"
    for process in found:
        process.send_signal(how)


def scan(canary: Canary, folder: Path, redis: EmbeddedRedis) -> Search:
    """Looks through everything that a job leaves, in memory and on disk."""
    looks = canary.looks[:4] + canary.looks[-4:]
    search = Search(looks, wanted())
    for key in CaseStore(redis.url)._redis.scan_iter(count=1000):
        search.bytes(f"redis:{key!r}", CaseStore(redis.url)._redis.dump(key) or b"")
    search.folder("redis", folder / "redis")
    search.folder("home", folder / "home")
    search.folder("session", Path(ray._private.worker._global_node.get_session_dir_path()))
    search.folder("shm", Path("/dev/shm"))
    for core in [*Path.cwd().glob("core*"), *Path("/tmp").glob("core*"), *Path("/var/crash").glob("*")]:
        if core.is_file():
            search.bytes(f"core:{core}", core.read_bytes())
    search.shared_memory()
    search.metrics()
    return search
