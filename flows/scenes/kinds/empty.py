"""An idle street: nothing moves, only the sensor's noise. What a gate and an idle camera are measured on."""

from __future__ import annotations

from flows.scenes import people, poses, streetscape
from flows.scenes.assemble import assemble, stream, ways
from flows.scenes.options import SceneOptions
from flows.scenes.plan import Street
from flows.scenes.scene import Scene


def build(seed: int, options: SceneOptions) -> Scene:
    """See the module."""
    plan = stream("plan", "empty", seed)
    away, towards = ways(options, plan, int(plan.integers(1, 3)))
    street = Street(away, towards, parking=True, pavement_m=float(plan.uniform(2.2, 4.0)))
    pose = options.pose or str(plan.choice(["gantry", "roadside", "high"]))
    camera = poses.camera(pose, street, stream("camera", "empty", seed), options)
    standing = people.parked(street, 0.3, stream("people", "empty", seed))
    return assemble(
        "empty",
        seed,
        options,
        street=street,
        camera=camera,
        setting=streetscape.furnish(street, camera, stream("setting", "empty", seed)),
        groups=(standing,),
        duration_s=options.duration_s or 20.0,
    )
