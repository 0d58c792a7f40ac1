"""Checks a package with nothing but the package: offline, without a database, and without believing any of it.

The zip is somebody else's: nothing of it is written to disk or unpacked, every list in it is bounded, and what parses
it (our container, JSON, CSV; C2PA and RFC 3161 in Rust) raises or says what is wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final, Literal, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from pydantic import BaseModel, ValidationError

from flows.court import cms, container, record
from flows.court.contents import (
    AUTHORITY,
    CERTIFICATES,
    FACTS,
    MANIFEST,
    OUTSIDE,
    RECORD,
    SEAL,
    SIGNATURE,
    STAMP,
    Held,
    PackageManifest,
    Seal,
    Sealed,
)
from flows.court.credentials import CredentialError, check_copy
from flows.court.essence import SIGNABLE, same_essence
from flows.court.facts import Facts, Part, clock_unfit, valid_on
from flows.court.frames import FrameRow, from_csv, wrong_frames
from flows.court.identity import fingerprint, is_development, subject, vouched
from flows.court.stamps import StampError, check_stamp
from flows.domain.events import EVIDENCE_STORED, Event
from flows.evidence.completeness import completeness
from flows.evidence.package import Manifest, sha256

MOST_JSON: Final = 16 * 2**20
"""A record of a hundred decisions with traces has less than 1 MB."""
MOST_FAULTS: Final = 200
M = TypeVar("M", bound=BaseModel)
Verdict = Literal["good", "broken"]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it must be.

    Attributes:
        file: What it concerns: a file of the package, or a part of the container.
        what: What is wrong.
    """

    file: str
    what: str


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom the verifier trusts, apart from the package.

    Attributes:
        roots: Certificates that may vouch for the signer; empty: nobody is asked, and a warning says so.
        authorities: Certificates that may vouch for a time stamp.
    """

    roots: tuple[x509.Certificate, ...] = ()
    authorities: tuple[x509.Certificate, ...] = ()


@dataclass(slots=True)
class Report:
    """What was found.

    Attributes:
        event: The event's id, as far as it could be read.
        faults: What is broken.
        warnings: What a court should know of a package that is whole.
        signer: Subject of the signing certificate.
        signer_sha256: Its fingerprint.
        sealed_at: When it was sealed, by the sealing clock.
        stamped_at: When it was stamped, by the authority.
        authority: Who stamped.
        files: How many files there are.
        checked: How many of them were hashed and found as stated.
        claims: How many C2PA claims hold.
        facts: What the package states; None if it cannot be read.
    """

    event: str = ""
    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    signer: str = ""
    signer_sha256: str = ""
    sealed_at: datetime | None = None
    stamped_at: datetime | None = None
    authority: str = ""
    files: int = 0
    checked: int = 0
    claims: int = 0
    facts: Facts | None = None

    @property
    def verdict(self) -> Verdict:
        """``good`` if nothing is broken; warnings do not break a package."""
        return "broken" if self.faults else "good"


def verify(data: bytes, trust: Trust | None = None, now: datetime | None = None) -> Report:
    """Checks a package.

    Args:
        data: The zip, whole.
        trust: Whom to believe; nobody by default.
        now: The present; a survey or certificate that has expired since is a warning.

    Raises:
        NotAPackage: If it is no evidence package at all.
    """
    held = container.read(data)
    if not {MANIFEST, SEAL} & set(held.files):
        raise container.NotAPackage(f"expected a zip with {MANIFEST} and {SEAL}, got one without")
    check = _Check(held.files, trust or Trust(), now or datetime.now(UTC))
    check.report.faults += [Fault(file, what) for file, what in held.faults]
    check.run()
    report = check.report
    report.faults = list(dict.fromkeys(report.faults))[:MOST_FAULTS]
    return report


class _Check:
    """One verification."""

    def __init__(self, files: Mapping[str, bytes], trust: Trust, now: datetime) -> None:
        self._files, self._trust, self._now = files, trust, now
        self._sound: set[str] = set()
        self.report = Report(files=len(files))

    def run(self) -> None:
        """All of it; each step does what it can with what the ones before left whole."""
        seal = self._read(SEAL, Seal)
        manifest = self._read(MANIFEST, PackageManifest)
        chain = self._certificates()
        if seal is not None:
            self._check_seal(seal, chain)
        if manifest is None:
            return
        self.report.event = manifest.event
        for held in manifest.files:
            self._check_file(held.name, held.size, held.sha256)
        self._check_names(manifest, seal)
        if seal is not None:
            for sealed in seal.files:
                self._check_copy(sealed, manifest, chain)
            self._check_stamp()
        self._check_statements(manifest)

    def _fault(self, file: str, what: str) -> None:
        self.report.faults.append(Fault(file, what))

    def _read(self, name: str, model: type[M]) -> M | None:
        data = self._files.get(name)
        if data is None:
            self._fault(name, "is missing")
            return None
        if len(data) > MOST_JSON:
            self._fault(name, f"expected at most {MOST_JSON} bytes, got {len(data)}")
            return None
        try:
            return model.model_validate_json(data)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            self._fault(name, f"cannot be read: {where + ': ' if where else ''}{first['msg']}")
            return None

    # The seal

    def _certificates(self) -> tuple[x509.Certificate, ...]:
        try:
            return _pem(self._files.get(CERTIFICATES, b""))
        except ValueError as error:
            self._fault(CERTIFICATES, f"cannot be read: {error}")
            return ()

    def _check_seal(self, seal: Seal, chain: Sequence[x509.Certificate]) -> None:
        self.report.sealed_at = seal.sealed_at
        found = sha256(self._files.get(MANIFEST, b""))
        if found == seal.manifest_sha256:
            self._mark(MANIFEST)
        else:
            self._fault(MANIFEST, f"expected sha256 {seal.manifest_sha256}, got {found}")
        for sealed in seal.files:
            self._check_file(sealed.name, sealed.size, sealed.sha256)
        if not chain:
            self._fault(SIGNATURE, f"cannot be checked without {CERTIFICATES}")
            return
        self.report.signer, self.report.signer_sha256 = subject(chain[0]), fingerprint(chain[0])
        try:
            cms.check(self._files[SEAL], self._files.get(SIGNATURE, b""), chain)
        except cms.BadSignature as error:
            self._fault(SIGNATURE, str(error))
            self._fault(SEAL, "its signature does not hold")
            return
        self._mark(*OUTSIDE)
        self._check_trust(chain, seal.sealed_at)

    def _check_trust(self, chain: Sequence[x509.Certificate], sealed_at: datetime) -> None:
        if is_development(chain[0]):
            self.report.warnings.append(
                "signed with a certificate for development, which proves nothing to a court"
            )
        if self._trust.roots:
            if why := vouched(chain, self._trust.roots, sealed_at):
                self._fault(CERTIFICATES, why)
        else:
            self.report.warnings.append(
                "nobody was asked to vouch for the signer: give --trust, or compare the certificate's fingerprint"
            )
        if not chain[0].not_valid_before_utc <= self._now <= chain[0].not_valid_after_utc:
            ended = chain[0].not_valid_after_utc
            self.report.warnings.append(f"the signing certificate is valid no more (until {ended:%Y-%m-%d})")

    # Files

    def _check_file(self, name: str, size: int, digest: str) -> None:
        data = self._files.get(name)
        if data is None:
            self._fault(name, "is missing")
        elif len(data) != size:
            self._fault(name, f"expected {size} bytes, got {len(data)}")
        elif (found := sha256(data)) != digest:
            self._fault(name, f"expected sha256 {digest}, got {found}")
        else:
            self._mark(name)

    def _mark(self, *names: str) -> None:
        """These are as they were hashed or signed."""
        self._sound.update(names)
        self.report.checked = len(self._sound)

    def _check_names(self, manifest: PackageManifest, seal: Seal | None) -> None:
        named = Counter([f.name for f in manifest.files] + [MANIFEST, *OUTSIDE])
        named.update([f.name for f in seal.files] if seal is not None else [])
        for name in sorted(name for name, times in named.items() if times > 1):
            self._fault(name, "is named twice")
        if seal is not None:
            for name in sorted(set(self._files) - set(named)):
                self._fault(name, "is named by neither the manifest nor the seal")

    def _check_copy(
        self, sealed: Sealed, manifest: PackageManifest, chain: Sequence[x509.Certificate]
    ) -> None:
        """A signed copy: its own claim, and that it shows what its original shows."""
        if not sealed.name.startswith("signed/") or sealed.name not in self._sound:
            return
        original = next((f for f in manifest.files if f.name == sealed.of), None)
        if original is None or original.media_type not in SIGNABLE:
            self._fault(sealed.name, f"is a copy of {sealed.of or 'nothing'}, which is not here")
            return
        if original.name not in self._sound:
            return  # told already; the copy itself may be whole
        try:
            claim = check_copy(self._files[sealed.name], original.media_type, self._trust.roots)
        except CredentialError as error:
            self._fault(sealed.name, str(error))
            return
        if claim.original_sha256 != original.sha256 or claim.event != manifest.event:
            self._fault(sealed.name, f"its C2PA claim is about something else than {original.name}")
        elif chain and claim.serial_number != str(chain[0].serial_number):
            self._fault(sealed.name, "its C2PA claim was signed by somebody else than the package")
        elif not same_essence(original.media_type, self._files[original.name], self._files[sealed.name]):
            self._fault(sealed.name, f"does not show what {original.name} shows")
        else:
            self.report.claims += 1
        if claim.expired:
            self._warn_once("the certificate of the C2PA claims is valid no more")

    def _check_stamp(self) -> None:
        if STAMP not in self._files:
            self._warn_once(
                "there is no time stamp by an authority: when it was sealed, only the sealing clock says"
            )
            return
        try:
            packaged = _pem(self._files[AUTHORITY]) if AUTHORITY in self._sound else ()
            roots = self._trust.authorities or packaged
            stamp = check_stamp(self._files[MANIFEST], self._files[STAMP], roots)
        except (StampError, ValueError) as error:
            self._fault(STAMP, str(error))
            return
        self.report.stamped_at, self.report.authority = stamp.at, stamp.authority
        if not stamp.checked:
            self._warn_once(
                "the time stamp's signature was not checked: give the authority's root with --tsa"
            )
        elif not self._trust.authorities:
            self._warn_once(
                "the time stamp was checked by a root that came with the package: give your own with --tsa"
            )

    # What it says

    def _check_statements(self, manifest: PackageManifest) -> None:
        events = self._check_record(manifest)
        facts = self._read(FACTS, Facts) if FACTS in self._sound else None
        self.report.facts = facts
        cameras = [held for held in manifest.files if held.kind == "camera_manifest"]
        parts = [part for held in cameras if (part := self._part(held, manifest, events)) is not None]
        if facts is None:
            return
        if facts.id != manifest.event or (events and events[0].id != manifest.event):
            self._fault(FACTS, "is about another event than the manifest")
        self._check_complete(manifest, facts, parts)
        self._warn(facts)

    def _check_record(self, manifest: PackageManifest) -> list[Event]:
        data = self._files.get(RECORD, b"")
        if RECORD not in self._sound or len(data) > MOST_JSON:
            return []
        try:
            events = record.from_lines(data)
        except ValueError as error:
            self._fault(RECORD, str(error))
            return []
        if (len(events), record.head(data)) != (manifest.record_entries, manifest.record_head):
            self._fault(RECORD, "does not end as the manifest states")
        return events

    def _part(self, held: Held, manifest: PackageManifest, events: Sequence[Event]) -> Part | None:
        """A camera's own manifest: its files are here, or kept back, with the hashes that it took."""
        own = self._read(held.name, Manifest) if held.name in self._sound else None
        if own is None:
            return None
        camera = held.name.split("/")[1]
        self._check_originals(camera, own, manifest)
        stated = [h for e in events if e.type == EVIDENCE_STORED for h in _stated_hashes(e)]
        if stated and held.sha256 not in stated:
            self._fault(held.name, "is not the one that the record says was stored")
        return Part(
            role="entry" if held is not next(f for f in manifest.files if f.kind == held.kind) else "event",
            manifest=own,
            manifest_sha256=held.sha256,
            frames=self._frames(camera, own),
        )

    def _check_originals(self, camera: str, own: Manifest, manifest: PackageManifest) -> None:
        known = {f.name: f for f in manifest.files}
        kept_back = {w.name: w.sha256 for w in manifest.withheld}
        for file in own.files:
            here, blurred = (
                known.get(f"{folder}/{camera}/{file.name}") for folder in ("captured", "blurred")
            )
            digest = kept_back.get(f"{camera}/{file.name}")
            digest = here.sha256 if here else blurred.blurred_of if blurred else digest
            if digest != file.sha256:
                name = f"captured/{camera}/{file.name}"
                self._fault(name, "is not what the camera hashed, or is missing without a word")

    def _frames(self, camera: str, own: Manifest) -> list[FrameRow]:
        name = f"frames/{camera}.csv"
        clip = next((f for f in own.files if f.kind == "clip"), None)
        if clip is None or name not in self._sound:
            if clip is not None and name not in self._files:
                self._fault(name, "is missing")
            return []
        try:
            if len(self._files[name]) > MOST_JSON:
                raise ValueError(f"expected at most {MOST_JSON} bytes")
            rows = from_csv(self._files[name])
        except ValueError as error:
            self._fault(name, f"cannot be read: {error}")
            return []
        original = self._files.get(f"captured/{camera}/{clip.name}")
        if original is not None and f"captured/{camera}/{clip.name}" in self._sound:
            for what in wrong_frames(original, rows)[:5]:
                self._fault(name, what)
        return rows

    def _check_complete(self, manifest: PackageManifest, facts: Facts, parts: Sequence[Part]) -> None:
        if not parts:
            self._fault(MANIFEST, "names no camera's manifest")
            return
        kept_back = [w.name for w in manifest.withheld]
        found = completeness([p.manifest for p in parts], facts.completeness.law, kept_back)
        if list(found.missing) != manifest.missing or found != facts.completeness:
            self._fault(FACTS, "what it says is missing is not what is missing")
        for name in found.missing:
            self._warn_once(f"incomplete: {_MISSING[name]}")
        for withheld in manifest.withheld:
            self._warn_once(f"kept back to protect bystanders: {withheld.name}, sha256 {withheld.sha256}")
        for problem in manifest.problems:
            self._warn_once(f"the camera says: {problem}")

    def _warn(self, facts: Facts) -> None:
        """What a court should know of a package that is whole."""
        if facts.article_confirmed is False:
            self._warn_once("the legal values are to be confirmed by counsel")
        for camera in facts.cameras:
            if why := clock_unfit(camera.clock):
                self._warn_once(f"{camera.camera}: its clock cannot be vouched for: {why}")
            until = str(camera.calibration.get("valid_until"))
            on_the_day = valid_on(camera.calibration, _day(facts.local_time))
            if on_the_day is False:
                self._warn_once(
                    f"{camera.camera}: its survey was not valid on the day of the event (until {until})"
                )
            elif on_the_day and valid_on(camera.calibration, self._now.date()) is False:
                self._warn_once(
                    f"{camera.camera}: its survey was valid on the day of the event and has expired since ({until})"
                )

    def _warn_once(self, text: str) -> None:
        if text not in self.report.warnings:
            self.report.warnings.append(text)


