"""A road with a lane for buses: buses, an ambulance and cars that only cross it, and cars that drive in it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from flows.domain.ruleset import BusLaneRule
from flows.scenes import bodies, company, people, poses, streetscape, traffic
from flows.scenes.assemble import ALL_LIGHTS, assemble, stream
from flows.scenes.bodies import ambulance
from flows.scenes.camera import PinholeCamera
from flows.scenes.judges.places import BusLaneJudge
from flows.scenes.layout import Area, Layout
from flows.scenes.motion import Arcs, sidestep
from flows.scenes.options import SceneOptions
from flows.scenes.plan import LANE_M, Crossroad, Street
from flows.scenes.scene import Scene
from flows.scenes.stage import AHEAD_M, BEHIND_M, Stage, cases, cruise, fill, through
from flows.scenes.world import Actor

CASES = ("in_lane", "bus", "in_lane", "turns_across", "in_lane", "beside_lane", "joins_lane", "ambulance")
AWAY_LANE_Y_M, TOWARDS_LANE_Y_M = (11.0, 46.0), (24.0, 62.0)
"""The lane ends where others have to cross it to turn."""
AWAY_ROAD_Y_M, TOWARDS_ROAD_Y_M = 56.0, 13.0
SECONDS_A_CASE = 3.4
SPEEDS_KMH = (26.0, 50.0)


def build(seed: int, options: SceneOptions) -> Scene:
    """See the module."""
    plan = stream("plan", "buslane", seed)
    towards = options.direction == "oncoming" or (options.direction is None and plan.random() < 0.4)
    lanes = options.lanes or int(plan.integers(2, 4))
    stretch = TOWARDS_LANE_Y_M if towards else AWAY_LANE_Y_M
    street = Street(
        0 if towards else lanes,
        lanes if towards else 0,
        pavement_m=float(plan.uniform(2.4, 4.0)),
        crossroad=Crossroad(TOWARDS_ROAD_Y_M if towards else AWAY_ROAD_Y_M, 5.0),
        bus_lane=stretch,
    )
    pose = options.pose or str(plan.choice(["gantry", "roadside", "high"]))
    camera = poses.camera(pose, street, stream("camera", "buslane", seed), options)
    duration_s = options.duration_s or 26.0
    stage = Stage(duration_s, stream("plan", "buslane", seed))
    _act(stage, street, camera, options, duration_s, seed)
    x = street.bus_lane_x_m
    lane = Area((x - LANE_M / 2, x + LANE_M / 2), stretch, 180.0 if towards else 0.0)
    judge = BusLaneJudge(
        BusLaneRule(lane="buslane"), alike=("bus", "turns_across", "beside_lane", company.BESIDE)
    )
    folk = stream("people", "buslane", seed)
    walkers = people.walkers(street, int(folk.integers(0, 4)), folk, (22.0, 44.0))
    return assemble(
        "buslane",
        seed,
        options,
        street=street,
        camera=camera,
        setting=streetscape.furnish(street, camera, stream("setting", "buslane", seed)),
        groups=(stage.actors, walkers),
        duration_s=duration_s,
        layout=Layout(areas={"buslane": lane}, judges=(judge,)),
        lights=ALL_LIGHTS,
    )


def _act(
    stage: Stage, street: Street, camera: PinholeCamera, options: SceneOptions, duration_s: float, seed: int
) -> None:
    rng, own = stream("traffic", "buslane", seed), stream("company", "buslane", seed)
    x = street.bus_lane_x_m

    def lawful(cls: str, lane_m: float) -> bool:
        return lane_m != x or cls == "bus"

    count = max(1, round(duration_s / SECONDS_A_CASE))
    for k, case in enumerate(cases(options.case, CASES, rng, count)):
        for attempt in range(8):
            slot = (k + 0.5 + float(rng.uniform(-0.3, 0.3)) * (1 + attempt)) / count
            actor = _case(case, street, float(np.clip(slot, 0.04, 0.96)) * duration_s, rng)
            if stage.add(actor):
                if options.company is not None:
                    company.join(stage, actor, street, camera, options.company, own, lawful)
                break
    wanted = options.n_vehicles if options.n_vehicles is not None else round(duration_s * 0.3)
    fill(
        stage,
        street,
        rng,
        count=wanted,
        duration_s=duration_s,
        speeds_kmh=SPEEDS_KMH,
        mix=traffic.CLASSES,
        lanes=lambda lane_m, _: lane_m != x,
        roles=lambda actor: "beside_lane" if actor.path.at(0.0)[0] == _beside(street)[0] else "",
    )


def _beside(street: Street) -> tuple[float, float]:
    """The lane next to the one for buses: its middle, and which way from there the buses' lane is."""
    x = street.bus_lane_x_m
    return (x - LANE_M, LANE_M) if street.away else (x + LANE_M, LANE_M)


def _case(case: str, street: Street, at_s: float, rng: np.random.Generator) -> Actor:
    v = float(rng.uniform(*SPEEDS_KMH)) / 3.6
    x, heading = street.bus_lane_x_m, 0.0 if street.away else 180.0
    from_m = BEHIND_M if street.away else AHEAD_M
    middle_m = abs((26.0 if street.away else 40.0) - from_m)
    cls = str(rng.choice(["car", "truck", "motorcycle"], p=[0.8, 0.1, 0.1]))
    if case == "bus":
        made = cruise("bus", through(x, heading), v, at_s, middle_m, rng)
    elif case == "ambulance":
        body = ambulance.make(rng)
        made = cruise("car", through(x, heading), v * 1.3, at_s, middle_m, rng, body=body)
    elif case == "beside_lane":
        made = cruise(cls, through(_beside(street)[0], heading), v, at_s, middle_m, rng)
    elif case == "joins_lane":
        aside = sidestep(LANE_M, float(rng.uniform(16, 22)))
        first_m = abs((5.0 if street.away else 66.0) - from_m)
        made = cruise(
            cls, through(_beside(street)[0], heading, aside, first_m=first_m), v, at_s, middle_m, rng
        )
    elif case == "turns_across":
        made = _turns(street, heading, at_s, rng)
    else:
        made = cruise(cls, through(x, heading), v, at_s, middle_m, rng)
    return replace(made, role=case)


def _turns(street: Street, heading: float, at_s: float, rng: np.random.Generator) -> Actor:
    """Over the lane for buses right before a turn to the right, as everybody must."""
    road = street.crossroad
    assert road is not None  # this kind always has one
    along_m, radius = float(rng.uniform(12, 15)), 6.0
    end_y = road.y_m - 2.4 if street.away else road.y_m + 2.4
    way = 1 if street.away else -1
    turn_y = end_y - way * radius
    begin_y = turn_y - way * (along_m + 0.5)
    from_m = BEHIND_M if street.away else AHEAD_M
    pieces = (*sidestep(LANE_M, along_m), (0.5, 0.0), (radius * np.pi / 2, 90.0))
    first_m = abs(begin_y - from_m)
    path = Arcs(_beside(street)[0], from_m, heading, ((first_m, 0.0), *pieces))
    body = bodies.make("car", rng)
    return cruise("car", path, float(rng.uniform(6.0, 8.0)), at_s, first_m + along_m, rng, body=body)
