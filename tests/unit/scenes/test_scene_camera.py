from __future__ import annotations

import numpy as np
import pytest

from flows.scenes import look
from flows.scenes.camera import PinholeCamera
from flows.scenes.mesh import Mesh, MeshBuilder, Paint
from flows.scenes.renderer import Item, Renderer

CAMERAS = {
    "gantry": ((0.4, 0.0, 6.6), (0.2, 26.0, 0.0), 55.0),
    "oblique": ((9.0, 4.0, 5.0), (-3.0, 22.0, 0.5), 70.0),
    "high": ((-6.0, -4.0, 12.0), (1.0, 24.0, 0.0), 40.0),
}


def make_camera(name: str = "gantry") -> PinholeCamera:
    position, target, hfov_deg = CAMERAS[name]
    return PinholeCamera.looking(position, target, width_px=640, height_px=360, hfov_deg=hfov_deg)


@pytest.mark.parametrize("name", CAMERAS)
def test_the_grounds_homography_agrees_with_projection(name: str) -> None:
    camera = make_camera(name)
    ground = np.array([[0.0, 15.0], [-3.0, 30.0], [2.5, 60.0]])
    px = camera.project(np.column_stack([ground, np.zeros(3)]))
    homogeneous = np.column_stack([ground, np.ones(3)]) @ camera.ground_to_px.T
    np.testing.assert_allclose(homogeneous[:, :2] / homogeneous[:, 2:], px, atol=1e-8)
    np.testing.assert_allclose(camera.ground_point(px), ground, atol=1e-8)


def test_right_is_right_and_down_is_down() -> None:
    camera = make_camera()
    left, right = camera.project(np.array([[-2.0, 20.0, 0.0], [2.0, 20.0, 0.0]]))
    low, high = camera.project(np.array([[0.0, 20.0, 0.0], [0.0, 20.0, 3.0]]))
    assert left[0] < right[0]
    assert high[1] < low[1]


def test_what_lies_behind_the_camera_has_no_pixel() -> None:
    assert np.isnan(make_camera().project(np.array([0.0, -20.0, 1.0]))).all()
    assert np.isnan(make_camera().ground_point(np.array([320.0, 0.0]))).all()


@pytest.mark.slow
@pytest.mark.usefixtures("drawn")
@pytest.mark.parametrize("name", CAMERAS)
def test_markers_are_drawn_where_projection_says(name: str) -> None:
    camera = make_camera(name)
    ground = camera.ground_point(np.array([[60.0, 330.0], [320.0, 250.0], [610.0, 300.0], [250.0, 150.0]]))
    places = np.column_stack([ground, [0.0, 0.3, 0.0, 1.0]])
    renderer = Renderer(
        camera,
        look.Look((0.0, 0.6, 0.8), *[(1.0, 1.0, 1.0)] * 3, (0.9, 0.9, 0.9), (0.9, 0.9, 0.9), 0, 0, 1, 0, 0),
        {str(i): _marker(camera, place) for i, place in enumerate(places)},
        ground=(),
        things=(),
        plates=np.zeros((1, 8, 8, 3), np.uint8),
        focus_m=(-10, 10, 0, 50),
        seed=0,
    )
    for i, place in enumerate(places):
        weight = renderer.render([Item(str(i), np.eye(4))]).astype(float).sum(-1)
        v, u = np.mgrid[:360, :640]
        # A pixel's middle lies half a pixel off its corner.
        found = np.array([((u + 0.5) * weight).sum(), ((v + 0.5) * weight).sum()]) / weight.sum()
        assert np.linalg.norm(found - camera.project(place)) < 0.2
    renderer.close()


def _marker(camera: PinholeCamera, centre: np.ndarray) -> Mesh:
    """A square of 4 px that faces the camera: its middle in the picture is its place."""
    builder = MeshBuilder()
    right, down, forward = camera.rotation
    half = 2.0 * float(camera.to_camera(centre)[2]) / camera.focal_px
    corners = [centre + half * (a * right + b * down) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    builder.face(corners, Paint((1.0, 1.0, 1.0), gloss=-1.0), centre + forward)
    return builder.build()
