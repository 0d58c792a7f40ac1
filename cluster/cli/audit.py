"""``dome audit``: whether the log of the searches is whole, and what a month of them came to."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from cluster.cli.case import As, AsJson, Why
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
                    "begun": [seal.number for seal, _ in seals if seal.anew], "head": head.hash,
                    "problems": problems})  # fmt: skip
    else:
        for seal, _ in seals:
            if seal.anew:
                stdout().print(f"seal {seal.number}, {seal.sealed_at:%Y-%m-%d %H:%M}: the log began anew, and what was "
                               "sealed before is not all there; see its entry audit.begun")  # fmt: skip
        for problem in problems:
            stdout().print(f"[bold red]{problem}[/]")
        verdict = "whole" if not problems else counted(len(problems), "problem")
        stdout().print(f"{verdict}: entries: {head.seq:,}, {counted(len(seals), 'seal')}"
                       f" up to entry {sealed}; the last entry's hash is {head.hash or 'none'}")  # fmt: skip
    if problems:
        raise typer.Exit(FAILED)


@app.command()
def begin(by: As, why: Why) -> None:
    """Say that Redis came back from a backup, older than its seals: the log as it is now is sealed anew.

    Look through the cases first: what was ended since that backup is active again, and what was begun is gone.
    Searching, which was stopped when this was noticed, is resumed with: dome case resume.
    """
    from cluster.searching import searching
    from flows.domain.cases import person, reason
    from flows.domain.errors import StoreError
    from flows.store.ledger import entry, noted, utc_now

    with searching(sweep=False) as stores:
        lost = stores.seals.lost(stores.audit)
        if not lost:
            raise StoreError("the audit log holds what was sealed: it need not begin anew")
        noted(
            stores.address, entry(person(by), "audit.begun", why=reason(why), lost=lost), "begin the log anew"
        )
        seal = stores.seals.write(stores.audit, utc_now(), anew=True)
        stopped = stores.cases.stopped()
    assert seal is not None
    stdout().print(f"seal {seal.number} begins the log anew, with entries 1 to {seal.last}; {lost}")
    if stopped:
        stdout().print(f"searching is stopped by {stopped}")


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
