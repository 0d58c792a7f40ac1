"""What the edges of cells that belong together say, whatever their shape."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from flows.objects.blobs import Mask, blobs, closed, look_of, stands_out


def fence() -> Mask:
    """A fence's shadow: bars two cells wide, five apart, under a rail."""
    mask = np.zeros((135, 240), bool)
    for column in range(20, 220, 5):
        mask[40:115, column : column + 2] = True
    mask[38:40, 20:222] = True
    return mask


def test_a_blob_of_many_edges_costs_no_memory() -> None:
    """A fence's shadow took 718 MB, in each camera's process that sees one."""
    (blob,) = blobs(closed(fence()), 5)
    before = np.random.default_rng(0).normal(120, 6, (*blob.shape, 3)).astype(np.float32)
    now = before.copy()
    now[blob, 0] -= 40
    tracemalloc.start()
    try:
        assert look_of(blob, now, before) == "light"
        assert stands_out(blob, now)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("gap", [1, 2, 3, 6])
def test_edges_are_told_from_what_is_nearest_even_across_a_gap(gap: int) -> None:
    """A gap of one or two cells has no surroundings of its own: those of the whole are asked, however far."""
    blob = np.zeros((60, 60), bool)
    blob[10:50, 10:50] = True
    blob[20 : 20 + gap, 20 : 20 + gap] = False
    now = np.full((60, 60, 3), 100, np.float32)
    now[blob] = 100 + np.float32(20)
    assert stands_out(blob, now)
    now[blob] = 100 + np.float32(10)
    assert not stands_out(blob, now)
