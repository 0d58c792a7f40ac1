"""What a package's own files say: the manifest and the seal."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from flows.court.container import MOST_ENTRIES, NAME

MANIFEST: Final = "manifest.json"
SEAL: Final = "seal.json"
SIGNATURE: Final = "seal.p7s"
STAMP: Final = "manifest.tsr"
CERTIFICATES: Final = "certificates.pem"
AUTHORITY: Final = "authority.pem"
FACTS: Final = "facts.json"
RECORD: Final = "record.jsonl"
README: Final = "README.txt"
LANGUAGES: Final = ("kk", "ru", "en")
OUTSIDE: Final = (SEAL, SIGNATURE)
"""What the seal cannot name: itself and its signature."""

Kind = Literal[
    "picture", "crop", "plate", "clip", "camera_manifest", "frames", "facts", "record", "protocol", "readme"
]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class Held(_Model):
    """One file of a package, as its manifest names it.

    Attributes:
        name: In the zip.
        kind: What it is.
        media_type: For example ``image/jpeg``.
        size: Bytes.
        sha256: Of its bytes.
        blurred_of: SHA-256 of the original of which this is a blurred copy; empty for originals.
    """

    name: str = Field(pattern=f"^{NAME.pattern}$")
    kind: Kind
    media_type: str
    size: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    blurred_of: str = ""


class Withheld(_Model):
    """A file of the camera's that is kept back.

    Attributes:
        name: ``CAMERA/FILE``.
        sha256: Of it, so that it can be asked for.
        reason: Why.
    """

    name: str
    sha256: str
    reason: Literal["bystanders"]


class PackageManifest(_Model):
    """``manifest.json``: what the package holds. The same footage and decisions give the same bytes.

    Attributes:
        format: Version of this form.
        event: Id of what it is about.
        files: Everything that follows from footage and decisions.
        withheld: What is kept back.
        record_entries: Lines of the record.
        record_head: SHA-256 of its last line.
        missing: What the law asks for and is not there; see :class:`flows.court.facts.Completeness`.
        problems: What cameras say is missing, in words.
    """

    format: Literal["dome.package/1"] = "dome.package/1"
    event: str
    files: list[Held] = Field(max_length=MOST_ENTRIES)
    withheld: list[Withheld] = Field(max_length=MOST_ENTRIES)
    record_entries: int
    record_head: str
    missing: list[str]
    problems: list[str]


class Sealed(_Model):
    """A file that only the seal can name, since it is another one at every export.

    Attributes:
        name: In the zip.
        size: Bytes.
        sha256: Of its bytes.
        of: The file of which it is a signed copy, or that it stamps; empty for certificates.
    """

    name: str = Field(pattern=f"^{NAME.pattern}$")
    size: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    of: str = ""


class Seal(_Model):
    """``seal.json``: what the signature is about.

    Attributes:
        format: Version of this form.
        manifest_sha256: Of ``manifest.json``.
        files: Signed copies, the time stamp, certificates.
        sealed_at: By the clock of whoever exported it; a time stamp is worth more.
        software: Version of this software.
    """

    format: Literal["dome.seal/1"] = "dome.seal/1"
    manifest_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    files: list[Sealed] = Field(max_length=MOST_ENTRIES)
    sealed_at: AwareDatetime
    software: str
