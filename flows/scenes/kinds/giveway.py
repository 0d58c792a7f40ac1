"""A crosswalk without lights: drivers who do not give way, and drivers who need not or do.

Everybody is timed against one person who crosses: right before them, well behind them, or waiting for them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from flows.scenes import bodies, company, people, poses, streetscape
from flows.scenes.assemble import ALL_LIGHTS, assemble, lanes, stream, ways
from flows.scenes.kinds.crossing import CROSSWALK_Y_M, layout
from flows.scenes.motion import Bends, Motion, Straight
from flows.scenes.options import Company, SceneOptions
from flows.scenes.plan import CROSSWALK_M, LANE_M, STOP_LINE_M, Street
from flows.scenes.scene import Scene
from flows.scenes.stage import Stage, cases
from flows.scenes.traffic import Lane
from flows.scenes.world import Actor

OFFENCE = "does_not_yield"
OTHERS = ("stops_in_time", "passes_behind", "beyond_median")
WAITING = "passes_waiting"
"""Who drives while somebody stands at the kerb and does not step out."""
PACE_MPS = (0.9, 1.5)
MIX = {"car": 0.78, "truck": 0.10, "bus": 0.05, "motorcycle": 0.07}
SPEEDS_KMH = (25.0, 48.0)
COMES_M, GOES_M = 40.0, 60.0
"""Ways along the pavements, before and after."""
BEFORE_S = (1.15, 1.9)
"""Who does not yield is over the edge so long before the person would be in the way."""
BRAKES_MPS2, SETS_OFF_MPS2 = 2.3, 1.8
TRIES = 12


def build(seed: int, options: SceneOptions) -> Scene:
    """See the module."""
    plan = stream("plan", "giveway", seed)
    away, towards = ways(options, plan, 2 if plan.random() < 0.8 else 1)
    if options.lanes is None:  # wide enough for somebody to be on the road for a while
        away, towards = (3 if n == 2 and not (away and towards) else n for n in (away, towards))
    parted = options.median if options.median is not None else bool(plan.random() < 0.4)
    street = Street(
        away,
        towards,
        pavement_m=float(plan.uniform(2.6, 4.0)),
        crosswalk_y_m=CROSSWALK_Y_M,
        stop_lines=True,
        median_m=2.4 if parted and away and towards else 0.0,
    )
    pose = options.pose or str(plan.choice(["gantry", "roadside", "high", "side"]))
    camera = poses.camera(pose, street, stream("camera", "giveway", seed), options)
    duration_s = options.duration_s or 30.0
    stage = Stage(duration_s, stream("plan", "giveway", seed))
    _act(stage, street, options, duration_s, seed)
    folk = stream("people", "giveway", seed)
    alike = ("stops_in_time", "passes_behind", "beyond_median", WAITING, company.BESIDE)
    return assemble(
        "giveway",
        seed,
        options,
        street=street,
        camera=camera,
        setting=streetscape.furnish(street, camera, stream("setting", "giveway", seed)),
        groups=(stage.actors, people.walkers(street, int(folk.integers(0, 4)), folk, (36.0, 70.0))),
        duration_s=duration_s,
        layout=layout(street, alike),
        lights=ALL_LIGHTS,
    )


@dataclass(frozen=True)
class _Crosser:
    """Somebody who walks across without a stop.

    Attributes:
        side: From which side: 1 from the right.
        pace_mps: How fast.
        on_s: When they step from the kerb.
        half_m: Half the width of the road.
    """

    side: float
    pace_mps: float
    on_s: float
    half_m: float

    @property
    def off_s(self) -> float:
        """When they reach the other kerb."""
        return self.on_s + 2 * self.half_m / self.pace_mps

    def when(self, x_m: float) -> float:
        """When they are at a place across the road."""
        return self.on_s + (self.half_m - self.side * x_m) / self.pace_mps

    def actor(self, street: Street, rng: np.random.Generator) -> Actor:
        """The person."""
        low, _ = street.walks_m()
        y = CROSSWALK_Y_M + float(rng.uniform(-1.5, 1.5))
        comes, goes = float(rng.choice([-1.0, 1.0])), float(rng.choice([-1.0, 1.0]))
        near, far = self.side * low, -self.side * (low + 0.3)
        corners = ((near, y + comes * COMES_M), (near, y), (far, y), (far, y + goes * GOES_M))
        to_kerb = COMES_M + low - self.half_m
        motion = Motion.steady(self.pace_mps).shifted(self.on_s - to_kerb / self.pace_mps)
        body = bodies.make("person", rng)
        return Actor(0, body, Bends(corners), motion, motion.when(0.0), motion.when(COMES_M + GOES_M + 20))


def _act(stage: Stage, street: Street, options: SceneOptions, duration_s: float, seed: int) -> None:
    rng, own = stream("traffic", "giveway", seed), stream("company", "giveway", seed)
    only = (options.case or "").split("+") if options.case else None
    waits = WAITING in only if only else bool(rng.random() < 0.5)
    if waits:
        for _ in range(int(rng.integers(1, 3))):
            stage.add(_waiting(street, rng))
    others = OTHERS if street.median_m else OTHERS[:2]
    at_s = float(rng.uniform(0.5, 2.0))
    while at_s < duration_s - 6.0 and only != [WAITING]:
        side, pace = float(rng.choice([-1.0, 1.0])), float(rng.uniform(*PACE_MPS))
        crosser = _Crosser(side, pace, at_s, street.half_m)
        stage.add(crosser.actor(street, rng))
        busy: set[float] = set()
        offends = cases(options.case, (OFFENCE,), rng, 1) if only or rng.random() < 0.85 else []
        for case in offends + cases(options.case, others, rng, 2):
            lane = _try(stage, street, crosser, case, busy, rng)
            if lane is not None and options.company is not None:
                _beside(stage, street, crosser, case, lane, busy, options.company, own)
        at_s = crosser.off_s + float(rng.uniform(1.4, 2.4))
        if waits and at_s < duration_s - 4.0:
            _fill_gap(stage, street, at_s, rng)
            at_s += 3.0
    if only == [WAITING]:
        for at in np.arange(2.0, duration_s - 2.0, 3.0):
            _fill_gap(stage, street, float(at), rng)


def _waiting(street: Street, rng: np.random.Generator) -> Actor:
    """Somebody who stands at the kerb, busy with something else."""
    side = float(rng.choice([-1.0, 1.0]))
    x = side * (street.half_m + float(rng.uniform(0.6, 1.2)))
    y = CROSSWALK_Y_M + float(rng.uniform(-1.6, 1.6))
    path = Straight(x, y, float(rng.uniform(0, 360)))
    return Actor(0, bodies.make("person", rng), path, Motion.steady(0.0))


def _try(
    stage: Stage, street: Street, crosser: _Crosser, case: str, busy: set[float], rng: np.random.Generator
) -> Lane | None:
    """Adds somebody who does ``case`` to ``crosser`` in a lane where there is room, and says in which."""
    open_ = [lane for lane in lanes(street) if lane.x_m not in busy]
    if case == "beyond_median":
        # On the side that the person is done with, or comes to much later.
        open_ = [lane for lane in open_ if (lane.x_m - street.divide_m) * crosser.side > 0]
    body = bodies.make(str(rng.choice(list(MIX), p=list(MIX.values()))), rng)
    for _ in range(TRIES if open_ else 0):
        lane = open_[int(rng.integers(len(open_)))]
        v = float(rng.uniform(*SPEEDS_KMH)) / 3.6
        if case == OFFENCE:
            v = min(v, _fair_mps(crosser, lane))
        if v >= SPEEDS_KMH[0] / 3.6 and stage.add(
            replace(_driver(case, lane, street, crosser, body, v, rng), role=case)
        ):
            busy.add(lane.x_m)
            return lane
    return None


def _beside(
    stage: Stage,
    street: Street,
    crosser: _Crosser,
    case: str,
    lane: Lane,
    busy: set[float],
    kind: Company,
    rng: np.random.Generator,
) -> None:
    """Adds company in the next lane of the same direction: who stops for the person where the other does not.

    Rather in the lane that the person comes through first: there a truck that has stopped hides them from the other.
    """
    does = "stops_in_time" if case == OFFENCE else case
    body = bodies.make("car" if kind == "abreast" else "truck", rng)
    next_ = [
        one
        for one in lanes(street)
        if one.heading_deg == lane.heading_deg
        and abs(abs(one.x_m - lane.x_m) - LANE_M) < 0.1
        and one.x_m not in busy
    ]
    for one in sorted(next_, key=lambda one: -one.x_m * crosser.side):
        made = [
            _driver(does, one, street, crosser, body, float(rng.uniform(*SPEEDS_KMH)) / 3.6, rng)
            for _ in range(TRIES)
        ]
        if company.add_first(stage, made):
            busy.add(one.x_m)
            return


def _fair_mps(crosser: _Crosser, lane: Lane) -> float:
    """The fastest at which a driver of a lane could still have braked for somebody who has just stepped out."""
    on_road_s = crosser.when(lane.x_m) - 1.0 / crosser.pace_mps - BEFORE_S[1] - crosser.on_s
    return 6.0 * (on_road_s - 0.4 / crosser.pace_mps - 1.9)


def _driver(
    case: str,
    lane: Lane,
    street: Street,
    crosser: _Crosser,
    body: bodies.base.Body,
    v: float,
    rng: np.random.Generator,
) -> Actor:
    toward = -crosser.side  # which way along x the person walks
    half = body.width_m / 2
    reaches_s = crosser.when(lane.x_m - toward * half)  # the vehicle's way
    leaves_s = crosser.when(lane.x_m + toward * half)
    if case == OFFENCE:
        return _steady(lane, body, v, reaches_s - float(rng.uniform(*BEFORE_S)))
    if case == "stops_in_time":
        clear_s = min(leaves_s + 3.0 / crosser.pace_mps, crosser.off_s + 0.3)
        return _stopping(lane, body, v, reaches_s, clear_s, rng)
    if case == "beyond_median":
        # They are on the island's far side by then.
        there_s = crosser.when(street.divide_m + toward * (street.median_m / 2 + 0.8))
        return _steady(lane, body, v, there_s + float(rng.uniform(0.0, 1.5)))
    past_s = min(leaves_s + float(rng.uniform(3.8, 5.0)) / crosser.pace_mps, crosser.off_s + 1.0)
    return _steady(lane, body, v, past_s + float(rng.uniform(0.0, 0.8)))


def _edge_m(lane: Lane) -> float:
    """Way to the crosswalk's edge that a lane's drivers come to first."""
    half = CROSSWALK_M / 2
    return lane.way_to(CROSSWALK_Y_M + (-half if lane.heading_deg == 0 else half))


def _steady(lane: Lane, body: bodies.base.Body, v: float, enters_s: float) -> Actor:
    """Somebody whose front comes over the crosswalk's edge at ``enters_s``."""
    motion = Motion.steady(v).shifted(enters_s - (_edge_m(lane) - body.length_m / 2) / v)
    return Actor(0, body, lane.path, motion, motion.when(0.0), motion.when(lane.length_m))


