"""Makes the package that leaves the house. Pure: what it needs is handed in (:mod:`flows.court.gather` fetches it)."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np
from pydantic import BaseModel, ValidationError

from flows.court import cms, container, record
from flows.court.contents import (
    AUTHORITY,
    CERTIFICATES,
    FACTS,
    LANGUAGES,
    MANIFEST,
    README,
    RECORD,
    SEAL,
    SIGNATURE,
    STAMP,
    Held,
    Kind,
    PackageManifest,
    Seal,
    Sealed,
    Withheld,
)
from flows.court.credentials import sign_copy
from flows.court.essence import SIGNABLE
from flows.court.facts import Facts, Part, Role, facts_of
from flows.court.frames import FrameRow, index_frames, to_csv
from flows.court.identity import Identity
from flows.domain.errors import DomeError
from flows.domain.events import Event
from flows.domain.privacy import LEAD
from flows.evidence.package import Manifest, PackagedFile, sha256
from flows.jurisdiction import JurisdictionProfile
from flows.pictures.blurring import Xyxy, blur_others
from flows.pictures.jpeg import jpeg

VIOLATION: Final = "dome.violation."
KEPT_KINDS: Final = ("picture", "crop", "plate")
"""What can be blurred; a clip would have to be encoded again, so it is kept back."""


class ExportRefused(DomeError):
    """A case of which no sound package can be made."""

    code = "package"


@dataclass(frozen=True, slots=True)
class Captured:
    """One camera's package, byte for byte as it was stored.

    Attributes:
        role: Of the camera in the case.
        manifest: The camera's manifest.
        files: Its files by name.
        stated_sha256: The manifest's hash as the event of its storing states it; empty if it does not.
    """

    role: Role
    manifest: bytes
    files: Mapping[str, bytes]
    stated_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Material:
    """Everything a package is made of.

    Attributes:
        record: All events of the case in the order in which they were written, that which it is about first.
        captured: The cameras' packages, that of the event first.
        profile: The law it was judged by; None if it is not at hand.
        enclosed: Pictures that no camera took, JPEG by name in the package.
    """

    record: tuple[Event, ...]
    captured: tuple[Captured, ...]
    profile: JurisdictionProfile | None
    enclosed: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def blurs(self) -> bool:
        """Whether bystanders are made unrecognisable: in everything but a driver's violation and a lead.

        A violation's pictures go to a court as they are: who else was on the road may have to testify. A lead keeps
        one head, in which others were made unrecognisable before it left the camera.
        """
        return not self.record[0].type.startswith((VIOLATION, LEAD))


@dataclass(frozen=True, slots=True)
class Sealing:
    """What makes one export differ from the next.

    Attributes:
        identity: Who signs.
        at: Now.
        stamp: Asks a time-stamp authority about bytes; None without one.
        authority: The authority's root as PEM; empty if it is not at hand.
        tsa_url: The authority that stamps each C2PA claim; None for none.
    """

    identity: Identity
    at: datetime
    stamp: Callable[[bytes], bytes] | None = None
    authority: bytes = b""
    tsa_url: str | None = None


@dataclass(slots=True)
class _Open:
    """A package being put together."""

    contents: dict[str, bytes]
    held: list[Held]
    withheld: list[Withheld]

    def add(self, name: str, kind: Kind, media_type: str, data: bytes, blurred_of: str = "") -> None:
        self.contents[name] = data
        self.held.append(
            Held(
                name=name,
                kind=kind,
                media_type=media_type,
                size=len(data),
                sha256=sha256(data),
                blurred_of=blurred_of,
            )
        )


def export(material: Material, sealing: Sealing) -> bytes:
    """The package as a zip.

    Raises:
        ExportRefused: If a stored file is not what was hashed when it was made.
        StampError: If a time stamp is wanted and cannot be had.
    """
    made, facts, parts = _open(material)
    manifest = PackageManifest(
        event=material.record[0].id,
        files=made.held,
        withheld=made.withheld,
        record_entries=len(material.record),
        record_head=record.head(made.contents[RECORD]),
        missing=list(facts.completeness.missing),
        problems=facts.problems,
    )
    data = as_json(manifest)
    outside = _outside(made, parts, data, sealing, material)
    seal = Seal(
        manifest_sha256=sha256(data),
        files=[
            Sealed(name=n, size=len(d), sha256=sha256(d), of=of) for n, (d, of) in sorted(outside.items())
        ],
        sealed_at=sealing.at,
        software=parts[0].manifest.context.software,
    )
    sealed = as_json(seal)
    files = made.contents | {name: content for name, (content, _) in outside.items()}
    files |= {MANIFEST: data, SEAL: sealed, SIGNATURE: cms.sign(sealed, sealing.identity)}
    return container.write(files)


def as_json(model: BaseModel) -> bytes:
    """The bytes of a model that a package holds."""
    return model.model_dump_json(indent=1).encode() + b"\n"


def _open(material: Material) -> tuple[_Open, Facts, list[Part]]:
    from flows.court.protocol import protocols, readme  # 80 MB that who verifies does not carry

    made = _Open({}, [], [])
    parts = [_part(captured) for captured in material.captured]
    for captured, part in zip(material.captured, parts, strict=True):
        _add_camera(made, captured, part, material.blurs)
    for name, picture in material.enclosed.items():
        made.add(name, "crop", "image/jpeg", picture)
    facts = facts_of(material.record, parts, material.profile, [w.name for w in made.withheld])
    made.add(RECORD, "record", "application/jsonl", record.to_lines(material.record))
    made.add(FACTS, "facts", "application/json", as_json(facts))
    pictures = {n: d for n, d in made.contents.items() if n.endswith(".jpg")}
    for language, pdf in protocols(facts, made.held, made.withheld, pictures, LANGUAGES).items():
        made.add(f"protocol-{language}.pdf", "protocol", "application/pdf", pdf)
    made.add(README, "readme", "text/plain", readme(facts.id))
    return made, facts, parts


def _part(captured: Captured) -> Part:
    digest = sha256(captured.manifest)
    if captured.stated_sha256 and captured.stated_sha256 != digest:
        raise ExportRefused(
            f"the camera's manifest: expected sha256 {captured.stated_sha256}, as the record states, got {digest}"
        )
    try:
        manifest = Manifest.model_validate_json(captured.manifest)
    except ValidationError as error:
        raise ExportRefused(f"the camera's manifest cannot be read: {error}") from error
    for file in manifest.files:
        found = captured.files.get(file.name)
        if found is None or sha256(found) != file.sha256:
            got = "nothing" if found is None else f"sha256 {sha256(found)}"
            raise ExportRefused(f"{file.name}: expected sha256 {file.sha256}, got {got}")
    return Part(
        role=captured.role, manifest=manifest, manifest_sha256=digest, frames=_frames(captured, manifest)
    )


def _frames(captured: Captured, manifest: Manifest) -> list[FrameRow]:
    clip = next((f.name for f in manifest.files if f.kind == "clip"), None)
    if clip is None or manifest.clip is None:
        return []
    return index_frames(captured.files[clip], manifest.clip)


def _add_camera(made: _Open, captured: Captured, part: Part, blurs: bool) -> None:
    camera = part.manifest.context.camera_id
    made.add(f"captured/{camera}/{MANIFEST}", "camera_manifest", "application/json", captured.manifest)
    for file in part.manifest.files:
        data = captured.files[file.name]
        if not blurs:
            made.add(f"captured/{camera}/{file.name}", file.kind, file.media_type, data)
        elif file.kind in KEPT_KINDS:
            blurred = _blurred(data, _kept(file, part.manifest.files))
            made.add(f"blurred/{camera}/{file.name}", file.kind, file.media_type, blurred, file.sha256)
        else:
            withheld = Withheld(name=f"{camera}/{file.name}", sha256=file.sha256, reason="bystanders")
            made.withheld.append(withheld)
    if part.frames:
        made.add(f"frames/{camera}.csv", "frames", "text/csv", to_csv(part.frames))


def _kept(file: PackagedFile, files: Sequence[PackagedFile]) -> list[Xyxy]:
    """Where what the case is about is, in a file's own pixels."""
    whole = next((f for f in files if f.kind == "picture" and f.moment == file.moment), None)
    box = whole.xyxy if whole is not None else None
    if box is None:
        return []
    if file.kind == "picture":
        return [box]
    if file.kind == "crop" and file.xyxy is not None:
        left, top = file.xyxy[:2]
        return [(box[0] - left, box[1] - top, box[2] - left, box[3] - top)]
    return []


