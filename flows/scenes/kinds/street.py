"""Streets at random, for training the embedded detector: everything varies that may vary.

Camera height, pitch and focal length, the street's plan, surfaces, light, density of traffic and people.
Vehicles run at constant speed; things may stand before one another. Nothing here is meant for measuring.
"""

from __future__ import annotations

from flows.scenes import people, poses, streetscape, traffic
from flows.scenes.assemble import assemble, lanes, stream
from flows.scenes.options import SceneOptions
from flows.scenes.plan import Street
from flows.scenes.scene import Scene

MIX = {"car": 0.44, "truck": 0.20, "bus": 0.15, "motorcycle": 0.21}
"""Rare classes are met more often than on a real road, so that each is learnt."""


def build(seed: int, options: SceneOptions) -> Scene:
    """See the module."""
    plan = stream("plan", "street", seed)
    away, towards = ((0, 2), (2, 0), (1, 1), (2, 2), (3, 0), (0, 3), (3, 3), (2, 1))[int(plan.integers(8))]
    painted = options.crosswalk if options.crosswalk is not None else bool(plan.random() < 0.6)
    street = Street(
        away,
        towards,
        parking=bool(plan.random() < 0.5),
        pavement_m=float(plan.uniform(1.8, 5.0)),
        crosswalk_y_m=float(plan.uniform(9.0, 40.0)) if painted else None,
        stop_lines=bool(plan.random() < 0.5),
    )
    camera = poses.camera(options.pose or "anywhere", street, stream("camera", "street", seed), options)
    duration_s = options.duration_s or 10.0
    share = float(plan.uniform(0.2, 1.3))
    count = options.n_vehicles if options.n_vehicles is not None else round(duration_s * share) + 2
    speeds = {} if "speed_range_kmh" in options.model_fields_set else {"speed_range_kmh": (20.0, 75.0)}
    placed = traffic.schedule(
        lanes(street),
        stream("traffic", "street", seed),
        options.model_copy(update=speeds),
        count=count,
        duration_s=duration_s,
        passing_y_m=float(plan.uniform(14, 40)),
        classes=MIX,
    )
    folk = stream("people", "street", seed)
    walking = options.n_pedestrians if options.n_pedestrians is not None else int(folk.integers(2, 16))
    groups = (
        traffic.actors(placed, stream("plan", "street", seed)),
        people.walkers(street, walking, folk, (4.0, 50.0)),
        people.strollers(street, int(folk.integers(0, 5)), folk, duration_s),
        people.parked(street, float(folk.uniform(0.1, 0.6)), folk) if street.parking else (),
    )
    return assemble(
        "street",
        seed,
        options,
        street=street,
        camera=camera,
        setting=streetscape.furnish(street, camera, stream("setting", "street", seed), hide=0.35),
        groups=groups,
        duration_s=duration_s,
    )
