"""Fetches what a package is made of: what was said from Redis, what was captured from the evidence store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from pydantic import ValidationError

from flows.court.export import Captured, ExportRefused, Material, Sealing
from flows.court.facts import Role
from flows.court.identity import identity_of, read_certificates
from flows.court.stamps import request_stamp
from flows.domain.errors import FieldError
from flows.domain.events import Event
from flows.domain.leads import LEAD
from flows.evidence.package import Manifest, sha256
from flows.jurisdiction import JurisdictionProfile, load_profile, profile_names
from flows.settings import Settings
from flows.store import ledger
from flows.store.evidence import MANIFEST
from flows.store.results import Entry


class Archive(Protocol):
    """Where events are (:class:`flows.store.results.ResultsStore`)."""

    def event(self, event_id: str) -> Entry | None: ...
    def entries(self, ids: Sequence[str]) -> list[Entry]: ...
    def decisions(self, violation_id: str) -> list[Event]: ...


class Packages(Protocol):
    """Where cameras' packages are (:class:`flows.store.evidence.EvidenceStore`)."""

    def read(self, folder: str, name: str) -> bytes: ...


def gather(event_id: str, archive: Archive, packages: Packages) -> Material:
    """Everything about one case; of a lead see :func:`flows.court.lead.gather_lead`.

    Args:
        event_id: Of what it is about: a violation, an abandoned object.
        archive: Where events are.
        packages: Where cameras' packages are.

    Raises:
        FieldError: If there is no such event, or no package was ever stored for it.
        ExportRefused: If what was stored cannot be read as a package.
        StoreError: If Redis or the evidence store is away.
    """
    entry = archive.event(event_id)
    if entry is None:
        raise FieldError("ID", "the id of an event that is still kept", repr(event_id))
    if entry.evidence is None:
        hint = "it is made some seconds after the event; see whether the camera reports problems"
        raise FieldError("ID", "an event whose evidence package is stored", repr(event_id), hint)
    captured = tuple(_captured(entry.evidence, packages))
    return Material(
        record=_record(entry, archive), captured=captured, profile=_profile(entry.event, captured[0])
    )


def sealing_of(settings: Settings, at: datetime | None = None) -> Sealing:
    """Who signs and stamps in this installation.

    Raises:
        FieldError: If the configured certificate, key or authority cannot be used.
    """
    made = Sealing(identity_of(settings), at or datetime.now(UTC))
    if settings.tsa_url is None:
        return made
    url, authority = settings.tsa_url, b""
    if settings.tsa_cert is not None:
        read_certificates("DOME_TSA_CERT", settings.tsa_cert)
        authority = settings.tsa_cert.read_bytes()
    return replace(made, stamp=lambda data: request_stamp(url, data), authority=authority, tsa_url=url)


def note_export(url: str, who: str, material: Material, made: bytes) -> None:
    """Writes into the audit log that somebody takes a package out; called before it is handed over.

    Args:
        url: Of Redis.
        who: The person.
        material: What the package was made of; the auditors of its district see the entry.
        made: The package, whose hash tells it again wherever it turns up.

    Raises:
        StoreError: If Redis is away: then nothing is handed over.
    """
    about = material.record[0]
    case = str(about.data["case"]) if about.type == LEAD else ""
    said = ledger.entry(who, "evidence.exported", case=case, subject=about.id, district=about.subject,
                        sha256=sha256(made), size=len(made))  # fmt: skip
    ledger.noted(url, said, "export an evidence package")


def _record(entry: Entry, archive: Archive) -> tuple[Event, ...]:
    """All events of the case in the order of writing, the case's own first."""
    about = [each.id for each in (entry.plate, entry.evidence) if each is not None]
    about += [decision.id for decision in archive.decisions(entry.event.id)]
    others = sorted(archive.entries(about), key=_place)
    return entry.event, *(other.event for other in others)


def _place(entry: Entry) -> tuple[int, int]:
    first, _, second = entry.place.partition("-")
    return int(first), int(second or 0)


def _captured(stored: Event, packages: Packages) -> Iterator[Captured]:
    """The packages that the event of their storing names; those of a section have two."""
    sides: tuple[tuple[Role, str], ...] = (("event", ""), ("entry", "entry_"))
    for role, prefix in sides:
        folder = stored.data.get(f"{prefix}folder")
        if not isinstance(folder, str) or not folder:
            continue
        manifest = packages.read(folder, MANIFEST)
        try:
            names = [file.name for file in Manifest.model_validate_json(manifest).files]
        except ValidationError as error:
            raise ExportRefused(f"{MANIFEST} of the package cannot be read: {error}") from error
        files = {name: packages.read(folder, name) for name in names}
        yield Captured(role, manifest, files, str(stored.data.get(f"{prefix}manifest_sha256") or ""))


def _profile(event: Event, captured: Captured) -> JurisdictionProfile | None:
    """The law in force then: kept by the camera, or a built-in one of the very version that the event names."""
    kept = Manifest.model_validate_json(captured.manifest).context.profile
    wanted = str(event.data.get("profile") or (kept.version if kept is not None else ""))
    if kept is not None and wanted == kept.version:
        return kept
    name = wanted.partition("@")[0]
    found = load_profile(name) if name in profile_names() else None
    return found if found is not None and found.version == wanted else None
