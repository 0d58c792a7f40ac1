from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from flows.domain.site import CameraConfig, District, FileSource, SiteConfig, StreamSource
from flows.domain.status import CameraStatus, Outline, Outlines
from flows.stream.assembly import Surroundings
from flows.stream.fleet import CameraGone, Fleet, FleetPolicy, Look, SiteAnswer
from flows.stream.fleet_actor import FleetActor


def make_camera(camera_id: str, live: bool = False, **changes: object) -> CameraConfig:
    source = StreamSource(url="rtsp://x/y") if live else FileSource(path=Path("x.mp4"))
    return CameraConfig(id=camera_id, district="d", source=source).model_copy(update=changes)


@dataclass
class Report:
    status: CameraStatus
    ids: list[str] = field(default_factory=list)
    count: int = 0
    outlines: Outlines | None = None


class FakeCamera:
    def __init__(self, camera: CameraConfig) -> None:
        self.status = CameraStatus(camera_id=camera.id, district="d", state="running")
        self.ids: list[str] = []
        self.picture: Look | None = None
        self.outlines: Outlines | None = None
        self.pause_s = 0.0
        self.dead = self.hung = self.stopped = self.killed = False

    def set(self, **changes: object) -> None:
        self.status = self.status.model_copy(update=changes)

    async def report(self, since: int) -> Report:
        if self.dead:
            raise CameraGone("killed by a test")
        if self.hung:
            await asyncio.Event().wait()
        if self.pause_s:
            await asyncio.sleep(self.pause_s)
        outlines, self.outlines = self.outlines, None
        return Report(self.status, self.ids[since:], len(self.ids), outlines)

    async def look(self) -> Look | None:
        if self.dead:
            raise CameraGone("killed by a test")
        return self.picture

    async def stop(self) -> CameraStatus:
        self.stopped = True
        if self.pause_s:
            await asyncio.sleep(self.pause_s)
        self.set(state="stopped")
        return self.status

    def kill(self) -> None:
        self.killed = True


class World:
    """A fleet with a clock to set and cameras to kill."""

    def __init__(self, policy: FleetPolicy | None = None) -> None:
        self.now_s = 0.0
        self.started: dict[str, list[FakeCamera]] = {}
        self.refuse: Callable[[CameraConfig], bool] = lambda _: False
        self.fleet = Fleet(self._launch, policy, clock=lambda: self.now_s)

    def _launch(self, camera: CameraConfig) -> FakeCamera:
        if self.refuse(camera):
            raise CameraGone("no room")
        fake = FakeCamera(camera)
        self.started.setdefault(camera.id, []).append(fake)
        return fake

    async def pass_time(self, seconds: float = 1.0) -> None:
        for _ in range(max(1, round(seconds))):
            self.now_s += 1.0
            self.fleet.tick()
            for _ in range(5):
                await asyncio.sleep(0)

    def __getitem__(self, camera_id: str) -> CameraStatus:
        return next(s for s in self.fleet.status() if s.camera_id == camera_id)


async def make_world(*cameras: CameraConfig, policy: FleetPolicy | None = None) -> World:
    world = World(policy)
    await world.fleet.apply(cameras)
    await world.pass_time(2)
    return world


async def test_a_site_that_nobody_waits_for_any_more_is_answered_all_the_same() -> None:
    """Whoever ran dome apply may have given up, or the actor started again: the job goes on."""
    actor, said = FleetActor(cast(Surroundings, None)), SiteAnswer(added=("a",))
    await actor.answer(said)
    site = SiteConfig(site="town", districts=(District(id="d"),), cameras=(make_camera("a"),))
    gave_up, waits = (asyncio.create_task(actor.hand_in(site)) for _ in range(2))
    await asyncio.sleep(0)
    gave_up.cancel()
    await asyncio.wait([gave_up])
    for _ in range(2):
        assert await actor.handed_in() == site
        await actor.answer(said)
    assert await waits == said
    assert await actor.handed_in() is None


async def test_a_few_start_at_a_time() -> None:
    world = World(FleetPolicy(starting=2))
    await world.fleet.apply([make_camera(f"c{i}") for i in range(5)])
    world.fleet.tick()
    assert len(world.started) == 2
    await world.pass_time(6)
    assert len(world.started) == 5
    assert {s.state for s in world.fleet.status()} == {"running"}


async def test_a_dead_camera_starts_again_and_the_others_notice_nothing() -> None:
    world = await make_world(make_camera("a"), make_camera("b"))
    world.started["a"][0].dead = True
    await world.pass_time()
    assert world["a"].state == "restarting"
    assert "killed by a test" in world["a"].message
    await world.pass_time(5)
    assert (world["a"].state, world["a"].restarts) == ("running", 1)
    assert len(world.started["b"]) == 1
    assert world["b"].restarts == 0


