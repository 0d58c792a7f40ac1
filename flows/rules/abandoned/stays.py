"""Who stays in one place: a detector that sees somebody there look after look is right, however unsure each time."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.domain.things import Box
from flows.objects.company import covered
from flows.rules.abandoned.pixels import Pixels
from flows.rules.abandoned.sieve import Sieve
from flows.rules.abandoned.thresholds import ObjectConfig
from flows.rules.yardstick import Yardstick, foot_of
from flows.tracking.boxes import box_iou

NOBODY: Final = np.zeros((0, 4), np.float32)


class Stays:
    """Remembers where somebody was seen before one camera, surely or not.

    Args:
        config: Thresholds.
        sieve: Tells people from what is too low for them.
        yard: Distances.
    """

    def __init__(self, config: ObjectConfig, sieve: Sieve, yard: Yardstick) -> None:
        self._config, self._sieve, self._yard = config, sieve, yard
        self._looks: deque[tuple[float, Box]] = deque()

    def see(self, boxes: Sequence[Box], at_s: float) -> None:
        """Takes all that a detector calls people, on the rule's clock; looks that follow sooner say nothing new."""
        config = self._config
        if self._looks and at_s - self._looks[-1][0] < config.thins_s:
            return
        self._looks.append((at_s, np.array(boxes, np.float32).reshape(-1, 4)))
        while self._looks[0][0] < at_s - config.stays_s:
            self._looks.popleft()

    def beside(self, thing: Box, since_s: float) -> bool:
        """Whether somebody has stayed by a thing since it came: it may be theirs, whoever brought it to them."""
        return any(self._is_by(thing, body) for body in self._bodies(since_s))

    def before(self, since_s: float) -> NDArray[np.float32]:
        """``(N, 4)`` boxes of who stayed in one place until a thing came, for as long as looks are kept.

        To be asked when it comes. Whoever brought it stood there as well, and only for a moment.
        """
        seen = [boxes for at_s, boxes in self._looks if at_s <= since_s - self._config.hand_s]
        return self._stayed(np.concatenate(seen), seen) if seen else NOBODY

    def over(self, thing: Box, since_s: float, pixels: Pixels, before: NDArray[np.float32] = NOBODY) -> bool:
        """Whether it may be a part of somebody who has stayed there since it came: the legs of one who sits.

        Where nothing but the thing shows, it is all that a detector has seen, unless somebody was there ``before`` it:
        they may belong to the empty place itself.
        """
        config = self._config
        return any(
            self._is_part(thing, body)
            and (
                (pixels.share_there(thing, body) or 0.0) > config.empty
                or bool((box_iou(body[None], before) >= config.same).any())
            )
            for body in self._bodies(since_s)
        )

    def _bodies(self, since_s: float) -> NDArray[np.float32]:
        """``(N, 4)`` boxes of late of who has been in one place since then."""
        config = self._config
        until_s = self._looks[-1][0]
        lately = np.concatenate([boxes for at_s, boxes in self._looks if at_s >= until_s - config.freed_s])
        since = [boxes for at_s, boxes in self._looks if at_s >= since_s]
        if not len(lately) or not since:
            return NOBODY
        return self._stayed(lately, since)

    def _stayed(self, bodies: NDArray[np.float32], looks: Sequence[Box]) -> NDArray[np.float32]:
        """Those of ``(N, 4)`` bodies in whose place somebody is in most of some looks."""
        there = [(box_iou(bodies, boxes) >= self._config.same).any(axis=1) for boxes in looks]
        return np.asarray(bodies[np.mean(there, axis=0) > self._config.stays])

    def _is_part(self, thing: Box, body: Box) -> bool:
        """Whether it is as high as somebody, and all that is seen of a thing lies within its lower part."""
        config = self._config
        part = float(thing[3] - thing[1]) <= config.person_height * float(body[3] - body[1])
        return part and covered(thing, by=body) > config.person_share and not self._sieve.is_low(body)

    def _is_by(self, thing: Box, body: Box) -> bool:
        """Whether it is as high as somebody, within reach of a thing, and not what a detector sees in that itself.

        They reach as far from either side of their box: who sits has their legs aside, if a detector sees those at all.
        """
        if covered(thing, by=body) >= self._config.itself or self._sieve.is_low(body):
            return False
        foot = foot_of(thing)
        apart_m = self._yard.apart_m(
            foot, np.array([np.clip(foot[0], body[0], body[2]), body[3]], np.float64)
        )
        return apart_m is not None and apart_m <= self._config.reach_m