def _blurred(data: bytes, keep: Sequence[Xyxy]) -> bytes:
    from PIL import Image

    with Image.open(io.BytesIO(data)) as picture:
        rgb = np.asarray(picture.convert("RGB"))
    return jpeg(blur_others(rgb[:, :, ::-1], keep))


def _outside(
    made: _Open, parts: Sequence[Part], manifest: bytes, sealing: Sealing, material: Material
) -> dict[str, tuple[bytes, str]]:
    """What only the seal names: contents and what they are of, by name."""
    described = {f"{p.manifest.context.camera_id}/{f.name}": f for p in parts for f in p.manifest.files}
    found: dict[str, tuple[bytes, str]] = {CERTIFICATES: (sealing.identity.pem, "")}
    for held in made.held:
        folder, _, rest = held.name.partition("/")
        if folder not in ("captured", "blurred") or held.media_type not in SIGNABLE:
            continue
        file = described[rest].model_copy(update={"sha256": held.sha256, "size": held.size})
        copy = sign_copy(
            made.contents[held.name],
            file,
            material.record[0].id,
            sealing.identity,
            parts[0].manifest.context.software,
            made="blurred" if folder == "blurred" else "captured",
            tsa_url=sealing.tsa_url,
        )
        found[f"signed/{rest}"] = (copy, held.name)
    if sealing.stamp is not None:
        found[STAMP] = (sealing.stamp(manifest), MANIFEST)
        if sealing.authority:
            found[AUTHORITY] = (sealing.authority, "")
    return found
