"""The whole live job on a tiny street: what it finds, and what it survives."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import street
from evidencestore import verify_package
from live_run import SPEEDERS, Run, kill
from ray import serve
from rtsp import RtspCamera, rtsp_camera
from typer.testing import CliRunner

import cluster.cli
from cluster.bench.processes import workers
from flows.domain.events import DECISION, EVIDENCE_STORED, SPEEDING, Event
from flows.domain.status import CameraStatus
from flows.settings import Settings
from flows.store.cameras import CameraStore
from flows.store.evidence import EvidenceStore
from flows.store.redis_server import EmbeddedRedis
from flows.store.results import ResultsStore
from flows.stream.gateway import app_name
from serve.app import DetectorArgs, ensure_app

REDIS_AWAY_S = 20.0
SILENT_S = 60.0
STARTED = f', started_at: "{street.STARTED_AT.isoformat()}"'


def site(*cameras: str) -> str:
    return "site: test\ncameras:" + "".join(cameras)


def check_complete(run: Run, cameras: dict[str, CameraStatus], finite: list[str]) -> None:
    """Every speeder of every file once, with its evidence; nothing lost, nothing doubled."""
    events = run.events()
    ids = [event.id for event in events]
    assert len(set(ids)) == len(ids)
    found = Counter((event.camera_id, event.type) for event in events)
    for camera in finite:
        assert found[camera, SPEEDING] == SPEEDERS
        assert found[camera, EVIDENCE_STORED] == SPEEDERS
        assert cameras[camera].state == "ended"
        assert cameras[camera].lost == 0
        status = cameras[camera]
        assert status.frames_read == 200
        assert status.frames_read == status.gated + status.detected
        assert status.events == {SPEEDING: SPEEDERS, EVIDENCE_STORED: SPEEDERS}


def check_told(run: Run, cameras: dict[str, CameraStatus]) -> list[Event]:
    """What cameras say they told is there, each event once; returns it, without what was decided on clips cut short."""
    events = [event for event in run.events() if event.type != DECISION]
    assert len({event.id for event in events}) == len(events)
    for camera, status in cameras.items():
        assert status.lost == 0
        assert Counter(e.type for e in events if e.camera_id == camera) == status.events
    return events


def looped(camera_id: str, clip: Path) -> str:
    """A camera that shows the clip for ever, in real time."""
    return street.camera_yaml(camera_id, clip).replace(f"path: {clip}", f"path: {clip}, loop: true")


def test_files_become_events_with_evidence(job: Run, clip: Path) -> None:
    summary = job.go(site(street.camera_yaml("road-1", clip), street.camera_yaml("road-2", clip)))
    check_complete(job, summary.cameras, ["road-1", "road-2"])
    assert summary.results.written == 4 * SPEEDERS + 2, "with two decisions: one clip of each is cut short"
    assert summary.results.lost == 0
    store = EvidenceStore(str(job.folder / "home" / "evidence"))
    packages = [e for e in job.events() if e.type == EVIDENCE_STORED]
    assert [verify_package(store, str(e.data["folder"])) for e in packages] == [[]] * len(packages)
    named = {e.data["evidence"] for e in job.events() if e.type == SPEEDING}
    assert named == {e.data["folder"] for e in packages}
    speeds = [
        e.data["measured"]["speed"]["value"]  # type: ignore[index, call-overload]
        for e in job.events()
        if e.type == SPEEDING and e.camera_id == "road-1"
    ]
    assert speeds == pytest.approx([72, 90, 65], rel=0.06)


@pytest.fixture(scope="module")
def measured(cluster: None, clip: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, list[float]]:
    """A job that is done, and how many MB its cameras' processes had for themselves while it ran."""
    sizes: list[float] = []

    def measure(run: Run) -> None:
        run.until(lambda c: c["road"].detected > 100)
        sizes.extend(p.memory_full_info().uss / 1e6 for p in workers("ray::CameraActor"))

    run = Run(tmp_path_factory.mktemp("measured"), trouble=measure)
    run.go(site(street.camera_yaml("road", clip)), "first.jsonl")
    return run, sizes


def test_the_same_footage_gives_the_same_events(measured: tuple[Run, list[float]], clip: Path) -> None:
    job = replace(measured[0], trouble=None)
    summary = job.go(site(street.camera_yaml("road", clip)), "second.jsonl")
    first = [e for e in job.events("first.jsonl") if e.type != DECISION]  # that is made once
    assert len(first) == 2 * SPEEDERS
    assert first == job.events("second.jsonl")
    assert summary.results.written == 0
    assert summary.results.duplicates == 2 * SPEEDERS


def test_a_camera_actor_is_small_and_lean(measured: tuple[Run, list[float]]) -> None:
    _, sizes = measured
    assert len(sizes) == 1
    # The figure itself is the bench's; here 640 px pictures and a package in the making weigh more. This
    # notices a heavy import: torch, cv2, pandas or ray.serve would each add 50 to 200 MB.
    assert sizes[0] < 130


