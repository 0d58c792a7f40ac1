from __future__ import annotations

from datetime import date

import driving
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.domain.errors import CalibrationError
from flows.domain.site import CalibrationConfig, SurveyPoint
from flows.road.ground import GroundPlane
from flows.road.survey import chi2_quantile

PLACES = np.array([(0.0, 15.0), (-3.0, 22.0), (3.0, 30.0), (0.5, 50.0)])


def changed(config: CalibrationConfig, **points: tuple[float, float]) -> CalibrationConfig:
    """The survey with the first point's ``px`` or ``m`` replaced."""
    first = config.points[0].model_copy(update=points)
    return config.model_copy(update={"points": (first, *config.points[1:])})


@pytest.mark.parametrize("pose", driving.POSES)
def test_exact_survey_gives_the_exact_camera(pose: str) -> None:
    eye = driving.camera(pose)
    ground = GroundPlane.fit(driving.survey(eye, seed=None))
    px = eye.project(np.column_stack([PLACES, np.zeros(4)]))
    np.testing.assert_allclose(ground.to_px(PLACES), px, atol=1e-5)
    np.testing.assert_allclose(ground.to_ground(px), PLACES, atol=1e-5)
    assert ground.camera_m[1] == pytest.approx(eye.position_m[2], abs=1e-3)
    assert ground.residual.rms_px < 1e-5


def test_points_above_the_road_project_as_the_camera_sees_them() -> None:
    eye = driving.camera("roadside")
    ground = GroundPlane.fit(driving.survey(eye, seed=None))
    roof = np.array([[1.0, 20.0, 1.5], [-2.0, 35.0, 3.0]])
    matrix, _ = ground.projection()
    out = np.column_stack([roof, np.ones(2)]) @ matrix.T
    np.testing.assert_allclose(out[:, :2] / out[:, 2:], eye.project(roof), atol=1e-3)


def test_a_mirrored_survey_frame_still_puts_the_camera_above_the_road() -> None:
    eye = driving.camera()
    config = driving.survey(eye, seed=None)
    points = tuple(SurveyPoint(px=p.px, m=(-p.m[0], p.m[1])) for p in config.points)
    ground = GroundPlane.fit(config.model_copy(update={"points": points}))
    matrix, _ = ground.projection()
    out = matrix @ np.array([-1.0, 20.0, 1.5, 1.0])
    np.testing.assert_allclose(out[:2] / out[2], eye.project(np.array([1.0, 20.0, 1.5])), atol=1e-3)


@pytest.mark.slow
def test_errors_are_as_large_as_the_covariance_says() -> None:
    eye = driving.camera()
    px = eye.project(np.column_stack([PLACES, np.zeros(4)]))
    squares = []
    for seed in range(120):
        ground = GroundPlane.fit(driving.survey(eye, seed))
        off = ground.to_ground(px) - PLACES
        common = ground.covariance(px, 0.0).common
        squares.append(np.einsum("ni,nij,nj->n", off, np.linalg.inv(common), off))
    # Chi-square with two degrees of freedom has mean 2; no survey is taken for better than stated.
    assert 1.3 < np.mean(squares) < 2.3


def test_pixel_error_grows_with_distance_and_the_survey_does_not_average_out() -> None:
    ground = GroundPlane.fit(driving.survey(driving.camera()))
    px = ground.to_px(np.array([[0.0, 15.0], [0.0, 50.0]]))
    cov = ground.covariance(px, 1.0)
    along = np.sqrt(cov.independent[:, 1, 1])
    assert along[1] > 8 * along[0]
    step = (ground.to_ground(px + np.array([0, 0.01])) - ground.to_ground(px))[:, 1] / 0.01
    np.testing.assert_allclose(along, np.hypot(step, 0), rtol=0.05)
    np.testing.assert_allclose(cov.total, cov.independent + cov.common)


@pytest.mark.parametrize("width_px", [1280, 640])
def test_a_picture_that_lies_otherwise_leaves_as_much_open_as_places_have_moved(width_px: int) -> None:
    ground = GroundPlane.fit(driving.survey(driving.camera()))
    moves = np.array([[1.0, 0.002, 0.4], [-0.002, 1.0, -1.5], [0.0, 0.0, 1.0]])
    px = ground.to_px(PLACES)
    moved_px = px @ moves[:2, :2].T + moves[:2, 2]
    off_m = ground.to_ground(moved_px) - PLACES
    before = ground.covariance(px, 0.0).common
    now, scale = ground.displaced(moves).for_picture(width_px, width_px * 9 // 16), width_px / 1280
    np.testing.assert_allclose(
        now.to_ground(scale * px), PLACES, atol=1e-9, err_msg="it is not corrected for"
    )
    after = now.covariance(scale * px, 0.0).common
    np.testing.assert_allclose(after, before + np.einsum("ni,nj->nij", off_m, off_m), rtol=0.1, atol=1e-4)


def test_sky_is_nowhere_on_the_ground() -> None:
    ground = GroundPlane.fit(driving.survey(driving.camera()))
    sky = np.array([[640.0, -300.0], [640.0, -4000.0]])
    assert np.isnan(ground.to_ground(sky)).all()
    assert np.isnan(ground.to_px(np.array([[0.0, -40.0]]))).all()
    xy, cov = ground.box_to_ground(np.array([[600.0, -400.0, 700.0, -300.0]]), 1.0)
    assert np.isnan(xy).all()
    assert np.isnan(cov.independent).all()


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.floats(0, 1280), st.floats(0, 720))
def test_a_pixel_is_a_place_that_projects_back_to_it_or_nothing(u: float, v: float) -> None:
    ground = GroundPlane.fit(driving.survey(driving.camera("high")))
    place = ground.to_ground(np.array([[u, v]]))
    if np.isfinite(place).all() and np.abs(place).max() < 1e4:
        np.testing.assert_allclose(ground.to_px(place), [[u, v]], atol=1e-3)


