"""A junction with traffic lights, seen from behind those who wait at the stop line.

Drivers stop at red, run it, creep over the line or pass at the last amber; on some junctions the right lane
turns right and has a green arrow of its own.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from flows.domain.ruleset import RedLightRule, StopLineRule
from flows.scenes import bodies, poses, streetscape, traffic
from flows.scenes.assemble import ALL_LIGHTS, APPEAR_Y_M, assemble, stream
from flows.scenes.company import BESIDE
from flows.scenes.following import Driver
from flows.scenes.judges.lights import RedLightJudge, StopLineJudge
from flows.scenes.layout import Area, Layout
from flows.scenes.lights import Light, Programme, mast
from flows.scenes.motion import Arcs
from flows.scenes.options import Company, SceneOptions
from flows.scenes.plan import LANE_M, Crossroad, Street
from flows.scenes.scene import Scene
from flows.scenes.setting import Setting
from flows.scenes.signalled import simulate
from flows.scenes.stage import Stage, cases, cruise
from flows.scenes.traffic import Lane
from flows.scenes.world import Actor

CASES = ("runs_red", "stops", "creeps", "stops", "creeps", "late_amber", "runs_red")
OFFENCES, GOES_ON = ("runs_red", "creeps", "turns_on_red"), ("turns_on_arrow", "late_amber")
"""Cases in which a driver goes on over the line, at fault or not."""
ARROW_CASES = ("turns_on_arrow", "turns_on_red", "turns_on_arrow")
BEFORE_M = 3.4
"""From the stop line to the road across."""
ENTER_Y_M = -80.0
TURN_M = 7.0
"""Radius of a right turn."""
TURN_MPS = 6.0
AMBER_S = 3.0
APPROACH_KMH = (34.0, 54.0)
HEAD_M = 5.3
"""Height of the heads' middle, on an arm over the far side."""
SIDE_M = 70.0
"""Where the traffic across comes from."""


def build(seed: int, options: SceneOptions) -> Scene:
    """See the module."""
    plan = stream("plan", "junction", seed)
    away, stop_y = options.lanes or int(plan.integers(2, 4)), float(plan.uniform(25.0, 29.0))
    street = Street(
        away,
        int(plan.integers(1, 3)),
        pavement_m=float(plan.uniform(2.4, 4.0)),
        crossroad=Crossroad(stop_y + BEFORE_M + 6.0),
        stop_y_m=stop_y,
    )
    pose = options.pose or str(plan.choice(["gantry", "roadside", "high"]))
    camera = poses.camera(pose, street, stream("camera", "junction", seed), options)
    duration_s = options.duration_s or 40.0
    lights = _lights(street, options, plan)
    stage = Stage(duration_s, stream("plan", "junction", seed))
    for actor in _traffic(street, lights, options, duration_s, seed):
        stage.add(actor)
    if options.cross_traffic:
        _across(stage, street, lights[0].programme, duration_s, seed)
    setting = streetscape.furnish(street, camera, stream("setting", "junction", seed))
    _hang(setting, street, lights)
    return assemble(
        "junction",
        seed,
        options,
        street=street,
        camera=camera,
        setting=setting,
        groups=(stage.actors,),
        duration_s=duration_s,
        layout=_layout(street, lights),
        lights=ALL_LIGHTS,
    )


