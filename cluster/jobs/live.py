"""The live job on a cluster: ``ray job submit --working-dir . -- python -m cluster.jobs.live SITE.yaml``.

Takes the flags of ``dome run``. It joins its cluster, deploys the detectors unless they run
already, and leaves them running when it ends; ``ray job stop`` drains it.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from cluster.live import LiveOptions, OnProgress, run_live
from flows.domain.errors import DomeError
from flows.domain.status import CameraStatus, ResultsStatus
from flows.site.sitefile import load_site

LINE_EVERY_S: Final = 10.0
"""Often enough for a job's log."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the job; returns the process's exit status: 0, 1 for a failure, 2 for a bad site file."""
    args = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    log = logging.getLogger("dome.live")
    try:
        site, problems = load_site(args.site)
    except DomeError as error:
        log.error("%s: %s", args.site, error)
        return 2
    for problem in problems:
        log.warning("%s: %s", args.site, problem)
    if not site.cameras:
        log.error("%s: nothing to run: no camera of it can be used", args.site)
        return 2
    options = LiveOptions(
        until_end=args.until_end,
        events=args.events,
        summary=args.summary,
        detector=args.detector,
        address=os.environ.get("RAY_ADDRESS") or "auto",
        api=(args.host, args.port) if args.api else None,
    )
    show: OnProgress = (lambda *_: None) if args.no_progress else Lines(log.info).update
    try:
        summary = run_live(site, [str(problem) for problem in problems], options, show)
    except DomeError as error:
        log.error("%s", error)
        return 1
    log.info("%s", summary.model_dump_json())
    return 1 if all(camera.state == "failed" for camera in summary.cameras.values()) else 0


class Lines:
    """Progress as a line every now and then.

    Args:
        write: Takes a line.
        clock: Monotonic seconds.
    """

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write, self._clock = write, clock
        self._due_s = 0.0

    def update(self, cameras: list[CameraStatus], results: ResultsStatus) -> None:
        """Called by the live job about twice a second."""
        if self._clock() < self._due_s:
            return
        self._due_s = self._clock() + LINE_EVERY_S
        states = ", ".join(f"{c.camera_id} {c.state} {c.frames_read}" for c in cameras[:8])
        more = f" and {len(cameras) - 8} more" if len(cameras) > 8 else ""
        self._write(
            f"{states}{more}; {sum(c.dropped for c in cameras)} dropped, "
            f"{sum(sum(c.events.values()) for c in cameras)} events, {results.written} written, "
            f"{results.spooled} spooled, Redis {results.redis}"
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cluster.jobs.live", description=__doc__)
    parser.add_argument("site", type=Path, metavar="SITE.yaml")
    parser.add_argument("--until-end", action="store_true", help="stop when every finite source has ended")
    parser.add_argument("--events", type=Path, metavar="FILE.jsonl", help="one CloudEvent a line")
    parser.add_argument("--summary", type=Path, metavar="FILE.json", help="each camera's counts at the end")
    parser.add_argument("--detector", metavar="NAME", help="use this detector for all cameras")
    parser.add_argument("--no-progress", action="store_true")
    parser.add_argument("--api", action="store_true", help="serve the API beside it, on the cluster's head")
    parser.add_argument("--host", default="127.0.0.1", metavar="HOST", help="with --api: where it listens")
    parser.add_argument("--port", type=int, default=8000, metavar="N", help="with --api: its port")
    return parser


if __name__ == "__main__":
    sys.exit(main())
