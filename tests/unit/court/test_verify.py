from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from packages import SEALED_AT, identity, material, package, sealing

from flows.court import cms, container
from flows.court.contents import FACTS, MANIFEST, RECORD, SEAL, SIGNATURE
from flows.court.export import export
from flows.court.identity import development_identity
from flows.court.verify import Report, Trust, verify
from flows.evidence.package import sha256

NOW = SEALED_AT + timedelta(hours=1)


def files() -> dict[str, bytes]:
    return dict(container.read(package()).files)


def check(changed: dict[str, bytes], **options: Any) -> Report:
    """Of a container that is right in itself."""
    return verify(container.write(changed), now=NOW, **options)


def told(report: Report) -> set[str]:
    return {fault.file for fault in report.faults}


def test_a_whole_package_is_good_and_says_what_a_court_should_know() -> None:
    report = verify(package(), now=NOW)
    assert (report.verdict, report.faults) == ("good", [])
    assert report.checked == report.files == len(files())
    assert report.claims == 5
    assert report.facts is not None
    assert report.facts.completeness.complete
    text = " ".join(report.warnings)
    for known in ("development", "vouch", "no time stamp", "counsel"):
        assert known in text
    assert "survey" not in text


def test_a_trusted_root_vouches_and_a_stranger_does_not(tmp_path: Path) -> None:
    good = verify(package(), Trust(roots=identity().chain[1:]), NOW)
    assert good.verdict == "good"
    assert not any("vouch" in w for w in good.warnings)
    other = development_identity(tmp_path / "c", SEALED_AT)
    assert verify(package(), Trust(roots=other.chain[1:]), NOW).verdict == "broken"


@pytest.mark.parametrize("name", sorted(files()))
def test_one_changed_byte_in_any_file_is_found_and_the_file_named(name: str) -> None:
    """The container is made right again: its CRC-32 is not what finds it."""
    rng = random.Random(name)
    data = files()[name]
    for at in {0, len(data) - 1, rng.randrange(len(data))}:
        changed = bytearray(data)
        changed[at] ^= 1 << rng.randrange(8)
        report = check(files() | {name: bytes(changed)})
        assert report.verdict == "broken"
        assert name in told(report), (at, report.faults)


@pytest.mark.slow
def test_dozens_of_random_bytes_of_the_zip_are_each_found() -> None:
    rng, made = random.Random(11), package()
    for _ in range(40):
        changed = bytearray(made)
        changed[rng.randrange(len(made))] ^= rng.randrange(1, 256)
        try:
            assert verify(bytes(changed), now=NOW).verdict == "broken"
        except container.NotAPackage:
            pytest.fail("one byte must not make it unreadable")


@pytest.mark.parametrize("name", sorted(files()))
def test_a_file_that_is_missing_is_named(name: str) -> None:
    changed = files()
    del changed[name]
    if name in (MANIFEST, SEAL):
        assert name in told(check(changed))
    else:
        assert name in told(check(changed)) | {"" if name != "certificates.pem" else name}


def test_a_file_that_nobody_named_is_told() -> None:
    assert "extra.txt" in told(check(files() | {"extra.txt": b"x"}))


def forged(edit: Callable[[dict[str, bytes]], None], reseal: bool = True) -> dict[str, bytes]:
    """Files changed by somebody who also writes the manifest and the seal again, with the same key."""
    changed = files()
    edit(changed)
    manifest = json.loads(changed[MANIFEST])
    for entry in manifest["files"]:
        entry |= {"sha256": sha256(changed[entry["name"]]), "size": len(changed[entry["name"]])}
    changed[MANIFEST] = json.dumps(manifest).encode()
    seal = json.loads(changed[SEAL])
    seal["manifest_sha256"] = sha256(changed[MANIFEST])
    for entry in seal["files"]:
        entry |= {"sha256": sha256(changed[entry["name"]]), "size": len(changed[entry["name"]])}
    changed[SEAL] = json.dumps(seal).encode()
    if reseal:
        changed[SIGNATURE] = cms.sign(changed[SEAL], identity())
    return changed


def replaced(name: str, old: bytes, new: bytes) -> Callable[[dict[str, bytes]], None]:
    def edit(changed: dict[str, bytes]) -> None:
        assert old in changed[name]
        changed[name] = changed[name].replace(old, new)

    return edit


