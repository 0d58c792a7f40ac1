"""What reading plates and looking for belts costs a camera with a violation a minute, in CPU of all processes.

A rendered street of a minute, twelve cars, plays for ever as a live camera. Without: the camera measures speeds, and
one car a minute is too fast. With: that car's plate is read as well, and every car is looked into; its driver wears no
belt, in plain sight. Where that is told, a second violation with its pictures and its clip is paid for too: the
figure's detail counts it. Both run at once, each on a Ray of its own, so that whatever else this machine does costs
both alike; what is compared is the same minutes, long after everything has started, and the median counts.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Final

import numpy as np
import psutil

import flows.scenes
from cluster.bench import rendering
from cluster.bench.report import Figure, at_most
from cluster.live import LiveJob, LiveOptions, run_live
from cluster.session import ray_for
from flows.domain.belts import SEAT_BELT
from flows.domain.events import SPEEDING
from flows.domain.ruleset import SeatBeltRule, SpeedingRule
from flows.domain.site import CameraConfig, District, FileSource, SiteConfig
from flows.scenes import plates
from flows.scenes.bodies import car
from flows.scenes.bodies.crew import crew
from flows.scenes.motion import Motion, Straight
from flows.scenes.scene import Scene
from flows.scenes.truth import SceneTruth
from flows.scenes.world import Actor, World
from flows.settings import Settings

SEED: Final = 970_002
"""The networks are sure of five in six of those whose belt is in plain sight: of 970001's driver without one they were
not, and no second violation was paid for."""
MINUTE_S: Final = 60.0
CARS: Final = 12
SPEED_KMH: Final = 46.0
FAST_KMH: Final = 78.0
LIMIT_KMH: Final = 60.0
WIDTH_PX: Final = 1920
HEIGHT_PX: Final = 1080
TARGET: Final = 0.15
PASSING_Y_M: Final = 22.0
FROM_Y_M: Final = 150.0
SETTLE_S: Final = 25.0
"""Everything has started, and the first second of a clip, all motion to a gate, is over."""


MEET_S: Final = 300.0
"""Longest wait of one camera for the other."""
MINUTES: Final = 5


@dataclass(frozen=True, slots=True)
class Watched:
    """What a running job did.

    Attributes:
        cpu_s: In each minute, of its process and all that this has started.
        events: By type, of the camera's whole life.
    """

    cpu_s: list[float]
    events: dict[str, int]


def run(quick: bool = False) -> list[Figure]:
    """The figure; renders its minute the first time."""
    base = Settings.from_env()
    rendered(base)
    minutes, length_s = (1, MINUTE_S / 3) if quick else (MINUTES, MINUTE_S)
    spawn = multiprocessing.get_context("spawn")
    with spawn.Manager() as shared, ProcessPoolExecutor(2, spawn) as both:
        meet = shared.Barrier(2)
        jobs = [both.submit(_watched, base, looks, meet, minutes, length_s) for looks in (False, True)]
        without, with_ = (job.result() for job in jobs)
    shares = [w / wo - 1 for w, wo in zip(with_.cpu_s, without.cpu_s, strict=True)]
    detail = (
        f"{statistics.median(with_.cpu_s):.2f} against {statistics.median(without.cpu_s):.2f} CPU s in {length_s:g} s, "
        f"shares {', '.join(f'{share:.2f}' for share in shares)}; {CARS} cars a minute looked into, "
        f"{with_.events.get(SEAT_BELT, 0)} belts missing, {with_.events.get(SPEEDING, 0)} too fast so far; "
        f"{WIDTH_PX}x{HEIGHT_PX} at 12.5 frames/s, {os.cpu_count()} cores"
    )
    share = statistics.median(shares)
    return [at_most("plates and belts over the camera without", share, TARGET, "share", detail)]


def rendered(settings: Settings) -> tuple[Path, SceneTruth]:
    """The minute's video and truth."""
    return rendering.rendered(scene, settings.cache / "bench-belts", f"minute-{SEED}-{HEIGHT_PX}p")


def scene() -> Scene:
    """Twelve cars, one every five seconds; the fourth is too fast, and its driver wears no belt."""
    base = flows.scenes.build(
        "belts",
        SEED,
        n_vehicles=0,
        lanes=2,
        light="day",
        duration_s=MINUTE_S,
        limit_kmh=LIMIT_KMH,
        width_px=WIDTH_PX,
        height_px=HEIGHT_PX,
    )
    return replace(base, world=World(tuple(_cars())))


def _cars() -> Iterator[Actor]:
    rng = np.random.default_rng(SEED)
    for k in range(CARS):
        offends = k == 3
        v_mps = (FAST_KMH if offends else SPEED_KMH) / 3.6
        people = (crew(rng, driver=not offends, passenger=True if k % 2 else None) for _ in count())
        # What is as dark as a belt hides whether there is one: nobody could tell.
        body = car.make(rng, crew=next(each for each in people if each.in_sight("driver")))
        passes_s = (k + 0.5) * MINUTE_S / CARS
        motion = Motion.steady(v_mps).shifted(passes_s - (FROM_Y_M - PASSING_Y_M) / v_mps)
        path = Straight(-1.75 if k % 3 else 1.75, FROM_Y_M, 180.0)
        until_s = motion.when(FROM_Y_M + 20.0)
        yield Actor(k + 1, body, path, motion, motion.when(0.0), until_s, plates.number(rng))


def _watched(base: Settings, looks: bool, meet: threading.Barrier, minutes: int, length_s: float) -> Watched:
    """Some minutes of a job with one camera, in a process of its own, beside the other one's."""
    clip, truth = rendered(base)
    speeding = SpeedingRule(limit_kmh=LIMIT_KMH)
    camera = CameraConfig(
        id=f"minute-{'with' if looks else 'without'}",
        district="bench",
        source=FileSource(path=clip, started_at=truth.started_at, loop=True),
        calibration=truth.calibration,
        rules=(speeding, SeatBeltRule()) if looks else (speeding,),
    )
    site = SiteConfig(site="bench", districts=(District(id="bench"),), cameras=(camera,))
    found: list[Watched] = []

    def watch(job: LiveJob) -> None:
        _await_frames(job)
        meet.wait(MEET_S)
        time.sleep(SETTLE_S)
        spent_s = [_cpu_s()]
        for _ in range(minutes):
            time.sleep(length_s)
            spent_s.append(_cpu_s())
        meet.wait(MEET_S)  # or who ends first would leave the other alone
        job.look()
        (status,) = job.statuses
        found.append(Watched(np.diff(spent_s).tolist(), status.events))
        job.end()

    with tempfile.TemporaryDirectory(prefix="dome-bench-") as home, ray_for():
        update = {"home": Path(home), "spool": Path(home, "spool"), "evidence": f"{home}/evidence"}
        settings = base.model_copy(update={**update, "redis_url": None})
        options = LiveOptions(until_end=True, settings=settings, on_ready=watch)
        if not looks:
            options = replace(options, plates="", belts="")
        run_live(site, [], options, lambda *_: None)
    return found[0]


def _await_frames(job: LiveJob, timeout_s: float = 180.0) -> None:
    """Waits until the camera sees."""
    deadline_s = time.monotonic() + timeout_s
    while not (job.statuses and job.statuses[0].frames_read):
        if time.monotonic() > deadline_s:
            raise TimeoutError("the camera never saw a frame")
        time.sleep(0.5)
        job.look()


def _cpu_s() -> float:
    """CPU seconds so far of this process and everything below it; those that have ended are in their parents'."""
    me = psutil.Process()
    total = 0.0
    for process in (me, *me.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.Error:  # it has just ended
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return float(total)
