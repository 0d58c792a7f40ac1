"""An RTSP camera that a test kills, freezes and brings back; see ``rtsp_server.py``."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PYTHON = "/usr/bin/python3"
SCRIPT = Path(__file__).parent / "rtsp_server.py"
NEEDED = (
    "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import Gst, GstRtspServer; "
    "Gst.init(None); missing = [e for e in ('x264enc', 'qtdemux', 'h264parse', 'rtph264pay') "
    "if not Gst.ElementFactory.find(e)]; assert not missing, missing"
)


def _absent() -> str:
    if not Path(PYTHON).exists():
        return f"no {PYTHON}"
    tried = subprocess.run([PYTHON, "-c", NEEDED], capture_output=True, text=True, timeout=60, check=False)
    return "" if tried.returncode == 0 else tried.stderr.strip().splitlines()[-1]


class RtspCamera:
    """An RTSP server process that keeps its port."""

    def __init__(self) -> None:
        self.port = 0
        self._process: subprocess.Popen[str] | None = None

    def start(self, *, size: str = "320x240", file: Path | None = None) -> None:
        command = [PYTHON, str(SCRIPT), "--port", str(self.port), "--size", size]
        command += ["--file", str(file)] if file is not None else []
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def send(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)


@contextmanager
def rtsp_camera() -> Iterator[RtspCamera]:
    """A camera that is not started yet; skips the test where the server cannot run."""
    if reason := _absent():
        pytest.skip(f"needs gir1.2-gst-rtsp-server-1.0 and GStreamer's good, bad and ugly plugins: {reason}")
    camera = RtspCamera()
    try:
        yield camera
    finally:
        camera.kill()