async def test_pauses_grow_for_one_that_dies_again_and_again() -> None:
    world = await make_world(make_camera("a", live=True))
    for _ in range(100):
        world.started["a"][-1].dead = True
        await world.pass_time()
    assert 5 < len(world.started["a"]) < 20


async def test_a_file_that_dies_of_each_start_is_given_up() -> None:
    """Or a job that runs until its files end would never end."""
    world = await make_world(make_camera("a"), make_camera("b"))
    for _ in range(300):
        world.started["a"][-1].dead = True
        await world.pass_time()
    assert len(world.started["a"]) == 4
    assert (world["a"].state, world["a"].restarts) == ("failed", 3)
    assert world["a"].message == "killed by a test; it died 4 times and is given up"
    assert world["b"].state == "running"
    await world.fleet.apply([make_camera("a", sample_hz=5.0), make_camera("b")])
    await world.pass_time(2)
    assert world["a"].state == "running", "with another configuration it is another camera"


async def test_a_live_camera_s_counts_go_on_a_file_s_begin_again() -> None:
    world = await make_world(make_camera("live", live=True), make_camera("file"))
    for name in ("live", "file"):
        world.started[name][0].set(frames_read=100, errors={"decode": 2}, events={"e": 1})
    await world.pass_time()
    for name in ("live", "file"):
        world.started[name][0].dead = True
    await world.pass_time(5)
    for name in ("live", "file"):
        world.started[name][1].set(frames_read=30, errors={"decode": 1}, events={"e": 1})
    await world.pass_time()
    assert (world["live"].frames_read, world["live"].errors, world["live"].events) == (
        130,
        {"decode": 3},
        {"e": 2},
    )
    assert (world["file"].frames_read, world["file"].errors, world["file"].events) == (
        30,
        {"decode": 1},
        {"e": 1},
    )


@pytest.mark.parametrize("state", ["ended", "failed"])
async def test_a_file_that_is_over_stays_over(state: str) -> None:
    world = await make_world(make_camera("a"))
    world.started["a"][0].set(state=state, frames_read=7)
    await world.pass_time(100)
    assert (world["a"].state, world["a"].frames_read) == (state, 7)
    assert len(world.started["a"]) == 1
    assert world.started["a"][0].killed


async def test_a_live_camera_that_failed_is_tried_again() -> None:
    world = await make_world(make_camera("a", live=True))
    world.started["a"][0].set(state="failed", message="no route")
    await world.pass_time()
    assert (world["a"].state, world["a"].message) == ("failed", "no route")
    await world.pass_time(5)
    assert world["a"].state == "running"


async def test_a_live_camera_is_expected_whatever_has_become_of_it_until_it_is_taken_out() -> None:
    world = World()
    world.refuse = lambda camera: camera.id == "b"
    await world.fleet.apply([make_camera("a", live=True), make_camera("b", live=True), make_camera("c")])
    await world.pass_time(2)
    world.started["a"][-1].dead = True
    await world.pass_time(2)
    assert world.fleet.expected() == {"a": "d", "b": "d"}
    await world.fleet.apply([make_camera("b", live=True)])
    assert world.fleet.expected() == {"b": "d"}
    await world.fleet.stop()
    assert world.fleet.expected() == {}


async def test_a_hung_camera_is_killed_and_started_again() -> None:
    world = await make_world(make_camera("a"), policy=FleetPolicy(silent_s=10))
    world.started["a"][0].hung = True
    await world.pass_time(8)
    assert not world.started["a"][0].killed
    await world.pass_time(10)
    assert world.started["a"][0].killed
    assert (world["a"].state, world["a"].restarts) == ("running", 1)


async def test_cameras_come_and_go_while_the_others_run() -> None:
    world = await make_world(make_camera("a"), make_camera("b"))
    ended = await world.fleet.apply([make_camera("b"), make_camera("c")])
    assert [(status.camera_id, status.state) for status in ended] == [("a", "stopped")]
    await world.pass_time(2)
    assert [s.camera_id for s in world.fleet.status()] == ["b", "c"]
    assert world.started["a"][0].stopped
    assert len(world.started["b"]) == 1


def test_what_another_site_comes_to() -> None:
    before = [make_camera("stays"), make_camera("goes"), make_camera("changes")]
    after = [make_camera("changes", sample_hz=5.0), make_camera("stays"), make_camera("comes")]
    blind = CameraStatus(camera_id="blind", message="no weights")
    said = SiteAnswer.of(before, after, [blind])
    assert said == SiteAnswer(("comes",), ("changes",), ("goes",), ("blind (no weights)",))


