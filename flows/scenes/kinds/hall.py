"""A station hall: people walk, stand and sit; bags are put down, watched, left, and taken again.

The same seed gives the same hall and the same people for every pose, so that several cameras see one hall. What
happens is scripted by ``case``; without one, some bag is left and another is watched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.domain.errors import FieldError
from flows.domain.ruleset import AbandonedObjectRule
from flows.scenes import bodies, indoors
from flows.scenes.assemble import stream
from flows.scenes.bodies import face, luggage, pedestrian
from flows.scenes.camera import PinholeCamera
from flows.scenes.indoors import DOOR_M, SCREEN_Z_M, Hall
from flows.scenes.judges.objects import ObjectJudge
from flows.scenes.layout import Area, Layout
from flows.scenes.lighting import Lighting
from flows.scenes.motion import Motion, Straight
from flows.scenes.options import SceneOptions
from flows.scenes.scene import Scene
from flows.scenes.scripts import Hold, Luggage, Walk, actor, carried
from flows.scenes.survey import survey
from flows.scenes.traffic import renumbered
from flows.scenes.world import Actor, World

Array = NDArray[np.float64]

LEFT: Final = ("left", "left_taken", "left_reclaimed", "left_in_view")
"""Things that are abandoned."""
WATCHED: Final = ("waits_beside", "sits_beside", "short_trip", "comes_back")
"""Things that look like it: somebody stands or sits by them, walks to and fro, or soon comes back."""
ALIKE: Final = ("stands_still", "sits", "door", "screen", "car", "from_start", "taken_from_start")
"""What newly stands still (or is gone) and is no thing that somebody left."""
LIGHTS: Final = ("daylight", "lamps")
"""Nothing but light that changes."""
SEARCHED: Final = ("searched",)
"""Somebody with a known face (option ``face``) walks through; the poses ``way_1`` to ``way_4`` look at them."""
CASES: Final = (*LEFT, *WATCHED, *ALIKE, *LIGHTS, *SEARCHED)
DURATION_S: Final = 60.0
RULE: Final = AbandonedObjectRule(
    distance_m=3.0, away_s=12.0, gone_s=6.0, escalate_s=20.0, except_zones=("bay",)
)
HOLDS: Final = {
    "suitcase": Hold(0.42, -0.25, 0.0),  # rolls behind
    "backpack": Hold(0.0, -0.28, 1.0),
    "handbag": Hold(0.36, 0.05, 0.35),
    "box": Hold(0.0, 0.42, 0.9),
}
"""How a thing is carried; a rucksack on the back comes down beside its owner as well."""
POSES: Final = ("near_left", "near_right", "far_left", "far_right", "gate")
WAYS: Final = ("way_1", "way_2", "way_3", "way_4")
"""At a door's height ahead of who is searched for, along their way; needs the case ``searched``."""
FREE_M: Final = 0.75
"""People keep so far from pillars, benches and things on the floor."""
TRIES: Final = 60


def build(seed: int, options: SceneOptions) -> Scene:
    """See the module."""
    hall = indoors.plan(stream("plan", "hall", seed))
    duration_s = options.duration_s or DURATION_S
    stage = _Stage(hall, duration_s, stream("traffic", "hall", seed), face=options.face)
    cases = _cases(options.case, stage.rng)
    for case in cases:
        SCRIPTS[case](stage, case)
    _scenery(stage, cases, stream("look", "hall", seed))
    wanted = options.n_pedestrians
    folk = stream("people", "hall", seed)
    _passers(stage, wanted if wanted is not None else int(folk.integers(4, 11)), folk)
    setting, floor = indoors.furnish(hall, stream("setting", "hall", seed))
    light = stream("light", "hall", seed)
    if options.pose in WAYS:
        camera = _on_the_way(stage, options)
    else:
        camera = _camera(options.pose, hall, stream("camera", "hall", seed), options)
    half = hall.half_m
    return Scene(
        name="hall",
        seed=seed,
        options=options,
        duration_s=duration_s,
        camera=camera,
        look=indoors.look(light),
        setting=setting,
        world=World(renumbered((stage.actors,))),
        calibration=survey(
            camera, half, options.started_at.date(), f"scene-hall-{seed}", stream("survey", "hall", seed),
            (0.0, hall.length_m),
        ),
        half_m=half,
        layout=Layout(
            areas={"bay": Area((hall.bay[0] - 0.4, hall.bay[1] + 0.4), (hall.bay[2] - 0.6, hall.bay[3] + 0.6))},
            judges=(ObjectJudge(RULE, alike=(*WATCHED, *ALIKE)),),
        ),
        lighting=_lighting(cases, duration_s, indoors.daylight(hall, light, floor), light),
    )  # fmt: skip


