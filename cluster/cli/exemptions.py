"""``dome exemptions``: lists of exempt plates, and the violations that wait for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.shell import BAD_INPUT, counted, print_json, show_problems, stderr, stdout

if TYPE_CHECKING:
    from flows.casework.exemptions import ExemptionList
    from flows.store.exemptions import ExemptionsStore
    from flows.store.results import ResultsStore

app = typer.Typer(
    no_args_is_help=True, help="Load and remove lists of exempt plates; decide what waits for them."
)

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
        with _desk() as desk:
            in_force, decided = desk.put(found, fewer, anew), desk.decide()
            held_up = desk.held_up()
    except FieldError as error:
        _refuse(error, file, as_json)
    kept = len(in_force.entries) - len(found.entries)
    if as_json:
        print_json({"ok": True, "name": found.name, "issued_at": found.issued_at.isoformat(),
                    "entries": len(found.entries), "kept": kept, "sha256": in_force.digest,
                    "decided": dict(decided), "held_up": dict(held_up)})  # fmt: skip
        return
    also = f", kept for what was before: {kept:,}" if kept else ""
    issued = f"{found.issued_at:%Y-%m-%d %H:%M%z}"
    stdout().print(f"{found.name}: issued {issued}, entries: {len(found.entries):,}{also}")
    _show(decided, held_up)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the lists in force, and how many violations wait for a fresh one of each."""
    with _desk() as desk:
        lists, held_up = desk.lists.lists(), desk.held_up()
        held = len(desk.store.in_state("held_stale_exemptions", None))
    rows = [{"name": each.name, "issued_at": each.issued_at.isoformat(), "entries": len(each.entries),
             "removed": each.removed, "holds_up": held_up[each.name]}
            for each in sorted(lists.values(), key=lambda each: each.name)]  # fmt: skip
    missing = {name: count for name, count in sorted(held_up.items()) if name not in lists}
    if as_json:
        print_json({"lists": rows, "missing": missing, "held_stale_exemptions": held})
        return
    for row in rows:
        what = "removed" if row["removed"] else "issued"
        stdout().print(f"{row['name']}: {what} {row['issued_at']}, {row['entries']} entries")
    stdout().print(f"{counted(held, 'violation')} held for fresh lists")
    _show({}, held_up)


@app.command()
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A list that nobody issues any more.")],
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="Why: kept in the audit log.")],
    by: Annotated[str, typer.Option("--as", metavar="NAME", help="Who removes it: kept likewise.")] = "",
    as_json: AsJson = False,
) -> None:
    """Put a list out of force, and decide the violations that waited for it where no rule names it.

    Whom it exempted stays exempt from what was captured before. Rules whose site file names it wait on; a list of that
    name that is issued later takes its place.
    """
    with _desk() as desk:
        desk.lists.remove(name, by or getuser(), why)
        decided, held_up = desk.decide(), desk.held_up()
    if as_json:
        print_json({"name": name, "decided": dict(decided), "held_up": dict(held_up)})
        return
    stdout().print(f"{name}: removed")
    _show(decided, held_up)


def _show(decided: Mapping[str, int], held_up: Mapping[str, int]) -> None:
    for state, count in sorted(decided.items()):
        stdout().print(f"  {counted(count, 'violation')}: {state}")
    for name, count in sorted(held_up.items()):
        stdout().print(f"  {counted(count, 'violation')} held up by {name}")


@contextmanager
def _desk() -> Iterator[_Desk]:
    from flows.settings import Settings
    from flows.store.exemptions import ExemptionsStore
    from flows.store.redis_server import redis_beside
    from flows.store.results import ResultsStore

    with redis_beside(Settings.from_env()) as url:
        yield _Desk(ResultsStore(url), ExemptionsStore(url))


@dataclass(frozen=True, slots=True)
class _Desk:
    """Where violations and lists are."""

    store: ResultsStore
    lists: ExemptionsStore

    def put(self, found: ExemptionList, fewer: bool, anew: bool) -> ExemptionList:
        """Puts a list in force; how it is in force now."""
        from flows.casework.exemptions import check_whole

        if not fewer:
            check_whole(found, self.lists.lists().get(found.name))
        return self.lists.put(found, anew)

    def decide(self) -> Counter[str]:
        """Decides all that waits; how many violations came into which state."""
        from flows.desks.docket import Docket

        docket, states = Docket(self.store, self.lists), Counter[str]()
        while True:
            decided = docket.sweep()
            fresh = self.store.write(decided).fresh
            states.update(str(e.data["state"]) for e, is_new in zip(decided, fresh, strict=True) if is_new)
            if docket.done:
                return states

    def held_up(self) -> Counter[str]:
        """How many violations each list holds up."""
        from flows.desks.docket import held_up

        return held_up(self.store, self.lists.lists())


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
