"""Where the fleet has cameras started, without Ray."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from flows.domain.site import CameraConfig, FileSource
from flows.domain.status import CameraStatus
from flows.stream import fleet_actor
from flows.stream.assembly import Surroundings
from flows.stream.camera import Report
from flows.stream.fleet_actor import FleetActor

NODE = "ab" * 28
"""An id as Ray makes them."""


async def test_a_camera_starts_again_where_its_spool_is(monkeypatch: pytest.MonkeyPatch) -> None:
    where: list[Any] = []

    async def report(since: int) -> Report:
        return Report(CameraStatus(camera_id="a"), [], since, node_id=NODE)

    def options(**given: Any) -> SimpleNamespace:
        where.append(given["scheduling_strategy"])
        started = SimpleNamespace(
            start=SimpleNamespace(remote=lambda: None), report=SimpleNamespace(remote=report)
        )
        return SimpleNamespace(remote=lambda *_: started)

    monkeypatch.setattr(fleet_actor.ray, "remote", lambda _: SimpleNamespace(options=options))
    actor = FleetActor(cast(Surroundings, None))
    camera = CameraConfig(id="a", district="d", source=FileSource(path=Path("x.mp4")))
    await actor._launch(camera).report(0)
    for _ in range(2):  # the second time it died before it said anything
        actor._launch(camera)
    actor._launch(camera.model_copy(update={"id": "b"}))
    assert where[0] == where[3] == "DEFAULT", "nothing of theirs lies anywhere"
    for again in where[1:3]:
        assert isinstance(again, NodeAffinitySchedulingStrategy)
        assert (again.node_id, again.soft) == (NODE, True)
