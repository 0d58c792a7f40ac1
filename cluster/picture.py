"""Draws what was found as a person wants to see it: who or what, how surely, where it was measured.

For reports and the README; evidence pictures are never drawn upon.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from flows.domain.events import KeyMoment, Measured, Violation
from flows.domain.objects import AbandonedObject
from flows.road.ground import GroundPlane

Rgb = tuple[int, int, int]

ACCENT: Final[Rgb] = (255, 77, 64)
TRAIL: Final[Rgb] = (255, 196, 61)
INK: Final[Rgb] = (245, 247, 250)
QUIET: Final[Rgb] = (168, 178, 192)
PANEL: Final = (13, 17, 23, 224)
SUPERSAMPLE: Final = 2
"""Overlays are drawn twice as large and scaled down: smooth lines from a drawing library without them."""


@dataclass(frozen=True, slots=True)
class Caption:
    """What stands below the picture.

    Attributes:
        camera: The camera's name.
        place: The district's name.
        at: Capture time of the picture.
        event_id: The event's id.
    """

    camera: str
    place: str
    at: datetime
    event_id: str


def draw_violation(
    rgb: NDArray[np.uint8],
    violation: Violation,
    moment: KeyMoment,
    plane: GroundPlane | None,
    caption: Caption,
) -> Image.Image:
    """The frame with the vehicle marked, its measured way, its speed with the interval, and an enlargement.

    Args:
        rgb: ``(H, W, 3)`` uint8 full-resolution frame at ``moment``.
        violation: What was measured.
        moment: Which of its moments the frame shows.
        plane: Ground plane of this picture, to draw the measured way; None leaves it out.
        caption: What stands below.
    """
    picture = Image.fromarray(rgb).convert("RGB")
    sheet = _Sheet(picture)
    if plane is not None and violation.trace:
        sheet.trail(plane.to_px(np.array([p[1:] for p in violation.trace])))
    if moment.xyxy is not None:
        sheet.brackets(moment.xyxy)
        sheet.inset(moment.xyxy)
        sheet.card(moment.xyxy, violation)
    rule = violation.rule.replace("_", " ")
    law = f"{rule} · {violation.article}" if violation.article else rule
    sheet.footer(law, _survey(violation), caption)
    return sheet.image()


def draw_object(
    rgb: NDArray[np.uint8],
    thing: AbandonedObject,
    plane: GroundPlane | None,
    caption: Caption,
    others: Sequence[Sequence[float]] = (),
) -> Image.Image:
    """The frame with a thing that was left: how near its owner would watch it, and for how long nobody did.

    Args:
        rgb: ``(H, W, 3)`` uint8 full-resolution frame of the alarm.
        thing: What was told.
        plane: Ground plane of this picture, to draw the distance; None leaves it out.
        caption: What stands below.
        others: Boxes of people and of other things, px: what is told covers none of them if it can.
    """
    sheet = _Sheet(Image.fromarray(rgb).convert("RGB"), others)
    watched_m = thing.threshold.get("distance_m")
    if plane is not None and thing.position_m is not None and watched_m is not None:
        sheet.ring(plane.to_px(_circle(thing.position_m, watched_m)))
    sheet.brackets(thing.xyxy)
    sheet.inset(thing.xyxy)
    owner = "in sight, far off" if thing.owner == "away" else "not to be seen"
    rows = [(name, _measured(value)) for name, value in thing.measured.items()]
    sheet.told(thing.xyxy, "left behind", [*rows, ("owner", owner)])
    sheet.footer(thing.rule.replace("_", " "), "for people to decide", caption)
    return sheet.image()


class _Sheet:
    """A picture and the overlay that grows on it; all coordinates are the picture's px."""

    def __init__(self, picture: Image.Image, others: Sequence[Sequence[float]] = ()) -> None:
        self.picture, self.others = picture, list(others)
        self.unit = picture.height / 720
        size = (picture.width * SUPERSAMPLE, picture.height * SUPERSAMPLE)
        self.overlay = Image.new("RGBA", size, (0, 0, 0, 0))
        self.pen = ImageDraw.Draw(self.overlay)

    def image(self) -> Image.Image:
        """The finished picture."""
        overlay = self.overlay.resize(self.picture.size, Image.Resampling.LANCZOS)
        return Image.alpha_composite(self.picture.convert("RGBA"), overlay).convert("RGB")

    def _at(self, *values: float) -> list[float]:
        return [v * SUPERSAMPLE for v in values]

    def _wide(self, px_at_720: float) -> int:
        return max(1, round(px_at_720 * self.unit * SUPERSAMPLE))

    def text(self, x: float, y: float, text: str, size: float, fill: Rgb = INK, anchor: str = "la") -> float:
        """Writes and returns the width taken, px."""
        font = _font(self._wide(size))
        self.pen.text((x * SUPERSAMPLE, y * SUPERSAMPLE), text, font=font, fill=fill, anchor=anchor)
        return float(font.getlength(text)) / SUPERSAMPLE

    def trail(self, points: NDArray[np.float64]) -> None:
        """The measured way on the road: a glowing line that brightens towards now."""
        points = points[np.isfinite(points).all(axis=1)]
        inside = (points >= 0).all(axis=1) & (points < (self.picture.width, self.picture.height)).all(axis=1)
        points = points[inside]
        if len(points) < 2:
            return
        glow = Image.new("RGBA", self.overlay.size, (0, 0, 0, 0))
        halo = ImageDraw.Draw(glow)
        flat = [(float(x) * SUPERSAMPLE, float(y) * SUPERSAMPLE) for x, y in points]
        halo.line(flat, fill=(*TRAIL, 150), width=self._wide(12), joint="curve")
        glow = glow.filter(ImageFilter.GaussianBlur(self._wide(5)))
        self.overlay.alpha_composite(glow)
        for i, (start, end) in enumerate(pairwise(flat)):
            alpha = round(110 + 145 * (i + 1) / len(flat))
            self.pen.line([start, end], fill=(*TRAIL, alpha), width=self._wide(3.2))
        for x, y in _spaced(flat, self._wide(9)):
            r = self._wide(2.4)
            self.pen.ellipse([x - r, y - r, x + r, y + r], fill=(*INK, 235))
        for x, y in (flat[0], flat[-1]):
            r = self._wide(6)
            self.pen.ellipse(
                [x - r, y - r, x + r, y + r], fill=(*TRAIL, 255), outline=INK, width=self._wide(1.6)
            )

    def brackets(self, xyxy: Sequence[float]) -> None:
        """The vehicle's box as four corners."""
        pad = 3 * self.unit
        x0, y0, x1, y1 = xyxy[0] - pad, xyxy[1] - pad, xyxy[2] + pad, xyxy[3] + pad
        self.pen.rectangle(self._at(x0, y0, x1, y1), outline=(*ACCENT, 110), width=self._wide(1.2))
        long = 0.24 * min(x1 - x0, y1 - y0)
        for x, y, sx, sy in ((x0, y0, 1, 1), (x1, y0, -1, 1), (x0, y1, 1, -1), (x1, y1, -1, -1)):
            line = [*self._at(x + sx * long, y), *self._at(x, y), *self._at(x, y + sy * long)]
            self.pen.line(line, fill=(*ACCENT, 255), width=self._wide(4), joint="curve")

    def inset(self, xyxy: Sequence[float]) -> None:
        """The vehicle enlarged, in the upper corner that is farther from it."""
        crop = self.picture.crop(_around(xyxy, self.picture.size, aspect=4 / 3))
        width = round(300 * self.unit)
        height = round(width * 3 / 4)
        margin = round(24 * self.unit)
        left = (xyxy[0] + xyxy[2]) / 2 > self.picture.width / 2
        x = margin if left else self.picture.width - width - margin
        self._shadow((x, margin, x + width, margin + height))
        large = crop.resize((width * SUPERSAMPLE, height * SUPERSAMPLE), Image.Resampling.LANCZOS)
        mask = Image.new("L", large.size, 0)
        ImageDraw.Draw(mask).rounded_rectangle([0, 0, *large.size], self._wide(10), fill=255)
        self.overlay.paste(large.convert("RGBA"), (x * SUPERSAMPLE, margin * SUPERSAMPLE), mask)
        frame = self._at(x, margin, x + width, margin + height)
        self.pen.rounded_rectangle(frame, self._wide(10), outline=(*INK, 235), width=self._wide(2.2))

    def card(self, xyxy: Sequence[float], violation: Violation) -> None:
        """What was measured beside the vehicle: a speed against its limit, or the rule's own quantities."""
        if "speed" in violation.measured and "limit_kmh" in violation.threshold:
            x, y, width = self._beside(xyxy, 132.0)
            self._speed(x, y, width, violation)
            return
        rows = [(name.replace("_", " "), _measured(value)) for name, value in violation.measured.items()]
        self.told(xyxy, violation.rule.replace("_", " "), rows[:4])

    def told(self, xyxy: Sequence[float], title: str, rows: Sequence[tuple[str, str]]) -> None:
        """A card beside what is marked: a title and named values."""
        x, y, width = self._beside(xyxy, 58.0 + 26.0 * len(rows))
        u = self.unit
        self.text(x + 20 * u, y + 12 * u, title, 24)
        for i, (name, value) in enumerate(rows):
            top = y + (52 + 26 * i) * u
            self.text(x + 20 * u, top, name, 15, QUIET)
            self.text(x + width - 16 * u, top, value, 15, INK, "ra")

    def ring(self, points: NDArray[np.float64]) -> None:
        """A closed line on the ground, with what lies within it a little brighter; points outside the picture too."""
        if not np.isfinite(points).all():
            return  # a part of it lies behind the camera
        flat = [(float(x) * SUPERSAMPLE, float(y) * SUPERSAMPLE) for x, y in points]
        self.pen.polygon(flat, fill=(*TRAIL, 30))
        for start, end in list(pairwise([*flat, flat[0]]))[::2]:
            self.pen.line([start, end], fill=(*TRAIL, 220), width=self._wide(3))

    def _beside(self, xyxy: Sequence[float], height_at_720: float) -> tuple[float, float, float]:
        """A panel next to the vehicle, tied to it by a line; its left, top and width."""
        width, height, gap = 268 * self.unit, height_at_720 * self.unit, 26 * self.unit
        right = xyxy[2] + gap + width < self.picture.width
        x = xyxy[2] + gap if right else max(8 * self.unit, xyxy[0] - gap - width)
        y = (xyxy[1] + xyxy[3]) / 2 - height / 2
        y = min(max(y, 264 * self.unit), self.picture.height - height - 84 * self.unit)
        x, y = self._free((x, y), (width, height), xyxy)
        middle = (xyxy[0] + xyxy[2]) / 2
        if x < middle < x + width:  # below or above it
            edge_x, edge_y = middle, xyxy[3] + 3 if y > xyxy[1] else xyxy[1] - 3
            to_x, to_y = middle, y if y > xyxy[1] else y + height
        else:
            edge_x, edge_y = xyxy[2] + 3 if x > middle else xyxy[0] - 3, (xyxy[1] + xyxy[3]) / 2
            to_x, to_y = x if x > middle else x + width, y + height / 2
        self.pen.line(
            self._at(edge_x, edge_y, to_x, to_y),
            fill=(*ACCENT, 255),
            width=self._wide(2),
        )
        self._panel((x, y, x + width, y + height))
        self.pen.rounded_rectangle(
            self._at(x, y, x + 5 * self.unit, y + height), self._wide(2.5), fill=(*ACCENT, 255)
        )
        return x, y, width

    def _free(
        self, wanted: tuple[float, float], size: tuple[float, float], marked: Sequence[float]
    ) -> tuple[float, float]:
        """The left and top nearest to the wanted ones where a panel covers nobody, or least of them."""
        u, (width, height) = self.unit, size
        left, top = 8 * u, 264 * u
        right, low = self.picture.width - width - 8 * u, self.picture.height - height - 84 * u
        places: list[tuple[float, float]] = [wanted] + [
            (x, y)
            for x in np.linspace(left, right, 48).tolist()
            for y in np.linspace(top, max(top, low), 24).tolist()
        ]

        def cost(place: tuple[float, float]) -> tuple[float, float]:
            x, y = place
            panel = (x - 4 * u, y - 4 * u, x + width + 4 * u, y + height + 4 * u)
            hidden = sum(_common(panel, other) for other in (*self.others, marked))
            return hidden, (x - wanted[0]) ** 2 + (y - wanted[1]) ** 2

        return min(places, key=cost)

    def _speed(self, x: float, y: float, width: float, violation: Violation) -> None:
        """The speed in large figures, with its interval on a scale against the limit."""
        speed, u = violation.measured["speed"], self.unit
        taken = self.text(x + 20 * u, y + 8 * u, f"{speed.value:.1f}", 46)
        self.text(x + 28 * u + taken, y + 31 * u, speed.unit, 19, QUIET)
        half = (speed.high - speed.low) / 2
        self.text(x + width - 16 * u, y + 33 * u, f"± {half:.1f}", 17, QUIET, "ra")
        self._scale(x + 20 * u, y + 82 * u, width - 40 * u, violation)

    def _scale(self, x: float, y: float, width: float, violation: Violation) -> None:
        """A small axis: the limit, the tolerance's end, and the 95 % interval."""
        speed = violation.measured["speed"]
        limit = violation.threshold.get("limit_kmh", 0.0)
        bound = limit + violation.threshold.get("tolerance_kmh", 0.0)
        low, high = limit - 5, max(speed.high, bound) + 5
        u = self.unit

        def place(value: float) -> float:
            return x + width * (value - low) / (high - low)

        self.pen.line(self._at(x, y, x + width, y), fill=(*QUIET, 120), width=self._wide(3))
        self.pen.line(self._at(place(limit), y, place(bound), y), fill=(*TRAIL, 220), width=self._wide(5))
        self.pen.line(
            self._at(place(speed.low), y, place(speed.high), y), fill=(*ACCENT, 255), width=self._wide(11)
        )
        self.pen.line(
            self._at(place(speed.value), y - 9 * u, place(speed.value), y + 9 * u),
            fill=INK,
            width=self._wide(2.4),
        )
        for value in (limit, bound):
            self.pen.line(
                self._at(place(value), y - 7 * u, place(value), y + 7 * u), fill=INK, width=self._wide(2)
            )
        self.text(
            place(limit),
            y + 12 * u,
            f"limit {limit:g}",
            14,
            QUIET,
            "ma" if place(limit) - x > 20 * u else "la",
        )
        span = f"95 %: {speed.low:.1f} to {speed.high:.1f}"
        self.text(x + width, y + 12 * u, span, 14, QUIET, "ra")

    def footer(self, law: str, survey: str, caption: Caption) -> None:
        """Camera, time, article and survey, on a strip that fades into the picture."""
        u, width, height = self.unit, self.picture.width, self.picture.height
        for i in range(round(72 * u)):
            fade = min(1.0, i / (40 * u))
            y = height - 72 * u + i
            self.pen.line(
                self._at(0, y, width, y), fill=(13, 17, 23, round(215 * fade)), width=SUPERSAMPLE + 1
            )
        at = caption.at.strftime("%Y-%m-%d %H:%M:%S.") + f"{caption.at.microsecond // 1000:03d} UTC"
        self.text(24 * u, height - 50 * u, f"{caption.camera} · {caption.place}", 19)
        self.text(24 * u, height - 26 * u, at, 15, QUIET)
        self.text(width - 24 * u, height - 50 * u, law, 19, INK, "ra")
        self.text(
            width - 24 * u,
            height - 26 * u,
            f"{survey}   event {caption.event_id[:8]}",
            15,
            QUIET,
            "ra",
        )

    def _panel(self, box: tuple[float, float, float, float]) -> None:
        self._shadow(box)
        self.pen.rounded_rectangle(self._at(*box), self._wide(8), fill=PANEL, outline=(255, 255, 255, 34))

    def _shadow(self, box: tuple[float, float, float, float]) -> None:
        shade = Image.new("RGBA", self.overlay.size, (0, 0, 0, 0))
        drop = 4 * self.unit
        place = self._at(box[0], box[1] + drop, box[2], box[3] + drop)
        ImageDraw.Draw(shade).rounded_rectangle(place, self._wide(10), fill=(0, 0, 0, 150))
        self.overlay.alpha_composite(shade.filter(ImageFilter.GaussianBlur(self._wide(7))))