async def test_a_changed_camera_starts_anew() -> None:
    world = await make_world(make_camera("a"))
    assert await world.fleet.apply([make_camera("a", sample_hz=5.0)]) == []
    await world.pass_time(2)
    assert world.started["a"][0].stopped
    assert len(world.started["a"]) == 2


async def test_what_goes_and_what_changes_finishes_at_once() -> None:
    """Whoever waits for it gives all of them together the time that one has."""
    world = await make_world(make_camera("goes"), make_camera("changes"), policy=FleetPolicy(drain_s=0.2))
    for name in ("goes", "changes"):
        world.started[name][0].pause_s = 10.0
    async with asyncio.timeout(0.35):
        ended = await world.fleet.apply([make_camera("changes", sample_hz=5.0)])
    assert [status.camera_id for status in ended] == ["goes"]


async def test_the_same_site_twice_at_once_starts_no_camera_twice() -> None:
    world = await make_world(make_camera("goes"), make_camera("changes"))
    for name in ("goes", "changes"):
        world.started[name][0].pause_s = 0.05
    after = [make_camera("changes", sample_hz=5.0)]
    first = asyncio.create_task(world.fleet.apply(after))
    await asyncio.sleep(0.01)
    second = asyncio.create_task(world.fleet.apply(after))
    while not second.done():
        world.fleet.tick()
        await asyncio.sleep(0.01)
    await world.pass_time(2)
    assert [status.camera_id for status in await first] == ["goes"]
    assert await second == []
    assert len(world.started["changes"]) == 2
    assert not world.started["changes"][1].stopped


async def test_one_that_cannot_be_started_does_not_stop_the_rest() -> None:
    world = World()
    world.refuse = lambda camera: camera.id == "bad"
    await world.fleet.apply([make_camera("bad"), make_camera("good")])
    await world.pass_time(2)
    assert world["good"].state == "running"
    assert (world["bad"].state, world["bad"].message) == ("restarting", "no room")


async def test_stopping_drains_everybody_and_tells_the_last_events() -> None:
    world = await make_world(make_camera("a"), make_camera("b"))
    world.started["a"][0].ids.append("event-1")
    await world.fleet.stop()
    assert {s.state for s in world.fleet.status()} == {"stopped"}
    assert world.fleet.sent(0) == (["event-1"], 1)


async def test_a_camera_has_one_time_to_finish_and_to_tell_its_last_events() -> None:
    world = await make_world(make_camera("a"), policy=FleetPolicy(drain_s=0.05))
    slow = world.started["a"][0]
    slow.pause_s = 0.03  # each way; both together are too much
    await world.fleet.stop()
    assert slow.killed
    assert (world["a"].state, world["a"].message) == ("stopped", "did not finish within 0.05 s")


async def test_ids_survive_the_death_of_a_camera() -> None:
    world = await make_world(make_camera("a", live=True))
    world.started["a"][0].ids += ["1", "2"]
    await world.pass_time()
    world.started["a"][0].dead = True
    await world.pass_time(5)
    world.started["a"][1].ids += ["3"]
    await world.pass_time()
    assert world.fleet.sent(0) == (["1", "2", "3"], 3)
    assert world.fleet.sent(2) == (["3"], 3)


async def test_outlines_wait_until_they_are_passed_on() -> None:
    lane, line = (Outline(kind="zone", name=name, points=()) for name in ("lane", "line"))
    world = await make_world(make_camera("a"), make_camera("b"))
    assert world.fleet.redrawn == {}
    world.started["a"][0].outlines, world.started["b"][0].outlines = (lane,), ()
    await world.pass_time(3)
    assert world.fleet.redrawn == {"a": (lane,), "b": ()}, "nobody has taken them: Redis is away"
    taken = dict(world.fleet.redrawn)
    world.started["a"][0].outlines = (lane, line)
    await world.pass_time()
    world.fleet.passed_on(taken)
    assert world.fleet.redrawn == {"a": (lane, line)}, "this came while the others were on their way"


async def test_pictures_come_from_those_that_have_one_whatever_the_others_do() -> None:
    world = await make_world(*(make_camera(name) for name in ("good", "dead", "blind")))
    await world.pass_time(3)
    look = (datetime(2026, 5, 1, tzinfo=UTC), np.zeros((2, 2, 3), np.uint8))
    world.started["good"][0].picture = look
    world.started["dead"][0].dead = True
    assert await world.fleet.look(["good", "dead", "blind", "no-such"]) == {"good": look}
