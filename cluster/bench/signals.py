"""Traffic lights of a real junction, read frame by frame, against labels that a person made by eye.

The footage (``../shared/data/footage/junction.mp4``) is not ours; the labels are, and lie with the tests. Judged is
what rules judge by. Shares by head are told apart: one of the five is 5 px wide, and its amber is hardly to be seen.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cluster.bench.material import material
from cluster.bench.report import Figure, at_least, at_most
from flows.domain.shares import counted
from flows.evaluation.signals import HeadScore, SignalScore, evaluate_signals

FOOTAGE: Final = "footage/junction.mp4"
LABELS: Final = Path(__file__).resolve().parents[2] / "tests" / "data" / "junction_signals.json"


def run(quick: bool = False) -> list[Figure]:
    """The figures; see :mod:`cluster.bench.__main__`. There is nothing to leave out for a quick look.

    Raises:
        Absent: If the footage is not on this machine.
    """
    return figures(evaluate_signals(material(FOOTAGE), LABELS))


def figures(score: SignalScore) -> list[Figure]:
    """The share of frames, over all heads and by head, and the confusions that cost somebody money."""
    frames, right = score.frames, _right(score)
    heads = ", ".join(
        f"{name} {_right(head)}/{head.frames}" for name, head in sorted(score.by_signal.items())
    )
    reds = sum(sum(row.values()) for label, row in score.confusion.items() if label in ("red", "red_amber"))
    return [
        at_least(
            "signals: state right, all heads", right / max(1, frames), 0.99, "share",
            f"{counted(right, frames)}; {heads}; as dated, which is what rules judge by; in the very frame "
            f"{score.right_at_once:.2%}; frames of one film are no independent trials",
        ),
        at_most("signals: red called green", score.red_as_green, 0, "frames", f"of {reds} red ones"),
        at_most("signals: green called red", score.green_as_red, 0, "frames", f"{score.ms_per_look:.2f} ms a look"),
    ]  # fmt: skip


def _right(head: HeadScore) -> int:
    return sum(row.get(label, 0) for label, row in head.confusion.items())
