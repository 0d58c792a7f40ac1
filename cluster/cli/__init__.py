"""``dome``: the command line. Commands import what they need when they run, so that help comes at once."""

from __future__ import annotations

from collections.abc import Callable
from inspect import getdoc
from typing import Annotated

import typer

from cluster.cli import (
    api,
    apply,
    audit,
    backfill,
    case,
    channel,
    check,
    demo,
    evaluate,
    evidence,
    exemptions,
    grafana,
    lead,
    readjudicate,
    rules,
    run,
    scene,
    search_faces,
    token,
    weights,
)
from cluster.cli.shell import DomeGroup

HELP = (
    "Digital Dome: cameras in; violations, alerts and search hits out, with evidence a court can check.\n\n"
    "[bold]Start here:[/] [cyan]dome demo[/] shows everything on rendered cameras, "
    "[cyan]dome check SITE.yaml[/] tells what is wrong with a site file, [cyan]dome run SITE.yaml[/] runs it."
)
EPILOG = (
    "Settings come from the environment: DOME_HOME (default .dome), DOME_REDIS_URL (default: an embedded "
    "Redis), DOME_EVIDENCE, DOME_SPOOL, DOME_SPOOL_EVENTS, DOME_CACHE, DOME_WEIGHTS, DOME_FACES, DOME_AUDIT, "
    "DOME_PLATE_KEY, DOME_PROBE_KEY; DOME_C2PA_CERT, DOME_C2PA_KEY, DOME_TSA_URL and DOME_TSA_CERT sign and stamp "
    "packages; those of the API are told by [cyan]dome api --help[/]. "
    "Any command takes [cyan]--debug[/] to show "
    "a traceback. Exit status: 0 done, 1 failed, 2 bad input."
)

app = typer.Typer(
    name="dome",
    cls=DomeGroup,
    help=HELP,
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"dome {version_text()}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    pass


def version_text() -> str:
    """The version for people, with what to do where it is not known."""
    from flows.version import UNKNOWN, software_version

    version = software_version()
    return f"{UNKNOWN} (not installed: pip install -e .)" if version == UNKNOWN else version


def _help(command: Callable[..., None]) -> str:
    """A command's docstring with its lines joined: the terminal breaks them where it ends."""
    return "\n\n".join(" ".join(part.split()) for part in (getdoc(command) or "").split("\n\n"))


for _name, _command in (
    ("check", check.check),
    ("run", run.run),
    ("apply", apply.apply),
    ("backfill", backfill.backfill),
    ("demo", demo.demo),
    ("scene", scene.scene),
    ("rules", rules.rules),
    ("readjudicate", readjudicate.readjudicate),
    ("search-faces", search_faces.search_faces),
    ("api", api.api),
    ("token", token.token),
    ("grafana", grafana.grafana),
):
    app.command(_name, help=_help(_command))(_command)
for _name, _group in (
    ("evaluate", evaluate.app),
    ("evidence", evidence.app),
    ("exemptions", exemptions.app),
    ("weights", weights.app),
    ("case", case.app),
    ("channel", channel.app),
    ("lead", lead.app),
    ("audit", audit.app),
):
    for _info in _group.registered_commands:
        _info.help = _help(_info.callback) if _info.callback else None
    app.add_typer(_group, name=_name)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"dome {version_text()}")
