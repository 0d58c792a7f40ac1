"""``make train-belts``: renders people behind windscreens, trains both networks, exports and measures them.

Needs no download and no GPU: at most 15 minutes on two cores. Scenes are kept: a second run only trains.
"""

from __future__ import annotations

import argparse
import logging
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from flows.settings import Settings
from models import sums

if TYPE_CHECKING:
    from models.training.beltlooks import Look

CARS = 2400
"""Rendered in about five minutes on two cores, three looks each."""
SEAT_EPOCHS = 16
WINDSCREEN_EPOCHS = 40
"""Times each look is seen; whichever of this and the processor time is over first."""
HELD_BACK = 0.15
"""Share of the streets on which the probabilities are fitted and the corners measured."""


def main() -> None:
    """Everything from scenes to the models."""
    args = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    files = _files(args)
    if args.render_only:
        return
    # Measured: one thread for each of these small networks gets more done than two for one after the other.
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        wanted = [NETWORKS[args.only]] if args.only else NETWORKS.values()
        for job in [pool.submit(work, args, files) for work in wanted]:
            job.result()
    for path in (args.windscreens, args.out):
        sums.note(path)
        logging.info("wrote %s (%d bytes)", path, path.stat().st_size)
    logging.info("measure them with: python -m cluster.bench belts")


def _windscreens(args: argparse.Namespace, files: list[Path]) -> None:
    """Trains and exports the network that finds windscreens."""
    from models.belts import locator
    from models.training import belts

    learnt, kept = _loaded(files)
    epochs = args.epochs or WINDSCREEN_EPOCHS
    found = belts.train_windscreens(learnt, belts.Plan(epochs, args.minutes, seed=args.seed))
    errors = belts.corner_errors(found, kept)
    most = float(np.quantile(errors, 0.95))
    logging.info("corners are off by %.3f of the width, 95 %% within %.3f", errors.mean(), most)
    belts.export(found, locator.INPUT_PX, args.windscreens, {"kind": "windscreens"})


def _seats(args: argparse.Namespace, files: list[Path]) -> None:
    """Trains and exports the network that judges seats."""
    from models.belts import rectify
    from models.belts.names import NAMES
    from models.training import belts

    learnt, kept = _loaded(files)
    judged = belts.train_seats(learnt, belts.Plan(args.epochs or SEAT_EPOCHS, args.minutes, seed=args.seed))
    logits = belts.seat_logits(judged, kept)
    label = np.array([look.label for look in kept], np.int64)
    car = np.array([look.car for look in kept], np.int64)
    counts = {name: int((label == i).sum()) for i, name in enumerate(NAMES)}
    logging.info("single looks right: %.3f of %s", (logits.argmax(2) == label).mean(), counts)
    seat = np.stack([2 * car, 2 * car + 1], 1)
    scale = belts.fitted_scale(logits.reshape(-1, len(NAMES)), label.ravel(), seat.ravel())
    logging.info("probabilities come true with %.2f of the mean logits", scale)
    belts.export(judged, rectify.SEAT_PX, args.out, {"kind": "belts", "scale": f"{scale:.4f}"})


NETWORKS = {"windscreens": _windscreens, "seats": _seats}


def _loaded(files: list[Path]) -> tuple[list[Look], list[Look]]:
    """Looks to learn from, and those held back."""
    import torch

    from models.training import beltlooks

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(1)
    back = max(1, round(HELD_BACK * len(files)))
    learnt, kept = (
        [look for file in part for look in beltlooks.load(file)] for part in (files[back:], files[:back])
    )
    logging.info("%d looks to learn from, %d held back", len(learnt), len(kept))
    return learnt, kept


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
    parser.add_argument(
        "--epochs", type=int, help=f"times each look is seen ({WINDSCREEN_EPOCHS} and {SEAT_EPOCHS})"
    )
    parser.add_argument(
        "--minutes", type=float, default=9, help="of processor time for each network (%(default)s)"
    )
    parser.add_argument("--workers", type=int, default=2, help="processes that render (%(default)s)")
    parser.add_argument("--only", choices=tuple(NETWORKS), help="train one of the two")
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
