"""What an archive holds, and what is known already."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
import redis
from media import write_video
from numpy.typing import NDArray
from street import ColourDetector
from typer.testing import CliRunner
from violations import package

import cluster.cli
from cluster.backfill import notes, unsent
from cluster.cli.backfill import line, whole
from flows.casework.adjudication import Case, judge
from flows.casework.review import step
from flows.domain.belts import SEAT_BELT, candidate_of
from flows.domain.detections import Detections
from flows.domain.errors import SourceError, StoreError
from flows.domain.events import SPEEDING, Event
from flows.domain.inference import DetectRequest
from flows.domain.people import Person
from flows.domain.ruleset import SectionSpeedRule
from flows.domain.site import SiteConfig
from flows.domain.status import CameraStatus
from flows.jurisdiction import load_profile
from flows.settings import Settings
from flows.site.sitefile import load_site
from flows.store.deleted import DeletedStore
from flows.store.results import Entry, ResultsStore
from flows.stream.assembly import Surroundings
from flows.stream.backfill import Known, Loaders, Played, Player, _Asked, named_time, recordings
from flows.stream.feed import Feed

AT = datetime(2026, 9, 14, 8, 30, tzinfo=UTC)


@pytest.fixture
def site(tmp_path: Path) -> SiteConfig:
    path = tmp_path / "site.yaml"
    path.write_text(
        "site: town\ncameras:\n  - {id: a, source: 'rtsp://10.0.0.1/a'}\n  - {id: b, source: 'rtsp://10.0.0.1/b'}\n"
        "  - {id: radar, source: {kind: tracks, path: radar.csv}, rules: []}\n"
    )
    return load_site(path).config


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Two seconds that do not tell when they were recorded."""
    return write_video(tmp_path / "film.mp4", frames=50, created=None)


def put(film: Path, archive: Path, *names: str) -> None:
    for name in names:
        path = archive / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(film, path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("2026-09-14T08-30-00Z.mp4", "2026-09-14T08:30:00+00:00"),
        ("20260914_133000+05-00-north.mkv", "2026-09-14T08:30:00+00:00"),
        ("2026-09-14T08:30:00.250Z.ts", "2026-09-14T08:30:00.250000+00:00"),
        ("2026-09-14T08-30-00.mp4", None),
        ("2026-13-14T08-30-00Z.mp4", None),
        ("film.mp4", None),
    ],
)
def test_a_recordings_name_tells_its_time_with_its_zone_or_nothing(name: str, text: str | None) -> None:
    said = named_time(name)
    assert (said.isoformat() if said else None) == text