def test_who_writes_every_hash_again_still_lacks_the_key() -> None:
    changed = forged(replaced(FACTS, b"82.0", b"92.0"), reseal=False)
    assert {SEAL, SIGNATURE} <= told(check(changed))


@pytest.mark.slow
def test_who_seals_with_another_key_shows_another_certificate(tmp_path: Path) -> None:
    stranger = development_identity(tmp_path / "c", SEALED_AT)
    made = export(material(), sealing(identity=stranger))
    assert verify(made, Trust(roots=identity().chain[1:]), NOW).verdict == "broken"
    assert verify(made, now=NOW).signer_sha256 != verify(package(), now=NOW).signer_sha256


def test_even_with_the_key_an_original_is_bound_to_what_the_camera_hashed() -> None:
    def edit(changed: dict[str, bytes]) -> None:
        changed["captured/cam-1/first.jpg"] = changed["captured/cam-1/last.jpg"]

    names = told(check(forged(edit)))
    assert "captured/cam-1/first.jpg" in names
    assert "signed/cam-1/first.jpg" in names


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (RECORD, b'"state":"confirmed"', b'"state":"rejected"'),
        ("captured/cam-1/manifest.json", b'"alatau"', b'"almaly"'),
        ("frames/cam-1.csv", b"\r\n2,", b"\r\n3,"),
    ],
)
def test_even_with_the_key_records_manifests_and_frames_must_agree(name: str, old: bytes, new: bytes) -> None:
    assert name in told(check(forged(replaced(name, old, new))))


def test_a_decision_taken_out_of_the_record_is_found() -> None:
    def edit(changed: dict[str, bytes]) -> None:
        changed[RECORD] = b"".join(changed[RECORD].splitlines(keepends=True)[:-1])

    assert RECORD in told(check(forged(edit)))


def test_a_survey_that_has_expired_since_is_a_warning() -> None:
    report = verify(package(), now=NOW + timedelta(days=60))
    assert report.verdict == "good"
    assert any("has expired since" in w for w in report.warnings)


def test_a_certificate_that_has_expired_since_is_a_warning() -> None:
    report = verify(package(), now=identity().certificate.not_valid_after_utc + timedelta(days=1))
    assert report.verdict == "good"
    assert any("valid no more" in w for w in report.warnings)


def test_what_is_no_package_is_said_to_be_none() -> None:
    for data in (b"", b"%PDF-1.7", container.write({"a.txt": b"x"}), package()[:20]):
        with pytest.raises(container.NotAPackage):
            verify(data)


@pytest.mark.slow
def test_hostile_statements_are_faults_never_errors() -> None:
    deep = b'{"a":' * 50_000 + b"1" + b"}" * 50_000
    for name in (MANIFEST, SEAL, FACTS, RECORD, "captured/cam-1/manifest.json", "frames/cam-1.csv"):
        for data in (deep, b"\xff\xfe", b"null", b"[]", b'{"format":"dome.package/1"}', b"9" * 5000):
            assert check(files() | {name: data}).verdict == "broken"
            if name not in (MANIFEST, SEAL):
                assert (
                    check(forged(lambda changed, n=name, d=data: changed.update({n: d}))).verdict == "broken"
                )


def test_signed_copies_that_are_no_media_are_faults() -> None:
    for name in ("signed/cam-1/first.jpg", "signed/cam-1/clip.mp4"):
        for data in (b"", b"\xff\xd8\xff", b"\0\0\0\1mdat" + b"\xff" * 8, files()[name][:500]):
            assert name in told(check(forged(lambda changed, n=name, d=data: changed.update({n: d}))))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
def test_damaged_certificates_are_faults_never_errors() -> None:
    rng, pem = random.Random(5), files()["certificates.pem"]
    for _ in range(25):
        changed = bytearray(pem)
        changed[rng.randrange(len(pem))] = rng.choice(b"ABCxyz019+/=-\n")
        report = check(files() | {"certificates.pem": bytes(changed)})
        assert report.verdict == "broken" or bytes(changed) == pem


def test_a_seal_is_by_its_own_clock_and_says_so() -> None:
    assert verify(package(), now=NOW).sealed_at == SEALED_AT
