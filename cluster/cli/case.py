"""``dome case``: authorised searches, from the request to the end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.shell import BAD_INPUT, counted, print_json, problems_of, show_error, stdout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.table import Table

    from flows.domain.cases import SearchCase
    from flows.jurisdiction import JurisdictionProfile

app = typer.Typer(no_args_is_help=True, help="Search cases: nothing is searched for without one.")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else.")]
As = Annotated[
    str,
    typer.Option("--as", metavar="NAME", help="Who acts. For development: nothing proves that it is you."),
]
Why = Annotated[
    str, typer.Option("--why", metavar="TEXT", help="In your words; kept in the case and the audit log.")
]
Id = Annotated[str, typer.Argument(metavar="CASE")]
Names = list[str] | None
_UNSEARCHED = "not searched, or not in full"
Seen = Annotated[
    int | None,
    typer.Option(metavar="VERSION", help="Refuse if it is another version than the one you looked at."),
]


@app.command()
def create(
    by: As,
    purpose: Annotated[
        str, typer.Option(help="missing_child, missing_person, victim_search, wanted_by_court_order.")
    ] = "",
    law: Annotated[str, typer.Option(help="Legal basis, for example 'KPK RK 232'.")] = "",
    document: Annotated[str, typer.Option(help="Number of its document.")] = "",
    person: Annotated[str | None, typer.Option(help="The one person, by name ...")] = None,
    photo: Annotated[list[Path] | None, typer.Option(metavar="FILE", help="... with a photo or several.")] = None,
    plate: Annotated[str | None, typer.Option(help="Or the one vehicle, by plate.")] = None,
    camera: Annotated[Names, typer.Option(metavar="ID", help="A camera to search; may be repeated.")] = None,
    district: Annotated[Names, typer.Option(metavar="ID", help="A district to search; may be repeated.")] = None,
    begins: Annotated[str | None, typer.Option("--from", metavar="TIME", help="First capture time; now.")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Last capture time.")] = None,
    expires: Annotated[str | None, typer.Option(metavar="TIME", help="When the case ends; default --until.")] = None,
    alert_radius_m: Annotated[float | None, typer.Option(help="Patrols so near to a lead are told.")] = None,
    urgent: Annotated[bool, typer.Option("--urgent", help="May be active before it is authorised, for 24 h.")] = False,
    impact_assessment: Annotated[str, typer.Option(metavar="NUMBER")] = "",
    registration: Annotated[str, typer.Option(metavar="NUMBER")] = "",
    last_seen: Annotated[
        str | None, typer.Option(metavar="LAT,LON,TIME[,RADIUS_M]", help="Last sighting of a missing person.")
    ] = None,
    site: Annotated[
        Path | None, typer.Option(metavar="SITE.yaml", help="Its law, cameras and districts hold.")
    ] = None,
    jurisdiction: Annotated[str, typer.Option(help="Profile, where there is no --site.")] = "kz",
    faces: Annotated[str, typer.Option(help="Models that check the photos.")] = "dlib",
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Make a draft. Whatever the law of the place asks for and is missing is named."""
    from datetime import UTC, datetime

    from cluster.cli.readjudicate import moment
    from cluster.searching import searching
    from flows.casework.searches import new_case
    from flows.domain.errors import FieldError
    from flows.store.cases import new_id

    now = datetime.now(UTC)
    profile = _law(site, jurisdiction, camera or [], district or [], read_plates=plate is not None)
    photos = {f"p{n}": path for n, path in enumerate(photo or [], 1)}
    first = moment("--from", begins).isoformat() if begins else now.isoformat()
    last = moment("--until", until).isoformat() if until else None
    values: dict[str, Any] = {
        "purpose": purpose,
        "basis": {"law": law, "document": document},
        "target": _target(person, list(photos), plate),
        "cameras": camera or [],
        "districts": district or [],
        "window": {"begins_at": first, "ends_at": last},
        "alert_radius_m": alert_radius_m,
        "requester": by,
        "expires_at": moment("--expires", expires).isoformat() if expires else last,
        "urgent": urgent,
        "impact_assessment": impact_assessment,
        "registration": registration,
        "last_seen": _last_seen(last_seen),
    }
    try:
        case = new_case(values, profile, new_id(), now)
    except FieldError as error:
        for problem in problems_of(error):
            show_error(problem)
        raise typer.Exit(BAD_INPUT) from None
    with searching(sealed=bool(photos)) as stores:  # without a key no photo is even looked at
        kept = _photos(photos, faces) if photos else {}
        stores.cases.create(case, kept)
    _tell(case, as_json)


@app.command()
def authorise(case: Id, by: As, why: Why = "", seen: Seen = None, as_json: AsJson = False) -> None:
    """Say that a search is lawful. Never the one who asked for it."""
    _step("authorise", case, by, why, seen, as_json)