def _cases(case: str | None, rng: np.random.Generator) -> list[str]:
    if case is None:
        return [str(rng.choice(LEFT)), str(rng.choice(WATCHED))]
    wanted = [name for name in case.split("+") if name and name != "none"]
    for name in wanted:
        if name not in CASES:
            raise FieldError("case", f"none or some of {', '.join(CASES)} joined by +", name)
    return wanted


def _camera(pose: str | None, hall: Hall, rng: np.random.Generator, options: SceneOptions) -> PinholeCamera:
    """High up in a corner; ``gate`` looks people who come in through the near passage in the face."""
    jitter = {name: rng.uniform(-1, 1, 6) for name in POSES}
    pose = pose or str(rng.choice(POSES[:4]))
    if pose not in POSES:
        raise FieldError("pose", f"one of {', '.join((*POSES, *WAYS))}", pose)
    a, half, length = jitter[pose], hall.half_m, hall.length_m
    if pose == "gate":
        place = (hall.entry_x_m[0] + 0.5 * float(a[0]), 9.5 + float(a[1]), 2.4 + 0.15 * float(a[2]))
        target, hfov = (hall.entry_x_m[0], 0.0, 1.15), 44.0
    else:
        side, far = (-1 if "left" in pose else 1), pose.startswith("far")
        place = (
            side * (half - 0.7 - 0.3 * float(a[0])),
            length - 0.9 if far else 0.9,
            min(hall.height_m - 0.6, 3.9 + 0.5 * float(a[2])),
        )
        target = (
            -side * 0.12 * half + 0.8 * float(a[3]),
            length * (0.56 if far else 0.44) + 1.5 * float(a[4]),
            0.3,
        )
        hfov = 66.0 + 5.0 * float(a[5])
    return PinholeCamera.looking(
        place, target, width_px=options.width_px, height_px=options.height_px, hfov_deg=hfov
    )


@dataclass(eq=False)
class _Stage:
    """What happens in a hall, collected."""

    hall: Hall
    duration_s: float
    rng: np.random.Generator
    actors: list[Actor] = field(default_factory=list)
    spots: list[tuple[float, float]] = field(default_factory=list)
    """Places that are taken: of things, of people who stand."""
    way: Array | None = None
    """The script of who is searched for."""
    face: Path | None = None

    def u(self, low: float, high: float) -> float:
        """A random number."""
        return float(self.rng.uniform(low, high))

    def spot(self, apart_m: float = 3.2) -> tuple[float, float]:
        """A free place on the floor, well away from the others."""
        hall = self.hall
        best, room = (0.0, hall.length_m / 2), -1.0
        for _ in range(TRIES):
            x, y = self.u(-0.75, 0.75) * hall.half_m, self.u(0.24, 0.76) * hall.length_m
            free = min([*(np.hypot(x - a, y - b) for a, b in self.spots), 9.0])
            if _clear_m(hall, np.array([[x, y]])) > 1.3 and free > room:
                best, room = (x, y), float(free)
            if room >= apart_m:
                break
        self.spots.append(best)
        return best

    def way_in(self) -> tuple[float, float]:
        """Where somebody comes from or goes to: out of sight behind a passage."""
        far = self.rng.random() < 0.5
        x = self.hall.entry_x_m[1 if far else 0] + self.u(-1.0, 1.0)
        return x, self.hall.length_m + 2.5 if far else -2.5

    def route(self, walk: Walk, to: tuple[float, float], rng: np.random.Generator | None = None) -> bool:
        """They walk there, round what stands in the way; False if no free way was found."""
        rng = rng or self.rng
        here, goal, hall = np.array(walk.here_m), np.array(to), self.hall
        for _ in range(TRIES):
            stops = [here, goal]
            if not self._free(stops):
                middle = np.array(
                    [rng.uniform(-0.8, 0.8) * hall.half_m, rng.uniform(0.08, 0.92) * hall.length_m]
                )
                stops = [here, middle, goal]
                if not self._free(stops):
                    second = middle + rng.uniform(-3, 3, 2)
                    stops = [here, middle, second, goal]
            if self._free(stops):
                for x, y in stops[1:]:
                    walk.to(float(x), float(y))
                return True
        return False

    def _free(self, stops: list[Array]) -> bool:
        points = np.concatenate([np.linspace(a, b, 40) for a, b in pairwise(stops)])
        points = points[np.hypot(*(points - stops[0]).T) > FREE_M]
        points = points[np.hypot(*(points - stops[-1]).T) > FREE_M] if len(points) else points
        if not len(points):
            return True
        gaps = [np.hypot(*(points - np.array(spot)).T).min() for spot in self.spots]
        return _clear_m(self.hall, points) > 0.35 and min([*gaps, 9.0]) > FREE_M


