"""What the law asks of a package, and what is there: told with the package, asked by whoever confirms, and in court."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pydantic import BaseModel, ConfigDict

from flows.evidence.package import Manifest
from flows.jurisdiction import EvidenceLaw

SLACK_S: Final = 1.0
"""A clip ends with a whole frame and may begin or end half a second off (:mod:`flows.sources.remux`)."""


class Completeness(BaseModel):
    """What the law asks of a package, and what is there.

    Attributes:
        law: What the profile asks; None where the profile is not at hand, and then nothing was checked.
        pictures: Pictures there are.
        clip_s: Seconds that the shortest clip covers; 0 without one.
        missing: ``pictures``, ``clip``, ``clip_short`` or ``law``; of a section ``entry_package`` or ``exit_package``
            where nothing of that side can be seen.
    """

    model_config = ConfigDict(frozen=True)

    law: EvidenceLaw | None
    pictures: int
    clip_s: float
    missing: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether everything is there."""
        return not self.missing


def completeness(
    manifests: Sequence[Manifest], law: EvidenceLaw | None, withheld: Sequence[str] = ()
) -> Completeness:
    """What the law asks, and what is there: pictures in all, and each camera's clip.

    Args:
        manifests: The cameras' packages.
        law: What is asked; None if nobody knows.
        withheld: Files that are kept back, as ``camera/name``.
    """
    kinds = [
        [f.kind for f in m.files if f"{m.context.camera_id}/{f.name}" not in withheld] for m in manifests
    ]
    pictures = sum(held.count("picture") for held in kinds)
    spans_s = [
        span_of(m.clip.pts_us) if m.clip is not None and "clip" in held else 0.0
        for m, held in zip(manifests, kinds, strict=True)
    ]
    clip_s = round(min(spans_s, default=0.0), 3)
    if law is None:
        return Completeness(law=None, pictures=pictures, clip_s=clip_s, missing=("law",))
    missing = ["pictures"] if pictures < law.pictures else []
    if clip_s == 0:
        missing.append("clip")
    elif clip_s < law.clip_s - SLACK_S:
        missing.append("clip_short")
    return Completeness(law=law, pictures=pictures, clip_s=clip_s, missing=tuple(missing))


def span_of(pts_us: Sequence[int]) -> float:
    """Seconds from the first frame to the end of the last, which is shown as long as the one before it.

    >>> span_of([0, 40_000, 80_000]), span_of([0])
    (0.12, 0.0)
    """
    if len(pts_us) < 2:
        return 0.0
    *_, before, last = shown = sorted(pts_us)
    return (2 * last - before - shown[0]) / 1e6
