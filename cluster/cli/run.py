"""``dome run``: the live job of a site, here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.shell import BAD_INPUT, FAILED, counted, known_detector, show_problems, stderr, stdout

if TYPE_CHECKING:
    from rich.table import Table

    from cluster.live import LiveOptions
    from flows.domain.site import SiteConfig
    from flows.domain.status import Summary


def run(
    site: Annotated[Path, typer.Argument(metavar="SITE.yaml", help="The site file.")],
    until_end: Annotated[
        bool,
        typer.Option("--until-end", help="Stop when every finite source has ended; live cameras stop then."),
    ] = False,
    events: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.jsonl",
            help="Write one CloudEvent a line, as Redis holds them; where a camera is live, after what is there.",
        ),
    ] = None,
    summary: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Write each camera's counts at the end.")
    ] = None,
    detector: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Use this detector for all cameras (see dome weights list)."),
    ] = None,
    no_progress: Annotated[bool, typer.Option("--no-progress", help="Show nothing while it runs.")] = False,
    api: Annotated[bool, typer.Option("--api", help="Serve the API beside it (see dome api).")] = False,
    host: Annotated[str, typer.Option(metavar="HOST", help="With --api: where it listens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="With --api: its port.")] = 8000,
) -> None:
    """Run a site: live cameras for ever, files to their end.

    Starts what is not there yet: Ray, an embedded Redis (unless DOME_REDIS_URL is set), detectors on Ray
    Serve, one actor a camera. Ctrl-C drains and ends it.
    A camera that is wrong in the site file is reported and left out.
    """
    from cluster.check import section_notes
    from flows.domain.errors import FieldError
    from flows.settings import Settings
    from flows.site.sitefile import load_site

    known_detector("--detector", detector)
    try:
        config, problems = load_site(site)
    except FieldError as error:
        refuse(error, site)
    report_left_out(problems, site)
    if not config.cameras:
        stderr().print("nothing to run: no camera of the site file can be used", style="bold red")
        raise typer.Exit(BAD_INPUT)
    options = _options(until_end, events, summary, detector, (host, port) if api else None)
    for note in section_notes(config, Settings.from_env()):
        stderr().print(f"warning: {note}", style="yellow", soft_wrap=True, markup=False)
    result = run_live_with_progress(
        config,
        [str(p) for p in problems],
        options,
        progress=not no_progress,
    )
    stdout().print(summary_table(result))
    for remark in remarks(result):
        stdout().print(remark, soft_wrap=True, markup=False)
    if result.cameras and all(c.state == "failed" for c in result.cameras.values()):
        raise typer.Exit(FAILED)


def refuse(error: Any, site: Path) -> None:
    """Shows all that is wrong with a site file that cannot be used, and ends the command."""
    from cluster.cli.shell import problems_of

    found = problems_of(error)
    show_problems(found, site)
    stderr().print(f"{site}: {counted(len(found), 'problem')}", style="bold")
    raise typer.Exit(BAD_INPUT)


def report_left_out(problems: list[Any], site: Path) -> None:
    """Says which cameras of a site file go unused, and why."""
    if problems:
        show_problems(problems, site, "warning")
        cameras = {p.field.split(".")[1] for p in problems if p.field.startswith("cameras.")}
        note = f"left out: {', '.join(sorted(cameras))}" if cameras else "going on without what is wrong"
        stderr().print(f"{note} (dome check {site} tells more)\n", style="bold", soft_wrap=True)


def _options(
    until_end: bool,
    events: Path | None,
    summary: Path | None,
    detector: str | None,
    api: tuple[str, int] | None,
) -> LiveOptions:
    from cluster.live import LiveOptions

    return LiveOptions(until_end=until_end, events=events, summary=summary, detector=detector, api=api)


def run_live_with_progress(
    config: SiteConfig, problems: list[str], options: LiveOptions, *, progress: bool
) -> Summary:
    """The live job with its progress on stderr."""
    from cluster.cli.progress import LiveProgress
    from cluster.live import run_live

    if not progress:
        return run_live(config, problems, options, lambda *_: None)
    with LiveProgress(stderr()) as shown:
        return run_live(config, problems, options, shown.update)


def summary_table(summary: Summary) -> Table:
    """Each camera's counts at the end."""
    from rich.table import Table

    from cluster.cli.progress import unfitness

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("camera")
    table.add_column("state")
    for name in ("frames", "gated", "detected", "dropped", "reconnects", "errors", "CPU s"):
        table.add_column(name, justify="right")
    table.add_column("events")
    for camera, status in summary.cameras.items():
        events = ", ".join(f"{n} {short_type(kind)}" for kind, n in sorted(status.events.items()))
        counts = (status.frames_read, status.gated, status.detected, status.dropped, status.reconnects)
        errors = sum(status.errors.values())
        table.add_row(
            camera,
            f"{status.state}\n[bold red]{unfit}[/]" if (unfit := unfitness(status)) else status.state,
            *(f"{n:,}" for n in (*counts, errors)),
            f"{status.processing_s:.1f}",
            events or "-",
        )
    return table


def remarks(summary: Summary) -> list[str]:
    """What happened to cameras and to Redis, below the table; nothing where all went well."""
    from cluster.cli.progress import camera_note, results_note

    notes = [(camera, camera_note(status)) for camera, status in summary.cameras.items()]
    said = [f"  {camera}: {note}" for camera, note in notes if note]
    return [*said, f"  {results_note(summary.results)}"] if summary.results.outages else said


def short_type(kind: str) -> str:
    """An event's type without its decoration.

    >>> short_type("dome.violation.speeding.v1")
    'speeding'
    """
    return kind.removeprefix("dome.violation.").removeprefix("dome.").rsplit(".v", 1)[0]