def _clear_m(hall: Hall, points: Array) -> float:
    """How near points ``(N, 2)`` come to a wall, pillar or bench, metres; the passages are open."""
    gaps = [np.hypot(*(points - np.array(p)).T).min() - indoors.PILLAR_M / 2 for p in hall.pillars]
    for x, y, _ in hall.benches:
        away = np.maximum(np.abs(points - (x, y)) - (indoors.BENCH_M[1] / 2, indoors.BENCH_M[0] / 2), 0.0)
        gaps.append(np.hypot(*away.T).min())
    inside = (points[:, 1] > 0) & (points[:, 1] < hall.length_m)
    gaps.append((hall.half_m - np.abs(points[:, 0])).min())
    for edge, middle in ((0.0, hall.entry_x_m[0]), (hall.length_m, hall.entry_x_m[1])):
        crossing = np.abs(points[:, 1] - edge) < 0.8
        if crossing.any():
            gaps.append((indoors.PASSAGE_M / 2 - np.abs(points[crossing, 0] - middle)).min())
    left, right, near, far = hall.bay
    if inside.any():
        away = np.maximum(
            np.abs(points - ((left + right) / 2, (near + far) / 2)) - ((right - left) / 2, (far - near) / 2),
            0,
        )
        gaps.append(np.hypot(*away.T).min() + 0.3)
    return float(min(gaps))


def _bring(stage: _Stage, case: str, kind: str) -> tuple[Walk, float, tuple[float, float]]:
    """Somebody comes in with a thing and puts it down: their script so far, when, and where they stand."""
    x, y = stage.spot()
    walk = Walk(*stage.way_in(), stage.u(0.0, 5.0), stage.u(1.2, 1.6))
    if not stage.route(walk, (x + 0.45, y)):
        walk = Walk(x + 4.0, y, stage.u(0.0, 3.0), 1.3).to(x + 0.45, y)
    walk.stand(stage.u(0.5, 1.2), stage.u(0, 360))
    put_s = walk.now_s
    walk.stand(stage.u(1.6, 3.5))
    _step_back(walk, HOLDS[kind])
    return walk, put_s, (x, y)


def _step_back(walk: Walk, hold: Hold) -> None:
    """Half a pace away from what was put down, so that nobody walks through it."""
    turn = np.radians(walk.heading_deg)
    right, ahead = np.array([np.cos(turn), -np.sin(turn)]), np.array([np.sin(turn), np.cos(turn)])
    aside = hold.right_m * right + hold.ahead_m * ahead
    x, y = np.array(walk.here_m) - 0.5 * aside / max(float(np.hypot(*aside)), 0.1)
    walk.to(float(x), float(y))


