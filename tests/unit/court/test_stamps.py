"""A time-stamp authority of our own: ``openssl ts`` behind a little HTTP server."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from packages import SEALED_AT, identity, material, sealing

from flows.court import container
from flows.court.contents import AUTHORITY, MANIFEST, STAMP
from flows.court.export import export
from flows.court.stamps import StampError, check_stamp, request_stamp
from flows.court.verify import Trust, verify
from flows.domain.errors import FieldError

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")

CONFIG = """[tsa]
default_tsa = t
[t]
serial = serial
signer_cert = tsa.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
"""


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tsa")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl(
        folder,
        "req",
        "-x509",
        *key,
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
        "-days",
        "30",
        "-subj",
        "/CN=Root",
    )
    openssl(folder, "req", *key, "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=Test authority")
    (folder / "ext").write_text(
        "extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n"
    )
    openssl(folder, "x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-extfile", "ext", "-days", "20", "-out", "tsa.pem")  # fmt: skip
    (folder / "serial").write_text("01\n")
    (folder / "tsa.cnf").write_text(CONFIG)
    return folder


@pytest.fixture
def url(authority: Path) -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            (authority / "q.tsq").write_bytes(query)
            openssl(authority, "ts", "-reply", "-queryfile", "q.tsq", "-config", "tsa.cnf", "-out", "r.tsr")
            body = {"/refuse": b"\x30\x05\x30\x03\x02\x01\x02", "/junk": b"hello"}.get(
                self.path, (authority / "r.tsr").read_bytes()
            )
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def roots(authority: Path) -> tuple[x509.Certificate, ...]:
    return tuple(x509.load_pem_x509_certificates((authority / "ca.pem").read_bytes()))


def test_a_stamp_is_of_its_content_by_its_authority_only(authority: Path, url: str) -> None:
    answer = request_stamp(url, b"content")
    stamp = check_stamp(b"content", answer, roots(authority))
    assert (stamp.authority, stamp.checked) == ("CN=Test authority", True)
    assert not check_stamp(b"content", answer, ()).checked
    with pytest.raises(StampError, match="something else"):
        check_stamp(b"other", answer, roots(authority))
    with pytest.raises(StampError, match="does not hold"):
        check_stamp(b"content", answer, identity().chain[1:])


@pytest.mark.parametrize("path", ["/refuse", "/junk"])
def test_an_authority_that_refuses_or_talks_nonsense_is_told(url: str, path: str) -> None:
    with pytest.raises(StampError):
        request_stamp(url + path, b"content")


def test_an_authority_that_is_away_or_no_address_is_told() -> None:
    with pytest.raises(StampError, match="no time stamp"):
        request_stamp("http://127.0.0.1:9/", b"x")
    with pytest.raises(FieldError, match="DOME_TSA_URL"):
        request_stamp("file:///etc/passwd", b"x")


@pytest.mark.slow
def test_a_stamped_package_says_when_it_surely_existed(authority: Path, url: str, tmp_path: Path) -> None:
    root = (authority / "ca.pem").read_bytes()
    made = export(material(), sealing(stamp=lambda data: request_stamp(url, data), authority=root))
    report = verify(made, Trust(authorities=roots(authority)), SEALED_AT)
    assert report.verdict == "good"
    assert report.authority == "CN=Test authority"
    assert report.stamped_at is not None
    assert not any("stamp" in w for w in report.warnings)
    assert any("came with the package" in w for w in verify(made, now=SEALED_AT).warnings)
    held = dict(container.read(made).files)
    for name in (STAMP, MANIFEST):
        (tmp_path / name).write_bytes(held[name])
    (tmp_path / AUTHORITY).write_bytes(held[AUTHORITY])
    openssl(tmp_path, "ts", "-verify", "-data", MANIFEST, "-in", STAMP, "-CAfile", AUTHORITY)
    stranger = verify(made, Trust(authorities=identity().chain[1:]), SEALED_AT)
    assert STAMP in {fault.file for fault in stranger.faults}