def test_a_killed_camera_actor_starts_again(job: Run, clip: Path) -> None:
    def trouble(run: Run) -> None:
        run.until(lambda c: c["road-1"].detected > 60 and c["road-2"].state == "running")
        kill("ray::CameraActor")

    job.trouble = trouble
    summary = job.go(site(street.camera_yaml("road-1", clip), street.camera_yaml("road-2", clip)))
    check_complete(job, summary.cameras, ["road-1", "road-2"])
    assert sum(c.restarts for c in summary.cameras.values()) == 1
    assert any(c.state == "restarting" for seen in job.seen for c in seen)


def test_a_killed_replica_is_replaced(job: Run, clip: Path) -> None:
    def trouble(run: Run) -> None:
        run.until(lambda c: c["road"].detected > 40)
        kill("ray::ServeReplica:detector-colour")

    job.trouble = trouble
    summary = job.go(site(street.camera_yaml("road", clip)))
    check_complete(job, summary.cameras, ["road"])
    assert summary.cameras["road"].dropped == 0


def test_a_replica_that_hangs_is_replaced_and_asked_again(job: Run, clip: Path, tmp_path: Path) -> None:
    """The job finds the detector running, so this one hangs sooner than others would be said to."""
    settings = Settings.from_env({"DOME_HOME": str(tmp_path)})
    serve.start(proxy_location="Disabled")
    ensure_app(
        DetectorArgs(
            name="hanging",
            loader="street:load_hanging",
            settings=settings,
            num_cpus=0.1,
            hung_s=2,
            max_replicas=1,
        )
    )
    try:
        summary = job.go(
            site(street.camera_yaml("road", clip).replace("detector: colour", "detector: hanging"))
        )
    finally:
        serve.delete(app_name("hanging"))
    assert (tmp_path / "hung").exists()
    check_complete(job, summary.cameras, ["road"])
    assert summary.cameras["road"].errors["detector"] > 0
    assert (summary.cameras["road"].restarts, summary.cameras["road"].dropped) == (0, 0)


def test_a_killed_gateway_is_replaced(job: Run, clip: Path) -> None:
    def trouble(run: Run) -> None:
        run.until(lambda c: c["road"].detected > 40)
        kill("ray::DetectorGateway")

    job.trouble = trouble
    summary = job.go(site(street.camera_yaml("road", clip)))
    check_complete(job, summary.cameras, ["road"])


def test_a_killed_results_actor_starts_again(job: Run, clip: Path) -> None:
    def trouble(run: Run) -> None:
        run.until(lambda c: c["road"].events.get(SPEEDING, 0) > 0)
        kill("ray::ResultsActor")

    job.trouble = trouble
    summary = job.go(site(street.camera_yaml("road", clip)))
    check_complete(job, summary.cameras, ["road"])
    assert summary.results.restarts == 1


def test_redis_may_be_away_for_20_s_under_load(job: Run, clip: Path, tmp_path: Path) -> None:
    def trouble(run: Run) -> None:
        assert run.redis is not None
        assert run.job is not None
        run.until(lambda c: c["road"].detected > 20 and c["loop"].state == "running")
        run.redis.kill()
        told = sum(run.of("loop").events.values())
        time.sleep(REDIS_AWAY_S)
        run.until(lambda c: sum(c["loop"].events.values()) > told)
        run.redis.start()
        run.until(
            lambda c: c["road"].state == "ended" and (run.results.redis, run.results.spooled) == ("up", 0)
        )
        run.job.end()

    with EmbeddedRedis(tmp_path / "redis") as server:
        job.redis, job.trouble = server, trouble
        summary = job.go(site(street.camera_yaml("road", clip), looped("loop", clip)), until_end=False)
        check_complete(job, summary.cameras, ["road"])
        events = check_told(job, summary.cameras)
        assert (summary.results.redis, summary.results.outages, summary.results.lost) == ("up", 1, 0)
        assert summary.results.away_s > REDIS_AWAY_S / 2, "counted from when it is missed"
        store = ResultsStore(server.url)
        assert sum(e.event.type != DECISION for e in store.events(count=1000)) == len(events)
        assert sum(c.count for c in store.counters() if c.type != DECISION) == len(events)
        store.close()