@app.command()
def activate(case: Id, by: As, why: Why = "", seen: Seen = None, as_json: AsJson = False) -> None:
    """Begin the search: an authorised one, or an urgent one for 24 hours."""
    _step("activate", case, by, why, seen, as_json)


@app.command()
def reject(case: Id, by: As, why: Why, seen: Seen = None, as_json: AsJson = False) -> None:
    """Say that a search must not be: its photos, leads and crops are deleted at once."""
    _step("reject", case, by, why, seen, as_json)


@app.command()
def close(case: Id, by: As, why: Why, seen: Seen = None, as_json: AsJson = False) -> None:
    """End a search: its photos and whatever nobody confirmed are deleted at once."""
    _step("close", case, by, why, seen, as_json)


@app.command("list")
def list_(
    everything: Annotated[bool, typer.Option("--all", help="Ended ones too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List cases, without saying who is searched for."""
    from cluster.searching import searching
    from flows.domain.cases import ENDED

    with searching() as stores:
        cases = [c for c in stores.cases.all() if everything or c.state not in ENDED]
        stopped, unsearched = stores.cases.stopped(), stores.cases.unsearched()
    if as_json:
        rows = [_row(case) | {"unsearched": unsearched.get(case.id, "")} for case in cases]
        print_json({"stopped": stopped, "cases": rows})
        return
    if stopped:
        stdout().print(f"[bold red]all searching is stopped[/] by {stopped}")
    if cases:
        stdout().print(_table(cases))
    for case in cases:
        if case.id in unsearched:
            stdout().print(f"{case.id}: {_UNSEARCHED}: {unsearched[case.id]}", soft_wrap=True, markup=False)
    stdout().print(counted(len(cases), "case"))


@app.command()
def show(case: Id, by: As, as_json: AsJson = False) -> None:
    """Show all of a case. That you have seen it is written down."""
    from cluster.searching import searching

    with searching() as stores:
        found = stores.cases.view(case, by)
        suppressed = stores.leads.suppressions(case)
        unsearched = stores.cases.unsearched().get(case, "")
    values = found.model_dump(mode="json") | {
        "ends_at": found.ends_at.isoformat(), "suppressed": [s.lead for s in suppressed],
        "unsearched": unsearched,
    }  # fmt: skip
    if as_json:
        print_json(values)
        return
    for name, value in values.items():
        if name not in ("steps", "terms") and value not in ("", None, []):
            stdout().print(f"{name}: {_said(value)}", soft_wrap=True, markup=False)
    for step in found.steps:
        stdout().print(
            f"  {step.at:%Y-%m-%d %H:%M:%S%z} {step.deed} by {step.by}{': ' if step.why else ''}{step.why}"
        )


def _said(value: Any) -> str:
    """A value of a case for people.

    >>> _said({"law": "KPK RK 232", "probes": ["p1", "p2"]}), _said(False)
    ('law KPK RK 232, probes p1 p2', 'no')
    """
    if isinstance(value, dict):
        return ", ".join(f"{key} {_said(each)}" for key, each in value.items())
    if isinstance(value, list):
        return " ".join(_said(each) for each in value)
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


@app.command()
def route(
    case: Id,
    by: As,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.geojson", help="Write it there; else on stdout.")
    ] = None,
) -> None:
    """Export where the vehicle of a case was seen, as GeoJSON. It is written down."""
    import json

    from cluster.searching import searching
    from flows.domain.sightings import geojson

    with searching() as stores:
        found = stores.sightings.route(case, by)
    document = geojson(found)
    if out is None:
        print_json(document)
        return
    out.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    stdout().print(f"{counted(len(found), 'sighting')} in {out}")


@app.command("stop-all")
def stop_all(by: As, why: Why) -> None:
    """End all searching within seconds, until another person resumes it."""
    from cluster.searching import searching

    with searching(sweep=False) as stores:
        stores.cases.stop_all(by, why)
    stdout().print("all searching is stopped; another person resumes it with: dome case resume")


@app.command()
def resume(by: As, why: Why) -> None:
    """Let searching go on. Never the one who stopped it."""
    from cluster.searching import searching

    with searching() as stores:
        stores.cases.resume(by, why)
        active = len(stores.cases.active().cases)
    stdout().print(f"searching goes on: {counted(active, 'active case')}")


@app.command()
def clock(by: As, why: Why) -> None:
    """Say that the machine's clock had been ahead: the searches take its present time for true again.

    Cases never live longer because a clock goes back: they go by the latest time that was ever seen. This sets it.
    """
    from cluster.searching import searching

    with searching(sweep=False) as stores:  # which would end cases by the wrong time
        stdout().print(f"it is {stores.cases.set_clock(by, why).isoformat(timespec='seconds')}")


@app.command()
def reseal(by: As, as_json: AsJson = False) -> None:
    """After a new key was put first in DOME_PROBE_KEY: seal all photos and crops by it, so that the old one can go.

    All of them are opened for that, which is written down for each case.
    """
    from cluster.searching import searching
    from flows.domain.cases import OPEN

    with searching(sealed=True) as stores:
        cases = stores.cases.to_reseal(by)
        photos = sum(stores.probes.reseal(case.id) for case in cases if case.state in OPEN)
        crops = sum(stores.leads.reseal(case.id) for case in cases)
    if as_json:
        print_json({"photos": photos, "crops": crops})
        return
    stdout().print(f"{counted(photos, 'photo')} and {counted(crops, 'crop')} sealed by the current key")


def _step(name: str, case_id: str, by: str, why: str, seen: int | None, as_json: bool) -> None:
    from cluster.searching import searching

    with searching() as stores:
        case: SearchCase = getattr(stores.cases, name)(case_id, by, why, seen)
    _tell(case, as_json)


def _tell(case: SearchCase, as_json: bool) -> None:
    if as_json:
        print_json(_row(case))
        return
    ends = (
        "" if case.state in ("closed", "expired", "rejected") else f", ends {case.ends_at:%Y-%m-%d %H:%M%z}"
    )
    stdout().print(f"{case.id}: {case.state} (version {case.version}){ends}")


def _row(case: SearchCase) -> dict[str, Any]:
    from flows.casework.searches import row

    return row(case) | {"ends_at": case.ends_at.isoformat(timespec="seconds")}


def _table(cases: list[SearchCase]) -> Table:
    from rich.table import Table

    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("case", "state", "purpose", "target", "where", "requester", "ends"):
        shown.add_column(name)
    for case in cases:
        urgent = "" if case.authorised or not case.urgent else " (urgent, not authorised)"
        where = ", ".join([*case.cameras, *(f"district {d}" for d in case.districts)])
        ends = f"{case.ends_at:%Y-%m-%d %H:%M%z}"
        shown.add_row(
            case.id, case.state + urgent, case.purpose, case.target.kind, where, case.requester, ends
        )
    return shown


def _law(
    site: Path | None, jurisdiction: str, cameras: list[str], districts: list[str], *, read_plates: bool
) -> JurisdictionProfile:
    """The profile; with a site file, cameras and districts must be among its own, and, if asked, one read plates."""
    from flows.domain.errors import FieldError
    from flows.jurisdiction import load_profile

    if site is None:
        return load_profile(jurisdiction)
    from flows.site.sitefile import load_site

    loaded = load_site(site)
    known = {
        "--camera": {c.id for c in loaded.config.cameras},
        "--district": {d.id for d in loaded.config.districts},
    }
    for option, given in (("--camera", cameras), ("--district", districts)):
        for name in given:
            if name not in known[option]:
                raise FieldError(
                    option, f"one of {', '.join(sorted(known[option]))}", repr(name), f"see {site}"
                )
    asked = [c for c in loaded.config.cameras if c.id in cameras or c.district in districts]
    if read_plates and asked and not any(c.read_plates for c in asked):
        raise FieldError(
            "--camera" if cameras else "--district", "a camera that reads plates", ", ".join(c.id for c in asked),
            f"read_plates: true in {site}",
        )  # fmt: skip
    return load_profile(loaded.config.jurisdiction, site.parent)


def _target(person: str | None, probes: list[str], plate: str | None) -> dict[str, Any] | None:
    from flows.domain.errors import FieldError

    if (person is None) == (plate is None):
        got = "neither" if person is None else "both"
        raise FieldError("target", "one person (--person with --photo) or one vehicle (--plate)", got)
    if plate is not None:
        return {"kind": "vehicle", "plate": plate}
    return {"kind": "person", "name": person, "probes": probes}


def _last_seen(text: str | None) -> dict[str, Any] | None:
    from cluster.cli.readjudicate import moment
    from flows.domain.errors import FieldError

    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    try:
        latitude, longitude, at, *rest = parts
        values: dict[str, Any] = {"latitude": float(latitude), "longitude": float(longitude)}
        if rest:
            values["radius_m"] = float(rest[0])
    except ValueError:
        raise FieldError("--last-seen", "LAT,LON,TIME[,RADIUS_M]", repr(text)) from None
    return values | {"at": moment("--last-seen", at).isoformat()}


def _photos(paths: Mapping[str, Path], faces: str) -> dict[str, bytes]:
    """Checked photos; a file is not read further than it may be large."""
    from flows.casework.searches import prepared
    from flows.domain.errors import FieldError
    from flows.settings import Settings
    from models.faces import load
    from models.faces.photos import MOST_BYTES, decoded
    from models.faces.probe import ProbeChecker

    read = {}
    for name, path in paths.items():
        try:
            with path.open("rb") as file:
                read[name] = file.read(MOST_BYTES + 1)
        except OSError as error:
            raise FieldError("--photo", "a file that can be read", str(path), str(error)) from None
    checker = ProbeChecker(load(faces, Settings.from_env()))
    return prepared(read, decoded, checker)
