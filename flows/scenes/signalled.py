"""Traffic at a traffic light: drivers follow, stop, and go on green; some do not stop, or not in time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flows.scenes.following import HARDEST_MPS2, STEP_S, Driver, admit, retire, step
from flows.scenes.lights import Programme
from flows.scenes.traffic import Lane

AMBER_MPS2 = 2.8
"""Who would have to brake harder at amber drives on."""


def simulate(
    drivers: Sequence[Driver],
    line_m: dict[Lane, float],
    programme: Programme,
    free: Callable[[Driver, float], bool],
    until_s: float,
) -> None:
    """Lets everybody drive until ``until_s``; fills in their motions.

    Args:
        drivers: All of them.
        line_m: Way from each lane's start to its stop line.
        programme: The light of all lanes.
        free: Whether a driver may go on whatever the light shows (a green arrow), by the moment.
        until_s: End of the scene.
    """
    t_s = min((d.enters_s for d in drivers), default=0.0)
    inside: dict[Lane, list[Driver]] = {lane: [] for lane in line_m}
    waiting = sorted(drivers, key=lambda d: d.enters_s)
    while t_s < until_s + STEP_S:
        admit(waiting, inside, t_s)
        phase = programme.at(t_s)[0]
        hardest = AMBER_MPS2 if phase == "amber" else HARDEST_MPS2
        for lane, queue in inside.items():
            ahead: Driver | None = None
            for driver in queue:
                blocked = driver.obeys and phase not in ("green", "off") and not free(driver, t_s)
                step(driver, ahead, line_m[lane] + driver.past_m, blocked, t_s, hardest)
                if driver.s_m < driver.leaves_m:
                    ahead = driver
        retire(inside, t_s)
        t_s += STEP_S
