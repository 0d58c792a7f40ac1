"""Heads are cut where they are, small enough to travel; bystanders cannot be told."""

import numpy as np
import pytest
from portraits import astronaut, beside

from flows.domain.faces import MOST_BYTES
from flows.faces.cutting import LONGEST_PX, blurred, cut, decoded, head_of
from flows.settings import Settings
from models.faces.looker import make


class Whole:
    """A picture from an array."""

    def __init__(self, bgr: np.ndarray) -> None:
        self._bgr = bgr
        self.height_px, self.width_px = bgr.shape[:2]

    def region(self, x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
        return self._bgr[y0:y1, x0:x1]


@pytest.mark.parametrize(
    ("box", "head"),
    [
        ((100, 100, 200, 400), (90, 82, 210, 200)),  # stands
        ((100, 100, 300, 300), (80, 88, 320, 300)),  # cut off below: the head fills it
        ((-50, -20, 50, 280), (0, 0, 60, 80)),  # at the edge
        ((1300, 100, 1400, 400), None),
    ],
)
def test_where_the_head_is(box: tuple[float, ...], head: tuple[int, ...] | None) -> None:
    assert head_of(np.array(box, np.float32), 1280, 720) == head


def test_large_regions_are_shrunk_and_noise_still_fits_in_a_message() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (900, 900, 3), np.uint8)
    jpeg = cut(Whole(noise), (0, 0, 900, 900))  # type: ignore[arg-type]
    assert len(jpeg) <= MOST_BYTES
    assert max(decoded(jpeg).shape) == LONGEST_PX


@pytest.mark.slow
def test_who_is_blurred_is_nobody_to_the_search_and_the_other_one_stays(tmp_path) -> None:
    eyes = make("dlib", Settings.from_env({"DOME_HOME": str(tmp_path)}))
    two = beside(2)
    first, second = sorted(eyes.boxes(two))
    before = eyes.see(two, (0.25, 0.4))
    out = blurred(two, [second])
    assert [box for box in eyes.boxes(out) if box[0] > 512] == []
    after = eyes.see(out, (0.25, 0.4))
    assert before is not None
    assert after is not None
    assert after.xyxy == pytest.approx(before.xyxy, abs=4)
    assert float(before.vector @ after.vector) > 0.995
    own = eyes.see(astronaut()[:300])
    assert own is not None
    cells = out[int(second[1]) : int(second[3]), int(second[0]) : int(second[2])]
    assert len(np.unique(cells.reshape(-1, 3), axis=0)) <= 49
    assert first[0] < 512
