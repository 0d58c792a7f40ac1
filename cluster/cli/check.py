"""``dome check``: is the site file right, do the cameras answer, and may they testify?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cluster.cli.shell import BAD_INPUT, FAILED, counted, print_json, show_problems, stderr, stdout

if TYPE_CHECKING:
    from rich.table import Table

    from cluster.check import CameraCheck, SiteCheck


NAMED: Final = 4
"""Cameras that are named where many have the same to be said of them: what is said has room beside them."""


def check(
    site: Annotated[Path, typer.Argument(metavar="SITE.yaml", help="The site file.")],
    no_probe: Annotated[bool, typer.Option("--no-probe", help="Do not open the cameras' sources.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Check a site file and its cameras.

    Prints what is wrong by field, with the line and what was expected.
    Says for each camera whether it is fit for evidence, and why not.
    Exit status 2 if the file is wrong, 1 if only a live camera does not answer.
    """
    from cluster.check import check_site
    from flows.domain.errors import FieldError
    from flows.settings import Settings

    settings = Settings.from_env()
    try:
        with stderr().status("looking at the cameras ..."):
            found = check_site(
                site,
                settings,
                probe=None if no_probe else _probe,
                survey=_survey,
                known_detectors=_known_detectors(),
                known_plates=_known_plates(),
            )
    except FieldError as error:
        _refuse(error, site, as_json)
    if as_json:
        print_json(as_object(found))
    else:
        _show(found, site)
    if found.all_problems:
        raise typer.Exit(BAD_INPUT if found.file_is_bad else FAILED)


def _probe(camera: Any, settings: Any) -> Any:
    from flows.sources import probe

    return probe(camera, settings)


def _survey(camera: Any, _: Any) -> Any:
    """What a scene brings: it is known from its description, long before anything of it is rendered."""
    if camera.source.kind != "scene":
        return None
    from flows import scenes
    from flows.domain.errors import FieldError

    source = camera.source
    try:
        return scenes.build(source.scene, seed=source.seed, **source.options).calibration
    except FieldError as error:
        place = "source.scene" if error.field == "scene" else f"source.options.{error.field}"
        raise FieldError(place, error.expected, error.got, error.hint) from None


def _known_detectors() -> list[str]:
    from models.catalog import DETECTORS

    return list(DETECTORS)


def _known_plates() -> list[str]:
    from models.plates.grammar import names

    return names()


def _refuse(error: Any, site: Path, as_json: bool) -> None:
    from cluster.cli.run import refuse
    from cluster.cli.shell import problems_of

    if as_json:
        print_json({"ok": False, "problems": [_problem(p) for p in problems_of(error)], "cameras": {}})
        raise typer.Exit(BAD_INPUT)
    refuse(error, site)


def _show(found: SiteCheck, site: Path) -> None:
    console = stdout()
    if found.cameras:
        console.print(camera_table(found))
    for (text, style), cameras in _said_of(found.cameras).items():
        console.print(f"  {_named(cameras)}: {text}", style=style, soft_wrap=True, markup=False)
    for note in found.notes:
        console.print(f"  note: {note}", style="dim", soft_wrap=True)
    # Last, however many cameras there are: what must be mended stands where the terminal stops.
    if found.all_problems:
        console.print()
        show_problems(found.all_problems, site)
    console.print(_verdict(found, site), soft_wrap=True)


def _said_of(checks: Iterable[CameraCheck]) -> dict[tuple[str, str], list[str]]:
    """Each remark with its style once, and of which cameras it is said."""
    said: dict[tuple[str, str], list[str]] = {}
    for check in checks:
        for remark in _remarks(check):
            said.setdefault(remark, []).append(check.camera.id)
    return said


def _named(cameras: Sequence[str]) -> str:
    """Cameras by name, as many as one reads.

    >>> _named(["a", "b"]), _named([f"c{i}" for i in range(300)])
    ('a, b', 'c0, c1, c2, c3 and 296 more')
    """
    if len(cameras) <= NAMED + 1:
        return ", ".join(cameras)
    return f"{', '.join(cameras[:NAMED])} and {len(cameras) - NAMED} more"


def _remarks(check: CameraCheck) -> list[tuple[str, str]]:
    """What is said of a camera below the table, each with its style; its problems stand below."""
    weight = "yellow" if check.must_measure else "dim"
    unfit = [] if check.problems else [(f"not fit for evidence: {u}", weight) for u in check.unfit]
    return unfit + [(line, "") for line in check.rules] + [(note, "dim") for note in check.notes]


def _verdict(found: SiteCheck, site: Path) -> str:
    problems = found.all_problems
    if problems:
        cameras = {p.field.split(".")[1] for p in problems if p.field.startswith("cameras.")}
        concerned = f", in {counted(len(cameras), 'camera')}" if cameras else ""
        return f"[bold red]{counted(len(problems), 'problem')}[/] in {site}{concerned}"
    fit = sum(c.fit for c in found.cameras)
    cameras_in_all = counted(len(found.cameras), "camera")
    return f"[bold green]{site} is right[/]: {cameras_in_all}, {fit} fit for evidence"


def camera_table(found: SiteCheck) -> Table:
    """One row a camera."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in (
        "camera",
        "source",
        "video",
        "measured rate",
        "clock",
        "calibration residual",
        "fit for evidence",
    ):
        table.add_column(name)
    for check in found.cameras:
        table.add_row(*_row(check))
    return table


def _row(check: CameraCheck) -> tuple[str, ...]:
    seen = check.probe
    fit = "[green]yes[/]" if check.fit else "[yellow]no[/]"
    if check.problems:
        fit = "[red]no[/]"
    elif not check.fit and not check.must_measure:
        fit = "[dim]no, and no rule measures[/]"
    if seen is None:
        return (check.camera.id, check.camera.source.kind, "-", "-", "-", check.calibration, fit)
    declared = f" (says {seen.declared_hz:.2f})" if seen.declared_hz else ""
    return (
        check.camera.id,
        check.camera.source.kind,
        f"{seen.codec} {seen.width_px}x{seen.height_px}" if check.camera.sees else seen.codec,
        f"{seen.measured_hz:.2f} Hz{declared}",
        seen.clock_source,
        check.calibration,
        fit,
    )


def as_object(found: SiteCheck) -> dict[str, Any]:
    """The whole check as JSON values."""
    return {
        "ok": not found.all_problems,
        "site": found.site.site,
        "jurisdiction": found.profile.name,
        "problems": [_problem(p) for p in found.all_problems],
        "notes": list(found.notes),
        "cameras": {c.camera.id: _camera(c) for c in found.cameras},
    }


def _problem(problem: Any) -> dict[str, Any]:
    from flows.domain.masking import masked

    return {
        "field": problem.field,
        "line": problem.line,
        "expected": problem.expected,
        "got": masked(str(problem.got)),
        "hint": problem.hint,
    }


def _camera(check: CameraCheck) -> dict[str, Any]:
    from math import isfinite

    seen = check.probe
    return {
        "source": check.camera.source.kind,
        "fit_for_evidence": check.fit,
        "unfit": list(check.unfit),
        "notes": list(check.notes),
        "calibration": check.calibration,
        "rules": list(check.rules),
        "measured_hz": seen.measured_hz if seen and isfinite(seen.measured_hz) else None,
        "declared_hz": seen.declared_hz if seen else None,
        "clock": seen.clock_source if seen else None,
        "codec": seen.codec if seen else None,
        "width_px": seen.width_px if seen else None,
        "height_px": seen.height_px if seen else None,
        "duration_s": seen.duration_s if seen else None,
    }
