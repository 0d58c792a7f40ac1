"""What is cut of vehicles while their frames' pixels are at hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from media import draw

from flows.domain.events import KeyMoment, View
from flows.evidence.viewshelf import ViewShelf, part_of
from flows.sources.picture import ArrayPicture

BOX = (100.0, 80.0, 140.0, 110.0)


def view(seconds: float) -> View:
    return datetime(2026, 9, 1, tzinfo=UTC) + timedelta(seconds=seconds), BOX


def moment(seconds: float) -> KeyMoment:
    at, xyxy = view(seconds)
    return KeyMoment(name="look", at=at, xyxy=xyxy)


def test_a_view_is_the_vehicle_with_what_is_round_it_and_stays_with_whoever_took_it() -> None:
    shelf = ViewShelf()
    shelf.take(ArrayPicture(draw(1)), [view(1)])
    shelf.take(ArrayPicture(draw(2)), [view(2)])
    held = shelf.of([moment(1), moment(2), moment(3), KeyMoment(name="signal", at=view(1)[0])])
    assert list(held) == [view(1), view(2)]
    shelf.keep({view(2)})
    assert list(shelf.of([moment(1), moment(2)])) == [view(2)]
    left, top, right, bottom = part_of(BOX)
    assert np.array_equal(held[view(1)].bgr(), draw(1)[top:bottom, left:right])


def test_memory_is_bounded_and_given_back() -> None:
    picture = ArrayPicture(draw(1))
    shelf = ViewShelf()
    shelf.take(picture, [view(0)])
    one = shelf.held_bytes
    full = ViewShelf(max_bytes=3 * one)
    full.take(picture, [view(s) for s in range(9)])
    assert full.held_bytes == 3 * one
    full.keep({view(0)})
    full.take(picture, [view(7)])
    assert list(full.of([moment(0), moment(1), moment(7)])) == [view(0), view(7)]
    full.keep(set())
    assert full.held_bytes == 0
