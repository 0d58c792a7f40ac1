"""``dome demo``: everything at once on rendered cameras, compared with the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cluster.cli.shell import FAILED, known_detector


def demo(
    folder: Annotated[Path, typer.Option(metavar="DIR", help="Where the demo keeps its files.")] = Path(
        ".demo"
    ),
    detector: Annotated[
        str, typer.Option(metavar="NAME", help="The detector of its cameras (see dome weights list).")
    ] = "embedded",
    console: Annotated[
        bool | None,
        typer.Option(
            "--console/--no-console",
            help="Serve the console afterwards; by default where a person watches.",
        ),
    ] = None,
    no_progress: Annotated[bool, typer.Option("--no-progress", help="Show nothing while it runs.")] = False,
) -> None:
    """See it work: render five cameras, run everything on this machine, compare with the truth.

    Three streets, and a station where a rucksack is left and a missing person is found under a search case.
    Takes at most three minutes on two cores; the second time it uses the clips it rendered before.
    """
    import sys

    from cluster.demo import run_demo

    known_detector("--detector", detector)
    if not run_demo(folder, detector, progress=not no_progress).worked:
        raise typer.Exit(FAILED)
    if sys.stdout.isatty() if console is None else console:
        _serve(folder)


def _serve(folder: Path) -> None:
    """The console on what the demo found, to be worked through to the end."""
    from cluster.cli.api import serve_console
    from cluster.demo import home_of
    from flows.store.redis_server import redis_beside

    settings = home_of(folder)
    with redis_beside(settings) as url:
        serve_console(settings, url, "127.0.0.1", 8000)