def _common(a: Sequence[float], b: Sequence[float]) -> float:
    """Area that two boxes have in common.

    >>> _common((0, 0, 4, 4), (2, 3, 9, 9)), _common((0, 0, 1, 1), (1, 0, 2, 1))
    (2, 0)
    """
    return max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))


def _spaced(points: Sequence[tuple[float, float]], least: float) -> list[tuple[float, float]]:
    """Points of a line that are at least so far from the one before: far away they would run together."""
    kept = [points[0]]
    for x, y in points[1:]:
        if (x - kept[-1][0]) ** 2 + (y - kept[-1][1]) ** 2 >= least**2:
            kept.append((x, y))
    return kept


def _measured(value: Measured) -> str:
    """A value with the half of its interval; of a probability the ends alone, in per cent.

    >>> _measured(Measured(value=12.0, low=11.5, high=12.5, unit="s"))
    '12.0 ± 0.5 s'
    >>> _measured(Measured(value=0.9777, low=0.9402, high=0.9905, unit="probability"))
    '94 to 99 %'
    """
    if value.unit == "probability":
        return f"{100 * value.low:.0f} to {100 * value.high:.0f} %"
    return f"{value.value:.1f} ± {(value.high - value.low) / 2:.1f} {value.unit}"


def _circle(middle_m: tuple[float, float], radius_m: float) -> NDArray[np.float64]:
    """``(N, 2)`` points round a place on the ground, metres."""
    turn = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    ring: NDArray[np.float64] = np.array(middle_m) + radius_m * np.column_stack([np.cos(turn), np.sin(turn)])
    return ring


def _survey(violation: Violation) -> str:
    residual: Any = violation.calibration.get("rms_px", violation.calibration.get("residual_px"))
    return f"survey residual {residual:.2f} px" if isinstance(residual, float) else ""


def _around(xyxy: Sequence[float], size: tuple[int, int], aspect: float) -> tuple[int, int, int, int]:
    """A crop of the wanted aspect round a box, inside the picture."""
    middle_x, middle_y = (xyxy[0] + xyxy[2]) / 2, (xyxy[1] + xyxy[3]) / 2
    height = min(1.25 * max(xyxy[3] - xyxy[1], (xyxy[2] - xyxy[0]) / aspect), size[1], size[0] / aspect)
    width = height * aspect
    x = min(max(middle_x - width / 2, 0), size[0] - width)
    y = min(max(middle_y - height / 2, 0), size[1] - height)
    return round(x), round(y), round(x + width), round(y + height)


@lru_cache(maxsize=16)
def _font(size: int) -> Any:
    """Pillow's own face, so that the project carries none."""
    return ImageFont.load_default(size)
