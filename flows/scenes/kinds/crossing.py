"""A crosswalk without lights: people walk across and drivers stop for them."""

from __future__ import annotations

import math

import numpy as np

from flows.domain.ruleset import FailureToYieldRule
from flows.scenes import bodies, people, poses, streetscape, traffic
from flows.scenes.assemble import assemble, lanes, stream, ways
from flows.scenes.following import Driver
from flows.scenes.judges.crosswalk import YieldJudge
from flows.scenes.layout import Area, Layout
from flows.scenes.motion import Bends, Motion
from flows.scenes.options import SceneOptions
from flows.scenes.plan import CROSSWALK_M, STOP_LINE_M, Street
from flows.scenes.scene import Scene
from flows.scenes.traffic import Lane
from flows.scenes.world import Actor
from flows.scenes.yielding import Walker, simulate

CROSSWALK_Y_M = 24.0
WARM_UP_S = 40.0
"""Before the first frame, so that traffic flows when it comes."""
PACE_MPS = (1.1, 1.6)
SOFT_MPS2 = 1.2
"""How people slow down and set off."""
TOP_KMH = 62.0
"""Drivers approach a crosswalk in town no faster than this, whatever is asked."""


def build(seed: int, options: SceneOptions) -> Scene:
    """See the module."""
    plan = stream("plan", "crossing", seed)
    away, towards = ways(options, plan, int(plan.integers(1, 3)))
    street = Street(
        away,
        towards,
        pavement_m=float(plan.uniform(2.6, 4.0)),
        crosswalk_y_m=CROSSWALK_Y_M,
        stop_lines=True,
    )
    pose = options.pose or str(plan.choice(["gantry", "roadside", "high", "side"]))
    camera = poses.camera(pose, street, stream("camera", "crossing", seed), options)
    duration_s = options.duration_s or 20.0
    folk = stream("people", "crossing", seed)
    count = options.n_pedestrians if options.n_pedestrians is not None else max(2, round(duration_s / 4))
    crossers = [_Crosser(street, k, count, duration_s, folk) for k in range(count)]
    drivers = _drivers(seed, options, street, duration_s)
    simulate(drivers, [c.walker for c in crossers], _stop_lines(street), duration_s)
    groups = (
        [_vehicle(d, plan) for d in drivers if d.rows],
        [c.actor() for c in crossers],
        people.walkers(street, int(folk.integers(0, 4)), folk, (36.0, 70.0)),
    )
    return assemble(
        "crossing",
        seed,
        options,
        street=street,
        camera=camera,
        setting=streetscape.furnish(street, camera, stream("setting", "crossing", seed)),
        groups=groups,
        duration_s=duration_s,
        layout=layout(street),
    )


def layout(street: Street, alike: tuple[str, ...] = ()) -> Layout:
    """The crosswalk, its island and the stop lines as rules see them."""
    middle, half = CROSSWALK_Y_M, street.half_m
    y = (middle - CROSSWALK_M / 2, middle + CROSSWALK_M / 2)
    divide, island = street.divide_m, street.median_m / 2
    areas = {"crosswalk": Area((-half, half), y)}
    if street.median_m:
        areas["median"] = Area((divide - island, divide + island), y)
    before = CROSSWALK_M / 2 + STOP_LINE_M + 0.4
    lines = {}
    if street.away:
        lines["stop"] = ((divide + island, middle - before), (street.drive_half_m, middle - before))
    if street.towards:
        lines["stop_back"] = ((-street.drive_half_m, middle + before), (divide - island, middle + before))
    rule = FailureToYieldRule(
        crosswalk="crosswalk",
        stop_line="stop" if street.away else "stop_back",
        medians=("median",) if street.median_m else (),
    )
    return Layout(areas=areas, lines=lines, judges=(YieldJudge(rule, alike=alike),))


def _stop_lines(street: Street) -> dict[Lane, float]:
    before = CROSSWALK_M / 2 + STOP_LINE_M + 0.4
    return {
        lane: lane.way_to(CROSSWALK_Y_M + (-before if lane.heading_deg == 0 else before))
        for lane in lanes(street)
    }


def _drivers(seed: int, options: SceneOptions, street: Street, duration_s: float) -> list[Driver]:
    rng = stream("traffic", "crossing", seed)
    count = options.n_vehicles if options.n_vehicles is not None else round(duration_s * 0.45)
    low, high = (min(v, TOP_KMH) for v in options.speed_range_kmh)
    made = []
    for k in range(round(count * (1 + WARM_UP_S / 2 / duration_s))):
        lane = lanes(street)[int(rng.integers(len(street.lanes_m)))]
        cls = str(rng.choice(list(traffic.CLASSES), p=list(traffic.CLASSES.values())))
        enters_s = -WARM_UP_S / 2 + k * duration_s / max(count, 1) + float(rng.uniform(-1, 1))
        made.append(Driver(lane, bodies.make(cls, rng), float(rng.uniform(low, high)) / 3.6, enters_s))
    return made


def _vehicle(driver: Driver, rng: np.random.Generator) -> Actor:
    motion = driver.motion()
    (actor,) = traffic.actors(
        [(driver.lane, traffic.Trip(driver.body, motion, driver.rows[0][0], driver.until_s))], rng
    )
    return actor


class _Crosser:
    """Comes along the pavement, waits at the kerb, crosses, goes on along the other pavement."""

    def __init__(
        self, street: Street, k: int, count: int, duration_s: float, rng: np.random.Generator
    ) -> None:
        self._body = bodies.make("person", rng)
        self._pace = float(rng.uniform(*PACE_MPS))
        side = float(rng.choice([-1.0, 1.0]))
        lanes_y = np.linspace(-1.5, 1.5, 5)
        y = CROSSWALK_Y_M + float(lanes_y[k % 5])
        low, _ = street.walks_m()
        near = side * (low + 0.25 * (k % 3))
        far_side = -side * (low + 0.25 * (k % 4))
        kerb = street.half_m + 0.5
        comes, goes = float(rng.choice([-1.0, 1.0])), float(rng.choice([-1.0, 1.0]))
        start = (near, y + comes * 40.0)
        self._path = Bends((start, (near, y), (far_side, y), (far_side, y + goes * 60.0)))
        self._to_kerb = 40.0 + abs(near) - kerb
        wants_s = (k + float(rng.uniform(0.1, 0.9))) / count * duration_s * 0.9
        crossing_s = (2 * kerb) / self._pace + self._pace / SOFT_MPS2
        self.walker = Walker(wants_s, crossing_s)

    def actor(self) -> Actor:
        """The person with the motion that came out of the simulation."""
        braking_s = self._pace / SOFT_MPS2
        slows_m = self._pace * braking_s / 2
        stands_s = max(0.2, self.walker.steps_out_s - self.walker.wants_s)
        stands_s = stands_s if math.isfinite(stands_s) else 3600.0
        motion = Motion.stretches(
            self.walker.wants_s - braking_s,
            self._to_kerb - slows_m,
            self._pace,
            [(braking_s, -SOFT_MPS2), (stands_s, 0.0), (braking_s, SOFT_MPS2)],
        )
        return Actor(0, self._body, self._path, motion, motion.when(0.0), motion.when(40.0 + 60.0 + 20.0))
