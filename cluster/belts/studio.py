"""Renders cars with people in them, one behind the other on a street, and keeps looks at their windscreens.

Cars come slowly and close together, so that a picture shows many; camera, light and lens are those of the ``belts``
scenes at seeds of its own, with more of everything: heights, lenses, glare, clothes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cluster.dataset import through_h264
from flows import scenes
from flows.scenes.bodies import car
from flows.scenes.bodies.crew import Crew, Glass, Occupant, crew, dazzled, with_extra, with_pattern
from flows.scenes.camera import PinholeCamera
from flows.scenes.motion import Motion, Straight
from flows.scenes.plan import LANE_M
from flows.scenes.plates import number
from flows.scenes.truth import ObjectTruth
from flows.scenes.world import Actor, World
from flows.sources.picture import AvPicture
from models.belts.names import HIDDEN, NOBODY, UNWORN, WORN
from models.belts.rectify import upright
from models.training.beltlooks import SCREEN_PX, SCREEN_WINDOW, VEHICLE_GROW, VEHICLE_PX, Look, save

FIRST_SEED: Final = 60_000
"""Training owns the seeds from here on; tests, benches and demo stay below, the belts' own bench far above."""
CARS: Final = 60
"""Of one scene."""
LOOKS: Final = 3
"""At each of them."""
STEP_M: Final = 7.0
"""Way between two pictures."""
SPACING_M: Final = (8.5, 12.0)
FIRST_Y_M: Final = 14.0
NEAR_Y_M: Final = 9.0
FAR_Y_M: Final = 42.0
"""Between them a long lens sees a car."""
LEAST_PX: Final = 110.0
"""Narrower vehicles are not looked into."""
LEAST_VISIBLE: Final = 0.75
BORDER_PX: Final = 3.0
HIDDEN_FROM: Final = 0.8
"""Strength of a glare from which nobody sees what is behind it."""
CRF: Final = (17, 30)
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Job:
    """One file to make."""

    seed: int
    folder: Path

    @property
    def path(self) -> Path:
        """Where it goes."""
        return self.folder / f"belts-{self.seed}.npz"


def plan(cars: int, folder: Path) -> list[Job]:
    """The files for so many cars."""
    return [Job(FIRST_SEED + i, folder) for i in range(max(1, round(cars / CARS)))]


def missing(jobs: Sequence[Job]) -> int:
    """How many files are not there yet."""
    return sum(not job.path.is_file() for job in jobs)


def render(jobs: Sequence[Job], workers: int) -> Iterator[Job]:
    """Renders what is not there yet; yields each file as it is done."""
    todo = [job for job in jobs if not job.path.is_file()]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
        yield from pool.map(_render, todo)


def looks(seed: int, cars: int = CARS) -> list[Look]:
    """Looks at so many cars of one street."""
    rng = np.random.default_rng([seed, 8])
    light = str(rng.choice(["day", "dusk", "rain", "night"], p=[0.55, 0.27, 0.12, 0.06]))
    base = scenes.build("belts", seed, fps=1.0, n_vehicles=0, light=light, duration_s=1.0)
    scene = replace(
        base,
        camera=_camera(base.camera, rng),
        world=World(tuple(_queue(cars, rng))),
    )
    until_s = max(actor.until_s for actor in scene.world.actors)
    scene = replace(scene, duration_s=float(np.ceil(until_s)))
    rendered = list(scene.frames())
    pictures = through_h264([frame.rgb for frame in rendered], int(rng.integers(*CRF)))
    actors = {actor.track: actor for actor in scene.world.actors}
    found: dict[int, list[Look]] = {}
    for frame, picture in zip(rendered, pictures, strict=True):
        bgr = AvPicture(picture).bgr()
        t_s, _ = scene.time_of(frame.index)
        for thing in frame.objects:
            if _worth(thing, scene.camera):
                corners = screen_px(actors[thing.track], t_s, scene.camera)
                found.setdefault(thing.track, []).append(
                    _look(seed, actors[thing.track], thing, corners, bgr)
                )
    return [look for each in found.values() for look in _some(each, rng)]


def crew_of(rng: np.random.Generator) -> Crew:
    """People of any kind, with more of what is rare."""
    driver = None if rng.random() < 0.04 else bool(rng.random() < 0.5)
    passenger = None if rng.random() < 0.35 else bool(rng.random() < 0.5)
    made = crew(rng, driver=driver, passenger=passenger, drive="left" if rng.random() < 0.8 else "right")
    made = replace(made, driver=_worn(made.driver, rng), passenger=_worn(made.passenger, rng))
    made = replace(made, glass=_glass(made.glass, rng))
    return dazzled(made, rng) if rng.random() < 0.06 else made


