"""``make train-belts``: renders people behind windscreens, trains both networks, exports and measures them.

Needs no download and no GPU: at most 15 minutes on two cores. Scenes are kept: a second run only trains.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from flows.settings import Settings

if TYPE_CHECKING:
    from models.training.beltlooks import Look
    from models.training.belts import Trunk

CARS = 2400
"""Rendered in about five minutes on two cores, three looks each."""
HELD_BACK = 0.15
"""Share of the streets on which the probabilities are fitted and the corners measured."""


def main() -> None:
    """Everything from scenes to the models."""
    args = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    files = _files(args)
    if args.render_only:
        return
    import torch

    from models.belts import locator, rectify
    from models.training import beltlooks, belts

    torch.set_num_threads(args.workers)
    back = max(1, round(HELD_BACK * len(files)))
    learnt = [look for file in files[back:] for look in beltlooks.load(file)]
    kept = [look for file in files[:back] for look in beltlooks.load(file)]
    logging.info("%d looks to learn from, %d held back", len(learnt), len(kept))
    share = args.minutes / 10
    found = belts.train_windscreens(learnt, belts.Plan(args.epochs, 3 * share, seed=args.seed))
    errors = belts.corner_errors(found, kept)
    logging.info(
        "corners are off by %.3f of the width, 95 %% within %.3f", errors.mean(), np.quantile(errors, 0.95)
    )
    belts.export(found, locator.INPUT_PX, args.windscreens, {"kind": "windscreens"})
    judged = belts.train_seats(learnt, belts.Plan(args.epochs, 7 * share, seed=args.seed))
    scale = _scale(judged, kept)
    logging.info("probabilities fitted with %.2f of the mean logits", scale)
    belts.export(judged, rectify.SEAT_PX, args.out, {"kind": "belts", "scale": f"{scale:.4f}"})
    for path in (args.windscreens, args.out):
        logging.info("wrote %s (%d bytes)", path, path.stat().st_size)
    logging.info("measure them with: python -m cluster.bench belts")


def _scale(network: Trunk, kept: list[Look]) -> float:
    from models.belts.names import NAMES
    from models.training import belts

    logits = belts.seat_logits(network, kept)
    label = np.array([look.label for look in kept], np.int64)
    car = np.array([look.car for look in kept], np.int64)
    seat = np.stack([2 * car, 2 * car + 1], 1)
    right = logits.argmax(2) == label
    counts = {name: int((label == i).sum()) for i, name in enumerate(NAMES)}
    logging.info("single looks right: %.3f of %s", right.mean(), counts)
    return belts.fitted_scale(logits.reshape(-1, len(NAMES)), label.ravel(), seat.ravel())


def _arguments() -> argparse.Namespace:
    from models.belts import locator, reader

    parser = argparse.ArgumentParser(prog="python -m cluster.train_belts", description=__doc__)
    work = Settings.from_env().cache / "training-belts"
    parser.add_argument("--work", type=Path, default=work, help="rendered looks (%(default)s)")
    parser.add_argument("--out", type=Path, default=reader.PATH, help="the network that judges seats")
    parser.add_argument(
        "--windscreens", type=Path, default=locator.PATH, help="the one that finds windscreens"
    )
    parser.add_argument("--cars", type=int, default=CARS, help="to render (%(default)s)")
    parser.add_argument("--epochs", type=int, default=16, help="times each look is seen (%(default)s)")
    parser.add_argument("--minutes", type=float, default=10, help="of processor time, both (%(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes and threads (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of everything random")
    parser.add_argument("--render-only", action="store_true", help="stop when the looks are rendered")
    return parser.parse_args()


def _files(args: argparse.Namespace) -> list[Path]:
    """The rendered looks, missing ones rendered now."""
    from rich.progress import track

    from cluster.belts import studio

    jobs = studio.plan(args.cars, args.work / "looks")
    for _ in track(studio.render(jobs, args.workers), "rendering", total=studio.missing(jobs)):
        pass
    return [job.path for job in jobs]


if __name__ == "__main__":
    main()
