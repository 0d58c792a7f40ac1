"""Traffic at a crosswalk without lights: drivers follow and stop for people, people wait for gaps.

A small simulation in steps of a tenth of a second. Its result is exact again: constant acceleration in each
step. Following is the Intelligent Driver Model (Treiber, Hennecke, Helbing 2000).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from flows.scenes.bodies.base import Body
from flows.scenes.motion import Motion
from flows.scenes.traffic import Lane

STEP_S = 0.1
ACCELERATION_MPS2 = 1.8
BRAKING_MPS2 = 2.2
"""Comfortable."""
HARDEST_MPS2 = 4.5
"""No driver here needs to brake harder: who would have to, drives on and the person waits."""
HEADWAY_S = 1.1
GAP_M = 2.2
SIGHT_M = 60.0
"""From so far a driver reacts to somebody at the crosswalk."""


@dataclass(eq=False)
class Driver:
    """One vehicle in the simulation.

    Attributes:
        lane: Where it drives.
        body: What it is.
        free_mps: Speed when nothing is ahead.
        enters_s: When it appears at the lane's start.
    """

    lane: Lane
    body: Body
    free_mps: float
    enters_s: float
    s_m: float = 0.0
    v_mps: float = 0.0
    rows: list[tuple[float, float, float, float]] = field(default_factory=list)
    until_s: float = np.inf
    stops: bool = False

    def motion(self) -> Motion:
        """What it did."""
        return Motion(*np.array([*self.rows[:-1], (*self.rows[-1][:3], 0.0)]).T)


@dataclass(eq=False)
class Walker:
    """Somebody who wants to cross.

    Attributes:
        wants_s: When they stand at the kerb.
        needs_s: How long they are on the road.
        steps_out_s: When they do; not before the road is safe.
    """

    wants_s: float
    needs_s: float
    steps_out_s: float = np.inf

    def present(self, t_s: float) -> bool:
        """Whether drivers have to let them cross."""
        return self.wants_s <= t_s < self.steps_out_s + self.needs_s


def simulate(
    drivers: Sequence[Driver], walkers: Sequence[Walker], stop_at_m: dict[Lane, float], until_s: float
) -> None:
    """Lets everybody drive and walk until ``until_s``; fills in their motions and moments.

    Args:
        drivers: In order of entering.
        walkers: Who cross.
        stop_at_m: Way from a lane's start to its stop line.
        until_s: End of the scene.
    """
    t_s = min((d.enters_s for d in drivers), default=0.0)
    inside: dict[Lane, list[Driver]] = {lane: [] for lane in stop_at_m}
    waiting = sorted(drivers, key=lambda d: d.enters_s)
    while t_s < until_s + STEP_S:
        while waiting and waiting[0].enters_s <= t_s:
            driver = waiting[0]
            queue = inside[driver.lane]
            if (
                queue
                and queue[-1].s_m - queue[-1].body.length_m < driver.body.length_m + GAP_M + driver.free_mps
            ):
                driver.enters_s += 0.5  # no room yet
                waiting.sort(key=lambda d: d.enters_s)
                continue
            driver.v_mps = min(driver.free_mps, queue[-1].v_mps + 2.0) if queue else driver.free_mps
            queue.append(waiting.pop(0))
        blocked = any(w.present(t_s) for w in walkers)
        for lane, queue in inside.items():
            for ahead, driver in zip([None, *queue], queue, strict=False):
                _step(driver, ahead, stop_at_m[lane], blocked, t_s)
        for queue in inside.values():
            for driver in [d for d in queue if d.s_m > d.lane.length_m]:
                driver.until_s = t_s + STEP_S
                queue.remove(driver)
        t_s += STEP_S
        safe = all(_safe(d, stop_at_m[lane]) for lane, queue in inside.items() for d in queue)
        for walker in walkers:
            if safe and walker.wants_s + 0.8 <= t_s < walker.steps_out_s:
                walker.steps_out_s = t_s


def _step(driver: Driver, ahead: Driver | None, line_m: float, blocked: bool, t_s: float) -> None:
    nose = driver.s_m + driver.body.length_m / 2
    to_line = line_m - nose
    if not blocked or to_line < -0.5:
        driver.stops = False
    elif to_line < SIGHT_M and driver.v_mps**2 / (2 * max(to_line, 0.1)) <= HARDEST_MPS2:
        driver.stops = True
    a = ACCELERATION_MPS2 * (1 - (driver.v_mps / driver.free_mps) ** 4)
    if ahead is not None:
        gap = ahead.s_m - ahead.body.length_m / 2 - nose
        a = min(a, _follow(driver, gap, driver.v_mps - ahead.v_mps))
    if driver.stops:
        a = min(a, _follow(driver, to_line + GAP_M - 0.4, driver.v_mps))
    a = max(a, -HARDEST_MPS2 * 1.6)
    if driver.v_mps + a * STEP_S < 0.02 and a <= 0:
        # Standing still, exactly.
        a, driver.v_mps = 0.0, 0.0
    driver.rows.append((t_s, driver.s_m, driver.v_mps, a))
    driver.s_m += driver.v_mps * STEP_S + a * STEP_S**2 / 2
    driver.v_mps += a * STEP_S


def _follow(driver: Driver, gap_m: float, closing_mps: float) -> float:
    """Acceleration behind something ``gap_m`` ahead."""
    braking = 2 * np.sqrt(ACCELERATION_MPS2 * BRAKING_MPS2)
    wanted = GAP_M + max(0.0, driver.v_mps * HEADWAY_S + driver.v_mps * closing_mps / braking)
    free = (driver.v_mps / driver.free_mps) ** 4
    return float(ACCELERATION_MPS2 * (1 - free - (wanted / max(gap_m, 0.05)) ** 2))


def _safe(driver: Driver, line_m: float) -> bool:
    """Whether a person may step out before this vehicle: it is past, far, or slow and stopping."""
    to_line = line_m - driver.s_m - driver.body.length_m / 2
    past = driver.s_m - driver.body.length_m / 2 - line_m
    if past > 8.0:  # stop line to the crosswalk's far edge
        return True
    if to_line < -0.5:
        return False
    return to_line > SIGHT_M or (
        driver.stops and driver.v_mps**2 / (2 * max(to_line, 0.3)) <= BRAKING_MPS2 * 1.3
    )
