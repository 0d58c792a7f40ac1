from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from flows.domain.detections import Detections
from flows.domain.frames import ClockState, Frame, NoPixels
from flows.stream.window import Item, Window

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


def make_item(index: int, passes: bool = True, size_px: tuple[int, int] = (64, 36)) -> Item:
    clock = ClockState("site", START)
    frame = Frame("c", index, START + timedelta(seconds=index), NoPixels(*size_px), clock)
    return Item(frame, np.zeros((9, 16, 3), np.uint8) if passes else None)


def answer(window: Window, request: list[Item]) -> None:
    window.answered(request, [Detections.empty()] * len(request))


def indices(items: object) -> list[int]:
    return [item.frame.index for item in items]  # type: ignore[attr-defined]


def test_a_file_fills_requests_and_keeps_order() -> None:
    window = Window(lossless=True, batch=3, in_flight=2)
    for index in range(8):
        window.add(make_item(index, passes=index != 2))
    first, second = window.next_request(), window.next_request()
    assert indices(first) == [0, 1, 3]
    assert indices(second) == [4, 5, 6]
    assert window.next_request() == []
    answer(window, second)
    assert indices(window.ready()) == []
    answer(window, first)
    assert indices(window.ready()) == [0, 1, 2, 3, 4, 5, 6]
    assert len(window) == 1


def test_a_file_does_not_send_crumbs_while_something_is_under_way() -> None:
    window = Window(lossless=True, batch=3)
    window.add(make_item(0))
    assert indices(window.next_request()) == [0]
    window.add(make_item(1))
    assert window.next_request() == []
    assert indices(window.next_request(last=True)) == [1]


def test_a_live_camera_sends_what_there_is_and_its_newest_frames_win() -> None:
    window = Window(lossless=False, batch=3, in_flight=1)
    window.add(make_item(0))
    first = window.next_request()
    assert indices(first) == [0]
    for index in range(1, 6):
        window.add(make_item(index))
    assert window.dropped == 2
    answer(window, first)
    assert [(i.frame.index, i.state) for i in window.ready()] == [(0, "seen"), (1, "dropped"), (2, "dropped")]
    assert indices(window.next_request()) == [3, 4, 5]


def test_a_file_drops_nothing() -> None:
    window = Window(lossless=True, batch=2, in_flight=1)
    for index in range(50):
        window.add(make_item(index))
    assert window.dropped == 0


def test_a_change_of_size_begins_a_new_request() -> None:
    window = Window(lossless=True)
    for index in range(4):
        window.add(make_item(index, size_px=(64, 36) if index < 2 else (128, 72)))
    assert indices(window.next_request(last=True)) == [0, 1]
    assert indices(window.next_request(last=True)) == [2, 3]


def test_what_is_given_up_is_counted_and_lets_the_others_pass() -> None:
    window = Window(lossless=False)
    window.add(make_item(0))
    window.given_up(window.next_request())
    assert [i.state for i in window.ready()] == ["dropped"]
    assert (window.dropped, window.requests, len(window)) == (1, 0, 0)
