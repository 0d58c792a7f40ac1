"""``dome apply``: a running job's cameras become those of a site file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cluster.cli.run import refuse
from cluster.cli.shell import BAD_INPUT, FAILED, show_problems, stderr, stdout

if TYPE_CHECKING:
    from flows.stream.fleet import SiteAnswer


def apply(
    site: Annotated[Path, typer.Argument(metavar="SITE.yaml", help="The site file as it is to be now.")],
    address: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Of the job's Ray; RAY_ADDRESS by default, else of the job with the same DOME_HOME.",
        ),
    ] = "",
) -> None:
    """Make the cameras of a running job those of a site file, while the others go on.

    New cameras start, changed ones start anew, those that are gone from the file finish what is under way and end.
    A file that dome check --no-probe would refuse changes nothing. Sources are not opened beforehand, as they may be
    where only the job can see them: whether a new camera sends is seen in the job's table, or in the console.
    """
    if not (address or os.environ.get("RAY_ADDRESS")):
        # Before Ray is imported: the one that a job starts here asks for the token, and takes it from the same file.
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    from cluster.applying import hand_in
    from flows.domain.errors import DomeError, FieldError
    from flows.settings import Settings
    from flows.site.sitefile import load_site

    try:
        config, problems = load_site(site)
    except FieldError as error:
        refuse(error, site)
    if problems or not config.cameras:
        show_problems(problems, site)
        stderr().print("nothing was changed", style="bold")
        raise typer.Exit(BAD_INPUT)
    with stderr().status("waiting for the job ..."):
        said = hand_in(config, Settings.from_env(), address)
    if said.refused:
        raise DomeError(f"nothing was changed: {said.refused}")
    stdout().print(words(said), soft_wrap=True, markup=False)
    if said.unable:
        raise typer.Exit(FAILED)


def words(said: SiteAnswer) -> str:
    """What a job did.

    >>> from flows.stream.fleet import SiteAnswer
    >>> words(SiteAnswer(added=("a", "b"), removed=("c",)))
    'added: a, b; removed: c'
    >>> words(SiteAnswer())
    'nothing to change'
    """
    parts = {
        "added": said.added,
        "changed": said.changed,
        "removed": said.removed,
        "not started": said.unable,
    }
    return "; ".join(f"{what}: {', '.join(ids)}" for what, ids in parts.items() if ids) or "nothing to change"