def _stopping(
    lane: Lane, body: bodies.base.Body, v: float, needed_s: float, clear_s: float, rng: np.random.Generator
) -> Actor:
    """Somebody who stands behind the stop line when the person needs the way, and goes on when they are past."""
    place_m = _edge_m(lane) - STOP_LINE_M - 0.4 - float(rng.uniform(0.3, 1.5)) - body.length_m / 2
    brakes_s = v / BRAKES_MPS2
    stops_s = needed_s - float(rng.uniform(0.8, 2.5))
    motion = Motion.stretches(
        stops_s - brakes_s,
        place_m - v * brakes_s / 2,
        v,
        [(brakes_s, -BRAKES_MPS2), (max(0.3, clear_s - stops_s), 0.0), (v / SETS_OFF_MPS2, SETS_OFF_MPS2)],
    )
    return Actor(0, body, lane.path, motion, motion.when(0.0), motion.when(lane.length_m))


def _fill_gap(stage: Stage, street: Street, at_s: float, rng: np.random.Generator) -> None:
    """Somebody who passes while nobody is on the road and somebody waits."""
    every = lanes(street)
    lane = every[int(rng.integers(len(every)))]
    body = bodies.make(str(rng.choice(list(MIX), p=list(MIX.values()))), rng)
    v = float(rng.uniform(*SPEEDS_KMH)) / 3.6
    stage.add(replace(_steady(lane, body, v, at_s + float(rng.uniform(0, 2))), role=WAITING))
