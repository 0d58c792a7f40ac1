"""A frame of video, its capture time, and what the camera's clock is worth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from flows.domain.fixes import Fixes

ClockSource = Literal["site", "container", "rtcp", "arrival", "scene", "device", "file-time"]
"""Where the wall-clock anchor came from: the site file, the container's creation time, RTCP sender reports,
the arrival of the first packet, a rendered scene, the times that a device writes with its tracks, or (worst)
the file's modification time."""

VOUCHED_CLOCKS: Final[dict[ClockSource, str]] = {
    "site": "the site file's started_at",
    "device": "the device's own times",
    "container": "the recording's own creation time",
    "rtcp": "the camera's sender reports (RTCP)",
    "scene": "the rendered scene",
    "arrival": "arrival at this host; keep the host on NTP",
}
"""Anchors that evidence may rest on. A file's modification time is none: copying changes it."""


class Picture(Protocol):
    """Pixels of one frame, converted only when and to the size that somebody asks for."""

    @property
    def width_px(self) -> int: ...

    @property
    def height_px(self) -> int: ...

    def luma(self) -> NDArray[np.uint8]:
        """The luma plane, ``(height, width)`` uint8, a view where the decoder allows it."""
        ...

    def bgr(self, width_px: int | None = None, height_px: int | None = None) -> NDArray[np.uint8]:
        """``(height, width, 3)`` uint8 BGR, resized to the given size (full resolution by default)."""
        ...

    def region(self, x0: int, y0: int, x1: int, y1: int) -> NDArray[np.uint8]:
        """``(y1 - y0, x1 - x0, 3)`` uint8 BGR of a part that lies in the picture; costs no more than the part."""
        ...

    def cut(self, x0: int, y0: int, x1: int, y1: int) -> Cutout:
        """A part, as far as the picture goes, that may outlive it."""
        ...


class Cutout(Protocol):
    """A part of a picture in memory of its own, converted only when somebody asks for it."""

    @property
    def nbytes(self) -> int:
        """Held by it."""
        ...

    def bgr(self) -> NDArray[np.uint8]:
        """``(height, width, 3)`` uint8 BGR, pixel by pixel what the whole picture's ``bgr()`` shows there."""
        ...


@dataclass(frozen=True, slots=True)
class NoPixels:
    """A picture whose pixels were let go, or were never there; its size is all that rules need."""

    width_px: int
    height_px: int

    def luma(self) -> NoReturn:
        raise RuntimeError("this frame's pixels were let go; evidence takes pictures from the packet ring")

    def bgr(self, width_px: int | None = None, height_px: int | None = None) -> NoReturn:
        raise RuntimeError("this frame's pixels were let go; evidence takes pictures from the packet ring")

    def region(self, x0: int, y0: int, x1: int, y1: int) -> NoReturn:
        raise RuntimeError("this frame's pixels were let go; evidence takes pictures from the packet ring")

    def cut(self, x0: int, y0: int, x1: int, y1: int) -> NoReturn:
        raise RuntimeError("this frame's pixels were let go; evidence takes pictures from the packet ring")


@dataclass(frozen=True, slots=True)
class ClockState:
    """What is known of the clock that stamped a frame.

    Attributes:
        source: Where the wall-clock anchor came from.
        anchored_at: Aware UTC of the stream's time zero.
        rate_hz: Frame rate measured from capture times (nan until enough frames were seen).
        jitter_s: Standard deviation of the inter-frame interval round its median, seconds.
        time_error_s: Standard error of one frame's capture time relative to the others of the stream.
        scale_error: Relative standard error of elapsed time, for example 1e-4: the clock's drift, and of a live stream
            by how much its timestamps ran apart from arrival in the last minute.
        unsettled_s: By how much the anchor is known to be off and is being moved, little by little; or arrival to have
            run apart from it.
        guesses: Frames so far whose own timestamp was missing or not believed, so that it was guessed.
    """

    source: ClockSource
    anchored_at: datetime
    rate_hz: float = float("nan")
    jitter_s: float = 0.0
    time_error_s: float = 0.002
    scale_error: float = 1e-4
    unsettled_s: float = 0.0
    guesses: int = 0


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded frame.

    Attributes:
        camera_id: The camera in the site file.
        index: Decoded frames since the source was first opened; never reset by a reconnect.
        at: Capture time, aware UTC: the stream's clock plus its anchor. Strictly increasing in a camera.
        picture: The pixels.
        clock: The clock's state when this frame was stamped.
        session: Counts (re)connections of the source; a new session may have other geometry.
        fixes: What a device that follows objects by itself says of this moment; None from a camera.
    """

    camera_id: str
    index: int
    at: datetime
    picture: Picture
    clock: ClockState
    session: int = 0
    fixes: Fixes | None = None
