"""``dome evidence``: packages that leave the house, and how anybody checks one."""

from __future__ import annotations

from contextlib import ExitStack
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.shell import BAD_INPUT, FAILED, counted, print_json, stderr, stdout

if TYPE_CHECKING:
    from flows.court.export import Material
    from flows.court.verify import Report, Trust
    from flows.settings import Settings

app = typer.Typer(
    no_args_is_help=True, help="Export evidence packages; verify one offline; begin with another disk."
)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else.")]
Certificates = Annotated[
    Path | None,
    typer.Option(metavar="FILE.pem", help="Roots that may vouch for the signer; else nobody is asked."),
]
Authorities = Annotated[
    Path | None, typer.Option(metavar="FILE.pem", help="Roots that may vouch for the time stamp.")
]


@app.command()
def export(
    id: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="A violation, an abandoned object, a lead that two people confirmed."
        ),
    ],
    out: Annotated[Path | None, typer.Option(metavar="FILE.zip", help="Default: evidence-ID.zip.")] = None,
    by: Annotated[
        str, typer.Option("--as", metavar="NAME", help="Who takes it out: kept in the audit log.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Put everything about a case into one signed zip: pictures, clip, measurement, decisions, protocols.

    Of a lead: the face as seen and the photo, how alike they are and what that means, the case's grounds, and who
    confirmed it; nobody else. Its pictures are opened with DOME_PROBE_KEY.

    DOME_C2PA_CERT and DOME_C2PA_KEY name the certificate that signs; without them one for development is made.
    DOME_TSA_URL names a time-stamp authority (RFC 3161), DOME_TSA_CERT its root.
    """
    from flows.court.export import export as make
    from flows.court.gather import note_export, sealing_of
    from flows.court.verify import verify as check
    from flows.evidence.package import sha256
    from flows.settings import Settings
    from flows.store.redis_server import redis_beside

    settings, who = Settings.from_env(), by or getuser()
    with redis_beside(settings) as url:
        material = _material(id, url, settings, who)
        made = make(material, sealing_of(settings))
        note_export(url, who, material, made)
    path = out or Path(f"evidence-{id}.zip")
    path.write_bytes(made)
    report = check(made)
    if as_json:
        print_json({"file": str(path), "size": len(made), "sha256": sha256(made)} | as_object(report))
    else:
        stdout().print(f"{path}: {len(made):,} bytes, sha256 {sha256(made)}", soft_wrap=True)
        _show(report)
    if report.faults:
        raise typer.Exit(FAILED)


def _material(id: str, url: str, settings: Settings, by: str) -> Material:
    """Of a lead from its case's own store, of all else from the events."""
    from flows.court.gather import gather
    from flows.court.lead import gather_lead
    from flows.store.cases import CaseStore
    from flows.store.evidence import EvidenceStore
    from flows.store.leads import LeadStore
    from flows.store.results import ResultsStore
    from flows.store.vault import Vault
    from flows.version import software_version

    evidence, key = EvidenceStore(settings.evidence), settings.probe_key.get_secret_value()
    vault = Vault.of(key) if key else None
    leads, cases = LeadStore(url, vault), CaseStore(url, vault)
    with ExitStack() as opened:
        opened.callback(leads.close_connections)
        opened.callback(cases.close_connections)
        cases.sweep()  # what had to go by now is in no package
        if leads.knows(id):
            return gather_lead(id, leads, cases, by, software_version())
    return gather(id, ResultsStore(url), evidence)


@app.command()
def begin() -> None:
    """Begin an evidence store at DOME_EVIDENCE: its disk was lost for good, or what it held was moved by hand.

    The first start does so by itself. Later, where the store is not there, its disk may only not be mounted: nothing is
    written then until it is, or this is said. What lies there already is taken as it is.
    """
    from flows.settings import Settings
    from flows.store.mounting import begin_evidence
    from flows.store.redis_server import redis_beside

    settings = Settings.from_env()
    with redis_beside(settings) as url:
        found = begin_evidence(url, settings.evidence)
    said = (
        "an object store says itself when it is away: nothing to do"
        if "://" in settings.evidence
        else f"evidence store {found}"
    )
    stdout().print(f"{settings.evidence}: {said}", soft_wrap=True)


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE.zip", help="A package.")],
    trust: Certificates = None,
    tsa: Authorities = None,
    as_json: AsJson = False,
) -> None:
    """Check a package offline, without any database: every byte, every signature, and what a court should know.

    Exit status: 0 whole, 1 broken (each file that differs is named), 2 not a package.
    """
    from flows.court.container import MOST_BYTES, NotAPackage
    from flows.court.verify import verify as check

    try:
        with file.open("rb") as stream:
            data = stream.read(MOST_BYTES + 2**21)
        report = check(data, _trust(trust, tsa))
    except (NotAPackage, OSError) as error:
        said = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        if as_json:
            print_json({"verdict": "not a package", "reason": said})
        else:
            stderr().print(f"[bold red]not a package[/]: {file}: {said}", soft_wrap=True)
        raise typer.Exit(BAD_INPUT) from None
    if as_json:
        print_json({"file": str(file)} | as_object(report))
    else:
        _show(report)
    if report.faults:
        raise typer.Exit(FAILED)


def as_object(report: Report) -> dict[str, Any]:
    """A report as JSON values."""
    return {
        "verdict": report.verdict,
        "event": report.event,
        "faults": [{"file": fault.file, "what": fault.what} for fault in report.faults],
        "warnings": report.warnings,
        "files": report.files,
        "files_as_hashed": report.checked,
        "c2pa_claims": report.claims,
        "signer": report.signer,
        "signer_sha256": report.signer_sha256,
        "sealed_at": report.sealed_at.isoformat() if report.sealed_at else None,
        "stamped_at": report.stamped_at.isoformat() if report.stamped_at else None,
        "authority": report.authority,
        "complete": report.facts.completeness.complete if report.facts else None,
    }


def _show(report: Report) -> None:
    from rich.text import Text

    console = stdout()
    good = report.verdict == "good"
    head = Text.assemble(
        (report.verdict, "bold green" if good else "bold red"),
        f"  {report.event or 'event unknown'}: {counted(report.files, 'file')}, {report.checked} as they were hashed, "
        f"{counted(report.claims, 'C2PA claim')} sound",
    )
    console.print(head, soft_wrap=True)
    if report.signer:
        console.print(
            Text(f"  signed by {report.signer}\n  certificate sha256 {report.signer_sha256}"), soft_wrap=True
        )
    if report.stamped_at is not None:
        console.print(
            Text(f"  stamped {report.stamped_at.isoformat()} by {report.authority}"), soft_wrap=True
        )
    for fault in report.faults:
        console.print(
            Text.assemble(("  broken  ", "bold red"), (fault.file, "bold"), f" {fault.what}"), soft_wrap=True
        )
    for warning in report.warnings:
        console.print(Text.assemble(("  warning ", "yellow"), warning), soft_wrap=True)


def _trust(roots: Path | None, authorities: Path | None) -> Trust:
    from flows.court.identity import read_certificates
    from flows.court.verify import Trust

    return Trust(
        roots=read_certificates("--trust", roots) if roots is not None else (),
        authorities=read_certificates("--tsa", authorities) if authorities is not None else (),
    )
