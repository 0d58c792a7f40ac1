"""A camera that sends tracks, from its file to the outbox, without a detector."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from flows.domain.events import SPEEDING, Event
from flows.domain.frames import ClockState, Frame, Picture
from flows.domain.site import CameraConfig
from flows.feed import Feed
from flows.jurisdiction import load_profile
from flows.outbox import Outbox
from flows.pipeline import CameraPipeline
from flows.settings import Settings
from flows.sources import open_source

ZERO = datetime(2026, 9, 1, 8, 30, tzinfo=UTC)


class Kept:
    """Stands for an outbox; keeps what it is given."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.problem, self.lost = "", 0

    def put(self, events: Iterable[Event]) -> None:
        self.events += events

    async def run(self) -> None: ...

    async def drained(self) -> bool:
        return True

    def __len__(self) -> int:
        return 0


async def test_tracks_become_events_without_a_detector_or_a_package(tmp_path: Path) -> None:
    rows = [f"1,{t / 20},car,2,{85 / 3.6 * t / 20}" for t in range(80)]
    rows += [rows[7], "1,oops,car,0,0", "2,0.3,person,9,4"]
    path = tmp_path / "radar.csv"
    path.write_text("id,time,class,x_m,y_m\n" + "\n".join(rows) + "\n")
    camera = CameraConfig.model_validate(
        {
            "id": "radar",
            "district": "d",
            "source": {"kind": "tracks", "path": path, "started_at": ZERO},
            "rules": [{"kind": "speeding", "limit_kmh": 60}],
        }
    )
    source = open_source(camera, Settings.from_env({}))
    source.open()
    kept = Kept()
    feed = Feed(source, CameraPipeline.build(camera, load_profile("kz")), None, None, cast(Outbox, kept))
    await feed.run()
    status = feed.status()
    assert [e.type for e in kept.events] == [SPEEDING]
    assert kept.events[0].data["evidence"] == ""
    assert (status.state, status.frames_read, status.detected, status.detections) == ("ended", 80, 80, 81)
    assert (status.gated, status.dropped) == (0, 0)
    assert status.errors == {"row": 1, "row_repeated": 1, "row_out_of_order": 2}
    assert status.rate_hz == 20.0


class Still:
    """A 1080p picture; counts how often it was shrunk."""

    width_px, height_px, shrunk = 1920, 1080, 0

    def bgr(self, width_px: int, height_px: int) -> np.ndarray:
        self.shrunk += 1
        return np.zeros((height_px, width_px, 3), np.uint8)


def test_pictures_for_onlookers_are_small_and_made_only_while_somebody_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "radar.csv").write_text("id,time,class,x_m,y_m\n")
    source = {"kind": "tracks", "path": tmp_path / "radar.csv", "started_at": ZERO}
    camera = CameraConfig.model_validate({"id": "c", "district": "d", "source": source})
    pipeline = CameraPipeline.build(camera, load_profile("kz"))
    feed = Feed(open_source(camera, Settings.from_env({})), pipeline, None, None, cast(Outbox, Kept()))
    now_s = 100.0
    monkeypatch.setattr("flows.feed.time.monotonic", lambda: now_s)
    still = Still()
    clock = ClockState("site", ZERO)
    frame = Frame("c", 0, ZERO, cast(Picture, still), clock)

    def play(seconds: float) -> None:
        nonlocal now_s
        for _ in range(round(seconds * 10)):
            now_s += 0.1
            feed._snap(frame)

    play(5)
    assert (feed.look(), still.shrunk) == (None, 0)
    play(3)
    seen = feed.look()
    assert seen is not None
    assert (seen[0], seen[1].shape) == (ZERO, (180, 320, 3))
    assert 2 <= still.shrunk <= 4
    play(30)
    assert still.shrunk <= 12, "nobody looks any more"
    assert feed.look() is None, "nothing old is shown"
