from __future__ import annotations

import numpy as np
import pytest

from flows.road.crosswalk import Crosswalk, extent_in_band
from flows.road.roadway import Area, heading


def area(*corners: tuple[float, float], name: str = "c", deg: float | None = None) -> Area:
    return Area(name, np.array(corners, float), None if deg is None else heading(deg))


ROAD = area((-7, 22), (7, 22), (7, 26), (-7, 26))
ISLAND = area((-1, 21), (1, 21), (1, 27), (-1, 27), name="island")


def where(crosswalk: Crosswalk, x: float, y: float) -> tuple[float, float] | None:
    """The stretch as ground x, whichever way the local axis runs."""
    found = crosswalk.stretch(crosswalk.local(np.array([x, y])))
    if found is None:
        return None
    ends = [float((crosswalk.middle_m + s * crosswalk.across)[0]) for s in found]
    return round(min(ends), 6), round(max(ends), 6)


def test_people_cross_along_the_longer_side() -> None:
    crosswalk = Crosswalk.of(ROAD)
    assert abs(crosswalk.across[0]) == pytest.approx(1)
    assert crosswalk.depth == pytest.approx((-2, 2))


def test_a_crosswalk_deeper_than_the_road_states_its_traffic() -> None:
    deep = ((-1.75, 20.0), (1.75, 20.0), (1.75, 26.0), (-1.75, 26.0))
    assert abs(Crosswalk.of(area(*deep)).across[0]) == pytest.approx(0)
    assert abs(Crosswalk.of(area(*deep, deg=180.0)).across[0]) == pytest.approx(1)


def test_the_stretch_is_from_kerb_to_kerb_or_to_the_median() -> None:
    open_road, divided = Crosswalk.of(ROAD), Crosswalk.of(ROAD, [ISLAND])
    assert where(open_road, 3, 24) == (-7, 7)
    assert where(divided, 3, 24) == (1, 7)
    assert where(divided, -3, 24) == (-7, -1)
    assert where(divided, 0.5, 24) is None


def test_kerbs_are_off_and_the_paint_s_edge_is_not_a_kerb() -> None:
    crosswalk = Crosswalk.of(ROAD)
    assert where(crosswalk, 7.1, 24) is None
    assert where(crosswalk, 3, 26.5) == (-7, 7)
    assert where(crosswalk, 3, 27) is None


def test_a_slanted_crosswalk_has_slanted_kerbs() -> None:
    slanted = Crosswalk.of(area((-7, 22), (7, 24), (7, 28), (-7, 26), deg=0))
    assert where(slanted, 0, 25) == (-7, 7)
    assert where(slanted, 0, 22) is None
    assert slanted.local(np.array([0.0, 25.0])) == pytest.approx([0, 0])


@pytest.mark.parametrize(
    ("low", "high", "extent"), [(0.5, 1.5, (-1, 1)), (1.4, 3, (-0.1, 0.1)), (2, 3, None)]
)
def test_extent_of_a_body_in_a_band(low: float, high: float, extent: tuple[float, float] | None) -> None:
    diamond = np.array([[0, -1.5], [1.5, 0], [0, 1.5], [-1.5, 0]])
    found = extent_in_band(diamond, low, high)
    assert found == (pytest.approx(extent) if extent else None)