def _worn(who: Occupant | None, rng: np.random.Generator) -> Occupant | None:
    """The same person, perhaps with something that looks like a belt or hides one."""
    if who is None:
        return None
    chance = float(rng.random())
    if chance < 0.13:
        who = with_extra(who, "strap", rng)
    elif chance < 0.22:
        who = with_extra(who, "scarf", rng)
    elif chance < 0.31:
        who = with_extra(who, "hand", rng)
    return with_pattern(who, rng) if rng.random() < 0.12 else who


def screen_px(actor: Actor, t_s: float, camera: PinholeCamera) -> Array:
    """Corners ``(4, 2)`` of a car's windscreen in the picture."""
    assert actor.body.screen_m is not None, "only cars have one"
    pose = actor.state_at(t_s).pose
    return camera.project(actor.body.screen_m @ pose[:3, :3].T + pose[:3, 3])


def _glass(glass: Glass, rng: np.random.Generator) -> Glass:
    """Some glare here and there, from a shimmer to a blaze."""
    if rng.random() < 0.80:
        return glass
    return replace(
        glass,
        veil=float(rng.uniform(0.1, 1.0)),
        veil_at=(float(rng.uniform(0, 1)), float(rng.uniform(0, 1))),
        veil_size=float(rng.uniform(0.15, 1.5)),
    )


def _camera(camera: PinholeCamera, rng: np.random.Generator) -> PinholeCamera:
    """Somewhere near where the scene's own camera hangs, with another lens."""
    away = rng.uniform((-1.0, -1.0, -0.9), (1.0, 1.0, 1.2))
    factor = float(rng.uniform(0.82, 1.22))
    return replace(camera, position_m=camera.position_m + away, focal_px=camera.focal_px * factor)


def _queue(cars: int, rng: np.random.Generator) -> Iterator[Actor]:
    """Cars in each lane, :data:`STEP_M` nearer in every picture."""
    middle = float(rng.uniform(-0.5, 0.5))
    places = [middle - LANE_M / 2, middle + LANE_M / 2]  # what a long lens shows whole
    ends = dict.fromkeys(places, FIRST_Y_M)
    for track in range(1, cars + 1):
        lane = min(ends, key=ends.__getitem__)
        y = ends[lane] + float(rng.uniform(*SPACING_M))
        ends[lane] = y
        body = car.make(rng, crew=crew_of(rng))
        path = Straight(lane + float(rng.normal(0, 0.2)), y, 180.0)
        yield Actor(
            track,
            body,
            path,
            Motion.steady(STEP_M),
            (y - FAR_Y_M) / STEP_M,
            (y - NEAR_Y_M) / STEP_M,
            number(rng),
        )


def _worth(thing: ObjectTruth, camera: PinholeCamera) -> bool:
    x0, y0, x1, y1 = thing.xyxy
    inside = x0 > BORDER_PX and y0 > BORDER_PX
    inside = inside and x1 < camera.width_px - BORDER_PX and y1 < camera.height_px - BORDER_PX
    return inside and x1 - x0 >= LEAST_PX and thing.visible >= LEAST_VISIBLE


def _look(seed: int, actor: Actor, thing: ObjectTruth, corners: Array, bgr: NDArray[np.uint8]) -> Look:
    from PIL import Image

    x0, y0, x1, y1 = thing.xyxy
    dx, dy = VEHICLE_GROW * (x1 - x0), VEHICLE_GROW * (y1 - y0)
    box = np.array([x0 - dx, y0 - dy, x1 + dx, y1 + dy])
    side = (VEHICLE_PX, VEHICLE_PX)
    whole = Image.fromarray(bgr)
    cut = whole.crop(tuple(round(v) for v in box))  # type: ignore[arg-type]
    vehicle = np.asarray(cut.resize(side, Image.Resampling.BILINEAR))
    share = (corners - box[:2]) / (box[2:] - box[:2])
    return Look(
        vehicle,
        share.astype(np.float32),
        upright(bgr, corners, SCREEN_PX, SCREEN_WINDOW),
        _labels(actor.body.crew),
        seed * 1000 + actor.track,
    )


def _labels(people: Crew | None) -> NDArray[np.int8]:
    """Of the seats on the left and on the right of the picture, where the car comes towards it."""
    assert people is not None, "every car here has a crew"
    names = ("passenger", "driver") if people.drive == "left" else ("driver", "passenger")
    return np.array([_label(people, name) for name in names], np.int8)


def _label(people: Crew, name: str) -> int:
    if people.veil_over(name) > HIDDEN_FROM:
        return HIDDEN
    who = people.seat(name)
    if who is None:
        return NOBODY
    return WORN if who.belted else UNWORN


def _some(each: list[Look], rng: np.random.Generator) -> list[Look]:
    order = rng.permutation(len(each))[:LOOKS]
    return [each[i] for i in sorted(order)]


def _render(job: Job) -> Job:
    save(job.path, looks(job.seed))
    return job


def _one_thread() -> None:
    os.environ["LP_NUM_THREADS"] = "1"  # Mesa's software rasteriser: one worker a process is enough
