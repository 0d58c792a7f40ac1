"""The tracker on six public sequences of MOT15 with their detections (``../shared/data/tracking``), against SORT.

Counts of all sequences are added up, then the figures formed, as MOTChallenge does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cluster.bench.material import material
from cluster.bench.report import Figure, at_least, at_most
from flows.evaluation.tracking import TrackingScore, evaluate_tracking_folder

SEQUENCES: Final = "tracking"
SORT: Final = "SORT (max_age 1, min_hits 3, IoU 0.3) has"
SORT_SWITCHES: Final = 281


def run(quick: bool = False) -> list[Figure]:
    """The figures; see :mod:`cluster.bench.__main__`. There is nothing to leave out for a quick look.

    Raises:
        Absent: If the sequences are not on this machine.
    """
    return figures(*evaluate_tracking_folder(material(SEQUENCES)))


def figures(by_sequence: Mapping[str, TrackingScore], together: TrackingScore) -> list[Figure]:
    """What all sequences come to, with each one's share in it."""

    def each(form: str, name: str) -> str:
        return ", ".join(f"{key} {getattr(score, name):{form}}" for key, score in by_sequence.items())

    return [
        at_least("tracker: MOTA", together.mota, 0.49, "share", f"{SORT} 0.483; {each('.3f', 'mota')}"),
        at_least("tracker: IDF1", together.idf1, 0.60, "share", f"{SORT} 0.492; {each('.3f', 'idf1')}"),
        at_most(
            "tracker: identity switches", together.switches, SORT_SWITCHES, "switches",
            f"{SORT} that many; {each('d', 'switches')}; HOTA {together.hota:.3f}, {together.frames:,} frames, "
            f"{together.ms_per_frame:.2f} ms each",
        ),
    ]  # fmt: skip
