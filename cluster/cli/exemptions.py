"""``dome exemptions``: lists of exempt plates, and the violations that wait for them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.shell import BAD_INPUT, counted, print_json, show_problems, stderr, stdout

if TYPE_CHECKING:
    from flows.casework.exemptions import ExemptionList
    from flows.store.exemptions import ExemptionsStore
    from flows.store.results import ResultsStore

app = typer.Typer(no_args_is_help=True, help="Load lists of exempt plates; decide what waits for them.")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else.")]


@app.command()
def load(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A .yaml or .csv list: name, issued_at, entries.")
    ],
    fewer: Annotated[
        bool, typer.Option("--fewer", help="Load it even if it has lost most plates of the list in force.")
    ] = False,
    anew: Annotated[
        bool, typer.Option("--anew", help="Keep nothing of the list in force: what it said was wrong.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put a list in force, whole or not at all, and decide the violations that waited for it.

    Its age counts from its own issued_at. A list issued before the one in force is refused, and so is one that has
    lost most of its plates: the file may have been cut off. Plates that the list in force has and this one has not
    stay exempt from what was captured before this one was issued.
    """
    from flows.casework.exemptions import read_exemptions
    from flows.domain.errors import FieldError

    try:
        found = read_exemptions(file)
        in_force, decided = _put(found, fewer, anew)
    except FieldError as error:
        _refuse(error, file, as_json)
    kept = len(in_force.entries) - len(found.entries)
    if as_json:
        print_json({"ok": True, "name": found.name, "issued_at": found.issued_at.isoformat(),
                    "entries": len(found.entries), "kept": kept, "sha256": in_force.digest,
                    "decided": dict(decided)})  # fmt: skip
        return
    issued, also = (
        f"{found.issued_at:%Y-%m-%d %H:%M%z}",
        f", kept for what was before: {kept:,}" if kept else "",
    )
    stdout().print(f"{found.name}: issued {issued}, entries: {len(found.entries):,}{also}")
    for state, count in sorted(decided.items()):
        stdout().print(f"  {counted(count, 'violation')}: {state}")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the lists in force, and how many violations wait for fresh ones."""
    from flows.settings import Settings
    from flows.store.exemptions import ExemptionsStore
    from flows.store.redis_server import redis_beside
    from flows.store.results import ResultsStore

    with redis_beside(Settings.from_env()) as url:
        lists = sorted(ExemptionsStore(url).lists().values(), key=lambda each: each.name)
        held = len(ResultsStore(url).in_state("held_stale_exemptions", None))
    rows = [{"name": each.name, "issued_at": each.issued_at.isoformat(), "entries": len(each.entries)}
            for each in lists]  # fmt: skip
    if as_json:
        print_json({"lists": rows, "held_stale_exemptions": held})
        return
    for row in rows:
        stdout().print(f"{row['name']}: issued {row['issued_at']}, {row['entries']} entries")
    stdout().print(f"{counted(held, 'violation')} held for fresh lists")


def _put(found: ExemptionList, fewer: bool, anew: bool) -> tuple[ExemptionList, Counter[str]]:
    """Puts the list in force and writes what follows.

    Returns:
        The list as it is in force now, and how many violations came into which state.
    """
    from flows.casework.exemptions import check_whole
    from flows.settings import Settings
    from flows.store.exemptions import ExemptionsStore
    from flows.store.redis_server import redis_beside
    from flows.store.results import ResultsStore

    with redis_beside(Settings.from_env()) as url:
        store, lists = ResultsStore(url), ExemptionsStore(url)
        held = lists.lists().get(found.name)
        if held is not None and not fewer:
            check_whole(found, held)
        in_force = lists.put(found, anew)
        return in_force, _decide(store, lists)


def _decide(store: ResultsStore, lists: ExemptionsStore) -> Counter[str]:
    """Decides all that waits; how many violations came into which state."""
    from flows.desks.docket import Docket

    docket, states = Docket(store, lists), Counter[str]()
    while True:
        decided = docket.sweep()
        fresh = store.write(decided).fresh
        states.update(str(e.data["state"]) for e, is_new in zip(decided, fresh, strict=True) if is_new)
        if docket.done:
            return states


def _refuse(error: Any, file: Path, as_json: bool) -> None:
    from cluster.cli.shell import problems_of

    found = problems_of(error)
    if as_json:
        print_json({"ok": False, "problems": [
            {"field": p.field, "line": p.line, "expected": p.expected, "got": str(p.got), "hint": p.hint}
            for p in found]})  # fmt: skip
    else:
        show_problems(found, file)
        stderr().print(
            f"{file}: {counted(len(found), 'problem')}; the list before it stays in force", style="bold"
        )
    raise typer.Exit(BAD_INPUT)