def _lights(street: Street, options: SceneOptions, plan: np.random.Generator) -> tuple[Light, ...]:
    """The head of all lanes, and on some junctions a green arrow beside it."""
    green_s, red_s = float(plan.uniform(8.0, 10.0)), float(plan.uniform(12.0, 15.0))
    first_red_s = float(plan.uniform(3.5, 6.0))
    both_s = 1.0 if plan.random() < 0.5 else 0.0
    steps = (("green", green_s), ("amber", AMBER_S), ("red", red_s), ("red_amber", both_s))
    begins_s = first_red_s - green_s - AMBER_S
    programme = Programme(tuple(step for step in steps if step[1] > 0), begins_s)  # type: ignore[misc]
    road = street.crossroad
    assert road is not None  # this kind always has one
    left, right = street.divide_m, street.drive_half_m
    place = ((left + right) / 2 + float(plan.uniform(-0.6, 0.6)), road.far_m + 2.2, HEAD_M)
    main = Light("main", "vertical", programme, place)
    arrow_s = float(plan.uniform(0.36, 0.46)) * red_s
    wants = set((options.case or "").split("+"))
    if plan.random() < 0.45 if options.case is None else wants & set(ARROW_CASES):
        dark_s = float(plan.uniform(4.6, 5.6))  # of the red, before the arrow comes on
        rest_s = green_s + AMBER_S + red_s + both_s - dark_s - arrow_s
        beside = Programme((("off", dark_s), ("green", arrow_s), ("off", rest_s)), first_red_s)
        x, y, z = place
        return main, Light("arrow", "arrow", beside, (x + 0.56, y, z - 0.36))
    return (main,)


def _hang(setting: Setting, street: Street, lights: tuple[Light, ...]) -> None:
    x, y, _ = lights[0].at_m
    foot = street.half_m + 0.9
    mast(setting.things, (foot, y + 0.3), HEAD_M + 1.0, x - foot - 0.4)
    for light in lights:
        light.build(setting.things)


def _layout(street: Street, lights: tuple[Light, ...]) -> Layout:
    road, stop_y = street.crossroad, street.stop_y_m
    assert road is not None and stop_y is not None  # noqa: PT018  this kind always has both
    left, right, half = street.divide_m, street.drive_half_m, street.half_m
    has_arrow = len(lights) > 1
    through = right - (LANE_M if has_arrow else 0.0)
    areas = {"junction": Area((-half - 1.0, half + 3.0), (road.near_m, road.far_m))}
    # Lanes with an arrow have another stop line: there a front over it under red may be right.
    lines = {"stop": ((left, stop_y), (through, stop_y))}
    red = RedLightRule(stop_line="stop", junction="junction", signal="main")
    if has_arrow:
        areas["east"] = Area((half + 3.0, half + 9.0), (road.near_m, road.y_m + 0.5))
        lines["stop_all"] = ((left, stop_y), (right, stop_y))
        red = RedLightRule(
            stop_line="stop_all", junction="junction", signal="main", arrow="arrow", arrow_exit="east"
        )
    return Layout(
        areas=areas,
        lines=lines,
        lights=lights,
        judges=(
            StopLineJudge(
                StopLineRule(stop_line="stop", signal="main"), alike=("stops", "late_amber", BESIDE)
            ),
            RedLightJudge(red, alike=("stops", "late_amber", "creeps", "turns_on_arrow", BESIDE)),
        ),
    )


def _traffic(
    street: Street, lights: tuple[Light, ...], options: SceneOptions, duration_s: float, seed: int
) -> list[Actor]:
    rng = stream("traffic", "junction", seed)
    lanes = [
        Lane(x, heading, *((ENTER_Y_M, APPEAR_Y_M) if heading == 0 else (APPEAR_Y_M, ENTER_Y_M)))
        for x, heading in street.lanes_m
    ]
    drivers = []
    for lane in lanes:
        drivers += _lane(
            lane, lane == lanes[-1] and len(lights) > 1, street, lights, options, duration_s, rng
        )
    if options.company is not None:
        drivers = _in_company(drivers, street, lights, options.company, duration_s, seed)

    def free(driver: Driver, t_s: float) -> bool:
        arrow = lights[1].programme.at(t_s)[0] if len(lights) > 1 else "off"
        return driver.role.startswith("turns") and arrow == "green"

    lines = {lane: _line_m(lane, street) for lane in lanes}
    simulate(drivers, lines, lights[0].programme, free, duration_s)
    return [_actor(driver) for driver in drivers if driver.rows]


def _actor(driver: Driver) -> Actor:
    path = driver.path or driver.lane.path
    return Actor(0, driver.body, path, driver.motion(), driver.rows[0][0], driver.until_s, role=driver.role)


