"""Traffic at a crosswalk without lights: drivers follow and stop for people, people wait for gaps.

A small simulation in steps of a tenth of a second, see :mod:`flows.scenes.following`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flows.scenes.following import BRAKING_MPS2, SIGHT_M, STEP_S, Driver, admit, retire, step
from flows.scenes.traffic import Lane

SAFE_MPS2 = 1.3 * BRAKING_MPS2
"""People step out before drivers who need not brake harder."""


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
        admit(waiting, inside, t_s)
        blocked = any(w.present(t_s) for w in walkers)
        for lane, queue in inside.items():
            for ahead, driver in zip([None, *queue], queue, strict=False):
                step(driver, ahead, stop_at_m[lane], blocked, t_s)
        retire(inside, t_s)
        t_s += STEP_S
        safe = all(_safe(d, stop_at_m[lane]) for lane, queue in inside.items() for d in queue)
        for walker in walkers:
            if safe and walker.wants_s + 0.8 <= t_s < walker.steps_out_s:
                walker.steps_out_s = t_s


def _safe(driver: Driver, line_m: float) -> bool:
    """Whether a person may step out before this vehicle: it is past, far, or slow and stopping."""
    to_line = line_m - driver.s_m - driver.body.length_m / 2
    past = driver.s_m - driver.body.length_m / 2 - line_m
    if past > 8.0:  # stop line to the crosswalk's far edge
        return True
    if to_line < -0.5:
        return False
    return to_line > SIGHT_M or (driver.stops and driver.v_mps**2 / (2 * max(to_line, 0.3)) <= SAFE_MPS2)
