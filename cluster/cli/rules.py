"""``dome rules``: what the rules are, by the rules themselves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cluster.cli.shell import stdout

if TYPE_CHECKING:
    from flows.rules.table import RuleRow


def rules(
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the README's table.")] = False,
    write: Annotated[
        Path | None, typer.Option("--write", metavar="FILE", help="Renew the table between a file's markers.")
    ] = None,
) -> None:
    """Show every rule: its definition, its parameters with units and defaults, and its article by jurisdiction."""
    from flows.domain.errors import FieldError
    from flows.jurisdiction import load_profile, profile_names
    from flows.rules import table

    profiles = [load_profile(name) for name in profile_names()]
    if write is not None:
        if not write.is_file():
            raise FieldError("--write", "a file that exists", str(write))
        text = write.read_text(encoding="utf-8")
        try:
            write.write_text(table.between_markers(text, table.markdown(profiles)), encoding="utf-8")
        except ValueError as error:
            raise FieldError("--write", f"a file with {table.BEGIN} and {table.END}", str(write)) from error
    elif markdown:
        typer.echo(table.markdown(profiles))
    else:
        for row in table.rows(profiles):
            _show(row)


def _show(row: RuleRow) -> None:
    from rich.table import Table
    from rich.text import Text

    console = stdout()
    console.print(Text(row.kind, style="bold"), Text(row.definition))
    articles = "; ".join(f"{name}: {article}" for name, article in row.articles.items())
    console.print(Text(f"  {articles}", style="dim"))
    grid = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
    for parameter in row.parameters:
        default = "required" if parameter.default is None else parameter.default
        unit = parameter.what if parameter.default not in (None, "none") else f"({parameter.what})"
        value = f"{default} {unit}" if parameter.what else default
        grid.add_row(Text(f"    {parameter.name}"), Text(value), Text(parameter.help.replace("``", "`")))
    console.print(grid)
