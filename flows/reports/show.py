"""What others see of a clip or photo: a mosaic, but for what the report is about.

Of a vehicle its lower part stays: plate and wheels. Who sits in it, or rides on it, is not needed for the report.
People who are found before it are made unrecognisable as well; whoever is not found is in the mosaic anyway, unless
they stand right before its lower part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from flows.pictures.blurring import blur_boxes, blur_others
from flows.pictures.jpeg import jpeg
from flows.reports.watch import BoxPx, Seen
from flows.uploads.frames import RATE_HZ, ClipFrame

KEPT: Final = 0.6
"""Share of a vehicle's height, from below, that stays: windows begin at about 0.55 in cars, higher in lorries."""
MARGIN: Final = 0.04
"""Of a box's size, by which detectors cut things off."""
NEAR_S: Final = 0.35
"""A box seen so long before or after a frame is its box: three frames without a detection."""
QUALITY: Final = 85
CODING: Final = {"preset": "veryfast", "crf": "27", "bf": "0"}
"""Without frames that look ahead: times are the clip's own, not a rate's."""
TICKS: Final = 1000


def lower(box: BoxPx) -> BoxPx:
    """The part of a vehicle's box that stays as it is.

    >>> lower((100, 100, 200, 200))
    (96.0, 140.0, 204.0, 204.0)
    """
    x0, y0, x1, y1 = box
    wide, high = MARGIN * (x1 - x0), MARGIN * (y1 - y0)
    return x0 - wide, y1 - KEPT * (y1 - y0), x1 + wide, y1 + high


def masked(rgb: NDArray[np.uint8], keep: Iterable[BoxPx], people: Iterable[BoxPx] = ()) -> NDArray[np.uint8]:
    """A picture in which only what lies in the kept boxes can be recognised, and nobody of those who were found."""
    return blur_boxes(blur_others(rgb, keep), people)


def shown(frames: Iterable[ClipFrame], seen: Seen, stills_s: Sequence[float], to: Path) -> list[bytes]:
    """Writes the clip as others see it (MP4); returns stills at some moments (JPEG each).

    Args:
        frames: Of the clip, once more.
        seen: What there is in it.
        stills_s: Moments, seconds after the first frame.
        to: The file to be written.
    """
    stills: list[tuple[float, bytes]] = [(float("inf"), b"")] * len(stills_s)
    with av.open(str(to), "w", format="mp4", options={"movflags": "+faststart"}) as sink:
        stream = None
        for each, rgb in _masked_frames(frames, seen):
            if stream is None:
                stream = sink.add_stream("libx264", rate=Fraction(round(RATE_HZ)), options=dict(CODING))
                stream.height, stream.width, stream.pix_fmt = *rgb.shape[:2], "yuv420p"
                stream.codec_context.time_base = Fraction(1, TICKS)
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            frame.pts, frame.time_base = round(each.after_s * TICKS), Fraction(1, TICKS)
            sink.mux(stream.encode(frame))
            for i, at_s in enumerate(stills_s):
                off_s = abs(each.after_s - at_s)
                if off_s < stills[i][0]:
                    stills[i] = (off_s, jpeg(rgb[:, :, ::-1], QUALITY, whole_colour=False))
        if stream is not None:
            sink.mux(stream.encode(None))
    return [data for _, data in stills]


def best_moment_s(seen: Seen) -> float:
    """When what the report is about shows most; the middle where there is nothing."""
    boxes = {s: b for track in seen.subjects() for s, b in seen.vehicles.get(track, {}).items()}
    if not boxes:
        return seen.lasts_s / 2
    return max(boxes, key=lambda s: (shows(boxes[s], seen.size_px), -s))


def shows(box: BoxPx, size_px: tuple[int, int]) -> float:
    """Area of a box, px; a box at the picture's edge is cut off, and counts for little."""
    (x0, y0, x1, y1), (width, height) = box, size_px
    cut = min(x0, y0, width - x1, height - y1) < 0.02 * height
    return (x1 - x0) * (y1 - y0) * (0.2 if cut else 1.0)


def _masked_frames(frames: Iterable[ClipFrame], seen: Seen) -> Iterator[tuple[ClipFrame, NDArray[np.uint8]]]:
    ways = {track: seen.vehicles.get(track, {}) for track in seen.subjects()}
    left = seen.left_shown()
    for each in frames:
        people = seen.people.get(each.after_s)
        keep = [lower(box) for way in ways.values() if (box := at(way, each.after_s)) is not None]
        rgb = np.ascontiguousarray(each.bgr[:, :, ::-1])
        # In a frame in which nobody has looked for people there may be some.
        yield each, masked(rgb, [*keep, *left] if people is not None else (), people or ())


def at(way: Mapping[float, BoxPx], at_s: float) -> BoxPx | None:
    """A vehicle's box at a moment, or None where it is not seen."""
    if at_s in way:
        return way[at_s]
    near = min(way, key=lambda s: abs(s - at_s), default=float("inf"))
    return way[near] if abs(near - at_s) <= NEAR_S else None
