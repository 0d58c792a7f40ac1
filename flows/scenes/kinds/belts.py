"""A road seen through a long lens from above it: people behind windscreens, with belts and without.

Hard negatives are those whose chest shows what looks like a belt, or hides one: a bag's strap, a scarf, a pattern, a
hand at the face; glare on the glass, an empty seat, and belts as dark as what they lie on, which nobody sees.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from flows.domain.ruleset import SeatBeltRule
from flows.scenes import poses, streetscape
from flows.scenes.assemble import assemble, stream
from flows.scenes.bodies import car
from flows.scenes.bodies.crew import Crew, Drive, Extra, crew, dazzled, with_extra, with_pattern
from flows.scenes.judges.belts import SeatBeltJudge
from flows.scenes.layout import Layout
from flows.scenes.options import SceneOptions
from flows.scenes.plan import Street
from flows.scenes.scene import Scene
from flows.scenes.stage import AHEAD_M, BEHIND_M, Stage, cases, cruise, fill, through
from flows.scenes.world import Actor

CASES = (
    "unbelted", "belted", "passenger_unbelted", "strap", "both_unbelted", "patterned", "unbelted", "scarf",
    "unbelted_strap", "belted", "unbelted", "hand", "unbelted_scarf", "belted", "glare",
)  # fmt: skip
ALIKE = ("belted", "strap", "patterned", "scarf", "hand")
"""Nobody is to be reported in these."""
LIGHTS = {"dusk": 0.25, "day": 0.65, "rain": 0.10}
SECONDS_A_CASE = 1.1
SPEEDS_KMH = (28.0, 62.0)
PASSING_Y_M = 22.0


def build(seed: int, options: SceneOptions) -> Scene:
    """See the module."""
    plan = stream("plan", "belts", seed)
    street = Street(0, options.lanes or int(plan.integers(2, 4)), pavement_m=float(plan.uniform(2.2, 4.0)))
    camera = poses.camera(options.pose or "portal", street, stream("camera", "belts", seed), options)
    duration_s = options.duration_s or 20.0
    stage = Stage(duration_s, stream("plan", "belts", seed))
    _act(stage, street, options, duration_s, seed)
    judge = SeatBeltJudge(SeatBeltRule(driver_on=options.drive), alike=ALIKE)
    return assemble(
        "belts",
        seed,
        options,
        street=street,
        camera=camera,
        setting=streetscape.furnish(street, camera, stream("setting", "belts", seed)),
        groups=(stage.actors,),
        duration_s=duration_s,
        layout=Layout(judges=(judge,)),
        lights=LIGHTS,
    )


def _act(stage: Stage, street: Street, options: SceneOptions, duration_s: float, seed: int) -> None:
    rng = stream("traffic", "belts", seed)
    wanted = options.n_vehicles
    count = wanted if wanted is not None else max(1, round(duration_s / SECONDS_A_CASE))
    for k, case in enumerate(cases(options.case, CASES, rng, count)):
        body = car.make(rng, crew=crew_of(case, rng, options.drive))
        for attempt in range(8):
            slot = (k + 0.5 + float(rng.uniform(-0.3, 0.3)) * (1 + attempt)) / count
            x, heading = street.lanes_m[int(rng.integers(len(street.lanes_m)))]
            low, high = (
                options.speed_range_kmh if "speed_range_kmh" in options.model_fields_set else SPEEDS_KMH
            )
            made = _towards(body.cls, x, heading, slot * duration_s, float(rng.uniform(low, high)) / 3.6, rng)
            if stage.add(replace(made, body=body, role=case)):
                break
    if wanted is None:
        mix = {"truck": 0.5, "bus": 0.2, "motorcycle": 0.3}
        few = round(duration_s * 0.1)
        fill(stage, street, rng, count=few, duration_s=duration_s, speeds_kmh=SPEEDS_KMH, mix=mix)


def _towards(
    cls: str, x_m: float, heading_deg: float, at_s: float, v_mps: float, rng: np.random.Generator
) -> Actor:
    start = AHEAD_M if heading_deg == 180 else BEHIND_M
    return cruise(cls, through(x_m, heading_deg), v_mps, at_s, abs(PASSING_Y_M - start), rng)


def crew_of(case: str, rng: np.random.Generator, drive: Drive) -> Crew:
    """The people of a case; see :data:`CASES`."""
    driver: bool | None = "unbelted" not in case or case == "passenger_unbelted"
    passenger: bool | None = None if rng.random() < 0.5 else bool(rng.random() < 0.7)
    if case in ALIKE and passenger is not None:
        passenger = True
    if case == "passenger_unbelted":
        passenger = False
    if case == "both_unbelted":
        passenger = False
    if case == "glare":
        driver = bool(rng.random() < 0.5)
    made = crew(rng, driver=driver, passenger=passenger, drive=drive)
    extra = next((word for word in ("strap", "scarf", "hand") if word in case), "")
    if extra and made.driver is not None:
        made = replace(made, driver=with_extra(made.driver, _extra(extra), rng))
    if case == "patterned" and made.driver is not None:
        made = replace(made, driver=with_pattern(made.driver, rng))
    return dazzled(made, rng) if case == "glare" else made


def _extra(word: str) -> Extra:
    extras: tuple[Extra, ...] = ("strap", "scarf", "hand")
    return next(extra for extra in extras if extra == word)
