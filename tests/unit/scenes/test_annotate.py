from __future__ import annotations

import numpy as np
import pytest

from flows.scenes import bodies, look
from flows.scenes.annotate import Annotator, Plan, Still, in_front
from flows.scenes.camera import PinholeCamera
from flows.scenes.motion import Motion, Straight
from flows.scenes.renderer import Item, Renderer
from flows.scenes.truth import ObjectTruth
from flows.scenes.world import Actor

CAMERA = PinholeCamera.looking((0.5, 0.0, 6.0), (0.0, 22.0, 0.0), width_px=640, height_px=360, hfov_deg=58)


def make_actor(cls: str, x_m: float, y_m: float, heading_deg: float = 0.0, track: int = 1) -> Actor:
    body = bodies.make(cls, np.random.default_rng(4))
    return Actor(track, body, Straight(x_m, y_m, heading_deg), Motion.steady(1.3))


def annotate(
    *actors: Actor, still: tuple[Still, ...] = (), camera: PinholeCamera = CAMERA
) -> dict[int, ObjectTruth]:
    found = Annotator(camera, still).objects([(actor, actor.state_at(0.4)) for actor in actors])
    return {thing.track: thing for thing in found}


@pytest.mark.slow
@pytest.mark.usefixtures("drawn")
def test_the_box_is_that_of_the_drawn_silhouette() -> None:
    actors = [make_actor(cls, -1.0, 17.0, 215.0) for cls in bodies.MAKERS]
    renderer = Renderer(
        CAMERA,
        look.Look((0.0, 0.6, 0.8), *[(1.0, 1.0, 1.0)] * 5, 0, 1, 1, 0, 0),
        {actor.body.cls: actor.body.mesh for actor in actors},
        ground=(),
        things=(),
        plates=np.zeros((1, 8, 8, 3), np.uint8),
        focus_m=(-10, 10, 0, 50),
        seed=0,
    )
    for actor in actors:
        (truth,) = annotate(actor).values()
        state = actor.state_at(0.4)
        limbs = actor.body.limbs(state.gone_m, state.speed_mps)
        # Nothing still stands there, so that what shows is the body (its shadow falls on black).
        v, u = np.nonzero(renderer.render([Item(actor.body.cls, state.pose, limbs)]).any(-1))
        drawn = (u.min(), v.min(), u.max() + 1, v.max() + 1)
        np.testing.assert_allclose(truth.xyxy, drawn, atol=1.0, err_msg=actor.body.cls)
    renderer.close()


def test_what_stands_free_is_visible() -> None:
    assert annotate(make_actor("car", 0.0, 20.0))[1].visible == 1.0


def test_a_car_behind_a_bus_is_hidden_and_not_asked_for() -> None:
    found = annotate(make_actor("bus", 0.3, 22.0, track=1), make_actor("car", 0.0, 33.0, track=2))
    assert found[1].visible == 1.0
    assert found[2].visible < 0.25
    assert found[2].ignore


def test_a_car_beside_a_long_bus_is_in_front_though_the_buss_middle_is_nearer() -> None:
    # Seen from the right, the bus reaches from 14 to 26 m and the car drives before it at 23 m.
    camera = PinholeCamera.looking((9.0, 2.0, 5.0), (-1, 22, 0), width_px=640, height_px=360, hfov_deg=58)
    found = annotate(
        make_actor("bus", -3.0, 20.0, track=1), make_actor("car", 0.3, 23.0, track=2), camera=camera
    )
    assert found[2].visible == 1.0
    assert found[1].visible < 0.95


def test_a_tree_hides_whoever_stands_behind_it() -> None:
    trunk = np.array([[x, y, z] for x in (-0.6, 0.6) for y in (14.8, 15.2) for z in (0.0, 6.0)])
    plan = np.array([[-0.6, 14.8], [0.6, 14.8], [0.6, 15.2], [-0.6, 15.2]])
    behind, before = make_actor("person", 0.0, 16.0, track=1), make_actor("person", 0.0, 14.0, track=2)
    tree = Still((trunk,), plan)
    assert annotate(behind, still=(tree,))[1].visible < 0.2
    assert annotate(before, still=(tree,))[2].visible == 1.0


def test_what_the_border_cuts_off_is_partly_visible_and_its_box_ends_there() -> None:
    edge = CAMERA.ground_point(np.array([640.0, 250.0]))
    (truth,) = annotate(make_actor("car", float(edge[0]), float(edge[1]))).values()
    assert truth.xyxy[2] == 640.0
    assert 0.3 < truth.visible < 0.7


def test_what_passes_below_the_camera_keeps_a_finite_box() -> None:
    actor = make_actor("bus", 0.5, 3.0)
    (truth,) = annotate(actor).values()
    assert 0 <= truth.xyxy[0] < truth.xyxy[2] <= 640
    assert truth.xyxy[3] == 360.0


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [((0, 10), (0, 20), True), ((0, 20), (0, 10), False), ((3, 12), (-3, 12), False)],
)
def test_who_is_in_front(a: tuple[float, float], b: tuple[float, float], expected: bool) -> None:
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float)
    assert in_front(Plan.of(square + a), Plan.of(square + b), np.array([-10.0, 0.0])) is expected
