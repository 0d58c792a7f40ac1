"""Time stamps by an authority (RFC 3161): proof that a manifest existed at a time, whoever signed it.

``openssl ts -verify -data manifest.json -in manifest.tsr -CAfile ROOT.pem``
"""

from __future__ import annotations

import hashlib
import http.client
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import rfc3161_client as tsp
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from flows.domain.errors import DomeError, FieldError

WAIT_S: Final = 15.0
MOST_BYTES: Final = 256 * 1024
"""A stamp with its authority's chain has 3 to 10 kB."""


class StampError(DomeError):
    """An authority that gives no time stamp now, or a stamp that does not hold."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a time stamp says.

    Attributes:
        at: The authority's time, aware UTC.
        authority: Who stamped, as its certificate says; empty if that is not in the stamp.
        checked: Whether the authority's signature was checked by a given root.
    """

    at: datetime
    authority: str
    checked: bool


def request_stamp(url: str, content: bytes) -> bytes:
    """Asks an authority for a stamp of content; only its SHA-256 is sent.

    Raises:
        FieldError: If the address is none of http or https.
        StampError: If the authority does not answer, refuses, or answers something else.
    """
    if not url.startswith(("http://", "https://")):
        raise FieldError("DOME_TSA_URL", "http://... or https://...", repr(url))
    builder = tsp.TimestampRequestBuilder().data(content).hash_algorithm(tsp.HashAlgorithm.SHA256)
    asked = builder.nonce(nonce=True).cert_request(cert_request=True).build()
    headers = {"Content-Type": "application/timestamp-query"}
    try:
        request = urllib.request.Request(url, asked.as_bytes(), headers)
        with urllib.request.urlopen(request, timeout=WAIT_S) as response:
            answer: bytes = response.read(MOST_BYTES + 1)
    except (OSError, http.client.HTTPException) as error:
        raise StampError(f"DOME_TSA_URL: {url} gives no time stamp: {error}") from error
    decoded = _decoded(answer)
    if decoded.tst_info.nonce != asked.nonce:
        raise StampError(f"DOME_TSA_URL: {url} answered another request (nonce)")
    check_stamp(content, answer, ())
    return answer


def check_stamp(content: bytes, answer: bytes, roots: Sequence[x509.Certificate]) -> Stamp:
    """Checks a stamp of content; offline.

    Args:
        content: What was stamped.
        answer: The authority's whole answer.
        roots: Certificates of authorities; without any, only what was stamped is compared, and nobody's signature.

    Raises:
        StampError: If it does not hold.
    """
    decoded = _decoded(answer)
    own, info = _certificates(decoded), decoded.tst_info
    digest = hashlib.sha256(content).digest()
    if info.message_imprint.message != digest:
        raise StampError("the time stamp is of something else")
    if roots:
        others = [c for c in own if c not in roots]
        try:
            tsp.VerifierBuilder(roots=list(roots), intermediates=others).build().verify(decoded, digest)
        except (tsp.VerificationError, ValueError) as error:
            raise StampError(
                f"the time stamp does not hold: {str(error).partition(': ErrorStack')[0]}"
            ) from None
    signer = next((c for c in own if _stamps(c)), None)
    return Stamp(info.gen_time, signer.subject.rfc4514_string() if signer else "", bool(roots))


def _decoded(answer: bytes) -> tsp.TimeStampResponse:
    if len(answer) > MOST_BYTES:
        raise StampError(f"a time stamp: expected at most {MOST_BYTES} bytes, got more")
    try:
        decoded = tsp.decode_timestamp_response(answer)
        if decoded.status not in (0, 1):
            raise StampError(f"the authority refused: {decoded.status} {' '.join(decoded.status_string)}")
        decoded.tst_info  # noqa: B018 - raises if there is none
    except ValueError as error:
        raise StampError(f"a time stamp: expected an RFC 3161 answer: {error}") from None
    return decoded


def _certificates(decoded: tsp.TimeStampResponse) -> list[x509.Certificate]:
    try:
        found = [x509.load_der_x509_certificate(each) for each in decoded.signed_data.certificates]
    except (ValueError, x509.InvalidVersion) as error:
        raise StampError(f"the time stamp's certificates cannot be read: {error}") from None
    return found


def _stamps(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return ExtendedKeyUsageOID.TIME_STAMPING in usage
