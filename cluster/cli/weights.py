"""``dome weights``: which models there are, where their weights lie, and whether they are whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from cluster.cli.shell import FAILED, print_json, stdout

if TYPE_CHECKING:
    from models.weights import WeightsRow

app = typer.Typer(no_args_is_help=True, help="List, fetch and verify the weights of models.")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON list on stdout and nothing else.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the models that a site file may name, and whether their weights are here."""
    from flows.settings import Settings
    from models.weights import list_weights

    _show(list_weights(Settings.from_env()), as_json)


@app.command()
def fetch(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Names from dome weights list.")],
) -> None:
    """Fetch and verify weights; on a machine with no way out, say which file to put where."""
    from flows.settings import Settings
    from models import weights

    settings = Settings.from_env()
    _check_names(names)
    for name in names:
        found = weights.fetch(name, settings)
        stdout().print(f"{name}: {found.path} (sha256 {found.sha256}, {found.trust})", soft_wrap=True)


def _check_names(names: Sequence[str]) -> None:
    from flows.domain.errors import FieldError
    from flows.site.validation import did_you_mean
    from models.catalog import CATALOG

    for name in names:
        if name not in CATALOG:
            hint = did_you_mean(name, list(CATALOG)) or "see dome weights list"
            raise FieldError("NAME", f"one of {', '.join(CATALOG)}", repr(name), hint)


@app.command()
def verify(as_json: AsJson = False) -> None:
    """Hash the weights that are here and compare; exit status 1 if any is damaged."""
    from flows.settings import Settings
    from models import weights

    rows = weights.verify(Settings.from_env())
    _show(rows, as_json)
    if any(row.state == "damaged" for row in rows):
        raise typer.Exit(FAILED)


def _show(rows: Sequence[WeightsRow], as_json: bool) -> None:
    if as_json:
        print_json([_object(row) for row in rows])
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("name", "state", "size", "licence", "verified by"):
        table.add_column(column)
    table.add_column("where", overflow="fold")
    styles = {"ready": "green", "absent": "dim", "damaged": "bold red"}
    for row in rows:
        size = f"{row.entry.size_bytes / 1e6:.1f} MB" if row.entry.size_bytes else "-"
        where = str(row.path) if row.path else (row.problem or row.entry.url)
        trust = row.trust if row.path else "-"
        state = f"[{styles[row.state]}]{row.state}[/]"
        table.add_row(row.entry.name, state, size, row.entry.licence, trust, escape(where))
    stdout().print(table)


def _object(row: WeightsRow) -> dict[str, Any]:
    return {
        "name": row.entry.name,
        "state": row.state,
        "path": str(row.path) if row.path else None,
        "sha256": row.sha256 or row.entry.sha256,
        "trust": row.trust,
        "size_bytes": row.entry.size_bytes,
        "licence": row.entry.licence,
        "url": row.entry.url,
        "problem": row.problem,
    }