def test_recordings_are_those_of_the_sites_cameras_in_order_of_time(
    site: SiteConfig, film: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "archive"
    put(film, archive, "b/2026-09-14T08-30-00Z.mp4", "a/day/2026-09-14T08-31-00Z.mp4", "a/notes.txt")
    found, problems = recordings(site, archive)
    assert [(r.camera.id, r.from_at) for r in found] == [("b", AT), ("a", AT + timedelta(minutes=1))]
    assert not problems
    assert found[0].until_at - found[0].from_at == timedelta(seconds=2)
    assert found[0].camera.source.started_at == AT  # type: ignore[union-attr]
    assert not found[0].camera.live
    later, _ = recordings(site, archive, since=AT + timedelta(seconds=30))
    earlier, _ = recordings(site, archive, until=AT + timedelta(seconds=30))
    assert [r.camera.id for r in later + earlier] == ["a", "b"]


def test_what_cannot_be_used_is_left_out_and_told(site: SiteConfig, film: Path, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    put(film, archive, "a/film.mp4", "c/2026-09-14T08-30-00Z.mp4", "radar/2026-09-14T08-30-00Z.mp4")
    (archive / "a" / "2026-09-14T08-30-00Z.mp4").write_bytes(b"")
    found, problems = recordings(site, archive)
    assert not found
    for problem, words in zip(
        problems, ["is empty", "expected a name", "no camera 'c'", "reports tracks"], strict=True
    ):
        assert words in problem


def test_a_recording_that_shows_again_what_another_shows_is_left_out(
    site: SiteConfig, film: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "archive"
    put(
        film,
        archive,
        "a/2026-09-14T08-30-00Z.mp4",
        "a/2026-09-14T08-30-00.5Z.mp4",
        "a/2026-09-14T08-30-01.5Z.mp4",
    )
    found, (problem,) = recordings(site, archive)
    assert [r.from_at - AT for r in found] == [timedelta(0), timedelta(seconds=1.5)]
    assert "begins before" in problem


def test_of_two_that_begin_at_once_one_is_played_however_short(
    site: SiteConfig, film: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "archive"
    short = write_video(tmp_path / "short.mp4", frames=10, created=None)
    put(short, archive, "a/2026-09-14T08-30-00Z.mp4", "a/copy/2026-09-14T08-30-00Z.mp4")
    found, (problem,) = recordings(site, archive)
    assert len(found) == 1
    assert "begins before" in problem


@pytest.mark.slow
def test_a_recording_that_was_cut_off_is_as_long_as_its_packets_say(
    site: SiteConfig, film: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "archive"
    whole = write_video(tmp_path / "whole.mkv", frames=100, created=None)
    cut = archive / "a" / "2026-09-14T08-30-00Z.mkv"
    cut.parent.mkdir(parents=True)
    cut.write_bytes(_without_duration(whole.read_bytes()))
    with av.open(str(cut)) as container:
        assert container.duration is None
    put(film, archive, "a/2026-09-14T08-30-01Z.mp4")
    (kept,), (problem,) = recordings(site, archive, since=AT + timedelta(seconds=3))
    assert (kept.until_at - kept.from_at).total_seconds() == pytest.approx(4, abs=0.1)
    assert "begins before" in problem


def _without_duration(data: bytes) -> bytes:
    """Matroska as it lies there while it is recorded: its duration (0x4489) and its streams' are not written yet."""
    return data.replace(b"\x44\x89\x88", b"\xec\x89\x00").replace(b"DURATION", b"DURATIOX")


@pytest.mark.parametrize("suffix", ["TS", "dav", "webm", "mpg"])
def test_recorders_call_their_files_as_they_like(
    site: SiteConfig, film: Path, tmp_path: Path, suffix: str
) -> None:
    put(film, tmp_path / "archive", f"a/2026-09-14T08-30-00Z.{suffix}", "a/2026-09-14T08-30-00Z.jpg")
    (found,), problems = recordings(site, tmp_path / "archive")
    assert found.path.suffix == f".{suffix}"
    assert not problems


def test_recordings_behind_links_are_found_once(site: SiteConfig, film: Path, tmp_path: Path) -> None:
    archive, disk = tmp_path / "archive", tmp_path / "disk"
    put(film, disk, "2026-09-14T08-30-00Z.MP4")
    (archive / "a").mkdir(parents=True)
    (archive / "a" / "day").symlink_to(disk)
    (disk / "again").symlink_to(archive / "a")
    (archive / "a" / "2026-09-14T09-30-00Z.mp4").symlink_to(tmp_path / "gone.mp4")
    (found,), (problem,) = recordings(site, archive)
    assert found.path == archive / "a" / "day" / "2026-09-14T08-30-00Z.MP4"
    assert "no such file" in problem


def test_what_may_not_be_read_is_told_and_keeps_nothing_else_back(
    site: SiteConfig, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "archive"
    put(film, archive, "a/2026-09-14T08-30-00Z.mp4", "a/day/2026-09-14T09-30-00Z.mp4")
    put(film, archive, "a/2026-09-14T10-30-00Z.mp4", "2026-09-14T08-30-00Z.mp4")
    opened, listed = Path.open, os.scandir

    def refused(path: Path, *args: Any, **named: Any) -> Any:
        if "10-30" in path.name:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *args, **named)

    def closed(path: Any) -> Any:
        if str(path).endswith("day"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(Path, "open", refused)
    monkeypatch.setattr(os, "scandir", closed)
    monkeypatch.setattr(av, "open", _refusing(av.open))
    (found,), problems = recordings(site, archive)
    assert found.from_at == AT
    for problem, words in zip(problems, ["expected a folder of its camera", "day", "10-30"], strict=True):
        assert words in problem


def _refusing(real: Any) -> Any:
    def opened(name: str, *args: Any, **named: Any) -> Any:
        if "10-30" in name:
            raise PermissionError(13, "Permission denied", name)
        return real(name, *args, **named)

    return opened


def test_a_recorders_clock_that_was_never_set_is_not_believed(
    site: SiteConfig, film: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "archive"
    put(film, archive, "a/1970-01-01T00-00-09Z.mp4", "a/2099-01-01T00-00-00Z.mp4")
    put(film, archive, "a/0001-01-01T00-00-00+0500.mp4")
    found, problems = recordings(site, archive)
    assert not found
    assert sum("was its recorder's clock set?" in problem for problem in problems) == 2


def test_an_archive_that_is_not_there_is_named(site: SiteConfig, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="archive: expected a folder"):
        recordings(site, tmp_path / "none")


@dataclass
class Store:
    """Of what a camera had."""

    had: list[Event]

    away: int = 0

    def captured(
        self, index: str, name: str, since: datetime, until: datetime, count: int = 100
    ) -> list[Any]:
        assert (index, name) == ("camera", "a")
        if self.away:
            self.away -= 1
            raise StoreError("Redis is away")
        there = [Entry("0-0", event) for event in self.had if since <= event.time < until]
        return there[::-1][:count]


def event(at_s: float, kind: str = SPEEDING, key: int = 1) -> Event:
    at = AT + timedelta(seconds=at_s)
    return Event.of(kind, camera_id="a", district="d", at=at, data={}, key=(key,))


@dataclass
class Deleted:
    """Of which none, or each violation, was deleted."""

    all: bool = False
    asked: int = 0

    def knows(self, event: Event, within_s: float) -> bool:
        self.asked += 1
        return self.all and event.type.startswith("dome.violation.")


def known(*had: Event, away: int = 0, patience_s: float = 60.0, deleted: Deleted | None = None) -> Known:
    store: Any = Store(list(had), away)
    gone: Any = deleted or Deleted()
    return Known(store, gone, "a", patience_s)


RUNS = threading.Event()


def test_what_the_camera_had_then_is_known() -> None:
    asked = known(event(10.0))
    assert asked(event(12.9, key=2), RUNS)
    assert asked(event(7.1, key=3), RUNS)
    assert not asked(event(13.1, key=4), RUNS)
    assert not asked(event(10.0, "dome.violation.red_light.v1"), RUNS)
    assert asked.count == 2


def test_the_same_event_again_is_sent_again_and_written_once() -> None:
    assert not known(event(10.0))(event(10.0), RUNS)


def test_what_was_deleted_is_left_out_and_counted_apart() -> None:
    asked = known(event(10.0), deleted=Deleted(all=True))
    assert not asked(event(10.0), RUNS), "it is there, whatever else was deleted about that time"
    assert asked(event(11.0, "dome.violation.red_light.v1"), RUNS)
    assert (asked.count, asked.gone) == (0, 1)


def test_nobody_is_looked_at_again_for_a_belt_that_the_camera_had_or_that_was_deleted() -> None:
    """The recording's candidate has another type than the violation that became of the live one."""
    mine, again = (candidate_of(event(10.0 + key, SEAT_BELT, key), {}) for key in (0, 1))
    had = known(event(10.0, SEAT_BELT, 0))
    assert had(again, RUNS)
    assert not had(mine, RUNS), "this recording's, played before: its package is made now"
    gone = known(deleted=Deleted(all=True))
    assert gone(again, RUNS)
    assert (had.count, had.gone, gone.count, gone.gone) == (1, 0, 0, 1)
    assert not known()(again, RUNS)


def test_two_deeds_of_one_recording_do_not_hide_each_other() -> None:
    store = Store([])
    asked = Known(store, Deleted(), "a")  # type: ignore[arg-type]
    for key in (1, 2):
        deed = event(10.0 + key, key=key)
        assert not asked(deed, RUNS)
        store.had.append(deed)


def test_a_recording_that_is_played_again_sends_all_of_its_own_again() -> None:
    """Its packages may not have been made the first time."""
    had = [event(10.0), event(11.0, key=2)]
    asked = known(*had)
    assert not any(asked(each, RUNS) for each in had)
    assert asked.count == 0


def test_what_is_known_is_found_behind_hundreds_of_others() -> None:
    others = [event(10.1 + key / 1000, "dome.vehicle.passed.v1", key) for key in range(500)]
    assert known(event(10.0), *others)(event(10.2, key=2), RUNS)


class Archive:
    """Redis, in which a live camera has told of a violation, some time ago."""

    def __init__(self, url: str) -> None:
        redis.Redis.from_url(url).flushall()
        self.results = ResultsStore(url)
        self.asked = Known(self.results, DeletedStore(url), "a")
        self.live = self.tells(10.0)

    def tells(self, at_s: float, key: int = 1, packaged: bool = False) -> Event:
        told = event(at_s, key=key)
        made = told.model_copy(
            update={"data": {"rule": "speeding", "state": "stands", "evidence": f"a/{key}"}}
        )
        self.results.write([made])
        if packaged:
            self.packages(made)
        return made

    def packages(self, of: Event) -> None:
        stored = package(of)
        self.results.write([stored.model_copy(update={"data": stored.data | {"files": ["first.jpg"]}})])

    def state(self, of: Event) -> tuple[str, str]:
        entry = self.results.event(of.id)
        assert entry is not None
        return entry.case.state, entry.case.decision.reason if entry.case.decision is not None else ""


@pytest.fixture
def archive(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Archive:
    monkeypatch.setattr("flows.stream.backfill.UNMADE", timedelta())
    return Archive(redis_url)


def test_what_nobody_can_confirm_gives_way_to_the_recordings_once_that_has_its_package(
    archive: Archive,
) -> None:
    mine = event(10.4, key=2)
    assert not archive.asked(mine, RUNS)
    archive.tells(10.4, key=2)
    assert archive.asked.replace() == 0, "the recording's has no package either"
    archive.packages(mine)
    assert archive.asked.replace() == 1
    assert archive.state(archive.live) == ("dismissed", "duplicate")
    assert archive.state(mine) == ("stands", "")
    entry = archive.results.event(archive.live.id)
    assert entry is not None
    assert judge(entry.case, {}).reason == "duplicate", "nor does it come back where lists are asked again"


def test_the_same_recording_played_again_makes_up_for_it_and_dismisses_none_of_its_own(
    archive: Archive,
) -> None:
    first, second = archive.tells(10.4, key=2), archive.tells(11.0, key=3)
    assert not any(archive.asked(mine, RUNS) for mine in (first, second))
    archive.packages(second)
    assert archive.asked.replace() == 1
    assert archive.state(archive.live) == ("dismissed", "duplicate")
    assert archive.state(first) == archive.state(second) == ("stands", "")


def test_whom_somebody_has_in_review_or_whose_package_may_still_come_is_known(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case(archive.live)
    claim = Person(sub="dana", roles=frozenset({"reviewer"}))
    monkeypatch.setattr("flows.stream.backfill.UNMADE", timedelta(minutes=1))
    assert archive.asked(event(10.4, key=2), RUNS)
    monkeypatch.setattr("flows.stream.backfill.UNMADE", timedelta())
    archive.results.write([step(case, "claim", claim, AT)])
    assert archive.asked(event(10.5, key=3), RUNS)
    archive.packages(archive.live)
    assert archive.asked(event(10.6, key=4), RUNS)


class Impatient(threading.Event):
    """Runs on, and no pause is waited for."""

    def wait(self, timeout: float | None = None) -> bool:
        return False


def test_a_redis_that_comes_back_is_waited_for_and_one_that_stays_away_is_told() -> None:
    assert known(event(10.0), away=3)(event(11.0, key=2), Impatient())
    with pytest.raises(StoreError, match="Redis is away"):
        known(away=3, patience_s=-1.0)(event(11.0), Impatient())


@pytest.mark.slow
def test_whoever_waits_for_redis_is_stopped_at_once() -> None:
    stop, asked = threading.Event(), known(away=1000)
    threading.Timer(0.2, stop.set).start()
    began_s = time.monotonic()
    with pytest.raises(StoreError, match="Redis is away"):
        asked(event(11.0), stop)
    assert time.monotonic() - began_s < 5.0


async def test_a_feed_lives_on_while_its_knowledge_waits_for_redis() -> None:
    """Its loop makes packages and answers meanwhile; a stop ends the wait."""
    pipeline: Any = SimpleNamespace(camera=SimpleNamespace(live=False, id="a"), lag_frames=0)
    source: Any = SimpleNamespace(close=lambda: None)
    nobody: Any = None
    feed = Feed(source, pipeline, nobody, nobody, nobody, known=known(away=1000))
    asking = asyncio.create_task(feed._news([event(11.0)]))
    await asyncio.sleep(0.1)
    assert not asking.done()
    feed.stop()
    with pytest.raises(StoreError):
        await asyncio.wait_for(asking, 10.0)


class Together(ColourDetector):
    """Notices whether two callers are in it at once."""

    def __init__(self) -> None:
        super().__init__()
        self.met = False
        self._meet = threading.Barrier(2)

    def detect(self, pictures: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        try:
            self._meet.wait(0.2)
            self.met = True
        except threading.BrokenBarrierError:  # nobody came
            self._meet.reset()
        return super().detect(pictures)


@pytest.mark.slow
async def test_a_detector_has_one_request_in_hand() -> None:
    """Two are under way, and engines reuse their buffers: one frame's boxes would be those of another."""
    detector = Together()
    asked = _Asked(detector)
    request = DetectRequest(np.zeros((1, 36, 64, 3), np.uint8), (64, 36))
    answers = await asyncio.gather(*(asked.detect(asked.put(request)) for _ in range(2)))
    assert [len(found) for found in answers] == [1, 1]
    assert not detector.met


def load_broken(name: str, settings: Settings) -> None:
    """A loader of a detector that nobody foresaw."""
    raise KeyError(name)


def play(loader: str, site: SiteConfig, film: Path, tmp_path: Path) -> Played:
    put(film, tmp_path / "archive", "a/2026-09-14T08-30-00Z.mp4")
    (found,), _ = recordings(site, tmp_path / "archive")
    settings = Settings.from_env({"DOME_HOME": str(tmp_path / "home")})
    around = Surroundings("town", load_profile(site.jurisdiction), settings)
    player = Player(around, "redis://127.0.0.1:1/0", Loaders(loader, plates="", belts=""), submit=_nobody)
    played = Played.model_validate_json(player({"recording": found.model_dump_json()})["played"])
    assert (played.path, played.status.state) == (found.path, "failed")
    return played


def test_whatever_a_recording_brings_up_is_its_own_failure(
    site: SiteConfig, film: Path, tmp_path: Path
) -> None:
    played = play(f"{__name__}:load_broken", site, film, tmp_path)
    assert played.status.message == "KeyError: 'embedded'"


class AwayFeed:
    """Has an event that nobody takes, then cannot ask what is known."""

    def __init__(self, *arguments: Any, **_: Any) -> None:
        self._outbox = arguments[4]

    async def run(self) -> None:
        self._outbox.put([event(1.0)])
        raise StoreError("Redis is away")


def test_events_that_wait_on_disk_are_told(
    site: SiteConfig, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.stream.backfill.Feed", AwayFeed)
    told = play("street:load", site, film, tmp_path).status.message
    folder = tmp_path / "home" / "spool" / "archive-a-20260914T083000000000"
    assert told == f"Redis is away; 1 of its events wait in {folder} until it is played again"
    assert unsent(tmp_path / "home" / "spool") == [folder]


def test_what_an_archive_does_less_well_is_told(site: SiteConfig, film: Path, tmp_path: Path) -> None:
    put(film, tmp_path / "archive", "a/2026-09-14T08-30-00Z.mp4")
    (found,), _ = recordings(site, tmp_path / "archive")
    profile = load_profile(site.jurisdiction)
    assert not notes([found], profile)
    rule = {"section": "hill", "role": "entry", "length_m": 1500, "limit_kmh": 60, "gate": "gate"}
    gate, listed = (
        found.model_copy(
            update={"camera": found.camera.model_copy(update={"rules": (SectionSpeedRule(**rule, **more),)})}
        )
        for more in ({}, {"exemptions": ("permits",)})
    )
    (note,) = notes([found, gate, gate], profile)
    assert "what passed a is paired where" in note
    assert "lists of today decide on what was recorded since 2026-09-14" in notes([listed], profile)[1]


async def _nobody(lines: Any) -> Any:
    raise StoreError("nobody takes them")


@pytest.mark.parametrize(
    ("status", "is_whole", "words"),
    [
        ({"state": "ended", "frames_read": 9}, True, "9 frames in"),
        ({"state": "ended"}, False, "0 frames in"),
        ({"state": "ended", "frames_read": 9, "dropped": 8}, False, "8 frames not looked at"),
        ({"state": "ended", "frames_read": 9, "lost": 1}, False, "1 event lost"),
        ({"state": "ended", "frames_read": 9, "message": "9 of 20 frames"}, True, "; 9 of 20 frames"),
        ({"state": "failed", "message": "no such file"}, False, "a.mp4: no such file"),
    ],
)
def test_what_was_not_looked_at_or_kept_is_told(status: dict[str, Any], is_whole: bool, words: str) -> None:
    played = Played(path=Path("a.mp4"), status=CameraStatus(camera_id="a", **status))
    assert whole(played) == is_whole
    assert words in line(played)


def test_times_in_the_wrong_order_are_refused(site: SiteConfig, tmp_path: Path) -> None:
    times = ["--since", "2026-09-02", "--until", "2026-09-01"]
    done = CliRunner().invoke(
        cluster.cli.app, ["backfill", str(tmp_path / "site.yaml"), str(tmp_path), *times]
    )
    assert done.exit_code == 2
    assert "--until: expected a time after --since 2026-09-02, got '2026-09-01'" in done.output
