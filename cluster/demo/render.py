"""Renders one clip: ``python -m cluster.demo.render ORDER``, the order as JSON; tells frames on stdout."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from flows import scenes
from flows.domain.errors import DomeError
from flows.scenes.clip import write


def main(order: str) -> None:
    """Renders beside the wanted files and puts them in place when they are whole, the video last."""
    wanted = json.loads(order)
    video, truth = Path(wanted["video"]), Path(wanted["truth"])
    options = {k: tuple(v) if isinstance(v, list) else v for k, v in wanted["options"].items()}
    new_video, new_truth = (p.with_name(f".{os.getpid()}.{p.name}") for p in (video, truth))
    try:
        write(scenes.build(wanted["scene"], seed=wanted["seed"], **options), new_video, new_truth, _tell)
        new_truth.replace(truth)
        new_video.replace(video)
    finally:
        new_video.unlink(missing_ok=True)
        new_truth.unlink(missing_ok=True)


def _tell(done: int, total: int) -> None:
    sys.stdout.write(f"{done}/{total}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except DomeError as error:
        sys.exit(str(error))