def _line_m(lane: Lane, street: Street) -> float:
    road, stop_y = street.crossroad, street.stop_y_m
    assert road is not None and stop_y is not None  # noqa: PT018  this kind always has both
    return lane.way_to(stop_y if lane.heading_deg == 0 else road.far_m + BEFORE_M)


def _lane(
    lane: Lane,
    turns: bool,
    street: Street,
    lights: tuple[Light, ...],
    options: SceneOptions,
    duration_s: float,
    rng: np.random.Generator,
) -> list[Driver]:
    """Everyone who comes along a lane: one case at each red, and whoever comes at green."""
    line_m, made = _line_m(lane, street), []
    reds = lights[0].programme.spells("red", duration_s)
    known = ARROW_CASES if turns else CASES if lane.heading_deg == 0 else ("",)
    case = options.case if lane.heading_deg == 0 else None
    for (red_s, green_s), name in zip(reds, cases(case, known, rng, len(reds)), strict=False):
        made += _red(name, lane, line_m, red_s, green_s, lights, rng)
        for at_s in np.arange(green_s + 6.0, green_s + 8.0, 2.5):
            made.append(_driver("", lane, line_m, float(at_s) + float(rng.uniform(0, 1)), rng))
    if reds:
        made.append(_driver("", lane, line_m, reds[0][0] - AMBER_S - float(rng.uniform(1.0, 3.0)), rng))
    return [_turning(driver, street) if turns else driver for driver in made]


def _red(
    case: str,
    lane: Lane,
    line_m: float,
    red_s: float,
    green_s: float,
    lights: tuple[Light, ...],
    rng: np.random.Generator,
) -> list[Driver]:
    """Who reaches the line under one red, in order."""
    span = green_s - red_s
    first_s = red_s + float(rng.uniform(1.6, 0.5 * span))
    after = [first_s + 2.8 * (k + 1) + float(rng.uniform(0, 1)) for k in range(int(rng.integers(0, 3)))]
    if case == "runs_red":
        first = _driver(case, lane, line_m, first_s, rng)
        first.obeys = False
        after = [t + 1.5 for t in after]
    elif case == "late_amber":
        first = _driver(case, lane, line_m, red_s - AMBER_S + float(rng.uniform(0.5, 1.2)), rng)
    elif case == "creeps":
        first = _driver(case, lane, line_m, first_s - 1.0, rng)
        first.past_m = float(rng.uniform(1.8, 3.7))
    elif case == "turns_on_red":
        first = _driver(case, lane, line_m, red_s + float(rng.uniform(0.8, 1.8)), rng)
        first.obeys = False
    elif case == "turns_on_arrow":
        on_s = next((a for a, b in lights[1].programme.spells("green", green_s) if a > red_s), green_s)
        first = _driver(case, lane, line_m, on_s + float(rng.uniform(-2.0, 2.0)), rng)
        after = [first_s + 3.0 for first_s in (on_s + 2.0,)]
    else:
        first = _driver(case, lane, line_m, first_s, rng)
    follow = {"": "", "turns_on_red": "turns_on_arrow", "turns_on_arrow": "turns_on_arrow"}.get(case, "stops")
    return [first, *(_driver(follow, lane, line_m, t, rng) for t in after if t < green_s - 1.0)]