def _thing(
    stage: _Stage, case: str, kind: str, owner: Array, put_s: float, taker: Array | None = None,
    take_s: float | None = None, outcome: str = "",
) -> None:  # fmt: skip
    """A thing, and whoever it belongs to."""
    body = luggage.make(kind, stage.rng)
    name = f"owner{len(stage.actors)}"
    rows = carried(owner, HOLDS[kind], put_s, taker, take_s)
    stage.actors.append(actor(bodies.make("person", stage.rng), owner, name))
    still = actor(body, rows, case)
    stage.actors.append(
        Luggage(
            0, body, still.path, still.motion, still.from_s, min(still.until_s, 1e5), role=case, rows=rows,
            owner=name, placed_s=put_s, taken_s=take_s, outcome=outcome,
        )
    )  # fmt: skip


def _kind(stage: _Stage) -> str:
    return str(stage.rng.choice(luggage.KINDS))


def _left(stage: _Stage, case: str) -> None:
    """Its owner walks away and does not look back; it may be taken by another, or by the owner come back."""
    kind = _kind(stage)
    walk, put_s, spot = _bring(stage, case, kind)
    out = stage.way_in()
    if not stage.route(walk, out):
        walk.to(*out)
    if case == "left_reclaimed":
        owner_left_s = walk.now_s
        walk.stand(max(4.0, put_s + 26.0 - owner_left_s))
        if not stage.route(walk, (spot[0] + 0.45, spot[1])):
            walk.to(spot[0] + 0.45, spot[1])
        walk.stand(1.0)
        take_s = walk.now_s
        walk.stand(1.0)
        stage.route(walk, stage.way_in()) or walk.to(*stage.way_in())
        rows = walk.rows()
        _thing(stage, case, kind, rows, put_s, rows, take_s, "reclaimed")
        return
    rows = walk.rows()
    if case == "left_taken":
        other = Walk(*stage.way_in(), max(put_s + 22.0, walk.now_s - 2.0), 1.4)
        stage.route(other, (spot[0] + 0.45, spot[1])) or other.to(spot[0] + 0.45, spot[1])
        other.stand(1.0)
        take_s = other.now_s
        other.stand(1.0)
        stage.route(other, stage.way_in()) or other.to(*stage.way_in())
        taker = other.rows()
        _thing(stage, case, kind, rows, put_s, taker, take_s, "removed")
        stage.actors.append(actor(bodies.make("person", stage.rng), taker, "taker"))
        return
    _thing(stage, case, kind, rows, put_s)


def _left_in_view(stage: _Stage, case: str) -> None:
    """Its owner stands in the hall, but far off, and does not come back."""
    kind = _kind(stage)
    walk, put_s, (x, y) = _bring(stage, case, kind)
    there = max((stage.spot(6.5) for _ in range(3)), key=lambda p: float(np.hypot(p[0] - x, p[1] - y)))
    stage.route(walk, there) or walk.to(*there)
    walk.stand(max(1.0, stage.duration_s - walk.now_s), stage.u(0, 360))
    _thing(stage, case, kind, walk.rows(), put_s)


def _watched(stage: _Stage, case: str) -> None:
    """Its owner stays by it, or is soon back."""
    kind = _kind(stage)
    walk, put_s, (x, y) = _bring(stage, case, kind)
    if case == "short_trip":
        while walk.now_s < stage.duration_s - 8:
            turn = stage.u(0, 2 * np.pi)
            to = x + 1.7 * float(np.cos(turn)), y + 1.7 * float(np.sin(turn))
            if _clear_m(stage.hall, np.array([to])) > 0.4:
                walk.to(*to)
            walk.stand(stage.u(2, 4), stage.u(0, 360)).to(x + 0.45, y).stand(stage.u(1, 3))
    elif case == "comes_back":
        turn = stage.u(0, 2 * np.pi)
        to = x + 4.4 * float(np.cos(turn)), y + 4.4 * float(np.sin(turn))
        to = to if _clear_m(stage.hall, np.array([to])) > 0.5 else (x * 0.6, y + (4.2 if y < 12 else -4.2))
        walk.to(*to).stand(1.0, stage.u(0, 360)).to(x + 0.45, y)
    walk.stand(max(1.0, stage.duration_s - walk.now_s), stage.u(0, 360))
    _thing(stage, case, kind, walk.rows(), put_s)


