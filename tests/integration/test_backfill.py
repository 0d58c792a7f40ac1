"""An archive through Ray Data: the live job's events, once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import street
from evidencestore import verify_package
from live_run import SPEEDERS, Run

from cluster.backfill import Backfilled, BackfillOptions, run_backfill
from flows.domain.belts import SEAT_BELT
from flows.domain.errors import FieldError
from flows.domain.events import EVIDENCE_STORED, SPEEDING
from flows.domain.ruleset import SeatBeltRule
from flows.domain.site import FileSource
from flows.jurisdiction import load_profile
from flows.settings import Settings
from flows.site.sitefile import load_site
from flows.store.delivery import Ack
from flows.store.evidence import EvidenceStore
from flows.store.redis_server import EmbeddedRedis
from flows.store.results import ResultsStore
from flows.stream.assembly import Surroundings
from flows.stream.backfill import Loaders, Played, Player, Recording

Play = Callable[..., Backfilled]
EVENTS = {SPEEDING: SPEEDERS, EVIDENCE_STORED: SPEEDERS}


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def play(cluster: None, tmp_path: Path, clip: Path, redis: EmbeddedRedis) -> Play:
    """Plays the archive of two cameras with the same cars, their clocks off by so many seconds."""

    def played(
        *late_s: float, loader: str = "street:load", first: str = "colour", actors: int = 1, gpus: float = 0.0
    ) -> Backfilled:
        archive = tmp_path / "archive"
        shutil.rmtree(archive, ignore_errors=True)
        cameras = [f"road-{number + 1}" for number in range(len(late_s))]
        for camera, late in zip(cameras, late_s, strict=True):
            at = street.STARTED_AT + timedelta(seconds=late)
            path = archive / camera / f"{at:%Y-%m-%dT%H-%M-%S}Z.mp4"
            path.parent.mkdir(parents=True)
            shutil.copyfile(clip, path)
        site = tmp_path / "site.yaml"
        text = "site: test\ncameras:" + "".join(street.camera_yaml(c, clip) for c in cameras)
        site.write_text(text.replace("detector: colour", f"detector: {first}", 1))
        settings = Settings.from_env({"DOME_HOME": str(tmp_path / "home"), "DOME_REDIS_URL": redis.url})
        loaders = Loaders(loader, plates="", belts="")
        # What other tests have deployed in this Ray keeps its cores.
        options = BackfillOptions(settings=settings, actors=actors, cpus=0.1, gpus=gpus, loaders=loaders)
        return run_backfill(load_site(site).config, archive, options)

    return played


def test_an_archive_gives_what_the_live_job_gives_and_is_written_once(
    play: Play, job: Run, clip: Path, redis: EmbeddedRedis, tmp_path: Path
) -> None:
    first = play(0, 0)
    assert [each.status.state for each in first.played] == ["ended"] * 2
    assert [each.status.events for each in first.played] == [EVENTS] * 2
    assert [each.status.frames_read for each in first.played] == [200] * 2
    store, packages = ResultsStore(redis.url), EvidenceStore(str(tmp_path / "home" / "evidence"))
    at = street.STARTED_AT
    stored = store.captured("type", EVIDENCE_STORED, at, at + timedelta(minutes=1))
    assert [verify_package(packages, str(each.event.data["folder"])) for each in stored] == [
        []
    ] * 2 * SPEEDERS
    written = {e.event.id for e in store.captured("type", SPEEDING, at, at + timedelta(minutes=1))}
    assert not list((tmp_path / "home" / "spool").glob("archive-*"))

    again = play(0, 0)
    assert [each.status.events for each in again.played] == [EVENTS] * 2
    assert [each.known for each in again.played] == [0] * 2

    job.redis = redis
    summary = job.go("site: test\ncameras:" + street.camera_yaml("road-1", clip))
    assert summary.cameras["road-1"].events == EVENTS
    assert {e.event.id for e in store.captured("type", SPEEDING, at, at + timedelta(minutes=1))} == written
    assert len(written) == 2 * SPEEDERS


def test_nobody_is_accused_again_where_the_archives_clock_is_off(
    play: Play, job: Run, clip: Path, redis: EmbeddedRedis
) -> None:
    job.redis = redis
    job.go("site: test\ncameras:" + street.camera_yaml("road-1", clip))
    (played,) = play(1).played
    assert played.status.state == "ended"
    assert played.known == SPEEDERS
    at = street.STARTED_AT
    entries = ResultsStore(redis.url).captured("type", SPEEDING, at, at + timedelta(minutes=1))
    assert len(entries) == SPEEDERS


def test_nobody_is_accused_again_of_a_missing_belt_and_none_that_was_deleted_comes_back(
    clip: Path, redis: EmbeddedRedis, tmp_path: Path
) -> None:
    """Whether a belt is worn a recording's car is asked about before it is a violation."""
    store = ResultsStore(redis.url)
    settings = Settings.from_env({"DOME_HOME": str(tmp_path / "home"), "DOME_REDIS_URL": redis.url})
    EvidenceStore(settings.evidence).set_up()
    loaders = Loaders("street:load", plates="", belts="belts_fake:load")

    async def submit(lines: Sequence[bytes]) -> Ack:
        return Ack(written=store.write(lines).written)

    def played(late_s: float) -> Played:
        at = street.STARTED_AT + timedelta(seconds=late_s)
        camera = street.camera(
            source=FileSource(path=clip, started_at=at), rules=(SeatBeltRule(min_width_px=60),)
        )
        row = {"recording": Recording(camera=camera, from_at=at, until_at=at).model_dump_json()}
        around = Surroundings("test", load_profile("kz"), settings, plates=False)
        return Played.model_validate_json(Player(around, redis.url, loaders, submit)(row)["played"])

    def accused() -> set[str]:
        at = street.STARTED_AT
        return {e.event.id for e in store.captured("type", SEAT_BELT, at, at + timedelta(minutes=1))}

    played(0)
    once = accused()
    assert len(once) >= 3
    again = played(1)
    assert (again.known, again.gone, accused()) == (len(once), 0, once)
    store.prune((datetime.now(UTC) + timedelta(days=400)).timestamp())
    assert not accused()
    again = played(1)
    assert (again.known, again.gone, accused()) == (0, len(once), set())


