from __future__ import annotations

import numpy as np
import pytest

from flows.pictures.blurring import BLOCKS, blur_boxes, blur_others, mosaic


def noise(height: int = 97, width: int = 160) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


def test_outside_the_kept_boxes_nothing_finer_than_a_block_is_left() -> None:
    picture = noise()
    out = blur_others(picture, [(40, 20, 80, 60)])
    assert (out[20:60, 40:80] == picture[20:60, 40:80]).all()
    out[20:60, 40:80] = 0
    assert len(np.unique(out.reshape(-1, 3), axis=0)) <= 13 * 20 + 1  # blocks of 8 px


def test_without_a_box_everything_is_a_mosaic_of_means() -> None:
    picture = noise(320, 320)
    out = blur_others(picture, [])
    assert (out == mosaic(picture)).all()
    side = -(-320 // BLOCKS)
    block = picture[:side, :side].reshape(-1, 3).mean(axis=0)
    assert out[0, 0] == pytest.approx(block, abs=1)


@pytest.mark.slow
def test_a_head_that_fills_the_picture_is_six_blocks_high() -> None:
    out = mosaic(noise(1080, 1920))
    changes = np.abs(np.diff(out[:, 0].astype(int), axis=0)).max(axis=1) > 0
    assert changes.sum() < 6


def test_known_bystanders_are_made_unrecognisable_and_the_rest_stays() -> None:
    picture = noise()
    out = blur_boxes(picture, [(10.2, 10.2, 29.9, 39.5)])
    assert (out[10:40, 10:30] == mosaic(picture)[10:40, 10:30]).all()
    out[10:40, 10:30] = picture[10:40, 10:30]
    assert (out == picture).all()


@pytest.mark.parametrize("box", [(-50, -50, -1, -1), (500, 500, 600, 600), (30, 30, 10, 10)])
def test_boxes_outside_the_picture_keep_nothing(box: tuple[float, float, float, float]) -> None:
    assert (blur_others(noise(), [box]) == mosaic(noise())).all()


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (16, 16)])
def test_any_size_will_do(shape: tuple[int, int]) -> None:
    assert mosaic(noise(*shape)).shape == (*shape, 3)
