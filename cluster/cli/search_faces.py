"""``dome search-faces``: photographs compared with a gallery, to see how a search would fare. Writes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cluster.cli.shell import FAILED, counted, print_json, show_error, stderr, stdout

if TYPE_CHECKING:
    from cluster.evaluate_faces import Found


def search_faces(
    gallery: Annotated[Path, typer.Option(metavar="DIR", help="Photographs of who is searched for.")],
    images: Annotated[Path, typer.Option(metavar="DIR", help="Photographs to search.")],
    model: Annotated[str, typer.Option(help="Finder and embedder, for example yunet+sface.")] = "dlib",
    budget: Annotated[
        float, typer.Option(help="Share of other people's faces that may be taken for one of the gallery.")
    ] = 0.001,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else.")
    ] = False,
) -> None:
    """Evaluation only: compares faces in photographs with a gallery, and writes nothing.

    Cameras are searched by cases alone: see dome case.
    A photograph that cannot be looked into, of either folder, is named with what is wrong with it; the others are
    compared all the same. Exit status 1 if there was one, 2 if the gallery holds no face at all.
    """
    from dataclasses import asdict

    from cluster.evaluate_faces import search_faces as search
    from flows.faces.thresholds import built_in
    from flows.settings import Settings
    from models.faces import load

    found = search(gallery, images, load(model, Settings.from_env()), built_in(model), budget)
    if as_json:
        print_json(asdict(found))
    else:
        _show(found)
    if found.unread:
        raise typer.Exit(FAILED)


def _show(found: Found) -> None:
    from collections import Counter
    from dataclasses import asdict

    from rich.table import Table

    from flows.domain.errors import FieldError

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in (
        "photograph",
        "face at",
        "most alike",
        "similarity",
        "hit",
        "of a million others as alike",
    ):
        table.add_column(column)
    faces = Counter(each.image for each in found.matches)
    for each in found.matches:
        hit = "[green]yes[/]" if each.hit else "no"
        # Whose face it is has to be told only where there are several.
        place = f"{each.xyxy[0]:.0f}, {each.xyxy[1]:.0f} px" if faces[each.image] > 1 else ""
        table.add_row(
            each.image, place, each.nearest, f"{each.similarity:.4f}", hit, f"{each.false_alarms:g}"
        )
    stdout().print(table)
    who = "one who is" if found.gallery == 1 else f"any of {found.gallery} who are"
    share = f"{100 * found.budget:g} % of other people's faces would be taken for {who} searched for"
    stdout().print(f"a hit: {found.threshold:.4f} or more, where {share}", style="dim", soft_wrap=True)
    if found.without_face:
        stdout().print(f"no face found in {', '.join(found.without_face)}", style="yellow")
    for problem in found.problems:
        show_error(FieldError(**asdict(problem)))
    if found.problems:
        stderr().print(f"{counted(found.unread, 'photograph')} could not be looked into", style="bold")