def _sits_beside(stage: _Stage, case: str) -> None:
    """Somebody on a bench with a thing before them that they have just put down."""
    x, y, heading = stage.hall.benches[int(stage.rng.integers(len(stage.hall.benches)))]
    inward = float(np.sign(np.sin(np.radians(heading))))
    place = x + inward * 1.0, y + 0.6
    stage.spots.append(place)
    start = stage.u(0, 4)
    sitter = Walk(x + inward * 0.06, y, -1.0, heading_deg=heading).stand(stage.duration_s + 2, sway_m=0.0)
    kind = str(stage.rng.choice(["suitcase", "handbag", "backpack"]))
    body, name = luggage.make(kind, stage.rng), f"owner{len(stage.actors)}"
    bringer = Walk(*stage.way_in(), start, 1.5)
    stage.route(bringer, (place[0], place[1] + 0.5)) or bringer.to(place[0], place[1] + 0.5)
    bringer.stand(1.0, 90.0)
    put_s = bringer.now_s
    bringer.stand(1.5)
    stage.route(bringer, stage.way_in()) or bringer.to(*stage.way_in())
    rows = carried(bringer.rows(), HOLDS[kind], put_s)
    still = actor(body, rows, case)
    # Handed over to the one who sits there: theirs from now on.
    stage.actors.append(actor(pedestrian.seated(stage.rng), sitter.rows(), name))
    stage.actors.append(actor(bodies.make("person", stage.rng), bringer.rows()))
    stage.actors.append(
        Luggage(
            0,
            body,
            still.path,
            still.motion,
            still.from_s,
            1e5,
            role=case,
            rows=rows,
            owner=name,
            placed_s=put_s,
        )
    )


def _stands_still(stage: _Stage, case: str) -> None:
    """Somebody comes in, stops and stands, reading."""
    spot = stage.spot()
    walk = Walk(*stage.way_in(), stage.u(0, 5), 1.4)
    stage.route(walk, spot) or walk.to(*spot)
    walk.stand(max(1.0, stage.duration_s - walk.now_s), stage.u(0, 360), sway_m=0.006)
    stage.actors.append(actor(bodies.make("person", stage.rng), walk.rows(), case))


def _sits(stage: _Stage, case: str) -> None:
    """Somebody comes to a bench and sits down."""
    x, y, heading = stage.hall.benches[int(stage.rng.integers(len(stage.hall.benches)))]
    inward = float(np.sign(np.sin(np.radians(heading))))
    walk = Walk(*stage.way_in(), stage.u(0, 4), 1.5)
    stage.route(walk, (x + inward * 0.7, y - 0.5)) or walk.to(x + inward * 0.7, y - 0.5)
    walk.stand(0.6, heading)
    sitter = Walk(x + inward * 0.06, y - 0.5, walk.now_s, heading_deg=heading)
    sitter.stand(max(1.0, stage.duration_s - walk.now_s + 1), sway_m=0.0)
    state = stage.rng.bit_generator.state
    stage.actors.append(actor(bodies.make("person", stage.rng), walk.rows()))
    stage.rng.bit_generator.state = state  # the same clothes, sitting
    stage.actors.append(actor(pedestrian.seated(stage.rng), sitter.rows(), case))


def _door(stage: _Stage, case: str) -> None:
    """Somebody leaves through the door and lets it stand open; the leaf itself is part of every hall."""
    hall = stage.hall
    walk = Walk(*stage.way_in(), stage.u(0, 4), 1.4)
    before = hall.half_m - 1.3, hall.door_y_m
    stage.route(walk, before) or walk.to(*before)
    walk.stand(1.4, 90.0)
    opens_s = walk.now_s - 1.2
    walk.to(hall.half_m + 0.5, hall.door_y_m)
    stage.actors.append(actor(bodies.make("person", stage.rng), walk.rows()))
    stage.actors.append(_leaf(stage, case, opens_s))


