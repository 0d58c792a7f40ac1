"""A camera's frames between decoder and tracker: sent in groups, answered in any order, taken in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from flows.domain.detections import Detections
from flows.domain.fixes import Fixes
from flows.domain.frames import Frame, Picture

BATCH_FRAMES: Final = 8
"""Frames in a request. Against a bare loop on 2 cores: 1 frame 0.55, 4 frames 0.79, 8 frames 1.21."""
IN_FLIGHT: Final = 2
"""Requests under way: one that a replica has in hand, one that waits there for it."""

State = Literal["skipped", "waiting", "sent", "seen", "dropped"]


@dataclass(slots=True, eq=False)
class Item:
    """A frame under way.

    Attributes:
        frame: Without its pixels.
        picture: ``(h, w, 3)`` uint8 BGR at the detector's size, while it waits for the detector.
        state: ``skipped`` was never to be looked at; ``dropped`` was, but newer frames came.
        found: What the detector saw, or what a device reports, once ``seen``.
        held: The whole picture, where somebody may be searched for in it: until the detector has answered.
        viewed: Likewise, where a rule may want vehicles looked at closely: until it has seen them.
    """

    frame: Frame
    picture: NDArray[np.uint8] | None = None
    state: State = "skipped"
    found: Detections | Fixes | None = None
    held: Picture | None = None
    viewed: Picture | None = None

    def __post_init__(self) -> None:
        if self.found is not None:
            self.state = "seen"
        elif self.picture is not None:
            self.state = "waiting"


class Window:
    """Keeps order and bounds.

    Args:
        lossless: A file's frames are never dropped; of a live camera's waiting frames the newest win.
        batch: Most frames in a request.
        in_flight: Most requests under way.
    """

    def __init__(self, lossless: bool, batch: int = BATCH_FRAMES, in_flight: int = IN_FLIGHT) -> None:
        self._lossless, self._batch, self._in_flight = lossless, batch, in_flight
        self._items: deque[Item] = deque()
        self._waiting: deque[Item] = deque()
        self.requests = 0
        self.dropped = 0

    def __len__(self) -> int:
        """Frames that have not been taken out yet."""
        return len(self._items)

    def add(self, item: Item) -> None:
        """Takes the next frame in."""
        self._items.append(item)
        if item.state != "waiting":
            return
        self._waiting.append(item)
        if not self._lossless and len(self._waiting) > self._batch:
            self._drop(self._waiting.popleft())

    def next_request(self, last: bool = False) -> list[Item]:
        """Frames to send now; none while there is nothing to send or too much is under way.

        A file waits for a full request while others are under way; a live camera sends what there is.

        Args:
            last: Nothing more comes until these are answered.
        """
        if not self._waiting or self.requests >= self._in_flight:
            return []
        full = len(self._waiting) >= self._batch
        if self._lossless and not (full or last or self.requests == 0):
            return []
        first = self._waiting[0]
        request: list[Item] = []
        while self._waiting and len(request) < self._batch and _alike(first, self._waiting[0]):
            item = self._waiting.popleft()
            item.state = "sent"
            request.append(item)
        self.requests += 1
        return request

    def answered(self, request: Sequence[Item], found: Sequence[Detections]) -> None:
        """The detector answered a request."""
        for item, detections in zip(request, found, strict=True):
            item.state, item.found, item.picture = "seen", detections, None
        self.requests -= 1

    def given_up(self, request: Sequence[Item]) -> None:
        """Nobody will answer a request; its frames are dropped and counted."""
        for item in request:
            self._drop(item)
        self.requests -= 1

    def ready(self) -> Iterator[Item]:
        """Frames whose turn has come, in order, each taken out as it is handed over."""
        while self._items and self._items[0].state not in ("waiting", "sent"):
            yield self._items.popleft()

    def _drop(self, item: Item) -> None:
        item.state, item.picture, item.held, item.viewed = "dropped", None, None, None
        self.dropped += 1


def _alike(a: Item, b: Item) -> bool:
    """Whether two frames may share a request: a stream may change its size at any moment."""
    if a.picture is None or b.picture is None or a.picture.shape != b.picture.shape:
        return False
    p, q = a.frame.picture, b.frame.picture
    return (p.width_px, p.height_px) == (q.width_px, q.height_px)
