"""Drivers who follow one another and stop at lines.

Steps of a tenth of a second, and in each a constant acceleration: the result is exact again. Following is the
Intelligent Driver Model (Treiber, Hennecke, Helbing 2000).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from flows.scenes.bodies.base import Body
from flows.scenes.motion import Motion, Path
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
        role: What it was put there to do.
        obeys: Whether it stops where it has to.
        past_m: How far beyond a line it stops, with its front; behind it where negative.
        slows: Way from which it drives more slowly, and how fast then (m, m/s).
        leaves_m: Way from which it is out of its followers' way.
        path: Where it goes, if not along the lane to its end.
    """

    lane: Lane
    body: Body
    free_mps: float
    enters_s: float
    role: str = ""
    obeys: bool = True
    past_m: float = 0.0
    slows: tuple[float, float] | None = None
    leaves_m: float = np.inf
    path: Path | None = None
    s_m: float = 0.0
    v_mps: float = 0.0
    rows: list[tuple[float, float, float, float]] = field(default_factory=list)
    until_s: float = np.inf
    stops: bool = False

    def motion(self) -> Motion:
        """What it did."""
        return Motion(*np.array([*self.rows[:-1], (*self.rows[-1][:3], 0.0)]).T)

    @property
    def nose_m(self) -> float:
        """Way of its front."""
        return self.s_m + self.body.length_m / 2


def admit(waiting: list[Driver], inside: dict[Lane, list[Driver]], t_s: float) -> None:
    """Lets those whose time has come into their lanes, if there is room; else a little later."""
    while waiting and waiting[0].enters_s <= t_s:
        driver = waiting[0]
        queue = inside[driver.lane]
        if queue and queue[-1].s_m - queue[-1].body.length_m < driver.body.length_m + GAP_M + driver.free_mps:
            driver.enters_s += 0.5  # no room yet
            waiting.sort(key=lambda d: d.enters_s)
            continue
        driver.v_mps = min(driver.free_mps, queue[-1].v_mps + 2.0) if queue else driver.free_mps
        queue.append(waiting.pop(0))


def retire(inside: dict[Lane, list[Driver]], t_s: float) -> None:
    """Lets those who have come to their lane's end go."""
    for queue in inside.values():
        for driver in [d for d in queue if d.s_m > d.lane.length_m]:
            driver.until_s = t_s + STEP_S
            queue.remove(driver)


def step(
    driver: Driver,
    ahead: Driver | None,
    line_m: float,
    blocked: bool,
    t_s: float,
    hardest_mps2: float = HARDEST_MPS2,
) -> None:
    """One driver for one step.

    Args:
        driver: Who.
        ahead: Whom it follows.
        line_m: Way to the line at which it has to stop.
        blocked: Whether it has to.
        t_s: Now.
        hardest_mps2: It goes on if it would have to brake harder.
    """
    nose = driver.nose_m
    to_line = line_m - nose
    if not blocked or to_line < -0.5:
        driver.stops = False
    elif to_line < SIGHT_M and driver.v_mps**2 / (2 * max(to_line, 0.1)) <= hardest_mps2:
        driver.stops = True
    a = ACCELERATION_MPS2 * (1 - (driver.v_mps / driver.free_mps) ** 4)
    if ahead is not None:
        gap = ahead.s_m - ahead.body.length_m / 2 - nose
        a = min(a, follow(driver, gap, driver.v_mps - ahead.v_mps))
    if driver.stops:
        a = min(a, follow(driver, to_line + GAP_M - 0.4, driver.v_mps))
    if driver.slows is not None:
        a = min(a, _slowing(driver, *driver.slows))
    a = max(a, -HARDEST_MPS2 * 1.6)
    if driver.v_mps + a * STEP_S < 0.02 and a <= 0:
        # Standing still, exactly.
        a, driver.v_mps = 0.0, 0.0
    driver.rows.append((t_s, driver.s_m, driver.v_mps, a))
    driver.s_m += driver.v_mps * STEP_S + a * STEP_S**2 / 2
    driver.v_mps += a * STEP_S


def _slowing(driver: Driver, from_m: float, v_mps: float) -> float:
    """Acceleration that brings it down to a speed by a place, and keeps it there."""
    left = from_m - driver.s_m
    if left <= 0.5:
        return float(np.clip((v_mps - driver.v_mps) / 0.5, -BRAKING_MPS2, ACCELERATION_MPS2))
    needed = (v_mps**2 - driver.v_mps**2) / (2 * left)
    return needed if needed < -0.8 * BRAKING_MPS2 else ACCELERATION_MPS2


def follow(driver: Driver, gap_m: float, closing_mps: float) -> float:
    """Acceleration behind something ``gap_m`` ahead."""
    braking = 2 * np.sqrt(ACCELERATION_MPS2 * BRAKING_MPS2)
    wanted = GAP_M + max(0.0, driver.v_mps * HEADWAY_S + driver.v_mps * closing_mps / braking)
    free = (driver.v_mps / driver.free_mps) ** 4
    return float(ACCELERATION_MPS2 * (1 - free - (wanted / max(gap_m, 0.05)) ** 2))
