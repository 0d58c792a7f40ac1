"""Puts a scene together out of a street, a camera and those who move: what all kinds share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from flows.scenes import look
from flows.scenes.bodies import car
from flows.scenes.camera import PinholeCamera
from flows.scenes.layout import Layout
from flows.scenes.options import SceneOptions
from flows.scenes.plan import Street
from flows.scenes.scene import Scene
from flows.scenes.setting import Setting
from flows.scenes.survey import survey
from flows.scenes.traffic import Lane, renumbered
from flows.scenes.world import Actor, World

STREAMS = {
    "plan": 1,
    "camera": 2,
    "traffic": 3,
    "people": 4,
    "setting": 5,
    "light": 6,
    "survey": 7,
    "look": 8,
    "company": 9,
}
"""Each part has random numbers of its own, so that a change in one leaves the others as they were."""
LIGHTS = {"dusk": 0.25, "day": 0.75}
ALL_LIGHTS = {"dusk": 0.18, "night": 0.14, "rain": 0.18, "day": 0.50}
"""Of the scenes that rules are tried on."""
APPEAR_Y_M = 220.0
"""Where vehicles come out of the haze: the largest are some twenty pixels high there."""
VANISH_Y_M = -32.0
"""Behind every camera."""


def stream(name: str, kind: str, seed: int) -> np.random.Generator:
    """Random numbers for one part of the scene ``kind`` with ``seed``."""
    return np.random.default_rng((seed, STREAMS[name], *kind.encode()))


def lanes(street: Street) -> list[Lane]:
    """The street's lanes, from out of sight to out of sight."""
    return [
        Lane(x, heading, *((VANISH_Y_M, APPEAR_Y_M) if heading == 0 else (APPEAR_Y_M, VANISH_Y_M)))
        for x, heading in street.lanes_m
    ]


def ways(options: SceneOptions, rng: np.random.Generator, count: int) -> tuple[int, int]:
    """Lanes away from the camera and towards it."""
    direction = options.direction or str(rng.choice(["oncoming", "receding", "both", "both"]))
    one_way, each = options.lanes or max(2, count), options.lanes or count
    return {"oncoming": (0, one_way), "receding": (one_way, 0), "both": (each, each)}[direction]


def assemble(
    kind: str,
    seed: int,
    options: SceneOptions,
    *,
    street: Street,
    camera: PinholeCamera,
    setting: Setting,
    groups: Sequence[Sequence[Actor]],
    duration_s: float,
    layout: Layout | None = None,
    lights: Mapping[str, float] = LIGHTS,
) -> Scene:
    """The scene, with its light and its survey; ``lights`` says how often each light is seen."""
    light_rng, everyone = stream("light", kind, seed), renumbered(groups)
    light = options.light or _drawn(lights, float(light_rng.random()))
    calibration = survey(
        camera,
        street.half_m,
        options.started_at.date(),
        f"scene-{kind}-{seed}",
        stream("survey", kind, seed),
    )
    return Scene(
        name=kind,
        seed=seed,
        options=options,
        duration_s=duration_s,
        camera=camera,
        look=look.make(light, light_rng),
        setting=setting,
        world=World(tuple(_towing(one) for one in everyone) if options.tow_bar else everyone),
        calibration=calibration,
        half_m=street.half_m,
        layout=layout or Layout(),
    )


def _towing(actor: Actor) -> Actor:
    """The same one, with a tow bar if it is a car; nothing random, so that all else stays as it is without."""
    return replace(actor, body=car.with_tow_bar(actor.body)) if actor.body.cls == "car" else actor


def _drawn(shares: Mapping[str, float], at: float) -> str:
    """Which of several is at a place between 0 and 1, by their shares."""
    for name, share in shares.items():
        at -= share
        if at < 0:
            return name
    return name
