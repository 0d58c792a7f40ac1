"""Content credentials (C2PA 2.2): a signed copy of a picture or clip that any C2PA viewer can check by itself.

A claim says how the file came about and which original it is a copy of. Nothing is fetched from the network, neither
when signing (but a time stamp, where an authority is configured) nor when checking.
"""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding

from flows.court.identity import Identity, SigningKey
from flows.domain.errors import DomeError
from flows.evidence.package import PackagedFile

ASSERTION: Final = "org.digitaldome.evidence"
"""Label of what we assert: the original's hash, the event, the capture time."""
Made = Literal["captured", "blurred"]
_SOURCE: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"
_ACTIONS: Final[Mapping[str, Sequence[str]]] = {
    "picture": ("c2pa.transcoded",),
    "crop": ("c2pa.transcoded", "c2pa.cropped"),
    "plate": ("c2pa.transcoded", "c2pa.cropped"),
    "clip": ("c2pa.repackaged",),
}
"""Pictures are decoded frames, saved as JPEG; the clip holds the received packets in another container."""
_EXPIRED: Final = frozenset({"signingCredential.expired", "claimSignature.outsideValidity"})
_UNTRUSTED: Final = "signingCredential.untrusted"


class CredentialError(DomeError):
    """A copy that cannot be signed, or whose claim does not hold."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a sound claim says.

    Attributes:
        original_sha256: Of the original, as asserted.
        event: The event's id.
        serial_number: Of the signer's certificate.
        expired: The certificate is no longer valid now.
        trusted: Whether a given root vouches for it.
    """

    original_sha256: str
    event: str
    serial_number: str
    expired: bool
    trusted: bool


def sign_copy(
    original: bytes,
    file: PackagedFile,
    event_id: str,
    identity: Identity,
    software: str,
    *,
    made: Made = "captured",
    tsa_url: str | None = None,
) -> bytes:
    """A copy of a file with a claim inside.

    Args:
        original: The file, JPEG or MP4.
        file: What the camera's manifest says of it; its hash is asserted.
        event_id: The event it belongs to.
        identity: Who signs.
        software: Version of this software.
        made: Whether it is what was captured, or persons in it were made unrecognisable since.
        tsa_url: A time-stamp authority for the claim itself.

    Raises:
        CredentialError: If it cannot be signed.
    """
    claim = {
        "claim_generator_info": [{"name": "Digital Dome", "version": software or "unknown"}],
        "title": file.name,
        "instance_id": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, file.sha256)}",
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": _actions(file, made)}},
            {"label": ASSERTION, "data": _asserted(file, event_id, made)},
        ],
    }
    out = io.BytesIO()
    try:
        with (
            _context() as context,
            _signer(identity, tsa_url) as signer,
            c2pa.Builder(claim, context) as builder,
        ):
            builder.sign(signer, file.media_type, io.BytesIO(original), out)
    except c2pa.C2paError as error:
        raise CredentialError(f"{file.name} cannot be signed: {error}") from error
    return out.getvalue()


def check_copy(copy: bytes, media_type: str, roots: Sequence[x509.Certificate] = ()) -> Claim:
    """Checks a copy by itself: its claim's signature, and that the claim is about these bytes.

    Raises:
        CredentialError: If it does not hold.
    """
    try:
        with _context(roots) as context, c2pa.Reader(media_type, io.BytesIO(copy), context=context) as reader:
            told: dict[str, Any] = json.loads(reader.json())
    except c2pa.C2paError as error:
        raise CredentialError(f"its C2PA claim cannot be read: {error}") from None
    failures = _failures(told)
    if bad := sorted(failures - _EXPIRED - {_UNTRUSTED}):
        raise CredentialError(f"its C2PA claim does not hold: {', '.join(bad)}")
    if len(told.get("manifests", ())) != 1:
        raise CredentialError("its C2PA claim is not the only one in it")
    active = told["manifests"][told["active_manifest"]]
    ours = [a["data"] for a in active.get("assertions", ()) if a.get("label") == ASSERTION]
    if len(ours) != 1 or not isinstance(ours[0], dict):
        raise CredentialError("its C2PA claim does not say which original it is of")
    said = ours[0]
    return Claim(
        original_sha256=str(said.get("sha256", "")),
        event=str(said.get("event", "")),
        serial_number=str(active.get("signature_info", {}).get("cert_serial_number", "")),
        expired=bool(failures & _EXPIRED),
        trusted=bool(roots) and _UNTRUSTED not in failures,
    )


def _failures(told: Mapping[str, Any]) -> set[str]:
    """Codes of everything that failed; a claim without any result has failed."""
    results = told.get("validation_results", {}).get("activeManifest")
    if not isinstance(results, dict) or "claimSignature.validated" not in {
        each.get("code") for each in results.get("success", ())
    }:
        return {"claimSignature.missing"} | {e.get("code", "") for e in (results or {}).get("failure", ())}
    return {str(each.get("code", "")) for each in results.get("failure", ())}


def _actions(file: PackagedFile, made: Made) -> list[dict[str, Any]]:
    at = file.captured_at.isoformat()
    actions: list[dict[str, Any]] = [{"action": "c2pa.created", "digitalSourceType": _SOURCE, "when": at}]
    actions += [{"action": action} for action in _ACTIONS[file.kind]]
    if made == "blurred":
        said = {"description": "persons whom the case is not about were made unrecognisable"}
        actions.append({"action": "c2pa.edited", "parameters": said})
    return actions


def _asserted(file: PackagedFile, event_id: str, made: Made) -> dict[str, str]:
    return {
        "event": event_id,
        "name": file.name,
        "sha256": file.sha256,
        "captured_at": file.captured_at.isoformat(),
        "moment": file.moment,
        "made": made,
    }


def _context(roots: Sequence[x509.Certificate] = ()) -> c2pa.Context:
    """Offline: no claim is fetched, no thumbnail is made, and trust comes from the given roots alone."""
    settings: dict[str, Any] = {
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": True},
        "builder": {"thumbnail": {"enabled": False}},
    }
    if roots:
        pem = b"".join(root.public_bytes(Encoding.PEM) for root in roots)
        settings["trust"] = {"trust_anchors": pem.decode()}
    return c2pa.Context.from_dict(settings)


def _signer(identity: Identity, tsa_url: str | None) -> c2pa.Signer:
    algorithm, sign = _algorithm(identity.key)
    return c2pa.Signer.from_callback(sign, algorithm, identity.pem.decode(), tsa_url)


def _algorithm(key: SigningKey) -> tuple[c2pa.C2paSigningAlg, Any]:
    """COSE's algorithms of a key (RFC 9053, 2.1; RFC 8230, 2)."""
    if isinstance(key, rsa.RSAPrivateKey):
        pss = padding.PSS(padding.MGF1(SHA256()), padding.PSS.DIGEST_LENGTH)
        return c2pa.C2paSigningAlg.PS256, lambda data: key.sign(data, pss, SHA256())
    size = (key.curve.key_size + 7) // 8
    digest = SHA256() if size == 32 else SHA384()
    algorithm = c2pa.C2paSigningAlg.ES256 if size == 32 else c2pa.C2paSigningAlg.ES384

    def sign(data: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(digest, deterministic_signing=True)))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    return algorithm, sign
