"""A road for measuring speed: traffic at mixed constant speeds, people on the pavements."""

from __future__ import annotations

from flows.scenes import people, poses, streetscape, traffic
from flows.scenes.assemble import assemble, lanes, stream, ways
from flows.scenes.options import SceneOptions
from flows.scenes.plan import Street
from flows.scenes.scene import Scene

PASSING_Y_M = 24.0
"""Where vehicles pass evenly in time: the middle of what cameras see well."""
SECONDS_A_VEHICLE = 2.6
"""Share of the scene a vehicle takes when the length is free, with two lanes."""


def build(seed: int, options: SceneOptions) -> Scene:
    """See the module."""
    plan = stream("plan", "road", seed)
    away, towards = ways(options, plan, int(plan.integers(1, 3)))
    painted = options.crosswalk if options.crosswalk is not None else bool(plan.random() < 0.4)
    street = Street(
        away,
        towards,
        parking=bool(plan.random() < 0.4),
        pavement_m=float(plan.uniform(2.2, 4.0)),
        crosswalk_y_m=float(plan.choice([14.0, 46.0])) if painted else None,
    )
    pose = options.pose or str(plan.choice(["gantry", "roadside", "high"]))
    camera = poses.camera(pose, street, stream("camera", "road", seed), options)
    placed, duration_s = _traffic(seed, options, street)
    folk = stream("people", "road", seed)
    count = options.n_pedestrians if options.n_pedestrians is not None else int(folk.integers(2, 9))
    groups = (
        traffic.actors(placed, stream("plan", "road", seed)),
        people.walkers(street, count, folk),
        people.parked(street, 0.45, folk) if street.parking else (),
    )
    setting = streetscape.furnish(street, camera, stream("setting", "road", seed))
    return assemble(
        "road",
        seed,
        options,
        street=street,
        camera=camera,
        setting=setting,
        groups=groups,
        duration_s=duration_s,
    )


def _traffic(
    seed: int, options: SceneOptions, street: Street
) -> tuple[list[tuple[traffic.Lane, traffic.Trip]], float]:
    """Vehicles and the scene's length; with a free length it grows until all of them fit."""
    free = options.duration_s is None and options.n_vehicles is not None
    duration_s = options.duration_s or 20.0
    if options.n_vehicles is not None and free:
        duration_s = max(8.0, options.n_vehicles * SECONDS_A_VEHICLE * 2 / len(street.lanes_m))
    count = options.n_vehicles if options.n_vehicles is not None else round(duration_s * 0.55)
    while True:
        placed = traffic.schedule(
            lanes(street),
            stream("traffic", "road", seed),
            options,
            count=count,
            duration_s=duration_s,
            passing_y_m=PASSING_Y_M,
        )
        if not free or len(placed) == count:
            return placed, duration_s
        duration_s *= 1.25
