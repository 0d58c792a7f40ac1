"""``dome backfill``: recordings of a site's cameras through the same pipeline."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cluster.cli.readjudicate import moment
from cluster.cli.run import refuse, report_left_out, short_type
from cluster.cli.shell import BAD_INPUT, FAILED, counted, known_detector, print_json, stderr, stdout

if TYPE_CHECKING:
    from rich.table import Table

    from cluster.backfill import Backfilled
    from flows.stream.backfill import Played


def backfill(
    site: Annotated[Path, typer.Argument(metavar="SITE.yaml", help="The site file.")],
    archive: Annotated[
        Path, typer.Argument(metavar="ARCHIVE", help="A folder with one folder of recordings a camera.")
    ],
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Only what was recorded from then on: a day, or a time with its zone."
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only what was recorded before then, likewise.")
    ] = None,
    actors: Annotated[
        int, typer.Option(min=0, help="Most recordings played at once; 0: one for each core.")
    ] = 0,
    cpus: Annotated[float, typer.Option(min=0.0, help="Cores that Ray keeps free for each of them.")] = 1.0,
    gpus: Annotated[float, typer.Option(min=0.0, help="Share of an accelerator for each of them.")] = 0.0,
    detector: Annotated[
        str | None, typer.Option(metavar="NAME", help="Use this detector for all cameras.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else.")
    ] = False,
) -> None:
    """Play what an archive holds of a site's cameras, with Ray Data; violations are written once, however often.

    ARCHIVE/CAMERA/2026-09-14T08-30-00Z.mp4, in folders below as well: a recording's name begins with its first frame's
    time and zone, or its container tells it. What a camera had already, from a live job or another recording, is left
    out. Nobody is searched for. Joins the Ray of RAY_ADDRESS, else starts one here; machines of a cluster must see
    ARCHIVE at the same place. Once stopped, give the same command again: all is played again and written once, --since
    spares the time. Exit status 1: not all of it was played.
    """
    from cluster.backfill import BackfillOptions, run_backfill
    from flows.domain.errors import FieldError
    from flows.site.sitefile import load_site

    known_detector("--detector", detector)
    try:
        config, problems = load_site(site)
    except FieldError as error:
        refuse(error, site)
    report_left_out(problems, site)
    options = BackfillOptions(
        since=moment("--since", since) if since else None,
        until=moment("--until", until) if until else None,
        actors=actors,
        cpus=cpus,
        gpus=gpus,
        detector=detector,
        address=os.environ.get("RAY_ADDRESS", ""),
    )
    if options.since and options.until and options.until <= options.since:
        raise FieldError("--until", f"a time after --since {since}", repr(until))
    done = count = 0

    def told(played: Played, of: int) -> None:
        nonlocal done, count
        done, count = done + 1, of
        stderr().print(f"{done}/{of} {line(played)}", soft_wrap=True, markup=False)

    result = run_backfill(config, archive, options, told)
    for problem in result.problems:
        stderr().print(f"left out: {problem}", style="yellow", soft_wrap=True, markup=False)
    if as_json:
        print_json(as_object(result))
    elif result.played:
        stdout().print(table(result))
    if not result.played:
        stderr().print("nothing to play: the archive holds no recording of these cameras", style="bold red")
        raise typer.Exit(BAD_INPUT)
    if result.stopped:
        stderr().print(f"stopped: {done} of {count} recordings were played; --since goes on from there")
    # What was left out was not played either: a script that looks at nothing else has to hear of it.
    if result.stopped or result.problems or not all(whole(each) for each in result.played):
        raise typer.Exit(FAILED)


def whole(played: Played) -> bool:
    """Whether a recording was played to its end, its frames were looked at and its events kept."""
    status = played.status
    return status.state == "ended" and status.frames_read > 0 and not status.dropped and not status.lost


def line(played: Played) -> str:
    """What came of a recording, on one line."""
    status = played.status
    if status.state == "failed":
        return f"{status.camera_id} {played.path.name}: {status.message}"
    more = f", {played.known} known already" if played.known else ""
    more += f", {played.gone} deleted before" if played.gone else ""
    more += f", {counted(status.dropped, 'frame')} not looked at" if status.dropped else ""
    more += f", {counted(status.lost, 'event')} lost" if status.lost else ""
    more += f"; {status.message}" if status.message else ""
    return (
        f"{status.camera_id} {played.path.name}: {counted(status.frames_read, 'frame')} in "
        f"{status.processing_s:.0f} CPU s, {counted(sum(status.events.values()), 'event')}{more}"
    )


def table(result: Backfilled) -> Table:
    """Each camera's counts over its recordings."""
    from rich.table import Table

    made = Table(box=None, pad_edge=False, header_style="bold")
    made.add_column("camera")
    for name in ("recordings", "failed", "frames", "gated", "errors", "known", "deleted"):
        made.add_column(name, justify="right")
    made.add_column("events")
    for camera in sorted({each.status.camera_id for each in result.played}):
        mine = [each for each in result.played if each.status.camera_id == camera]
        events = sum((Counter(each.status.events) for each in mine), Counter[str]())
        numbers = (
            len(mine),
            sum(not whole(each) for each in mine),
            sum(each.status.frames_read for each in mine),
            sum(each.status.gated for each in mine),
            sum(sum(each.status.errors.values()) for each in mine),
            sum(each.known for each in mine),
            sum(each.gone for each in mine),
        )
        said = ", ".join(f"{count} {short_type(kind)}" for kind, count in sorted(events.items()))
        made.add_row(camera, *(f"{number:,}" for number in numbers), said or "-")
    return made


def as_object(result: Backfilled) -> dict[str, object]:
    """For machines."""
    return {
        "recordings": [each.model_dump(mode="json") for each in result.played],
        "left_out": list(result.problems),
        "written": result.results.written,
        "duplicates": result.results.duplicates,
        "gone": result.results.gone,
        "stopped": result.stopped,
    }
