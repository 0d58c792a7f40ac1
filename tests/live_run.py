"""A live job as tests drive it, and hands to kill its parts with."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from cluster.bench.processes import workers
from cluster.live import LiveJob, LiveOptions, run_live
from flows.domain.events import Event
from flows.domain.status import CameraStatus, ResultsStatus, Summary
from flows.settings import Settings
from flows.site.sitefile import load_site
from flows.store.redis_server import EmbeddedRedis

SPEEDERS = 3


@dataclass
class Run:
    """One live job of a test: what it is to do, and what came of it.

    Attributes:
        folder: Of the job: site file, home, results.
        trouble: Called in a thread of its own once the job runs.
        plates: Makes the plate reader; none by default, streets here have no plates.
        env: Settings of its own.
        loader: Makes the detectors.
    """

    folder: Path
    redis: EmbeddedRedis | None = None
    trouble: Callable[[Run], None] | None = None
    plates: str = ""
    loader: str = "street:load"
    env: dict[str, str] = field(default_factory=dict)
    options: LiveOptions = field(default_factory=LiveOptions)
    job: LiveJob | None = None
    seen: list[list[CameraStatus]] = field(default_factory=list)
    results: ResultsStatus = field(default_factory=ResultsStatus)
    news: threading.Condition = field(default_factory=threading.Condition)
    failure: BaseException | None = None

    def go(self, site: str, name: str = "events.jsonl", until_end: bool = True) -> Summary:
        """Runs a site to its end: that of its files, or of all its cameras."""
        path = self.folder / "site.yaml"
        path.write_text(site)
        env = {"DOME_HOME": str(self.folder / "home")} | self.env
        if self.redis is not None:
            env["DOME_REDIS_URL"] = self.redis.url
        options = replace(
            self.options,
            until_end=until_end,
            events=self.folder / name,
            settings=Settings.from_env(env),
            loader=self.loader,
            plates=self.plates,
            on_ready=self._ready,
        )
        config, problems = load_site(path)
        summary = run_live(config, [str(p) for p in problems], options, self._progress)
        if self.failure is not None:
            raise self.failure
        return summary

    def events(self, name: str = "events.jsonl") -> list[Event]:
        lines = (self.folder / name).read_text().splitlines()
        return [Event.model_validate_json(line) for line in lines]

    def until(self, condition: Callable[[dict[str, CameraStatus]], bool], timeout_s: float = 120) -> None:
        """Waits until the cameras' statuses meet a condition."""
        with self.news:
            met = self.news.wait_for(
                lambda: (
                    bool(self.seen and self.seen[-1]) and condition({s.camera_id: s for s in self.seen[-1]})
                ),
                timeout_s,
            )
        assert met, f"waited in vain, last seen: {self.seen[-1:]}"

    def of(self, camera_id: str) -> CameraStatus:
        """A camera's status as last seen."""
        return next(status for status in self.seen[-1] if status.camera_id == camera_id)

    def _ready(self, job: LiveJob) -> None:
        self.job = job
        if self.trouble is not None:
            threading.Thread(target=self._make_trouble, daemon=True).start()

    def _make_trouble(self) -> None:
        assert self.trouble is not None
        try:
            self.trouble(self)
        except BaseException as error:  # noqa: BLE001  raised again by go()
            self.failure = error

    def _progress(self, cameras: list[CameraStatus], results: ResultsStatus) -> None:
        with self.news:
            self.seen.append(cameras)
            self.results = results
            self.news.notify_all()


def kill(title: str) -> int:
    """Kills the first worker whose title begins so, as a crash would; returns its pid."""
    deadline_s = time.monotonic() + 60
    while not (found := workers(title)):
        assert time.monotonic() < deadline_s, f"no process {title}"
        time.sleep(0.1)
    os.kill(found[0].pid, signal.SIGKILL)
    return found[0].pid
