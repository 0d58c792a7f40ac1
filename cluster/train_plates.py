"""``make train-plates``: draws plates in their surroundings, trains the finder, exports and measures it.

Needs no download and no GPU: at most 15 minutes on two cores.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from flows.settings import Settings
from models import sums
from models.plates.finder import INPUT_PX, NAMES, PATH

PICTURES = 6000
"""Drawn in about two minutes on two cores."""


def main() -> None:
    """Everything from drawings to the model."""
    args = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    files = _files(args)
    from models.training.batches import Variation
    from models.training.export import export
    from models.training.trainer import Plan, restore, train

    plan = Plan(
        NAMES,
        width=args.width,
        epochs=args.epochs,
        minutes=args.minutes,
        workers=args.workers,
        seed=args.seed,
        varied=Variation((288, 192), (0.6, 0.8), mirrored=False, noise=0.01, grey=0.1),
        plain=Variation(None, (1.0,), gain=0.15, gamma=0.1, noise=0.005, mirrored=False),
        plain_share=0.25,
    )
    network, names = restore(train(files, plan, args.work / "plates.pt", args.start))
    export(network, names, INPUT_PX, args.out)
    sums.note(args.out)
    logging.info("wrote %s (%d bytes)", args.out, args.out.stat().st_size)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m cluster.train_plates", description=__doc__)
    work = Settings.from_env().cache / "training-plates"
    parser.add_argument("--work", type=Path, default=work, help="pictures and checkpoint (%(default)s)")
    parser.add_argument("--out", type=Path, default=PATH, help="the model")
    parser.add_argument("--pictures", type=int, default=PICTURES, help="to draw (%(default)s)")
    parser.add_argument("--epochs", type=int, default=30, help="times each picture is seen (%(default)s)")
    parser.add_argument("--minutes", type=float, default=12, help="of processor time a process (%(default)s)")
    parser.add_argument("--width", type=int, default=48, help="channels at stride 8 (%(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes, one a core (%(default)s)")
    parser.add_argument("--start", type=Path, help="a checkpoint to go on from")
    parser.add_argument("--seed", type=int, default=0, help="of everything random")
    return parser.parse_args()


def _files(args: argparse.Namespace) -> list[Path]:
    """The drawn pictures, missing ones drawn now."""
    from rich.progress import track

    from cluster.plates import dataset

    jobs = dataset.plan(args.pictures, args.work / "pictures")
    for _ in track(dataset.draw(jobs, args.workers), "drawing", total=dataset.missing(jobs)):
        pass
    return [job.path for job in jobs]


if __name__ == "__main__":
    main()
