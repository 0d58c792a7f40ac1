"""People with a real face who walk through a picture: for the bench and the tests of face searches.

No renderer and no trained detector: each wears one pure colour, and :class:`BodyDetector` finds that.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from flows.domain.detections import Detections
from flows.domain.inference import DetectorSpec

Image = NDArray[np.uint8]

SIZE_PX: Final = (1280, 720)
FPS: Final = 12.5
COLOURS: Final = ((40, 40, 225), (40, 225, 40), (225, 60, 40))
"""BGR of what they wear."""
BODY_PX: Final = (200, 330)
HEAD_PX: Final = 190
HEAD: Final = (150, 20, 310, 220)
"""Where the head is in scikit-image's portrait."""


def portrait() -> Image:
    """``(512, 512, 3)`` uint8 BGR: NASA's portrait of Eileen Collins, which anybody may use (scikit-image)."""
    from skimage.data import astronaut

    return np.ascontiguousarray(astronaut()[..., ::-1])  # type: ignore[no-untyped-call]


def head_of(picture: Image) -> Image:
    """The portrait's head at the size it has on a walker."""
    from PIL import Image as Pil

    left, top, right, bottom = HEAD
    cut = Pil.fromarray(np.ascontiguousarray(picture[top:bottom, left:right]))
    width = round((right - left) * HEAD_PX / (bottom - top))
    return np.asarray(cut.resize((width, HEAD_PX), Pil.Resampling.LANCZOS))


@dataclass(frozen=True)
class Walker:
    """Somebody who crosses the picture from left to right.

    Attributes:
        head: ``(h, w, 3)`` uint8 BGR.
        colour: Index into :data:`COLOURS`; people who are in the picture together differ.
        from_s: When they come in.
        pace_px: Pixels a second.
    """

    head: Image
    colour: int = 0
    from_s: float = 0.0
    pace_px: float = 260.0

    def draw(self, picture: Image, t_s: float) -> None:
        """Onto a BGR picture."""
        wide, high = BODY_PX
        left = round(-wide + self.pace_px * (t_s - self.from_s))
        if left > SIZE_PX[0]:
            return
        top = SIZE_PX[1] - high
        x0, x1 = max(0, left), min(SIZE_PX[0], left + wide)
        if x1 > x0:
            picture[top:, x0:x1] = COLOURS[self.colour]
        rows, columns = self.head.shape[:2]
        at = left + (wide - columns) // 2
        x0, x1 = max(0, at), min(SIZE_PX[0], at + columns)
        if x1 > x0:
            picture[top - rows : top, x0:x1] = self.head[:, x0 - at : x1 - at]


def draw(walkers: Sequence[Walker], t_s: float) -> Image:
    """One frame, BGR."""
    picture = np.full((SIZE_PX[1], SIZE_PX[0], 3), 118, np.uint8)
    for walker in walkers:
        if t_s >= walker.from_s:
            walker.draw(picture, t_s)
    return picture


class BodyDetector:
    """Finds the walkers by what they wear, and adds the head."""

    def __init__(self) -> None:
        self.spec = DetectorSpec("bodies", (640, 640), ("person",), "0" * 64)

    def detect(self, pictures: Sequence[Image]) -> list[Detections]:
        """See :class:`models.detector.base.Detector`."""
        return [self._find(picture) for picture in pictures]

    def _find(self, bgr: Image) -> Detections:
        boxes = []
        scale = bgr.shape[1] / SIZE_PX[0]
        for colour in COLOURS:
            near = (np.abs(bgr.astype(np.int16) - colour) < 60).all(axis=2)
            if near.sum() > 400 * scale:
                rows, columns = np.flatnonzero(near.any(1)), np.flatnonzero(near.any(0))
                boxes.append((columns[0], rows[0] - HEAD_PX * scale, columns[-1] + 1, rows[-1] + 1))
        n = len(boxes)
        xyxy = np.array(boxes, np.float32).reshape(n, 4)
        return Detections(xyxy, np.full(n, 0.9, np.float32), np.zeros(n, np.int32), self.spec.names)


def load(name: str, settings: object) -> BodyDetector:
    """A loader for the detector deployment: ``cluster.bench.walkers:load``."""
    return BodyDetector()


class Sender:
    """Sends walkers as a live camera would: MPEG-TS over UDP to this machine, in real time, for ever.

    Args:
        walkers: Who walks.
        period_s: After which they walk again.
    """

    def __init__(self, walkers: Sequence[Walker], period_s: float) -> None:
        self._walkers, self._period_s = walkers, period_s
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"udp://127.0.0.1:{port}"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)

    def __enter__(self) -> Sender:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def source(self) -> str:
        """The camera's source in a site file."""
        return f"{{kind: stream, url: '{self.url}', format: mpegts}}"

    def _send(self) -> None:
        with av.open(f"{self.url}?pkt_size=1316", "w", format="mpegts") as sink:
            stream: Any = sink.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = *SIZE_PX, "yuv420p"
            stream.options = {"preset": "ultrafast", "tune": "zerolatency", "crf": "20"}
            stream.codec_context.gop_size = 12
            begin, index = time.monotonic(), 0
            while not self._stop.wait(max(0.0, begin + index / FPS - time.monotonic())):
                frame = av.VideoFrame.from_ndarray(
                    draw(self._walkers, index / FPS % self._period_s), format="bgr24"
                )
                frame.pts = index * 2
                sink.mux(stream.encode(frame))
                index += 1
