"""A real Redis: what is written can be read; nothing is lost or doubled when it dies, hangs or forgets."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.domain.errors import FieldError, StoreError
from flows.domain.events import EVIDENCE_STORED, PASSAGE, SIGNAL_CHANGED, SPEEDING, Event
from flows.settings import Settings
from flows.store.delivery import Ack, Policy, Results
from flows.store.lines import to_json
from flows.store.redis_server import EmbeddedRedis, redis_for
from flows.store.results import Entry, Patience, ResultsStore, Retention
from flows.store.spool import Spool
from flows.store.writer import Writer

START = datetime(2026, 5, 1, 18, 59, 50, tzinfo=UTC)
PARKING = "dome.violation.parking.v1"


def make_event(n: int, camera: str = "road-1", district: str = "esil", type: str = SPEEDING) -> Event:
    at = START + timedelta(seconds=n)
    return Event.of(type, camera_id=camera, district=district, at=at, data={"track": n}, key=(n,))


def make_events(count: int, first: int = 0) -> list[Event]:
    return [make_event(n) for n in range(first, first + count)]


def evidence_of(event: Event) -> Event:
    data = {"violation": event.id, "folder": "road-1/2026-05-01/x"}
    return Event.of(
        EVIDENCE_STORED, camera_id="road-1", district="esil", at=event.time, data=data, key=(event.id,)
    )


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.02)


def all_entries(store: ResultsStore) -> list[Entry]:
    entries: list[Entry] = []
    while page := store.events(entries[-1].place if entries else "0-0", count=1000):
        entries += page
    return entries


def assert_held_once(url: str, events: list[Event]) -> None:
    """Every event is there, in stream, record and counters, exactly once."""
    store = ResultsStore(url)
    held = Counter(entry.event.id for entry in all_entries(store))
    assert set(held) == {event.id for event in events}
    assert set(held.values()) == {1}
    assert sum(count.count for count in store.counters()) == len(events)
    store.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def store(server: EmbeddedRedis) -> Iterator[ResultsStore]:
    store = ResultsStore(server.url)
    yield store
    store.close()


@pytest.fixture
def writer(server: EmbeddedRedis, tmp_path: Path) -> Iterator[Writer]:
    patience = Patience(answer_s=1.0, probe_s=0.2)
    results = Results(
        ResultsStore(server.url, patience=patience),
        Spool(tmp_path, "results", 10_000),
        policy=Policy(retry_s=(0.05, 0.2)),
    )
    writer = Writer(results)
    yield writer
    writer.close()


# What is written can be read


def test_an_event_is_written_once_however_often_it_is_sent(store: ResultsStore) -> None:
    events = make_events(600)
    assert store.write(events).written == 600
    report = store.write([*events, make_event(600), make_event(600)])
    assert (report.written, report.duplicates) == (1, 601)
    assert_held_once(store.address, make_events(601))


def test_the_same_events_from_many_writers_at_once_are_written_once(server: EmbeddedRedis) -> None:
    events = make_events(300)
    written: list[int] = []

    def send() -> None:
        own = ResultsStore(server.url)
        written.append(sum(own.write(events[i : i + 7]).written for i in range(0, 300, 7)))
        own.close()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(written) == 300
    assert_held_once(server.url, events)


def test_events_are_read_in_pages_by_type_camera_and_district(store: ResultsStore) -> None:
    mixed = [
        make_event(n, f"road-{n % 2}", "esil" if n % 3 else "almaty", PARKING if n % 5 == 0 else SPEEDING)
        for n in range(60)
    ]
    store.write(mixed)
    assert [e.event for e in all_entries(store)] == mixed
    first = store.events(camera="road-1", count=10)
    second = store.events(first[-1].place, camera="road-1", count=100)
    assert [e.event for e in first + second] == [e for e in mixed if e.camera_id == "road-1"]
    parked = [e for e in mixed if e.type == PARKING and e.camera_id == "road-0" and e.subject == "almaty"]
    assert [e.event for e in store.events(type=PARKING, camera="road-0", district="almaty")] == parked
    assert store.events(camera="no-such") == []


def test_events_are_found_by_capture_time_newest_first(store: ResultsStore) -> None:
    events = make_events(20)
    store.write(events[::-1])  # footage is not always processed in order
    since, until = START + timedelta(seconds=5), START + timedelta(seconds=10)
    found = store.captured("district", "esil", since, until)
    assert [e.event for e in found] == events[9:4:-1]
    assert len(store.captured("camera", "road-1", since, until, count=2)) == 2
    assert store.captured("type", PARKING, since, until) == []


def test_counters_follow_the_utc_day_of_capture(store: ResultsStore) -> None:
    midnight_s = 5 * 3600 + 10  # START is ten seconds before 19:00 UTC
    store.write([make_event(n) for n in (0, 1, midnight_s - 1, midnight_s)])
    store.write([make_event(7, district="almaty", type=PARKING)])
    assert [(c.day, c.district, c.type, c.count) for c in store.counters()] == [
        ("2026-05-01", "almaty", PARKING, 1),
        ("2026-05-01", "esil", SPEEDING, 3),
        ("2026-05-02", "esil", SPEEDING, 1),
    ]
    assert [c.count for c in store.counters("2026-05-01", "esil")] == [3]
    assert store.counters("2020-01-01") == []


@pytest.mark.parametrize("evidence_first", [False, True])
def test_evidence_joins_its_violation_whichever_comes_first(
    store: ResultsStore, evidence_first: bool
) -> None:
    violation = make_event(1)
    evidence = evidence_of(violation)
    pair = [violation, evidence]
    for event in pair[::-1] if evidence_first else pair:
        store.write([event])
        store.write([event])
    found = store.event(violation.id)
    assert found is not None
    assert (found.event, found.evidence) == (violation, evidence)
    assert len(all_entries(store)) == 2


def test_an_unknown_event_is_none(store: ResultsStore) -> None:
    assert store.event("no-such") is None
    evidence = evidence_of(make_event(1))
    store.write([evidence])
    assert store.event(make_event(1).id) is None, "evidence alone is no violation"


def test_old_events_go_with_everything_that_points_at_them(server: EmbeddedRedis) -> None:
    store = ResultsStore(server.url, retention=Retention(max_events=10))
    store.write([*make_events(500), evidence_of(make_event(499))])
    assert store.prune(batch=64) == 491
    assert len(all_entries(store)) == 10
    assert len(store.captured("camera", "road-1", START, START + timedelta(days=1), count=1000)) == 10
    assert store.event(make_event(0).id) is None
    assert sum(c.count for c in store.counters()) == 501, "counters are kept for good"
    in_91_days_s = time.time() + 91 * 86400
    assert store.prune(now_s=in_91_days_s) == 10
    left = {key.decode().removeprefix("{dome}:") for key in store._client.scan_iter()}
    assert not [name for name in left if name.startswith(("event:", "times:"))]
    store.close()


def test_lights_and_passages_push_no_violation_out(server: EmbeddedRedis) -> None:
    store = ResultsStore(server.url, retention=Retention(max_events=20, max_passing=5))
    waiting = make_events(8)
    store.write(waiting)
    for type in (SIGNAL_CHANGED, PASSAGE):
        store.write([make_event(n, type=type) for n in range(100)])
    store.prune(batch=16)
    held = Counter(entry.event.type for entry in all_entries(store))
    assert held == {SPEEDING: 8, SIGNAL_CHANGED: 5, PASSAGE: 5}
    store.close()


# Redis dies, hangs or forgets


def test_redis_killed_under_load_loses_and_doubles_nothing(writer: Writer, server: EmbeddedRedis) -> None:
    events = make_events(3000)
    acks: list[Ack] = []

    def send(part: list[Event]) -> None:
        for i in range(0, len(part), 5):
            acks.append(writer.submit([to_json(e) for e in part[i : i + 5]]).result(20))
            time.sleep(0.002)

    cameras = [threading.Thread(target=send, args=(events[i::3],)) for i in range(3)]
    for camera in cameras:
        camera.start()
    wait_for(lambda: writer.results.status().written > 100)
    server.kill()
    wait_for(lambda: writer.results.waiting > 300)
    server.start()
    for camera in cameras:
        camera.join()
    assert writer.flush(20)
    assert all(ack.safe for ack in acks)
    assert sum(ack.spooled for ack in acks) > 300
    assert_held_once(server.url, events)


def test_a_redis_that_hangs_holds_nobody_up_for_long(writer: Writer, server: EmbeddedRedis) -> None:
    events = make_events(200)
    writer.submit(events[:100]).result(10)
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    try:
        asked_s = time.monotonic()
        assert writer.submit(events[100:]).result(10) == Ack(spooled=100)
        assert time.monotonic() - asked_s < 5
        assert "did not answer in time" in writer.results.status().redis
    finally:
        os.kill(server.pid, signal.SIGCONT)
    assert writer.flush(20)
    assert_held_once(server.url, events)


def test_a_redis_that_forgot_its_newest_writes_gets_them_again(writer: Writer, server: EmbeddedRedis) -> None:
    writer.submit(make_events(50)).result(10)
    aof = server.folder / "appendonly.aof"
    size = aof.stat().st_size
    writer.submit(make_events(50, first=50)).result(10)
    server.kill()
    os.truncate(aof, size)  # as after a power cut
    server.start()
    wait_for(lambda: len(all_entries(ResultsStore(server.url))) == 100)
    assert_held_once(server.url, make_events(100))


def test_a_killed_writer_leaves_its_backlog_to_the_next(server: EmbeddedRedis, tmp_path: Path) -> None:
    events = make_events(700)
    server.kill()
    first = Results(ResultsStore(server.url), Spool(tmp_path, "results", 10_000))
    assert first.submit(events) == Ack(spooled=700)
    first._spool._lock.close()  # all that the system does for a killed process
    second = Writer(Results(ResultsStore(server.url), Spool(tmp_path, "results", 10_000)))
    second.submit(events[:50]).result(10)  # those that had no answer come again
    server.start()
    assert second.flush(20)
    second.close()
    assert_held_once(server.url, events)


def test_a_process_killed_in_the_middle_had_every_answered_event_safe(
    server: EmbeddedRedis, tmp_path: Path
) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); from pathlib import Path\n"
        f"from {Path(__file__).stem} import make_event\n"
        "from flows.store.delivery import Results; from flows.store.results import ResultsStore\n"
        "from flows.store.spool import Spool\n"
        "results = Results(ResultsStore(sys.argv[1]), Spool(Path(sys.argv[2]), 'results', 100_000))\n"
        "for n in range(100_000):\n"
        "    assert results.submit([make_event(n)]).safe\n"
        "    print(n, flush=True)\n"
    )
    command = [sys.executable, "-c", code, server.url, str(tmp_path)]
    answered = -1
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sender:
        assert sender.stdout is not None
        for line in sender.stdout:
            answered = int(line)
            if answered == 50:
                server.kill()  # from here on the answers come from the disk
            if answered == 150:
                sender.kill()
    server.start()
    successor = Writer(Results(ResultsStore(server.url), Spool(tmp_path, "results", 100_000)))
    assert successor.flush(20)
    successor.close()
    held = {entry.event.id for entry in all_entries(ResultsStore(server.url))}
    assert answered >= 150
    assert {event.id for event in make_events(answered + 1)} <= held


def test_an_error_names_the_address_and_what_to_do(store: ResultsStore, server: EmbeddedRedis) -> None:
    server.kill()
    with pytest.raises(
        StoreError, match=r"cannot write events at unix://.*start it, or correct DOME_REDIS_URL"
    ):
        store.write(make_events(1))
    with pytest.raises(StoreError, match="cannot read events"):
        store.events()


def test_a_flushed_script_cache_is_no_matter(store: ResultsStore) -> None:
    store.write(make_events(1))
    store._client.script_flush()
    assert store.write(make_events(2)).written == 1


# The embedded server


def test_results_outlive_the_run(tmp_path: Path) -> None:
    settings = Settings.from_env({"DOME_HOME": str(tmp_path)})
    for expected in (3, 0):
        with redis_for(settings) as url:
            store = ResultsStore(url)
            assert store.write(make_events(3)).written == expected
            store.close()
    assert not (tmp_path / "redis" / "redis.sock").exists(), "the server has ended"


def test_a_server_that_dies_by_itself_is_started_again(server: EmbeddedRedis, store: ResultsStore) -> None:
    store.write(make_events(100))
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: server.pid not in (pid, None))
    server.start()  # returns when it answers
    wait_for(lambda: _answers(store))
    assert_held_once(server.url, make_events(100))


def test_two_runs_in_one_home_are_told_how_to_share(server: EmbeddedRedis) -> None:
    with pytest.raises(StoreError, match="in use by another run") as caught:
        EmbeddedRedis(server.folder).open()
    assert f"DOME_REDIS_URL={server.url}" in str(caught.value)
    with redis_for(Settings.from_env({"DOME_REDIS_URL": server.url})) as shared:
        assert ResultsStore(shared).write(make_events(1)).written == 1


def test_an_orphan_of_a_killed_run_is_ended_first_and_its_data_kept(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from flows.store.redis_server import EmbeddedRedis\n"
        "server = EmbeddedRedis(Path(sys.argv[1])); server.open()\n"
        "import redis; redis.Redis.from_url(server.url).set('kept', 'yes')\n"
        "print(server.pid, flush=True); os._exit(1)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    orphan = int(ran.stdout)
    assert _lives(orphan)
    with EmbeddedRedis(tmp_path) as server:
        wait_for(lambda: not _lives(orphan))
        store = ResultsStore(server.url)
        assert store._client.get("kept") == b"yes"
        store.close()


def test_a_home_too_deep_for_a_socket_works_all_the_same(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    with EmbeddedRedis(deep) as server:
        assert len(server.url) < 120
        assert EmbeddedRedis(deep).url == server.url, "whoever comes next finds it"
        store = ResultsStore(server.url)
        assert store.write(make_events(1)).written == 1
        store.close()


def test_a_given_redis_that_does_not_answer_is_told_at_the_start() -> None:
    settings = Settings.from_env({"DOME_REDIS_URL": "redis://dome:s3cret@127.0.0.1:1/0"})
    with pytest.raises(StoreError, match="DOME_REDIS_URL") as caught, redis_for(settings):
        pass
    assert "s3cret" not in str(caught.value)


def test_a_malformed_address_is_told_at_the_start() -> None:
    with (
        pytest.raises(FieldError, match="DOME_REDIS_URL"),
        redis_for(Settings.from_env({"DOME_REDIS_URL": "x"})),
    ):
        pass


def _answers(store: ResultsStore) -> bool:
    try:
        store.ping()
    except StoreError:
        return False
    return True


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