def _leaf(stage: _Stage, role: str, opens_s: float | None) -> Actor:
    hall = stage.hall
    x, y = hall.half_m - 0.05, hall.door_y_m - DOOR_M[0] / 2
    t = [-10.0, opens_s, opens_s + 1.3, 1e5] if opens_s is not None else [-10.0, 1e5]
    turn = [0.0, 0.0, -88.0, -88.0] if opens_s is not None else [0.0, 0.0]
    rows = np.column_stack([t, np.full((len(t), 3), (x, y, 0.0)), turn, np.zeros(len(t))])
    return actor(indoors.door(stage.rng), rows, role)


def _screen(stage: _Stage, case: str) -> None:
    """What the screen shows changes while somebody passes before it."""
    stage.actors += _pictures(stage, case, stage.u(14, 22))


def _pictures(stage: _Stage, role: str, changes_s: float | None) -> list[Actor]:
    hall = stage.hall
    way = Straight(-hall.half_m + 0.03, hall.screen_y_m, 0.0)
    still = Motion.steady(0.0)
    if changes_s is None:
        return [Actor(0, indoors.picture(stage.rng), way, still, role=role)]
    return [
        Actor(0, indoors.picture(stage.rng), way, still, -np.inf, changes_s, role=role),
        Actor(0, indoors.picture(stage.rng), way, still, changes_s + 0.02, np.inf, role=role),
    ]


def _car(stage: _Stage, case: str) -> None:
    """A small car drives into its bay and stays."""
    left, right, near, far = stage.hall.bay
    y0, y1, at_s = far + 9.0, (near + far) / 2, stage.u(2, 8)
    motion = Motion.stretches(at_s, 0.0, 3.0, [((y0 - y1 - 3.0) / 3.0, 0.0), (2.0, -1.5)])
    body = bodies.make("car", stage.rng)
    path = Straight((left + right) / 2, y0, 180.0)
    stage.actors.append(Actor(0, body, path, motion, at_s, role=case))


def _from_start(stage: _Stage, case: str) -> None:
    """A thing that has been there since the start; in one case somebody takes it away."""
    x, y = stage.spot()
    kind = _kind(stage)
    body = luggage.make(kind, stage.rng)
    stands = np.array([[-10.0, x, y, 0.0, 40.0, 0.0], [stage.duration_s + 10, x, y, 0.0, 40.0, 0.0]])
    if case == "from_start":
        stage.actors.append(actor(body, stands, case))
        return
    walk = Walk(*stage.way_in(), stage.u(6, 12), 1.4)
    stage.route(walk, (x + 0.45, y)) or walk.to(x + 0.45, y)
    walk.stand(1.0)
    take_s = walk.now_s
    walk.stand(1.0)
    stage.route(walk, stage.way_in()) or walk.to(*stage.way_in())
    taker = walk.rows()
    stage.actors.append(actor(bodies.make("person", stage.rng), taker))
    stage.actors.append(actor(body, carried(stands, Hold(0, 0, 0), -5.0, taker, take_s), case))


def _searched(stage: _Stage, case: str) -> None:
    """Somebody comes in at the near passage and leaves by the far one."""
    hall = stage.hall
    walk = Walk(hall.entry_x_m[0], -2.5, 1.0, 1.2)
    out = hall.entry_x_m[1], hall.length_m + 2.5
    stage.route(walk, out) or walk.to(*out)
    body = bodies.make("person", stage.rng)
    if stage.face is not None:
        body = face.put_on(body, face.read(stage.face))
    stage.way = walk.rows()
    stage.actors.append(actor(body, stage.way, case))


