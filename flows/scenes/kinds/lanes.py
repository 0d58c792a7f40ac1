"""Two-way roads: drivers against their lane, over the solid line, round where they may not turn, and others.

On every second road another one crosses (turns there); on the rest the solid line goes on (overtaking there).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from flows.domain.ruleset import ProhibitedTurnRule, SolidLineRule, WrongWayRule
from flows.scenes import company, people, poses, streetscape, traffic
from flows.scenes.assemble import ALL_LIGHTS, assemble, stream
from flows.scenes.camera import PinholeCamera
from flows.scenes.judges.lanes import SolidLineJudge, TurnJudge, WrongWayJudge
from flows.scenes.layout import Area, Layout
from flows.scenes.motion import Arcs, Piece, sidestep
from flows.scenes.options import SceneOptions
from flows.scenes.plan import LANE_M, Crossroad, Street
from flows.scenes.scene import Scene
from flows.scenes.stage import AHEAD_M, BEHIND_M, Stage, cases, cruise, fill, through
from flows.scenes.world import Actor

OPEN_CASES = ("wrong_way", "keeps_lane", "overtakes_over_line", "overtakes_in_lane", "u_turn", "swerves")
TURN_CASES = ("left_turn", "right_turn", "u_turn", "from_opposite", "left_turn", "straight_on")
SECONDS_A_CASE = 4.2
SIGHT_Y_M = (12.0, 56.0)
"""Of zones and lines on open roads."""
CROSS_Y_M = 33.0
TIGHT_M = 5.2
"""Smallest radius in which cars turn round."""
CALM_KMH = (28.0, 52.0)


def build(seed: int, options: SceneOptions) -> Scene:
    """See the module."""
    plan = stream("plan", "lanes", seed)
    crossed = _crossed(options, plan)
    each = options.lanes or (2 if plan.random() < 0.75 else 1)
    street = Street(
        max(each, 2) if crossed else each,
        max(each, 2) if crossed else each,
        pavement_m=float(plan.uniform(2.2, 4.0)),
        crossroad=Crossroad(CROSS_Y_M) if crossed else None,
    )
    pose = options.pose or str(plan.choice(["gantry", "roadside", "high"]))
    camera = poses.camera(pose, street, stream("camera", "lanes", seed), options)
    duration_s = options.duration_s or 26.0
    stage = Stage(duration_s, stream("plan", "lanes", seed))
    _act(stage, street, camera, options, duration_s, seed)
    folk = stream("people", "lanes", seed)
    walkers = [] if crossed else people.walkers(street, int(folk.integers(0, 5)), folk)
    return assemble(
        "lanes",
        seed,
        options,
        street=street,
        camera=camera,
        setting=streetscape.furnish(street, camera, stream("setting", "lanes", seed)),
        groups=(stage.actors, walkers),
        duration_s=duration_s,
        layout=_layout(street),
        lights=ALL_LIGHTS,
    )


def _crossed(options: SceneOptions, plan: np.random.Generator) -> bool:
    drawn = bool(plan.random() < 0.5)
    wanted = set((options.case or "").split("+")) - {""}
    if wanted & {"left_turn", "right_turn", "from_opposite", "straight_on"}:
        return True
    if wanted & {"overtakes_over_line", "overtakes_in_lane", "swerves", "keeps_lane"}:
        return False
    return drawn


def _layout(street: Street) -> Layout:
    divide, edge = street.divide_m, street.drive_half_m
    road = street.crossroad
    low, high = SIGHT_Y_M if road is None else (SIGHT_Y_M[0], road.near_m - 0.5)
    # Before a junction turning vehicles are still in view; on an open road they turn anywhere.
    near = (low, high - 2.0) if road is not None else (12.0, 22.0)
    areas = {
        "oncoming": Area((-edge, divide), (low, high), 180.0),
        "south": Area((divide, edge), near),
        "back": Area((-edge, divide), near),
    }
    turns = [ProhibitedTurnRule(enters="south", leaves="back")]
    if road is not None:
        areas["west"] = Area((-edge - 9.0, -edge - 0.8), (road.y_m, road.far_m))
        turns.append(ProhibitedTurnRule(enters="south", leaves="west"))
    lines = {"divide": ((divide, low), (divide, high))}
    legal = (
        *("overtakes_in_lane", "swerves", "keeps_lane", "right_turn", "straight_on", "from_opposite"),
        company.BESIDE,
    )
    return Layout(
        areas=areas,
        lines=lines,
        judges=(
            WrongWayJudge(WrongWayRule(lane="oncoming"), alike=(*legal, "u_turn", "left_turn")),
            SolidLineJudge(SolidLineRule(line="divide"), alike=(*legal, "left_turn")),
            *(TurnJudge(rule, alike=(*legal, "overtakes_over_line", "wrong_way")) for rule in turns),
        ),
    )


def _act(
    stage: Stage, street: Street, camera: PinholeCamera, options: SceneOptions, duration_s: float, seed: int
) -> None:
    rng, own = stream("traffic", "lanes", seed), stream("company", "lanes", seed)
    known: tuple[str, ...] = OPEN_CASES if street.crossroad is None else TURN_CASES
    if min(street.away, street.towards) < 2:  # too narrow to turn round, and no second lane to overtake in
        known = tuple(case for case in known if case not in ("u_turn", "overtakes_in_lane"))
    count = max(1, round(duration_s / SECONDS_A_CASE))
    for k, case in enumerate(cases(options.case, known, rng, count)):
        for attempt in range(8):
            slot = (k + 0.5 + float(rng.uniform(-0.3, 0.3)) * (1 + attempt)) / count
            actor = _case(case, street, float(np.clip(slot, 0.04, 0.96)) * duration_s, rng)
            if stage.add(actor):
                if options.company is not None:
                    company.join(stage, actor, street, camera, options.company, own)
                break
    wanted = options.n_vehicles if options.n_vehicles is not None else round(duration_s * 0.35)
    fill(
        stage,
        street,
        rng,
        count=wanted,
        duration_s=duration_s,
        speeds_kmh=(35.0, 60.0),
        mix=traffic.CLASSES,
    )


def _case(case: str, street: Street, at_s: float, rng: np.random.Generator) -> Actor:
    """Somebody who does ``case`` in the middle of the picture at ``at_s``."""
    made: Actor = _CASES[case](street, at_s, float(rng.uniform(*CALM_KMH)) / 3.6, rng)
    return replace(made, role=case)


def _outer(street: Street) -> float:
    return street.lanes_m[-1][0]


def _inner(street: Street) -> float:
    return street.lanes_m[street.towards][0]


def _cls(rng: np.random.Generator) -> str:
    return str(rng.choice(["car", "truck", "motorcycle"], p=[0.8, 0.1, 0.1]))


def _wrong_way(street: Street, at_s: float, v: float, rng: np.random.Generator) -> Actor:
    x = street.lanes_m[int(rng.integers(street.towards))][0]
    return cruise(_cls(rng), through(x, 0.0), v, at_s, 24.0 - BEHIND_M, rng)


def _keeps_lane(street: Street, at_s: float, v: float, rng: np.random.Generator) -> Actor:
    x = _inner(street) - float(rng.uniform(0.1, 0.35))
    return cruise(_cls(rng), through(x, 0.0), v * 1.2, at_s, 24.0 - BEHIND_M, rng)


def _overtakes(street: Street, at_s: float, v: float, rng: np.random.Generator, x: float, by: float) -> Actor:
    """Out, past, and back in again."""
    out_m, past_m = float(rng.uniform(15, 20)), float(rng.uniform(9, 15))
    middle = 39.0 + float(rng.uniform(-2, 2)) - BEHIND_M
    pieces = (*sidestep(by, out_m), (past_m, 0.0), *sidestep(-by, out_m))
    path = through(x, 0.0, pieces, first_m=middle - out_m - past_m / 2)
    return cruise(_cls(rng), path, v, at_s, middle, rng)


def _over_line(street: Street, at_s: float, v: float, rng: np.random.Generator) -> Actor:
    return _overtakes(street, at_s, v, rng, _inner(street), -LANE_M)


def _in_lane(street: Street, at_s: float, v: float, rng: np.random.Generator) -> Actor:
    by = LANE_M if rng.random() < 0.5 else -LANE_M
    return _overtakes(street, at_s, v, rng, _inner(street) if by > 0 else _outer(street), by)


def _swerves(street: Street, at_s: float, v: float, rng: np.random.Generator) -> Actor:
    """Round something, so that a wheel touches the line."""
    by = -float(rng.uniform(0.7, 1.05))
    middle = 26.0 - BEHIND_M
    pieces = (*sidestep(by, 11.0), (2.0, 0.0), *sidestep(-by, 11.0))
    path = through(_inner(street), 0.0, pieces, first_m=middle - 12.0)
    return cruise("car", path, v, at_s, middle, rng)


def _u_turn(street: Street, at_s: float, v: float, rng: np.random.Generator) -> Actor:
    right, left = _outer(street), street.lanes_m[0][0]
    radius = max(TIGHT_M, (right - left) / 2)
    y = CROSS_Y_M - 2.0 if street.crossroad is not None else 30.0 + float(rng.uniform(-1, 3))
    turn: Piece = (float(np.pi * radius), -180.0)
    path = through(right, 0.0, (turn,), first_m=y - BEHIND_M)
    return _turning(path, at_s, y - BEHIND_M + float(np.pi * radius / 2), 4.6, rng)


def _left_turn(street: Street, at_s: float, v: float, rng: np.random.Generator) -> Actor:
    radius = float(rng.uniform(8.0, 9.5))
    y = CROSS_Y_M + 2.6 - radius
    path = through(_inner(street), 0.0, ((radius * np.pi / 2, -90.0),), first_m=y - BEHIND_M)
    return _turning(path, at_s, y - BEHIND_M + radius, 6.5, rng)


def _right_turn(street: Street, at_s: float, v: float, rng: np.random.Generator) -> Actor:
    radius = 6.5
    y = CROSS_Y_M - 2.6 - radius
    path = through(_outer(street), 0.0, ((radius * np.pi / 2, 90.0),), first_m=y - BEHIND_M)
    return _turning(path, at_s, y - BEHIND_M + radius, 5.5, rng)


def _from_opposite(street: Street, at_s: float, v: float, rng: np.random.Generator) -> Actor:
    """Comes towards the camera and turns right into the road that others must not turn into."""
    radius = 6.5
    y = CROSS_Y_M + 2.6 + radius
    path = through(street.lanes_m[0][0], 180.0, ((radius * np.pi / 2, 90.0),), first_m=AHEAD_M - y)
    return _turning(path, at_s, AHEAD_M - y + radius, 5.5, rng)


def _straight_on(street: Street, at_s: float, v: float, rng: np.random.Generator) -> Actor:
    x = _inner(street) if rng.random() < 0.5 else _outer(street)
    return cruise(_cls(rng), through(x, 0.0), v, at_s, CROSS_Y_M - BEHIND_M, rng)


def _turning(path: Arcs, at_s: float, at_m: float, slow_mps: float, rng: np.random.Generator) -> Actor:
    """A turn is driven slowly from well before it until well after it."""
    return cruise("car", path, slow_mps, at_s, at_m, rng, gone_m=path.length_m + 120.0)


_CASES = {
    "wrong_way": _wrong_way,
    "keeps_lane": _keeps_lane,
    "overtakes_over_line": _over_line,
    "overtakes_in_lane": _in_lane,
    "u_turn": _u_turn,
    "left_turn": _left_turn,
    "right_turn": _right_turn,
    "from_opposite": _from_opposite,
    "straight_on": _straight_on,
    "swerves": _swerves,
}
