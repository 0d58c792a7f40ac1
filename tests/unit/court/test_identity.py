from __future__ import annotations

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from packages import SEALED_AT, identity

from flows.court import cms
from flows.court.identity import (
    Identity,
    development_identity,
    identity_of,
    is_development,
    read_identity,
    vouched,
)
from flows.domain.errors import FieldError
from flows.settings import Settings

NOW = datetime.now(UTC)


def self_signed(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "somebody")])
    return (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(77).not_valid_before(NOW - timedelta(days=1)).not_valid_after(NOW + timedelta(days=1))
        .sign(key, SHA256())
    )  # fmt: skip


def test_the_certificate_for_development_is_made_once_kept_private_and_says_what_it_is(
    tmp_path: Path,
) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: development_identity(tmp_path / "c"), range(4)))
    assert len({each.pem for each in made}) == 1
    assert (tmp_path / "c" / "signer.key").stat().st_mode & 0o077 == 0
    assert is_development(made[0].certificate)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c"]


def test_a_configured_certificate_is_used_and_halves_or_mismatches_are_named(tmp_path: Path) -> None:
    key, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "c.pem").write_bytes(self_signed(key).public_bytes(Encoding.PEM))
    for name, each in (("k", key), ("other", other), ("ed", ed25519.Ed25519PrivateKey.generate())):
        pem = each.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[attr-defined]
        (tmp_path / name).write_bytes(pem)
    env = {"DOME_HOME": str(tmp_path), "DOME_C2PA_CERT": str(tmp_path / "c.pem")}
    found = identity_of(Settings.from_env(env | {"DOME_C2PA_KEY": str(tmp_path / "k")}))
    assert found.certificate.serial_number == 77
    assert not is_development(found.certificate)
    for changes, field in (
        ({}, "DOME_C2PA_KEY"),
        ({"DOME_C2PA_KEY": str(tmp_path / "other")}, "DOME_C2PA_KEY"),
        ({"DOME_C2PA_KEY": str(tmp_path / "ed")}, "P-256"),
        ({"DOME_C2PA_KEY": str(tmp_path / "nothing")}, "can be read"),
        ({"DOME_C2PA_KEY": str(tmp_path / "k"), "DOME_C2PA_CERT": str(tmp_path / "k")}, "DOME_C2PA_CERT"),
    ):
        with pytest.raises(FieldError, match=field):
            identity_of(Settings.from_env(env | changes))


def test_a_chain_is_vouched_for_by_its_root_at_the_time_and_by_nobody_else(tmp_path: Path) -> None:
    mine, stranger = identity(), development_identity(tmp_path / "c", SEALED_AT)
    root = mine.chain[1]
    assert vouched(mine.chain, [root], SEALED_AT) == ""
    assert "no trusted certificate" in vouched(mine.chain, [stranger.chain[1]], SEALED_AT)
    assert "not valid" in vouched(mine.chain, [root], SEALED_AT + timedelta(days=9999))
    leaf_as_issuer = (stranger.certificate, mine.certificate)
    assert vouched(leaf_as_issuer, [root], SEALED_AT) != ""


@pytest.fixture(params=["p256", "p384", "rsa"])
def signer(request: pytest.FixtureRequest) -> Identity:
    if request.param == "rsa":
        key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = rsa.generate_private_key(65537, 2048)
    else:
        key = ec.generate_private_key(ec.SECP256R1() if request.param == "p256" else ec.SECP384R1())
    return Identity(key, (self_signed(key),))


def test_a_seal_holds_for_its_content_and_its_signer_only(signer: Identity) -> None:
    seal = cms.sign(b"content", signer)
    assert seal == cms.sign(b"content", signer)
    cms.check(b"content", seal, signer.chain)
    with pytest.raises(cms.BadSignature):
        cms.check(b"other", seal, signer.chain)
    with pytest.raises(cms.BadSignature):
        cms.check(b"content", seal, identity().chain)
    with pytest.raises(cms.BadSignature):
        cms.check(b"content", b"", signer.chain)


@pytest.mark.parametrize(("curve", "content"), [(ec.SECP256R1(), b"22875"), (ec.SECP384R1(), b"385")])
def test_a_seal_holds_whose_signature_seems_to_begin_anew_within(
    curve: ec.EllipticCurve, content: bytes
) -> None:
    key = ec.derive_private_key(20260914, curve)
    value, chain = cms.sign_raw(content, key), (self_signed(key),)
    assert any(value[at] == 4 and value[at + 1] == len(value) - at - 2 for at in range(len(value) - 1))
    cms.check(content, cms.sign(content, Identity(key, chain)), chain)


def test_no_byte_of_a_seal_can_be_otherwise() -> None:
    seal = cms.sign(b"content", identity())
    for at in range(len(seal)):
        changed = bytearray(seal)
        changed[at] ^= 1
        with pytest.raises(cms.BadSignature):
            cms.check(b"content", bytes(changed), identity().chain)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
def test_openssl_checks_a_seal_as_the_protocol_says(tmp_path: Path, signer: Identity) -> None:
    (tmp_path / "seal.p7s").write_bytes(cms.sign(b"content", signer))
    (tmp_path / "seal.json").write_bytes(b"content")
    (tmp_path / "root.pem").write_bytes(signer.pem)
    command = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "seal.p7s", "-content", "seal.json",
               "-CAfile", "root.pem", "-purpose", "any"]  # fmt: skip
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 0
    (tmp_path / "seal.json").write_bytes(b"c0ntent")
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode != 0


def test_read_identity_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FieldError, match="DOME_C2PA_CERT"):
        read_identity(tmp_path / "a", tmp_path / "b")
