"""Lawful company for those who act in a scene: a car abreast of them, or a truck that hides them for a while.

Two side by side are told apart with difficulty, and a hidden one changes places with what hides it: whoever is
lawful must not answer for the one beside. Companions have random numbers of their own, and join after everybody
whose acts a scene is made for, so that scenes without them stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from flows.scenes import bodies
from flows.scenes.bodies.base import Body
from flows.scenes.camera import PinholeCamera
from flows.scenes.options import Company
from flows.scenes.plan import LANE_M, Street
from flows.scenes.stage import AHEAD_M, BEHIND_M, Stage, cruise, through
from flows.scenes.world import Actor

Array = NDArray[np.float64]

BESIDE = "beside"
"""Role of companions; every judge of a scene that may have them lists it among those who do nothing wrong."""
SIGHT_Y_M = (8.0, 60.0)
"""Where the camera sees well enough for it to matter."""
MIDDLE_Y_M = 26.0
"""Where companions are level with whom they join, if nothing else says where."""
STEP_S = 0.1
SHARES = (1.0, 0.8, 0.6)
"""Of the other's speed: level with it all along, or overtaken by it."""
LEADS_M = (0.0, 2.0, -2.0, 6.0, -6.0)
"""How far ahead of the other a car abreast may be, in order of preference."""
NEARER_M = (0.0, 3.0, 6.0, 9.0, 12.0)
"""How much nearer to the camera a truck may be."""
HIDES, HIDES_MOST = 0.35, 0.6
"""Share of the other that a truck ought to hide, over the time in sight, and may at most."""


@dataclass(frozen=True)
class _Moment:
    """Where somebody is when a companion is level with them.

    Attributes:
        t_s: When.
        x_m: Across the street.
        y_m: Along it.
        away: Whether they go along +y.
        speed_mps: How fast.
    """

    t_s: float
    x_m: float
    y_m: float
    away: bool
    speed_mps: float


def anybody(cls: str, x_m: float) -> bool:
    """Every lane is open to every class."""
    return True


def join(
    stage: Stage,
    actor: Actor,
    street: Street,
    camera: PinholeCamera,
    company: Company,
    rng: np.random.Generator,
    open_to: Callable[[str, float], bool] = anybody,
) -> None:
    """Gives somebody who acts a companion that drives straight on, where one keeps clear of everybody.

    Args:
        stage: Where both are.
        actor: Who acts.
        street: Whose lanes are used.
        camera: From which a truck hides somebody.
        company: Which.
        rng: Of the companions.
        open_to: Whether a class may drive in the lane with that middle.
    """
    moment = _level(actor)
    if moment is None:
        return
    if company == "abreast":
        add_first(stage, _abreast(actor, moment, street, bodies.make("car", rng), rng, open_to))
        return
    tall = {cls: bodies.make(cls, rng) for cls in ("truck", "bus")}
    add_first(stage, hiding(camera, actor, _nearer(moment, street, tall, rng, open_to)))


def add_first(stage: Stage, candidates: Iterable[Actor]) -> bool:
    """Adds the first of several that keeps clear of everybody."""
    return any(stage.add(replace(candidate, role=BESIDE)) for candidate in candidates)


def _abreast(
    actor: Actor,
    moment: _Moment,
    street: Street,
    body: Body,
    rng: np.random.Generator,
    open_to: Callable[[str, float], bool],
) -> Iterator[Actor]:
    lanes = [x for x in _lanes(moment, street) if abs(x - moment.x_m) > 0.6 * LANE_M and open_to("car", x)]
    level_m = (actor.body.length_m - body.length_m) / 2  # fronts, not middles
    for lead_m in LEADS_M:
        for share in SHARES:
            for x in lanes:
                yield _straight(moment, x, level_m + lead_m, share, body, rng)


def _nearer(
    moment: _Moment,
    street: Street,
    tall: dict[str, Body],
    rng: np.random.Generator,
    open_to: Callable[[str, float], bool],
) -> Iterator[Actor]:
    """Beside somebody or behind them as the camera sees it, at about their speed."""
    for x in _lanes(moment, street):
        cls = next((cls for cls in tall if open_to(cls, x)), None)
        for nearer_m in NEARER_M if cls is not None else ():
            for share in (1.0, 0.92, 1.08):
                lead_m = -nearer_m if moment.away else nearer_m
                yield _straight(moment, x, lead_m, share, tall[str(cls)], rng)