_MISSING: Final = {
    "pictures": "the law asks for more pictures",
    "clip": "the law asks for a clip, and there is none",
    "clip_short": "the clip is shorter than the law asks",
    "law": "the jurisdiction profile was not at hand: what the law asks was not checked",
    "plate": "the plate is missing",
}


def _pem(data: bytes) -> tuple[x509.Certificate, ...]:
    """Certificates that came with a package, read to the end: what is damaged in one may show only when it is used.

    Raises:
        ValueError: If they cannot be read.
    """
    if len(data) > 2**16:
        raise ValueError("expected at most 64 KiB")
    try:
        found = x509.load_pem_x509_certificates(data)
        for each in found:
            each.public_key(), each.subject.rfc4514_string(), each.issuer.public_bytes()
            each.extensions, each.not_valid_before_utc, each.not_valid_after_utc, each.serial_number  # noqa: B018
    except _CERTIFICATE_ERRORS as error:
        raise ValueError(str(error)[:200]) from None
    return tuple(found)


_CERTIFICATE_ERRORS: Final = (
    ValueError, TypeError, OverflowError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)  # fmt: skip


def _stated_hashes(event: Event) -> Iterator[str]:
    for key in ("manifest_sha256", "entry_manifest_sha256"):
        value = event.data.get(key)
        if isinstance(value, str) and value:
            yield value


def _day(local_time: str) -> date:
    try:
        return datetime.fromisoformat(local_time).date()
    except ValueError:
        return date.min
