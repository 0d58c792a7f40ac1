"""A kerb at which nobody may stand: cars that do for long, cars that stop shortly, cars that stand elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from flows.domain.ruleset import ProhibitedStoppingRule
from flows.scenes import bodies, company, people, poses, streetscape
from flows.scenes.assemble import ALL_LIGHTS, assemble, stream
from flows.scenes.camera import PinholeCamera
from flows.scenes.judges.places import StoppingJudge
from flows.scenes.layout import Area, Layout
from flows.scenes.motion import Arcs, Motion, Straight, sidestep
from flows.scenes.options import Company, SceneOptions
from flows.scenes.plan import KERB_LANE_M, Street
from flows.scenes.scene import Scene
from flows.scenes.stage import BEHIND_M, Stage, cases, cruise, fill, through
from flows.scenes.world import Actor

CASES = ("stands_long", "stops_shortly", "stands_long", "stops_shortly", "stops_shortly", "stands_beyond")
ZONE_Y_M = (17.0, 44.0)
MAX_S = 9.0
"""What the rule of these scenes allows; a site's own is a minute or more, which nobody wants to render."""
SHORT_S, LONG_S = (2.0, 5.5), (13.0, 17.0)
BRAKES_MPS2, SETS_OFF_MPS2 = 1.8, 1.6
BESIDE_S = (3.0, 6.0)
"""How long company stands in the lane beside a car at the kerb, as in a jam."""
ASIDE_M = 11.0
"""Way in which a car draws in to the kerb."""
MIX = {"car": 0.66, "truck": 0.16, "bus": 0.12, "motorcycle": 0.06}
"""Many tall ones, which hide the kerb for moments."""


def build(seed: int, options: SceneOptions) -> Scene:
    """See the module."""
    plan = stream("plan", "stopping", seed)
    street = Street(
        options.lanes or 2,
        int(plan.integers(0, 3)),
        parking=True,
        pavement_m=float(plan.uniform(2.4, 4.0)),
        no_stopping=ZONE_Y_M,
    )
    pose = options.pose or str(plan.choice(["gantry", "roadside", "high"]))
    camera = poses.camera(pose, street, stream("camera", "stopping", seed), options)
    duration_s = options.duration_s or 48.0
    stage = Stage(duration_s, stream("plan", "stopping", seed))
    _act(stage, street, camera, options, duration_s, seed)
    zone = Area((street.drive_half_m + 0.2, street.half_m + 0.3), ZONE_Y_M)
    judge = StoppingJudge(
        ProhibitedStoppingRule(zone="kerb", max_s=MAX_S),
        alike=("stops_shortly", "stands_beyond", "stands_opposite", company.BESIDE),
    )
    folk = stream("people", "stopping", seed)
    return assemble(
        "stopping",
        seed,
        options,
        street=street,
        camera=camera,
        setting=streetscape.furnish(street, camera, stream("setting", "stopping", seed)),
        groups=(stage.actors, people.walkers(street, int(folk.integers(1, 5)), folk)),
        duration_s=duration_s,
        layout=Layout(areas={"kerb": zone}, judges=(judge,)),
        lights=ALL_LIGHTS,
    )


def _act(
    stage: Stage, street: Street, camera: PinholeCamera, options: SceneOptions, duration_s: float, seed: int
) -> None:
    rng, own = stream("traffic", "stopping", seed), stream("company", "stopping", seed)
    wanted = cases(options.case, CASES, rng, 12)
    if (options.case is None or "was_there" in options.case) and rng.random() < 0.5:
        y_m = float(rng.choice([20.5, 40.5]))
        stage.add(_parked(street, y_m, 1, "was_there", rng))
    for y in (59.0, 65.5):
        if rng.random() < 0.5:
            stage.add(_parked(street, y, 1, "", rng))
    for y in np.arange(16.0, 60.0, 7.0):
        if rng.random() < 0.25:
            stage.add(_parked(street, float(y), -1, "stands_opposite" if y < 45 else "", rng))
    at_s = 1.0
    for case in wanted:
        for _ in range(8):
            actor, lasts_s = _stopping(case, street, at_s + float(rng.uniform(0, 2)), rng)
            if stage.add(actor):
                if options.company is not None:
                    _accompany(stage, actor, street, camera, options.company, own)
                at_s += 0.45 * lasts_s
                break
        at_s += 1.0
        if at_s > duration_s - 8:
            break
    x = street.lanes_m[-1][0]
    fill(
        stage,
        street,
        rng,
        count=options.n_vehicles if options.n_vehicles is not None else round(duration_s * 0.25),
        duration_s=duration_s,
        speeds_kmh=(28.0, 48.0),
        mix=MIX,
        lanes=lambda lane_m, _: lane_m != x or bool(rng.random() < 0.4),
    )