def test_box_stands_on_the_middle_of_its_lower_edge() -> None:
    ground = GroundPlane.fit(driving.survey(driving.camera(), seed=None))
    u, v = ground.to_px(np.array([[1.0, 20.0]]))[0]
    xy, _ = ground.box_to_ground(np.array([[u - 40, v - 60, u + 40, v]]), 1.0)
    np.testing.assert_allclose(xy, [[1.0, 20.0]], atol=1e-4)


def test_points_on_a_line_are_refused() -> None:
    eye = driving.camera()
    ground = np.array([(0.5 * k - 1, 12.0 + 5 * k) for k in range(7)])
    px = eye.project(np.column_stack([ground, np.zeros(7)]))
    config = driving.survey(eye).model_copy(
        update={
            "points": tuple(SurveyPoint(px=tuple(p), m=tuple(m)) for p, m in zip(px, ground, strict=True))
        }
    )
    with pytest.raises(CalibrationError, match=r"road-1\.calibration\.points: expected points spread.*line"):
        GroundPlane.fit(config, "road-1.calibration")


def test_three_of_four_on_a_line_are_refused() -> None:
    eye = driving.camera()
    ground = np.array([(-3.0, 12.0), (-3.0, 25.0), (-3.0, 40.0), (3.0, 25.0)])
    px = eye.project(np.column_stack([ground, np.zeros(4)]))
    points = tuple(SurveyPoint(px=tuple(p), m=tuple(m)) for p, m in zip(px, ground, strict=True))
    with pytest.raises(CalibrationError, match="determine the plane"):
        GroundPlane.fit(driving.survey(eye).model_copy(update={"points": points}))


def test_three_points_are_too_few() -> None:
    config = driving.survey(driving.camera())
    with pytest.raises(CalibrationError, match="at least 4 points, got 3"):
        GroundPlane.fit(config.model_copy(update={"points": config.points[:3]}))


def test_a_wrong_point_is_named() -> None:
    config = driving.survey(driving.camera())
    x, y = config.points[0].m
    with pytest.raises(CalibrationError, match=r"points\.0: expected points that agree.*this point again"):
        GroundPlane.fit(changed(config, m=(x + 1.0, y)))


def test_a_point_in_the_sky_is_refused() -> None:
    config = driving.survey(driving.camera())
    with pytest.raises(CalibrationError, match="points"):
        GroundPlane.fit(changed(config, px=(640.0, -500.0)))


def test_points_that_were_marked_in_a_larger_picture_are_refused() -> None:
    """They agree with one another, and every speed would come out half as high again."""
    config = driving.survey(driving.camera())
    points = tuple(p.model_copy(update={"px": (1.5 * p.px[0], 1.5 * p.px[1])}) for p in config.points)
    with pytest.raises(
        CalibrationError, match=r"points\.\d+\.px: expected a point in the picture of 1280 x 720"
    ):
        GroundPlane.fit(config.model_copy(update={"points": points}))


def test_a_point_at_the_edge_may_be_marked_as_far_beyond_it_as_marks_are_wrong() -> None:
    config = driving.survey(driving.camera())
    most_px = max(p.px[0] for p in config.points)
    GroundPlane.fit(config.model_copy(update={"picture_px": (most_px - 2.9 * config.error_px, 720)}))
    with pytest.raises(CalibrationError, match=r"points\.\d+\.px: expected a point in the picture"):
        GroundPlane.fit(config.model_copy(update={"picture_px": (most_px - 3.1 * config.error_px, 720)}))


def test_four_points_are_taken_and_nothing_checks_them() -> None:
    config = driving.survey(driving.camera())
    chosen = tuple(config.points[i] for i in (0, 1, -2, -1))
    ground = GroundPlane.fit(config.model_copy(update={"points": chosen}))
    assert (ground.residual.dof, GroundPlane.fit(config).residual.dof > 0) == (0, True)


def test_another_size_of_the_same_picture_scales_and_another_shape_is_refused() -> None:
    ground = GroundPlane.fit(driving.survey(driving.camera()))
    double = ground.for_picture(2560, 1440)
    np.testing.assert_allclose(double.to_px(PLACES), 2 * ground.to_px(PLACES))
    assert double.camera_m[1] == pytest.approx(ground.camera_m[1], rel=1e-6)
    assert ground.for_picture(1280, 720) is ground
    with pytest.raises(CalibrationError, match="640x480"):
        ground.for_picture(640, 480)


def test_validity_begins_and_ends_with_the_survey() -> None:
    ground = GroundPlane.fit(driving.survey(driving.camera()))
    days = [date(2026, 4, 30), date(2026, 5, 1), date(2027, 5, 1), date(2027, 5, 2)]
    assert [ground.valid_on(day) for day in days] == [False, True, True, False]


@pytest.mark.parametrize(("dof", "exact"), [(2, 13.816), (4, 18.467), (10, 29.588), (16, 39.252)])
def test_chi_square_quantile(dof: int, exact: float) -> None:
    assert chi2_quantile(dof) == pytest.approx(exact, rel=0.025)
