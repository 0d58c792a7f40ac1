"""Who signs: a certificate from the configuration, or one for development that is made on first use."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from flows.domain.errors import FieldError
from flows.ownfile import write_own
from flows.settings import Settings

DEVELOPMENT: Final = "Digital Dome development, not for court"
"""Organisation in the development certificate: whoever looks at a signature sees it."""
_LIFE: Final = timedelta(days=3 * 365)
_MOST_CERTIFICATES: Final = 10

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Identity:
    """A key and the certificates that vouch for it.

    Attributes:
        key: ECDSA on P-256 or P-384, or RSA of 2048 bits or more.
        chain: Its certificate, then that of each issuer in turn.
    """

    key: SigningKey
    chain: tuple[x509.Certificate, ...]

    @property
    def certificate(self) -> x509.Certificate:
        """The signer's own."""
        return self.chain[0]

    @cached_property
    def pem(self) -> bytes:
        """The chain as PEM, the signer's own first."""
        return b"".join(c.public_bytes(Encoding.PEM) for c in self.chain)


def identity_of(settings: Settings) -> Identity:
    """The configured identity, or the one for development below ``DOME_HOME``, which is made if need be.

    Raises:
        FieldError: If the configured files are no certificate and its key.
    """
    cert, key = settings.c2pa_cert, settings.c2pa_key
    if cert is None and key is None:
        return development_identity(settings.home / "certificates")
    if cert is None or key is None:
        missing = "DOME_C2PA_CERT" if cert is None else "DOME_C2PA_KEY"
        raise FieldError(missing, "a path, as its other half has one", "nothing", "give both or neither")
    return read_identity(cert, key)


def read_identity(cert: Path, key: Path) -> Identity:
    """Reads a certificate chain and its key.

    Raises:
        FieldError: If either cannot be read, or they do not belong together.
    """
    chain = read_certificates("DOME_C2PA_CERT", cert)
    try:
        private = load_pem_private_key(_bytes("DOME_C2PA_KEY", key), None)
    except (ValueError, TypeError) as error:
        raise FieldError("DOME_C2PA_KEY", "an unencrypted private key in PEM", str(key), str(error)) from None
    if not isinstance(private, SigningKey) or not _strong(private):
        raise FieldError("DOME_C2PA_KEY", "a key on P-256 or P-384, or RSA of 2048 bits or more", str(key))
    if private.public_key() != chain[0].public_key():
        raise FieldError("DOME_C2PA_KEY", f"the key of the first certificate in {cert}", f"another in {key}")
    return Identity(private, chain)


def read_certificates(field: str, path: Path) -> tuple[x509.Certificate, ...]:
    """Certificates of a PEM file, at least one.

    Raises:
        FieldError: If there are none.
    """
    try:
        return tuple(x509.load_pem_x509_certificates(_bytes(field, path)))
    except ValueError as error:
        raise FieldError(field, "certificates in PEM", str(path), str(error)) from None


def development_identity(folder: Path, now: datetime | None = None) -> Identity:
    """The identity kept in a folder; made there if there is none. Two processes at once agree on one."""
    if not folder.is_dir():
        part = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
        part.mkdir(parents=True, mode=0o700)
        try:
            _write(part, _make(now or datetime.now(UTC)))
            with contextlib.suppress(OSError):  # another process was first: its identity holds
                part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return read_identity(folder / "signer.pem", folder / "signer.key")


def is_development(certificate: x509.Certificate) -> bool:
    """Whether it says of itself that it is for development."""
    names = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return any(name.value == DEVELOPMENT for name in names)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate, hexadecimal: what a court compares with what the authority has published."""
    return certificate.fingerprint(SHA256()).hex()


def vouched(chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], at: datetime) -> str:
    """Why a chain's first certificate is not vouched for by any of the roots at a time; empty if it is."""
    known = {fingerprint(root) for root in roots}
    current, pool = chain[0], [*chain[1:], *roots]
    for _ in range(_MOST_CERTIFICATES):
        if not current.not_valid_before_utc <= at <= current.not_valid_after_utc:
            return (
                f"the certificate of {subject(current)} was not valid at {at.isoformat(timespec='seconds')}"
            )
        if fingerprint(current) in known:
            return ""
        issuer = next((c for c in pool if _is_ca(c) and _issued(current, c)), None)
        if issuer is None or issuer == current:
            return f"no trusted certificate vouches for {subject(current)}"
        current = issuer
    return "its chain of certificates is too long"


def subject(certificate: x509.Certificate) -> str:
    """Its subject as text."""
    return certificate.subject.rfc4514_string()


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _strong(key: SigningKey) -> bool:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.key_size >= 2048
    return isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1)


def _make(now: datetime) -> Identity:
    """A root and a signer, as C2PA 2.2 (14.5.1) asks of certificates: a signer is never its own issuer."""
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _certificate("root", root_key, "root", root_key, now, ca=True)
    return Identity(key, (_certificate("signer", key, "root", root_key, now, ca=False), root))


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    by: ec.EllipticCurvePrivateKey,
    now: datetime,
    ca: bool,
) -> x509.Certificate:
    begins = now - timedelta(hours=1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + _LIFE)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(_usage(ca), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )
    if not ca:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(usage, critical=False)
    return builder.sign(by, SHA256())


def _usage(ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _named(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, DEVELOPMENT),
            x509.NameAttribute(NameOID.COMMON_NAME, f"development {name}"),
        ]
    )


def _write(folder: Path, made: Identity) -> None:
    private = made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_own(folder / "signer.key", private)
    (folder / "signer.pem").write_bytes(made.pem)
    (folder / "root.pem").write_bytes(made.chain[-1].public_bytes(Encoding.PEM))


def _bytes(field: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FieldError(field, "a file that can be read", str(path), error.strerror or str(error)) from None
