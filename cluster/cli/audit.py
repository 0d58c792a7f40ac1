"""``dome audit``: whether the log of the searches is whole, and what a month of them came to."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from cluster.cli.case import AsJson
from cluster.cli.shell import FAILED, counted, print_json, stdout

app = typer.Typer(no_args_is_help=True, help="The append-only log of all searches.")


@app.command()
def verify(as_json: AsJson = False) -> None:
    """Find whatever was changed, removed, moved or cut off; exit status 1 if anything was.

    Not found: what was cut off before it was sealed (within the hour) by somebody who may write to Redis, and what was
    cut off with its seals by somebody who may write to Redis and to DOME_AUDIT. Note elsewhere what is printed here.
    """
    from cluster.searching import searching
    from flows.casework.auditing import verify as problems_of
    from flows.casework.auditing import whole

    with searching(sweep=False) as stores:  # whoever checks the log writes nothing into it first
        # In this order: what is noted, sealed or written meanwhile is more, never less, than what was read before it.
        noted = stores.audit.sealed()
        seals, unreadable = stores.seals.all()
        rows, head = whole(stores.audit)
    problems = problems_of(rows, head, seals, noted, unreadable)
    sealed = seals[-1][0].last if seals else 0
    if as_json:
        print_json({"ok": not problems, "entries": head.seq, "seals": len(seals), "sealed": sealed,
                    "head": head.hash, "problems": problems})  # fmt: skip
    else:
        for problem in problems:
            stdout().print(f"[bold red]{problem}[/]")
        verdict = "whole" if not problems else counted(len(problems), "problem")
        stdout().print(f"{verdict}: entries: {head.seq:,}, {counted(len(seals), 'seal')}"
                       f" up to entry {sealed}; the last entry's hash is {head.hash or 'none'}")  # fmt: skip
    if problems:
        raise typer.Exit(FAILED)


@app.command()
def report(
    month: Annotated[str, typer.Option(metavar="YYYY-MM", help="In UTC.")],
    as_json: AsJson = False,
) -> None:
    """Print a month's figures, as the public is told them."""
    from cluster.searching import searching
    from flows.casework.auditing import as_object, figures
    from flows.domain.errors import FieldError

    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", month):
        raise FieldError("--month", "a month such as 2026-11", repr(month))
    with searching() as stores:
        told = as_object(figures(stores.audit.entries(), month))
    if as_json:
        print_json(told)
        return
    from rich.table import Table

    shown = Table(box=None, show_header=False, pad_edge=False)
    for name, value in told.items():
        text = (
            ", ".join(f"{k} {n}" for k, n in value.items()) or "none"
            if isinstance(value, dict)
            else str(value)
        )
        shown.add_row(name.replace("_", " "), "-" if value is None else text)
    stdout().print(shown)
