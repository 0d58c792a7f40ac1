"""``make train``: renders the training scenes, trains the embedded detector, exports and evaluates it.

Needs no download and no GPU: about 40 minutes on two cores, six of them to render. Scenes are kept: a
second run only trains.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from flows.settings import Settings
from models import sums
from models.catalog import CATALOG, STREET_NAMES

SCENES = 362
"""Rendered in about six minutes on two cores."""
FRAMES = 10
"""Frames of a scene; more of them cost little but look alike."""


def main() -> None:
    """Everything from scenes to the model."""
    args = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    files = _files(args)
    if args.render_only:
        return
    from models.training.export import export
    from models.training.trainer import Plan, restore, train

    plan = Plan(
        STREET_NAMES,
        epochs=args.epochs,
        minutes=args.minutes,
        workers=args.workers,
        device=args.device,
        batch=args.batch,
        ema=args.ema,
        width=args.width,
        rate=args.rate,
        seed=args.seed,
    )
    network, names = restore(train(files, plan, args.work / "detector.pt", args.start))
    export(network, names, CATALOG["embedded"].input_px, args.out)
    from cluster.edge_offset import edge_offset
    from models.detector.onnx import OnnxDetector
    from models.training.export import state_offset

    offset_px = edge_offset(OnnxDetector(args.out, "embedded", ""))
    state_offset(args.out, offset_px)
    sums.note(args.out)
    logging.info("boxes were off by %s px of the input", offset_px)
    logging.info(
        "wrote %s (%d bytes); measure it with: dome evaluate detector", args.out, args.out.stat().st_size
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m cluster.train", description=__doc__)
    work = Settings.from_env().cache / "training"
    parser.add_argument(
        "--work", type=Path, default=work, help="rendered scenes and checkpoint (%(default)s)"
    )
    parser.add_argument("--out", type=Path, default=Path("models/embedded/detector.onnx"), help="the model")
    parser.add_argument("--scenes", type=int, default=SCENES, help="scenes to render (%(default)s)")
    parser.add_argument("--epochs", type=int, default=36, help="times each picture is seen (%(default)s)")
    parser.add_argument("--minutes", type=float, default=32, help="of processor time a process (%(default)s)")
    parser.add_argument("--width", type=int, default=64, help="channels at stride 8 (%(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes, one a core (%(default)s)")
    parser.add_argument("--device", default="cpu", help="or an accelerator as torch names it: cuda")
    parser.add_argument("--batch", type=int, default=4, help="pictures a process and step (%(default)s)")
    parser.add_argument(
        "--ema", type=float, default=0.999, help="of old weights in the average (%(default)s)"
    )
    parser.add_argument("--start", type=Path, help="a checkpoint to go on from")
    parser.add_argument("--rate", type=float, default=0.002, help="of learning, at most (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of everything random")
    parser.add_argument("--render-only", action="store_true", help="stop when the scenes are rendered")
    return parser.parse_args()


def _files(args: argparse.Namespace) -> list[Path]:
    """The rendered scenes, missing ones rendered now."""
    from rich.progress import track

    from cluster import dataset

    folder: Path = args.work / "scenes"
    jobs = dataset.plan(args.scenes, FRAMES, folder)
    for _ in track(dataset.render(jobs, args.workers), "rendering", total=dataset.missing(jobs)):
        pass
    return sorted(job.file for job in jobs)


if __name__ == "__main__":
    main()