def _in_company(
    drivers: list[Driver],
    street: Street,
    lights: tuple[Light, ...],
    company: Company,
    duration_s: float,
    seed: int,
) -> list[Driver]:
    """The same drivers, but at each red the lanes beside one who offends have one who reaches the line with it.

    Whoever would have come to the line of such a lane during the red before that one does not come at all.
    """
    rng = stream("company", "junction", seed)
    for red_s, green_s in lights[0].programme.spells("red", duration_s):
        span = red_s - AMBER_S, green_s
        there = [d for d in drivers if span[0] <= _at_line_s(d, street) < span[1]]
        acting = [d for d in there if d.role in OFFENCES] or [d for d in there if d.role in GOES_ON]
        if not acting:
            continue
        first = acting[int(rng.integers(len(acting)))]
        at_s = _at_line_s(first, street)
        for x, heading in street.lanes_m:
            if heading != 0 or abs(abs(x - first.lane.x_m) - LANE_M) > 0.1:
                continue
            own = [d for d in drivers if d.lane.x_m == x]
            if not own or any(d.role.startswith("turns") for d in own):
                continue  # who turns does not drive beside anybody
            early = {id(d) for d in own if span[0] - 2.0 <= _at_line_s(d, street) < at_s + 2.5}
            drivers = [d for d in drivers if id(d) not in early]
            drivers.append(_level_with(first, own[0].lane, street, company, rng))
    return drivers


def _level_with(
    first: Driver, lane: Lane, street: Street, company: Company, rng: np.random.Generator
) -> Driver:
    """Who comes to the line of a lane just as another does in theirs, and obeys the light."""
    line_m = _line_m(lane, street)
    body = bodies.make("car" if company == "abreast" else "truck", rng)
    enters_s = _at_line_s(first, street) - (line_m - body.length_m / 2) / first.free_mps
    past_m = float(rng.uniform(-1.4, -0.3))
    return Driver(lane, body, first.free_mps, enters_s, role=BESIDE, past_m=past_m)


def _at_line_s(driver: Driver, street: Street) -> float:
    """When a driver's front would be at the line, driving freely."""
    return driver.enters_s + (_line_m(driver.lane, street) - driver.body.length_m / 2) / driver.free_mps


def _driver(role: str, lane: Lane, line_m: float, at_s: float, rng: np.random.Generator) -> Driver:
    """Somebody whose front would be at the line at ``at_s``, driving freely."""
    cls = str(rng.choice(list(traffic.CLASSES), p=list(traffic.CLASSES.values())))
    if role in ("runs_red", "creeps") or role.startswith("turns"):
        cls = str(rng.choice(["car", "motorcycle", "truck"], p=[0.82, 0.1, 0.08]))
    body, v = bodies.make(cls, rng), float(rng.uniform(*APPROACH_KMH)) / 3.6
    enters_s = at_s - (line_m - body.length_m / 2) / v
    return Driver(lane, body, v, enters_s, role=role, past_m=float(rng.uniform(-1.4, -0.1)))


def _turning(driver: Driver, street: Street) -> Driver:
    """The same driver, turning right behind the line."""
    road = street.crossroad
    assert road is not None  # this kind always has one
    turn_y = road.y_m - 3.0 - TURN_M
    first_m = turn_y - ENTER_Y_M
    path = Arcs(driver.lane.x_m, ENTER_Y_M, 0.0, ((first_m, 0.0), (TURN_M * np.pi / 2, 90.0)))
    driver.path = path
    driver.slows, driver.leaves_m = (first_m, TURN_MPS), first_m + TURN_M * np.pi / 2
    if not driver.role:
        driver.role = "turns"
    return driver


def _across(stage: Stage, street: Street, programme: Programme, duration_s: float, seed: int) -> None:
    """Those who have green while the others have red."""
    rng = stream("people", "junction", seed)
    road = street.crossroad
    assert road is not None  # this kind always has one
    for red_s, green_s in programme.spells("red", duration_s):
        for at_s in np.arange(red_s + 2.5, green_s - 2.5, 2.2):
            if rng.random() < 0.25:
                continue
            heading = float(rng.choice([90.0, 270.0]))
            y = road.y_m + (-3.0 if heading == 90.0 else 3.0)
            path = Arcs(-SIDE_M if heading == 90.0 else SIDE_M, y, heading, ())
            v = float(rng.uniform(8.0, 12.0))
            cls = str(rng.choice(list(traffic.CLASSES), p=list(traffic.CLASSES.values())))
            actor = cruise(cls, path, v, float(at_s), SIDE_M, rng, gone_m=2 * SIDE_M)
            stage.add(replace(actor, role="across"))
