"""The seal: a detached CMS signature (RFC 5652) that OpenSSL checks as well as we do.

``openssl cms -verify -binary -inform DER -in seal.p7s -content seal.json -CAfile ROOT.pem``

``cryptography`` writes such signatures but does not check them. Ours have one form only (one signer, no attributes,
certificates in DER order): a signature is checked by writing it again from its parts, so that not one of its bytes
can be otherwise, and then by the signer's key. ECDSA is made deterministic (RFC 6979).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from flows.court.identity import Identity, SigningKey

_SIGNED_DATA: Final = bytes.fromhex("06092a864886f70d010702")
_DATA: Final = bytes.fromhex("06092a864886f70d010701")
_SHA256: Final = bytes.fromhex("300d06096086480165030402010500")
_ECDSA_SHA256: Final = bytes.fromhex("300a06082a8648ce3d040302")
_RSA: Final = bytes.fromhex("300d06092a864886f70d0101010500")


class BadSignature(ValueError):
    """A seal that does not hold."""


def sign(content: bytes, identity: Identity) -> bytes:
    """A detached signature, DER."""
    return _form(identity.chain, identity.certificate, sign_raw(content, identity.key))


def check(content: bytes, signature: bytes, chain: Sequence[x509.Certificate]) -> None:
    """Checks a signature by the first of the certificates that came with it.

    Whether anybody vouches for the signer is another question (:func:`flows.court.identity.vouched`).

    Raises:
        BadSignature: If it is not ours in form, not by this signer, or not of this content.
    """
    value = next((v for v in _last_octets(signature) if _form(chain, chain[0], v) == signature), None)
    if value is None:
        raise BadSignature("it is not in the form that a seal by these certificates has")
    try:
        _check_raw(content, value, chain[0])
    except (InvalidSignature, UnsupportedAlgorithm):
        raise BadSignature("it is no signature of this content by this signer") from None


def sign_raw(content: bytes, key: SigningKey) -> bytes:
    """The bare signature with SHA-256: ECDSA as DER, RSA as PKCS #1 v1.5."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(content, padding.PKCS1v15(), SHA256())
    return key.sign(content, ec.ECDSA(SHA256(), deterministic_signing=True))


def _check_raw(content: bytes, value: bytes, signer: x509.Certificate) -> None:
    key = signer.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(value, content, padding.PKCS1v15(), SHA256())
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(value, content, ec.ECDSA(SHA256()))
    else:
        raise BadSignature("its key is neither RSA nor on an elliptic curve")


def _form(held: Sequence[x509.Certificate], signer: x509.Certificate, value: bytes) -> bytes:
    """ContentInfo with SignedData, version 1, and one SignerInfo, version 1 (RFC 5652, 3 and 5.1 to 5.3)."""
    rsa_key = isinstance(signer.public_key(), rsa.RSAPublicKey)
    issuer = signer.issuer.public_bytes() + _integer(signer.serial_number)
    info = _tlv(
        0x30,
        _integer(1),
        _tlv(0x30, issuer),
        _SHA256,
        _RSA if rsa_key else _ECDSA_SHA256,
        _tlv(0x04, value),
    )
    certificates = sorted(c.public_bytes(Encoding.DER) for c in held)
    signed = _tlv(
        0x30, _integer(1), _tlv(0x31, _SHA256), _tlv(0x30, _DATA), _tlv(0xA0, *certificates), _tlv(0x31, info)
    )
    return _tlv(0x30, _SIGNED_DATA, _tlv(0xA0, signed))


def _last_octets(der: bytes) -> Iterator[bytes]:
    """Octet strings with which the structure may end: one signature in some thousands looks like two."""
    for size in (*range(256, 513, 128), *range(64, 112)):
        if der.endswith(_tlv(0x04, der[-size:])):
            yield der[-size:]


def _integer(value: int) -> bytes:
    return _tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _tlv(tag: int, *parts: bytes) -> bytes:
    """Tag, length, value (X.690, 8.1)."""
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + body