def test_a_recording_whose_actor_died_is_played_again(play: Play, redis: EmbeddedRedis) -> None:
    (played,) = play(0, loader="street:load_mortal").played
    assert played.status.events == EVENTS
    at = street.STARTED_AT
    entries = ResultsStore(redis.url).captured("type", SPEEDING, at, at + timedelta(minutes=1))
    assert len(entries) == SPEEDERS


def test_a_recording_that_kills_every_actor_is_given_up_and_the_others_are_played(play: Play) -> None:
    result = play(0, 0, loader="street:load_deadly", first="deadly")
    played = {each.status.camera_id: each.status for each in result.played}
    assert played["road-2"].events == EVENTS
    assert played["road-1"].state == "failed"
    assert "died of it" in played["road-1"].message


def test_recordings_are_played_side_by_side(play: Play) -> None:
    result = play(0, 0, loader="street:load_together", actors=2)
    assert [each.status.message for each in result.played] == ["", ""]
    assert [each.status.events for each in result.played] == [EVENTS] * 2


def test_an_accelerator_that_nobody_has_is_not_waited_for(play: Play) -> None:
    with pytest.raises(FieldError, match=r"--gpus: expected at most what the cluster has \(0\), got 1"):
        play(0, gpus=1)


def test_a_damaged_recording_keeps_no_other_from_being_played(
    play: Play, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(clip.read_bytes()[:2000])
    copy = shutil.copyfile

    def damaged(source: Path, to: Path) -> None:
        copy(cut if to.parent.name == "road-1" else source, to)

    monkeypatch.setattr(shutil, "copyfile", damaged)
    result = play(0, 0)
    assert [each.status.camera_id for each in result.played] == ["road-2"]
    assert "road-1" in result.problems[0]