def _kerb_x(street: Street) -> float:
    return street.drive_half_m + 0.15 + KERB_LANE_M / 2


def _parked(street: Street, y_m: float, side: int, role: str, rng: np.random.Generator) -> Actor:
    heading = 0.0 if side > 0 or not street.towards else 180.0
    path = Straight(side * _kerb_x(street), y_m, heading)
    return Actor(0, _small(rng), path, Motion.steady(0.0), role=role)


def _small(rng: np.random.Generator) -> bodies.base.Body:
    """A car that fits between kerb and lane."""
    while True:
        body = bodies.make("car", rng)
        if body.length_m < 5.1:
            return body


def _stopping(case: str, street: Street, at_s: float, rng: np.random.Generator) -> tuple[Actor, float]:
    """A car that draws in to the kerb, stands, and goes on; and for how long it stands."""
    beyond = case == "stands_beyond"
    place_y = float(rng.uniform(50.0, 53.0) if beyond else rng.uniform(ZONE_Y_M[0] + 4, ZONE_Y_M[1] - 5))
    stands_s = float(rng.uniform(*(SHORT_S if case == "stops_shortly" else LONG_S)))
    lane_x = street.lanes_m[-1][0]
    aside = _kerb_x(street) - lane_x
    first_m = place_y - 1.0 - ASIDE_M - BEHIND_M
    pieces = ((first_m, 0.0), *sidestep(aside, ASIDE_M), (2.0, 0.0), *sidestep(-aside, ASIDE_M))
    path = Arcs(lane_x, BEHIND_M, 0.0, pieces)
    place_m = Arcs(lane_x, BEHIND_M, 0.0, pieces[:3]).length_m + 1.0
    v = float(rng.uniform(24.0, 38.0)) / 3.6
    brakes_s = v / BRAKES_MPS2
    motion = Motion.stretches(
        at_s - brakes_s,
        place_m - v * brakes_s / 2,
        v,
        [(brakes_s, -BRAKES_MPS2), (stands_s, 0.0), (v / SETS_OFF_MPS2, SETS_OFF_MPS2)],
    )
    return Actor(0, _small(rng), path, motion, motion.when(0.0), motion.when(260.0), role=case), stands_s


def _accompany(
    stage: Stage, actor: Actor, street: Street, camera: PinholeCamera, kind: Company, rng: np.random.Generator
) -> None:
    """Gives a car at the kerb company in the lane, before the next one comes along it."""
    beside = list(_beside(actor, street, kind, rng))
    if kind == "truck":
        beside = company.hiding(camera, actor, beside, most=1.0)
    company.add_first(stage, beside)


def _beside(actor: Actor, street: Street, kind: Company, rng: np.random.Generator) -> Iterator[Actor]:
    """Somebody who has to wait in the lane beside a car that stands at the kerb, or passes it slowly."""
    moving = actor.motion
    stands = int(np.flatnonzero(moving.v_mps < 0.01)[0])  # its first stretch at a standstill
    stops_s, goes_s = float(moving.t_s[stands]), float(moving.t_s[stands + 1])
    place_y = actor.path.at(float(moving.s_m[stands]))[1]
    cls = "car" if kind == "abreast" else str(rng.choice(["truck", "bus"]))
    body, path = bodies.make(cls, rng), through(street.lanes_m[-1][0], 0.0)
    v, slow_mps = float(rng.uniform(24.0, 38.0)) / 3.6, float(rng.uniform(2.5, 4.5))
    brakes_s = v / BRAKES_MPS2
    moments = np.sort(rng.uniform(stops_s + 1.0, max(goes_s, stops_s + 3.0), 6))
    for at_s, nearer_m in product(moments, (0.0,) if kind == "abreast" else (0.0, 2.0, 4.0)):
        place_m, waits_s = place_y - nearer_m - BEHIND_M, float(rng.uniform(*BESIDE_S))
        motion = Motion.stretches(
            float(at_s) - brakes_s,
            place_m - v * brakes_s / 2,
            v,
            [(brakes_s, -BRAKES_MPS2), (waits_s, 0.0), (v / SETS_OFF_MPS2, SETS_OFF_MPS2)],
        )
        yield Actor(0, body, path, motion, motion.when(0.0), motion.when(262.0))
    for at_s in moments:
        yield cruise(cls, path, slow_mps, float(at_s), place_y - BEHIND_M, rng, body=body)