def _on_the_way(stage: _Stage, options: SceneOptions) -> PinholeCamera:
    """Looks people in the face who come along the way of who is searched for."""
    if stage.way is None:
        raise FieldError("pose", "case: searched, whose way it looks along", options.pose)
    share = (0.28, 0.45, 0.62, 0.80)[WAYS.index(str(options.pose))]
    gone = stage.way[:, 5]
    at = int(np.searchsorted(gone, share * gone[-1]))
    x, y, heading = stage.way[at, 1], stage.way[at, 2], np.radians(stage.way[at, 4])
    ahead, aside = np.array([np.sin(heading), np.cos(heading)]), np.array([np.cos(heading), -np.sin(heading)])
    place = np.array([x, y]) + 1.2 * ahead + 0.5 * aside
    target = np.array([x, y]) - 3.0 * ahead
    return PinholeCamera.looking(
        (float(place[0]), float(place[1]), 2.1), (float(target[0]), float(target[1]), 1.35),
        width_px=options.width_px, height_px=options.height_px, hfov_deg=46.0,
    )  # fmt: skip


def _nothing(stage: _Stage, case: str) -> None:
    """Only light: see :func:`_lighting`."""


SCRIPTS: Final[dict[str, Callable[[_Stage, str], None]]] = {
    "left": _left, "left_taken": _left, "left_reclaimed": _left, "left_in_view": _left_in_view,
    "waits_beside": _watched, "short_trip": _watched, "comes_back": _watched, "sits_beside": _sits_beside,
    "stands_still": _stands_still, "sits": _sits, "door": _door, "screen": _screen, "car": _car,
    "from_start": _from_start, "taken_from_start": _from_start, "daylight": _nothing, "lamps": _nothing,
    "searched": _searched,
}  # fmt: skip


def _scenery(stage: _Stage, cases: list[str], rng: np.random.Generator) -> None:
    """The screen's picture and the door's leaf, where no case has them already."""
    if "door" not in cases:
        stage.actors.append(_leaf(stage, "", None))
    if "screen" not in cases:
        stage.actors += _pictures(stage, "", None)


def _passers(stage: _Stage, count: int, rng: np.random.Generator) -> None:
    """People who walk through, evenly over the time, without running into what stands there."""
    for k in range(count):
        for _ in range(8):
            at_s = (k + float(rng.uniform(-0.3, 0.9))) / count * stage.duration_s - 6.0
            walk = Walk(*stage.way_in(), at_s, float(rng.uniform(1.0, 1.6)))
            if stage.route(walk, _across(stage, rng), rng) and stage.route(walk, stage.way_in(), rng):
                break
        else:
            continue
        body = bodies.make("person", rng)
        stage.actors.append(actor(body, walk.rows()))


def _across(stage: _Stage, rng: np.random.Generator) -> tuple[float, float]:
    hall = stage.hall
    for _ in range(TRIES):
        spot = float(rng.uniform(-0.8, 0.8)) * hall.half_m, float(rng.uniform(0.2, 0.8)) * hall.length_m
        if _clear_m(hall, np.array([spot])) > 0.6:
            return spot
    return 0.0, hall.length_m / 2


def _lighting(cases: list[str], duration_s: float, floor: object, rng: np.random.Generator) -> Lighting:
    from flows.scenes.mesh import Mesh

    assert isinstance(floor, Mesh)
    low = float(rng.uniform(0.0, 0.15))
    daylights = [(0.0, low), (duration_s, low)]
    gains = [(0.0, 1.0), (0.4 * duration_s, 1.0 + float(rng.uniform(-0.05, 0.05))), (duration_s, 1.0)]
    if "daylight" in cases:
        on_s, strong = float(rng.uniform(10, 16)), float(rng.uniform(0.5, 1.1))
        off_s = on_s + float(rng.uniform(18, 26))
        daylights = [
            (0, low),
            (on_s, low),
            (on_s + 2, strong),
            (off_s, strong),
            (off_s + 1.5, low),
            (1e4, low),
        ]
    if "lamps" in cases:
        off_s, dim = float(rng.uniform(12, 18)), float(rng.uniform(0.6, 0.8))
        gains = [
            (0, 1.0),
            (off_s, 1.0),
            (off_s + 0.3, dim),
            (off_s + 22, dim),
            (off_s + 22.4, 1.0),
            (1e4, 1.0),
        ]
    return Lighting(floor, gains, daylights)


__all__ = ["CASES", "LEFT", "LIGHTS", "RULE", "SCREEN_Z_M", "build"]