def _lanes(moment: _Moment, street: Street) -> list[float]:
    """Middles of the lanes of the same direction that are no farther than the next one, that first."""
    heading = 0.0 if moment.away else 180.0
    near = [x for x, way in street.lanes_m if way == heading and abs(x - moment.x_m) < 1.4 * LANE_M]
    return sorted(near, key=lambda x: abs(abs(x - moment.x_m) - LANE_M))


def _straight(
    moment: _Moment, x_m: float, lead_m: float, share: float, body: Body, rng: np.random.Generator
) -> Actor:
    """Along a lane, so far ahead of the other at that moment, at a share of its speed."""
    way = 1 if moment.away else -1
    from_m = BEHIND_M if moment.away else AHEAD_M
    at_m = way * (moment.y_m - from_m) + lead_m
    path = through(x_m, 0.0 if moment.away else 180.0)
    return cruise(body.cls, path, moment.speed_mps * share, moment.t_s, at_m, rng, body=body)


def _level(actor: Actor) -> _Moment | None:
    """When somebody may have company: amid what they do beside their lane, else in the middle of the picture."""
    t_s = np.arange(actor.from_s, min(actor.until_s, actor.from_s + 120.0), STEP_S)
    places = actor.places(t_s)
    y, along = places[:, 1], np.cos(np.radians(places[:, 2]))
    rows = np.flatnonzero((y > SIGHT_Y_M[0]) & (y < SIGHT_Y_M[1]) & (np.abs(along) > 0.97))
    rows = rows[along[rows] * along[rows[0]] > 0] if len(rows) else rows  # before it turns round
    if not len(rows):
        return None
    aside = np.abs(places[rows, 0] - places[rows[0], 0])
    back = aside[-1] < 0.5 and aside.max() > 1.5
    row = rows[np.argmax(aside)] if back else rows[np.argmin(np.abs(y[rows] - MIDDLE_Y_M))]
    x_m, y_m, _, speed_mps = (float(v) for v in places[row])
    return _Moment(float(t_s[row]), x_m, y_m, bool(along[row] > 0), speed_mps) if speed_mps > 0 else None


def hiding(
    camera: PinholeCamera, actor: Actor, candidates: Iterable[Actor], most: float = HIDES_MOST
) -> list[Actor]:
    """Of several, those that do not hide somebody too long, who hide them for about a third of the time first."""
    rated = [(hidden_share(camera, actor, candidate), candidate) for candidate in candidates]
    fit = [(share, candidate) for share, candidate in rated if share <= most]
    return [candidate for _, candidate in sorted(fit, key=lambda pair: abs(pair[0] - HIDES))]


def hidden_share(camera: PinholeCamera, actor: Actor, other: Actor) -> float:
    """The share of ``actor`` that ``other``, who goes along the street, hides while it is in the picture.

    A few points at its ends, at two heights, at moments half a second apart; ``other`` is a block.
    """
    t_s = np.arange(max(0.0, actor.from_s, other.from_s), min(actor.until_s, other.until_s, 120.0), 0.5)
    if not len(t_s):
        return 0.0
    own, block = actor.places(t_s), other.places(t_s)
    seen = (own[:, 1] > SIGHT_Y_M[0]) & (own[:, 1] < SIGHT_Y_M[1])
    if not seen.any():
        return 0.0
    own, block = own[seen], block[seen]
    turn = np.radians(own[:, 2])
    ahead = np.column_stack([np.sin(turn), np.cos(turn)])
    right = np.column_stack([ahead[:, 1], -ahead[:, 0]])
    half = np.array([other.body.width_m / 2, other.body.length_m / 2])
    hits = []
    for end in (-0.45, 0.45):
        for side in (-0.4, 0.4):
            for z in (0.4, 0.8):
                at = own[:, :2] + end * actor.body.length_m * ahead + side * actor.body.width_m * right
                point = np.column_stack([at, np.full(len(at), z * actor.body.height_m)])
                low = np.column_stack([block[:, :2] - half, np.zeros(len(at))])
                high = np.column_stack([block[:, :2] + half, np.full(len(at), other.body.height_m)])
                hits.append(_between(camera.position_m, point, low, high))
    return float(np.mean(hits))


def _between(eye: Array, points: Array, low: Array, high: Array) -> NDArray[np.bool_]:
    """Whether blocks stand between an eye and points ``(N, 3)``: the slab test."""
    way = points - eye
    way = np.where(np.abs(way) < 1e-9, 1e-9, way)
    a, b = (low - eye) / way, (high - eye) / way
    enters, leaves = np.minimum(a, b).max(1), np.maximum(a, b).min(1)
    return np.asarray((enters < leaves) & (enters < 1.0) & (leaves > 0.0))