def test_bad_cameras_leave_the_good_ones_alone(job: Run, clip: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.mp4"
    empty.touch()
    summary = job.go(
        site(
            street.camera_yaml("missing", tmp_path / "nothing.mp4"),
            street.camera_yaml("empty", empty),
            street.camera_yaml("unknown", clip, extra="\n    colour: pink"),
            street.camera_yaml("road", clip),
        )
    )
    check_complete(job, summary.cameras, ["road"])
    assert summary.cameras["missing"].state == "failed"
    assert "nothing.mp4" in summary.cameras["missing"].message
    assert summary.cameras["empty"].state == "failed"
    assert any("unknown" in problem for problem in summary.problems)


def test_a_silent_camera_reconnects_and_the_rest_goes_on(job: Run, clip: Path) -> None:
    stream = """
  - id: silent
    source: {kind: stream, url: "tcp://127.0.0.1:9", format: mpegts, silence_s: 1}
    detector: colour
"""
    summary = job.go(site(street.camera_yaml("road", clip), stream))
    check_complete(job, summary.cameras, ["road"])
    assert summary.cameras["silent"].state == "stopped"
    assert any(c.camera_id == "silent" and c.state == "reconnecting" for seen in job.seen for c in seen)


@contextmanager
def killed(server: RtspCamera, clip: Path) -> Iterator[None]:
    server.kill()
    yield
    server.start(file=clip)


@contextmanager
def silent(server: RtspCamera, _: Path) -> Iterator[None]:
    """It keeps its connections, takes new ones, and says nothing."""
    server.send(signal.SIGSTOP)
    since_s = time.monotonic()
    yield
    time.sleep(max(0.0, SILENT_S - (time.monotonic() - since_s)))
    server.send(signal.SIGCONT)


@pytest.mark.parametrize("away", [killed, silent])
def test_an_rtsp_camera_goes_away_and_comes_back_and_the_rest_goes_on(
    job: Run, clip: Path, away: Callable[[RtspCamera, Path], AbstractContextManager[None]]
) -> None:
    """What drives past before and after is told once, with its evidence; the camera beside it notices nothing."""
    with rtsp_camera() as server:
        server.start(file=clip)

        def trouble(run: Run) -> None:
            run.until(lambda c: c["rtsp"].events.get(SPEEDING, 0) > 0)
            with away(server, clip):
                run.until(lambda c: c["rtsp"].state == "reconnecting")
                told, beside = run.of("rtsp").events[SPEEDING], run.of("loop").frames_read
                run.until(lambda c: c["loop"].frames_read > beside + 25)
            run.until(lambda c: c["rtsp"].state == "running" and c["rtsp"].events[SPEEDING] > told)
            assert run.job is not None
            run.job.end()

        job.trouble = trouble
        stream = (
            f'kind: stream, url: "rtsp://127.0.0.1:{server.port}/cam", silence_s: 2, backoff_s: [0.1, 0.5]'
        )
        summary = job.go(
            site(
                street.camera_yaml("rtsp", clip).replace(f"path: {clip}", stream).replace(STARTED, ""),
                looped("loop", clip),
            )
        )
    rtsp, loop = summary.cameras["rtsp"], summary.cameras["loop"]
    assert rtsp.reconnects >= 1
    assert (loop.reconnects, loop.restarts, rtsp.restarts) == (0, 0, 0)
    check_told(job, summary.cameras)
    for status in summary.cameras.values():
        assert status.events[EVIDENCE_STORED] == status.events[SPEEDING]


def test_cameras_come_and_go_while_a_job_runs(job: Run, clip: Path, tmp_path: Path) -> None:
    lane = "\n    zones: [{name: lane, polygon_m: [[0, 10], [3, 10], [3, 30], [0, 30]]}]"
    loop = street.camera_yaml("loop", clip, extra=lane).replace(f"path: {clip}", f"path: {clip}, loop: true")

    def trouble(run: Run) -> None:
        run.until(lambda c: c["loop"].events.get(SPEEDING, 0) > 0)
        run.until(lambda _: [shape.name for shape in cameras.outlines("loop")] == ["lane"])
        other = tmp_path / "other.yaml"
        other.write_text(site(street.camera_yaml("road-1", clip), street.camera_yaml("road-2", clip)))
        home = {"DOME_HOME": str(run.folder / "home"), "RAY_AUTH_MODE": "token"}
        applied = CliRunner().invoke(cluster.cli.app, ["apply", str(other)], env=home)
        assert (applied.exit_code, applied.stdout) == (0, "added: road-2; removed: loop\n"), applied
        other.write_text("site: elsewhere\ncameras:" + street.camera_yaml("road-1", clip))
        refused = CliRunner().invoke(cluster.cli.app, ["apply", str(other)], env=home)
        assert (refused.exit_code, "nothing was changed" in refused.stderr) == (1, True)

    job.trouble = trouble
    with EmbeddedRedis(tmp_path / "redis") as job.redis:
        cameras = CameraStore(job.redis.url)
        summary = job.go(site(street.camera_yaml("road-1", clip), loop), until_end=False)
        cameras.close()
    check_complete(job, summary.cameras, ["road-1", "road-2"])
    gone = summary.cameras["loop"]
    assert gone.state == "stopped"
    assert (
        Counter(e.type for e in job.events() if e.camera_id == "loop" and e.type != DECISION) == gone.events
    )
    assert summary.cameras["road-1"].restarts == 0


def test_sigterm_drains(job: Run, clip: Path) -> None:
    def trouble(run: Run) -> None:
        run.until(lambda c: c["road"].events.get(SPEEDING, 0) > 0)
        os.kill(psutil.Process().pid, signal.SIGTERM)

    job.trouble = trouble
    summary = job.go(site(street.camera_yaml("road", clip)))
    assert summary.cameras["road"].state in ("stopped", "ended")
    assert summary.cameras["road"].frames_read > 0
    sent = sum(summary.cameras["road"].events.values())
    assert sent == sum(event.type != DECISION for event in job.events())
